package meta

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
	"github.com/lacuna-ml/lacuna/train/loss"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// tiny has a smooth linear encoder for each modality, with batch norm so that
// there are statistics to leave alone, and a linear classifier. What comes before
// the norm is its skip, which only distillation looks at.
type tiny struct {
	mods   int
	params *nn.Params
	enc    []*nn.Conv
	norm   *nn.Norm
	last   *nn.Linear
}

const values, features, classes = 4, 3, 3

func newTiny(e engine.Engine, mods int) *tiny {
	var b nn.Builder
	n := &tiny{mods: mods}
	for m := range mods {
		n.enc = append(n.enc, b.Conv(fmt.Sprint("enc", m), 1, features, engine.Window{Kernel: [3]int{1, 1, values}}, true))
	}
	n.norm = b.BatchNorm("norm", features, 1)
	n.last = b.Linear("last", mods*features, classes)
	var err error
	if n.params, err = b.Build(e, 7); err != nil {
		panic(err)
	}
	return n
}

func (n *tiny) Params() *nn.Params { return n.params }

func (n *tiny) Encode(t *autograd.Tape, b nn.Batch) nn.Code {
	var all, below *autograd.Var
	for m := range n.mods {
		places := b.Has(m, m+1)
		if len(places) == 0 {
			continue
		}
		add := func(sum, x *autograd.Var) *autograd.Var {
			x = t.Gather(t.Rows(x), nn.Spread(places, n.mods*len(b.Present), -1))
			if sum == nil {
				return x
			}
			return t.Add(sum, x)
		}
		x := n.enc[m].Forward(t, b.Stack(t, places, 0))
		below = add(below, x)
		all = add(all, n.norm.Forward(t, x, nil))
	}
	return nn.Code{Features: all, Skips: []*autograd.Var{below}}
}

func (n *tiny) Decode(t *autograd.Tape, c nn.Code) *autograd.Var {
	return n.last.Forward(t, t.View(c.Features, c.Features.Shape()[0]/n.mods, n.mods*features))
}

// someBatch has n samples, which lack a modality where lacking.
func someBatch(n, mods, seed int, lacking bool) Batch {
	var b Batch
	for i := range n {
		in := make([]ingest.Array, mods)
		mask := modality.Mask(1<<mods - 1)
		if lacking && i%2 == 1 {
			mask = mask.Without(i / 2 % mods)
		}
		for m := range mask.All() {
			v := make([]float32, values)
			for k := range v {
				v[k] = float32(math.Sin(float64(seed*31+i*7+m*3+k*k) * 1.3))
			}
			in[m] = ingest.Array{Shape: []int{1, values}, Data: v}
		}
		b.Inputs, b.Present, b.Targets = append(b.Inputs, in), append(b.Present, mask), append(b.Targets, ingest.Class(uint8((i*seed+i)%classes)))
	}
	return b
}

func learner(t *testing.T, o Options, d distill.Options, mods int) *Learner {
	e := reference.New()
	t.Cleanup(func() { e.Close() })
	l := &Learner{Engine: e, Model: newTiny(e, mods), Objective: loss.Classes{N: classes}, Distill: d, Options: o}
	l.Start(mods, 1)
	return l
}

// everything returns all that a model has, bit by bit.
func everything(t *testing.T, l *Learner) []float32 {
	var all []float32
	for p := range l.Model.Params().All() {
		v, err := l.Model.Params().Read(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v...)
	}
	return all
}

