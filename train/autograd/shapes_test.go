package autograd_test

import (
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
	"github.com/lacuna-ml/lacuna/train/tensor"
	"pgregory.net/rapid"
)

// TestNoShapePanics calls operations with values of any shapes and layouts: each
// fits, or is an error, on a strict device and on the fast one.
func TestNoShapePanics(t *testing.T) {
	for _, operation := range anyShape {
		t.Run(operation.name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) { mustNotPanic(r, operation.f) })
		})
	}
}

func mustNotPanic(r *rapid.T, f func(d drawer, x []*autograd.Var) *autograd.Var) {
	e := reference.New()
	if rapid.Bool().Draw(r, "cpu") {
		e = cpu.New(cpu.Options{Workers: 1})
	}
	defer e.Close()
	d := drawer{T: r, tape: autograd.New(e), e: e}
	d.known = d.shape("known shape")
	var x []*autograd.Var
	for range 4 {
		v := d.tensor()
		x = append(x, d.tape.Leaf(v, e.New(v.Shape, v.Layout)))
	}
	used := e.Memory().InUse
	if y := f(d, x); y != nil && y.Value != nil {
		d.tape.Probe(y, weights(y.Shape().Len()))
	}
	if err := d.tape.Backward(); err != nil {
		r.Log(err)
	}
	if now := e.Memory().InUse; now != used {
		r.Fatalf("%d bytes are in use, before it were %d", now, used)
	}
}

type drawer struct {
	*rapid.T
	tape  *autograd.Tape
	e     engine.Engine
	known tensor.Shape // comes often, so that operations fit now and then
}

func (d *drawer) int(lo, hi int, what string) int { return rapid.IntRange(lo, hi).Draw(d.T, what) }

func (d *drawer) triple(lo, hi int, what string) (v [3]int) {
	for a := range v {
		v[a] = d.int(lo, hi, what)
	}
	return v
}

func (d *drawer) shape(what string) tensor.Shape {
	size := rapid.SampledFrom([]int{1, 2, 2, 3, 4, 16, 17})
	rank := rapid.SampledFrom([]int{0, 1, 2, 2, 3, 4, 5, 5, 5, 5}).Draw(d.T, "rank")
	s := tensor.Shape(rapid.SliceOfN(size, rank, rank).Draw(d.T, what))
	for a := len(s) - 1; s.Len() > 2000; a-- {
		s[a] = 1
	}
	return s
}

// near returns a shape that has to do with the known one, or any.
func (d *drawer) near(what string) tensor.Shape {
	s := slices.Clone(d.known)
	switch kind := d.int(0, 5, what); {
	case kind == 0 || len(s) < 2:
		return d.shape(what)
	case kind == 1: // parts
		lo := d.int(0, len(s), "from")
		s = s[lo:d.int(lo, len(s), "to")]
	case kind == 2: // another batch, or number of channels
		s[d.int(0, 1, "index")] = d.int(1, 4, "size")
	case kind == 3 && len(s) == 5: // weights of a convolution, or of its transposed
		k := d.triple(1, 3, "kernel")
		s = tensor.Shape{d.int(1, 3, "channels"), s[1], k[0], k[1], k[2]}
		if rapid.Bool().Draw(d.T, "transposed") {
			s[0], s[1] = s[1], s[0]
		}
	}
	return s
}

func (d *drawer) tensor() *engine.Tensor {
	s := d.near("leaf")
	l := tensor.Plain
	if len(s) == 5 && rapid.Bool().Draw(d.T, "blocked") {
		l = tensor.Blocked
	}
	x := d.e.New(s, l)
	d.e.Fill(x, .5)
	return x
}

// temp returns a constant.
func (d *drawer) temp() *engine.Tensor {
	s := d.near("constant")
	if len(d.known) > 0 && rapid.Bool().Draw(d.T, "by modality") {
		m := d.int(1, 3, "modalities")
		s = tensor.Shape{max(1, d.known[0]/m), m, m}[:d.int(1, 3, "rank of the constant")]
	}
	x := d.tape.Buffer(s...)
	d.e.Fill(x, 1)
	return x
}

func (d *drawer) window(w *autograd.Var) engine.Window {
	win := engine.Window{Kernel: d.triple(-1, 4, "kernel"), Stride: d.triple(0, 3, "stride"), Pad: d.triple(-1, 2, "padding"), Dilation: d.triple(0, 2, "dilation")}
	if s := w.Shape(); len(s) == 5 && d.int(0, 3, "kernel of the weights") > 0 {
		win.Kernel = [3]int(s[2:])
	}
	if rapid.Bool().Draw(d.T, "no padding") {
		win.Pad = [3]int{}
	}
	return win
}

