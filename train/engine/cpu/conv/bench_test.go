package conv

import (
	"fmt"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// BenchmarkConv times each pass, in blocks, at each level of the machine.
func BenchmarkConv(b *testing.B) {
	for _, l := range isa.Levels() {
		for _, s := range []Shape{
			{N: 1, Cin: 16, Cout: 16, In: cube(64), Kernel: cube(3), Pad: cube(1)},
			{N: 1, Cin: 32, Cout: 32, In: cube(32), Kernel: cube(3), Pad: cube(1)},
		} {
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%v/%dch/%dw", l, s.Cin, workers), func(b *testing.B) { passes(b, l, s, workers) })
			}
		}
	}
}

func passes(b *testing.B, l isa.Level, s Shape, workers int) {
	pool := pool.New(workers)
	defer pool.Close()
	c, err := New(s, pool, l)
	if err != nil {
		b.Fatal(err)
	}
	tensor := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(i%17) - 8 // untouched pages would all be the same one
		}
		return v
	}
	x, y, w := tensor(c.InputSize()), tensor(c.OutputSize()), tensor(weightsOf(s))
	packed, back, work := tensor(c.PackedSize()), tensor(c.PackedBackSize()), tensor(c.WorkSize())
	for _, pass := range []struct {
		name string
		do   func()
	}{
		{"forward", func() { c.Forward(y, x, packed) }},
		{"data", func() { c.GradData(x, y, back) }},
		{"weights", func() { c.GradWeights(w, nil, x, y, work) }},
		{"pack", func() { c.Pack(packed, w, nil) }},
	} {
		b.Run(pass.name, func(b *testing.B) {
			for b.Loop() {
				pass.do()
			}
			flop := 2 * float64(weightsOf(s)) * float64(volume(s.In))
			b.ReportMetric(flop*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
