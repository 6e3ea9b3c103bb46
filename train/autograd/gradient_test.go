package autograd_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// step is that of central differences. Values of leaves lie at least 3 steps
// from each other and from 0, so that no difference goes over the kink of a
// maximum, a magnitude or an activation.
const step = 1.0 / 64

// leaf is a parameter of a test.
type leaf struct {
	shape  tensor.Shape
	layout tensor.Layout
}

func plain(s ...int) leaf   { return leaf{s, tensor.Plain} }
func blocked(s ...int) leaf { return leaf{s, tensor.Blocked} }

// bench is a device with leaves on it.
type bench struct {
	eng    engine.Engine
	tape   *autograd.Tape
	values []*engine.Tensor
	grads  []*engine.Tensor
	start  [][]float32
}

func newBench(e engine.Engine, rng *rand.Rand, leaves []leaf) *bench {
	b := &bench{eng: e, tape: autograd.New(e)}
	for _, l := range leaves {
		v := apart(rng, l.shape.Len())
		x := e.New(l.shape, l.layout)
		e.Write(x, v)
		b.values, b.grads, b.start = append(b.values, x), append(b.grads, e.New(l.shape, l.layout)), append(b.start, v)
	}
	return b
}

// apart returns values in about -1..1 that are at least 3 steps from each other
// and from 0.
func apart(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	gap := math.Max(3*step, 2/float64(n))
	for i, k := range rng.Perm(n) {
		v[i] = float32((float64(k) - float64(n)/2 + 0.5) * gap)
		if n%2 == 1 {
			v[i] += float32(gap / 2)
		}
	}
	return v
}

func (b *bench) vars() []*autograd.Var {
	vs := make([]*autograd.Var, len(b.values))
	for i, x := range b.values {
		vs[i] = b.tape.Leaf(x, b.grads[i])
	}
	return vs
}

func (b *bench) read(t testing.TB, x *engine.Tensor) []float32 {
	t.Helper()
	v := make([]float32, x.Shape.Len())
	if err := b.eng.Read(v, x); err != nil {
		t.Fatal(err)
	}
	return v
}

// build makes outputs of leaves; what is probed is their sum, each value times
// a fixed number.
type build func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var

func one(f func(t *autograd.Tape, x []*autograd.Var) *autograd.Var) build {
	return func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var { return []*autograd.Var{f(t, x)} }
}

// weight is by what output value i is multiplied in the probe.
func weight(i int) float32 { return float32((i*7)%11-5) / 8 }

func weights(n int) []float32 {
	r := make([]float32, n)
	for i := range r {
		r[i] = weight(i)
	}
	return r
}

// probe returns the probe's value, with the tape put back.
func (b *bench) probe(t testing.TB, f build) float64 {
	sum := 0.0
	for _, y := range f(b.tape, b.vars()) {
		if b.tape.Err() != nil {
			t.Fatal(b.tape.Err())
		}
		for i, v := range b.read(t, y.Value) {
			sum += float64(v) * float64(weight(i))
		}
	}
	b.tape.Reset()
	return sum
}

// gradients returns the tape's gradient to each leaf.
func (b *bench) gradients(t testing.TB, f build) [][]float32 {
	t.Helper()
	for _, g := range b.grads {
		b.eng.Fill(g, float32(math.NaN())) // must be overwritten
	}
	for _, y := range f(b.tape, b.vars()) {
		b.tape.Probe(y, weights(y.Shape().Len()))
	}
	if err := b.tape.Backward(); err != nil {
		t.Fatal(err)
	}
	var out [][]float32
	for _, g := range b.grads {
		out = append(out, b.read(t, g))
	}
	return out
}

// differences returns the central differences of the probe to up to count
// values of leaf l, and their places.
func (b *bench) differences(t testing.TB, f build, l, count int) (at []int, slopes []float64) {
	v := append([]float32(nil), b.start[l]...)
	stride := max(1, len(v)/count)
	for i := 0; i < len(v); i += stride {
		was := v[i]
		v[i] = was + step
		b.eng.Write(b.values[l], v)
		up := b.probe(t, f)
		v[i] = was - step
		b.eng.Write(b.values[l], v)
		down := b.probe(t, f)
		v[i] = was
		at, slopes = append(at, i), append(slopes, (up-down)/(2*step))
	}
	b.eng.Write(b.values[l], v)
	return at, slopes
}

