package mfcc

import "math"

// lanes is how many frames the kernels work on at once: one a lane of a
// 256-bit register of float32, or of a 512-bit one of float64.
const lanes = 8

// dctGroup is how many coefficients the dct kernel sums at once; even.
const dctGroup = 4

// row is one value of each of the frames.
type row = [lanes]float32

// level is the set of instructions that the kernels use. Values do not depend
// on it.
type level uint8

const (
	plain level = iota
	avx2
	avx512 // avx2 for most of the kernels
)

// The functions below are the specification of the kernels, and what runs
// where there is no assembly. What is fused to one rounding is said by
// math.FMA; other products are converted to their own type before they are
// summed, which forbids the compiler to fuse (as it does on arm64). So results
// are the same to the bit everywhere.

// loadPlain writes windowed samples as rows: dst[t][l] = frames[l][t] window[t].
func loadPlain(dst []float64, frames *[lanes]*float32, window []float64) {
	for l, p := range frames {
		for t, v := range floats(p, len(window)) {
			dst[t*lanes+l] = float64(v) * window[t]
		}
	}
}

func at[T float32 | float64](x []T, i int) *[lanes]T { return (*[lanes]T)(x[i*lanes:]) }

// dif4Plain does radix-4 butterflies, decimation in frequency, in place, on
// blocks of 4q points: a, b, c, d at distance q become
//
//	a+b+c+d, (a-ib-c+id) w^j, (a-b+c-d) w^2j, (a+ib-c-id) w^3j.
func dif4Plain(x, tw []float64, q, blocks int) {
	for b := range blocks {
		for j := range q {
			p := (b*4*q + j) * 2
			w := tw[6*j : 6*j+6]
			for l := range lanes {
				r, i := butterfly(x, p, 2*q, l)
				at(x, p)[l], at(x, p+1)[l] = r[0], i[0]
				for k := 1; k < 4; k++ {
					at(x, p+2*k*q)[l], at(x, p+2*k*q+1)[l] = times(r[k], i[k], w[2*k-2], w[2*k-1])
				}
			}
		}
	}
}

// times returns (r + i I)(wr + wi I).
func times(r, i, wr, wi float64) (re, im float64) {
	return math.FMA(r, wr, -(i * wi)), math.FMA(r, wi, i*wr)
}

func butterfly(x []float64, p, d, l int) (r, i [4]float64) {
	sr, si := at(x, p)[l]+at(x, p+2*d)[l], at(x, p+1)[l]+at(x, p+2*d+1)[l]
	dr, di := at(x, p)[l]-at(x, p+2*d)[l], at(x, p+1)[l]-at(x, p+2*d+1)[l]
	tr, ti := at(x, p+d)[l]+at(x, p+3*d)[l], at(x, p+d+1)[l]+at(x, p+3*d+1)[l]
	er, ei := at(x, p+d)[l]-at(x, p+3*d)[l], at(x, p+d+1)[l]-at(x, p+3*d+1)[l]
	return [4]float64{sr + tr, dr + ei, sr - tr, dr - ei}, [4]float64{si + ti, di - er, si - ti, di + er}
}

// dif4LastPlain is dif4Plain for q = 1, where every twiddle is 1.
func dif4LastPlain(x []float64, blocks int) {
	for b := range blocks {
		for l := range lanes {
			r, i := butterfly(x, b*8, 2, l)
			for k := range 4 {
				at(x, b*8+2*k)[l], at(x, b*8+2*k+1)[l] = r[k], i[k]
			}
		}
	}
}

// dif2LastPlain turns neighbours a, b into a+b, a-b.
func dif2LastPlain(x []float64, blocks int) {
	for b := range blocks {
		for h := range 2 {
			p, q := at(x, b*4+h), at(x, b*4+2+h)
			for l := range lanes {
				p[l], q[l] = p[l]+q[l], p[l]-q[l]
			}
		}
	}
}

// unpackPlain writes the power of bins k and m-k from points k and m-k of the
// packed spectrum Z: with E = Z[k] + conj Z[m-k] and O = Z[k] - conj Z[m-k],
// bin k is E + vO and bin m-k is conj(E - vO), v = -i exp(-2 pi i k/n), each
// twice what it is. From here on values are float32.
func unpackPlain(dst []float32, x []float64, pairs []pair) {
	for _, p := range pairs {
		a, b := int(p.a)/(8*lanes), int(p.b)/(8*lanes)
		low, high := at(dst, int(p.low)/(4*lanes)), at(dst, int(p.high)/(4*lanes))
		for l := range lanes {
			ar, ai, br, bi := at(x, a)[l], at(x, a+1)[l], at(x, b)[l], at(x, b+1)[l]
			er, ei, or, oi := ar+br, ai-bi, ar-br, ai+bi
			tr, ti := times(or, oi, p.re, p.im)
			ur, ui, dr, di := er+tr, ei+ti, er-tr, ei-ti
			low[l] = float32(math.FMA(ui, ui, ur*ur))
			high[l] = float32(math.FMA(di, di, dr*dr))
		}
	}
}

