package mfcc

import "math"

// source is a signal ready for framing: its samples, divided by 2^exponent.
type source struct {
	x        []float32
	exponent int
}

// maxPeak is the largest peak that is left as it is: its power over the
// largest frame is far below what a float32 holds, also on int16 scale.
const maxPeak = 1 << 24

// int16Scale takes full scale 1 to Kaldi's.
const int16Scale = 1 << 15

// prepare returns the signal itself where that will do. Otherwise it returns a
// copy: one sample in stride, normalised by its peak, samples that are not
// finite as 0, or a huge signal divided by a power of two.
func (e *Extractor) prepare(signal []float32) source {
	top := peak(signal, e.use)
	finite := top < infBits
	huge := math.Float32frombits(top) > maxPeak
	if finite && !huge && e.r.stride == 1 && !e.r.spread {
		return source{x: signal}
	}
	e.signal = e.signal[:0]
	for i := 0; i < len(signal); i += e.r.stride {
		v := signal[i]
		if math.Float32bits(v)&absBits >= infBits {
			v = 0
		}
		e.signal = append(e.signal, v)
	}
	for e.r.spread && len(e.signal) < e.c.FFT {
		e.signal = append(e.signal, 0)
	}
	x := e.signal
	p := float64(math.Float32frombits(peak(x, e.use)))
	switch {
	case e.r.spread && p > 0:
		for i, v := range x {
			x[i] = float32(float64(v) / p)
		}
	case p > maxPeak:
		exponent := math.Ilogb(p) + 1
		by := math.Ldexp(1, -exponent)
		for i, v := range x {
			x[i] = float32(float64(v) * by)
		}
		return source{x, exponent}
	}
	return source{x: x}
}

// frame returns the samples of frame f, len(e.window) of them: a run of the
// signal where it can be, else a copy in place l of e.edge.
func (e *Extractor) frame(src source, f, frames, l int) []float32 {
	size := len(e.window)
	start := f * e.c.Hop
	switch {
	case e.r.spread:
		start = spread(f, frames, len(src.x)-e.c.FFT)
	case e.c.Padding != NoPadding:
		start -= e.c.FFT / 2
	}
	if start >= 0 && start+size <= len(src.x) && !e.r.kaldi {
		return src.x[start : start+size]
	}
	dst := e.edge[l*size : (l+1)*size]
	if e.c.Padding == Reflect {
		for i := range dst {
			dst[i] = src.x[reflect(start+i, len(src.x))]
		}
		return dst
	}
	clear(dst)
	if from := max(start, 0); from < len(src.x) {
		copy(dst[from-start:], src.x[from:])
	}
	return dst
}

// spread returns the start of frame f of n, evenly from 0 to last, rounded half
// up.
func spread(f, n, last int) int {
	if n == 1 {
		return last / 2
	}
	return (2*f*last + n - 1) / (2 * (n - 1))
}

// reflect maps a place outside 0 to n-1 back into it as numpy.pad's "reflect"
// does: mirrored at the first and the last sample, neither repeated, as often
// as it takes.
func reflect(i, n int) int {
	if i >= 0 && i < n {
		return i
	}
	if n == 1 {
		return 0
	}
	period := 2 * (n - 1)
	i %= period
	if i < 0 {
		i += period
	}
	return min(i, period-i)
}

// kaldiFrame does to the frame in place l of e.edge what Kaldi does before the
// window, and returns its log energy, taken in between: to int16 scale, less
// its mean, and then x[t] - 0.97 x[t-1], where x[-1] is x[0].
func (e *Extractor) kaldiFrame(l, exponent int) float32 {
	x := e.edge[l*len(e.window):][:e.c.Window] // beyond it, the window is 0
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	mean := sum / float64(len(x))
	energy := 0.0
	for i, v := range x {
		d := float64((float64(v) - mean) * int16Scale)
		energy += float64(d * d)
		x[i] = float32(d)
	}
	for i := len(x) - 1; i >= 0; i-- {
		x[i] -= float32(0.97 * x[max(i-1, 0)])
	}
	undo := 2 * float64(exponent) * math.Ln2
	return float32(max(math.Log(max(energy, math.SmallestNonzeroFloat64))+undo, math.Log(kaldiFloor)))
}
