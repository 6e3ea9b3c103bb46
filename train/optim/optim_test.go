package optim_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/optim"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// One step down the slope 2 at the rate of the first of ten steps.
func Example() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	p, g := e.New(tensor.Shape{1}, tensor.Plain), e.New(tensor.Shape{1}, tensor.Plain)
	e.Fill(p, 1)
	e.Fill(g, 2)
	o, err := optim.New(e, 1, optim.Options{Kind: "sgd", Momentum: .5})
	if err != nil {
		panic(err)
	}
	s := optim.Schedule{Kind: "poly", LR: .1, Power: .9}
	o.Step(p, g, s.At(0, 10, 0))
	v := make([]float32, 1)
	if err := e.Read(v, p); err != nil {
		panic(err)
	}
	fmt.Printf("%.2f, then at a rate of %.4f\n", v[0], s.At(1, 10, 0))
	// Output: 0.70, then at a rate of 0.0910
}

// twin is the state of one parameter in float64, and a step as PyTorch's
// documentation writes it.
type twin struct{ p, m, v float64 }

var kinds = []struct {
	name string
	o    optim.Options
	step func(s *twin, g, lr float64, k int)
}{
	{"sgd", optim.Options{Kind: "sgd", Decay: .1}, func(s *twin, g, lr float64, k int) {
		s.p -= lr * (g + .1*s.p)
	}},
	{"sgd, momentum", optim.Options{Kind: "sgd", Decay: .1, Momentum: .8}, func(s *twin, g, lr float64, k int) {
		g += .1 * s.p
		s.m = .8*s.m + g
		s.p -= lr * (g + .8*s.m)
	}},
	{"adam", optim.Options{Kind: "adam", Decay: .1}, func(s *twin, g, lr float64, k int) {
		s.adam(g+.1*s.p, lr, k)
	}},
	{"adamw", optim.Options{Kind: "adamw", Decay: .1}, func(s *twin, g, lr float64, k int) {
		s.p -= lr * .1 * s.p
		s.adam(g, lr, k)
	}},
}

func (s *twin) adam(g, lr float64, k int) {
	s.m = .9*s.m + .1*g
	s.v = .999*s.v + .001*g*g
	m, v := s.m/(1-math.Pow(.9, float64(k))), s.v/(1-math.Pow(.999, float64(k)))
	s.p -= lr * m / (math.Sqrt(v) + 1e-8)
}

// machine is an optimiser with its parameter.
type machine struct {
	e    engine.Engine
	p, g *engine.Tensor
	o    optim.Optimiser
}

const size = 3

func newMachine(t *testing.T, o optim.Options) *machine {
	t.Helper()
	e := cpu.New(cpu.Options{Workers: 1, Poison: true})
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	m := &machine{e: e, p: e.New(tensor.Shape{size}, tensor.Plain), g: e.New(tensor.Shape{size}, tensor.Plain)}
	e.Write(m.p, []float32{1, -2, 0})
	var err error
	if m.o, err = optim.New(e, size, o); err != nil {
		t.Fatal(err)
	}
	return m
}

func gradient(k, i int) float32 { return float32((k*5+i*3)%7)/4 - .6 }

// step makes step k, from 1, and returns the parameter.
func (m *machine) step(t *testing.T, k int) []float32 {
	t.Helper()
	g := make([]float32, size)
	for i := range g {
		g[i] = gradient(k, i)
	}
	m.e.Write(m.g, g)
	m.o.Step(m.p, m.g, .1/float64(k))
	return m.read(t, m.p)
}

func (m *machine) read(t *testing.T, x *engine.Tensor) []float32 {
	t.Helper()
	v := make([]float32, size)
	if err := m.e.Read(v, x); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSteps(t *testing.T) {
	for _, c := range kinds {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, c.o)
			want := []*twin{{p: 1}, {p: -2}, {}}
			for k := 1; k <= 20; k++ {
				got := m.step(t, k)
				for i, s := range want {
					c.step(s, float64(gradient(k, i)), .1/float64(k), k)
					// 20 steps of some roundings of float32 each.
					if math.Abs(float64(got[i])-s.p) > 1e-5 {
						t.Fatalf("step %d value %d is %v, want %v", k, i, got[i], s.p)
					}
				}
				if m.o.Steps() != k {
					t.Fatalf("%d steps, want %d", m.o.Steps(), k)
				}
			}
		})
	}
}

