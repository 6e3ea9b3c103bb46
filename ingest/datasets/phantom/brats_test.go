package phantom_test

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/datasets/phantom"
	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

var suffixes = []string{"flair", "t1", "t1ce", "t2", "seg"}

// readCase returns a case's volumes by suffix, without those that aren't there.
func readCase(t *testing.T, folder string) map[string]*nifti.Image {
	t.Helper()
	m := map[string]*nifti.Image{}
	for _, s := range suffixes {
		name := filepath.Base(folder) + "_" + s + ".nii.gz"
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			continue
		}
		im, err := nifti.ReadFile(os.DirFS(folder), name, 1<<28)
		if err != nil {
			t.Fatal(err)
		}
		m[s] = im
	}
	return m
}

func caseFolders(t *testing.T, dir string) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(dir, "?GG", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

func TestGeometryIsThatOfBraTS(t *testing.T) {
	dir := writeBraTS(t, t.TempDir(), phantom.BraTSOptions{Cases: 1, Size: [3]int{60, 48, 31}})
	for s, im := range readCase(t, caseFolders(t, dir)[0]) {
		h := im.Header
		want := [4][4]float64{{-4, 0, 0, 0}, {0, -5, 0, 235}, {0, 0, 5, 0}, {0, 0, 0, 1}}
		if h.Affine() != want || h.Orientation() != "LPS" || h.Type != nifti.Int16 || h.QformCode == 0 {
			t.Errorf("%s: got affine %v, %s, %s, qform code %d", s, h.Affine(), h.Orientation(), h.Type, h.QformCode)
		}
		if len(h.Dim) != 3 || h.Dim[0] != 60 || h.Dim[1] != 48 || h.Dim[2] != 31 {
			t.Errorf("%s: got shape %v, want 60, 48, 31", s, h.Dim)
		}
	}
}

// contrast is the mean of an image where the label map has the label, over what
// the part q (0 to 1) of the tissue without label is darker than.
func contrast(image, seg *nifti.Image, label float32, q float64) float64 {
	var in, n float64
	var out []float32
	for i, v := range image.Data {
		switch {
		case v == 0:
		case seg.Data[i] == label:
			in, n = in+float64(v), n+1
		case seg.Data[i] == 0:
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return in / n / float64(out[int(q*float64(len(out)-1))])
}

// TestRegionsShowWhereTheyReallyDo also guards what a radiologist would expect
// of every case. The bounds leave room for a case's own contrasts (sd 8 % of
// each tissue), the bias field and voxels at the edges.
func TestRegionsShowWhereTheyReallyDo(t *testing.T) {
	dir := writeBraTS(t, t.TempDir(), phantom.BraTSOptions{Cases: 6, Seed: 11})
	enhancing := 0
	for _, folder := range caseFolders(t, dir) {
		name, high := filepath.Base(folder), strings.Contains(folder, string(filepath.Separator)+"HGG")
		m := readCase(t, folder)
		seg := m["seg"]
		count := map[float32]int{}
		brain := 0
		for i, l := range seg.Data {
			count[l]++
			air := m["flair"].Data[i] == 0
			if !air {
				brain++
			}
			for _, s := range suffixes[:4] {
				if v := m[s].Data[i]; (v == 0) != air || v < 0 {
					t.Fatalf("%s: %s is %v at %d, where flair is %v: air is 0 in all, tissue above", name, s, v, i, m["flair"].Data[i])
				}
			}
			if l != 0 && air {
				t.Fatalf("%s: label %v at %d is in air", name, l, i)
			}
		}
		if part := float64(brain) / float64(len(seg.Data)); part < 0.08 || part > 0.3 {
			t.Errorf("%s: the brain fills %.2f of the field, want 0.08 to 0.3", name, part)
		}
		if len(seg.Data) != count[0]+count[1]+count[2]+count[4] {
			t.Errorf("%s: labels %v, want 0, 1, 2, 4", name, count)
		}
		// 4 voxels of 45 mm3 are less than a pea.
		if count[1]+count[4] < 20 || count[2] < 50 || high && count[4] < 4 {
			t.Errorf("%s: labels %v: a region is all but missing", name, count)
		}
		if !high && count[4] > count[1] {
			t.Errorf("%s: low grade with labels %v: more enhances than not", name, count)
		}
		checkContrasts(t, name, m, count)
		if count[4] >= 20 {
			enhancing++
		}
	}
	if enhancing < 3 {
		t.Errorf("%d of 6 cases enhance enough to be checked, want at least 3", enhancing)
	}
}

// checkContrasts compares each region with the tissue around it.
func checkContrasts(t *testing.T, name string, m map[string]*nifti.Image, count map[float32]int) {
	t.Helper()
	for _, tc := range []struct {
		image     string
		label     float32
		q         float64 // the tissue to compare with, from dark to bright
		low, high float64
	}{
		// Oedema is brighter than the middle of tissue.
		{"flair", 2, 0.5, 1.4, 9},
		{"t2", 2, 0.5, 1.05, 9},
		// The core is darker than white matter, which is the brightest in T1.
		{"t1", 1, 0.8, 0, 0.88},
		{"t1ce", 1, 0.8, 0, 0.9},
		// Enhancement shows in T1ce, beyond white matter, and nowhere else.
		{"t1ce", 4, 0.8, 1.25, 9},
		{"t1", 4, 0.8, 0, 0.9},
	} {
		if count[tc.label] < 20 { // a few voxels are all edge
			continue
		}
		if c := contrast(m[tc.image], m["seg"], tc.label, tc.q); c < tc.low || c > tc.high {
			t.Errorf("%s: label %v is %.2f times as bright as the tissue at %v in %s, want %.2f to %.2f", name, tc.label, c, tc.q, tc.image, tc.low, tc.high)
		}
	}
}

func TestMissingRate(t *testing.T) {
	small := [3]int{16, 16, 16}
	for _, tc := range []struct {
		rate float64
		want int // cases of 20 without a contrast
	}{{0, 0}, {0.1, 2}, {0.3, 6}, {1, 20}} {
		dir := writeBraTS(t, t.TempDir(), phantom.BraTSOptions{Cases: 20, Size: small, MissingRate: tc.rate})
		lacking := map[string]int{}
		n := 0
		for _, folder := range caseFolders(t, dir) {
			m := readCase(t, folder)
			if m["seg"] == nil || len(m) < 4 {
				t.Errorf("%s has %d files, want all but one at most, and seg", path.Base(folder), len(m))
			}
			for _, s := range suffixes {
				if m[s] == nil {
					lacking[s]++
					n++
				}
			}
		}
		if n != tc.want || n == 20 && len(lacking) != 4 {
			t.Errorf("rate %v: %d of 20 cases lack one, want %d: %v", tc.rate, n, tc.want, lacking)
		}
	}
}

// TestTwoScansOfAPatient: the same head, another session, and the tumour has
// changed meanwhile.
func TestTwoScansOfAPatient(t *testing.T) {
	dir := writeBraTS(t, t.TempDir(), phantom.BraTSOptions{Cases: 5})
	var masks []map[int]bool
	var tumours []int
	for _, name := range []string{"HGG/Brats18_PHANTOM_003_1", "HGG/Brats18_PHANTOM_003_2", "HGG/Brats18_PHANTOM_004_1"} {
		m, tumour := map[int]bool{}, 0
		images := readCase(t, filepath.Join(dir, filepath.FromSlash(name)))
		for i, v := range images["t1"].Data {
			if v != 0 {
				m[i] = true
			}
			if images["seg"].Data[i] != 0 {
				tumour++
			}
		}
		masks, tumours = append(masks, m), append(tumours, tumour)
	}
	if k := float64(tumours[1]) / float64(tumours[0]); k == 1 || k < 0.4 || k > 2.5 {
		t.Errorf("the tumour has %d voxels, then %d: want some change", tumours[0], tumours[1])
	}
	overlap := func(a, b map[int]bool) float64 {
		n := 0
		for i := range a {
			if b[i] {
				n++
			}
		}
		return 2 * float64(n) / float64(len(a)+len(b))
	}
	if same, other := overlap(masks[0], masks[1]), overlap(masks[0], masks[2]); same != 1 || other > 0.99 {
		t.Errorf("brains of one patient overlap by %.3f, want 1; of two by %.3f, want less", same, other)
	}
}