var cube = engine.Cube(3, false)

var operations = []struct {
	name   string
	leaves []leaf
	f      build
}{
	{"add", []leaf{plain(2, 3), plain(2, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Add(x[0], x[1]) })},
	{"add, a value to itself", []leaf{plain(2, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Add(x[0], x[0]) })},
	{"add, values used again", []leaf{plain(2, 3), plain(2, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		y, z := t.Scale(x[0], 2), t.Scale(x[1], 3)
		return t.Mul(t.Mul(t.Add(y, z), z), y)
	})},
	{"multiply", []leaf{blocked(1, 3, 1, 2, 2), blocked(1, 3, 1, 2, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Mul(x[0], x[1]) })},
	{"square", []leaf{plain(5)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Mul(x[0], x[0]) })},
	{"scale", []leaf{plain(5)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Scale(x[0], -3) })},
	{"relu", []leaf{plain(9)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.ReLU(x[0]) })},
	{"leaky relu", []leaf{plain(9)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Map(x[0], engine.Func{Kind: engine.LeakyReLU, A: .3})
	})},
	{"sigmoid", []leaf{plain(9)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Map(x[0], engine.Func{Kind: engine.Sigmoid})
	})},
	{"gelu", []leaf{plain(9)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Map(x[0], engine.Func{Kind: engine.GELU})
	})},
	{"dropout", []leaf{plain(40)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Dropout(x[0], .3) })},
	{"two dropouts", []leaf{plain(40)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Dropout(t.Dropout(x[0], .3), .3)
	})},
	{"view", []leaf{plain(2, 6)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Mul(t.View(x[0], 3, 4), t.View(x[0], 3, 4))
	})},
	{"view of a value", []leaf{plain(2, 6)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		y := t.Scale(x[0], 2)
		return t.Add(t.View(t.View(y, 12), 3, 4), t.View(t.Mul(y, x[0]), 3, 4))
	})},
	{"view of blocks", []leaf{blocked(4, 16, 1, 1, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Scale(t.View(x[0], 2, 32, 1, 1, 2), 2)
	})},
	{"rows of blocks", []leaf{blocked(2, 3, 1, 2, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Rows(x[0]) })},
	{"layouts", []leaf{plain(2, 17, 1, 1, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.To(tensor.Plain, t.Scale(t.To(tensor.Blocked, x[0]), 2))
	})},
	{"conv", []leaf{blocked(2, 3, 3, 3, 2), plain(2, 3, 3, 3, 3), plain(2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Conv(x[0], x[1], x[2], cube)
	})},
	{"conv, no bias, stride, dilation", []leaf{blocked(1, 2, 1, 5, 6), plain(3, 2, 1, 2, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Conv(x[0], x[1], nil, engine.Window{Kernel: [3]int{1, 2, 3}, Stride: [3]int{1, 2, 1}, Dilation: [3]int{1, 2, 2}, Pad: [3]int{0, 1, 2}})
	})},
	{"conv of a plain input", []leaf{plain(2, 2, 1, 3, 3), plain(2, 2, 1, 3, 3), plain(2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Conv(x[0], x[1], x[2], engine.Cube(3, true))
	})},
	{"conv with the same weights twice", []leaf{blocked(1, 2, 1, 3, 3), plain(2, 2, 1, 3, 3), plain(2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		y := t.Conv(x[0], x[1], x[2], engine.Cube(3, true))
		return t.Conv(y, x[1], x[2], engine.Cube(3, true))
	})},
	{"transposed conv", []leaf{blocked(2, 3, 1, 2, 2), plain(3, 2, 2, 2, 2), plain(2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.ConvTransposed(x[0], x[1], x[2], engine.Window{Kernel: [3]int{2, 2, 2}, Stride: [3]int{2, 2, 2}})
	})},
	{"transposed conv, no bias, plain input", []leaf{plain(1, 2, 1, 2, 3), plain(2, 3, 1, 3, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.ConvTransposed(x[0], x[1], nil, engine.Window{Kernel: [3]int{1, 3, 3}, Stride: [3]int{1, 2, 2}, Pad: [3]int{0, 1, 1}})
	})},
	{"instance norm", []leaf{blocked(2, 2, 1, 2, 3), plain(2), plain(2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return norm(t, x[0], x[1], x[2], nil, engine.NormSpec{Eps: 1e-2, Slope: 1})
	})},
	{"instance norm of a plain input, no affine", []leaf{plain(2, 2, 1, 2, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return norm(t, x[0], nil, nil, nil, engine.NormSpec{Eps: 1e-2, Slope: 1})
	})},
	{"batch norm", []leaf{blocked(2, 2, 1, 2, 3), plain(2), plain(2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return norm(t, x[0], x[1], x[2], nil, engine.NormSpec{Per: engine.Batch, Eps: 1e-2, Slope: 1})
	})},
	{"norm with residual and activation", []leaf{blocked(2, 2, 1, 2, 3), plain(2), plain(2), blocked(2, 2, 1, 2, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return norm(t, x[0], x[1], x[2], t.Scale(x[3], 4), engine.NormSpec{Eps: 1e-2, Slope: .2})
	})},
	{"norm of its own residual", []leaf{blocked(2, 2, 1, 2, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return norm(t, x[0], nil, nil, x[0], engine.NormSpec{Eps: 1e-2, Slope: 1})
	})},
	{"frozen norm", []leaf{blocked(2, 2, 1, 2, 3), plain(2), plain(2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		stats := t.Temp([]float32{.1, 2, -.3, .5}, tensor.Plain, 2, 2).Value
		y, _ := t.Norm(x[0], x[1], x[2], nil, stats, engine.NormSpec{Per: engine.Batch, Slope: 1, Frozen: true})
		return y
	})},
	{"max pool", []leaf{plain(1, 2, 2, 4, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.MaxPool(x[0], engine.Window{Kernel: [3]int{2, 3, 2}, Stride: [3]int{1, 2, 1}, Pad: [3]int{0, 1, 1}})
	})},
	{"mean", []leaf{plain(2, 3, 1, 2, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Mean(x[0]) })},
	{"upsample, nearest", []leaf{blocked(1, 2, 2, 1, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Upsample(x[0], [3]int{1, 3, 2}, false)
	})},
	{"upsample, linear", []leaf{plain(1, 2, 2, 3, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Upsample(x[0], [3]int{2, 3, 2}, true)
	})},
	{"concat", []leaf{plain(2, 1, 2), plain(2, 3, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Concat(x[0], x[1], x[0]) })},
	{"channels", []leaf{blocked(2, 5, 1, 1, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Channels(x[0], 2, 2) })},
	{"product", []leaf{plain(2, 3), plain(3, 4)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.MatMul(x[0], x[1], engine.MatSpec{Alpha: .5})
	})},
	{"products, a transposed", []leaf{plain(2, 3, 2), plain(2, 3, 4)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.MatMul(x[0], x[1], engine.MatSpec{TransA: true})
	})},
	{"product, b transposed", []leaf{plain(2, 3), plain(4, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.MatMul(x[0], x[1], engine.MatSpec{TransB: true})
	})},
	{"product, both transposed", []leaf{plain(3, 2), plain(4, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.MatMul(x[0], x[1], engine.MatSpec{TransA: true, TransB: true, Alpha: -2})
	})},
	{"square of a matrix", []leaf{plain(3, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.MatMul(x[0], x[0], engine.MatSpec{TransB: true})
	})},
	{"linear", []leaf{plain(2, 3), plain(4, 3), plain(4)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Linear(x[0], x[1], x[2]) })},
	{"linear without bias", []leaf{plain(2, 3), plain(4, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Linear(x[0], x[1], nil) })},
	{"softmax", []leaf{plain(2, 2, 3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Softmax(x[0]) })},
	{"layer norm", []leaf{plain(3, 4), plain(4), plain(4)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.LayerNorm(x[0], x[1], x[2], 1e-2)
	})},
	{"standardised weights", []leaf{plain(2, 2, 1, 2, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Standardise(x[0], 1e-2) })},
	{"gate", []leaf{blocked(6, 2, 1, 1, 2), plain(3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Gate(x[0], x[1]) })},
	{"gather", []leaf{plain(3, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Gather(x[0], []int{2, -1, 0, 2}) })},
	{"impute", []leaf{blocked(6, 2, 1, 1, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Impute(x[0], t.Temp([]float32{1, 0, 1, 0, 0, 1}, tensor.Plain, 2, 3).Value)
	})},
	{"join", []leaf{plain(6, 2, 1, 1, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Join(x[0], 3) })},
	{"join of whole blocks", []leaf{blocked(4, 16, 1, 1, 2)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Join(x[0], 2) })},
	{"second use", []leaf{plain(2, 3), plain(3, 3), plain(3)}, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		y := t.Linear(x[0], x[1], x[2])
		z := t.Mul(y, t.Map(y, engine.Func{Kind: engine.Sigmoid}))
		return t.Add(t.Linear(z, x[1], nil), y)
	})},
	{"checkpoint, two outputs", []leaf{plain(2, 3), plain(3, 3), plain(3)}, func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
		return t.Checkpoint(mixed, x...)
	}},
}

