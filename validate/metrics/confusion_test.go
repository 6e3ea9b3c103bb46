package metrics_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/validate/metrics"
)

func TestWilsonAgreesWithScipy(t *testing.T) {
	type golden struct {
		Right, N  int
		Z, Lo, Hi float64
	}
	for _, g := range readGolden[golden](t, "wilson.json") {
		lo, hi := metrics.Wilson(g.Right, g.N, g.Z)
		// The same formula, rounded in another order.
		if !near(lo, g.Lo, 1e-14) || !near(hi, g.Hi, 1e-14) {
			t.Errorf("%d of %d, z %g: got %g to %g, want %g to %g", g.Right, g.N, g.Z, lo, hi, g.Lo, g.Hi)
		}
	}
	if lo, hi := metrics.Wilson(0, 0, metrics.Z95); lo != 0 || hi != 1 {
		t.Errorf("of nothing: got %g to %g, want 0 to 1", lo, hi)
	}
}

func TestWilsonHoldsTheProportion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(t, "n")
		right := rapid.IntRange(0, n).Draw(t, "right")
		lo, hi := metrics.Wilson(right, n, metrics.Z95)
		if p := float64(right) / float64(n); !(0 <= lo && lo <= p && p <= hi && hi <= 1) {
			t.Fatalf("%d of %d: %g to %g", right, n, lo, hi)
		}
		// What is found of the rest mirrors it.
		if l, h := metrics.Wilson(n-right, n, metrics.Z95); !near(1-h, lo, 1e-12) || !near(1-l, hi, 1e-12) {
			t.Fatalf("%d of %d: %g to %g, of the others %g to %g", right, n, lo, hi, l, h)
		}
	})
}

func TestConfusion(t *testing.T) {
	nan := math.NaN()
	// Worked by hand: rows are true classes. Class 3 never occurs, class 2 is
	// never predicted.
	c := metrics.NewConfusion(4)
	want := [][]int{{4, 1, 0, 0}, {2, 3, 0, 0}, {0, 2, 0, 0}, {0, 0, 0, 0}}
	for truth, row := range want {
		for predicted, n := range row {
			for range n {
				c.Add(truth, predicted)
			}
		}
	}
	if got := c.Rows(); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v, want %v", got, want)
	}
	if right, n := c.Correct(); right != 7 || n != 12 {
		t.Errorf("got %d right of %d, want 7 of 12", right, n)
	}
	for i, w := range []metrics.ClassScore{
		{Support: 5, Predicted: 6, Precision: 4. / 6, Recall: 4. / 5, F1: 8. / 11},
		{Support: 5, Predicted: 6, Precision: 3. / 6, Recall: 3. / 5, F1: 6. / 11},
		{Support: 2, Predicted: 0, Precision: nan, Recall: 0, F1: 0},
		{Support: 0, Predicted: 0, Precision: nan, Recall: nan, F1: nan},
	} {
		g := c.Class(i)
		if g.Support != w.Support || g.Predicted != w.Predicted ||
			!near(g.Precision, w.Precision, 1e-15) || !near(g.Recall, w.Recall, 1e-15) || !near(g.F1, w.F1, 1e-15) {
			t.Errorf("class %d: got %+v, want %+v", i, g, w)
		}
	}
	if got, want := c.MacroF1(), (8./11+6./11+0)/3; !near(got, want, 1e-15) {
		t.Errorf("macro-F1: got %g, want %g", got, want)
	}
}

func TestSummarise(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		name   string
		scores []float64
		want   metrics.Summary
	}{
		{"none", nil, metrics.Summary{Mean: nan, SD: nan, Median: nan}},
		{"undefined alone", []float64{nan, nan}, metrics.Summary{Undefined: 2, Mean: nan, SD: nan, Median: nan}},
		{"one", []float64{3}, metrics.Summary{N: 1, Mean: 3, SD: nan, Median: 3}},
		{"odd", []float64{5, nan, 1, 3}, metrics.Summary{N: 3, Undefined: 1, Mean: 3, SD: 2, Median: 3}},
		{"even", []float64{4, 1, 3, 2}, metrics.Summary{N: 4, Mean: 2.5, SD: math.Sqrt(5. / 3), Median: 2.5}},
	} {
		g, w := metrics.Summarise(tc.scores), tc.want
		if g.N != w.N || g.Undefined != w.Undefined || !near(g.Mean, w.Mean, 1e-15) || !near(g.SD, w.SD, 1e-15) || !near(g.Median, w.Median, 0) {
			t.Errorf("%s: got %+v, want %+v", tc.name, g, w)
		}
	}
}
