package autograd

import (
	"slices"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// MatMul returns op(a) op(b), of matrices or of a matrix for each first index.
func (t *Tape) MatMul(a, b *Var, s engine.MatSpec) *Var {
	if t.bad(a, b) {
		return &Var{}
	}
	as, bs := a.Shape(), b.Shape()
	r := len(as)
	if r != len(bs) || r != 2 && r != 3 || r == 3 && as[0] != bs[0] {
		return t.failf("product of %v and %v: want two matrices, or two stacks of as many", as, bs)
	}
	rows, inner := as[r-2], as[r-1]
	if s.TransA {
		rows, inner = inner, rows
	}
	bInner, cols := bs[r-2], bs[r-1]
	if s.TransB {
		bInner, cols = cols, bInner
	}
	if inner != bInner {
		return t.failf("product of %v (transposed %v) and %v (transposed %v): inner sizes %d and %d", as, s.TransA, bs, s.TransB, inner, bInner)
	}
	shape := append(slices.Clone(as[:r-2]), rows, cols)
	c := t.result(shape, tensor.Plain, a, b)
	t.Engine.MatMul(c.Value, a.Value, b.Value, nil, s)
	return t.record(c, func(dc *engine.Tensor) {
		t.give(a, func(g *engine.Tensor) {
			if s.TransA { // a = op(b) dc'
				t.Engine.MatMul(g, b.Value, dc, nil, engine.MatSpec{TransA: s.TransB, TransB: true, Alpha: s.Alpha})
			} else {
				t.Engine.MatMul(g, dc, b.Value, nil, engine.MatSpec{TransB: !s.TransB, Alpha: s.Alpha})
			}
		})
		t.give(b, func(g *engine.Tensor) {
			if s.TransB {
				t.Engine.MatMul(g, dc, a.Value, nil, engine.MatSpec{TransA: true, TransB: s.TransA, Alpha: s.Alpha})
			} else {
				t.Engine.MatMul(g, a.Value, dc, nil, engine.MatSpec{TransA: !s.TransA, Alpha: s.Alpha})
			}
		})
	})
}

// Linear returns x w' + b for x [R][in], w [out][in] and b [out] or nil.
func (t *Tape) Linear(x, w, b *Var) *Var {
	if t.bad(x, w) || b != nil && t.bad(b) {
		return &Var{}
	}
	xs, ws := x.Shape(), w.Shape()
	if len(xs) != 2 || len(ws) != 2 || xs[1] != ws[1] {
		return t.failf("linear: weights %v do not fit input %v", ws, xs)
	}
	if b != nil && !b.Shape().Equal(ws[:1]) {
		return t.failf("linear: bias %v does not fit weights %v", b.Shape(), ws)
	}
	y := t.result(tensor.Shape{xs[0], ws[0]}, tensor.Plain, x, w, b)
	t.Engine.MatMul(y.Value, x.Value, w.Value, value(b), engine.MatSpec{TransB: true})
	return t.record(y, func(dy *engine.Tensor) {
		t.give(w, func(g *engine.Tensor) { t.Engine.MatMul(g, dy, x.Value, nil, engine.MatSpec{TransA: true}) })
		t.give(b, func(g *engine.Tensor) { t.Engine.SumRows(g, dy) })
		t.give(x, func(g *engine.Tensor) { t.Engine.MatMul(g, dy, w.Value, nil, engine.MatSpec{}) })
	})
}

// Softmax returns the softmax over the last index of a plain value.
func (t *Tape) Softmax(x *Var) *Var {
	if t.bad(x) {
		return &Var{}
	}
	if r := len(x.Shape()); r != 2 && r != 3 || x.Value.Layout != tensor.Plain {
		return t.failf("softmax of %v: want plain, of rank 2 or 3", x.Value)
	}
	y := t.result(x.Shape(), tensor.Plain, x)
	t.Engine.Softmax(y.Value, x.Value)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.SoftmaxGrad(g, dy, y.Value) })
	})
}

// LayerNorm normalises the rows of x, [R][C]; gamma and beta are [C].
func (t *Tape) LayerNorm(x, gamma, beta *Var, eps float32) *Var {
	if t.bad(x, gamma, beta) {
		return &Var{}
	}
	xs := x.Shape()
	if len(xs) != 2 || !gamma.Shape().Equal(xs[1:]) || !beta.Shape().Equal(xs[1:]) {
		return t.failf("layer norm: gamma %v and beta %v do not fit input %v", gamma.Shape(), beta.Shape(), xs)
	}
	y, stats := t.result(xs, tensor.Plain, x, gamma, beta), t.Engine.New(tensor.Shape{xs[0], 2}, tensor.Plain)
	t.Engine.LayerNorm(y.Value, stats, x.Value, gamma.Value, beta.Value, eps)
	return t.record(y, func(dy *engine.Tensor) {
		dx, doneX := t.part(x)
		dgamma, doneGamma := t.part(gamma)
		dbeta, doneBeta := t.part(beta)
		t.Engine.LayerNormGrad(dx, dgamma, dbeta, dy, x.Value, stats, gamma.Value)
		doneX()
		doneGamma()
		doneBeta()
	}, stats)
}

// Standardise gives each output channel of weights w, [Cout]..., mean 0 and
// variance 1.
func (t *Tape) Standardise(w *Var, eps float32) *Var {
	if t.bad(w) || !t.plain("standardise", w) {
		return &Var{}
	}
	ws := w.Shape()
	if len(ws) < 2 || ws.Len()/ws[0] < 2 {
		return t.failf("weights %v have no variance to standardise", ws)
	}
	rows := tensor.Shape{ws[0], ws.Len() / ws[0]}
	e := t.Engine
	y, stats := t.result(ws, tensor.Plain, w), e.New(tensor.Shape{ws[0], 2}, tensor.Plain)
	e.Standardise(e.View(y.Value, rows), stats, e.View(w.Value, rows), eps)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(w, func(g *engine.Tensor) {
			e.StandardiseGrad(e.View(g, rows), e.View(dy, rows), e.View(y.Value, rows), stats)
		})
	}, stats)
}
