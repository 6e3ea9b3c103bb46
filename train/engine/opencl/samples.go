package opencl

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// span returns how many floats a sample has as it is stored.
func span(t *engine.Tensor) int { return floats(t) / t.Shape[0] }

// ofSamples launches a kernel over chunks of samples, or of batches of them.
func (d *device) ofSamples(name string, t *engine.Tensor, count int, args ...arg) {
	d.launch(name, t.Layout, [3]int{d.chunks(span(t)), count, 1}, args...)
}

func (d *device) ScaleSamples(y, x, s *engine.Tensor) {
	d.check.ScaleSamples(y, x, s)
	d.ofSamples("scale_samples", x, x.Shape[0], mem(y), mem(x), mem(s), num(s.Shape.Len()), num(span(x)))
}

func (d *device) Gather(y, x, index *engine.Tensor) {
	d.check.Gather(y, x, index)
	d.ofSamples("gather", y, y.Shape[0], mem(y), mem(x), mem(index), num(span(y)))
}

func (d *device) GatherGrad(dx, dy, index *engine.Tensor) {
	d.check.GatherGrad(dx, dy, index)
	d.ofSamples("gather_grad", dx, dx.Shape[0], mem(dx), mem(dy), mem(index), num(span(dx)), num(dy.Shape[0]))
}

func (d *device) Impute(y, x, mask *engine.Tensor) {
	d.check.Impute(y, x, mask)
	d.ofSamples("impute", x, mask.Shape[0], mem(y), mem(x), mem(mask), num(mask.Shape[1]), num(span(x)))
}

func (d *device) ImputeGrad(dx, dy, mask *engine.Tensor) {
	d.check.ImputeGrad(dx, dy, mask)
	d.ofSamples("impute_grad", dx, mask.Shape[0], mem(dx), mem(dy), mem(mask), num(mask.Shape[1]), num(span(dx)))
}

// planes returns how a sum over a sample is cut: parts of planes, planes, and
// the floats and channels of a plane's tensor. A plain sample is one plane.
func (d *device) planes(t *engine.Tensor) (parts, planes, size, channels int) {
	planes, channels = 1, 1
	if t.Layout == tensor.Blocked {
		channels = t.Shape[1]
		planes = tensor.Blocks(channels)
	}
	size = span(t) / planes
	return over(size, d.slice()*tensor.Lanes), planes, size, channels
}

func (d *device) DotSamples(out, a, b *engine.Tensor) {
	d.check.DotSamples(out, a, b)
	parts, planes, size, channels := d.planes(a)
	n := a.Shape[0]
	part := d.scratch(n * planes * parts)
	d.launch("part_dots", a.Layout, [3]int{parts, planes, n}, buf(part), mem(a), mem(b), num(size), num(channels))
	d.sumParts(out, part, nil, planes*parts, 1)
	d.give(part)
}

// sumParts writes factor times the sum of count parts to each value of y, 0
// where coef is there and 0.
func (d *device) sumParts(y *engine.Tensor, part *buffer, coef *engine.Tensor, count int, factor float32) {
	d.launch("sum_parts", tensor.Plain, [3]int{y.Shape.Len(), 1, 1}, mem(y), buf(part), mem(coef), num(count), real(factor))
}

// elements returns 1 over the number of values of a sample.
func perElement(f *engine.Tensor) float32 { return 1 / float32(f.Shape[1:].Len()) }

func (d *device) Distances(dist, f, coef *engine.Tensor, p int) {
	d.check.Distances(dist, f, coef, p)
	parts, planes, size, channels := d.planes(f)
	pairs := coef.Shape.Len()
	part := d.scratch(pairs * planes * parts)
	d.launch("part_distances", f.Layout, [3]int{parts, planes, pairs},
		buf(part), mem(f), mem(coef), num(coef.Shape[1]), num(p), num(size), num(channels))
	d.sumParts(dist, part, coef, planes*parts, perElement(f))
	d.give(part)
}

func (d *device) DistancesGrad(df, f, coef *engine.Tensor, p int) {
	d.check.DistancesGrad(df, f, coef, p)
	d.ofSamples("distances_grad", f, f.Shape[0], mem(df), mem(f), mem(coef), num(coef.Shape[1]), num(p), real(perElement(f)), num(span(f)))
}
