package autograd

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// pair reports whether x and y have one shape and layout, or keeps the error.
func (t *Tape) pair(what string, x, y *Var) bool {
	if !x.Shape().Equal(y.Shape()) || x.Value.Layout != y.Value.Layout {
		t.failf("%s: %v does not fit %v", what, x.Value, y.Value)
		return false
	}
	return true
}

// plain reports whether all of xs, but for nils, are plain, or keeps the error.
func (t *Tape) plain(what string, xs ...*Var) bool {
	for _, x := range xs {
		if x != nil && x.Value.Layout != tensor.Plain {
			t.failf("%s: %v: want plain", what, x.Value)
			return false
		}
	}
	return true
}

// Add returns x + y.
func (t *Tape) Add(x, y *Var) *Var {
	if t.bad(x, y) || !t.pair("add", x, y) {
		return &Var{}
	}
	z := t.result(x.Shape(), x.Value.Layout, x, y)
	t.Engine.Add(z.Value, x.Value, y.Value)
	return t.record(z, func(dz *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.Copy(g, dz) })
		t.pass(y, z)
	})
}

// Mul returns x y, value by value.
func (t *Tape) Mul(x, y *Var) *Var {
	if t.bad(x, y) || !t.pair("multiply", x, y) {
		return &Var{}
	}
	z := t.result(x.Shape(), x.Value.Layout, x, y)
	t.Engine.Mul(z.Value, x.Value, y.Value)
	return t.record(z, func(dz *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.Mul(g, dz, y.Value) })
		t.give(y, func(g *engine.Tensor) { t.Engine.Mul(g, dz, x.Value) })
	})
}

// Scale returns a x.
func (t *Tape) Scale(x *Var, a float32) *Var {
	if t.bad(x) {
		return &Var{}
	}
	y := t.result(x.Shape(), x.Value.Layout, x)
	t.Engine.Axpby(y.Value, a, x.Value, 0)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.Axpby(g, a, dy, 0) })
	})
}

// Map returns f(x).
func (t *Tape) Map(x *Var, f engine.Func) *Var {
	if t.bad(x) {
		return &Var{}
	}
	y := t.result(x.Shape(), x.Value.Layout, x)
	t.Engine.Map(f, y.Value, x.Value)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.MapGrad(f, g, dy, x.Value, y.Value) })
	})
}

// ReLU returns max(x, 0).
func (t *Tape) ReLU(x *Var) *Var { return t.Map(x, engine.Func{Kind: engine.LeakyReLU}) }

// Dropout zeroes values with probability p and divides the others by 1-p; in
// evaluation it returns x.
func (t *Tape) Dropout(x *Var, p float32) *Var {
	if t.bad(x) {
		return &Var{}
	}
	if !(p >= 0 && p < 1) {
		return t.failf("dropout with probability %g: want 0 to below 1", p)
	}
	if !t.Train || p == 0 {
		return x
	}
	seed := t.Seed + t.draws*0x9e3779b97f4a7c15 // far apart, whatever the seeds of neighbouring steps
	t.draws++
	y := t.result(x.Shape(), x.Value.Layout, x)
	t.Engine.Dropout(y.Value, x.Value, p, seed)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.Dropout(g, dy, p, seed) })
	})
}

// View returns x with another shape of as many values, in the same memory: see
// [engine.Engine].
func (t *Tape) View(x *Var, shape ...int) *Var {
	if t.bad(x) {
		return &Var{}
	}
	if !viewable(x.Value, shape) {
		return t.failf("view: %v does not fit %v", tensor.Shape(shape), x.Value)
	}
	return &Var{Value: t.Engine.View(x.Value, shape), needs: x.needs, base: x}
}

// viewable reports whether x can be seen as the shape: see [engine.Engine].
func viewable(x *engine.Tensor, s tensor.Shape) bool {
	for _, v := range s {
		if v < 1 || v > x.Shape.Len() {
			return false
		}
	}
	if s.Len() != x.Shape.Len() {
		return false
	}
	if x.Layout == tensor.Plain {
		return true
	}
	if len(s) != 5 || !s[2:].Equal(x.Shape[2:]) {
		return false
	}
	less, more := min(s[1], x.Shape[1]), max(s[1], x.Shape[1])
	return less == more || less%tensor.Lanes == 0 && more%less == 0
}

// Rows returns x as a plain matrix [N][all the rest], in the order of channels,
// D, H, W: what PyTorch calls flatten(1).
func (t *Tape) Rows(x *Var) *Var {
	if t.bad(x) {
		return &Var{}
	}
	if len(x.Shape()) == 0 {
		return t.failf("rows: input is %v, want N and more", x.Shape())
	}
	if x.Value.Layout == tensor.Blocked {
		x = t.To(tensor.Plain, x)
	}
	n := x.Shape()[0]
	return t.View(x, n, x.Shape().Len()/n)
}
