// Package modeltest is what the tests of a model share: [Run], which checks what
// every model must hold, and [Golden], which compares steps of training with
// PyTorch's, on all [Devices].
package modeltest

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/engine/opencl"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
	"github.com/lacuna-ml/lacuna/train/loss"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/optim"
)

// Device is a device to test on.
type Device struct {
	Name string
	Slow bool // plain loops: a step takes seconds
	// Open skips the test, or fails it where LACUNA_FORBID_SKIP is 1, if this
	// machine has no such device.
	Open func(t testing.TB) engine.Engine
}

// Devices returns all devices that there are.
func Devices() []Device {
	return []Device{
		{Name: "cpu", Open: func(testing.TB) engine.Engine { return cpu.New(cpu.Options{Poison: true}) }},
		{Name: "reference", Slow: true, Open: func(testing.TB) engine.Engine { return reference.New() }},
		{Name: "opencl, for a CPU", Open: openCL(opencl.ForCPU)},
		{Name: "opencl, for a GPU", Open: openCL(opencl.ForGPU)},
	}
}

func openCL(k opencl.Kernels) func(t testing.TB) engine.Engine {
	return func(t testing.TB) engine.Engine {
		t.Helper()
		all, err := opencl.Devices()
		if len(all) == 0 {
			if os.Getenv("LACUNA_FORBID_SKIP") == "1" {
				t.Fatalf("no OpenCL device (%v), and LACUNA_FORBID_SKIP is set", err)
			}
			t.Skipf("SKIPPED, nothing of this was tested: no OpenCL device: %v", err)
		}
		e, err := opencl.New(opencl.Options{Kernels: k})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

// Trial is a model that is trained in a test.
type Trial struct {
	Model     nn.Model
	Objective loss.Objective
	Optimiser optim.Options
	LR        float64
	Distil    distill.Options
	U         []float32 // raw importances

	opt  optim.Optimiser
	step uint64
}

// Open makes a trial on a device.
type Open func(e engine.Engine) (*Trial, error)

// Batch is a batch of a test.
type Batch struct {
	Inputs  [][]ingest.Array
	Present []modality.Mask
	Targets []ingest.Labels
}

// Step makes a step of training on e, whose dropout has the step's number, from
// 1, for a seed. It returns the losses before it.
func (r *Trial) Step(e engine.Engine, b Batch) (task, distil float64, err error) {
	p := r.Model.Params()
	if r.opt == nil {
		if r.opt, err = optim.New(e, p.Value.Shape.Len(), r.Optimiser); err != nil {
			return 0, 0, err
		}
	}
	r.step++
	t := autograd.New(e)
	t.Seed = r.step
	defer t.Reset()
	in, err := nn.NewBatch(t, b.Inputs, b.Present)
	if err != nil {
		return 0, 0, err
	}
	c := r.Model.Encode(t, in)
	apart := r.Distil.On(t, c.Features, r.U, b.Present)
	c.Features = t.Impute(c.Features, in.Mask)
	on, err := r.Objective.On(t, r.Model.Decode(t, c), b.Targets)
	if err != nil {
		return 0, 0, err
	}
	if task, err = on.Value(); err != nil {
		return 0, 0, err
	}
	if distil, err = apart.Value(); err != nil {
		return 0, 0, err
	}
	if err := t.Backward(); err != nil {
		return 0, 0, err
	}
	r.opt.Step(p.Value, p.Grad, r.LR)
	return task, distil, nil
}

// predict returns the logits of a batch in evaluation.
func predict(e engine.Engine, m nn.Model, b Batch) ([]float32, error) {
	t := autograd.New(e)
	t.Train, t.Frozen = false, true
	defer t.Reset()
	in, err := nn.NewBatch(t, b.Inputs, b.Present)
	if err != nil {
		return nil, err
	}
	y := nn.Predict(t, m, in)
	if t.Err() != nil {
		return nil, t.Err()
	}
	out := make([]float32, y.Shape().Len())
	return out, e.Read(out, y.Value)
}

// Run checks, on the CPU, what every model must hold. open makes it with its
// loss; b has at least two samples with all modalities.
func Run(t *testing.T, open Open, b Batch) {
	for _, c := range []struct {
		name string
		f    func(t *testing.T, open Open, b Batch)
	}{
		{"start is the seed's", startsAlike},
		{"values read are the values written", readWrite},
		{"what is learned gets its gradient", everyGradient},
		{"same bits for any number of workers", sameBits},
		{"a step on a part of the modalities", partial},
		{"every combination is predicted", combinations},
		{"samples do not see each other", apart},
		{"evaluation changes nothing", unchanged},
		{"inputs of other shapes are an error", strangeInputs},
		{"no memory is lost", noLeak},
	} {
		t.Run(c.name, func(t *testing.T) { c.f(t, open, b) })
	}
}

func mustOpen(t *testing.T, workers int, open Open) (engine.Engine, *Trial) {
	t.Helper()
	e := cpu.New(cpu.Options{Workers: workers, Poison: true})
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	r, err := open(e)
	if err != nil {
		t.Fatal(err)
	}
	return e, r
}

// values returns all parameters, kept ones included.
func values(t *testing.T, m nn.Model) []float32 {
	t.Helper()
	var all []float32
	for p := range m.Params().All() {
		v, err := m.Params().Read(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v...)
	}
	return all
}

func steps(t *testing.T, e engine.Engine, r *Trial, b Batch, n int) {
	t.Helper()
	for range n {
		if _, _, err := r.Step(e, b); err != nil {
			t.Fatal(err)
		}
	}
}

func startsAlike(t *testing.T, open Open, _ Batch) {
	_, r := mustOpen(t, 1, open)
	_, s := mustOpen(t, 2, open)
	if !slices.Equal(values(t, r.Model), values(t, s.Model)) {
		t.Error("two starts differ")
	}
}

func sameBits(t *testing.T, open Open, b Batch) {
	var want []float32
	for _, workers := range []int{1, 2, 5} {
		e, r := mustOpen(t, workers, open)
		steps(t, e, r, b, 2)
		got := values(t, r.Model)
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d workers: parameters differ after two steps", workers)
		}
	}
}

func noLeak(t *testing.T, open Open, b Batch) {
	e, r := mustOpen(t, 1, open)
	steps(t, e, r, b, 1)
	used := e.Memory()
	steps(t, e, r, b, 2)
	if _, err := predict(e, r.Model, b); err != nil {
		t.Fatal(err)
	}
	if now := e.Memory(); now.InUse != used.InUse {
		t.Errorf("%d bytes are in use after three steps, %d after one", now.InUse, used.InUse)
	}
}

func combinations(t *testing.T, open Open, b Batch) {
	e, r := mustOpen(t, 1, open)
	m := len(b.Inputs[0])
	for mask := modality.Mask(1); mask < 1<<m; mask++ {
		// What a sample lacks may be anything, or nothing.
		var inputs [][]ingest.Array
		for _, s := range b.Inputs {
			s = slices.Clone(s)
			for i := range s {
				if !mask.Has(i) {
					s[i] = ingest.Array{}
				}
			}
			inputs = append(inputs, s)
		}
		got, err := predict(e, r.Model, Batch{inputs, slices.Repeat([]modality.Mask{mask}, len(inputs)), nil})
		if err != nil {
			t.Fatalf("%b: %v", mask, err)
		}
		for i, v := range got {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("%b: logit %d is %v", mask, i, v)
			}
		}
	}
}