func norm(t *autograd.Tape, x, gamma, beta, res *autograd.Var, s engine.NormSpec) *autograd.Var {
	y, _ := t.Norm(x, gamma, beta, res, nil, s)
	return y
}

// mixed has a dropout inside, uses values twice and gives two outputs, of which
// one is of use to the other.
func mixed(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
	y := t.Dropout(t.Linear(x[0], x[1], x[2]), .4)
	z := t.Mul(y, t.Map(x[0], engine.Func{Kind: engine.Sigmoid}))
	return []*autograd.Var{t.Dropout(t.Linear(z, x[1], nil), .4), z}
}

// TestGradients compares the gradient of every operation with central
// differences. Values are float32 of about 1 and what is probed sums at most
// some hundreds of them, so that rounding is below 1e-5/step = 1e-3; what
// central differences leave out is step^2/6 times a third derivative of a few,
// below 1e-3 too.
func TestGradients(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			b := newBench(reference.New(), rand.New(rand.NewPCG(1, 2)), op.leaves)
			used := b.eng.Memory().InUse
			got := b.gradients(t, op.f)
			for l := range op.leaves {
				at, want := b.differences(t, op.f, l, 40)
				for k, i := range at {
					if g := float64(got[l][i]); !(math.Abs(g-want[k]) <= 2e-3*(1+math.Abs(want[k]))) {
						t.Errorf("leaf %d value %d: gradient %v, differences %v", l, i, g, want[k])
					}
				}
			}
			if m := b.eng.Memory().InUse; m != used {
				t.Errorf("%d bytes are in use, before it were %d", m, used)
			}
		})
	}
}

