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
	for _, tc := range []struct {
		tight bool
		size  [3]int
		want  [4][4]float64
	}{
		{false, [3]int{60, 48, 31}, [4][4]float64{{-4, 0, 0, 0}, {0, -5, 0, 235}, {0, 0, 5, 0}, {0, 0, 0, 1}}},
		{true, [3]int{43, 34, 31}, [4][4]float64{{-4, 0, 0, 0}, {0, -6, 0, 198}, {0, 0, 5, 0}, {0, 0, 0, 1}}},
	} {
		dir := writeBraTS(t, t.TempDir(), phantom.BraTSOptions{Cases: 1, Size: tc.size, Tight: tc.tight})
		for s, im := range readCase(t, caseFolders(t, dir)[0]) {
			h := im.Header
			if h.Affine() != tc.want || h.Orientation() != "LPS" || h.Type != nifti.Int16 || h.QformCode == 0 {
				t.Errorf("%s: got affine %v, %s, %s, qform code %d", s, h.Affine(), h.Orientation(), h.Type, h.QformCode)
			}
			if len(h.Dim) != 3 || [3]int(h.Dim) != tc.size {
				t.Errorf("%s: got shape %v, want %v", s, h.Dim, tc.size)
			}
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
	for _, tc := range []struct {
		name        string
		o           phantom.BraTSOptions
		least, most float64 // of the field that is brain
	}{
		{"BraTS's field", phantom.BraTSOptions{Cases: 6, Seed: 11}, 0.08, 0.3},
		{"tight", phantom.BraTSOptions{Cases: 6, Seed: 12, Size: [3]int{48, 56, 48}, Tight: true}, 0.25, 0.5},
		{"tight and small", phantom.BraTSOptions{Cases: 6, Seed: 13, Size: [3]int{32, 32, 32}, Tight: true}, 0.25, 0.5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := writeBraTS(t, t.TempDir(), tc.o)
			checked := 0
			for _, folder := range caseFolders(t, dir) {
				if checkCase(t, folder, tc.least, tc.most) >= 20 {
					checked++
				}
			}
			if checked < 4 {
				t.Errorf("%d of 6 cases enhance enough to be checked, want at least 4", checked)
			}
		})
	}
}

// checkCase checks one case, of whose field so much is brain, and returns how
// many of its voxels enhance.
func checkCase(t *testing.T, folder string, least, most float64) int {
	t.Helper()
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
	if part := float64(brain) / float64(len(seg.Data)); part < least || part > most {
		t.Errorf("%s: the brain fills %.2f of the field, want %.2f to %.2f", name, part, least, most)
	}
	if len(seg.Data) != count[0]+count[1]+count[2]+count[4] {
		t.Errorf("%s: labels %v, want 0, 1, 2, 4", name, count)
	}
	// Parts of the brain: a core of 4 ml, oedema of 12 and a nodule of 0.4, in one
	// of 1.7 litres; a rim is more.
	part := func(label float32) float64 { return float64(count[label]) / float64(brain) }
	if part(1)+part(4) < 0.0025 || part(2) < 0.007 || part(4) < 0.0002 || high && part(4) < 0.002 {
		t.Errorf("%s: labels %v of %d voxels: a region is all but missing", name, count, brain)
	}
	if !high && count[4] > count[1] {
		t.Errorf("%s: low grade with labels %v: more enhances than not", name, count)
	}
	checkContrasts(t, name, m, count)
	return count[4]
}

// TestOneInTenHasANoduleAlone: a tenth of the patients have hardly anything that
// enhances, and everybody has something.
func TestOneInTenHasANoduleAlone(t *testing.T) {
	dir := writeBraTS(t, t.TempDir(), phantom.BraTSOptions{Cases: 60, Size: [3]int{32, 32, 32}, Tight: true})
	few := 0
	for _, folder := range caseFolders(t, dir) {
		seg := readCase(t, folder)["seg"]
		core, enhancing := 0, 0
		for _, l := range seg.Data {
			switch l {
			case 1:
				core++
			case 4:
				enhancing++
			}
		}
		if enhancing == 0 {
			t.Errorf("%s: nothing enhances", filepath.Base(folder))
		}
		if enhancing*8 < core {
			few++
		}
	}
	t.Logf("%d of 60", few)
	if few < 2 || few > 12 { // 6, of deviation 2.3
		t.Errorf("in %d of 60 cases less than a ninth of the core enhances, want about 6", few)
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