// firstPlain is load and the first pass of butterflies.
func firstPlain(x []float64, frames *[lanes]*float32, window []float64, s stage) {
	loadPlain(x, frames, window)
	dif4Plain(x, s.twiddle, s.q, 1)
}

// lastPlain is the last pass, of radix 4 or 2, and unpack.
func lastPlain(dst []float32, x []float64, pairs []pair, radix int) {
	if radix == 4 {
		dif4LastPlain(x, len(x)/(8*lanes))
	} else {
		dif2LastPlain(x, len(x)/(4*lanes))
	}
	unpackPlain(dst, x, pairs)
}

// melPlain sums weighted bins: a row of dst a band.
func melPlain(dst, power []float32, spans []span, weights []float32) {
	for b, s := range spans {
		var sum row
		for k := range int(s.count) {
			p := at(power, int(s.first)+k)
			for l := range lanes {
				sum[l] += float32(weights[k] * p[l])
			}
		}
		*at(dst, b) = sum
		weights = weights[s.count:]
	}
}

// logParams are the numbers of a log kernel. Of x it makes
// max(scale ln(max(x+add, floor)) + offset, low). floor is a positive normal
// number.
type logParams struct{ add, floor, scale, offset, low float32 }

// The logarithm: x = 2^e m with m in [sqrt 1/2, sqrt 2), s = (m-1)/(m+1),
// ln m = 2 s (1 + z/3 + z^2/5 + z^3/7 + z^4/9), z = s s <= 0.0295, so that the
// first term left out is below 1e-9. ln2Hi has 9 bits, so that e ln2Hi is
// exact.
const (
	sqrtHalfBits = 0x3f3504f3
	ln2Hi        = 0.693359375
	ln2Lo        = -2.12194440054690581e-4
)

// logPlain applies logParams to x in place and raises top to its maximum, lane
// by lane.
func logPlain(x []float32, c *logParams, top *row) {
	for i, v := range x {
		v = max(v+c.add, c.floor)
		b := int32(math.Float32bits(v))
		e := (b - sqrtHalfBits) >> 23
		f := math.Float32frombits(uint32(b-e<<23)) - 1
		s := f / (f + 2)
		z := float32(s * s)
		p := float32(z*(2.0/9)) + 2.0/7
		p = float32(p*z) + 2.0/5
		p = float32(p*z) + 2.0/3
		p = float32(float32(p*z) * s)
		n := float32(e)
		y := (float32(n*ln2Lo) + p) + (s + s) + float32(n*ln2Hi)
		y = max(float32(y*c.scale)+c.offset, c.low)
		x[i] = y
		top[i%lanes] = max(top[i%lanes], y)
	}
}

// foldPairs returns how many pairs of rows fold makes of bands rows.
func foldPairs(bands int) int { return (bands + 1) / 2 }

// foldPlain adds and subtracts rows that stand opposite: row 2m of dst is
// x[m] + x[last-m], row 2m+1 is x[m] - x[last-m], after no row is below floor.
// It halves the work of the transform, whose even rows are symmetric and whose
// odd rows are antisymmetric. The middle row of an odd number stays as it is;
// dst beyond is not written.
func foldPlain(dst, x []float32, floor float32) {
	bands := len(x) / lanes
	for m := range bands / 2 {
		a, b := at(x, m), at(x, bands-1-m)
		for l := range lanes {
			p, q := max(a[l], floor), max(b[l], floor)
			at(dst, 2*m)[l], at(dst, 2*m+1)[l] = p+q, p-q
		}
	}
	if bands%2 == 1 {
		for l, v := range at(x, bands/2) {
			at(dst, bands-1)[l] = max(v, floor)
		}
	}
}

// dctPlain multiplies folded rows by the matrix, whose even rows take the sums
// and odd rows the differences. Sums are float64: the first coefficient grows
// to 1e3, and float32 would round by up to 3e-5 at each step of the way.
func dctPlain(dst, x []float32, mat []float64) {
	pairs := len(x) / (2 * lanes)
	for g := range len(dst) / (dctGroup * lanes) {
		for c := range dctGroup {
			var sum [lanes]float64
			for m := range pairs {
				w := mat[(g*pairs+m)*dctGroup+c]
				for l, v := range at(x, 2*m+c%2) {
					sum[l] = math.FMA(w, float64(v), sum[l])
				}
			}
			for l, v := range sum {
				at(dst, g*dctGroup+c)[l] = float32(v)
			}
		}
	}
}

// absBits clears the sign: absolute values of float32 sort as their bits, and
// from infBits on they are infinite or not numbers.
const (
	absBits = 0x7fffffff
	infBits = 0x7f800000
)

// peakPlain returns the bits of the largest absolute value of x.
func peakPlain(x []float32) uint32 {
	var top uint32
	for _, v := range x {
		top = max(top, math.Float32bits(v)&absBits)
	}
	return top
}
