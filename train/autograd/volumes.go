package autograd

import (
	"slices"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// volumes reports whether x is of rank 5, and keeps it as an error where not.
func (t *Tape) volumes(what string, x *Var) bool {
	if len(x.Shape()) != 5 {
		t.failf("%s: input is %v, want N x C x D x H x W", what, x.Shape())
		return false
	}
	return true
}

func size(s tensor.Shape) [3]int { return [3]int(s[2:5]) }

// Conv convolves x with weights w, [Cout][Cin][kd][kh][kw], and adds the bias
// b, [Cout] or nil: see [engine.Volumes].
func (t *Tape) Conv(x, w, b *Var, win engine.Window) *Var {
	if t.bad(x, w) || b != nil && t.bad(b) || !t.volumes("conv", x) || !t.plain("conv", w, b) {
		return &Var{}
	}
	ws, xs := w.Shape(), x.Shape()
	if len(ws) != 5 || ws[1] != xs[1] || [3]int(ws[2:5]) != win.Kernel {
		return t.failf("conv: weights %v with kernel %v do not fit input %v", ws, win.Kernel, xs)
	}
	if b != nil && !b.Shape().Equal(tensor.Shape{ws[0]}) {
		return t.failf("conv: bias %v does not fit weights %v", b.Shape(), ws)
	}
	out, err := win.Out(size(xs))
	if err != nil {
		return t.failf("conv: weights %v, input %v: %w", ws, xs, err)
	}
	if x.needs && x.Value.Layout == tensor.Plain {
		x = t.To(tensor.Blocked, x)
	}
	y := t.result(tensor.Shape{xs[0], ws[0], out[0], out[1], out[2]}, tensor.Blocked, x, w, b)
	t.Engine.Conv(y.Value, x.Value, w.Value, value(b), win)
	return t.record(y, func(dy *engine.Tensor) {
		t.giveWeights(w, b, func(dw, db *engine.Tensor) { t.Engine.ConvGradWeights(dw, db, x.Value, dy, win) })
		t.give(x, func(g *engine.Tensor) { t.Engine.ConvGradData(g, dy, w.Value, nil, win) })
	})
}

// giveWeights gives gradients to w and b, which one kernel writes.
func (t *Tape) giveWeights(w, b *Var, write func(dw, db *engine.Tensor)) {
	if !w.needs && (b == nil || !b.needs) {
		return
	}
	dw, doneW := t.part(w)
	db, doneB := t.part(b)
	write(dw, db)
	doneW()
	doneB()
}

// ConvTransposed is the transposed of a convolution from Cout to Cin channels:
// w is [Cin][Cout][kd][kh][kw], as PyTorch has it, and the output the largest
// volume that win would take to x's size.
func (t *Tape) ConvTransposed(x, w, b *Var, win engine.Window) *Var {
	if t.bad(x, w) || b != nil && t.bad(b) || !t.volumes("transposed conv", x) || !t.plain("transposed conv", w, b) {
		return &Var{}
	}
	ws, xs := w.Shape(), x.Shape()
	if len(ws) != 5 || ws[0] != xs[1] || [3]int(ws[2:5]) != win.Kernel {
		return t.failf("transposed conv: weights %v with kernel %v do not fit input %v", ws, win.Kernel, xs)
	}
	if b != nil && !b.Shape().Equal(tensor.Shape{ws[1]}) {
		return t.failf("transposed conv: bias %v does not fit weights %v", b.Shape(), ws)
	}
	x = t.blocked(x)
	out := win.Transposed(size(xs))
	if back, err := win.Out(out); err != nil || back != size(xs) || min(out[0], out[1], out[2]) < 1 {
		return t.failf("transposed conv: kernel %v, stride %v, padding %v do not fit input %v", win.Kernel, win.Stride, win.Pad, xs)
	}
	y := t.result(tensor.Shape{xs[0], ws[1], out[0], out[1], out[2]}, tensor.Blocked, x, w, b)
	t.Engine.ConvGradData(y.Value, x.Value, w.Value, value(b), win)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(w, func(g *engine.Tensor) { t.Engine.ConvGradWeights(g, nil, dy, x.Value, win) })
		t.give(b, func(g *engine.Tensor) { t.sumChannels(g, dy) })
		t.give(x, func(g *engine.Tensor) { t.Engine.Conv(g, dy, w.Value, nil, win) })
	})
}

