package cpu_test

import (
	"math"
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// large are kernels at sizes that are cut into several tasks, and tasks into
// several sums: package enginetest, whose loops are slow, has small ones. Each
// returns what it wrote.
var large = []struct {
	name string
	run  func(e device) []*engine.Tensor
}{
	{"norm per instance", func(e device) []*engine.Tensor { return normOf(e, engine.Instance) }},
	{"norm per batch", func(e device) []*engine.Tensor { return normOf(e, engine.Batch) }},
	{"regions", func(e device) []*engine.Tensor {
		x, t, coef := e.plain(1, 2, 33, 33, 33), e.plain(1, 2, 33, 33, 33), e.plain(1, 2, 3)
		sums, dx := e.New([]int{1, 2, 4}, tensor.Plain), e.New(x.Shape, tensor.Plain)
		e.Regions(sums, x, t)
		e.RegionsGrad(dx, x, t, coef)
		return []*engine.Tensor{sums, dx}
	}},
	{"rows", func(e device) []*engine.Tensor {
		x, s := e.plain(301, 601), e.New([]int{601}, tensor.Plain)
		e.SumRows(s, x)
		y, b, c := e.New(x.Shape, tensor.Plain), e.plain(601, 19), e.New([]int{301, 19}, tensor.Plain)
		e.Softmax(y, x)
		e.MatMul(c, x, b, nil, engine.MatSpec{})
		wide, w, stats := e.plain(2, 5001), e.New([]int{2, 5001}, tensor.Plain), e.New([]int{2, 2}, tensor.Plain)
		e.Standardise(w, stats, wide, 1e-5)
		return []*engine.Tensor{s, y, c, w, stats}
	}},
	{"elementwise", func(e device) []*engine.Tensor {
		x, y := e.blocked(2, 17, 11, 23, 29), e.blocked(2, 17, 11, 23, 29)
		z := e.New(x.Shape, tensor.Blocked)
		e.Axpby(y, 2, x, -1)
		e.Dropout(z, y, .3, 1<<40+7)
		p := e.New(x.Shape, tensor.Plain)
		e.Copy(p, x)
		return []*engine.Tensor{y, z, p}
	}},
	{"samples", func(e device) []*engine.Tensor {
		f, g, coef := e.blocked(6, 17, 5, 17, 19), e.blocked(6, 17, 5, 17, 19), e.plain(2, 3, 3)
		dot, d, df := e.New([]int{6}, tensor.Plain), e.New(coef.Shape, tensor.Plain), e.New(f.Shape, tensor.Blocked)
		e.DotSamples(dot, f, g)
		e.Distances(d, f, coef, 1)
		e.DistancesGrad(df, f, coef, 2)
		return []*engine.Tensor{dot, d, df}
	}},
	{"pools", func(e device) []*engine.Tensor {
		x, dx, y := e.blocked(2, 17, 12, 24, 26), e.New([]int{2, 17, 12, 24, 26}, tensor.Blocked), e.New([]int{2, 17, 6, 12, 13}, tensor.Blocked)
		tap, mean := e.New(y.Shape, tensor.Blocked), e.New([]int{2, 17}, tensor.Plain)
		w := cubic(3, 2, 1)
		e.MaxPool(y, tap, x, w)
		e.MaxPoolGrad(dx, y, tap, w)
		e.Mean(mean, x)
		return []*engine.Tensor{y, tap, dx, mean}
	}},
}

// normOf normalises volumes of three pieces each, there and back.
func normOf(e device, per engine.Per) []*engine.Tensor {
	s := engine.NormSpec{Per: per, Eps: 1e-5, Slope: .01}
	shape := []int{2, 17, 17, 19, 30}
	x, dy, res, gamma, beta := e.blocked(shape...), e.blocked(shape...), e.blocked(shape...), e.plain(17), e.plain(17)
	y, dx, dres := e.New(shape, tensor.Blocked), e.New(shape, tensor.Blocked), e.New(shape, tensor.Blocked)
	dgamma, dbeta, stats := e.New([]int{17}, tensor.Plain), e.New([]int{17}, tensor.Plain), e.New([]int{2, 17, 2}, tensor.Plain)
	if per == engine.Batch {
		stats = e.New([]int{17, 2}, tensor.Plain)
	}
	e.Norm(y, stats, x, gamma, beta, res, s)
	e.NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma, s)
	return []*engine.Tensor{y, stats, dx, dgamma, dbeta, dres}
}

func TestLarge(t *testing.T) {
	for _, k := range large {
		t.Run(k.name, func(t *testing.T) {
			want := results(t, reference.New(), k.run)
			for _, l := range isa.Levels() {
				one := results(t, cpu.New(cpu.Options{Workers: 1, Level: l, Poison: true}), k.run)
				three := results(t, cpu.New(cpu.Options{Workers: 3, Level: l, Poison: true}), k.run)
				for i, w := range want {
					if !slices.Equal(one[i], three[i]) {
						t.Errorf("%v: result %d differs between one worker and three", l, i)
					}
					// Sums of values of size 1 whose terms cancel: a few units of 2^-24
					// of what is summed.
					most := 1.0
					for _, v := range w {
						most = max(most, math.Abs(float64(v)))
					}
					for j, v := range w {
						if d := math.Abs(float64(one[i][j] - v)); !(d <= 2e-5*most) {
							t.Fatalf("%v: result %d, value %d: got %v, want %v", l, i, j, one[i][j], v)
						}
					}
				}
			}
		})
	}
}

// results runs a kernel on a device of its own and reads what it wrote.
func results(t *testing.T, e engine.Engine, run func(e device) []*engine.Tensor) (all [][]float32) {
	t.Helper()
	defer e.Close()
	for _, r := range run(device{e}) {
		v := make([]float32, r.Shape.Len())
		if err := e.Read(v, r); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}
