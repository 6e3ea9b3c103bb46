package axes_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest/axes"
)

// turned returns an affine with those axes of voxels along the axes of the
// world, zoomed, and turned by up to 0.3 rad about an axis: less than half of
// what would bring another axis nearer.
func turned(t *rapid.T, m axes.Map) (affine [4][4]float64) {
	for w, v := range m.From {
		affine[w][v] = rapid.Float64Range(0.2, 9).Draw(t, "zoom")
		if m.Flip[w] {
			affine[w][v] *= -1
		}
		affine[w][3] = rapid.Float64Range(-200, 200).Draw(t, "origin")
	}
	affine[3][3] = 1
	sin, cos := math.Sincos(rapid.Float64Range(-0.3, 0.3).Draw(t, "angle"))
	a := rapid.IntRange(0, 2).Draw(t, "about")
	p, q := affine[(a+1)%3], affine[(a+2)%3]
	for j := range 4 {
		affine[(a+1)%3][j], affine[(a+2)%3][j] = cos*p[j]-sin*q[j], sin*p[j]+cos*q[j]
	}
	return affine
}

func TestNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := axes.Map{From: [3]int(rapid.Permutation([]int{0, 1, 2}).Draw(t, "from"))}
		for w := range m.Flip {
			m.Flip[w] = rapid.Bool().Draw(t, "flip")
		}
		if got, ok := axes.Nearest(turned(t, m)); !ok || got != m {
			t.Fatalf("got %+v, %v; want %+v", got, ok, m)
		}
	})
}

func TestNearestRefuses(t *testing.T) {
	for name, m := range map[string][4][4]float64{
		"nothing":                  {},
		"a plane":                  {{1, 0, 1}, {0, 1, 1}, {0, 0, 0}},
		"a plane, nearly":          {{1, 0, 1}, {0, 1, 1}, {0, 0, 1e-7}},
		"a NaN":                    {{1, 0, 0}, {0, math.NaN(), 0}, {0, 0, 1}},
		"an infinity":              {{1, 0, 0}, {0, math.Inf(1), 0}, {0, 0, 1}},
		"an axis without a length": {{1, 0, 0}, {0, 1, 0}, {0, 0, 0}},
	} {
		if got, ok := axes.Nearest(m); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestAffineMovesAsShapeSays follows the voxels at the two ends.
func TestAffineMovesAsShapeSays(t *testing.T) {
	m := axes.Map{From: [3]int{2, 0, 1}, Flip: [3]bool{true, false, true}}
	shape := [3]int{5, 6, 7}
	if got, want := m.Shape(shape), [3]int{7, 5, 6}; got != want {
		t.Errorf("shape %v, want %v", got, want)
	}
	for _, tc := range []struct{ from, to [3]float64 }{
		{[3]float64{0, 0, 0}, [3]float64{6, 0, 5}},
		{[3]float64{4, 5, 6}, [3]float64{0, 4, 0}},
		{[3]float64{1, 2, 3}, [3]float64{3, 1, 3}},
	} {
		a := m.Affine(shape)
		for i := range 3 {
			if got := a[i][0]*tc.from[0] + a[i][1]*tc.from[1] + a[i][2]*tc.from[2] + a[i][3]; got != tc.to[i] {
				t.Errorf("%v goes to %g on axis %d, want %g", tc.from, got, i, tc.to[i])
			}
		}
	}
	if axes.Same().Affine(shape) != [4][4]float64{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}} {
		t.Error("Same moves something")
	}
}

func ExampleNearest() {
	bratsLPS := [4][4]float64{{-1, 0, 0, 0}, {0, -1, 0, 239}, {0, 0, 1, 0}, {0, 0, 0, 1}}
	m, ok := axes.Nearest(bratsLPS)
	fmt.Println(m.From, m.Flip, ok)
	// Output:
	// [0 1 2] [true true false] true
}
