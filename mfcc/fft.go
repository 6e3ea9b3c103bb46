package mfcc

import "math"

// fft is the plan of a real transform of n points for lanes frames at once, as
// a complex transform of m = n/2 points. It has no state beyond tables.
//
// Data is rows of lanes float32: row t holds sample t of every frame. Rows 2j
// and 2j+1 are at the same time real and imaginary part of point j of the
// complex transform. So no instruction ever moves a value between lanes, and
// the order of operations in a lane is the same on any machine.
type fft struct {
	m      int
	stages []stage
	last   int    // radix of the last, untwiddled pass: 4, or 2
	pairs  []pair // unpacks the complex spectrum to the real one
}

// stage is a pass of radix-4 butterflies over blocks of 4q points.
type stage struct {
	q       int
	twiddle []float32 // w^j, w^2j, w^3j for j < q, w = exp(-2 pi i / 4q)
}

// pair says where points k and m-k of the complex spectrum lie, as byte
// offsets, and holds -i exp(-2 pi i k / n).
type pair struct {
	a, b   int32
	re, im float32
}

func newFFT(n int) *fft {
	f := &fft{m: n / 2}
	left := f.m
	for ; left > 4; left /= 4 {
		q := left / 4
		tw := make([]float32, 0, 6*q)
		for j := range q {
			for p := 1; p <= 3; p++ {
				sin, cos := math.Sincos(-2 * math.Pi * float64(p*j) / float64(left))
				tw = append(tw, float32(cos), float32(sin))
			}
		}
		f.stages = append(f.stages, stage{q, tw})
	}
	f.last = left
	const pointBytes = 2 * lanes * 4
	for k := range f.m/2 + 1 {
		sin, cos := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
		a, b := f.place(k), f.place((f.m-k)%f.m)
		f.pairs = append(f.pairs, pair{int32(a * pointBytes), int32(b * pointBytes), float32(sin), float32(-cos)})
	}
	return f
}

// place returns where in the output of transform point k of the spectrum is:
// decimation in frequency leaves it in digit-reversed order.
func (f *fft) place(k int) int {
	at := 0
	for _, s := range f.stages {
		at += k % 4 * s.q
		k /= 4
	}
	return at + k
}

// blockPoints is how many points are transformed to the end before the next
// block is begun: 16 KB, so that they stay in a 32 KB first-level cache.
const blockPoints = 256

// transform replaces the m points of x by their spectrum.
func (f *fft) transform(x []float32, use level) { f.pass(x[:f.m*2*lanes], 0, use) }

func (f *fft) pass(x []float32, i int, use level) {
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
	if f.last == 4 {
		dif4Last(x, points/4, use)
	} else {
		dif2Last(x, points/2, use)
	}
}

// power writes to dst, rows 0 to m, four times the power spectrum of the frames
// whose transform x is.
func (f *fft) power(dst, x []float32, use level) {
	unpack(dst[:(f.m+1)*lanes], x[:f.m*2*lanes], f.pairs, use)
}
