package brats_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets/brats"
)

// subjectLine is what a subject's name and place tell, on one line.
func subjectLine(s ingest.Subject) string {
	return fmt.Sprintf("%s group=%s stratum=%s domain=%s official=%s", s.Key.Subject, s.Group, s.Stratum, s.Domain, s.Official)
}

var newEndings = []string{"-t2f", "-t1n", "-t1c", "-t2w", "-seg"}

// layouts has, for each release, a case where its download puts it, and the
// label values of that release with the classes they must become.
var layouts = []struct {
	name    string
	dir     string
	files   []string
	labels  []uint8
	classes []uint8
	release string
	want    string
}{
	{"2018 HGG", "MICCAI_BraTS_2018_Data_Training/HGG/Brats18_CBICA_AAB_1", five("Brats18_CBICA_AAB_1", ".nii.gz"),
		[]uint8{0, 1, 2, 4}, []uint8{0, 1, 2, 3}, "2018", "Brats18_CBICA_AAB_1 group=CBICA_AAB stratum=HGG domain=CBICA official=train"},
	{"2018 LGG of the meta-validation list", "LGG/Brats18_TCIA13_645_1", five("Brats18_TCIA13_645_1", ".nii.gz"),
		[]uint8{0, 1, 2, 4}, []uint8{0, 1, 2, 3}, "2018", "Brats18_TCIA13_645_1 group=TCIA13_645 stratum=LGG domain=TCIA13 official=val"},
	{"2018 without folder of grades", "Brats18_2013_10_1", five("Brats18_2013_10_1", ".nii"),
		[]uint8{4, 0}, []uint8{3, 0}, "2018", "Brats18_2013_10_1 group=2013_10 stratum= domain=2013 official=val"},
	{"2019", "MICCAI_BraTS_2019_Data_Training/LGG/BraTS19_TMC_09043_1", five("BraTS19_TMC_09043_1", ".nii.gz"),
		[]uint8{0, 1, 2, 4}, []uint8{0, 1, 2, 3}, "2019", "BraTS19_TMC_09043_1 group=TMC_09043 stratum=LGG domain=TMC official="},
	{"2020 as on Kaggle", "BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData/BraTS20_Training_001", five("BraTS20_Training_001", ".nii"),
		[]uint8{0, 1, 2, 4}, []uint8{0, 1, 2, 3}, "2020", "BraTS20_Training_001 group=BraTS20_Training_001 stratum= domain= official="},
	{"2020's case 355", "BraTS20_Training_355", append(five("BraTS20_Training_355", ".nii")[:4], "W39_1998.09.19_Segm.nii"),
		nil, nil, "", "BraTS20_Training_355 group=BraTS20_Training_355 stratum= domain= official="},
	{"2021", "BraTS2021_00495", five("BraTS2021_00495", ".nii.gz"),
		[]uint8{0, 1, 2, 4}, []uint8{0, 1, 2, 3}, "2021", "BraTS2021_00495 group=BraTS2021_00495 stratum= domain= official="},
	{"2023 GLI", "ASNR-MICCAI-BraTS2023-GLI-Challenge-TrainingData/BraTS-GLI-00005-001", five("BraTS-GLI-00005-001", ".nii.gz", newEndings...),
		[]uint8{0, 1, 2, 3}, []uint8{0, 1, 2, 3}, "2023-gli", "BraTS-GLI-00005-001 group=GLI-00005 stratum= domain= official="},
	{"2023 PED", "ASNR-MICCAI-BraTS2023-PED-Challenge-TrainingData/BraTS-PED-00002-000", five("BraTS-PED-00002-000", ".nii.gz", newEndings...),
		[]uint8{0, 1, 2, 3}, []uint8{0, 1, 2, 3}, "2023-ped", "BraTS-PED-00002-000 group=PED-00002 stratum= domain= official="},
	{"2023 SSA", "ASNR-MICCAI-BraTS2023-SSA-Challenge-TrainingData_V2/BraTS-SSA-00007-000", five("BraTS-SSA-00007-000", ".nii.gz", newEndings...),
		[]uint8{0, 1, 2, 3}, []uint8{0, 1, 2, 3}, "2023-ssa", "BraTS-SSA-00007-000 group=SSA-00007 stratum= domain= official="},
	{"2023 MEN", "BraTS-MEN-Train/BraTS-MEN-00004-000", five("BraTS-MEN-00004-000", ".nii.gz", newEndings...),
		[]uint8{0, 1, 2, 3}, []uint8{0, 1, 2, 3}, "2023-men", "BraTS-MEN-00004-000 group=MEN-00004 stratum= domain= official="},
	{"MET without a year", "BraTS-MET-00086-000", five("BraTS-MET-00086-000", ".nii.gz", newEndings...),
		[]uint8{0, 3}, []uint8{0, 3}, "2023-met", "BraTS-MET-00086-000 group=MET-00086 stratum= domain= official="},
	{"2025 MET with cavities", "MICCAI-LH-BraTS2025-MET-Challenge-Training/BraTS-MET-00801-000", five("BraTS-MET-00801-000", ".nii.gz", newEndings...),
		[]uint8{0, 3, 4}, []uint8{0, 3, 4}, "2025-met", "BraTS-MET-00801-000 group=MET-00801 stratum= domain= official="},
	{"2024 GLI after treatment", "BraTS2024-BraTS-GLI-TrainingData/training_data1_v2/BraTS-GLI-00005-100", five("BraTS-GLI-00005-100", ".nii.gz", newEndings...),
		[]uint8{0, 1, 2, 3, 4}, []uint8{0, 1, 2, 3, 4}, "2024-gli", "BraTS-GLI-00005-100 group=GLI-00005 stratum= domain= official="},
	{"GLI after treatment by its time point alone", "x/BraTS-GLI-00005-101", five("BraTS-GLI-00005-101", ".nii.gz", newEndings...),
		[]uint8{0, 4}, []uint8{0, 4}, "2024-gli", "BraTS-GLI-00005-101 group=GLI-00005 stratum= domain= official="},
	{"2024 PED", "BraTS2024-PED-Challenge-TrainingData/BraTS-PED-00002-000", five("BraTS-PED-00002-000", ".nii.gz", newEndings...),
		[]uint8{0, 1, 2, 3, 4}, []uint8{0, 3, 5, 6, 2}, "2024-ped", "BraTS-PED-00002-000 group=PED-00002 stratum= domain= official="},
	{"2025 PED", "BraTS2025-PEDs/BraTS-PED-00002-000", five("BraTS-PED-00002-000", ".nii.gz", newEndings...),
		[]uint8{0, 1, 2, 3, 4}, []uint8{0, 3, 5, 6, 2}, "2025-ped", "BraTS-PED-00002-000 group=PED-00002 stratum= domain= official="},
	{"2024 GoAT", "ISBI2024-BraTS-GoAT-TrainingData/BraTS-GoAT-00000", five("BraTS-GoAT-00000", ".nii.gz", newEndings...),
		[]uint8{0, 1, 2, 3}, []uint8{0, 1, 2, 3}, "2024-goat", "BraTS-GoAT-00000 group=GOAT-00000 stratum= domain= official="},
	{"2024 MEN-RT has one contrast", "BraTS-MEN-RT-Train-v2/BraTS-MEN-RT-0001-1", []string{"BraTS-MEN-RT-0001-1_t1c.nii.gz", "BraTS-MEN-RT-0001-1_gtv.nii.gz"},
		[]uint8{0, 1}, []uint8{0, 7}, "2024-men-rt", "BraTS-MEN-RT-0001-1 group=MEN-RT-0001 stratum= domain= official="},
	{"plain names", "TCGA-DU-7294", five("TCGA-DU-7294", ".nii.gz"),
		[]uint8{0, 1, 2, 4}, []uint8{0, 1, 2, 3}, "classic", "TCGA-DU-7294 group=TCGA-DU-7294 stratum= domain= official="},
	{"plain names below a year", "brats_2021_mine/p7", five("p7", ".nii.gz"),
		[]uint8{0, 4}, []uint8{0, 3}, "2021", "p7 group=p7 stratum= domain= official="},
	{"plain names below a year and a part", "BraTS2024-PED/p7", five("p7", ".nii.gz"),
		[]uint8{0, 4}, []uint8{0, 2}, "2024-ped", "p7 group=p7 stratum= domain= official="},
	{"names without prefix", "deep/er/patient 3", []string{"fla.nii.gz", "t1.nii.gz", "t1gd.nii.gz", "t2.nii.gz", "seg.nii.gz"},
		[]uint8{0, 4}, []uint8{0, 3}, "classic", "patient 3 group=patient 3 stratum= domain= official="},
	{"upper case", "P1", []string{"P1_FLAIR.NII.GZ", "P1_T1.NII.GZ", "P1_T1CE.NII.GZ", "P1_T2.NII.GZ", "P1_seg.NII.GZ"},
		[]uint8{0, 4}, []uint8{0, 3}, "classic", "P1 group=P1 stratum= domain= official="},
	{"T2_FLAIR", "P1", []string{"P1_T2_FLAIR.nii", "P1_T1.nii", "P1_T1c.nii", "P1_T2.nii", "P1_seg.nii"},
		[]uint8{0, 4}, []uint8{0, 3}, "classic", "P1 group=P1 stratum= domain= official="},
	{"the case is the root", "", five("BraTS2021_00495", ".nii.gz"),
		[]uint8{0, 4}, []uint8{0, 3}, "2021", "BraTS2021_00495 group=BraTS2021_00495 stratum= domain= official="},
	{"the case is the root, prefixless", "", five("", ".nii", "flair", "t1", "t1ce", "t2", "seg"),
		[]uint8{0, 4}, []uint8{0, 3}, "classic", "case group=case stratum= domain= official="},
}