// TestState holds that an optimiser whose state is put into another goes on with
// the same bits.
func TestState(t *testing.T) {
	for _, c := range kinds {
		t.Run(c.name, func(t *testing.T) {
			m, n := newMachine(t, c.o), newMachine(t, c.o)
			for k := range 3 {
				m.step(t, k+1)
			}
			n.e.Write(n.p, m.read(t, m.p))
			n.o.SetSteps(m.o.Steps())
			to := n.o.State()
			if len(to) == 0 {
				t.Error("no state")
			}
			for name, x := range m.o.State() {
				n.e.Write(to[name], m.read(t, x))
			}
			if got, want := n.step(t, 4), m.step(t, 4); !slices.Equal(got, want) {
				t.Errorf("went on to %v, want %v; the state is %v", got, want, slices.Sorted(maps.Keys(to)))
			}
		})
	}
}

func TestOptions(t *testing.T) {
	e := cpu.New(cpu.Options{Workers: 1})
	defer e.Close()
	for _, o := range []optim.Options{{}, {Kind: "lion"}, {Kind: "adam", Decay: -1}, {Kind: "sgd", Momentum: 1}, {Kind: "sgd", Momentum: math.NaN()}} {
		if _, err := optim.New(e, 1, o); err == nil || !strings.HasPrefix(err.Error(), "optim: ") {
			t.Errorf("%+v: error %v", o, err)
		}
	}
	if now := e.Memory().InUse; now != 0 {
		t.Errorf("%d bytes are in use", now)
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		name               string
		s                  optim.Schedule
		step, total, epoch int
		want               float64
	}{
		{"constant", optim.Schedule{Kind: "constant", LR: .3}, 7, 10, 2, .3},
		{"poly, first", optim.Schedule{Kind: "poly", LR: .01, Power: .9}, 0, 115000, 0, .01},
		{"poly, as the paper's second stage starts", optim.Schedule{Kind: "poly", LR: .01, Power: .9}, 80000, 115000, 0, .00342794},
		{"poly, last", optim.Schedule{Kind: "poly", LR: .01, Power: 1}, 99, 100, 0, .0001},
		{"poly, beyond", optim.Schedule{Kind: "poly", LR: .01, Power: .9}, 200, 100, 0, 0},
		{"cosine, first", optim.Schedule{Kind: "cosine", LR: 2}, 0, 8, 0, 2},
		{"cosine, a quarter", optim.Schedule{Kind: "cosine", LR: 2}, 2, 8, 0, 1 + math.Sqrt2/2},
		{"cosine, half", optim.Schedule{Kind: "cosine", LR: 2}, 4, 8, 0, 1},
		{"cosine, beyond", optim.Schedule{Kind: "cosine", LR: 2}, 12, 8, 0, 0},
		{"step, before", optim.Schedule{Kind: "step", LR: 1e-3, Every: 20, Factor: .9}, 500, 1000, 19, 1e-3},
		{"step, after two", optim.Schedule{Kind: "step", LR: 1e-3, Every: 20, Factor: .9}, 500, 1000, 40, .81e-3},
		{"warm, first", optim.Schedule{Kind: "constant", LR: 1, Warm: 4}, 0, 10, 0, .25},
		{"warm, last", optim.Schedule{Kind: "constant", LR: 1, Warm: 4}, 3, 10, 0, 1},
		{"warm, on a slope", optim.Schedule{Kind: "poly", LR: 1, Power: 1, Warm: 4}, 1, 10, 0, .9 * .5},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.s.Check(); err != nil {
				t.Error(err)
			}
			if got := c.s.At(c.step, c.total, c.epoch); math.Abs(got-c.want) > 1e-8 {
				t.Errorf("the rate is %v, want %v", got, c.want)
			}
		})
	}
}

func TestScheduleErrors(t *testing.T) {
	for _, s := range []optim.Schedule{
		{}, {Kind: "constant"}, {Kind: "constant", LR: -1}, {Kind: "constant", LR: math.NaN()},
		{Kind: "poly", LR: 1}, {Kind: "step", LR: 1, Factor: .5}, {Kind: "step", LR: 1, Every: 2},
		{Kind: "cosine", LR: 1, Warm: -1}, {Kind: "linear", LR: 1},
	} {
		if err := s.Check(); err == nil || !strings.HasPrefix(err.Error(), "optim: ") {
			t.Errorf("%+v: error %v", s, err)
		}
	}
}
