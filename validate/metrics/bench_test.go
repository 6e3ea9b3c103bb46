package metrics_test

import (
	"math/rand/v2"
	"testing"

	"github.com/lacuna-ml/lacuna/validate/metrics"
)

// brain is the grid of BraTS.
var brain = metrics.Grid{Shape: [3]int{155, 240, 240}, Spacing: [3]float64{1, 1, 1}}

// ball returns the voxels within r of c.
func ball(g metrics.Grid, c [3]int, r int) []bool {
	m := make([]bool, g.Shape[0]*g.Shape[1]*g.Shape[2])
	i := 0
	for z := range g.Shape[0] {
		for y := range g.Shape[1] {
			for x := range g.Shape[2] {
				a, b, d := z-c[0], y-c[1], x-c[2]
				m[i] = a*a+b*b+d*d <= r*r
				i++
			}
		}
	}
	return m
}

// sprinkle adds so many random voxels.
func sprinkle(m []bool, n int) []bool {
	rng := rand.New(rand.NewPCG(1, 2))
	for range n {
		m[rng.IntN(len(m))] = true
	}
	return m
}

func BenchmarkDice(b *testing.B) {
	p, t := ball(brain, [3]int{70, 120, 100}, 30), ball(brain, [3]int{72, 118, 104}, 32)
	for b.Loop() {
		metrics.Dice(p, t, metrics.BraTS)
	}
}

func BenchmarkHD95(b *testing.B) {
	truth := ball(brain, [3]int{72, 118, 104}, 32)
	for _, bb := range []struct {
		name string
		pred []bool
	}{
		{"tumour", ball(brain, [3]int{70, 120, 100}, 30)},                     // a good prediction: a box of 70³
		{"strays", sprinkle(ball(brain, [3]int{70, 120, 100}, 30), 20)},       // the box is the volume
		{"noise", sprinkle(ball(brain, [3]int{70, 120, 100}, 30), 1_000_000)}, // an untrained model
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				metrics.HD95(bb.pred, truth, brain, metrics.BraTS)
			}
		})
	}
}
