package metrics_test

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/validate/metrics"
)

// readGolden reads the cases of a file that bench/golden_metrics.py wrote.
func readGolden[T any](t *testing.T, name string) []T {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []T }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatalf("%s has no cases", name)
	}
	return file.Cases
}

// orNaN is the number that a golden's null stands for.
func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// near reports whether got is want up to tol of it; NaN is near NaN alone.
func near(got, want, tol float64) bool {
	if math.IsNaN(want) {
		return math.IsNaN(got)
	}
	return math.Abs(got-want) <= tol*math.Max(math.Abs(want), 1)
}

func unpack(t *testing.T, packed []byte, n int) []bool {
	t.Helper()
	zr, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(zr)
	if err != nil || len(b) != (n+7)/8 {
		t.Fatalf("%d bytes for %d bits, %v", len(b), n, err)
	}
	m := make([]bool, n)
	for i := range m {
		m[i] = b[i/8]>>(7-i%8)&1 == 1
	}
	return m
}

func TestMasksAgreeWithMONAI(t *testing.T) {
	type golden struct {
		Name        string
		Shape       [3]int
		Spacing     [3]float64
		Pred, Truth []byte
		MONAIDice   *float64 `json:"monai_dice"`
		MONAIDiceNo *float64 `json:"monai_dice_ignore_empty_false"`
		MONAIHD95   *float64 `json:"monai_hd95"`
		ScipyHD95   *float64 `json:"scipy_hd95"`
	}
	for _, g := range readGolden[golden](t, "masks.json") {
		t.Run(g.Name, func(t *testing.T) {
			n := g.Shape[0] * g.Shape[1] * g.Shape[2]
			pred, truth := unpack(t, g.Pred, n), unpack(t, g.Truth, n)
			grid := metrics.Grid{Shape: g.Shape, Spacing: g.Spacing}
			// MONAI computes in float32, whose places are 6e-8 of a value.
			for _, c := range []struct {
				what      string
				got, want float64
				tol       float64
			}{
				{"Dice", metrics.Dice(pred, truth, metrics.MONAI), orNaN(g.MONAIDice), 1e-6},
				{"Dice, ignore_empty=False", metrics.Dice(pred, truth, metrics.BraTS), orNaN(g.MONAIDiceNo), 1e-6},
				{"HD95", metrics.HD95(pred, truth, grid, metrics.MONAI), orNaN(g.MONAIHD95), 1e-6},
				// The same definition in float64, squares summed in another order.
				{"HD95 by scipy", metrics.HD95(pred, truth, grid, metrics.MONAI), orNaN(g.ScipyHD95), 1e-12},
			} {
				if !near(c.got, c.want, c.tol) {
					t.Errorf("%s: got %.17g, want %.17g", c.what, c.got, c.want)
				}
			}
		})
	}
}

func TestConventionsForEmptyMasks(t *testing.T) {
	grid := metrics.Grid{Shape: [3]int{1, 2, 2}, Spacing: [3]float64{1, 1, 1}}
	none, some := make([]bool, 4), []bool{false, true, false, false}
	nan := math.NaN()
	for _, tc := range []struct {
		e           metrics.Empty
		pred, truth []bool
		dice, hd95  float64
	}{
		{"", none, none, 1, 0},
		{"", some, none, 0, nan},
		{"", none, some, 0, nan},
		{metrics.BraTS, none, none, 1, 0},
		{metrics.BraTS, some, none, 0, nan},
		{metrics.BraTS, none, some, 0, nan},
		{metrics.BraTSPenalty, none, none, 1, 0},
		{metrics.BraTSPenalty, some, none, 0, 373.1286644}, // as the leader boards print it, in float32
		{metrics.BraTSPenalty, none, some, 0, 373.1286644},
		{metrics.MONAI, none, none, nan, nan},
		{metrics.MONAI, some, none, nan, nan},
		{metrics.MONAI, none, some, 0, nan},
	} {
		dice, hd95 := metrics.Dice(tc.pred, tc.truth, tc.e), metrics.HD95(tc.pred, tc.truth, grid, tc.e)
		if !near(dice, tc.dice, 0) || !near(hd95, tc.hd95, 1e-7) {
			t.Errorf("%q, prediction %v, truth %v: got %g and %g, want %g and %g", tc.e, tc.pred, tc.truth, dice, hd95, tc.dice, tc.hd95)
		}
	}
	for _, e := range metrics.Conventions() {
		if got := metrics.Dice(some, some, e); got != 1 {
			t.Errorf("%s: Dice of a mask with itself is %g", e, got)
		}
		if !strings.HasPrefix(e.Words(), string(e)+" (") {
			t.Errorf("%s is explained as %q", e, e.Words())
		}
	}
}

// masks draws two masks on a grid of up to 7 x 8 x 9.
func masks(t *rapid.T) (pred, truth []bool, g metrics.Grid) {
	spacing := rapid.SampledFrom([]float64{1, 0.9375, 5, 0.1})
	for d := range 3 {
		g.Shape[d] = rapid.IntRange(1, 7+d).Draw(t, "size")
		g.Spacing[d] = spacing.Draw(t, "spacing")
	}
	n := g.Shape[0] * g.Shape[1] * g.Shape[2]
	one := func(name string) []bool {
		m := make([]bool, n)
		share := rapid.SampledFrom([]int{0, 1, 5, 50, 95, 100}).Draw(t, name+" share")
		for i, v := range rapid.SliceOfN(rapid.IntRange(0, 99), n, n).Draw(t, name) {
			m[i] = v < share
		}
		return m
	}
	return one("pred"), one("truth"), g
}

