package mfcc_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/mfcc"
)

func newExtractor(t testing.TB, c mfcc.Config) *mfcc.Extractor {
	t.Helper()
	e, err := mfcc.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestFrames(t *testing.T) {
	for _, tc := range []struct {
		name    string
		config  mfcc.Config
		samples int
		want    int
	}{
		{"librosa, empty", mfcc.Config{Name: "librosa"}, 0, 0},
		{"librosa, one sample", mfcc.Config{Name: "librosa"}, 1, 1},
		{"librosa, one less than a hop", mfcc.Config{Name: "librosa"}, 511, 1},
		{"librosa, a hop", mfcc.Config{Name: "librosa"}, 512, 2},
		{"librosa, not centred, short", mfcc.Config{Name: "librosa", Padding: mfcc.NoPadding}, 2047, 0},
		{"librosa, not centred, one frame", mfcc.Config{Name: "librosa", Padding: mfcc.NoPadding}, 2048, 1},
		{"librosa, fixed", mfcc.Config{Name: "librosa", Frames: 7}, 100, 7},
		{"smil, empty", mfcc.Config{Name: "smil"}, 0, 20},
		{"smil, as many as there are", mfcc.Config{Name: "smil", Frames: -1}, 3*512 - 2, 2},
		{"kaldi, one sample short", mfcc.Config{Name: "kaldi"}, 399, 0},
		{"kaldi, one window", mfcc.Config{Name: "kaldi"}, 400, 1},
		{"kaldi, two", mfcc.Config{Name: "kaldi"}, 560, 2},
		{"kaldi, 8 kHz", mfcc.Config{Name: "kaldi", RateHz: 8000}, 280, 2},
		{"dense20, empty", mfcc.Config{Name: "dense20"}, 0, 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newExtractor(t, tc.config)
			got := e.Append(nil, noise(tc.samples, 1))
			if n := e.Frames(tc.samples); n != tc.want || len(got) != n*e.Config().Coefs {
				t.Errorf("got %d frames and %d values, want %d frames of %d", n, len(got), tc.want, e.Config().Coefs)
			}
		})
	}
}

func TestConfigRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		config mfcc.Config
		says   string
	}{
		{"no name", mfcc.Config{}, `no definition ""`},
		{"unknown name", mfcc.Config{Name: "htk"}, "dense20, kaldi, librosa, smil, smil-constant"},
		{"rate", mfcc.Config{Name: "librosa", RateHz: -1}, "RateHz -1"},
		{"FFT not a power of two", mfcc.Config{Name: "librosa", FFT: 400}, "FFT 400: want a power of two"},
		{"FFT huge", mfcc.Config{Name: "librosa", FFT: 1 << 40}, "FFT"},
		{"window beyond FFT", mfcc.Config{Name: "librosa", Window: 4096}, "Window 4096: want 2 to FFT, 2048"},
		{"hop", mfcc.Config{Name: "librosa", Hop: -5}, "Hop -5"},
		{"hop of dense20", mfcc.Config{Name: "dense20", Hop: 10}, "Hop 10"},
		{"mels", mfcc.Config{Name: "librosa", Mels: 1 << 20}, "Mels"},
		{"more coefficients than bands", mfcc.Config{Name: "kaldi", Coefs: 24}, "Coefs 24: want 1 to Mels, 23"},
		{"band above half the rate", mfcc.Config{Name: "librosa", HighHz: 12000}, "HighHz 12000"},
		{"band upside down", mfcc.Config{Name: "librosa", LowHz: 5000, HighHz: 4000}, "LowHz 5000"},
		{"not a number", mfcc.Config{Name: "librosa", HighHz: math.NaN()}, "HighHz NaN"},
		{"low not a number", mfcc.Config{Name: "librosa", LowHz: math.NaN()}, "LowHz NaN"},
		{"padding", mfcc.Config{Name: "librosa", Padding: "wrap"}, "Padding wrap"},
		{"padding of kaldi", mfcc.Config{Name: "kaldi", Padding: mfcc.Reflect}, "Padding reflect: want none"},
		{"frames", mfcc.Config{Name: "librosa", Frames: -2}, "Frames -2"},
		{"frames of dense20", mfcc.Config{Name: "dense20", Frames: -1}, "Frames -1"},
		{"kaldi at 1 Hz has no hop", mfcc.Config{Name: "kaldi", RateHz: 1}, "Hop 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := mfcc.New(tc.config); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want an error with %q", err, tc.says)
			}
		})
	}
}

