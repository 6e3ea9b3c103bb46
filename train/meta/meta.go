// Package meta learns how important each modality is, on samples that the
// network is not trained on. It changes the importances and no parameter of the
// network.
//
// "gate" is what the released code of MCKD does: the features of each modality
// are scaled by its weight, the rest of the network joins them, and the gradient
// of the task's loss goes to the weights through that product (first order).
// "bilevel" is what the paper states: the loss after one more step of training,
// differentiated by the importances through that step. Since these enter the
// step only as factors r_ij of the distances between features, its gradient is
//
//	dL/dr_ij = -lr alpha <v, d(distance_ij)/dtheta>,  v = dL/dtheta after the step,
//
// and the product is a difference of distances at theta +- e v: one gradient and
// two passes of the encoder more, and no second derivative.
//
// "leave-out" is ours: each modality in turn is taken away altogether, and the
// importances go up by what that adds to the loss beyond the others' mean. The gate
// of a U-Net's bottom hardly sees what its skips carry; this does.
//
// Everything is computed in evaluation mode: no dropout, and batch norm by its
// running statistics, which stay as they are.
package meta

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/loss"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Kinds of outer step.
const (
	Gate     = "gate"
	Bilevel  = "bilevel"
	LeaveOut = "leave-out"
	Off      = "off" // importances stay as they start
)

// Options describe the outer step.
type Options struct {
	Kind string `json:"kind"` // one of the above
	// LR and Decay are of the importances' own Adam: 0.01 and 0.0005 as
	// published.
	LR    float64 `json:"lr"`
	Decay float64 `json:"decay"`
	// Scale multiplies the weights where they gate: 1 as published, or the number
	// of modalities, so that equal weights leave the features as they are.
	Scale float64 `json:"scale"`
	// Skips gates the features of all levels and not the bottom's alone.
	Skips bool `json:"skips,omitempty"`
}

// Check reports what makes no sense.
func (o Options) Check() error {
	if o.Kind == Off {
		return nil
	}
	if o.Kind != Gate && o.Kind != Bilevel && o.Kind != LeaveOut || o.LR <= 0 || o.Decay < 0 || o.Scale <= 0 {
		return fmt.Errorf("meta: %+v: want the kind gate, bilevel, leave-out or off, lr and scale above 0", o)
	}
	return nil
}

// Batch is samples with what may be seen of each.
type Batch struct {
	Inputs  [][]ingest.Array
	Present []modality.Mask
	Targets []ingest.Labels
}

// Learner learns importances.
type Learner struct {
	Engine    engine.Engine
	Model     nn.Model
	Objective loss.Objective
	Distill   distill.Options
	AllLevels bool // distils the features of all levels and not the bottom's alone
	Options   Options

	// U are the raw importances, by modality.
	U []float32
	// M, V and Steps are the state of their Adam.
	M, V  []float32
	Steps int
}

// Start sets importances of n modalities to what they are before any step:
// uniform in 0 to 1, by the seed.
func (l *Learner) Start(n int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x6d657461)) // "meta"
	l.U, l.M, l.V, l.Steps = make([]float32, n), make([]float32, n), make([]float32, n), 0
	for i := range l.U {
		l.U[i] = float32(rng.Float64())
	}
}

// Weights returns the importance weights.
func (l *Learner) Weights() []float64 { return l.Distill.Weights(l.U) }

// Gate makes a step of the kind Gate and returns the loss before it.
func (l *Learner) Gate(b Batch) (float64, error) {
	value, du, err := l.gateGradient(b)
	if err == nil {
		l.step(du)
	}
	return value, err
}

// gateGradient returns the loss through the gate and its gradient to U.
func (l *Learner) gateGradient(b Batch) (float64, []float64, error) {
	t := &autograd.Tape{Engine: l.Engine, Frozen: true}
	defer t.Reset()
	batch, err := nn.NewBatch(t, b.Inputs, b.Present)
	if err != nil {
		return 0, nil, err
	}
	gate := make([]float32, len(l.U))
	for i, w := range l.Weights() {
		gate[i] = float32(w * l.Options.Scale)
	}
	dgate := t.Engine.New(tensor.Shape{len(gate)}, tensor.Plain)
	defer t.Engine.Free(dgate)
	t.Engine.Fill(dgate, 0)
	g := t.Variable(t.Temp(gate, tensor.Plain, len(gate)).Value, dgate)
	c := l.Model.Encode(t, batch)
	c.Features = t.Gate(c.Features, g)
	if l.Options.Skips {
		for i, s := range c.Skips {
			c.Skips[i] = t.Gate(s, g)
		}
	}
	value, err := l.backward(t, l.Model.Decode(t, c), b.Targets)
	if err != nil {
		return 0, nil, err
	}
	d := make([]float32, len(gate))
	if err := t.Engine.Read(d, dgate); err != nil {
		return 0, nil, err
	}
	return value, l.Distill.Chain(l.U, d, l.Options.Scale), nil
}

