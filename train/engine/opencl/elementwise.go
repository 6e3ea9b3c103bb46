package opencl

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// floats returns how many floats t has as it is stored.
func floats(t *engine.Tensor) int { return tensor.Floats(t.Shape, t.Layout) }

// each launches an elementwise kernel over all of t.
func (d *device) each(name string, t *engine.Tensor, args ...arg) {
	d.launch(name, t.Layout, [3]int{d.chunks(floats(t)), 1, 1}, args...)
}

// chunks returns how many groups of an elementwise kernel n floats take.
func (d *device) chunks(n int) int {
	if d.forCPU {
		return over(n, cpuChunk)
	}
	return over(n, gpuGroup*gpuVector)
}

func (d *device) Fill(y *engine.Tensor, v float32) {
	d.each("fill", y, mem(y), real(v), num(floats(y)))
}

func (d *device) Copy(y, x *engine.Tensor) {
	d.check.Copy(y, x)
	switch {
	case y == x:
	case y.Layout == x.Layout:
		d.each("copy", y, mem(y), mem(x), num(floats(y)))
	case y.Layout == tensor.Blocked:
		d.toBlocked(y, bufferOf(x))
	default:
		d.toPlain(bufferOf(y), x)
	}
}

// toBlocked writes y from plain values.
func (d *device) toBlocked(y *engine.Tensor, plain *buffer) {
	d.launch("to_blocked", tensor.Blocked, d.slices(y), mem(y), buf(plain), num(y.Shape[1]), num(y.Shape.Voxels()))
}

// toPlain is its inverse.
func (d *device) toPlain(plain *buffer, x *engine.Tensor) {
	d.launch("to_plain", tensor.Blocked, d.slices(x), buf(plain), mem(x), num(x.Shape[1]), num(x.Shape.Voxels()))
}

func (d *device) Axpby(y *engine.Tensor, a float32, x *engine.Tensor, b float32) {
	d.check.Axpby(y, a, x, b)
	if b == 0 {
		d.each("scale", y, mem(y), real(a), mem(x), num(floats(y)))
		return
	}
	d.each("axpby", y, mem(y), real(a), mem(x), real(b), num(floats(y)))
}

func (d *device) Add(z, x, y *engine.Tensor) {
	d.check.Add(z, x, y)
	d.each("add", z, mem(z), mem(x), mem(y), num(floats(z)))
}

func (d *device) Mul(z, x, y *engine.Tensor) {
	d.check.Mul(z, x, y)
	d.each("mul", z, mem(z), mem(x), mem(y), num(floats(z)))
}

func (d *device) Map(f engine.Func, y, x *engine.Tensor) {
	d.check.Map(f, y, x)
	n := num(floats(y))
	switch f.Kind {
	case engine.Sigmoid:
		d.each("sigmoid", y, mem(y), mem(x), n)
	case engine.GELU:
		d.each("gelu", y, mem(y), mem(x), n)
	default:
		d.each("leaky", y, mem(y), mem(x), real(f.A), n)
	}
}

func (d *device) MapGrad(f engine.Func, dx, dy, x, y *engine.Tensor) {
	d.check.MapGrad(f, dx, dy, x, y)
	n := num(floats(dx))
	switch f.Kind {
	case engine.Sigmoid:
		d.each("sigmoid_grad", dx, mem(dx), mem(dy), mem(x), n)
	case engine.GELU:
		d.each("gelu_grad", dx, mem(dx), mem(dy), mem(x), n)
	default:
		d.each("leaky_grad", dx, mem(dx), mem(dy), mem(x), real(f.A), n)
	}
}

func (d *device) Dropout(y, x *engine.Tensor, p float32, seed uint64) {
	d.check.Dropout(y, x, p, seed)
	d.each("dropout", y, mem(y), mem(x), real(1/(1-p)), natural(engine.Threshold(p)),
		natural(uint32(seed)), natural(uint32(seed>>32)), num(floats(y)))
}
