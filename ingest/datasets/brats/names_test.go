package brats

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

func TestParseFile(t *testing.T) {
	for _, tc := range []struct {
		name, stem string
		role       int
		ok         bool
	}{
		{"Brats18_CBICA_AAB_1_t1ce.nii.gz", "Brats18_CBICA_AAB_1", T1ce, true},
		{"BraTS-GLI-00005-000-t2f.nii.gz", "BraTS-GLI-00005-000", Flair, true},
		{"BraTS-MEN-RT-0001-1_gtv.nii.gz", "BraTS-MEN-RT-0001-1", target, true},
		{"x_t2_flair.nii", "x", Flair, true},
		{"t2_flair.nii", "", Flair, true},
		{"t2.nii", "", T2, true},
		{"x.T1Gd.nii", "x", T1ce, true},
		{"x__t1.nii", "x", T1, true},
		{"ct1.nii", "", 0, false},
		{"x_t1", "", 0, false},
		{".nii.gz", "", 0, false},
		{"._x_t1.nii", "", 0, false},
		{"x_t1.hdr", "", 0, false}, // see halfOfPair
	} {
		stem, role, ok := parseFile(tc.name)
		if ok != tc.ok || ok && (stem != tc.stem || role != tc.role) {
			t.Errorf("parseFile(%q) = %q, %d, %v; want %q, %d, %v", tc.name, stem, role, ok, tc.stem, tc.role, tc.ok)
		}
	}
}

func TestParseNameRefuses(t *testing.T) {
	for _, name := range []string{
		"", "brats", "Brats18_CBICA_AAB", "Brats16_CBICA_AAB_1", "BraTS20_Training_", "BraTS20_Train_001",
		"BraTS2021_", "BraTS2021_00495_1", "BraTS-GLI-00005-000-t1n", "BraTS-XYZ-00005-000", "BRATS_001", "TCGA-DU-7294",
	} {
		if id := parseName(name); id.known() {
			t.Errorf("parseName(%q) = %+v, want nothing", name, id)
		}
	}
}

// FuzzNames: no name panics, a known name has a group, files and cases agree
// about the stem, and a release is always told or refused with a reason.
func FuzzNames(f *testing.F) {
	for _, s := range []string{
		"Brats18_TCIA02_135_1", "BraTS20_Training_355", "BraTS2021_00495", "BraTS-GLI-00005-100",
		"BraTS-MEN-RT-0001-1", "BraTS-GoAT-00000", "BraTS-PEDs-00001-000", "BraTS-GLI-1-99999999999999999999", "x", "",
	} {
		f.Add(s, "_t1ce.nii.gz", "ASNR-MICCAI-BraTS2023-PED-Challenge")
		f.Add(s, "-seg.nii", "BraTS2024")
	}
	f.Fuzz(func(t *testing.T, name, ending, above string) {
		id := parseName(name)
		if id.known() != (id.release != "" || id.kind != "") {
			t.Fatalf("%q: %+v", name, id)
		}
		if id.known() && id.release == "2018" {
			official(name, id, true) // slices the name
		}
		r, err := resolve(id, []string{above})
		if err == nil && len(r.labels) == 0 {
			t.Fatalf("%q below %q: no release and no reason", name, above)
		}
		if id.release != "" && err != nil {
			t.Fatalf("%q tells its release, got %v", name, err)
		}
		stem, role, ok := parseFile(name + ending)
		if ok && (role < 0 || role > target || !strings.HasPrefix(name+ending, stem)) {
			t.Fatalf("%q: stem %q, role %d", name+ending, stem, role)
		}
		if id.known() && ending == "_t1ce.nii.gz" && (!ok || stem != name || role != T1ce) {
			t.Fatalf("%q: stem %q, role %d, %v", name+ending, stem, role, ok)
		}
	})
}

// TestBudgetIsTheCases: what the files before took counts.
func TestBudgetIsTheCases(t *testing.T) {
	var b bytes.Buffer
	if err := nifti.Encode(&b, nifti.NewHeader([]int{4, 3, 2}, [4][4]float64{{1}, {0, 1}, {0, 0, 1}, {3: 1}}), make([]uint8, 24)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		taken int64
		ok    bool
	}{{0, true}, {maxCaseBytes - 4*24, true}, {maxCaseBytes - 4*24 + 1, false}, {maxCaseBytes, false}} {
		l := loader{c: &found{}, taken: tc.taken, decoded: new(buffers)}
		_, err := l.decode(bufio.NewReader(bytes.NewReader(b.Bytes())), target)
		if tc.ok && (err != nil || l.taken != tc.taken+4*24) || !tc.ok && !errors.Is(err, nifti.ErrLimit) {
			t.Errorf("with %d bytes taken: %v, then %d taken", tc.taken, err, l.taken)
		}
	}
}
