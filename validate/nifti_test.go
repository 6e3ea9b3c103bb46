package validate_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets/phantom"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/ingest/nifti"
	"github.com/lacuna-ml/lacuna/preprocess/patch"
	"github.com/lacuna-ml/lacuna/validate"
)

// The numbers of BraTS until 2021 for the classes of tissues.
var classic = []uint8{0, 1, 2, 4}

// orientations are all 48.
func orientations() (all []string) {
	for _, p := range [][3]string{{"RL", "AP", "SI"}, {"RL", "SI", "AP"}, {"AP", "RL", "SI"}, {"AP", "SI", "RL"}, {"SI", "RL", "AP"}, {"SI", "AP", "RL"}} {
		for bits := range 8 {
			all = append(all, string([]byte{p[0][bits&1], p[1][bits>>1&1], p[2][bits>>2]}))
		}
	}
	return all
}

// worldOf returns the affine of a volume of n voxels x, y, z that runs along the
// axes, with 2, 3 and 5 mm along left-right, back-front, foot-head. Its corner
// nearest to L, P and I is at (-7, 11, 13) whatever the axes are.
func worldOf(axes string, n [3]int) (a [4][4]float64) {
	a[3][3] = 1
	corner := [3]float64{-7, 11, 13}
	for v := range 3 {
		w := slices.IndexFunc([]string{"LR", "PA", "IS"}, func(p string) bool { return strings.Contains(p, axes[v:v+1]) })
		mm := []float64{2, 3, 5}[w]
		a[w][v], a[w][3] = mm, corner[w]
		if strings.Contains("LPI", axes[v:v+1]) {
			a[w][v], a[w][3] = -mm, corner[w]+mm*float64(n[v]-1)
		}
	}
	return a
}

// byWorld returns the values that are not 0, by where they lie in the world.
func byWorld(n []int, affine [4][4]float64, values []float32) map[[3]int]float32 {
	at := map[[3]int]float32{}
	for i, v := range values {
		if v == 0 {
			continue
		}
		p := [3]float64{float64(i % n[0]), float64(i / n[0] % n[1]), float64(i / n[0] / n[1])}
		var w [3]int
		for r := range 3 {
			// Thousandths of a mm: the headers have float32.
			w[r] = int(math.Round(1000 * (affine[r][0]*p[0] + affine[r][1]*p[1] + affine[r][2]*p[2] + affine[r][3])))
		}
		at[w] = v
	}
	return at
}

// labelMap evaluates the oracle of whole on its patches and returns the one
// label map.
func labelMap(t *testing.T, whole *ingest.Sample, o patch.Options) *validate.LabelMap {
	t.Helper()
	var out *validate.LabelMap
	e := validate.Evaluator{
		Modalities: brats, Classes: tissues, Regions: regions, Combos: []modality.Mask{whole.Present},
		OnLabels: func(m *validate.LabelMap) error { out = m; return nil },
	}
	truth := slices.Clone(whole.Target.Data)
	if _, err := e.Run(t.Context(), oracle(map[string][]uint8{whole.Key.Subject: truth}), sequence(cut(t, whole, o)...)); err != nil {
		t.Fatal(err)
	}
	return out
}

func decode(t *testing.T, b []byte) *nifti.Image {
	t.Helper()
	im, err := nifti.Decode(bytes.NewReader(b), 1<<28)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// Whichever way a file lay and a sample lies, a label comes back to the place in
// the world, and in the file, that it came from.
func TestEveryOrientationIsUndone(t *testing.T) {
	for _, file := range orientations() {
		for _, has := range []string{"LPS", "RAS", "SLA", file} {
			s := scan("s", [3]int{5, 4, 6}, 1)
			n := [3]int{6, 4, 5} // of the sample, x, y, z
			s.Affine = worldOf(has, n)
			s.Location.Axes = file
			for i, l := range s.Target.Data {
				s.Target.Data[i] = l % 4 // no cavity, which no region has
			}
			var want []float32
			for _, l := range s.Target.Data {
				want = append(want, float32(classic[l]))
			}
			m := labelMap(t, s, patch.Options{Policy: patch.Grid, Size: [3]int{3, 3, 4}, Overlap: 0.5})
			var b bytes.Buffer
			if err := m.EncodeNIfTI(&b, classic); err != nil {
				t.Fatal(err)
			}
			im := decode(t, b.Bytes())
			if got := im.Header.Orientation(); got != file {
				t.Errorf("from %s to %s: got %s", has, file, got)
			}
			if d := im.Header.Affine(); d != worldOf(file, [3]int(im.Header.Dim)) {
				t.Errorf("from %s to %s: affine %v, want %v", has, file, d, worldOf(file, [3]int(im.Header.Dim)))
			}
			if got, want := byWorld(im.Header.Dim, im.Header.Affine(), im.Data), byWorld(n[:], s.Affine, want); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("from %s to %s: labels moved in the world", has, file)
			}
		}
	}
}