// sumChannels writes s[c], the sum of x over samples and voxels.
func (t *Tape) sumChannels(s, x *engine.Tensor) {
	e := t.Engine
	mean := e.New(tensor.Shape{x.Shape[0], x.Shape[1]}, tensor.Plain)
	e.Mean(mean, x)
	e.SumRows(s, mean)
	e.Axpby(s, float32(x.Shape.Voxels()), s, 0)
	e.Free(mean)
}

func value(v *Var) *engine.Tensor {
	if v == nil {
		return nil
	}
	return v.Value
}

// Norm normalises x per channel, adds res and activates in one pass: see
// [engine.Volumes]. gamma and beta are [C] or both nil; res is like x or nil.
// With s.Frozen, stats are the statistics to use; else it is nil and they are
// returned, as [N][C][2] or [C][2], until the tape is past them.
func (t *Tape) Norm(x, gamma, beta, res *Var, stats *engine.Tensor, s engine.NormSpec) (*Var, *engine.Tensor) {
	if t.bad(x) || (gamma != nil || beta != nil) && t.bad(gamma, beta) || res != nil && t.bad(res) || !t.volumes("norm", x) {
		return &Var{}, nil
	}
	xs := x.Shape()
	if gamma != nil && (!gamma.Shape().Equal(xs[1:2]) || !beta.Shape().Equal(xs[1:2])) {
		return t.failf("norm: gamma %v and beta %v do not fit input %v", gamma.Shape(), beta.Shape(), xs), nil
	}
	if res != nil && !res.Shape().Equal(xs) {
		return t.failf("norm: residual %v does not fit input %v", res.Shape(), xs), nil
	}
	of := tensor.Shape{xs[0], xs[1], 2}
	if s.Per == engine.Batch {
		of = of[1:]
	}
	if s.Frozen != (stats != nil) || s.Frozen && !stats.Shape.Equal(of) {
		return t.failf("norm: statistics %v do not fit input %v: want %v where they are frozen, else none", stats, xs, of), nil
	}
	x, res = t.blocked(x), t.blocked(res)
	var held []*engine.Tensor
	if stats == nil {
		stats = t.Engine.New(of, tensor.Plain)
		held = append(held, stats)
	}
	y := t.result(xs, tensor.Blocked, x, gamma, beta, res)
	t.Engine.Norm(y.Value, stats, x.Value, value(gamma), value(beta), value(res), s)
	return t.record(y, func(dy *engine.Tensor) {
		dx, doneX := t.part(x)
		dgamma, doneGamma := t.part(gamma)
		dbeta, doneBeta := t.part(beta)
		dres, doneRes := t.part(res)
		t.Engine.NormGrad(dx, dgamma, dbeta, dres, dy, y.Value, x.Value, stats, value(gamma), s)
		doneX()
		doneGamma()
		doneBeta()
		doneRes()
	}, held...), stats
}

// blocked returns x in blocks, itself where it is nil or in blocks already.
func (t *Tape) blocked(x *Var) *Var {
	if x == nil || x.Value.Layout == tensor.Blocked {
		return x
	}
	return t.To(tensor.Blocked, x)
}

// To returns x, of rank 5, in a layout.
func (t *Tape) To(l tensor.Layout, x *Var) *Var {
	if t.bad(x) || !t.volumes("layout", x) {
		return &Var{}
	}
	if x.Value.Layout == l {
		return x
	}
	y := t.result(x.Shape(), l, x)
	t.Engine.Copy(y.Value, x.Value)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.Copy(g, dy) })
	})
}