// backward reads the loss of logits and goes back through the tape.
func (l *Learner) backward(t *autograd.Tape, logits *autograd.Var, targets []ingest.Labels) (float64, error) {
	term, err := l.Objective.On(t, logits, targets)
	if err != nil {
		return 0, err
	}
	value, err := term.Value()
	if err != nil {
		return 0, err
	}
	return value, t.Backward()
}

// Bilevel makes a step of the kind Bilevel: in is the batch that the inner step
// of SGD with rate lr is made on, out the one that it is judged by. It returns
// the loss of out after the inner step.
func (l *Learner) Bilevel(in, out Batch, lr float64) (float64, error) {
	value, du, err := l.bilevelGradient(in, out, lr)
	if err == nil {
		l.step(du)
	}
	return value, err
}

// look is the size of the step e |v| by which distances are differentiated.
const look = 1e-2

// bilevelGradient returns the loss after the inner step and its gradient to U.
func (l *Learner) bilevelGradient(in, out Batch, lr float64) (value float64, du []float64, err error) {
	e, p := l.Engine, l.Model.Params()
	flat := tensor.Shape{p.Value.Shape.Len()}
	kept := e.New(flat, tensor.Plain)
	e.Copy(kept, p.Value)
	defer func() {
		e.Copy(p.Value, kept)
		e.Free(kept)
	}()
	// To theta', and the gradient there.
	if _, err := l.gradient(in, true); err != nil {
		return 0, nil, err
	}
	e.Axpby(p.Value, float32(-lr), p.Grad, 1)
	if value, err = l.gradient(out, false); err != nil {
		return 0, nil, err
	}
	norm, err := l.norm(p.Grad)
	if err != nil || norm == 0 {
		return value, make([]float64, len(l.U)), err
	}
	eps := look / norm
	e.Copy(p.Value, kept)
	teachers, err := l.levels(in)
	if err != nil {
		return 0, nil, err
	}
	at := func(sign float64) ([]float64, error) {
		e.Copy(p.Value, kept)
		e.Axpby(p.Value, float32(sign*eps), p.Grad, 1)
		students, err := l.levels(in)
		if err != nil {
			return nil, err
		}
		return l.distances(teachers, students, in.Present), nil
	}
	above, err := at(1)
	if err != nil {
		return 0, nil, err
	}
	below, err := at(-1)
	if err != nil {
		return 0, nil, err
	}
	m := len(l.U)
	dr := make([]float64, m*m)
	for i := range dr {
		dr[i] = -lr * l.Distill.Alpha * (above[i] - below[i]) / (2 * eps)
	}
	return value, l.Distill.ChainRatios(l.U, dr), nil
}

// LeaveOut makes a step of the kind LeaveOut and returns the mean loss without a
// modality. A sample that has only the one taken away keeps it.
func (l *Learner) LeaveOut(b Batch) (float64, error) {
	losses, mean := make([]float64, len(l.U)), 0.0
	for m := range losses {
		left := b
		left.Present = make([]modality.Mask, len(b.Present))
		for i, p := range b.Present {
			if left.Present[i] = p.Without(m); left.Present[i] == 0 {
				left.Present[i] = p
			}
		}
		var err error
		if losses[m], err = l.Loss(left); err != nil {
			return 0, err
		}
		mean += losses[m] / float64(len(losses))
	}
	du := make([]float64, len(losses))
	for m, v := range losses {
		du[m] = mean - v
	}
	l.step(du)
	return mean, nil
}

// Loss returns the task's loss of a batch as the network is used, in evaluation
// mode.
func (l *Learner) Loss(b Batch) (float64, error) {
	t := &autograd.Tape{Engine: l.Engine, Frozen: true}
	defer t.Reset()
	batch, err := nn.NewBatch(t, b.Inputs, b.Present)
	if err != nil {
		return 0, err
	}
	term, err := l.Objective.On(t, nn.Predict(t, l.Model, batch), b.Targets)
	if err != nil {
		return 0, err
	}
	return term.Value()
}

