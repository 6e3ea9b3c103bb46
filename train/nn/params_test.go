package nn_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/nn"
)

func device(t testing.TB) engine.Engine {
	t.Helper()
	e := cpu.New(cpu.Options{Workers: 1, Poison: true})
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func built(t testing.TB, e engine.Engine, b *nn.Builder, seed uint64) *nn.Params {
	t.Helper()
	p, err := b.Build(e, seed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t testing.TB, p *nn.Params, q *nn.Param) []float32 {
	t.Helper()
	v, err := p.Read(q)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestInits compares mean, deviation and extremes with those of the
// distribution. Of 40,000 values the mean is within 4 standard errors, 4/200 of
// a deviation, and the deviation within 2 %.
func TestInits(t *testing.T) {
	const n = 40000
	cases := []struct {
		name     string
		init     nn.Init
		mean, sd float64
		bound    float64 // of magnitudes
		tight    bool    // values come near the bound
	}{
		{"uniform", nn.Uniform(3), 0, 3 / math.Sqrt(3), 3, true},
		{"normal", nn.Normal(2), 0, 2, 12, false},
		{"constant", nn.Constant(7), 7, 0, 7, true},
		{"fan in, as PyTorch starts linear layers", nn.FanIn(25), 0, .2 / math.Sqrt(3), .2, true},
		{"fan out, Kaiming's normal for LeakyReLU 0.01", nn.FanOut(50), 0, math.Sqrt(2 / 1.0001 / 50.0), 1.2, false},
	}
	e := device(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b nn.Builder
			q := b.Param("p", c.init, n)
			var sum, square, most float64
			for _, v := range read(t, built(t, e, &b, 1), q) {
				sum += float64(v)
				square += float64(v) * float64(v)
				most = max(most, math.Abs(float64(v)))
			}
			mean := sum / n
			sd := math.Sqrt(max(square/n-mean*mean, 0))
			if math.Abs(mean-c.mean) > c.sd*4/200 || math.Abs(sd-c.sd) > .02*c.sd+1e-9 {
				t.Errorf("mean %v and deviation %v, want %v and %v", mean, sd, c.mean, c.sd)
			}
			if most > c.bound || c.tight && most < .99*c.bound {
				t.Errorf("the largest magnitude is %v, the bound %v", most, c.bound)
			}
		})
	}
}

// TestStart holds that a parameter's start depends on the seed and its name
// alone: not on its place, nor on what else there is.
func TestStart(t *testing.T) {
	e := device(t)
	start := func(seed uint64, name string, others ...string) []float32 {
		var b nn.Builder
		for _, o := range others {
			b.Param(o, nn.Normal(1), 300)
		}
		q := b.Param(name, nn.Normal(1), 4, 5)
		return read(t, built(t, e, &b, seed), q)
	}
	want := start(1, "a")
	if got := start(1, "a", "b", "c"); !slices.Equal(got, want) {
		t.Error("other parameters change the start")
	}
	if slices.Equal(start(2, "a"), want) || slices.Equal(start(1, "b"), want) {
		t.Error("another seed, or another name, starts the same")
	}
}

// TestOnePiece holds that parameters and gradients are parts of one tensor each,
// with zeros between, and that kept ones are not.
func TestOnePiece(t *testing.T) {
	e := device(t)
	var b nn.Builder
	one := b.Param("one", nn.Constant(1), 3)
	kept := b.Kept("kept", nn.Constant(5), 2)
	two := b.Param("two", nn.Constant(2), 2, 2)
	used := e.Memory().InUse
	p := built(t, e, &b, 1)
	all := make([]float32, p.Value.Shape.Len())
	if err := e.Read(all, p.Value); err != nil {
		t.Fatal(err)
	}
	want := make([]float32, 2*engine.Align)
	copy(want, []float32{1, 1, 1})
	copy(want[engine.Align:], []float32{2, 2, 2, 2})
	if !slices.Equal(all, want) {
		t.Errorf("all values are %v", all)
	}
	if kept.Grad != nil || one.Grad == nil || two.Grad == nil || p.Count() != 7 {
		t.Errorf("gradients %v %v %v, count %d", one.Grad, kept.Grad, two.Grad, p.Count())
	}
	e.Fill(p.Grad, 3)
	p.Write(two, []float32{1, 2, 3, 4})
	p.Write(kept, []float32{8, 9})
	var names []string
	var values []float32
	for q := range p.All() {
		names = append(names, q.Name)
		values = append(values, read(t, p, q)...)
	}
	if !slices.Equal(names, []string{"one", "kept", "two"}) || !slices.Equal(values, []float32{1, 1, 1, 8, 9, 1, 2, 3, 4}) {
		t.Errorf("parameters %v of %v", names, values)
	}
	p.Free()
	if now := e.Memory().InUse; now != used {
		t.Errorf("%d bytes are in use after Free, before it were %d", now, used)
	}
}

func TestBuildErrors(t *testing.T) {
	e := device(t)
	for name, add := range map[string]func(b *nn.Builder){
		"twice": func(b *nn.Builder) {
			b.Param("w", nn.Constant(1), 2)
			b.Kept("w", nn.Constant(1), 2)
		},
		"no values":  func(b *nn.Builder) { b.Param("w", nn.Constant(1), 2, 0) },
		"too many":   func(b *nn.Builder) { b.Param("w", nn.Constant(1), 1<<20, 1<<20) },
		"below zero": func(b *nn.Builder) { b.Param("w", nn.Constant(1), -2, -2) },
	} {
		t.Run(name, func(t *testing.T) {
			var b nn.Builder
			add(&b)
			if _, err := b.Build(e, 1); err == nil || !strings.Contains(err.Error(), "w") {
				t.Errorf("error %v", err)
			}
			if now := e.Memory().InUse; now != 0 {
				t.Errorf("%d bytes are in use", now)
			}
		})
	}
}