func apart(t *testing.T, open Open, b Batch) {
	e, r := mustOpen(t, 1, open)
	together, err := predict(e, r.Model, b)
	if err != nil {
		t.Fatal(err)
	}
	each := len(together) / len(b.Inputs)
	for n := range b.Inputs {
		alone, err := predict(e, r.Model, Batch{b.Inputs[n : n+1], b.Present[n : n+1], nil})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range alone {
			// Kernels may sum in another order for another size of the batch.
			if w := together[n*each+i]; math.Abs(float64(v-w)) > 1e-4*(1+math.Abs(float64(w))) {
				t.Fatalf("sample %d logit %d is %v alone and %v with others", n, i, v, w)
			}
		}
	}
}

func strangeInputs(t *testing.T, open Open, b Batch) {
	e, r := mustOpen(t, 1, open)
	if _, err := predict(e, r.Model, b); err != nil {
		t.Fatal(err)
	}
	used := e.Memory().InUse
	refused := func(name string, inputs []ingest.Array) {
		all := slices.Repeat([][]ingest.Array{inputs}, len(b.Inputs))
		mask := slices.Repeat([]modality.Mask{1<<len(inputs) - 1}, len(all))
		if _, err := predict(e, r.Model, Batch{all, mask, nil}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if now := e.Memory().InUse; now != used {
			t.Errorf("%s: %d bytes are in use, before it were %d", name, now, used)
		}
	}
	first := b.Inputs[0]
	for i, a := range first {
		for axis := range a.Shape {
			for _, by := range []int{-1, 1} {
				s := slices.Clone(first)
				s[i].Shape = slices.Clone(a.Shape)
				s[i].Shape[axis] += by
				s[i].Data = make([]float32, s[i].Len())
				refused(fmt.Sprintf("modality %d of %v", i, s[i].Shape), s)
			}
		}
	}
	refused("a modality too few", first[1:])
	refused("a modality too many", append(slices.Clone(first), first[0]))
}

func everyGradient(t *testing.T, open Open, b Batch) {
	e, r := mustOpen(t, 1, open)
	p := r.Model.Params()
	e.Fill(p.Grad, float32(math.NaN()))
	steps(t, e, r, b, 1)
	for q := range p.All() {
		if q.Grad == nil {
			continue
		}
		g := make([]float32, q.Shape.Len())
		if err := e.Read(g, q.Grad); err != nil {
			t.Fatal(err)
		}
		size := 0.0
		for _, v := range g {
			size += math.Abs(float64(v))
		}
		if !(size > 0) || math.IsInf(size, 0) {
			t.Errorf("%s: the magnitudes of its gradient sum to %v", q.Name, size)
		}
	}
}

func partial(t *testing.T, open Open, b Batch) {
	for i := range b.Inputs[0] {
		e, r := mustOpen(t, 1, open)
		steps(t, e, r, Batch{b.Inputs, slices.Repeat([]modality.Mask{1 << i}, len(b.Inputs)), b.Targets}, 2)
		for k, v := range values(t, r.Model) {
			if math.IsNaN(float64(v)) {
				t.Fatalf("modality %d alone: parameter value %d is NaN after two steps", i, k)
			}
		}
	}
}

func unchanged(t *testing.T, open Open, b Batch) {
	e, r := mustOpen(t, 1, open)
	steps(t, e, r, b, 1)
	was := values(t, r.Model)
	first, err := predict(e, r.Model, b)
	if err != nil {
		t.Fatal(err)
	}
	second, err := predict(e, r.Model, b)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(first, second) || !slices.Equal(was, values(t, r.Model)) {
		t.Error("a prediction changed the network, or the next one")
	}
}

func readWrite(t *testing.T, open Open, _ Batch) {
	_, r := mustOpen(t, 1, open)
	p := r.Model.Params()
	for q := range p.All() {
		p.Write(q, Uniform(q.Name, q.Shape.Len()))
	}
	for q := range p.All() {
		v, err := p.Read(q)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(v, Uniform(q.Name, q.Shape.Len())) {
			t.Errorf("%s: read other values than were written", q.Name)
		}
	}
}
