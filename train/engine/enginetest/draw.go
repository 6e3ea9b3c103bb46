package enginetest

import (
	"math/rand/v2"

	"github.com/lacuna-ml/lacuna/train/tensor"
	"pgregory.net/rapid"
)

// draw draws what a call is made of. Shapes and parameters come from rapid,
// which makes them small when a check fails; values from a seed that it draws.
type draw struct {
	t   *rapid.T
	rng *rand.Rand
}

func newDraw(t *rapid.T) draw {
	return draw{t, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed of the values"), 0))}
}

// of returns one of the choices, the first where rapid makes it simple.
func of[T any](d draw, name string, choices ...T) T {
	return choices[d.below(name, len(choices))]
}

func (d draw) below(name string, n int) int { return rapid.IntRange(0, n-1).Draw(d.t, name) }

func (d draw) bool(name string) bool { return rapid.Bool().Draw(d.t, name) }

func (d draw) layout() tensor.Layout { return of(d, "layout", tensor.Plain, tensor.Blocked) }

func (d draw) channels(name string) int { return of(d, name, 1, 5, 16, 17, 33, 2, 3, 8, 32) }

func (d draw) batch() int { return rapid.IntRange(1, 5).Draw(d.t, "batch") }

// size draws D, H, W of a volume, an image, a row, or one voxel.
func (d draw) size() [3]int {
	side := func(name string) int { return of(d, name, 1, 2, 3, 5, 8, 7, 13, 16, 4, 31) }
	switch of(d, "kind of volume", "voxel", "image", "volume", "row") {
	case "voxel":
		return [3]int{1, 1, 1}
	case "row":
		return [3]int{1, 1, rapid.IntRange(1, 70).Draw(d.t, "W")}
	case "image":
		return [3]int{1, side("H"), side("W")}
	default:
		return [3]int{side("D"), side("H"), side("W")}
	}
}

// volumes draws a shape N, C, D, H, W of not much more than 10000 values, so
// that the reference is quick.
func (d draw) volumes() tensor.Shape {
	v := d.size()
	s := tensor.Shape{d.batch(), d.channels("channels"), v[0], v[1], v[2]}
	for s.Len() > 10000 {
		halve(s[0:1], s[2:])
	}
	return s
}

// halve makes the largest of the sizes smaller, by half rounded up.
func halve(sizes ...[]int) {
	var largest *int
	for _, s := range sizes {
		for i := range s {
			if largest == nil || s[i] > *largest {
				largest = &s[i]
			}
		}
	}
	*largest = (*largest + 1) / 2
}

// any draws a shape of any rank and a layout that it may have.
func (d draw) any() (tensor.Shape, tensor.Layout) {
	if l := d.layout(); l == tensor.Blocked || d.bool("plain volumes") {
		return d.volumes(), l
	}
	s := tensor.Shape{}
	for range rapid.IntRange(1, 4).Draw(d.t, "rank") {
		s = append(s, of(d, "size", 1, 2, 7, 3, 16, 17))
	}
	return s, tensor.Plain
}

// values returns n values, normally distributed.
func (d draw) values(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(d.rng.NormFloat64())
	}
	return out
}

// between returns n values between low and high.
func (d draw) between(n int, low, high float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(low + (high-low)*d.rng.Float64())
	}
	return out
}

// some returns n values, each one of the choices.
func (d draw) some(n int, choices ...float32) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = choices[d.rng.IntN(len(choices))]
	}
	return out
}
