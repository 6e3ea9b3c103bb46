//go:build !amd64 || purego

package mfcc

import "unsafe"

func best() level { return plain }

func floats(p *float32, n int) []float32 { return unsafe.Slice(p, n) }

func load(dst []float32, frames *[lanes]*float32, window []float32, _ level) {
	loadPlain(dst, frames, window)
}
func dif4(x, tw []float32, q, blocks int, _ level)         { dif4Plain(x, tw, q, blocks) }
func dif4Last(x []float32, blocks int, _ level)            { dif4LastPlain(x, blocks) }
func dif2Last(x []float32, blocks int, _ level)            { dif2LastPlain(x, blocks) }
func unpack(dst, x []float32, pairs []pair, _ level)       { unpackPlain(dst, x, pairs) }
func logRows(x []float32, c *logParams, top *row, _ level) { logPlain(x, c, top) }
func peak(x []float32, _ level) uint32                     { return peakPlain(x) }

func mel(dst, power []float32, spans []span, weights []float32, _ level) {
	melPlain(dst, power, spans, weights)
}

func fold(dst, x []float32, floor float32, _ level) { foldPlain(dst, x, floor) }
func dct(dst, x, mat []float32, _ level)            { dctPlain(dst, x, mat) }