// TestGradientsOfSome holds that a leaf's gradient has the same bits whichever
// of the others want one, and zeros where nothing depends on it.
func TestGradientsOfSome(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			b := newBench(reference.New(), rand.New(rand.NewPCG(1, 2)), op.leaves)
			want := b.gradients(t, op.f)
			grads := b.grads
			for wanted := range 1 << len(grads) {
				b.grads = make([]*engine.Tensor, len(grads))
				for l, g := range grads {
					b.eng.Fill(g, -7)
					if wanted>>l&1 == 1 {
						b.grads[l] = g
					}
				}
				ys := op.f(b.tape, b.vars())
				for _, y := range ys {
					b.tape.Probe(y, weights(y.Shape().Len()))
				}
				if err := b.tape.Backward(); err != nil {
					t.Fatal(err)
				}
				for l, g := range grads {
					for i, v := range b.read(t, g) {
						if wanted>>l&1 == 1 && v != want[l][i] || wanted>>l&1 == 0 && v != -7 {
							t.Fatalf("of leaves %b: leaf %d value %d is %v, of all leaves %v", wanted, l, i, v, want[l][i])
						}
					}
				}
			}
		})
	}
}

// TestLosses compares the losses' gradients with central differences of what
// Value returns, with the tolerance of TestGradients.
func TestLosses(t *testing.T) {
	regions := func(sums []float32) (float64, []float32) {
		// The loss is sum p t + (sum p)^2 / 2 + 2 sum of the cross-entropy.
		loss, coef := 0.0, make([]float32, len(sums)/4*3)
		for i := range len(sums) / 4 {
			loss += float64(sums[4*i]) + float64(sums[4*i+1]*sums[4*i+1])/2 + 2*float64(sums[4*i+3])
			coef[3*i], coef[3*i+1], coef[3*i+2] = 1, sums[4*i+1], 2
		}
		return loss, coef
	}
	cases := []struct {
		name   string
		leaves []leaf
		f      func(t *autograd.Tape, x []*autograd.Var) autograd.Loss
	}{
		{"cross-entropy", []leaf{plain(3, 4)}, func(t *autograd.Tape, x []*autograd.Var) autograd.Loss {
			target := t.Temp([]float32{0, 1, 0, 0, .3, .1, .1, .5, 0, 0, 0, 0}, tensor.Plain, 3, 4)
			return t.CrossEntropy(x[0], target.Value, 3)
		}},
		{"regions", []leaf{blocked(2, 2, 1, 2, 3)}, func(t *autograd.Tape, x []*autograd.Var) autograd.Loss {
			target := make([]float32, 24)
			for i := range target {
				target[i] = float32(i % 2)
			}
			return t.Regions(x[0], t.Temp(target, tensor.Plain, 2, 2, 1, 2, 3).Value, regions)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(reference.New(), rand.New(rand.NewPCG(3, 4)), c.leaves)
			used := b.eng.Memory().InUse
			value := func() float64 {
				defer b.tape.Reset()
				v, err := c.f(b.tape, b.vars()).Value()
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			c.f(b.tape, b.vars())
			if err := b.tape.Backward(); err != nil {
				t.Fatal(err)
			}
			got := b.read(t, b.grads[0])
			v := append([]float32(nil), b.start[0]...)
			for i, was := range b.start[0] {
				v[i] = was + step
				b.eng.Write(b.values[0], v)
				up := value()
				v[i] = was - step
				b.eng.Write(b.values[0], v)
				want := (up - value()) / (2 * step)
				v[i] = was
				if !(math.Abs(float64(got[i])-want) <= 2e-3*(1+math.Abs(want))) {
					t.Errorf("value %d: gradient %v, differences %v", i, got[i], want)
				}
			}
			if m := b.eng.Memory().InUse; m != used {
				t.Errorf("%d bytes are in use, before it were %d", m, used)
			}
		})
	}
}

// TestDistances compares value and gradient of distances with their formula: it
// goes to the student alone, so it is not that of the value.
func TestDistances(t *testing.T) {
	const batch, m, size = 2, 3, 4
	coef := []float32{0, 2, 0, 1, 0, 0, 0, 0, 0 /**/, 0, 1, 2, 3, 0, 4, 5, 6, 0}
	for _, p := range []int{1, 2} {
		t.Run(fmt.Sprint("power ", p), func(t *testing.T) {
			b := newBench(reference.New(), rand.New(rand.NewPCG(5, 6)), []leaf{plain(batch*m, size)})
			l, dist := b.tape.Distances(b.vars()[0], b.tape.Temp(coef, tensor.Plain, batch, m, m).Value, p)
			value, err := l.Value()
			if err != nil {
				t.Fatal(err)
			}
			distances := b.read(t, dist)
			if err := b.tape.Backward(); err != nil {
				t.Fatal(err)
			}
			f := b.start[0]
			sum, grad := 0.0, make([]float64, len(f))
			for k, c := range coef {
				n, i, j := k/m/m, k/m%m, k%m
				d := 0.0
				for v := range size {
					diff := float64(f[(n*m+j)*size+v]) - float64(f[(n*m+i)*size+v])
					d += math.Pow(math.Abs(diff), float64(p)) / size
					grad[(n*m+j)*size+v] += float64(c) / size * float64(p) * math.Pow(math.Abs(diff), float64(p-1)) * math.Copysign(1, diff)
				}
				sum += float64(c) * d
				if c == 0 {
					d = 0
				}
				if math.Abs(float64(distances[k])-d) > 1e-6 {
					t.Errorf("distance %d is %v, want %v", k, distances[k], d)
				}
			}
			if math.Abs(value-sum) > 1e-5 { // some float32 roundings of about 10
				t.Errorf("loss %v, want %v", value, sum)
			}
			for i, g := range b.read(t, b.grads[0]) {
				if math.Abs(float64(g)-grad[i]) > 1e-5 {
					t.Errorf("gradient %d is %v, want %v", i, g, grad[i])
				}
			}
		})
	}
}
