package mfcc

import "math"

// Tables are float64, but for the weights of the mel bands, rounded to float32.

// hann returns the periodic Hann window, 0.5 - 0.5 cos(2 pi i / n).
func hann(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(n))
	}
	return w
}

// povey returns Kaldi's window: the symmetric Hann window to the power 0.85.
func povey(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = math.Pow(0.5-0.5*math.Cos(2*math.Pi*float64(i)/float64(n-1)), 0.85)
	}
	return w
}

// Mel scales: Slaney's is linear below 1 kHz (200/3 Hz a mel) and logarithmic
// above (27 mels a factor of 6.4), as in his Auditory Toolbox; HTK's is
// 2595 log10(1 + f/700).
const (
	slaneyHz    = 200.0 / 3
	slaneyBreak = 1000.0
)

func hzToMel(f float64, slaney bool) float64 {
	if !slaney {
		return 1127 * math.Log1p(f/700)
	}
	if f < slaneyBreak {
		return f / slaneyHz
	}
	return slaneyBreak/slaneyHz + math.Log(f/slaneyBreak)*27/math.Log(6.4)
}

func melToHz(m float64, slaney bool) float64 {
	if !slaney {
		return 700 * math.Expm1(m/1127)
	}
	if m < slaneyBreak/slaneyHz {
		return m * slaneyHz
	}
	return slaneyBreak * math.Exp((m-slaneyBreak/slaneyHz)*math.Log(6.4)/27)
}

// span is the run of spectrum bins that a mel band weighs.
type span struct{ first, count int32 }

// melBands returns the sparse filter bank: a triangle a band, as a run of bins
// and its weights, all weights in one slice. Bands divide LowHz to HighHz
// evenly on the mel scale. The sides are straight in Hz, or, for Kaldi, in
// mel, and then the last bin (half of the rate) is left out. Slaney's are
// divided by half their width, so that all have the same area.
func melBands(c Config, r recipe) ([]span, []float32) {
	low, high := hzToMel(max(c.LowHz, 0), r.slaney), hzToMel(c.HighHz, r.slaney)
	edge := func(i int) float64 { // in the unit in which sides are straight
		m := low + (high-low)*float64(i)/float64(c.Mels+1)
		if r.kaldi {
			return m
		}
		return melToHz(m, r.slaney)
	}
	bins := c.FFT/2 + 1
	if r.kaldi {
		bins--
	}
	pos := make([]float64, bins)
	for k := range pos {
		pos[k] = float64(k) * float64(c.RateHz) / float64(c.FFT)
		if r.kaldi {
			pos[k] = hzToMel(pos[k], false)
		}
	}
	spans := make([]span, c.Mels)
	var weights []float32
	for b := range spans {
		l, m, h := edge(b), edge(b+1), edge(b+2)
		norm := 1.0
		if r.slaney {
			norm = 2 / (h - l)
		}
		for k, p := range pos {
			w := min((p-l)/(m-l), (h-p)/(h-m))
			if w <= 0 {
				continue
			}
			if spans[b].count == 0 {
				spans[b].first = int32(k)
			}
			spans[b].count++
			weights = append(weights, float32(w*norm))
		}
	}
	return spans, weights
}

// dctMatrix returns the first rows of the orthonormal DCT-II, times Kaldi's
// lifter 1 + 11 sin(pi k / 22) where that is asked for, in the order the dct
// kernel reads: dctGroup coefficients side by side, for each pair of bands that
// foldPlain makes. Rows beyond c.Coefs are zero.
func dctMatrix(c Config, r recipe) []float64 {
	groups, pairs := (c.Coefs+dctGroup-1)/dctGroup, foldPairs(c.Mels)
	mat := make([]float64, groups*pairs*dctGroup)
	n := float64(c.Mels)
	for k := range c.Coefs {
		scale := math.Sqrt(2 / n)
		if k == 0 {
			scale = math.Sqrt(1 / n)
		}
		if r.kaldi {
			scale *= 1 + 11*math.Sin(math.Pi*float64(k)/22)
		}
		for m := range (c.Mels + 1) / 2 {
			i := (k/dctGroup*pairs+m)*dctGroup + k%dctGroup
			mat[i] = scale * math.Cos(math.Pi*float64(k)*(float64(m)+0.5)/n)
		}
	}
	return mat
}
