//go:build !amd64 || purego

package mfcc

import "unsafe"

func best() level { return plain }

func floats(p *float32, n int) []float32 { return unsafe.Slice(p, n) }

func first(x []float64, frames *[lanes]*float32, window []float64, s stage, _ level) {
	firstPlain(x, frames, window, s)
}

func last(dst []float32, x []float64, pairs []pair, radix int, _ level) {
	lastPlain(dst, x, pairs, radix)
}

func dif4(x, tw []float64, q, blocks int, _ level)         { dif4Plain(x, tw, q, blocks) }
func logRows(x []float32, c *logParams, top *row, _ level) { logPlain(x, c, top) }
func peak(x []float32, _ level) uint32                     { return peakPlain(x) }

func mel(dst, power []float32, spans []span, weights []float32, _ level) {
	melPlain(dst, power, spans, weights)
}

func fold(dst, x []float32, floor float32, _ level) { foldPlain(dst, x, floor) }
func dct(dst, x []float32, mat []float64, _ level)  { dctPlain(dst, x, mat) }
