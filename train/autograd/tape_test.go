package autograd_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

func newTestBench(leaves ...leaf) *bench {
	return newBench(reference.New(), rand.New(rand.NewPCG(7, 8)), leaves)
}

// linear is one layer of what most of these tests need.
func linear(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Linear(x[0], x[1], nil) }

func TestStop(t *testing.T) {
	b := newTestBench(plain(2, 3), plain(3, 3))
	got := b.gradients(t, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Mul(t.Stop(linear(t, x)), x[0])
	}))
	b.eng.Write(b.values[0], b.start[0])
	x := b.vars()
	want := b.read(t, linear(b.tape, x).Value)
	for i := range want {
		want[i] *= weight(i)
	}
	if !slices.Equal(got[0], want) {
		t.Errorf("gradient beside a stopped value is %v, want %v", got[0], want)
	}
	if slices.ContainsFunc(got[1], func(v float32) bool { return v != 0 }) {
		t.Errorf("a gradient of %v went through Stop", got[1])
	}
}

// On a frozen tape only variables get gradients, and nothing is done for others.
func TestFrozen(t *testing.T) {
	b := newTestBench(plain(4, 3), plain(3, 3), plain(2))
	f := one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var { return t.Gate(linear(t, x), x[2]) })
	want := b.gradients(t, f)[2]

	for _, g := range b.grads {
		b.eng.Fill(g, 5)
	}
	b.tape.Frozen = true
	x := b.vars()
	x[2] = b.tape.Variable(b.values[2], b.grads[2])
	y := f(b.tape, x)[0]
	b.tape.Probe(y, weights(y.Shape().Len()))
	if err := b.tape.Backward(); err != nil {
		t.Fatal(err)
	}
	for l, g := range b.grads {
		v := b.read(t, g)
		if l == 2 && !slices.Equal(v, want) {
			t.Errorf("gradient of the variable is %v, want %v", v, want)
		}
		if l < 2 && slices.ContainsFunc(v, func(v float32) bool { return v != 5 }) {
			t.Errorf("leaf %d is frozen, its gradient was written: %v", l, v)
		}
	}
}

func TestAccumulate(t *testing.T) {
	b := newTestBench(plain(2, 3), plain(3, 3))
	f := one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		return t.Checkpoint(func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
			return []*autograd.Var{linear(t, x)}
		}, x...)[0]
	})
	once := b.gradients(t, f)
	b.tape.Accumulate = true
	for _, g := range b.grads {
		b.eng.Fill(g, 0)
	}
	for range 3 {
		y := f(b.tape, b.vars())[0]
		b.tape.Probe(y, weights(y.Shape().Len()))
		if err := b.tape.Backward(); err != nil {
			t.Fatal(err)
		}
	}
	for l, g := range b.grads {
		for i, v := range b.read(t, g) {
			if want := once[l][i] + once[l][i] + once[l][i]; v != want {
				t.Errorf("leaf %d value %d: three gradients sum to %v, want %v", l, i, v, want)
			}
		}
	}
}

// A leaf that no loss depends on has the gradient 0, not that of a step before.
func TestUnreached(t *testing.T) {
	b := newTestBench(plain(2, 3), plain(3, 3))
	got := b.gradients(t, one(func(t *autograd.Tape, x []*autograd.Var) *autograd.Var {
		linear(t, x) // on the tape, but of no use
		return t.Scale(x[0], 1)
	}))
	if slices.ContainsFunc(got[1], func(v float32) bool { return v != 0 }) {
		t.Errorf("gradient %v", got[1])
	}
}

// TestSteps holds that a tape may be used again, with the same results and no
// more memory, and that Value says what a loss is before Backward.
func TestSteps(t *testing.T) {
	e := cpu.New(cpu.Options{Workers: 1, Poison: true})
	defer e.Close()
	b := newBench(e, rand.New(rand.NewPCG(7, 8)), []leaf{plain(4, 3), plain(5, 3)})
	target := e.New(tensor.Shape{4, 5}, tensor.Plain)
	e.Fill(target, .2)
	var first float64
	var grad []float32
	var used engine.Memory
	for step := range 3 {
		l := b.tape.CrossEntropy(b.tape.Dropout(linear(b.tape, b.vars()), .5), target, 1)
		v, err := l.Value()
		if err != nil {
			t.Fatal(err)
		}
		if err := b.tape.Backward(); err != nil {
			t.Fatal(err)
		}
		g := b.read(t, b.grads[1])
		if step == 0 {
			first, grad, used = v, g, e.Memory()
			continue
		}
		if v != first || !slices.Equal(g, grad) {
			t.Errorf("step %d: loss %v and gradient %v, at first %v and %v", step, v, g, first, grad)
		}
		if now := e.Memory(); now != used {
			t.Errorf("step %d: memory %+v, at first %+v", step, now, used)
		}
	}
}