func TestID(t *testing.T) {
	for _, tc := range []struct {
		config mfcc.Config
		want   string
	}{
		{mfcc.Config{Name: "smil"}, "smil/1"},
		{mfcc.Config{Name: "smil", RateHz: 8000, FFT: 2048, Frames: 20}, "smil/1"},
		{mfcc.Config{Name: "smil-constant"}, "smil-constant/1"},
		{mfcc.Config{Name: "librosa", FFT: 512, Hop: 128}, "librosa/1:n_fft=512,hop=128"},
		{mfcc.Config{Name: "librosa", RateHz: 8000}, "librosa/1:rate=8000"},
		{mfcc.Config{Name: "librosa", RateHz: 8000, HighHz: 4000}, "librosa/1:rate=8000"},
		{mfcc.Config{Name: "librosa", Window: 1024, Mels: 40, Coefs: 13, LowHz: 20, HighHz: 7999.5, Padding: mfcc.Reflect, Frames: 20},
			"librosa/1:win=1024,mels=40,coefs=13,fmin=20,fmax=7999.5,pad=reflect,frames=20"},
		{mfcc.Config{Name: "kaldi", RateHz: 8000}, "kaldi/1:rate=8000"},
		{mfcc.Config{Name: "kaldi", RateHz: 8000, Window: 200, Hop: 80, FFT: 256}, "kaldi/1:rate=8000"},
		{mfcc.Config{Name: "kaldi", LowHz: -1}, "kaldi/1:fmin=0"},
		{mfcc.Config{Name: "kaldi", Window: 300}, "kaldi/1:win=300"},
		{mfcc.Config{Name: "smil", Frames: -1}, "smil/1:frames=-1"},
	} {
		if got := tc.config.ID(); got != tc.want {
			t.Errorf("%+v: got %s, want %s", tc.config, got, tc.want)
		}
		r, err := tc.config.Resolve()
		if err != nil {
			t.Errorf("%s: %v", tc.want, err)
		} else if r.ID() != tc.want {
			t.Errorf("%+v: its resolution has id %s, want %s", tc.config, r.ID(), tc.want)
		}
	}
}

func drawConfig(t *rapid.T) mfcc.Config {
	c := mfcc.Config{
		Name:   rapid.SampledFrom(mfcc.Names()).Draw(t, "name"),
		RateHz: rapid.SampledFrom([]int{0, 8000, 11025, 16000, 44100}).Draw(t, "rate"),
		Mels:   rapid.SampledFrom([]int{0, 20, 23, 64}).Draw(t, "mels"),
		Coefs:  rapid.SampledFrom([]int{0, 1, 12, 20}).Draw(t, "coefs"),
		LowHz:  rapid.SampledFrom([]float64{0, -1, 33.5}).Draw(t, "low"),
		HighHz: rapid.SampledFrom([]float64{0, 3900}).Draw(t, "high"),
		Frames: rapid.SampledFrom([]int{0, 1, 9, 20}).Draw(t, "frames"),
	}
	if c.Name != mfcc.Kaldi {
		c.FFT = rapid.SampledFrom([]int{0, 64, 512, 4096}).Draw(t, "FFT")
	}
	if c.Name != mfcc.Kaldi && c.Name != mfcc.Dense20 {
		c.Hop = rapid.SampledFrom([]int{0, 100, 777}).Draw(t, "hop")
		c.Padding = rapid.SampledFrom([]mfcc.Padding{"", mfcc.Constant, mfcc.Reflect, mfcc.NoPadding}).Draw(t, "pad")
	}
	return c
}

// Two configurations have the same id just when they are the same.
func TestIDIsOneToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawConfig(t), drawConfig(t)
		ra, errA := a.Resolve()
		rb, errB := b.Resolve()
		if errA != nil || errB != nil {
			t.Skip("invalid")
		}
		if (ra.ID() == rb.ID()) != (ra == rb) {
			t.Fatalf("%+v has id %s, %+v has id %s", ra, ra.ID(), rb, rb.ID())
		}
	})
}

// Whatever is finite gives finite values, of any size and any length.
func TestFinite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, err := mfcc.New(drawConfig(t))
		if err != nil {
			t.Skip("invalid")
		}
		x := rapid.SliceOfN(rapid.Float32(), 0, 3000).Draw(t, "signal")
		if rapid.Bool().Draw(t, "loud") {
			for i := range x {
				x[i] = math.MaxFloat32 * float32(1-2*(i&1))
			}
		}
		checkFinite(t, e, x)
	})
}

