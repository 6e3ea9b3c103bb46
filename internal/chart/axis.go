package chart

import (
	"math"
	"strconv"
	"strings"
)

// scale maps values to pixels. On a logarithmic one lo and hi are above 0.
type scale struct {
	lo, hi   float64
	log      bool
	from, to float64 // pixels of lo and hi
}

func (s scale) at(v float64) float64 {
	lo, hi := s.lo, s.hi
	if s.log {
		lo, hi, v = math.Log(lo), math.Log(hi), math.Log(v)
	}
	return s.from + (v-lo)/(hi-lo)*(s.to-s.from)
}

// Beyond huge, and on a logarithmic axis below tiny, the differences of numbers
// are no numbers any more.
const (
	huge = 1e300
	tiny = 1e-300
)

// has reports whether v can be shown on an axis.
func has(v float64, log bool) bool {
	return math.Abs(v) < huge && (v > tiny || !log) // false for NaN
}

// span is the range of the values seen.
type span struct{ lo, hi float64 }

func newSpan() span { return span{math.Inf(1), math.Inf(-1)} }

func (s *span) add(v float64, log bool) {
	if has(v, log) {
		s.lo, s.hi = min(s.lo, v), max(s.hi, v)
	}
}

func (s span) empty() bool { return s.lo > s.hi }

// open returns the span with some width: [0, 1] for no values, and about the
// value where all are equal, or nearly.
func (s span) open(log bool) span {
	switch {
	case s.empty() && log:
		return span{0.1, 1}
	case s.empty():
		return span{0, 1}
	case s.hi-s.lo > max(1e-9*max(-s.lo, s.hi), tiny):
		return s
	case log:
		return span{s.lo / 2, s.hi * 2}
	case math.Abs(s.lo) <= tiny:
		return span{-1, 1}
	}
	d := math.Abs(s.lo) / 10
	return span{s.lo - d, s.hi + d}
}

// tick is a place on an axis and what stands there.
type tick struct {
	v    float64
	text string
}

// ticks returns at most about n round values that span s, and the span that ends
// at the outer ones.
func ticks(s span, log bool, n int) ([]tick, span) {
	if log {
		return logTicks(s, n)
	}
	step := niceStep((s.hi - s.lo) / float64(max(n, 1)))
	first, last := math.Floor(s.lo/step+1e-9), math.Ceil(s.hi/step-1e-9)
	var list []tick
	for i := first; i <= last; i++ {
		list = append(list, tick{i * step, number(i*step, step)})
	}
	return list, span{first * step, last * step}
}

// niceStep returns the least of 1, 2, 5 times a power of ten that is not below
// rough.
func niceStep(rough float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= rough*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// logTicks takes powers of ten, fewer of them where there are many, and 1, 2, 5
// in each where there are few.
func logTicks(s span, n int) ([]tick, span) {
	first, last := math.Floor(math.Log10(s.lo)+1e-9), math.Ceil(math.Log10(s.hi)-1e-9)
	every := math.Ceil((last - first) / float64(max(n, 1)))
	parts := []float64{1}
	if 3*math.Log10(s.hi/s.lo) <= float64(n)+2 {
		parts = []float64{1, 2, 5}
	}
	var all []tick
	for e := first; e <= last; e += max(every, 1) {
		for _, m := range parts {
			// As text, so that 1e-3 is just that.
			v, _ := strconv.ParseFloat(strconv.FormatFloat(m, 'f', 0, 64)+"e"+strconv.Itoa(int(e)), 64)
			all = append(all, tick{v, number(v, v)})
		}
	}
	// With two ticks within the values there is no need of others.
	var within []tick
	for _, t := range all {
		if t.v >= s.lo*(1-1e-9) && t.v <= s.hi*(1+1e-9) {
			within = append(within, t)
		}
	}
	if len(within) > 1 {
		margin := math.Pow(s.hi/s.lo, 0.04)
		return within, span{min(s.lo/margin, within[0].v), max(s.hi*margin, within[len(within)-1].v)}
	}
	lo, hi := 0, len(all)-1
	for lo+1 < hi && all[lo+1].v <= s.lo*(1+1e-9) {
		lo++
	}
	for hi-1 > lo && all[hi-1].v >= s.hi*(1-1e-9) {
		hi--
	}
	return all[lo : hi+1], span{min(all[lo].v, s.lo), max(all[hi].v, s.hi)}
}

// number writes v with the decimals that a step has: 0.05, 12,000, 2e-5.
func number(v, step float64) string {
	if v == 0 {
		return "0"
	}
	if a := max(math.Abs(v), step); a >= 1e7 || step < 1e-4 {
		s := strconv.FormatFloat(v, 'e', max(0, int(math.Floor(math.Log10(math.Abs(v))+1e-9)-math.Floor(math.Log10(step)+1e-9))), 64)
		mantissa, exponent, _ := strings.Cut(s, "e")
		e, _ := strconv.Atoi(exponent)
		return mantissa + "e" + strconv.Itoa(e)
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		return "0"
	}
	whole, rest, _ := strings.Cut(s, ".")
	sign := ""
	if whole[0] == '-' {
		sign, whole = "−", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return sign + whole
}
