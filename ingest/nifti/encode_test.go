package nifti_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

func TestRoundTrip(t *testing.T) {
	t.Run("uint8", func(t *testing.T) { rapid.Check(t, roundTrip[uint8](rapid.Uint8())) })
	t.Run("int16", func(t *testing.T) { rapid.Check(t, roundTrip[int16](rapid.Int16())) })
	t.Run("float32", func(t *testing.T) { rapid.Check(t, roundTrip[float32](rapid.Float32())) })
}

func roundTrip[T nifti.Voxel](gen *rapid.Generator[T]) func(*rapid.T) {
	return func(t *rapid.T) {
		dim := rapid.SliceOfN(rapid.IntRange(1, 6), 1, 7).Draw(t, "dim")
		n := 1
		for _, d := range dim {
			n *= d
		}
		// A short drawn run, repeated: as good, and much cheaper to draw.
		run := rapid.SliceOfN(gen, 1, 50).Draw(t, "run")
		data := make([]T, n)
		for i := range data {
			data[i] = run[i%len(run)]
		}
		h := nifti.NewHeader(dim, drawAffine(t))
		var one, two bytes.Buffer
		encode := nifti.Encode[T]
		if rapid.Bool().Draw(t, "gzip") {
			encode = nifti.EncodeGzip[T]
		}
		if err := errors.Join(encode(&one, h, data), encode(&two, h, data)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one.Bytes(), two.Bytes()) {
			t.Fatal("equal input, different bytes")
		}
		im, err := decode(one.Bytes(), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(im.Header.Dim, dim) || len(im.Data) != n {
			t.Fatalf("sizes %v with %d voxels, want %v", im.Header.Dim, len(im.Data), dim)
		}
		for i, v := range data {
			if math.Float32bits(im.Data[i]) != math.Float32bits(float32(v)) {
				t.Fatalf("voxel %d is %v, want %v", i, im.Data[i], v)
			}
		}
		// Geometry is rounded to float32 once.
		if d := maxDiff(im.Header.Affine(), h.Affine()); d > 1e-6 {
			t.Fatalf("affine %v, want %v", im.Header.Affine(), h.Affine())
		}
		qform := *im.Header
		qform.SformCode = 0
		if d := maxDiff(qform.Affine(), h.Affine()); im.Header.QformCode > 0 && d > 5e-4 { // 1e-4 of a voxel of up to 5
			t.Fatalf("qform %v, want %v", qform.Affine(), h.Affine())
		}
	}
}

// drawAffine draws a rotation, reflected or not, with zooms and an offset, and
// now and then a shear.
func drawAffine(t *rapid.T) [4][4]float64 {
	angle := rapid.Float64Range(-math.Pi, math.Pi)
	m := [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}
	for k, name := range []string{"about x", "about y", "about z"} {
		s, c := math.Sincos(angle.Draw(t, name))
		i, j := (k+1)%3, (k+2)%3
		for r := range 3 {
			m[r][i], m[r][j] = c*m[r][i]+s*m[r][j], c*m[r][j]-s*m[r][i]
		}
	}
	shear := rapid.SampledFrom([]float64{0, 0, 0.3}).Draw(t, "shear")
	out := [4][4]float64{3: {3: 1}}
	for j := range 3 {
		z := rapid.Float64Range(0.1, 5).Draw(t, "zoom")
		if j == 0 && rapid.Bool().Draw(t, "reflected") {
			z = -z
		}
		for i := range 3 {
			out[i][j] = m[i][j] * z
			if j == 2 {
				out[i][j] += shear * m[i][0]
			}
		}
		out[j][3] = rapid.Float64Range(-300, 300).Draw(t, "offset")
	}
	return out
}

func TestNewHeaderHasBothForms(t *testing.T) {
	h := nifti.NewHeader([]int{240, 240, 155}, lps)
	q := *h
	q.SformCode = 0
	if h.QformCode == 0 || q.Affine() != lps || h.Affine() != lps || h.Orientation() != "LPS" || !slices.Equal(h.Zooms(), []float64{1, 1, 1}) {
		t.Errorf("got qform %v, sform %v", q.Affine(), h.Affine())
	}
	sheared := lps
	sheared[0][1] = 0.4
	if h := nifti.NewHeader([]int{1}, sheared); h.QformCode != 0 || h.Affine() != sheared {
		t.Errorf("sheared: qform code %d, affine %v", h.QformCode, h.Affine())
	}
}

// TestPredictionKeepsGeometry writes a label map with the header of its input,
// for each of the forms that an input may have.
func TestPredictionKeepsGeometry(t *testing.T) {
	q := nifti.NewHeader([]int{3, 2, 2, 2}, [4][4]float64{{0, 2, 0, 1}, {0, 0, -3, 2}, {1.5, 0, 0, 3}, {0, 0, 0, 1}})
	q.SformCode = 0
	base := nifti.NewHeader([]int{3, 2, 2, 2}, lps)
	base.SformCode, base.QformCode, base.PixDim[2] = 0, 0, 1.5
	for name, in := range map[string]*nifti.Header{"sform": nifti.NewHeader([]int{3, 2, 2, 2}, lps), "qform": q, "base": base} {
		out := *in
		out.Dim = in.Dim[:3] // one label a voxel, the time dimension gone
		var buf bytes.Buffer
		if err := nifti.EncodeGzip(&buf, &out, make([]uint8, 12)); err != nil {
			t.Fatal(err)
		}
		im, err := decode(buf.Bytes(), 1<<20)
		if err != nil || im.Header.Affine() != in.Affine() || im.Header.Orientation() != in.Orientation() || im.Header.Type != nifti.Uint8 {
			t.Errorf("%s: got %v, %v, want %v", name, im, err, in.Affine())
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	inf := lps
	inf[0][3] = 1e300 // infinite as float32
	code := nifti.NewHeader([]int{1}, lps)
	code.IntentCode = 1 << 20
	for name, tc := range map[string]struct {
		h *nifti.Header
		n int
	}{
		"too few voxels":    {nifti.NewHeader([]int{2, 2}, lps), 3},
		"no dimension":      {nifti.NewHeader(nil, lps), 1},
		"eight dimensions":  {nifti.NewHeader(make([]int, 8), lps), 0},
		"size 0":            {nifti.NewHeader([]int{0}, lps), 0},
		"size of NIfTI-2":   {nifti.NewHeader([]int{40000}, lps), 40000},
		"offset of 1e300":   {nifti.NewHeader([]int{1}, inf), 1},
		"intent of NIfTI-2": {code, 1},
	} {
		var buf bytes.Buffer
		if err := nifti.Encode(&buf, tc.h, make([]int16, tc.n)); err == nil || buf.Len() != 0 {
			t.Errorf("%s: error %v, %d bytes written", name, err, buf.Len())
		}
	}
	for n := range 600 {
		if err := nifti.Encode(&failingWriter{left: n}, nifti.NewHeader([]int{5, 5, 5}, lps), make([]int16, 125)); !errors.Is(err, io.ErrShortBuffer) {
			t.Fatalf("writer fails after %d bytes: got %v", n, err)
		}
	}
}

type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return w.left, io.ErrShortBuffer
	}
	w.left -= len(p)
	return len(p), nil
}