func TestLayouts(t *testing.T) {
	for _, tc := range layouts {
		t.Run(tc.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			addCase(t, tree, tc.dir, tc.files, tc.labels...)
			if strings.Contains(tc.name, "355") {
				p := tc.dir + "/W39_1998.09.19_Segm.nii"
				tree[p] = encode(t, p, smallDim, lps, labelsOf(0, 4))
				tc.labels, tc.classes, tc.release = []uint8{0, 4}, []uint8{0, 3}, "2020"
			}
			src := mustOpen(t, tree)
			list := subjects(t, src)
			if len(list) != 1 || subjectLine(list[0]) != tc.want {
				t.Fatalf("got %v, want %s", list, tc.want)
			}
			s, err := src.Load(t.Context(), list[0])
			if err != nil {
				t.Fatal(err)
			}
			if got, want := s.Present.Count(), len(tc.files)-1; got != want {
				t.Errorf("got %d modalities, want %d: %s", got, want, src.Modalities().Format(s.Present))
			}
			if !s.Target.Known() {
				t.Fatal("no target")
			}
			if got := s.Target.Data[:len(tc.classes)]; !slices.Equal(got, tc.classes) {
				t.Errorf("labels %v became %v, want %v", tc.labels, got, tc.classes)
			}
			if want := []string{"brats-labels-" + tc.release + "/1"}; !slices.Equal(s.Definitions, want) {
				t.Errorf("got definitions %v, want %v", s.Definitions, want)
			}
			numbers := brats.Dataset.Numbers(s.Definitions)
			for i, c := range tc.classes {
				if numbers[c] != tc.labels[i] {
					t.Errorf("class %d is written as %d, it was read from %d", c, numbers[c], tc.labels[i])
				}
			}
			if len(s.Warnings) > 0 {
				t.Errorf("got warnings %v", s.Warnings)
			}
		})
	}
}

