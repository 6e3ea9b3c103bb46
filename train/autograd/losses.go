package autograd

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Loss is a term of what Backward differentiates.
type Loss struct {
	// Terms are on the device; their sum times Scale is the loss. It is freed
	// with the tape: read it before Backward, or call Value.
	Terms *engine.Tensor
	Scale float64
	tape  *Tape
}

// Value waits for the loss.
func (l Loss) Value() (float64, error) {
	if l.tape == nil {
		return 0, nil
	}
	if l.tape.err != nil {
		return 0, l.tape.err
	}
	values := make([]float32, l.Terms.Shape.Len())
	if err := l.tape.Engine.Read(values, l.Terms); err != nil {
		return 0, err
	}
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum * l.Scale, nil
}

// CrossEntropy is weight / R times the sum over R rows of the cross-entropy of
// softmax(logits) to the target probabilities, both [R][C]. Terms has that of
// each row.
func (t *Tape) CrossEntropy(logits *Var, target *engine.Tensor, weight float64) Loss {
	if t.bad(logits) {
		return Loss{tape: t}
	}
	s := logits.Shape()
	if len(s) != 2 || !s.Equal(target.Shape) {
		t.failf("cross-entropy: target %v does not fit logits %v", target.Shape, s)
		return Loss{tape: t}
	}
	scale := weight / float64(s[0])
	loss, dx := t.Buffer(s[0]), t.Engine.New(s, tensor.Plain)
	t.Engine.CrossEntropy(loss, dx, logits.Value, target, float32(scale))
	t.ops = append(t.ops, op{back: func(*engine.Tensor) {
		t.give(logits, func(g *engine.Tensor) { t.Engine.Copy(g, dx) })
	}, held: []*engine.Tensor{dx}})
	return Loss{Terms: loss, Scale: scale, tape: t}
}

// Regions is a loss of overlapping regions that depends on sums over voxels
// alone, as Dice and binary cross-entropy do. logits and target are N x C x D x
// H x W, the latter plain. f is given the sums, [N][C][4], and returns the loss
// and its derivatives as coefficients, [N][C][3]: see [engine.Losses]. It waits
// for the sums.
func (t *Tape) Regions(logits *Var, target *engine.Tensor, f func(sums []float32) (loss float64, coef []float32)) Loss {
	if t.bad(logits) || !t.volumes("regions", logits) {
		return Loss{tape: t}
	}
	s := logits.Shape()
	if !s.Equal(target.Shape) || target.Layout != tensor.Plain {
		t.failf("regions: target %v does not fit logits %v", target, s)
		return Loss{tape: t}
	}
	logits = t.To(tensor.Plain, logits)
	e := t.Engine
	sums := e.New(tensor.Shape{s[0], s[1], 4}, tensor.Plain)
	e.Regions(sums, logits.Value, target)
	values := make([]float32, s[0]*s[1]*4)
	err := e.Read(values, sums)
	e.Free(sums)
	if err != nil {
		t.Fail(err)
		return Loss{tape: t}
	}
	loss, coef := f(values)
	c := t.Temp(coef, tensor.Plain, s[0], s[1], 3).Value
	t.ops = append(t.ops, op{back: func(*engine.Tensor) {
		t.give(logits, func(g *engine.Tensor) { e.RegionsGrad(g, logits.Value, target, c) })
	}})
	return Loss{Terms: t.Temp([]float32{1}, tensor.Plain, 1).Value, Scale: loss, tape: t}
}

// Distances is the sum over b, i, j of coef[b][i][j] times the mean of |f[b][i]
// - f[b][j]|^p, p being 1 or 2. f is [B M]..., coef a constant [B][M][M]. The
// gradient goes to j, the student, alone. It returns the distances, [B][M][M],
// as well, which are the tape's.
func (t *Tape) Distances(f *Var, coef *engine.Tensor, p int) (Loss, *engine.Tensor) {
	if t.bad(f) || !t.folded("distances", f, coef, 3) {
		return Loss{tape: t}, nil
	}
	if s := coef.Shape; s[1] != s[2] || p != 1 && p != 2 {
		t.failf("distances: coefficients %v, power %d: want B x M x M, and 1 or 2", s, p)
		return Loss{tape: t}, nil
	}
	e := t.Engine
	d, sum := t.Buffer(coef.Shape...), t.Buffer(1)
	e.Distances(d, f.Value, coef, p)
	one := tensor.Shape{1, d.Shape.Len()}
	e.DotSamples(sum, e.View(d, one), e.View(coef, one))
	t.ops = append(t.ops, op{back: func(*engine.Tensor) {
		t.give(f, func(g *engine.Tensor) { e.DistancesGrad(g, f.Value, coef, p) })
	}})
	return Loss{Terms: sum, Scale: 1, tape: t}, d
}
