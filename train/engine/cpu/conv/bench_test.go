package conv

import (
	"fmt"
	"testing"
)

func benchShapes() []Shape {
	k := [3]int{3, 3, 3}
	p := [3]int{1, 1, 1}
	return []Shape{
		{N: 1, Cin: 16, Cout: 16, In: [3]int{64, 64, 64}, Kernel: k, Pad: p},
		{N: 1, Cin: 32, Cout: 32, In: [3]int{32, 32, 32}, Kernel: k, Pad: p},
	}
}

func BenchmarkConv(b *testing.B) {
	for _, l := range []level{avx512, avx2, plain} {
		for _, s := range benchShapes() {
			for _, workers := range []int{1, 2} {
				flops := 2 * float64(weightsOf(s)) * float64(volume(s.In))
				pool := NewPool(workers)
				c, err := newAt(s, pool, l)
				if err != nil {
					b.Fatal(err)
				}
				x, y := make([]float32, c.InputSize()), make([]float32, c.OutputSize())
				w, pk, pb := make([]float32, weightsOf(s)), make([]float32, c.PackedSize()), make([]float32, c.PackedBackSize())
				work := make([]float32, c.WorkSize())
				for name, f := range map[string]func(){
					"forward": func() { c.Forward(y, x, pk) },
					"data":    func() { c.GradData(x, y, pb) },
					"weights": func() { c.GradWeights(w, nil, x, y, work) },
				} {
					b.Run(fmt.Sprintf("%d/%d/w%d/%s", l, s.Cin, workers, name), func(b *testing.B) {
						best := 1e18
						for b.Loop() {
							e := b.Elapsed()
							f()
							best = min(best, float64(b.Elapsed()-e))
						}
						b.ReportMetric(flops/float64(b.Elapsed().Nanoseconds())*float64(b.N), "GF/s")
						b.ReportMetric(flops/best, "best-GF/s")
					})
				}
				pool.Close()
			}
		}
	}
}
