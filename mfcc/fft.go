package mfcc

import "math"

// fft is the plan of a real transform of n points for lanes frames at once, as
// a complex transform of m = n/2 points. It has no state beyond tables.
//
// Data is rows of lanes float64: row t holds sample t of every frame. Rows 2j
// and 2j+1 are at the same time real and imaginary part of point j of the
// complex transform. So no instruction ever moves a value between lanes, and
// the order of operations in a lane is the same on any machine.
//
// It is float64 because the weakest band that counts is 80 dB below the
// loudest, where what float32 rounds off a pure tone is heard: see doc.go.
type fft struct {
	m      int
	stages []stage // at least one
	last   int     // radix of the last, untwiddled pass: 4, or 2
	pairs  []pair  // unpacks the complex spectrum to the real one
}

// stage is a pass of radix-4 butterflies over blocks of 4q points.
type stage struct {
	q       int
	twiddle []float64 // w^j, w^2j, w^3j for j < q, w = exp(-2 pi i / 4q)
}

// pair says where points k and m-k of the complex spectrum lie (a, b) and
// where bins k and m-k of the real one go (low, high), as byte offsets, and
// holds -i exp(-2 pi i k / n).
type pair struct {
	a, b, low, high int32
	re, im          float64
}

func newFFT(n int) *fft {
	f := &fft{m: n / 2}
	left := f.m
	for ; left > 4; left /= 4 {
		q := left / 4
		tw := make([]float64, 0, 6*q)
		for j := range q {
			for p := 1; p <= 3; p++ {
				sin, cos := math.Sincos(-2 * math.Pi * float64(p*j) / float64(left))
				tw = append(tw, cos, sin)
			}
		}
		f.stages = append(f.stages, stage{q, tw})
	}
	f.last = left
	f.pairs = f.unpacking()
	return f
}

// edgePairs is how many pairs stand before the groups of four, see unpacking.
const edgePairs = 3

// unpacking returns the pairs, every bin in at least one. With q = m/4, first
// come points 0, q and 2q, and then, for each k from 1 to q/2, points k, k+q,
// k+2q and k+3q: where the last pass is of radix 4, these are the block that
// it makes of four points, and their partners are the block of q-k, backwards.
func (f *fft) unpacking() []pair {
	const pointBytes, rowBytes = 2 * lanes * 8, lanes * 4
	var pairs []pair
	add := func(k int) {
		sin, cos := math.Sincos(-math.Pi * float64(k) / float64(f.m))
		pairs = append(pairs, pair{
			a: int32(f.place(k) * pointBytes), b: int32(f.place((f.m-k)%f.m) * pointBytes),
			low: int32(k * rowBytes), high: int32((f.m - k) * rowBytes),
			re: sin, im: -cos,
		})
	}
	q := f.m / 4
	for t := range edgePairs {
		add(t * q)
	}
	for k := 1; k <= q/2; k++ {
		for t := range 4 {
			add(k + t*q)
		}
	}
	return pairs
}

// place returns where in the output of the last pass point k of the spectrum
// is: decimation in frequency leaves it in digit-reversed order.
func (f *fft) place(k int) int {
	at := 0
	for _, s := range f.stages {
		at += k % 4 * s.q
		k /= 4
	}
	return at + k
}

// blockPoints is how many points go through all stages before the next block
// is begun: 32 KB, the usual first-level cache.
const blockPoints = 256

// power writes to dst, rows 0 to m, four times the power spectrum of the
// frames, each of n samples, times the window, of n too. x is room for n rows.
func (f *fft) power(dst []float32, x []float64, frames *[lanes]*float32, window []float64, use level) {
	x = x[:f.m*2*lanes]
	first(x, frames, window, f.stages[0], use)
	for b := range 4 {
		f.pass(x[b*len(x)/4:(b+1)*len(x)/4], 1, use)
	}
	last(dst[:(f.m+1)*lanes], x, f.pairs, f.last, use)
}

// pass does all passes from stage i on but the last, which is one with unpacking.
func (f *fft) pass(x []float64, i int, use level) {
	points := len(x) / (2 * lanes)
	for ; i < len(f.stages); i++ {
		s := f.stages[i]
		dif4(x, s.twiddle, s.q, points/(4*s.q), use)
		if points > blockPoints {
			for b := range 4 {
				f.pass(x[b*len(x)/4:(b+1)*len(x)/4], i+1, use)
			}
			return
		}
	}
}