// TestNumbersOfClassesThatAReleaseLacks: a model that learned from one release
// may predict for another.
func TestNumbersOfClassesThatAReleaseLacks(t *testing.T) {
	for release, want := range map[string][]uint8{
		"2021":        {0, 1, 2, 4, 0, 1, 1, 1},
		"2023-gli":    {0, 1, 2, 3, 0, 1, 1, 1},
		"2024-gli":    {0, 1, 2, 3, 4, 1, 1, 1},
		"2024-ped":    {0, 2, 4, 1, 0, 2, 3, 2}, // necrotic core is marked as non-enhancing tumour
		"2024-men-rt": {0, 1, 0, 1, 0, 1, 1, 1}, // without oedema
		"msd":         {0, 2, 1, 3, 0, 2, 2, 2},
	} {
		if got := brats.Dataset.Numbers([]string{"mckd/1", "brats-labels-" + release + "/1"}); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", release, got, want)
		}
	}
	if got := brats.Dataset.Numbers([]string{"mckd/1"}); got != nil {
		t.Errorf("numbers %v of no release", got)
	}
}

func TestEachModalityComesFromItsFile(t *testing.T) {
	for _, endings := range [][]string{
		{"_flair", "_t1", "_t1ce", "_t2"},
		{"-t2f", "-t1n", "-t1c", "-t2w"},
		{"_fla", "_t1w", "_t1gd", "_t2w"},
	} {
		tree := fstest.MapFS{}
		for i, e := range endings {
			p := "c/c" + e + ".nii.gz"
			tree[p] = encode(t, p, smallDim, lps, ramp(24, int16(10*(i+1))))
		}
		s, err := loadOnly(t, tree)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range s.Inputs {
			if a.Data[1] != float32(10*(i+1)) {
				t.Errorf("%v: modality %d has the values of another file: %v", endings, i, a.Data[:2])
			}
			if !slices.Equal(a.Shape, []int{2, 3, 4}) {
				t.Errorf("%v: shape %v, want D H W = 2 3 4", endings, a.Shape)
			}
		}
		if s.Target.Known() {
			t.Errorf("%v: a target without a file", endings)
		}
	}
}

