package metrics

import (
	"math"
	"slices"
)

// Summary describes scores of which some may be undefined.
type Summary struct {
	N         int     // scores that are defined
	Undefined int     // scores that are NaN, and count for nothing below
	Mean      float64 // NaN without any
	SD        float64 // of a sample (n-1); NaN for fewer than two
	Median    float64 // NaN without any
}

// Summarise describes the scores. It sums in their order.
func Summarise(scores []float64) Summary {
	defined := make([]float64, 0, len(scores))
	sum := 0.0
	for _, v := range scores {
		if !math.IsNaN(v) {
			defined = append(defined, v)
			sum += v
		}
	}
	n := len(defined)
	s := Summary{N: n, Undefined: len(scores) - n, Mean: sum / float64(n), SD: math.NaN(), Median: math.NaN()}
	if n == 0 {
		return s // 0/0 is NaN
	}
	if n > 1 {
		squares := 0.0
		for _, v := range defined {
			squares += float64((v - s.Mean) * (v - s.Mean))
		}
		s.SD = math.Sqrt(squares / float64(n-1))
	}
	slices.Sort(defined)
	s.Median = (defined[(n-1)/2] + defined[n/2]) / 2
	return s
}

// quantile returns the p-th quantile of sorted values, at least one, between
// order statistics in proportion: that at p (n-1), counted from 0.
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	k := min(int(at), len(sorted)-1)
	if k+1 == len(sorted) {
		return sorted[k]
	}
	return sorted[k] + float64((sorted[k+1]-sorted[k])*(at-float64(k)))
}
