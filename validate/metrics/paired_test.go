package metrics_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/validate/metrics"
)

func TestPairedTestsAgreeWithScipy(t *testing.T) {
	type golden struct {
		Name string
		A, B []float64
		T    float64
		TP   float64 `json:"t_p"`
		W    float64
		WP   float64 `json:"w_p"`
		WN   int     `json:"w_n"`
	}
	for _, g := range readGolden[golden](t, "paired.json") {
		t.Run(g.Name, func(t *testing.T) {
			// scipy's incomplete beta function is another implementation.
			if got := metrics.TTest(g.A, g.B); !near(got.Statistic, g.T, 1e-12) || math.Abs(got.P/g.TP-1) > 1e-10 || got.N != len(g.A) {
				t.Errorf("t-test: got %+v, want t %.17g, P %.17g", got, g.T, g.TP)
			}
			// Counts of signs, or a normal tail by another series.
			if got := metrics.Wilcoxon(g.A, g.B); got.Statistic != g.W || math.Abs(got.P/g.WP-1) > 1e-12 || got.N != g.WN || got.Exact != (g.WN <= 50) {
				t.Errorf("Wilcoxon: got %+v, want W %g, P %.17g, %d pairs", got, g.W, g.WP, g.WN)
			}
		})
	}
}

func TestPairedTestsWithoutADifference(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		name   string
		a, b   []float64
		t, w   float64 // P of the two
		tn, wn int
	}{
		{"nothing", nil, nil, nan, 1, 0, 0},
		{"all equal", []float64{1, 2, 3}, []float64{1, 2, 3}, nan, 1, 3, 0},
		{"one pair", []float64{1}, []float64{2}, nan, 1, 1, 1},
		{"undefined left out", []float64{1, nan, 3}, []float64{nan, 2, 2}, nan, 1, 1, 1},
		{"one and the same difference", []float64{1, 2, 3}, []float64{0, 1, 2}, nan, 0.25, 3, 3},
		{"the same but for rounding", []float64{90.1, 80.3, 70.7}, []float64{90, 80.2, 70.6}, nan, 0.25, 3, 3},
		{"none but for rounding", []float64{0.30000000000000004, 60}, []float64{0.3, 60}, nan, 1, 2, 0},
	} {
		tt, w := metrics.TTest(tc.a, tc.b), metrics.Wilcoxon(tc.a, tc.b)
		if !near(tt.P, tc.t, 0) || tt.N != tc.tn || !near(w.P, tc.w, 0) || w.N != tc.wn {
			t.Errorf("%s: got %+v and %+v, want P %g of %d and %g of %d", tc.name, tt, w, tc.t, tc.tn, tc.w, tc.wn)
		}
	}
}

// Differences that cancel out have no mean, whatever rounding leaves of them.
func TestDifferencesThatCancelOut(t *testing.T) {
	if got := metrics.TTest([]float64{60.1, 60.2, 60.3}, []float64{60.2, 60.3, 60.1}); got.Mean != 0 || got.P != 1 {
		t.Errorf("got %+v, want a mean of 0 and a P of 1", got)
	}
}

// Wilcoxon's P is the part of all 2^n assignments of signs that give a sum of
// ranks at least as far from the middle.
// Magnitudes that are equal but for rounding share a rank.
func TestWilcoxonTiesWithinRounding(t *testing.T) {
	a, b := .1, .2
	got := metrics.Wilcoxon([]float64{a + b, 0, 1}, []float64{0, .3, 0})
	if a+b == .3 || got.Statistic != 1.5 || got.P != .75 {
		t.Errorf("got %+v, want ranks 1.5, 1.5 and 3", got)
	}
}

func TestWilcoxonCountsAllSigns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SliceOfN(rapid.Float64Range(-3, 3), 1, 9).Draw(t, "d")
		for i := range d {
			d[i] = math.Round(d[i]) // ties and zeros
		}
		zeros := make([]float64, len(d))
		got := metrics.Wilcoxon(d, zeros)
		var kept, ranks []float64
		for _, v := range d {
			if v != 0 {
				kept = append(kept, v)
			}
		}
		for _, v := range kept {
			below, same := 0., 0.
			for _, w := range kept {
				if math.Abs(w) < math.Abs(v) {
					below++
				} else if math.Abs(w) == math.Abs(v) {
					same++
				}
			}
			ranks = append(ranks, below+(same+1)/2)
		}
		middle := float64(len(kept)*(len(kept)+1)) / 4
		sum := func(positive func(i int) bool) (s float64) {
			for i, r := range ranks {
				if positive(i) {
					s += r
				}
			}
			return math.Abs(s - middle)
		}
		seen := sum(func(i int) bool { return kept[i] > 0 })
		far := 0
		for signs := range 1 << len(kept) {
			if sum(func(i int) bool { return signs>>i&1 == 1 }) >= seen {
				far++
			}
		}
		if want := float64(far) / float64(int(1)<<len(kept)); got.P != want {
			t.Fatalf("%v: got P %g, want %g", d, got.P, want)
		}
	})
}

func TestBootstrapAgreesWithScipy(t *testing.T) {
	type golden struct {
		Name   string
		Values []float64
		Lo, Hi float64
	}
	for _, g := range readGolden[golden](t, "bootstrap.json") {
		sd := metrics.Summarise(g.Values).SD / math.Sqrt(float64(len(g.Values)))
		lo, hi := metrics.Bootstrap(g.Values, 0.95, 50_000, 1)
		// Another stream of chance: a 2.5 % quantile of 50,000 means has a standard
		// error of some 0.012 of their deviation. Means of five values come in steps
		// of 0.2.
		tol := 0.06 * sd
		if g.Name == "few" {
			tol = 0.2
		}
		if math.Abs(lo-g.Lo) > tol || math.Abs(hi-g.Hi) > tol {
			t.Errorf("%s: got %g to %g, want %g to %g within %g", g.Name, lo, hi, g.Lo, g.Hi, tol)
		}
		if l, h := metrics.Bootstrap(append(g.Values, math.NaN()), 0.95, 50_000, 1); l != lo || h != hi {
			t.Errorf("%s: with the same seed and a NaN more: got %g to %g, want %g to %g", g.Name, l, h, lo, hi)
		}
		if l, h := metrics.Bootstrap(g.Values, 0.5, 50_000, 1); !(lo < l && l < h && h < hi) {
			t.Errorf("%s: 50 %% are %g to %g, 95 %% are %g to %g", g.Name, l, h, lo, hi)
		}
	}
	if lo, hi := metrics.Bootstrap([]float64{math.NaN()}, 0.95, 10, 1); !math.IsNaN(lo) || !math.IsNaN(hi) {
		t.Errorf("of nothing defined: got %g to %g, want NaN", lo, hi)
	}
}