// maybe returns x or nil.
func (d *drawer) maybe(x *autograd.Var) *autograd.Var {
	if rapid.Bool().Draw(d.T, "nil") {
		return nil
	}
	return x
}

var anyShape = []struct {
	name string
	f    func(d drawer, x []*autograd.Var) *autograd.Var
}{
	{"add", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.Add(x[0], x[1]) }},
	{"multiply", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.Mul(x[0], x[1]) }},
	{"relu", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.ReLU(x[0]) }},
	{"dropout", func(d drawer, x []*autograd.Var) *autograd.Var {
		return d.tape.Dropout(x[0], rapid.Float32().Draw(d.T, "p"))
	}},
	{"view", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.View(x[0], x[1].Shape()...) }},
	{"rows", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.Rows(x[0]) }},
	{"conv", func(d drawer, x []*autograd.Var) *autograd.Var {
		return d.tape.Conv(x[0], x[1], d.maybe(x[2]), d.window(x[1]))
	}},
	{"transposed conv", func(d drawer, x []*autograd.Var) *autograd.Var {
		return d.tape.ConvTransposed(x[0], x[1], d.maybe(x[2]), d.window(x[1]))
	}},
	{"norm", func(d drawer, x []*autograd.Var) *autograd.Var {
		s := engine.NormSpec{Per: engine.Per(d.int(0, 1, "per")), Frozen: rapid.Bool().Draw(d.T, "frozen"), Eps: 1}
		var stats *engine.Tensor
		if rapid.Bool().Draw(d.T, "statistics") {
			stats = d.temp()
		}
		y, _ := d.tape.Norm(x[0], d.maybe(x[1]), d.maybe(x[2]), d.maybe(x[3]), stats, s)
		return y
	}},
	{"max pool", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.MaxPool(x[0], d.window(x[1])) }},
	{"mean", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.Mean(x[0]) }},
	{"upsample", func(d drawer, x []*autograd.Var) *autograd.Var {
		return d.tape.Upsample(x[0], d.triple(-1, 3, "factor"), rapid.Bool().Draw(d.T, "linear"))
	}},
	{"layout", func(d drawer, x []*autograd.Var) *autograd.Var {
		return d.tape.To(tensor.Layout(d.int(0, 1, "layout")), x[0])
	}},
	{"concat", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.Concat(x[:d.int(0, 3, "count")]...) }},
	{"channels", func(d drawer, x []*autograd.Var) *autograd.Var {
		return d.tape.Channels(x[0], d.int(-1, 3, "from"), d.int(-1, 3, "count"))
	}},
	{"product", func(d drawer, x []*autograd.Var) *autograd.Var {
		return d.tape.MatMul(x[0], x[1], engine.MatSpec{TransA: rapid.Bool().Draw(d.T, "a"), TransB: rapid.Bool().Draw(d.T, "b")})
	}},
	{"linear", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.Linear(x[0], x[1], d.maybe(x[2])) }},
	{"softmax", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.Softmax(x[0]) }},
	{"layer norm", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.LayerNorm(x[0], x[1], x[2], 1) }},
	{"standardise", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.Standardise(x[0], 1) }},
	{"gate", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.Gate(x[0], x[1]) }},
	{"gather", func(d drawer, x []*autograd.Var) *autograd.Var {
		return d.tape.Gather(x[0], rapid.SliceOfN(rapid.IntRange(-1, 3), 0, 4).Draw(d.T, "samples"))
	}},
	{"impute", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.Impute(x[0], d.temp()) }},
	{"join", func(d drawer, x []*autograd.Var) *autograd.Var { return d.tape.Join(x[0], d.int(-1, 4, "modalities")) }},
	{"cross-entropy", func(d drawer, x []*autograd.Var) *autograd.Var {
		d.tape.CrossEntropy(x[0], d.temp(), 1)
		return nil
	}},
	{"regions", func(d drawer, x []*autograd.Var) *autograd.Var {
		d.tape.Regions(x[0], d.temp(), func(sums []float32) (float64, []float32) { return 0, make([]float32, len(sums)/4*3) })
		return nil
	}},
	{"distances", func(d drawer, x []*autograd.Var) *autograd.Var {
		d.tape.Distances(x[0], d.temp(), d.int(0, 3, "power"))
		return nil
	}},
}
