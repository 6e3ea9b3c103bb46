//go:build amd64 && !purego

package mfcc

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// Assembly twins of the kernels in kernels.go, equal to them to the bit: the
// same operations in the same order, fused where those are. x, dst and the
// tables must hold what the counts ask for: the wrappers below see to that.

//go:noescape
func loadAVX2(dst *float64, frames *[lanes]*float32, window *float64, n int)

//go:noescape
func firstAVX512(dst *float64, frames *[lanes]*float32, window, twiddle *float64, q int)

//go:noescape
func dif4AVX2(x, twiddle *float64, q, blocks int)

//go:noescape
func dif4AVX512(x, twiddle *float64, q, blocks int)

//go:noescape
func dif4LastAVX2(x *float64, blocks int)

//go:noescape
func dif2LastAVX2(x *float64, blocks int)

//go:noescape
func unpackAVX2(dst *float32, x *float64, pairs *pair, n int)

//go:noescape
func lastAVX512(dst *float32, x *float64, pairs *pair, n int)

//go:noescape
func melAVX2(dst, power *float32, spans *span, weights *float32, bands int)

//go:noescape
func logAVX2(x *float32, rows int, c *logParams, top *row)

//go:noescape
func foldAVX2(dst, x, last *float32, pairs int, floor float32)

//go:noescape
func dctAVX2(dst, x *float32, mat *float64, groups, pairs int)

//go:noescape
func dctAVX512(dst, x *float32, mat *float64, groups, pairs int)

//go:noescape
func peakAVX2(x *float32, n int) uint32

// best returns the highest level of this machine.
func best() level {
	switch {
	case !cpu.X86.HasAVX2 || !cpu.X86.HasFMA:
		return plain
	case cpu.X86.HasAVX512F:
		return avx512
	}
	return avx2
}

func floats(p *float32, n int) []float32 { return unsafe.Slice(p, n) }

// first's frames must each point to len(window) samples, 8 s.q.
func first(x []float64, frames *[lanes]*float32, window []float64, s stage, use level) {
	if use == plain {
		firstPlain(x, frames, window, s)
		return
	}
	_, _ = x[:8*s.q*lanes], window[:8*s.q]
	if use == avx512 {
		firstAVX512(&x[0], frames, &window[0], &s.twiddle[0], s.q)
		return
	}
	loadAVX2(&x[0], frames, &window[0], len(window))
	dif4AVX2(&x[0], &s.twiddle[0], s.q, 1)
}

func dif4(x, tw []float64, q, blocks int, use level) {
	if use == plain {
		dif4Plain(x, tw, q, blocks)
		return
	}
	_, _ = x[:q*blocks*8*lanes], tw[:6*q]
	if use == avx512 {
		dif4AVX512(&x[0], &tw[0], q, blocks)
		return
	}
	dif4AVX2(&x[0], &tw[0], q, blocks)
}

func last(dst []float32, x []float64, pairs []pair, radix int, use level) {
	switch {
	case use == plain:
		lastPlain(dst, x, pairs, radix)
		return
	case use == avx512 && radix == 4: // the block of point 0 is its own partner
		dif4LastAVX2(&x[0], 1)
		lastAVX512(&dst[0], &x[0], &pairs[edgePairs], len(pairs)/4)
		pairs = pairs[:edgePairs]
	case radix == 4:
		dif4LastAVX2(&x[0], len(x)/(8*lanes))
	default:
		dif2LastAVX2(&x[0], len(x)/(4*lanes))
	}
	unpackAVX2(&dst[0], &x[0], &pairs[0], len(pairs))
}

func mel(dst, power []float32, spans []span, weights []float32, use level) {
	if use == plain || len(weights) == 0 {
		melPlain(dst, power, spans, weights)
		return
	}
	_ = dst[:len(spans)*lanes]
	melAVX2(&dst[0], &power[0], &spans[0], &weights[0], len(spans))
}

func logRows(x []float32, c *logParams, top *row, use level) {
	if use == plain {
		logPlain(x, c, top)
		return
	}
	logAVX2(&x[0], len(x)/lanes, c, top)
}

func fold(dst, x []float32, floor float32, use level) {
	bands := len(x) / lanes
	if use == plain || bands%2 == 1 {
		foldPlain(dst, x, floor)
		return
	}
	_ = dst[:bands*lanes]
	foldAVX2(&dst[0], &x[0], &x[(bands-1)*lanes], bands/2, floor)
}

func dct(dst, x []float32, mat []float64, use level) {
	if use == plain {
		dctPlain(dst, x, mat)
		return
	}
	groups, pairs := len(dst)/(dctGroup*lanes), len(x)/(2*lanes)
	_ = mat[:groups*pairs*dctGroup]
	if use == avx512 {
		dctAVX512(&dst[0], &x[0], &mat[0], groups, pairs)
		return
	}
	dctAVX2(&dst[0], &x[0], &mat[0], groups, pairs)
}

func peak(x []float32, use level) uint32 {
	n := len(x) / lanes * lanes
	if use == plain || n == 0 {
		return peakPlain(x)
	}
	return max(peakAVX2(&x[0], n), peakPlain(x[n:]))
}