func TestStepChangesImportancesAlone(t *testing.T) {
	for _, kind := range []string{Gate, Bilevel, LeaveOut} {
		t.Run(kind, func(t *testing.T) {
			l := learner(t, Options{Kind: kind, LR: .01, Scale: 1}, distill.Options{Alpha: .5}, 3)
			params, u := everything(t, l), slices.Clone(l.U)
			var err error
			switch kind {
			case Gate:
				_, err = l.Gate(someBatch(6, 3, 2, true))
			case LeaveOut:
				_, err = l.LeaveOut(someBatch(6, 3, 2, true))
			case Bilevel:
				_, err = l.Bilevel(someBatch(6, 3, 1, true), someBatch(5, 3, 2, false), .1)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := everything(t, l); !slices.Equal(got, params) {
				t.Error("a parameter of the network has changed")
			}
			for i := range u {
				if l.U[i] == u[i] {
					t.Errorf("importance %d has not", i)
				}
			}
			if used := l.Engine.Memory().InUse; used != memoryOf(l) {
				t.Errorf("%d bytes in use, the parameters take %d", used, memoryOf(l))
			}
		})
	}
}

func memoryOf(l *Learner) int64 {
	p := l.Model.Params()
	n := p.Value.Shape.Len() + p.Grad.Shape.Len()
	for q := range p.All() {
		if q.Grad == nil {
			n += q.Shape.Len()
		}
	}
	return int64(4 * n)
}

// The gate's loss is smooth in u, so that central differences of 1e-2 are good
// to their square, and float32 to 1e-6 / 1e-2.
func TestGateGradient(t *testing.T) {
	for _, activation := range []string{distill.Softmax, distill.Sigmoid, distill.ReLU, distill.Raw} {
		for _, scale := range []float64{1, 3} {
			t.Run(fmt.Sprint(activation, scale), func(t *testing.T) {
				l := learner(t, Options{Kind: Gate, LR: .01, Scale: scale}, distill.Options{Activation: activation}, 3)
				b := someBatch(6, 3, 2, true)
				_, du, err := l.gateGradient(b)
				if err != nil {
					t.Fatal(err)
				}
				check(t, l, du, 1e-2, 2e-3, func() (float64, error) { v, _, err := l.gateGradient(b); return v, err })
			})
		}
	}
}

// Brute force: the loss after an inner step taken with each u. The inner step is
// long and alpha large, so that what u moves stands out of float32's rounding,
// 1e-7 of a loss of about 1, over a difference of 0.02.
func TestBilevelGradient(t *testing.T) {
	for _, tt := range []struct {
		distill.Options
		levels bool
	}{
		{distill.Options{Alpha: 2}, false},
		{distill.Options{Alpha: 2}, true},
		{distill.Options{Alpha: 2, L2: true}, false},
		{distill.Options{Alpha: 2, Activation: distill.Sigmoid}, false},
		{distill.Options{Alpha: 2, Activation: distill.ReLU}, true},
		{distill.Options{Alpha: 2, Activation: distill.Raw, L2: true}, false},
	} {
		t.Run(fmt.Sprintf("%+v", tt), func(t *testing.T) {
			d := tt.Options
			l := learner(t, Options{Kind: Bilevel, LR: .01, Scale: 1}, d, 3)
			l.AllLevels = tt.levels
			l.U = []float32{.8, .5, 1.1} // far from 0, where ratios of raw weights have no bound
			in, out := someBatch(8, 3, 1, true), someBatch(5, 3, 2, false)
			const lr = .2
			_, du, err := l.bilevelGradient(in, out, lr)
			if err != nil {
				t.Fatal(err)
			}
			check(t, l, du, .01, .02, func() (float64, error) { return bruteForce(l, in, out, lr) })
			if d.Activation == "" {
				if sum := du[0] + du[1] + du[2]; math.Abs(sum) > 1e-6 {
					t.Errorf("softmax's gradient sums to %g, want 0: only ratios count", sum)
				}
			}
		})
	}
}

// bruteForce takes the inner step and returns the loss after it.
func bruteForce(l *Learner, in, out Batch, lr float64) (float64, error) {
	p := l.Model.Params()
	kept := l.Engine.New(tensor.Shape{p.Value.Shape.Len()}, tensor.Plain)
	defer l.Engine.Free(kept)
	l.Engine.Copy(kept, p.Value)
	defer l.Engine.Copy(p.Value, kept)
	if _, err := l.gradient(in, true); err != nil {
		return 0, err
	}
	l.Engine.Axpby(p.Value, float32(-lr), p.Grad, 1)
	return l.gradient(out, false)
}

// check compares a gradient to u with central differences of f, within part of
// the largest.
func check(t *testing.T, l *Learner, du []float64, h float32, part float64, f func() (float64, error)) {
	t.Helper()
	largest := 0.0
	for _, g := range du {
		largest = math.Max(largest, math.Abs(g))
	}
	if largest < 1e-4 {
		t.Fatalf("gradient %v is too small to compare", du)
	}
	for i := range du {
		u := l.U[i]
		var v [2]float64
		for k, sign := range []float32{1, -1} {
			l.U[i] = u + sign*h
			var err error
			if v[k], err = f(); err != nil {
				t.Fatal(err)
			}
		}
		l.U[i] = u
		want := (v[0] - v[1]) / (2 * float64(h))
		if math.Abs(du[i]-want) > part*largest {
			t.Errorf("importance %d: got %g, differences say %g (all: %v)", i, du[i], want, du)
		}
	}
}

// A network that has learned classes which modality 1 alone tells misses that one
// most.
func TestLeaveOutFindsWhatCounts(t *testing.T) {
	l := learner(t, Options{Kind: LeaveOut, LR: .05, Scale: 1}, distill.Options{}, 3)
	p := l.Model.Params()
	b := someBatch(9, 3, 2, false)
	for i := range b.Inputs {
		for k := range b.Inputs[i][1].Data {
			b.Inputs[i][1].Data[k] = 2 * float32(int(b.Targets[i].Data[0])-1)
		}
	}
	for range 60 {
		if _, err := l.gradient(b, false); err != nil {
			t.Fatal(err)
		}
		l.Engine.Axpby(p.Value, -.1, p.Grad, 1)
	}
	for range 20 {
		if _, err := l.LeaveOut(b); err != nil {
			t.Fatal(err)
		}
	}
	if l.U[1] <= l.U[0]+.5 || l.U[1] <= l.U[2]+.5 {
		t.Errorf("importances %v: want the second far above", l.U)
	}
}

func TestOptionsCheck(t *testing.T) {
	for _, tt := range []struct {
		o  Options
		ok bool
	}{
		{Options{Kind: Off}, true},
		{Options{Kind: Gate, LR: .01, Scale: 1}, true},
		{Options{Kind: "gates", LR: .01, Scale: 1}, false},
		{Options{Kind: Gate, Scale: 1}, false},
		{Options{Kind: Bilevel, LR: .01}, false},
	} {
		if err := tt.o.Check(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.o, err)
		}
	}
}

// A phase of meta-learning: the importances move, by the gradient through the gate.
func ExampleLearner_Gate() {
	e := reference.New()
	defer e.Close()
	net := newTiny(e, 2)
	l := &Learner{Engine: e, Model: net, Objective: loss.Classes{N: classes}, Options: Options{Kind: Gate, LR: .01, Scale: 1}}
	l.Start(2, 1)
	fmt.Printf("weights %.3f\n", l.Weights())
	if _, err := l.Gate(someBatch(6, 2, 2, false)); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("weights %.3f\n", l.Weights())
	// Output:
	// weights [0.514 0.486]
	// weights [0.519 0.481]
}