func checkFinite(t interface{ Fatalf(string, ...any) }, e *mfcc.Extractor, x []float32) {
	got := e.Append(nil, x)
	if want := e.Frames(len(x)) * e.Config().Coefs; len(got) != want {
		t.Fatalf("%s of %d samples: %d values, want %d", e.Config().ID(), len(x), len(got), want)
	}
	for i, v := range got {
		if v-v != 0 {
			t.Fatalf("%s of %d samples: value %d is %v", e.Config().ID(), len(x), i, v)
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add(uint8(0), 10, float32(3e38), float32(-3e38))
	f.Add(uint8(1), 900, float32(1e-45), float32(0))
	f.Add(uint8(2), 5000, float32(math.NaN()), float32(math.Inf(1)))
	f.Add(uint8(3), 0, float32(0), float32(0))
	var all []*mfcc.Extractor
	for _, name := range mfcc.Names() {
		all = append(all, newExtractor(f, mfcc.Config{Name: name}))
	}
	f.Fuzz(func(t *testing.T, which uint8, n int, a, b float32) {
		x := make([]float32, max(n, 0)%20000)
		for i := range x {
			x[i] = a
			if i%7 == 3 {
				x[i] = b
			}
		}
		checkFinite(t, all[int(which)%len(all)], x)
	})
}

// A huge signal gives what its scaled self does, but for the level.
func TestHugeIsOnlyLouder(t *testing.T) {
	for _, tc := range []struct {
		name  string
		level float64 // of coefficient 0, where the signal is 2^100 louder
		mels  float64
	}{
		{mfcc.Librosa, 200 * 10 * math.Log10(2), 128},
		{mfcc.Kaldi, 200 * math.Ln2, 0}, // the energy is not a cosine sum
		{mfcc.Dense20, 0, 0},            // normalised
	} {
		e := newExtractor(t, mfcc.Config{Name: tc.name})
		x := noise(5000, 1)
		want := e.Append(nil, x)
		for i := range x {
			x[i] *= 0x1p100
		}
		columns := e.Frames(len(x))
		for i, v := range e.Append(nil, x) {
			w := float64(want[i])
			if i < columns {
				w += tc.level * max(1, math.Sqrt(tc.mels))
			}
			// The floor of Kaldi and librosa is far below this noise; values up
			// to 8e3 have 5e-4 of rounding.
			if d := math.Abs(float64(v) - w); !(d <= 2e-3) {
				t.Fatalf("%s: value %d: got %g, want %g", tc.name, i, v, w)
			}
		}
	}
}

// What stands after the last whole frame is heard nowhere, not even in the
// maximum that the 80 dB are counted from.
func TestTailBeyondTheLastFrame(t *testing.T) {
	for _, name := range []string{mfcc.Librosa, mfcc.Kaldi} {
		e := newExtractor(t, mfcc.Config{Name: name, Padding: mfcc.NoPadding})
		x := synthetic("speech", 5000, 1)
		n := len(x) + 1 // grows to the shortest signal of one more frame
		for e.Frames(n) == e.Frames(len(x)) {
			n++
		}
		long := append(slices.Clone(x), make([]float32, n-1-len(x))...)
		for i := len(x); i < len(long); i++ {
			long[i] = 3e4
		}
		if e.Frames(len(x)) != e.Frames(len(long)) || len(long) == len(x) {
			t.Fatalf("%s: bad lengths %d, %d", name, len(x), len(long))
		}
		if !slices.Equal(e.Append(nil, x), e.Append(nil, long)) {
			t.Errorf("%s: a loud tail after the last frame changes values", name)
		}
	}
}

func TestNonFiniteCountsAsZero(t *testing.T) {
	for _, name := range mfcc.Names() {
		e := newExtractor(t, mfcc.Config{Name: name})
		x := noise(6000, 1)
		x[10], x[999], x[3000] = 0, 0, 0
		want := e.Append(nil, x)
		x[10], x[999], x[3000] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))
		if got := e.Append(nil, x); !slices.Equal(got, want) {
			t.Errorf("%s: other values than with zeros", name)
		}
	}
}

// Append adds to dst and neither state nor neighbours change its values.
func TestAppendIsPure(t *testing.T) {
	for _, name := range mfcc.Names() {
		used := newExtractor(t, mfcc.Config{Name: name})
		x, y := noise(5000, 1), noise(900, 2)
		used.Append(nil, x)
		before := slices.Clone(y)
		got := used.Append([]float32{1, 2, 3}, y)
		want := newExtractor(t, mfcc.Config{Name: name}).Append([]float32{1, 2, 3}, y)
		if !slices.Equal(got, want) {
			t.Errorf("%s: a used extractor gives other values than a new one", name)
		}
		if !slices.Equal(got[:3], []float32{1, 2, 3}) || !slices.Equal(y, before) {
			t.Errorf("%s: wrote into what was there, or into the signal", name)
		}
		dirty := slices.Repeat([]float32{7}, len(got))
		if got := used.Append(dirty[:0], y); !slices.Equal(got, want[3:]) {
			t.Errorf("%s: values depend on what the spare room of dst holds", name)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for _, name := range mfcc.Names() {
		e := newExtractor(t, mfcc.Config{Name: name})
		x := noise(30000, 1)
		dst := e.Append(nil, x)
		if n := testing.AllocsPerRun(20, func() { dst = e.Append(dst[:0], x) }); n != 0 {
			t.Errorf("%s: %v allocations a signal of %d frames, want none", name, n, e.Frames(len(x)))
		}
	}
}

func ExampleExtractor_Append() {
	c, err := mfcc.Lookup("librosa")
	if err != nil {
		fmt.Println(err)
		return
	}
	c.RateHz, c.Coefs = 8000, 13
	e, err := mfcc.New(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	features := e.Append(nil, noise(4000, 1))
	fmt.Println(c.ID(), e.Config().Coefs, "x", e.Frames(4000), len(features))
	// Output: librosa/1:rate=8000,coefs=13 13 x 8 104
}
