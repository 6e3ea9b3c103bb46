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

// Add returns x + y.
func (t *Tape) Add(x, y *Var) *Var {
	if t.bad(x, y) || !t.pair("add", x, y) {
		return &Var{}
	}
	z := t.result(x.Shape(), x.Value.Layout, x, y)
	t.Engine.Add(z.Value, x.Value, y.Value)
	return t.record(z, func(dz *engine.Tensor) {
		for _, v := range [...]*Var{x, y} {
			t.give(v, func(g *engine.Tensor) { t.Engine.Copy(g, dz) })
		}
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
	if p < 0 || p >= 1 {
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

// View returns x with another shape of as many values: see [engine.Engine].
func (t *Tape) View(x *Var, shape ...int) *Var {
	if t.bad(x) {
		return &Var{}
	}
	if tensor.Shape(shape).Len() != x.Shape().Len() {
		return t.failf("view of %v as %v", x.Shape(), tensor.Shape(shape))
	}
	y := &Var{Value: t.Engine.View(x.Value, shape), needs: x.needs}
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.Copy(g, t.Engine.View(dy, x.Shape())) })
	})
}

// Rows returns x as a plain matrix [N][all the rest], in the order of channels,
// D, H, W: what PyTorch calls flatten(1).
func (t *Tape) Rows(x *Var) *Var {
	if t.bad(x) {
		return &Var{}
	}
	if x.Value.Layout == tensor.Blocked {
		x = t.To(tensor.Plain, x)
	}
	n := x.Shape()[0]
	return t.View(x, n, x.Shape().Len()/n)
}
