package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Paired is the outcome of a two-sided test of paired samples.
type Paired struct {
	N         int     // pairs that counted
	Mean      float64 // mean difference, a - b, of all pairs with both defined
	Statistic float64 // t of [TTest], the smaller sum of ranks of [Wilcoxon]
	P         float64 // two-sided
	Exact     bool    // of [Wilcoxon]: P counts all outcomes and approximates nothing
}

// rounding is how much of values a difference of two may be that are equal but
// for the rounding of sums, like those of means over combinations: 64 units in
// the last place.
const rounding = 0x1p-46

// differences returns a - b where both are defined, and 0 for what is rounding
// alone, of which noise is the most there can be. It panics where the lengths
// differ.
func differences(a, b []float64) (d []float64, noise float64) {
	if len(a) != len(b) {
		panic(fmt.Sprintf("metrics: %d values paired with %d", len(a), len(b)))
	}
	for i := range a {
		if v := a[i] - b[i]; !math.IsNaN(v) {
			d = append(d, v)
			noise = max(noise, rounding*max(math.Abs(a[i]), math.Abs(b[i])))
		}
	}
	for i, v := range d {
		if math.Abs(v) <= noise {
			d[i] = 0
		}
	}
	return d, noise
}

// TTest is Student's t-test of the mean of a - b against 0; pairs with a NaN are
// left out. Statistic and P are NaN for fewer than two pairs, and where all
// differences are the same but for rounding: the test estimates what chance does
// from their deviation, and has nothing to say of none.
func TTest(a, b []float64) Paired {
	d, noise := differences(a, b)
	s := Summarise(d)
	if math.Abs(s.Mean) <= noise {
		s.Mean = 0
	}
	if !(s.SD > noise) { // NaN as well
		return Paired{N: s.N, Mean: s.Mean, Statistic: math.NaN(), P: math.NaN()}
	}
	t := s.Mean / (s.SD / math.Sqrt(float64(s.N)))
	f := float64(s.N - 1)
	// The two tails of Student's t: I(x; f/2, 1/2) at x = f / (f + t²).
	return Paired{N: s.N, Mean: s.Mean, Statistic: t, P: mathext.RegIncBeta(f/2, 0.5, f/(f+t*t))}
}

// maxExact is how many pairs Wilcoxon counts through: 2^50 outcomes are exact in
// a float64.
const maxExact = 50

// Wilcoxon is the signed-rank test of a - b against symmetry about 0. Pairs with
// a NaN, and differences of 0, are left out (Wilcoxon's own way); equal
// differences share their mean rank. Up to 50 differences P is exact, ties and
// all: the part of the 2^n signs that gives a sum at least as far out. Beyond it
// is the normal approximation with the variance corrected for ties, and without
// a continuity correction. Where nothing differs P is 1.
func Wilcoxon(a, b []float64) Paired {
	d, noise := differences(a, b)
	out := Paired{Mean: Summarise(d).Mean}
	d = slices.DeleteFunc(d, func(v float64) bool { return v == 0 })
	out.N = len(d)
	ranks, ties := doubleRanks(d, noise)
	plus, all := 0, 0
	for i, r := range ranks {
		all += r
		if d[i] > 0 {
			plus += r
		}
	}
	low := min(plus, all-plus)
	out.Statistic = float64(low) / 2
	switch n := float64(out.N); {
	case out.N == 0:
		out.P, out.Exact = 1, true
	case out.N <= maxExact:
		out.P, out.Exact = signP(ranks, low), true
	default:
		// Of the sum of ranks: mean n(n+1)/4, variance (n(n+1)(2n+1) - Σ(t³-t)/2) / 24.
		se := math.Sqrt((n*(n+1)*(2*n+1) - ties/2) / 24)
		z := (out.Statistic - n*(n+1)/4) / se
		out.P = math.Erfc(math.Abs(z) / math.Sqrt2)
	}
	return out
}

// doubleRanks returns twice the rank of each magnitude, which is whole where
// equal ones, within noise, share their mean rank, and the sum of t³-t over groups
// of t equals.
func doubleRanks(d []float64, noise float64) (ranks []int, ties float64) {
	order := make([]int, len(d))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch x, y := math.Abs(d[i]), math.Abs(d[j]); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	ranks = make([]int, len(d))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && math.Abs(d[order[j]])-math.Abs(d[order[i]]) <= noise {
			j++
		}
		for _, k := range order[i:j] {
			ranks[k] = i + j + 1 // the mean of the ranks i+1 to j, twice
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	return ranks, ties
}

// signP returns how probable it is, with a fair sign for each rank, that the sum
// of the positive ones is low or below, or as far above the middle.
func signP(ranks []int, low int) float64 {
	ways := make([]float64, low+1) // by sum, of those up to low
	ways[0] = 1
	for _, r := range ranks {
		for s := low; s >= r; s-- {
			ways[s] += ways[s-r]
		}
	}
	tail := 0.0
	for _, w := range ways {
		tail += w
	}
	return min(2*math.Ldexp(tail, -len(ranks)), 1)
}

// Bootstrap returns the percentile interval of the mean of values: it draws
// resamples times as many of them with replacement, and returns the (1-level)/2
// and (1+level)/2 quantiles of the means. NaNs are left out; without a value it
// is NaN, NaN. The draws are a PCG's (math/rand/v2) of seed and 0. It panics
// unless level is between 0 and 1 and resamples at least 1.
//
// For paired samples pass the differences.
func Bootstrap(values []float64, level float64, resamples int, seed uint64) (lo, hi float64) {
	if !(level > 0 && level < 1) || resamples < 1 {
		panic(fmt.Sprintf("metrics: bootstrap of level %g with %d resamples", level, resamples))
	}
	values = slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(values) == 0 {
		return math.NaN(), math.NaN()
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	means := make([]float64, resamples)
	for i := range means {
		sum := 0.0
		for range values {
			sum += values[rng.IntN(len(values))]
		}
		means[i] = sum / float64(len(values))
	}
	slices.Sort(means)
	return quantile(means, (1-level)/2), quantile(means, (1+level)/2)
}
