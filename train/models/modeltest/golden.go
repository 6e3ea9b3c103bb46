package modeltest

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Case is one of a file of goldens that bench/golden_nets.py made.
type Case struct {
	Name string
	// Missing says that samples lack modalities: see [Case.Present].
	Missing bool
	Dropout bool
	L2      bool            // of distillation
	Options json.RawMessage // of the model

	Task, Distil []float64             // losses before each step
	Gradients    map[string][3]float64 // of the first step: see bench/golden_nets.py
	Logits       [3]float64            // of batch 0 in evaluation after the last
}

// batches is how many there are; then they come again.
const batches = 4

// Golden compares training with the cases of a file: the losses of all steps,
// the gradients of the first, and what is predicted after the last; on slow
// devices one step of the first case. open makes
// the model, and batch the k-th batch, k being below 4.
func Golden(t *testing.T, file string, open func(e engine.Engine, c Case) (*Trial, error), batch func(c Case, k int) Batch) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Cases []Case }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(all.Cases) == 0 {
		t.Fatalf("%s has no cases", file)
	}
	for i, c := range all.Cases {
		for _, d := range Devices() {
			if d.Slow && i > 0 {
				continue
			}
			t.Run(c.Name+" on "+d.Name, func(t *testing.T) {
				e := d.Open(t)
				defer func() {
					if err := e.Close(); err != nil {
						t.Error(err)
					}
				}()
				c.compare(t, e, d.Slow, open, batch)
			})
		}
	}
}

func (c Case) compare(t *testing.T, e engine.Engine, slow bool, open func(e engine.Engine, c Case) (*Trial, error), batch func(c Case, k int) Batch) {
	r, err := open(e, c)
	if err != nil {
		t.Fatal(err)
	}
	p := r.Model.Params()
	for q := range p.All() {
		if q.Grad != nil {
			p.Write(q, start(q.Name, q.Shape))
		}
	}
	steps := len(c.Task)
	if slow {
		steps = 1
	}
	for k := range steps {
		task, distil, err := r.Step(e, batch(c, k%batches))
		if err != nil {
			t.Fatal(err)
		}
		// The issue asks for 1e-4; losses are about 1 and single precision's
		// rounding is amplified from step to step.
		if !near(task, c.Task[k], 1e-4) || !near(distil, c.Distil[k], 1e-4) {
			t.Errorf("step %d: losses %v and %v, want %v and %v", k+1, task, distil, c.Task[k], c.Distil[k])
		}
		if k == 0 {
			c.gradients(t, e, r)
		}
	}
	if slow {
		return
	}
	logits, err := predict(e, r.Model, batch(c, 0))
	if err != nil {
		t.Fatal(err)
	}
	for k, got := range sums(logits) {
		// 20 steps of roundings are in the parameters by now.
		if want := c.Logits[k]; !near(got, want, 1e-4*c.Logits[1]) {
			t.Errorf("logits after the last step: sum %d is %v, want %v of %v", k, got, want, c.Logits[1])
		}
	}
}

func near(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance }

// gradients compares three sums of each parameter's gradient.
func (c Case) gradients(t *testing.T, e engine.Engine, r *Trial) {
	seen := 0
	for q := range r.Model.Params().All() {
		if q.Grad == nil {
			continue
		}
		g := make([]float32, q.Shape.Len())
		if err := e.Read(g, q.Grad); err != nil {
			t.Fatal(err)
		}
		want, ok := c.Gradients[q.Name]
		if !ok {
			t.Errorf("PyTorch's network has no %s", q.Name)
			continue
		}
		seen++
		for k, got := range sums(g) {
			// Relative to all magnitudes: sums of both signs cancel. The last term is
			// for gradients that are 0 but for rounding, as of a bias before a norm.
			if !near(got, want[k], 1e-4*want[1]+1e-6*float64(len(g))) {
				t.Errorf("gradient of %s: sum %d is %v, want %v of %v", q.Name, k, got, want[k], want[1])
			}
		}
	}
	if seen != len(c.Gradients) {
		t.Errorf("%d parameters, PyTorch's network has %d", seen, len(c.Gradients))
	}
}

// sums returns what goldens have of an array: see bench/golden_nets.py.
func sums(x []float32) (s [3]float64) {
	for i, v := range Uniform("probe", len(x)) {
		s[0] += float64(x[i])
		s[1] += math.Abs(float64(x[i]))
		s[2] += float64(x[i]) * float64(v)
	}
	return s
}

// Hash returns 32 bits for each i below n that look random and depend on the
// name alone.
func Hash(name string, n int) []uint32 {
	seed := uint64(0xcbf29ce484222325) // FNV-1a
	for _, b := range []byte(name) {
		seed = (seed ^ uint64(b)) * 0x100000001b3
	}
	v := make([]uint32, n)
	for i := range v {
		v[i] = engine.Hash(seed, uint32(i))
	}
	return v
}

// Uniform returns n values in -1..1 that depend on the name alone.
func Uniform(name string, n int) []float32 {
	v := make([]float32, n)
	for i, h := range Hash(name, n) {
		v[i] = float32(float64(h)/(1<<31) - 1)
	}
	return v
}

// start returns a parameter's values: of matrices and kernels uniform with
// variance 1/fan in, of norms about 1, of biases about 0.
func start(name string, s tensor.Shape) []float32 {
	v := make([]float32, s.Len())
	for i, h := range Hash(name, len(v)) {
		u := float64(h)/(1<<31) - 1
		switch {
		case len(s) > 1:
			u *= math.Sqrt(3 / float64(s[1:].Len()))
		case strings.Contains(name, ".norm") && strings.HasSuffix(name, ".weight"):
			u = .1*u + 1
		default:
			u *= .1
		}
		v[i] = float32(u)
	}
	return v
}

// Present returns which of m modalities the samples of a batch have.
func (c Case) Present(batch string, samples, m int) []modality.Mask {
	masks := make([]modality.Mask, samples)
	for i, h := range Hash("present/"+batch, samples) {
		masks[i] = 1<<m - 1
		if c.Missing {
			masks[i] = modality.Mask(h%(1<<m-1) + 1)
		}
	}
	return masks
}
