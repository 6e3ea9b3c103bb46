package opencl

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

func (d *device) CrossEntropy(loss, dx, x, t *engine.Tensor, scale float32) {
	d.check.CrossEntropy(loss, dx, x, t, scale)
	r, columns := matrix(x)
	d.launch("cross_entropy", tensor.Plain, d.batches(r), mem(loss), mem(dx), mem(x), mem(t), real(scale), num(r), num(columns))
}

func (d *device) Regions(sums, x, t *engine.Tensor) {
	d.check.Regions(sums, x, t)
	voxels, planes := x.Shape.Voxels(), x.Shape[0]*x.Shape[1]
	slices := over(voxels, d.slice()*tensor.Lanes)
	part := d.scratch(planes * slices * 4)
	d.launch("regions", tensor.Plain, [3]int{slices, planes, 1}, buf(part), mem(x), mem(t), num(voxels))
	d.launch("region_sums", tensor.Plain, [3]int{planes, 1, 1}, mem(sums), buf(part), num(slices))
	d.give(part)
}

func (d *device) RegionsGrad(dx, x, t, coef *engine.Tensor) {
	d.check.RegionsGrad(dx, x, t, coef)
	voxels := x.Shape.Voxels()
	d.launch("regions_grad", tensor.Plain, [3]int{d.chunks(voxels), x.Shape[0] * x.Shape[1], 1}, mem(dx), mem(x), mem(t), mem(coef), num(voxels))
}

func (d *device) SGD(p, v, g *engine.Tensor, o engine.SGDSpec) {
	d.check.SGD(p, v, g, o)
	d.each("sgd", p, mem(p), mem(v), mem(g), real(o.LR), real(o.Momentum), real(o.Decay), yes(o.Nesterov), num(floats(p)))
}

func (d *device) Adam(p, m, v, g *engine.Tensor, o engine.AdamSpec) {
	d.check.Adam(p, m, v, g, o)
	lr, scale := o.Corrected()
	decay := o.Decay
	if o.Decoupled {
		decay *= o.LR
	}
	rest1, rest2 := float32(1-float64(o.Beta1)), float32(1-float64(o.Beta2))
	d.each("adam", p, mem(p), mem(m), mem(v), mem(g), real(lr), real(scale), real(o.Beta1), real(o.Beta2), real(rest1), real(rest2),
		real(o.Eps), real(decay), yes(o.Decoupled), num(floats(p)))
}