func TestWhatIsNoCase(t *testing.T) {
	for _, name := range []string{
		"notes.txt", "a/b.png", "T1w.json", "x_t1.nii.bak", "xt1.nii.gz", "x_t9.img",
		"BraTS-GLI-00005-000-t1n-voided.nii.gz", "BraTS-GLI-00005-000-mask-healthy.nii.gz",
		"c/._c_t1.nii.gz", ".hidden/c_t1.nii.gz", "__MACOSX/c/c_t1.nii.gz", "Thumbs.db",
		"preds/a_seg.nii.gz", "imagesTr/la_003.nii.gz",
		"1/2/3/4/5/6/7/c_t1.nii.gz", // too deep
	} {
		t.Run(name, func(t *testing.T) {
			src, err := openTree(t, fstest.MapFS{name: {Data: []byte("x")}}, "")
			if err == nil {
				t.Fatalf("got subjects %v, want no case", subjects(t, src))
			}
			if tooDeep := strings.HasPrefix(name, "1/"); tooDeep != strings.Contains(err.Error(), "1/2/3/4/5/6 has folders below") {
				t.Errorf("got %v, want what was not looked at, if anything", err)
			}
		})
	}
}

func TestFlatFolderHasManyCases(t *testing.T) {
	tree := fstest.MapFS{}
	for _, c := range []string{"BraTS-GLI-00001-000", "BraTS-GLI-00000-001", "BraTS-GLI-00000-000"} {
		addCase(t, tree, "flat", five(c, ".nii.gz", newEndings...))
	}
	var got []string
	for _, s := range subjects(t, mustOpen(t, tree)) {
		got = append(got, s.Key.Subject+" "+s.Group)
	}
	want := []string{"BraTS-GLI-00000-000 GLI-00000", "BraTS-GLI-00000-001 GLI-00000", "BraTS-GLI-00001-000 GLI-00001"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFlatFolderOfNamesThatEndAsModalities(t *testing.T) {
	tree := fstest.MapFS{}
	for _, c := range []string{"x_t2", "x", "y_T1"} {
		addCase(t, tree, "flat", five(c, ".nii.gz"))
	}
	var got []string
	src := mustOpen(t, tree)
	for _, s := range subjects(t, src) {
		sample, err := src.Load(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(s.Key.Subject, sample.Present.Count()))
	}
	if want := []string{"x4", "x_t24", "y_T14"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestScansOfOnePatientAreOneGroupAcrossReleases(t *testing.T) {
	tree := fstest.MapFS{}
	for _, c := range []string{"Brats18_CBICA_AAB_1", "BraTS19_CBICA_AAB_1", "Brats18_CBICA_AAB_2"} {
		addCase(t, tree, c, five(c, ".nii.gz"))
	}
	for _, s := range subjects(t, mustOpen(t, tree)) {
		if s.Group != "CBICA_AAB" || s.Domain != "CBICA" {
			t.Errorf("%s: group %s, domain %s", s.Key, s.Group, s.Domain)
		}
	}
}

func TestUnlabelledOf2018IsTest(t *testing.T) {
	tree := fstest.MapFS{}
	addCase(t, tree, "Brats18_CBICA_AAM_1", five("Brats18_CBICA_AAM_1", ".nii.gz")[:4])
	if got := subjects(t, mustOpen(t, tree))[0].Official; got != "test" {
		t.Errorf("got official split %q, want test", got)
	}
}

func TestNameMapping(t *testing.T) {
	const table = "\ufeffGrade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,BraTS_2019_subject_ID,BraTS_2020_subject_ID\n" +
		"HGG,Brats17_CBICA_AAB_1,Brats18_CBICA_AAB_1,NA,BraTS19_CBICA_AAB_1,BraTS20_Training_001\n" +
		"LGG,NA,NA,NA,NA,BraTS20_Training_002\n"
	tree := fstest.MapFS{"x/name_mapping.csv": {Data: []byte(table)}}
	for _, c := range []string{"BraTS20_Training_001", "BraTS20_Training_002"} {
		addCase(t, tree, "x/"+c, five(c, ".nii"))
	}
	src := mustOpen(t, tree)
	var got []string
	for _, s := range subjects(t, src) {
		got = append(got, subjectLine(s))
	}
	want := []string{
		"BraTS20_Training_001 group=CBICA_AAB stratum=HGG domain=CBICA official=",
		"BraTS20_Training_002 group=BraTS20_Training_002 stratum=LGG domain= official=",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	tree["x/name_mapping.csv"].Data = []byte("Grade,\"BraTS_2020_subject_ID\n")
	for _, err := range src.Subjects(t.Context()) {
		if err == nil || !strings.Contains(err.Error(), "x/name_mapping.csv") {
			t.Errorf("a broken table gave the error %v", err)
		}
	}
}

func TestPaediatricWithoutAYearIsRefused(t *testing.T) {
	tree := fstest.MapFS{}
	addCase(t, tree, "BraTS-PEDs-v1/BraTS-PED-00002-000", five("BraTS-PED-00002-000", ".nii.gz", newEndings...), 0, 1)
	addCase(t, tree, "c", five("c", ".nii.gz"))
	src := mustOpen(t, tree)
	list := subjects(t, src)
	_, err := src.Load(t.Context(), list[0])
	if got := kinds(t, err); !slices.Equal(got, []string{"release"}) || !strings.Contains(err.Error(), "--release NAME, one of") || !strings.Contains(err.Error(), "2024-ped") {
		t.Fatalf("got error %v, want one that asks for the release", err)
	}
	if _, err := src.Load(t.Context(), list[1]); err != nil {
		t.Errorf("another case: %v", err)
	}
	for release, want := range map[string]uint8{"2023-ped": 1, "2024-ped": 3} {
		src, err := openTree(t, tree, release)
		if err != nil {
			t.Fatal(err)
		}
		s, err := src.Load(t.Context(), subjects(t, src)[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Target.Data[1]; got != want {
			t.Errorf("%s: label 1 became class %d, want %d", release, got, want)
		}
	}
	// The root's own name tells it too.
	delete(tree, "c/c_seg.nii.gz")
	src = mustOpen(t, namedFS{tree, "BraTS2024-PED"})
	if _, err := src.Load(t.Context(), subjects(t, src)[0]); err != nil {
		t.Error(err)
	}
	// Without labels there is nothing to tell apart.
	delete(tree, "BraTS-PEDs-v1/BraTS-PED-00002-000/BraTS-PED-00002-000-seg.nii.gz")
	src = mustOpen(t, tree)
	if _, err := src.Load(t.Context(), subjects(t, src)[0]); err != nil {
		t.Error(err)
	}
}

// deniedFS refuses to list one folder.
type deniedFS struct {
	fs.FS
	dir string
}

func (d deniedFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == d.dir {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return fs.ReadDir(d.FS, name)
}

func TestUnreadableFolderIsASubjectThatFails(t *testing.T) {
	tree := goodCase(t)
	addCase(t, tree, "BraTS2021_00001", five("BraTS2021_00001", ".nii.gz"))
	src := mustOpen(t, deniedFS{tree, "BraTS2021_00001"})
	var got []string
	for _, s := range subjects(t, src) {
		_, err := src.Load(t.Context(), s)
		got = append(got, fmt.Sprint(s.Key.Subject, kinds(t, err)))
	}
	if want := []string{"BraTS2021_00001[unreadable]", "c[]"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := openTree(t, deniedFS{tree, "."}, ""); err == nil {
		t.Error("a root that can't be listed gave no error")
	}
}

func TestHintsOnLabels(t *testing.T) {
	for _, tc := range []struct {
		name, dir string
		label     float32
		want      string
		not       string
	}{
		{"cavity in 2023-gli", "BraTS2023-GLI/BraTS-GLI-00001-000", 4, "resection cavity in 2024-gli", ""},
		{"4 in 2023-men", "BraTS-MEN-00001-000", 4, "--release NAME", "cavity"},
		{"3 in classic", "c", 3, "2023-gli", "cavity"},
		{"fraction", "c", 0.5, "nearest neighbour", "--release"},
		{"negative", "c", -1, "nearest neighbour", "--release"},
		{"infinite", "c", float32(math.Inf(1)), "nearest neighbour", "--release"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			base := path.Base(tc.dir)
			addCase(t, tree, tc.dir, []string{base + "-t1n.nii.gz"})
			seg := tc.dir + "/" + base + "-seg.nii.gz"
			tree[seg] = encode(t, seg, smallDim, lps, append(make([]float32, 23), tc.label))
			_, err := loadOnly(t, tree)
			if got := kinds(t, err); !slices.Equal(got, []string{"label"}) || !strings.Contains(err.Error(), tc.want) ||
				tc.not != "" && strings.Contains(err.Error(), tc.not) {
				t.Errorf("got %v, want %q and not %q", err, tc.want, tc.not)
			}
		})
	}
}

func TestAHalfOfAPairAloneIsACase(t *testing.T) {
	_, err := loadOnly(t, fstest.MapFS{"c/x_t1.hdr": {}, "c/x_t1.img": {}})
	if got := kinds(t, err); !slices.Equal(got, []string{"unsupported"}) {
		t.Errorf("got %v, want unsupported once", err)
	}
}

type namedFS struct {
	fs.FS
	name string
}

func (n namedFS) Name() string { return n.name }

func TestUnknownReleaseIsRefused(t *testing.T) {
	tree := fstest.MapFS{}
	addCase(t, tree, "c", five("c", ".nii"))
	if _, err := openTree(t, tree, "2016"); err == nil {
		t.Error("release 2016 was accepted")
	}
}

func TestFoldersWhereACaseShouldBe(t *testing.T) {
	tree := fstest.MapFS{
		"BraTS2021_00001": {Mode: fs.ModeDir},
		"empty":           {Mode: fs.ModeDir},
		"docs/readme.txt": {Data: []byte("x")},
	}
	addCase(t, tree, "BraTS2021_00000", five("BraTS2021_00000", ".nii.gz"))
	src := mustOpen(t, tree)
	var got []string
	for _, s := range subjects(t, src) {
		_, err := src.Load(t.Context(), s)
		got = append(got, fmt.Sprint(s.Key.Subject, kinds(t, err)))
	}
	want := []string{"BraTS2021_00000[]", "BraTS2021_00001[no-modality]", "empty[no-modality]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEmptyFolderWithTheNameOfACaseAlone(t *testing.T) {
	_, err := loadOnly(t, fstest.MapFS{"x/BraTS2021_00001": {Mode: fs.ModeDir}})
	if got := kinds(t, err); !slices.Equal(got, []string{"no-modality"}) {
		t.Errorf("got %v, want no-modality", err)
	}
}

func TestFolderOfPredictionsBesideCasesIsNoCase(t *testing.T) {
	tree := fstest.MapFS{}
	addCase(t, tree, "c", five("c", ".nii.gz"))
	for i := range 6 {
		tree[fmt.Sprintf("predictions/case%d.nii.gz", i)] = &fstest.MapFile{}
	}
	if list := subjects(t, mustOpen(t, tree)); len(list) != 1 {
		t.Errorf("got %v, want c alone", list)
	}
}

func TestOneNameInTwoPlaces(t *testing.T) {
	tree := fstest.MapFS{}
	addCase(t, tree, "a/c", five("c", ".nii.gz"))
	addCase(t, tree, "b/c", five("c", ".nii.gz"))
	_, err := loadOnly(t, tree)
	if got := kinds(t, err); !slices.Equal(got, []string{"duplicate"}) {
		t.Errorf("got %v, want a duplicate", err)
	}
}

func TestDecathlon(t *testing.T) {
	tree := fstest.MapFS{"Task01_BrainTumour/dataset.json": {Data: []byte("{}")}}
	data := make([]int16, 0, 96)
	for m := range int16(4) {
		data = append(data, ramp(24, 10*(m+1))...)
	}
	dim := append(slices.Clone(smallDim), 4)
	for _, p := range []string{"imagesTr/BRATS_001.nii.gz", "imagesTr/._BRATS_001.nii.gz", "imagesTs/BRATS_485.nii.gz"} {
		tree["Task01_BrainTumour/"+p] = encode(t, p, dim, lps, data)
	}
	tree["Task01_BrainTumour/labelsTr/BRATS_001.nii.gz"] = encode(t, "gz", smallDim, lps, labelsOf(0, 1, 2, 3))
	src := mustOpen(t, tree)
	list := subjects(t, src)
	if len(list) != 2 || list[0].Key.Subject != "BRATS_001" || list[1].Key.Subject != "BRATS_485" {
		t.Fatalf("got %v", list)
	}
	s, err := src.Load(t.Context(), list[0])
	if err != nil {
		t.Fatal(err)
	}
	// Published order FLAIR, T1w, T1gd, T2w is that of the modalities.
	for i, a := range s.Inputs {
		if a.Data[1] != float32(10*(i+1)) || len(a.Data) != 24 {
			t.Errorf("modality %d has %d values, %v", i, len(a.Data), a.Data[:2])
		}
	}
	if got, want := s.Target.Data[:4], []uint8{0, 2, 1, 3}; !slices.Equal(got, want) {
		t.Errorf("labels 0 1 2 3 became %v, want %v", got, want)
	}
	if len(s.Sources) != 5 || s.Sources[3].Role != "t2" || s.Sources[0].SHA256 != s.Sources[3].SHA256 {
		t.Errorf("got sources %v", s.Sources)
	}
	labelled := brats.Dataset.Numbers(s.Definitions)
	if s, err = src.Load(t.Context(), list[1]); err != nil || s.Target.Known() {
		t.Errorf("unlabelled: target %v, error %v", s.Target.Known(), err)
	}
	if got := brats.Dataset.Numbers(s.Definitions); got == nil || !slices.Equal(got, labelled) {
		t.Errorf("an unlabelled case's predictions have the numbers %v, those of labelled ones %v", got, labelled)
	}

	moved := maps.Clone(tree)
	for _, p := range []string{"Task01_BrainTumour/imagesTr/BRATS_001.nii.gz", "Task01_BrainTumour/labelsTr/BRATS_001.nii.gz"} {
		moved[p+"/x.nii.gz"] = tree[p]
		delete(moved, p)
	}
	folders := mustOpen(t, moved)
	if s, err = folders.Load(t.Context(), list[0]); err != nil || !s.Target.Known() || s.Present.Count() != 4 ||
		!slices.Equal(problemKinds(s.Warnings), []string{"not-a-file", "not-a-file"}) {
		t.Errorf("files in folders of their names: %v, error %v", s, err)
	}
	moved["Task01_BrainTumour/labelsTr/BRATS_001.nii.gz/y.nii"] = &fstest.MapFile{}
	_, err = mustOpen(t, moved).Load(t.Context(), list[0])
	if got := kinds(t, err); !slices.Equal(got, []string{"not-a-file"}) {
		t.Errorf("two files in the place of one gave %v", err)
	}

	tree["Task01_BrainTumour/imagesTr/BRATS_001.nii.gz"] = encode(t, "gz", append(slices.Clone(smallDim), 3), lps, data[:72])
	_, err = src.Load(t.Context(), list[0])
	if got := kinds(t, err); !slices.Equal(got, []string{"shape"}) {
		t.Errorf("three volumes gave %v", err)
	}
}
