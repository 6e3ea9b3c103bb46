package mfcc_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/lacuna-ml/lacuna/mfcc"
)

type golden struct {
	Versions map[string]string
	Cases    []struct {
		Title, Signal string
		Samples       int
		Seed          uint32
		Config        mfcc.Config
		Coefs, Frames int
		Values        []float64
	}
}

// TestGolden compares with the real librosa and torchaudio, and dense20 with
// its formula in numpy (bench/golden_mfcc.py).
func TestGolden(t *testing.T) {
	for _, tc := range []struct {
		file string
		tol  float64 // absolute
		why  string
	}{
		{"librosa", 1e-3, "float32 after the transform there and here, on values up to 1e3"},
		{"whistle", 1e-3, "as librosa; with a transform in float32 it would be up to 4e-3"},
		{"torchaudio", 1e-3, "float32 there and here"},
		{"smil", 1e-3, "librosa again"},
		{"dense20", 1e-4, "float64 there, float32 after the transform here, on values up to 60"},
		{"kaldi", 1e-3, "torchaudio's float32 on int16 scale, where cancellation costs it digits"},
	} {
		t.Run(tc.file, func(t *testing.T) {
			text, err := os.ReadFile("testdata/golden_" + tc.file + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			if err := json.Unmarshal(text, &g); err != nil {
				t.Fatal(err)
			}
			if len(g.Cases) == 0 {
				t.Fatal("no cases")
			}
			worst := 0.0
			for _, c := range g.Cases {
				e, err := mfcc.New(c.Config)
				if err != nil {
					t.Errorf("%s: %v", c.Title, err)
					continue
				}
				got := e.Append(nil, synthetic(c.Signal, c.Samples, c.Seed))
				if e.Config().Coefs != c.Coefs || e.Frames(c.Samples) != c.Frames || len(got) != len(c.Values) {
					t.Errorf("%s: got %d x %d, %d values; want %d x %d", c.Title, e.Config().Coefs, e.Frames(c.Samples), len(got), c.Coefs, c.Frames)
					continue
				}
				diff, at := 0.0, 0
				for i, v := range got {
					// Not >: a NaN must fail.
					if d := math.Abs(float64(v) - c.Values[i]); !(d <= diff) {
						diff, at = d, i
					}
				}
				if !(diff <= tc.tol) {
					t.Errorf("%s: coefficient %d of frame %d: got %g, want %g; tolerance %g: %s",
						c.Title, at/c.Frames, at%c.Frames, got[at], c.Values[at], tc.tol, tc.why)
				}
				t.Logf("%-26s %2d x %2d: within %.1e", c.Title, c.Coefs, c.Frames, diff)
				worst = max(worst, diff)
			}
			t.Logf("worst %.1e against %v", worst, g.Versions)
		})
	}
}

// synthetic makes the signals of bench/golden_mfcc.py, which see.
func synthetic(kind string, n int, seed uint32) []float32 {
	v := make([]int, n)
	noise, drawn := make([]int, n), seed
	for i := range noise {
		seed = seed*1664525 + 1013904223
		noise[i] = int(int16(seed >> 16))
	}
	switch kind {
	case "noise":
		copy(v, noise)
	case "faint":
		for i, x := range noise {
			v[i] = x >> 14
		}
	case "tones":
		tones(v)
	case "whistle":
		a, b := 0, 1000
		for i := range v {
			v[i] = a
			a, b = b, (-32742*b)>>14-a
		}
	case "tone", "hiss", "square":
		tone(v, drawn)
		for i := range v {
			switch {
			case kind == "hiss":
				v[i] += noise[i] >> 14
			case kind == "square" && v[i] >= 0:
				v[i] = 20000
			case kind == "square":
				v[i] = -20000
			}
		}
	case "speech":
		tones(v)
		for i := range v {
			// Python's // rounds down.
			v[i] = v[i]*4 + int(math.Floor(float64((noise[i]*min(i, n-i))>>3)/float64(n)))
		}
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(v[i]) / 32768
	}
	return x
}

func tones(v []int) {
	for _, o := range []struct{ c, amplitude, start int }{{31164, 2048, 0}, {13107, 256, len(v) / 2}} {
		a, b := 0, o.amplitude
		for t := o.start; t < len(v); t++ {
			v[t] += a
			a, b = b, (o.c*b)>>14-a
		}
	}
}

func tone(v []int, seed uint32) {
	c, a := int64(seed*2654435761>>1)-1<<30, int64(32000<<15)
	b := a * c >> 30
	for t := range v {
		v[t] = int(a >> 15)
		a, b = b, (c*b>>29)-a
	}
}
