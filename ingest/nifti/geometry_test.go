package nifti_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

func TestQform(t *testing.T) {
	half := math.Sqrt(0.5)
	for _, tc := range []struct {
		name    string
		quatern [3]float64
		qfac    float64
		rows    [3][4]float64 // for zooms 2, 3, 4 and offset 7, 8, 9
		axes    string
	}{
		{"identity", [3]float64{}, 1, [3][4]float64{{2, 0, 0, 7}, {0, 3, 0, 8}, {0, 0, 4, 9}}, "RAS"},
		{"qfac 0 counts as 1", [3]float64{}, 0, [3][4]float64{{2, 0, 0, 7}, {0, 3, 0, 8}, {0, 0, 4, 9}}, "RAS"},
		{"z reversed", [3]float64{}, -1, [3][4]float64{{2, 0, 0, 7}, {0, 3, 0, 8}, {0, 0, -4, 9}}, "RAI"},
		{"half turn about z", [3]float64{0, 0, 1}, 1, [3][4]float64{{-2, 0, 0, 7}, {0, -3, 0, 8}, {0, 0, 4, 9}}, "LPS"},
		{"quarter turn about x", [3]float64{half, 0, 0}, 1, [3][4]float64{{2, 0, 0, 7}, {0, 0, -4, 8}, {0, 3, 0, 9}}, "RSP"},
		{"quarter turn about z", [3]float64{0, 0, half}, -1, [3][4]float64{{0, -3, 0, 7}, {2, 0, 0, 8}, {0, 0, -4, 9}}, "ALI"},
		{"longer than 1 by rounding", [3]float64{0, 0, 1 + 1e-6}, 1, [3][4]float64{{-2, 0, 0, 7}, {0, -3, 0, 8}, {0, 0, 4, 9}}, "LPS"},
	} {
		h := &nifti.Header{Version: 1, Dim: []int{2, 2, 2}, QformCode: 1, Quatern: tc.quatern, QOffset: [3]float64{7, 8, 9},
			PixDim: [8]float64{tc.qfac, 2, -3, 4}}
		want := [4][4]float64{tc.rows[0], tc.rows[1], tc.rows[2], {0, 0, 0, 1}}
		if d := maxDiff(h.Affine(), want); d > 1e-12 || h.Orientation() != tc.axes {
			t.Errorf("%s: got %s %v, want %s %v", tc.name, h.Orientation(), h.Affine(), tc.axes, want)
		}
	}
}

// TestEveryOrientation writes all 48 and reads them back by sform and by qform.
func TestEveryOrientation(t *testing.T) {
	n := 0
	for _, perm := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for signs := range 8 {
			affine, axes := [4][4]float64{3: {3: 1}}, ""
			for j, i := range perm {
				affine[i][j], affine[i][3] = 1+0.5*float64(j), float64(10*i)
				letter := "RAS"[i : i+1]
				if signs>>j&1 == 1 {
					affine[i][j], letter = -affine[i][j], "LPI"[i:i+1]
				}
				axes += letter
			}
			var buf bytes.Buffer
			if err := nifti.Encode(&buf, nifti.NewHeader([]int{1, 1, 1}, affine), []uint8{1}); err != nil {
				t.Fatal(err)
			}
			h, err := nifti.DecodeHeader(&buf)
			if err != nil {
				t.Fatal(err)
			}
			q := *h
			q.SformCode = 0
			if h.Affine() != affine || h.Orientation() != axes || h.QformCode == 0 || maxDiff(q.Affine(), affine) > 1e-6 || q.Orientation() != axes {
				t.Errorf("%s: sform %s %v; qform (code %d) %s %v", axes, h.Orientation(), h.Affine(), h.QformCode, q.Orientation(), q.Affine())
			}
			n++
		}
	}
	if n != 48 {
		t.Errorf("%d orientations", n)
	}
}

// TestObliqueQform turns about each axis by every 5 degrees: whichever component
// of the quaternion is largest, and of whichever sign.
func TestObliqueQform(t *testing.T) {
	for axis := range 3 {
		for deg := -355; deg <= 355; deg += 5 {
			s, c := math.Sincos(float64(deg) * math.Pi / 180)
			i, j := (axis+1)%3, (axis+2)%3
			affine := [4][4]float64{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}
			affine[i][i], affine[i][j], affine[j][i], affine[j][j] = c, -s, s, c
			h := nifti.NewHeader([]int{1}, affine)
			h.SformCode = 0
			if d := maxDiff(h.Affine(), affine); h.QformCode == 0 || d > 1e-5 {
				t.Errorf("%d degrees about axis %d: qform code %d, off by %g", deg, axis, h.QformCode, d)
			}
		}
	}
}

// TestOrientationOfShear has axes that lean on each other so much that the
// largest components mislead. The affine is R*S with S symmetric, positive and
// of columns of equal length, so that R is the nearest rotation by construction;
// R is of two turns by at most 30 degrees, so that the axes are RAS.
func TestOrientationOfShear(t *testing.T) {
	turns := []float64{-30, -15, 0, 15, 30}
	for _, lean := range []float64{-0.45, 0.1, 0.5, 0.95} {
		for _, about := range turns {
			for _, then := range turns {
				s1, c1 := math.Sincos(about * math.Pi / 180)
				s2, c2 := math.Sincos(then * math.Pi / 180)
				affine := [4][4]float64{3: {3: 1}}
				for i, r := range [3][3]float64{{c1, -s1, 0}, {c2 * s1, c2 * c1, -s2}, {s2 * s1, s2 * c1, c2}} {
					sum := r[0] + r[1] + r[2]
					for j := range 3 {
						affine[i][j] = (1-lean)*r[j] + lean*sum
					}
				}
				if got := nifti.NewHeader([]int{1}, affine).Orientation(); got != "RAS" {
					t.Errorf("lean %g, %g degrees about z, %g about x: got %s, want RAS", lean, about, then, got)
				}
			}
		}
	}
}

func TestBaseAffine(t *testing.T) {
	h := &nifti.Header{Version: 1, Dim: []int{5, 4}, PixDim: [8]float64{1, 2, 0, 9}}
	want := [4][4]float64{{-2, 0, 0, 4}, {0, 1, 0, -1.5}, {0, 0, 1, 0}, {0, 0, 0, 1}}
	if d := maxDiff(h.Affine(), want); d != 0 || h.Orientation() != "LAS" {
		t.Errorf("got %s %v, want LAS %v", h.Orientation(), h.Affine(), want)
	}
}

func TestOrientationOfSingularAffine(t *testing.T) {
	h := nifti.NewHeader([]int{1}, [4][4]float64{{0, 2, 0, 0}, {0, 0, 0, 0}, {0, 0, -1, 0}, {0, 0, 0, 1}})
	if got := h.Orientation(); got != "?RI" {
		t.Errorf("got %q, want ?RI", got)
	}
}

func TestDataTypeNames(t *testing.T) {
	var got []string
	for _, c := range []nifti.DataType{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2304, 7} {
		got = append(got, c.String())
	}
	want := "binary uint8 int16 int32 float32 complex64 float64 rgb24 int8 uint16 uint32 int64 uint64 float128 complex128 complex256 rgba32 datatype(7)"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}
