package mfcc

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
)

// These tests are inside the package because what they compare, the kernels in
// assembly and their plain twins, is not seen from outside.

func random(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// TestFFT compares the power spectrum with gonum's float64 transform, for
// every size.
func TestFFT(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := minFFT; n <= maxFFT; n *= 2 {
		x := random(rng, n*lanes)
		var frames [lanes]*float32
		for l := range frames {
			frames[l] = &x[l*n]
		}
		window := hann(n)
		got := make([]float32, (n/2+1)*lanes)
		newFFT(n).power(got, make([]float64, n*lanes), &frames, window, best())
		oracle := fourier.NewFFT(n)
		frame := make([]float64, n)
		for l := range lanes {
			energy := 0.0
			for i := range frame {
				frame[i] = 2 * float64(x[l*n+i]) * window[i]
				energy += frame[i] * frame[i]
			}
			for k, c := range oracle.Coefficients(nil, frame) {
				want := math.Hypot(real(c), imag(c))
				// The power is rounded once to float32; what the transform
				// rounds is nothing beside that but where bins cancel.
				a := math.Sqrt(float64(got[k*lanes+l]))
				if d := math.Abs(a - want); !(d <= 6e-8*want+1e-14*math.Sqrt(energy)) {
					t.Fatalf("%d points, frame %d, bin %d: amplitude %g, want %g", n, l, k, a, want)
				}
			}
		}
	}
}

// sameBits fails unless a and b are the same to the bit, zeros of both signs
// being one.
func sameBits(t *testing.T, kernel string, a, b []float32) {
	t.Helper()
	for i := range a {
		if math.Float32bits(a[i]+0) != math.Float32bits(b[i]+0) {
			t.Fatalf("%s: value %d: %g (%x), plain %g (%x)", kernel, i, a[i], math.Float32bits(a[i]), b[i], math.Float32bits(b[i]))
		}
	}
}

// levels returns those of this machine beyond plain.
func levels(t *testing.T) []level {
	t.Helper()
	all := []level{avx2, avx512}[:best()]
	if len(all) == 0 {
		t.Skip("this machine runs the plain kernels alone")
	}
	return all
}

// sameAsPlain runs a kernel on copies of x at each level.
func sameAsPlain(t *testing.T, kernel string, x []float32, run func(x []float32, use level)) {
	t.Helper()
	want := slices.Clone(x)
	run(want, plain)
	for _, use := range levels(t) {
		got := slices.Clone(x)
		run(got, use)
		sameBits(t, fmt.Sprintf("%s at level %d", kernel, use), got, want)
	}
}

func TestTransformEqualsPlain(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{32, 64, 128, 512, 2048, 4096} {
		f, x, window := newFFT(n), random(rng, 2*n), make([]float64, n)
		for i := range window {
			window[i] = rng.NormFloat64()
		}
		var frames [lanes]*float32
		for l := range frames {
			frames[l] = &x[rng.IntN(n)]
		}
		sameAsPlain(t, "power", make([]float32, (n/2+1)*lanes), func(dst []float32, use level) {
			f.power(dst, make([]float64, n*lanes), &frames, window, use)
		})
	}
}

func TestMelAndDCTEqualPlain(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, c := range []Config{{Name: Librosa}, {Name: Kaldi}, {Name: Dense20}, {Name: Librosa, Mels: 41, Coefs: 41}, {Name: Librosa, Mels: 1, Coefs: 1}} {
		e, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		power := random(rng, len(e.power))
		sameAsPlain(t, "mel", make([]float32, e.c.Mels*lanes), func(dst []float32, use level) { mel(dst, power, e.spans, e.weights, use) })
		bands := random(rng, e.c.Mels*lanes)
		sameAsPlain(t, "fold", make([]float32, len(e.folded)), func(dst []float32, use level) { fold(dst, bands, -1, use) })
		folded := random(rng, len(e.folded))
		sameAsPlain(t, "dct", make([]float32, len(e.coefs)), func(dst []float32, use level) { dct(dst, folded, e.matrix, use) })
	}
}

func TestLogAndPeakEqualPlain(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	x := make([]float32, 4096+lanes) // the last row is for the maximum
	for i := range x {               // all exponents
		x[i] = math.Float32frombits(rng.Uint32() % infBits)
	}
	for l := range lanes {
		x[4096+l] = -300
	}
	for _, p := range []logParams{
		{floor: minPower, scale: 4.3429446, low: -100},
		{floor: 0x1p-126, scale: 1, offset: 12.5, low: -16},
		{add: denseAdd, floor: denseAdd, scale: 1, low: -100},
	} {
		sameAsPlain(t, "log", x, func(x []float32, use level) { logRows(x[:4096], &p, (*row)(x[4096:]), use) })
	}
	for n := range 40 {
		x := random(rng, n)
		want := peak(x, plain)
		for _, use := range levels(t) {
			if got := peak(x, use); got != want {
				t.Errorf("peak of %d at level %d: %x, plain %x", n, use, got, want)
			}
		}
	}
}

// TestExtractorEqualsPlain compares whole features: they may not depend on the
// machine.
func TestExtractorEqualsPlain(t *testing.T) {
	for _, name := range Names() {
		e, err := New(Config{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, 2, 700, 3500, 40000} {
			x := random(rand.New(rand.NewPCG(9, uint64(n))), n)
			out := make([]float32, e.Frames(n)*e.c.Coefs)
			sameAsPlain(t, name, out, func(dst []float32, use level) {
				e.use = use
				e.Append(dst[:0], x)
			})
		}
	}
}

// TestLog compares the kernel's logarithm with math.Log over all exponents.
func TestLog(t *testing.T) {
	p := logParams{floor: 0x1p-126, scale: 1, low: -math.MaxFloat32}
	for e := -126; e <= 127; e++ {
		x := make([]float32, 512)
		for i := range x {
			x[i] = float32(math.Ldexp(1+float64(i)/float64(len(x)), e))
		}
		y := slices.Clone(x)
		var top row
		logRows(y, &p, &top, best())
		for i, v := range x {
			want := math.Log(float64(v))
			// Two roundings of the result, and, near 1, of its largest term.
			if d := math.Abs(float64(y[i]) - want); !(d <= 1.5e-7*max(math.Abs(want), 0.35)) {
				t.Fatalf("log %g: got %g, want %g", v, y[i], want)
			}
		}
	}
}

// TestReflect compares with numpy.pad(arange(n), 9, "reflect").
func TestReflect(t *testing.T) {
	for _, tc := range []struct {
		n    int
		want []int // of places -9 to n+8
	}{
		{1, make([]int, 19)},
		{2, []int{1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}},
		{3, []int{1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1}},
		{5, []int{1, 0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3, 4, 3}},
	} {
		var got []int
		for i := -9; i < tc.n+9; i++ {
			got = append(got, reflect(i, tc.n))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("n %d: got %v, want %v", tc.n, got, tc.want)
		}
	}
}
