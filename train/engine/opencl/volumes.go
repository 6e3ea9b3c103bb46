package opencl

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// slices returns the groups of a kernel that takes each block by itself: slices
// of voxels, blocks, samples.
func (d *device) slices(t *engine.Tensor) [3]int {
	return [3]int{over(t.Shape.Voxels(), d.slice()), tensor.Blocks(t.Shape[1]), t.Shape[0]}
}

// rows returns the groups of a kernel that has a row of t each.
func rows(t *engine.Tensor) [3]int {
	planes := t.Shape[1]
	if t.Layout == tensor.Blocked {
		planes = tensor.Blocks(planes)
	}
	return [3]int{t.Shape[2] * t.Shape[3], planes, t.Shape[0]}
}

// A part of a sum over voxels has three vectors of 16 channels.
const partFloats = 3 * tensor.Lanes

// shared returns how statistics are shared: how many samples have each, and of
// how many there are.
func shared(x *engine.Tensor, per engine.Per) (samples, stats int) {
	if per == engine.Batch {
		return x.Shape[0], 1
	}
	return 1, x.Shape[0]
}

func (d *device) Norm(y, stats, x, gamma, beta, res *engine.Tensor, s engine.NormSpec) {
	d.check.Norm(y, stats, x, gamma, beta, res, s)
	groups, voxels, channels := d.slices(x), num(x.Shape.Voxels()), num(x.Shape[1])
	if !s.Frozen {
		part := d.scratch(volume(groups) * partFloats)
		d.launch("slice_moments", tensor.Blocked, groups, buf(part), mem(x), voxels)
		samples, n := shared(x, s.Per)
		d.launch("norm_stats", tensor.Blocked, [3]int{groups[1], n, 1},
			mem(stats), buf(part), num(samples), num(groups[0]), voxels, channels, real(s.Eps))
		d.give(part)
	}
	d.launch("norm", tensor.Blocked, groups, mem(y), mem(stats), mem(x), mem(gamma), mem(beta), mem(res),
		yes(s.Per == engine.Instance), voxels, channels, real(s.Slope))
}

func (d *device) NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma *engine.Tensor, s engine.NormSpec) {
	d.check.NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma, s)
	groups, voxels, channels := d.slices(x), num(x.Shape.Voxels()), num(x.Shape[1])
	perSample, slope := yes(s.Per == engine.Instance), real(s.Slope)
	samples, n := shared(x, s.Per)
	sums := arg{size: buf(&buffer{}).size} // nil
	var scratch *buffer
	if !s.Frozen || dgamma != nil {
		part := d.scratch(volume(groups) * partFloats)
		scratch = d.scratch(groups[1] * n * partFloats)
		d.launch("slice_grads", tensor.Blocked, groups, buf(part), mem(dy), mem(y), mem(x), mem(stats), perSample, voxels, channels, slope)
		d.launch("norm_sums", tensor.Blocked, [3]int{groups[1], n, 1}, buf(scratch), buf(part), num(samples), num(groups[0]))
		d.give(part)
	}
	if dgamma != nil {
		d.launch("norm_params", tensor.Blocked, [3]int{groups[1], 1, 1}, mem(dgamma), mem(dbeta), buf(scratch), num(n), channels)
	}
	if !s.Frozen {
		sums = buf(scratch)
	}
	d.launch("norm_grad", tensor.Blocked, groups, mem(dx), mem(dres), mem(dy), mem(y), mem(x), mem(stats), mem(gamma), sums,
		perSample, voxels, channels, slope, real(float32(samples*x.Shape.Voxels())))
	if scratch != nil {
		d.give(scratch)
	}
}

// sumChannels writes factor times the sums of channels over voxels and so many
// samples together.
func (d *device) sumChannels(y, x *engine.Tensor, samples int, factor float32) {
	groups := d.slices(x)
	part := d.scratch(volume(groups) * partFloats)
	d.launch("slice_sums", tensor.Blocked, groups, buf(part), mem(x), num(x.Shape.Voxels()))
	d.launch("channel_sums", tensor.Blocked, [3]int{groups[1], groups[2] / samples, 1},
		mem(y), buf(part), num(samples), num(groups[0]), num(x.Shape[1]), real(factor))
	d.give(part)
}