// gradient leaves the gradient of the training loss, or of the task's alone, in
// the parameters' Grad.
func (l *Learner) gradient(b Batch, distil bool) (float64, error) {
	t := &autograd.Tape{Engine: l.Engine}
	defer t.Reset()
	batch, err := nn.NewBatch(t, b.Inputs, b.Present)
	if err != nil {
		return 0, err
	}
	l.Engine.Fill(l.Model.Params().Grad, 0)
	c := l.Model.Encode(t, batch)
	if distil {
		l.Distance(t, c, b.Present)
	}
	c.Features = t.Impute(c.Features, batch.Mask)
	return l.backward(t, l.Model.Decode(t, c), b.Targets)
}

func (l *Learner) norm(x *engine.Tensor) (float64, error) {
	e, out := l.Engine, make([]float32, 1)
	dot := e.New(tensor.Shape{1}, tensor.Plain)
	defer e.Free(dot)
	one := e.View(x, tensor.Shape{1, x.Shape.Len()})
	e.DotSamples(dot, one, one)
	err := e.Read(out, dot)
	return math.Sqrt(float64(out[0])), err
}

// Distance puts the loss of distillation on the tape, one term for each level that
// is distilled.
func (l *Learner) Distance(t *autograd.Tape, c nn.Code, present []modality.Mask) []autograd.Loss {
	var terms []autograd.Loss
	for _, f := range l.distilled(c) {
		if t.Err() == nil {
			terms = append(terms, l.Distill.On(t, f, l.U, present))
		}
	}
	return terms
}

// distilled returns the features of the levels that are.
func (l *Learner) distilled(c nn.Code) []*autograd.Var {
	if !l.AllLevels {
		return []*autograd.Var{c.Features}
	}
	return append([]*autograd.Var{c.Features}, c.Skips...)
}

// Features returns the features of a batch on the host, [B M][...], those that are
// imputed and not the skips', in evaluation mode.
func (l *Learner) Features(b Batch) ([]float32, error) {
	levels, err := l.encode(b, func(c nn.Code) []*autograd.Var { return []*autograd.Var{c.Features} })
	if err != nil {
		return nil, err
	}
	return levels[0], nil
}

// levels returns the features that are distilled, level by level.
func (l *Learner) levels(b Batch) ([][]float32, error) { return l.encode(b, l.distilled) }

// encode returns the values of those features of a batch that of chooses.
func (l *Learner) encode(b Batch, of func(nn.Code) []*autograd.Var) ([][]float32, error) {
	t := &autograd.Tape{Engine: l.Engine, Frozen: true}
	defer t.Reset()
	batch, err := nn.NewBatch(t, b.Inputs, b.Present)
	if err != nil {
		return nil, err
	}
	c := l.Model.Encode(t, batch)
	if t.Err() != nil {
		return nil, t.Err()
	}
	var values [][]float32
	for _, f := range of(c) {
		v := make([]float32, f.Shape().Len())
		if err := l.Engine.Read(v, f.Value); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// distances returns, [M][M], teacher first, the sum over levels of the mean over
// samples of the mean over elements of the distance, for pairs that a sample has.
func (l *Learner) distances(teachers, students [][]float32, present []modality.Mask) []float64 {
	m := len(l.U)
	d := make([]float64, m*m)
	for level, of := range teachers {
		n := len(of) / (len(present) * m)
		for b, mask := range present {
			for i := range mask.All() {
				for j := range mask.All() {
					if i != j {
						x, y := of[(b*m+i)*n:][:n], students[level][(b*m+j)*n:][:n]
						d[i*m+j] += l.distance(x, y) / float64(len(present))
					}
				}
			}
		}
	}
	return d
}

// distance is the mean over elements of the distance of x and y.
func (l *Learner) distance(x, y []float32) float64 {
	sum := 0.0
	for k := range x {
		diff := float64(x[k]) - float64(y[k])
		if l.Distill.L2 {
			diff *= diff
		}
		sum += math.Abs(diff)
	}
	return sum / float64(len(x))
}

// step is a step of Adam with coupled decay on the importances.
func (l *Learner) step(du []float64) {
	const beta1, beta2, eps = .9, .999, 1e-8
	l.Steps++
	c1 := 1 - math.Pow(beta1, float64(l.Steps))
	c2 := 1 - math.Pow(beta2, float64(l.Steps))
	for i, g := range du {
		g += l.Options.Decay * float64(l.U[i])
		m := beta1*float64(l.M[i]) + (1-beta1)*g
		v := beta2*float64(l.V[i]) + (1-beta2)*g*g
		l.M[i], l.V[i] = float32(m), float32(v)
		l.U[i] -= float32(l.Options.LR * (m / c1) / (math.Sqrt(v/c2) + eps))
	}
}
