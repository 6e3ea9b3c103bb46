package autograd

import (
	"slices"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// folded reports whether x's first index is that of a constant, [B][M] and
// rank - 2 more, folded, or keeps the error.
func (t *Tape) folded(what string, x *Var, c *engine.Tensor, rank int) bool {
	if s := c.Shape; len(s) != rank || len(x.Shape()) == 0 || x.Shape()[0] != s[0]*s[1] {
		t.failf("%s: %v does not fit %v: want as many samples as B x M", what, s, x.Shape())
		return false
	}
	return true
}

// Gate scales sample b M + m of x by gate[m], whose length is M.
func (t *Tape) Gate(x, gate *Var) *Var {
	if t.bad(x, gate) {
		return &Var{}
	}
	m := gate.Shape().Len()
	if !t.plain("gate", gate) {
		return &Var{}
	}
	if len(x.Shape()) == 0 || x.Shape()[0]%m != 0 {
		return t.failf("gate: %v does not fit %v", gate.Shape(), x.Shape())
	}
	n := x.Shape()[0]
	y := t.result(x.Shape(), x.Value.Layout, x, gate)
	t.Engine.ScaleSamples(y.Value, x.Value, gate.Value)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(gate, func(g *engine.Tensor) {
			dots := t.Engine.New(tensor.Shape{n}, tensor.Plain)
			t.Engine.DotSamples(dots, dy, x.Value)
			t.Engine.SumRows(t.Engine.View(g, tensor.Shape{m}), t.Engine.View(dots, tensor.Shape{n / m, m}))
			t.Engine.Free(dots)
		})
		t.give(x, func(g *engine.Tensor) { t.Engine.ScaleSamples(g, dy, gate.Value) })
	})
}

// Gather returns samples index[n] of x, zeros where that is negative. A sample
// may be taken more than once.
func (t *Tape) Gather(x *Var, index []int) *Var {
	if t.bad(x) {
		return &Var{}
	}
	if len(x.Shape()) == 0 || len(index) == 0 {
		return t.failf("gather: %d samples of %v", len(index), x.Shape())
	}
	at := make([]float32, len(index))
	for n, k := range index {
		if k >= x.Shape()[0] {
			return t.failf("gather: sample %d of %v", k, x.Shape())
		}
		at[n] = float32(k)
	}
	shape := slices.Clone(x.Shape())
	shape[0] = len(index)
	from := t.Temp(at, tensor.Plain, len(index)).Value
	y := t.result(shape, x.Value.Layout, x)
	t.Engine.Gather(y.Value, x.Value, from)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.GatherGrad(g, dy, from) })
	})
}

// Impute gives the missing of M modalities of each sample the mean of those
// present: x is [B M]..., mask a constant [B][M].
func (t *Tape) Impute(x *Var, mask *engine.Tensor) *Var {
	if t.bad(x) || !t.folded("impute", x, mask, 2) {
		return &Var{}
	}
	y := t.result(x.Shape(), x.Value.Layout, x)
	t.Engine.Impute(y.Value, x.Value, mask)
	return t.record(y, func(dy *engine.Tensor) {
		t.give(x, func(g *engine.Tensor) { t.Engine.ImputeGrad(g, dy, mask) })
	})
}

// Join turns [B M][C] and voxels into [B][M C]: modalities folded into the
// batch become channels beside each other.
func (t *Tape) Join(x *Var, m int) *Var {
	if t.bad(x) || !t.volumes("join", x) {
		return &Var{}
	}
	s := slices.Clone(x.Shape())
	if m < 1 || s[0]%m != 0 {
		return t.failf("join: %v: not of %d modalities", s, m)
	}
	if m > 1 && s[1]%tensor.Lanes != 0 {
		x = t.To(tensor.Plain, x)
	}
	s[0], s[1] = s[0]/m, s[1]*m
	return t.blocked(t.View(x, s...))
}