// MaxPool takes the largest value of each window.
func (t *Tape) MaxPool(x *Var, win engine.Window) *Var {
	if t.bad(x) || !t.volumes("max pool", x) {
		return &Var{}
	}
	xs := x.Shape()
	out, err := win.Out(size(xs))
	if n := win.Normal(); err != nil || n.Dilation != [3]int{1, 1, 1} || 2*n.Pad[0] > n.Kernel[0] || 2*n.Pad[1] > n.Kernel[1] || 2*n.Pad[2] > n.Kernel[2] {
		return t.failf("max pool: kernel %v, padding %v, dilation %v do not fit input %v", win.Kernel, win.Pad, win.Dilation, xs)
	}
	x = t.blocked(x)
	shape := tensor.Shape{xs[0], xs[1], out[0], out[1], out[2]}
	y, tap := t.result(shape, tensor.Blocked, x), t.Engine.New(shape, tensor.Blocked)
	t.Engine.MaxPool(y.Value, tap, x.Value, win)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.MaxPoolGrad(g, dy, tap, win) })
	}, tap)
}

// Mean returns the mean over the voxels, [N][C].
func (t *Tape) Mean(x *Var) *Var {
	if t.bad(x) || !t.volumes("mean", x) {
		return &Var{}
	}
	x = t.blocked(x)
	y := t.result(x.Shape()[:2], tensor.Plain, x)
	t.Engine.Mean(y.Value, x.Value)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.MeanGrad(g, dy) })
	})
}

// Upsample enlarges D, H and W by whole factors, linear or to the nearest.
func (t *Tape) Upsample(x *Var, factor [3]int, linear bool) *Var {
	if t.bad(x) || !t.volumes("upsample", x) {
		return &Var{}
	}
	xs := x.Shape()
	if min(factor[0], factor[1], factor[2]) < 1 {
		return t.failf("upsample: factors %v of input %v", factor, xs)
	}
	y := t.result(tensor.Shape{xs[0], xs[1], xs[2] * factor[0], xs[3] * factor[1], xs[4] * factor[2]}, x.Value.Layout, x)
	t.Engine.Upsample(y.Value, x.Value, linear)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.UpsampleGrad(g, dy, linear) })
	})
}

// Concat puts channels (index 1) after each other. All are of one layout.
func (t *Tape) Concat(xs ...*Var) *Var {
	if len(xs) == 0 {
		return t.failf("concat of nothing")
	}
	if t.bad(xs...) {
		return &Var{}
	}
	shape := slices.Clone(xs[0].Shape())
	if len(shape) < 2 {
		return t.failf("concat: %v has no channels", xs[0].Value)
	}
	for _, x := range xs[1:] {
		s := x.Shape()
		if len(s) != len(shape) || s[0] != shape[0] || !s[2:].Equal(shape[2:]) || x.Value.Layout != xs[0].Value.Layout {
			return t.failf("concat: %v does not fit %v", x.Value, xs[0].Value)
		}
		shape[1] += s[1]
	}
	y := t.result(shape, xs[0].Value.Layout, xs...)
	at := 0
	for _, x := range xs {
		t.Engine.Channels(y.Value, at, x.Value, 0, x.Shape()[1])
		at += x.Shape()[1]
	}
	return t.record(y, func(dy *engine.Tensor) {
		at := 0
		for _, x := range xs {
			n := x.Shape()[1]
			t.give(x, func(g *engine.Tensor) { t.Engine.Channels(g, 0, dy, at, n) })
			at += n
		}
	})
}

// Channels returns channels from..from+count of x.
func (t *Tape) Channels(x *Var, from, count int) *Var {
	if t.bad(x) {
		return &Var{}
	}
	xs := x.Shape()
	if len(xs) < 2 || from < 0 || count < 1 || from+count > xs[1] {
		return t.failf("channels %d to %d of %v", from, from+count, xs)
	}
	shape := slices.Clone(xs)
	shape[1] = count
	y := t.result(shape, x.Value.Layout, x)
	t.Engine.Channels(y.Value, 0, x.Value, from, count)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) {
			t.Engine.Fill(g, 0)
			t.Engine.Channels(g, from, dy, 0, count)
		})
	})
}
