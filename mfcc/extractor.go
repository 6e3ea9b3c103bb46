package mfcc

import (
	"math"
	"slices"
)

// topDB is librosa's: decibels below the loudest band of the whole signal.
const topDB = 80

// Floors of the logarithm: librosa's amin, Kaldi's machine epsilon on int16
// scale, and what dense20 adds to every band of the normalised signal.
const (
	minPower   = 1e-10
	kaldiFloor = 1.1920928955078125e-07
	denseAdd   = 1e-4
)

// Extractor computes the features of a [Config]. It owns its buffers: use one a
// goroutine.
type Extractor struct {
	c   Config // resolved
	r   recipe
	use level

	fft     *fft
	window  []float64 // FFT long, halved: see fft.power
	spans   []span
	weights []float32
	matrix  []float64

	signal []float32 // a changed copy of the signal, where it must be changed
	edge   []float32 // lanes frames that are not a run of the signal
	rows   []float64 // FFT rows
	power  []float32 // FFT/2+1 rows
	bands  []float32 // log mel bands: block by block, Mels rows each
	folded []float32 // 2 foldPairs(Mels) rows
	coefs  []float32 // Coefs rows, rounded up to dctGroup
	energy []float32 // Kaldi's, by frame
}

// New returns an extractor of c, or an error that says which field is wrong.
func New(c Config) (*Extractor, error) {
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	r, _ := recipeOf(c.Name)
	e := &Extractor{c: c, r: r, use: best(), fft: newFFT(c.FFT)}
	e.window = halfWindow(c, r)
	e.spans, e.weights = melBands(c, r)
	e.matrix = dctMatrix(c, r)
	e.edge = make([]float32, lanes*len(e.window))
	e.rows = make([]float64, c.FFT*lanes)
	e.power = make([]float32, (c.FFT/2+1)*lanes)
	e.folded = make([]float32, 2*foldPairs(c.Mels)*lanes)
	e.coefs = make([]float32, (c.Coefs+dctGroup-1)/dctGroup*dctGroup*lanes)
	return e, nil
}

// halfWindow returns half the window, so that the packed transform, which
// gives twice the spectrum, gives it right.
func halfWindow(c Config, r recipe) []float64 {
	w, first := hann(c.Window), (c.FFT-c.Window)/2
	if r.kaldi {
		w, first = povey(c.Window), 0
	}
	half := make([]float64, c.FFT)
	for i, v := range w {
		half[first+i] = v / 2
	}
	return half
}

// Config returns the resolved configuration.
func (e *Extractor) Config() Config { return e.c }

// Frames returns how many columns a signal of n samples gives.
func (e *Extractor) Frames(n int) int {
	if e.c.Frames > 0 {
		return e.c.Frames
	}
	return e.natural(n)
}

// natural returns the number of frames that a signal of n samples has.
func (e *Extractor) natural(n int) int {
	n = (n + e.r.stride - 1) / e.r.stride
	size := e.c.FFT
	if e.r.kaldi {
		size = e.c.Window
	}
	switch {
	case e.r.spread:
		return e.c.Frames
	case n == 0:
		return 0
	case e.c.Padding != NoPadding:
		return 1 + n/e.c.Hop
	case n < size:
		return 0
	}
	return 1 + (n-size)/e.c.Hop
}

// Append appends the features of one channel to dst and returns it: Coefs rows
// of Frames(len(signal)) columns. Samples are of full scale 1; a sample that is
// not finite counts as 0, and what is finite gives finite values. After the
// first call nothing is allocated if dst has room and no signal is longer.
//
// It keeps 4 Mels bytes a frame, for topDB looks at the whole signal.
func (e *Extractor) Append(dst, signal []float32) []float32 {
	frames, columns := e.natural(len(signal)), e.Frames(len(signal))
	start := len(dst)
	dst = slices.Grow(dst, e.c.Coefs*columns)[:start+e.c.Coefs*columns]
	out := dst[start:]
	clear(out)
	if frames == 0 {
		return dst
	}
	src := e.prepare(signal)
	blocks := (frames + lanes - 1) / lanes
	size := e.c.Mels * lanes
	e.bands = slices.Grow(e.bands[:0], blocks*size)[:blocks*size]
	e.energy = slices.Grow(e.energy[:0], blocks*lanes)[:blocks*lanes]
	top := row{}
	for l := range top {
		top[l] = -math.MaxFloat32
	}
	params := e.logParams(src.exponent)
	for b := range blocks {
		bands := e.bands[b*size : (b+1)*size]
		e.spectrum(src, b*lanes, frames)
		mel(bands, e.power, e.spans, e.weights, e.use)
		logRows(bands, &params, &top, e.use)
	}
	floor := float32(-math.MaxFloat32)
	if e.r.db {
		floor = slices.Max(top[:]) - topDB
	}
	for b := range min(blocks, (columns+lanes-1)/lanes) {
		fold(e.folded, e.bands[b*size:(b+1)*size], floor, e.use)
		dct(e.coefs, e.folded, e.matrix, e.use)
		first := b * lanes
		n := min(lanes, frames-first, columns-first)
		for c := range e.c.Coefs {
			copy(out[c*columns+first:][:n], e.coefs[c*lanes:])
		}
		if e.r.kaldi {
			copy(out[first:first+n], e.energy[first:])
		}
	}
	return dst
}

// logParams returns the numbers of the logarithm for a signal that was divided
// by 2^exponent, by which power is divided twice.
func (e *Extractor) logParams(exponent int) logParams {
	undo := 2 * float64(exponent) * math.Ln2
	floor, scale := minPower, 10/math.Ln10
	switch {
	case e.r.spread:
		return logParams{add: denseAdd, floor: denseAdd, scale: 1, low: -math.MaxFloat32}
	case e.r.kaldi:
		floor, scale = kaldiFloor, 1
	}
	return logParams{
		floor:  float32(max(math.Ldexp(floor, -2*exponent), 0x1p-126)),
		scale:  float32(scale),
		offset: float32(undo * scale),
		low:    float32(math.Log(floor) * scale),
	}
}

// spectrum leaves in e.power the power of frames first to first+lanes. Lanes
// beyond the last frame repeat it.
func (e *Extractor) spectrum(src source, first, frames int) {
	var at [lanes]*float32
	for l := range at {
		f := min(first+l, frames-1)
		at[l] = &e.frame(src, f, frames, l)[0]
		if e.r.kaldi {
			e.energy[first+l] = e.kaldiFrame(l, src.exponent)
		}
	}
	e.fft.power(e.power, e.rows, &at, e.window, e.use)
}