// surface returns the places of the surface of m, by its definition, column by
// column along D.
func surface(m []bool, g metrics.Grid) (places [][3]int) {
	in := func(p [3]int) bool {
		for d := range 3 {
			if p[d] < 0 || p[d] >= g.Shape[d] {
				return false
			}
		}
		return m[(p[0]*g.Shape[1]+p[1])*g.Shape[2]+p[2]]
	}
	for y := range g.Shape[1] {
		for x := range g.Shape[2] {
			for z := range g.Shape[0] {
				p := [3]int{z, y, x}
				inner := in([3]int{z - 1, y, x}) && in([3]int{z + 1, y, x}) && in([3]int{z, y - 1, x}) &&
					in([3]int{z, y + 1, x}) && in([3]int{z, y, x - 1}) && in([3]int{z, y, x + 1})
				if in(p) && !inner {
					places = append(places, p)
				}
			}
		}
	}
	return places
}

// nearest returns the squared distance of each of from to the nearest of to.
func nearest(from, to [][3]int, g metrics.Grid) []float64 {
	var out []float64
	for _, a := range from {
		best := math.Inf(1)
		for _, b := range to {
			sum := 0.0
			for d := range 3 {
				sum += math.Pow(float64(a[d]-b[d])*g.Spacing[d], 2)
			}
			best = min(best, sum)
		}
		out = append(out, best)
	}
	return out
}

func TestDistancesAreThoseOfBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pred, truth, g := masks(t)
		if !slices.Contains(pred, true) || !slices.Contains(truth, true) {
			return // nothing to measure
		}
		a, b := surface(pred, g), surface(truth, g)
		toTruth, toPred := metrics.SurfaceSquares(pred, truth, g)
		for _, c := range []struct{ got, want []float64 }{{toTruth, nearest(a, b, g)}, {toPred, nearest(b, a, g)}} {
			if len(c.got) != len(c.want) {
				t.Fatalf("%d surface voxels, want %d", len(c.got), len(c.want))
			}
			for i := range c.got {
				// Sums of three squares, rounded in another order.
				if !near(c.got[i], c.want[i], 1e-14) {
					t.Fatalf("surface voxel %d: got %.17g mm², want %.17g", i, c.got[i], c.want[i])
				}
			}
		}
	})
}

func TestScoresAreSymmetricAndBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, g := masks(t)
		for _, e := range []metrics.Empty{metrics.BraTS, metrics.BraTSPenalty} {
			dice, hd95 := metrics.Dice(a, b, e), metrics.HD95(a, b, g, e)
			if back := metrics.Dice(b, a, e); back != dice || !(dice >= 0 && dice <= 1) {
				t.Fatalf("%s: Dice %g one way and %g the other", e, dice, back)
			}
			if back := metrics.HD95(b, a, g, e); !near(back, hd95, 0) || hd95 < 0 {
				t.Fatalf("%s: HD95 %g one way and %g the other", e, hd95, back)
			}
			if dice := metrics.Dice(a, a, e); dice != 1 {
				t.Fatalf("%s: Dice of a mask with itself is %g", e, dice)
			}
			if hd95 := metrics.HD95(a, a, g, e); hd95 != 0 {
				t.Fatalf("%s: HD95 of a mask with itself is %g", e, hd95)
			}
		}
	})
}

// Of a box that is moved along one axis, the face that is left behind is exactly
// as far from the moved one, and nothing is further. A face of 6 x 6 is 36 of 152
// surface voxels, so the 95th percentile is one of them.
func TestHD95OfAShiftedBox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := metrics.Grid{Shape: [3]int{16, 16, 16}, Spacing: [3]float64{1, 1, 1}}
		axis := rapid.IntRange(0, 2).Draw(t, "axis")
		g.Spacing[axis] = rapid.SampledFrom([]float64{1, 0.5, 3}).Draw(t, "spacing")
		by := rapid.IntRange(0, 5).Draw(t, "voxels")
		box := func(shift int) []bool {
			m := make([]bool, 16*16*16)
			for i := range m {
				p := [3]int{i / 256, i / 16 % 16, i % 16}
				p[axis] -= shift
				m[i] = min(p[0], p[1], p[2]) >= 2 && max(p[0], p[1], p[2]) < 8
			}
			return m
		}
		want := float64(by) * g.Spacing[axis]
		if got := metrics.HD95(box(0), box(by), g, metrics.BraTS); !near(got, want, 1e-15) {
			t.Fatalf("moved by %d voxels of %g mm: got %g, want %g", by, g.Spacing[axis], got, want)
		}
	})
}

func TestWrongSizesPanic(t *testing.T) {
	m := make([]bool, 8)
	cube := metrics.Grid{Shape: [3]int{2, 2, 2}, Spacing: [3]float64{1, 1, 1}}
	for name, f := range map[string]func(){
		"Dice of two lengths": func() { metrics.Dice(m, m[:7], "") },
		"HD95 off the grid":   func() { metrics.HD95(m, m[:7], cube, "") },
		"no spacing":          func() { metrics.HD95(m, m, metrics.Grid{Shape: cube.Shape}, "") },
		"no such convention":  func() { metrics.Dice(m, m, "brat") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}