// A seed and the number of a call say what dropout drops.
func TestDropoutDraws(t *testing.T) {
	b := newTestBench(plain(400))
	draw := func(seed uint64, calls int) []float32 {
		b.tape.Seed = seed
		defer b.tape.Reset()
		x := b.vars()[0]
		for range calls - 1 {
			b.tape.Dropout(x, .5)
		}
		return b.read(t, b.tape.Dropout(x, .5).Value)
	}
	if !slices.Equal(draw(1, 1), draw(1, 1)) {
		t.Error("the same seed draws differently")
	}
	if slices.Equal(draw(1, 1), draw(2, 1)) || slices.Equal(draw(1, 1), draw(1, 2)) {
		t.Error("another seed, or the next call, draws the same")
	}
	b.tape.Train = false
	if !slices.Equal(draw(1, 1), b.start[0]) {
		t.Error("dropout in evaluation")
	}
}

// TestErrors holds that the first operation that does not fit is what all that
// comes after reports, that it names both shapes, and that nothing is lost.
func TestErrors(t *testing.T) {
	vol, mat := plain(2, 3, 2, 4, 4), plain(2, 3)
	wide := engine.Window{Kernel: [3]int{9, 1, 1}}
	cases := []struct {
		name   string
		leaves []leaf
		f      func(t *autograd.Tape, x []*autograd.Var)
		want   []string // in the error, besides the package's name
	}{
		{"add", []leaf{mat, plain(3, 2)}, func(t *autograd.Tape, x []*autograd.Var) { t.Add(x[0], x[1]) }, []string{"add", "2x3", "3x2"}},
		{"add of layouts", []leaf{vol, blocked(2, 3, 2, 4, 4)}, func(t *autograd.Tape, x []*autograd.Var) { t.Add(x[0], x[1]) }, []string{"plain", "blocked"}},
		{"multiply", []leaf{mat, plain(2, 4)}, func(t *autograd.Tape, x []*autograd.Var) { t.Mul(x[0], x[1]) }, []string{"2x3", "2x4"}},
		{"dropout", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) { t.Dropout(x[0], 1) }, []string{"dropout", "1"}},
		{"view", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) { t.View(x[0], 5) }, []string{"view", "5", "2x3"}},
		{"view of blocks", []leaf{blocked(2, 3, 2, 4, 4)}, func(t *autograd.Tape, x []*autograd.Var) { t.View(x[0], 1, 6, 2, 4, 4) }, []string{"1x6x2x4x4", "2x3x2x4x4"}},
		{"rows", []leaf{plain()}, func(t *autograd.Tape, x []*autograd.Var) { t.Rows(x[0]) }, []string{"rows", "scalar"}},
		{"conv of a matrix", []leaf{mat, plain(2, 3, 3, 3, 3)}, func(t *autograd.Tape, x []*autograd.Var) { t.Conv(x[0], x[1], nil, cube) }, []string{"conv", "2x3"}},
		{"conv, channels", []leaf{vol, plain(2, 4, 3, 3, 3)}, func(t *autograd.Tape, x []*autograd.Var) { t.Conv(x[0], x[1], nil, cube) }, []string{"2x4x3x3x3", "2x3x2x4x4"}},
		{"conv, kernel", []leaf{vol, plain(2, 3, 1, 3, 3)}, func(t *autograd.Tape, x []*autograd.Var) { t.Conv(x[0], x[1], nil, cube) }, []string{"2x3x1x3x3", "[3 3 3]"}},
		{"conv, bias", []leaf{vol, plain(2, 3, 3, 3, 3), plain(3)}, func(t *autograd.Tape, x []*autograd.Var) { t.Conv(x[0], x[1], x[2], cube) }, []string{"bias 3", "2x3x3x3x3"}},
		{"conv, window", []leaf{vol, plain(2, 3, 9, 1, 1)}, func(t *autograd.Tape, x []*autograd.Var) { t.Conv(x[0], x[1], nil, wide) }, []string{"2x3x2x4x4", "9"}},
		{"conv, weights in blocks", []leaf{vol, blocked(2, 3, 3, 3, 3)}, func(t *autograd.Tape, x []*autograd.Var) { t.Conv(x[0], x[1], nil, cube) }, []string{"2x3x3x3x3 blocked"}},
		{"transposed conv, channels", []leaf{vol, plain(2, 3, 3, 3, 3)}, func(t *autograd.Tape, x []*autograd.Var) { t.ConvTransposed(x[0], x[1], nil, cube) }, []string{"transposed", "2x3x3x3x3", "2x3x2x4x4"}},
		{"transposed conv, bias", []leaf{vol, plain(3, 2, 3, 3, 3), plain(3)}, func(t *autograd.Tape, x []*autograd.Var) { t.ConvTransposed(x[0], x[1], x[2], cube) }, []string{"bias 3", "3x2x3x3x3"}},
		{"transposed conv, window", []leaf{vol, plain(3, 2, 1, 1, 1)}, func(t *autograd.Tape, x []*autograd.Var) {
			t.ConvTransposed(x[0], x[1], nil, engine.Window{Kernel: [3]int{1, 1, 1}, Pad: [3]int{3, 0, 0}})
		}, []string{"2x3x2x4x4", "[3 0 0]"}},
		{"norm", []leaf{vol, plain(2), plain(2)}, func(t *autograd.Tape, x []*autograd.Var) { norm(t, x[0], x[1], x[2], nil, engine.NormSpec{}) }, []string{"gamma 2", "2x3x2x4x4"}},
		{"norm, beta alone", []leaf{vol, plain(3)}, func(t *autograd.Tape, x []*autograd.Var) { norm(t, x[0], nil, x[1], nil, engine.NormSpec{}) }, []string{"no value"}},
		{"norm, residual", []leaf{vol, plain(2, 3, 2, 4, 5)}, func(t *autograd.Tape, x []*autograd.Var) { norm(t, x[0], nil, nil, x[1], engine.NormSpec{}) }, []string{"2x3x2x4x5", "2x3x2x4x4"}},
		{"norm, statistics", []leaf{vol}, func(t *autograd.Tape, x []*autograd.Var) {
			t.Norm(x[0], nil, nil, nil, t.Buffer(2, 2), engine.NormSpec{Per: engine.Batch, Frozen: true})
		}, []string{"2x2", "2x3x2x4x4", "3x2"}},
		{"norm, no statistics", []leaf{vol}, func(t *autograd.Tape, x []*autograd.Var) {
			norm(t, x[0], nil, nil, nil, engine.NormSpec{Frozen: true})
		}, []string{"2x3x2x4x4"}},
		{"max pool", []leaf{vol}, func(t *autograd.Tape, x []*autograd.Var) { t.MaxPool(x[0], wide) }, []string{"max pool", "[9 1 1]", "2x3x2x4x4"}},
		{"max pool of padding", []leaf{vol}, func(t *autograd.Tape, x []*autograd.Var) {
			t.MaxPool(x[0], engine.Window{Kernel: [3]int{1, 1, 1}, Pad: [3]int{1, 0, 0}})
		}, []string{"[1 0 0]", "2x3x2x4x4"}},
		{"mean", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) { t.Mean(x[0]) }, []string{"mean", "2x3"}},
		{"upsample", []leaf{vol}, func(t *autograd.Tape, x []*autograd.Var) { t.Upsample(x[0], [3]int{0, 1, 1}, true) }, []string{"[0 1 1]", "2x3x2x4x4"}},
		{"layout", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) { t.To(tensor.Blocked, x[0]) }, []string{"layout", "2x3"}},
		{"concat", []leaf{mat, plain(3, 3)}, func(t *autograd.Tape, x []*autograd.Var) { t.Concat(x[0], x[1]) }, []string{"concat", "3x3", "2x3"}},
		{"concat of nothing", nil, func(t *autograd.Tape, x []*autograd.Var) { t.Concat() }, []string{"nothing"}},
		{"concat of a vector", []leaf{plain(3)}, func(t *autograd.Tape, x []*autograd.Var) { t.Concat(x[0]) }, []string{"3"}},
		{"channels", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) { t.Channels(x[0], 2, 2) }, []string{"2 to 4", "2x3"}},
		{"product", []leaf{mat, mat}, func(t *autograd.Tape, x []*autograd.Var) { t.MatMul(x[0], x[1], engine.MatSpec{}) }, []string{"2x3", "3 and 2"}},
		{"product, ranks", []leaf{mat, plain(1, 3, 3)}, func(t *autograd.Tape, x []*autograd.Var) { t.MatMul(x[0], x[1], engine.MatSpec{}) }, []string{"2x3", "1x3x3"}},
		{"linear", []leaf{mat, plain(4, 2)}, func(t *autograd.Tape, x []*autograd.Var) { t.Linear(x[0], x[1], nil) }, []string{"4x2", "2x3"}},
		{"linear, bias", []leaf{mat, plain(4, 3), plain(3)}, func(t *autograd.Tape, x []*autograd.Var) { t.Linear(x[0], x[1], x[2]) }, []string{"bias 3", "4x3"}},
		{"softmax", []leaf{plain(3)}, func(t *autograd.Tape, x []*autograd.Var) { t.Softmax(x[0]) }, []string{"softmax", "3"}},
		{"layer norm", []leaf{mat, plain(3), plain(2)}, func(t *autograd.Tape, x []*autograd.Var) { t.LayerNorm(x[0], x[1], x[2], 0) }, []string{"beta 2", "2x3"}},
		{"standardise", []leaf{plain(3, 1)}, func(t *autograd.Tape, x []*autograd.Var) { t.Standardise(x[0], 0) }, []string{"3x1"}},
		{"gate", []leaf{mat, plain(4)}, func(t *autograd.Tape, x []*autograd.Var) { t.Gate(x[0], x[1]) }, []string{"gate", "4", "2x3"}},
		{"gather", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) { t.Gather(x[0], []int{2}) }, []string{"gather", "2", "2x3"}},
		{"impute", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) { t.Impute(x[0], t.Buffer(2, 2)) }, []string{"impute", "2x2", "2x3"}},
		{"join", []leaf{vol}, func(t *autograd.Tape, x []*autograd.Var) { t.Join(x[0], 4) }, []string{"join", "4", "2x3x2x4x4"}},
		{"cross-entropy", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) { t.CrossEntropy(x[0], t.Buffer(2, 4), 1) }, []string{"2x4", "2x3"}},
		{"regions", []leaf{vol}, func(t *autograd.Tape, x []*autograd.Var) { t.Regions(x[0], t.Buffer(2, 3, 2, 4, 5), nil) }, []string{"2x3x2x4x5", "2x3x2x4x4"}},
		{"distances", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) { t.Distances(x[0], t.Buffer(1, 3, 3), 1) }, []string{"1x3x3", "2x3"}},
		{"distances, power", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) { t.Distances(x[0], t.Buffer(1, 2, 2), 3) }, []string{"1x2x2", "3"}},
		{"checkpoint", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) {
			t.Checkpoint(func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
				return []*autograd.Var{t.Mean(t.Scale(x[0], 2))}
			}, x[0])
		}, []string{"mean", "2x3"}},
		{"checkpoint of a view", []leaf{mat}, func(t *autograd.Tape, x []*autograd.Var) {
			t.Checkpoint(func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
				return []*autograd.Var{t.Scale(x[0], 2), t.View(x[0], 6)}
			}, x[0])
		}, []string{"checkpoint", "output 1"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newTestBench(c.leaves...)
			used := b.eng.Memory().InUse
			for _, finish := range []func() error{b.tape.Backward, func() error {
				defer b.tape.Reset()
				return b.tape.Err()
			}} {
				x := b.vars()
				if len(x) > 0 {
					b.tape.Scale(x[0], 2) // something to be freed
				}
				c.f(b.tape, x)
				if len(x) > 0 {
					b.tape.Concat(b.tape.Scale(x[0], 3), nil) // does nothing any more
				}
				err := finish()
				if err == nil {
					t.Fatal("no error")
				}
				for _, w := range append(c.want, "autograd: ") {
					if !strings.Contains(err.Error(), w) {
						t.Errorf("the error %q does not say %q", err, w)
					}
				}
				if now := b.eng.Memory().InUse; now != used {
					t.Errorf("%d bytes are in use, before it were %d", now, used)
				}
			}
			if err := b.tape.Err(); err != nil {
				t.Errorf("after Backward and Reset the tape still says %v", err)
			}
		})
	}
}

// TestParts holds that parts stand after each other, whether or not they begin
// where a device's slices may.
func TestParts(t *testing.T) {
	for _, size := range []int{3, engine.Align} {
		b := newTestBench()
		x := b.tape.Parts(4, func(i int, part []float32) {
			for k := range part {
				part[k] = float32(i*len(part) + k)
			}
		}, 2, 2, size)
		for i, v := range b.read(t, x.Value) {
			if v != float32(i) {
				t.Fatalf("parts of %d: value %d is %v", size, i, v)
			}
		}
		b.tape.Reset()
		if now := b.eng.Memory().InUse; now != 0 {
			t.Errorf("parts of %d: %d bytes are in use", size, now)
		}
	}
}