func TestAPhantomsLabelsComeBack(t *testing.T) {
	dir := t.TempDir()
	if err := phantom.WriteBraTS(t.Context(), dir, phantom.BraTSOptions{Cases: 1, Seed: 5, Size: [3]int{24, 30, 20}}); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*", "*", "*_seg.nii.gz"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	file, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	seg := decode(t, file)
	s := scan("s", [3]int{20, 30, 24}, 1)
	s.Affine, s.Location.Axes = seg.Header.Affine(), seg.Header.Orientation()
	for i, v := range seg.Data {
		s.Target.Data[i] = uint8(slices.Index(classic, uint8(v)))
	}
	m := labelMap(t, s, patch.Options{Policy: patch.Grid, Size: [3]int{9, 9, 9}, Overlap: 0.2})
	var b, again bytes.Buffer
	for _, w := range []*bytes.Buffer{&b, &again} {
		if err := m.EncodeNIfTI(w, classic); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("the same label map gave other bytes")
	}
	im := decode(t, b.Bytes())
	if !slices.Equal(im.Header.Dim, seg.Header.Dim) || im.Header.Affine() != seg.Header.Affine() || im.Header.Type != nifti.Uint8 {
		t.Errorf("got %v of %v, affine %v; want %v, %v", im.Header.Dim, im.Header.Type, im.Header.Affine(), seg.Header.Dim, seg.Header.Affine())
	}
	if !slices.Equal(im.Data, seg.Data) {
		t.Error("the labels are not those of the input")
	}
	if !slices.Contains(im.Data, 4) {
		t.Error("the phantom has no enhancing tumour: the test shows little")
	}
}

func TestLabelMapsThatCannotBeWritten(t *testing.T) {
	m := &validate.LabelMap{
		Key:    ingest.Key{Dataset: "brats", Subject: "s"},
		Labels: ingest.Labels{Shape: []int{1, 1, 2}, Data: []uint8{0, 3}}, Affine: worldOf("LPS", [3]int{2, 1, 1}),
	}
	for _, tc := range []struct {
		axes, want string
		numbers    []uint8
	}{
		{"LPS", "class 3 has no number", []uint8{0, 1, 2}},
		{"LP", `axes "LP"`, nil},
		{"LPX", `axes "LPX"`, nil},
		{"LRS", `axes "LRS"`, nil},
		{"LPSR", `axes "LPSR"`, nil},
	} {
		m.Axes = tc.axes
		if err := m.EncodeNIfTI(&bytes.Buffer{}, tc.numbers); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "brats/s") {
			t.Errorf("%s: got %v, want it to say %q", tc.axes, err, tc.want)
		}
	}
	// Without an orientation of the file, or of the sample, nothing is moved.
	for _, change := range []func(){func() { m.Axes = "" }, func() { m.Axes, m.Affine = "RAS", [4][4]float64{} }} {
		change()
		var b bytes.Buffer
		if err := m.EncodeNIfTI(&b, nil); err != nil {
			t.Fatal(err)
		}
		if got := decode(t, b.Bytes()).Data; !slices.Equal(got, []float32{0, 3}) {
			t.Errorf("%q: got %v", m.Axes, got)
		}
	}
}