func (d *device) Running(running, stats *engine.Tensor, momentum, eps float32, count int) {
	d.check.Running(running, stats, momentum, eps, count)
	d.launch("running", tensor.Plain, ones, mem(running), mem(stats), real(momentum), real(eps), real(float32(count)), num(running.Shape[0]))
}

func (d *device) Frozen(stats, running *engine.Tensor, eps float32) {
	d.check.Frozen(stats, running, eps)
	d.launch("frozen", tensor.Plain, ones, mem(stats), mem(running), real(eps), num(running.Shape[0]))
}

func (d *device) MaxPool(y, tap, x *engine.Tensor, s engine.Window) {
	d.check.MaxPool(y, tap, x, s)
	d.mustCount(s)
	s = s.Normal()
	d.launch("max_pool", tensor.Blocked, rows(y), mem(y), mem(tap), mem(x),
		triple(sizeOf(y)), triple(sizeOf(x)), triple(s.Kernel), triple(s.Stride), triple(s.Pad))
}

func (d *device) MaxPoolGrad(dx, dy, tap *engine.Tensor, s engine.Window) {
	d.check.MaxPoolGrad(dx, dy, tap, s)
	s = s.Normal()
	d.launch("max_pool_grad", tensor.Blocked, rows(dx), mem(dx), mem(dy), mem(tap),
		triple(sizeOf(dy)), triple(sizeOf(dx)), triple(s.Kernel), triple(s.Stride), triple(s.Pad))
}

func (d *device) Mean(y, x *engine.Tensor) {
	d.check.Mean(y, x)
	d.sumChannels(y, x, 1, 1/float32(x.Shape.Voxels()))
}

func (d *device) MeanGrad(dx, dy *engine.Tensor) {
	d.check.MeanGrad(dx, dy)
	voxels := dx.Shape.Voxels()
	d.launch("mean_grad", tensor.Blocked, d.slices(dx), mem(dx), mem(dy), num(voxels), num(dx.Shape[1]), real(1/float32(voxels)))
}

func (d *device) Upsample(y, x *engine.Tensor, linear bool) {
	d.check.Upsample(y, x, linear)
	small, factor := triple(sizeOf(x)), factors(y, x)
	narrow := d.scratch(floats(y) / y.Shape[4] * x.Shape[4])
	d.launch("enlarge_rows", y.Layout, rows(y), buf(narrow), mem(x), small, factor, yes(linear))
	d.launch("enlarge", y.Layout, rows(y), mem(y), buf(narrow), small, factor, yes(linear))
	d.give(narrow)
}

func (d *device) UpsampleGrad(dx, dy *engine.Tensor, linear bool) {
	d.check.UpsampleGrad(dx, dy, linear)
	small, factor := triple(sizeOf(dx)), factors(dy, dx)
	wide := d.scratch(floats(dx) / dx.Shape[4] * dy.Shape[4])
	d.launch("enlarge_grad_rows", dx.Layout, rows(dx), buf(wide), mem(dy), small, factor, yes(linear))
	d.launch("enlarge_grad", dx.Layout, rows(dx), mem(dx), buf(wide), small, factor, yes(linear))
	d.give(wide)
}

func factors(large, small *engine.Tensor) arg {
	l, s := sizeOf(large), sizeOf(small)
	return quad(l[0]/s[0], l[1]/s[1], l[2]/s[2], 0)
}

func (d *device) Channels(y *engine.Tensor, y0 int, x *engine.Tensor, x0, count int) {
	d.check.Channels(y, y0, x, x0, count)
	voxels := y.Shape[2:].Len()
	groups := [3]int{d.chunks(count * voxels), y.Shape[0], 1}
	if y.Layout == tensor.Blocked {
		first, last := y0/tensor.Lanes, (y0+count-1)/tensor.Lanes
		groups = [3]int{over(voxels, d.slice()), last - first + 1, y.Shape[0]}
	}
	d.launch("channels", y.Layout, groups, mem(y), mem(x), num(y0), num(x0), num(count), num(y.Shape[1]), num(x.Shape[1]), num(voxels))
}

// mostTaps is the largest whole number below which half precision has all.
const mostTaps = 2048

// mustCount keeps an error where the places of a window cannot be written in
// half precision.
func (d *device) mustCount(s engine.Window) {
	if d.half && volume(s.Kernel) > mostTaps {
		d.fail(fmt.Errorf("opencl: max pooling of %v: half precision counts %d places", s.Kernel, mostTaps))
	}
}
