package brats_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	"github.com/lacuna-ml/lacuna/ingest/datasets/datasettest"
	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

// goodCase is a complete case named c.
func goodCase(tb testing.TB) fstest.MapFS {
	tree := fstest.MapFS{}
	addCase(tb, tree, "c", five("c", ".nii.gz"), 0, 1, 2, 4)
	return tree
}

// floats returns a ramp with some values replaced.
func floats(change map[int]float64) []float32 {
	out := make([]float32, 24)
	for i := range out {
		out[i] = float32(i)
	}
	for i, v := range change {
		out[i] = float32(v)
	}
	return out
}

func shifted(mm float64) [4][4]float64 {
	a := lps
	a[0][3] += mm
	return a
}

func TestProblemsAndWarnings(t *testing.T) {
	const t1, t2, seg = "c/c_t1.nii.gz", "c/c_t2.nii.gz", "c/c_seg.nii.gz"
	file := func(b string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(b)} }
	vol := func(affine [4][4]float64, data []float32) *fstest.MapFile {
		return encode(t, "gz", smallDim, affine, data)
	}
	flat := lps
	flat[2] = [4]float64{}
	html := file("<!DOCTYPE html><html>not logged in</html>")
	for _, tc := range []struct {
		name    string
		path    string
		file    *fstest.MapFile
		problem string // kind, "" for none
		warning string
		reason  string // in the problem or warning
		present string
	}{
		{"empty", t1, file(""), "empty", "", "0 bytes", ""},
		{"lfs pointer", seg, file("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"), "lfs-pointer", "", "git-lfs", ""},
		{"a web page", t1, html, "format", "", "", ""},
		{"NaN", t1, vol(lps, floats(map[int]float64{5: math.NaN(), 7: math.Inf(1)})), "nonfinite", "", "1 NaN and 1 infinite of 24 voxels, the first at voxel (1, 1, 0)", ""},
		{"all NaN", t1, vol(lps, slices.Repeat([]float32{float32(math.NaN())}, 24)), "nonfinite", "", "24 NaN", ""},
		{"all infinite", t1, vol(lps, slices.Repeat([]float32{float32(math.Inf(-1))}, 24)), "nonfinite", "", "24 infinite", ""},
		{"all zero", t1, vol(lps, make([]float32, 24)), "", "constant", "every voxel is 0", "flair+t1ce+t2"},
		{"constant", t1, vol(lps, slices.Repeat([]float32{7}, 24)), "", "constant", "every voxel is 7", "flair+t1ce+t2"},
		{"one voxel differs", t1, vol(lps, append(make([]float32, 23), 1)), "", "", "", "all"},
		{"shape", t1, encode(t, "gz", []int{4, 3, 1}, lps, ramp(12, 1)), "shape", "", "has 4 x 3 x 1 voxels, c/c_flair.nii.gz has 4 x 3 x 2", ""},
		{"more than a volume may have", t1, claiming(t, 512, 512, 300), "too-large", "", "", ""},
		{"two dimensions", t1, encode(t, "gz", []int{4, 3}, lps, ramp(12, 1)), "shape", "", "2 dimensions", ""},
		{"two volumes", t1, encode(t, "gz", []int{4, 3, 2, 2}, lps, ramp(48, 1)), "shape", "", "more than one volume", ""},
		{"one volume in four dimensions", t1, encode(t, "gz", []int{4, 3, 2, 1, 1}, lps, ramp(24, 1)), "", "", "", "all"},
		{"shifted by 25 mm", t2, vol(shifted(25), floats(nil)), "affine", "", "25 mm", ""},
		{"shifted by a float's noise", t2, vol(shifted(1e-5), floats(nil)), "", "", "", "all"},
		{"shifted by 0.04 voxels", t2, vol(shifted(0.04), floats(nil)), "", "affine", "0.04 voxels", "all"},
		{"shifted by 0.06 voxels", t2, vol(shifted(0.06), floats(nil)), "affine", "", "0.06 mm", ""},
		{"flat affine", t2, vol(flat, floats(nil)), "affine", "", "plane", ""},
		{"label 3 of another release", seg, encode(t, "gz", smallDim, lps, labelsOf(0, 3)), "label", "", "3 in 12 voxels, the first is voxel (1, 0, 0)", ""},
		{"labels as float", seg, vol(lps, []float32{0: 0, 1: 1, 2: 2, 3: 4, 23: 0}), "", "", "", "all"},
		{"label 0.5", seg, vol(lps, []float32{2: 0.5, 23: 0}), "label", "", "0.5 in 1 voxels", ""},
		{"label -1", seg, encode(t, "gz", smallDim, lps, append(make([]int16, 23), -1)), "label", "", "-1 in 1 voxels, the first is voxel (3, 2, 1)", ""},
		{"label 260, which is 4 in a byte", seg, encode(t, "gz", smallDim, lps, append(make([]int16, 23), 260)), "label", "", "260 in 1", ""},
		{"label NaN and giants", seg, vol(lps, []float32{1: float32(math.NaN()), 2: 1e20, 23: float32(math.Inf(1))}), "label", "", "NaN in 1", ""},
		{"more wrong labels than are listed", seg, encode(t, "gz", smallDim, lps, ramp(24, 10)), "label", "", "others in 15", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tree := goodCase(t)
			tree[tc.path] = tc.file
			s, err := loadOnly(t, tree)
			var got []ingest.Problem
			if tc.problem != "" {
				var subject *ingest.SubjectError
				if !errors.As(err, &subject) {
					t.Fatalf("got error %v, want a SubjectError", err)
				}
				got = subject.Problems
			} else if err != nil {
				t.Fatal(err)
			} else {
				got = s.Warnings
				want := slices.Repeat([]string{tc.warning}, min(1, len(tc.warning)))
				if !slices.Equal(problemKinds(got), want) {
					t.Errorf("got warnings %v, want %q", got, want)
				}
				mods := brats.Dataset.Modalities
				if m, _ := mods.Parse(tc.present); s.Present != m {
					t.Errorf("got %s, want %s", mods.Format(s.Present), tc.present)
				}
				if err := s.Check(mods); err != nil {
					t.Error(err)
				}
			}
			if tc.problem != "" && !slices.Equal(problemKinds(got), []string{tc.problem}) {
				t.Errorf("got problems %v, want one of kind %s", got, tc.problem)
			}
			if len(got) == 1 && (got[0].Path != tc.path || !strings.Contains(got[0].Reason, tc.reason)) {
				t.Errorf("got %s, want path %s and %q", got[0], tc.path, tc.reason)
			}
		})
	}
}

// claiming is a file whose header says that it has that many voxels.
func claiming(t *testing.T, dim ...uint16) *fstest.MapFile {
	f := encode(t, "nii", smallDim, lps, ramp(24, 1))
	for i, n := range dim {
		binary.LittleEndian.PutUint16(f.Data[42+2*i:], n)
	}
	return f
}

func TestScalingBeyondFloat32(t *testing.T) {
	tree := goodCase(t)
	delete(tree, "c/c_t1.nii.gz")
	f := encode(t, "c_t1.nii", smallDim, lps, ramp(24, 1))
	binary.LittleEndian.PutUint32(f.Data[112:], math.Float32bits(1e38)) // scl_slope
	tree["c/c_t1.nii"] = f
	_, err := loadOnly(t, tree)
	if got := kinds(t, err); !slices.Equal(got, []string{"nonfinite"}) {
		t.Errorf("got %v, want nonfinite", err)
	}
}

func TestAllProblemsOfACaseAreTold(t *testing.T) {
	tree := goodCase(t)
	tree["c/c_flair.nii.gz"].Data = nil
	tree["c/c_t1.nii"] = tree["c/c_t1.nii.gz"]
	tree["c/c_t2.nii.gz"].Data = tree["c/c_t2.nii.gz"].Data[:60]
	tree["c/c_seg.nii.gz"] = encode(t, "gz", smallDim, lps, labelsOf(9))
	_, err := loadOnly(t, tree)
	if got, want := kinds(t, err), []string{"duplicate", "empty", "truncated", "label"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: %v", got, want, err)
	}
	delete(tree, "c/c_flair.nii.gz")
	if _, err = loadOnly(t, tree); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the first cause is not told: %v", err)
	}
}

func TestOnlyItsOwnSubjectsAreLoaded(t *testing.T) {
	src := mustOpen(t, goodCase(t))
	for _, k := range []ingest.Key{{Dataset: "heart", Subject: "c"}, {Dataset: "brats", Subject: "d"}} {
		if _, err := src.Load(t.Context(), ingest.Subject{Key: k}); err == nil {
			t.Errorf("%s was loaded", k)
		}
	}
}

func TestNothingUsableIsAnError(t *testing.T) {
	tree := fstest.MapFS{}
	for _, n := range five("c", ".nii.gz") {
		tree["c/"+n] = encode(t, n, smallDim, lps, make([]uint8, 24))
	}
	_, err := loadOnly(t, tree)
	if got := kinds(t, err); !slices.Equal(got, []string{"no-modality"}) {
		t.Errorf("got %v", err)
	}
}

func TestAbsentModalitiesAreClearedBits(t *testing.T) {
	mods := brats.Dataset.Modalities
	for m := range mods.Combos() {
		tree := goodCase(t)
		for i := range mods.Len() {
			if !m.Has(i) {
				delete(tree, "c/c_"+mods.Name(i)+".nii.gz")
			}
		}
		s, err := loadOnly(t, tree)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(mods); err != nil || s.Present != m || !s.Target.Known() || len(s.Warnings) > 0 {
			t.Errorf("%s: got %s, %v, warnings %v", mods.Format(m), mods.Format(s.Present), err, s.Warnings)
		}
	}
}

// reorient stores data of shape smallDim on turned axes, as another tool would:
// axis a of the file is axis from[a] of the volume, counted from the other end
// where flip[a]. The affine follows, so the world has not changed.
func reorient[T any](data []T, from [3]int, flip [3]bool) (dim []int, affine [4][4]float64, out []T) {
	dim = make([]int, 3)
	affine[3][3] = 1
	for i := range 3 {
		affine[i][3] = lps[i][3]
	}
	for a, j := range from {
		dim[a] = smallDim[j]
		for i := range 3 {
			affine[i][a] = lps[i][j]
			if flip[a] {
				affine[i][a] = -lps[i][j]
				affine[i][3] += lps[i][j] * float64(smallDim[j]-1)
			}
		}
	}
	for z := range dim[2] {
		for y := range dim[1] {
			for x := range dim[0] {
				var v [3]int
				for a, p := range [3]int{x, y, z} {
					if v[from[a]] = p; flip[a] {
						v[from[a]] = dim[a] - 1 - p
					}
				}
				out = append(out, data[v[0]+smallDim[0]*(v[1]+smallDim[1]*v[2])])
			}
		}
	}
	return dim, affine, out
}

func TestTurnedAxesAreUndone(t *testing.T) {
	base, err := loadOnly(t, goodCase(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for flips := range 8 {
			flip := [3]bool{flips&1 > 0, flips&2 > 0, flips&4 > 0}
			if from == [3]int{0, 1, 2} && flips == 0 {
				continue
			}
			tree := goodCase(t)
			dim, affine, data := reorient(ramp(24, 3), from, flip)
			tree["c/c_t1ce.nii.gz"] = encode(t, "gz", dim, affine, data)
			dim, affine, labels := reorient(labelsOf(0, 1, 2, 4), from, flip)
			tree["c/c_seg.nii.gz"] = encode(t, "gz", dim, affine, labels)
			s, err := loadOnly(t, tree)
			if err != nil {
				t.Fatalf("%v %v: %v", from, flip, err)
			}
			if got := problemKinds(s.Warnings); !slices.Equal(got, []string{"orientation", "orientation"}) {
				t.Errorf("%v %v: warnings %v", from, flip, s.Warnings)
			}
			for i := range s.Inputs {
				if !slices.Equal(s.Inputs[i].Data, base.Inputs[i].Data) || !slices.Equal(s.Inputs[i].Shape, base.Inputs[i].Shape) {
					t.Fatalf("%v %v: modality %d differs: %v", from, flip, i, s.Inputs[i])
				}
			}
			if !slices.Equal(s.Target.Data, base.Target.Data) {
				t.Fatalf("%v %v: target differs", from, flip)
			}
		}
	}
}

func TestHeaderWithoutGeometry(t *testing.T) {
	tree := goodCase(t)
	strip := func(p string) {
		img, err := nifti.ReadFile(tree, p, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		img.Header.SformCode, img.Header.QformCode = 0, 0
		var b strings.Builder
		if err := nifti.EncodeGzip(&b, img.Header, img.Data); err != nil {
			t.Fatal(err)
		}
		tree[p] = &fstest.MapFile{Data: []byte(b.String())}
	}
	strip("c/c_flair.nii.gz")
	strip("c/c_seg.nii.gz")
	s, err := loadOnly(t, tree)
	if err != nil {
		t.Fatal(err)
	}
	if got := problemKinds(s.Warnings); !slices.Equal(got, []string{"geometry", "geometry"}) {
		t.Errorf("got %v", s.Warnings)
	}
	if s.Affine != lps || s.Location.Axes != "LPS" {
		t.Errorf("got affine %v, axes %s; want those of t1", s.Affine, s.Location.Axes)
	}
}

func TestSampleCarriesGeometryAndChecksums(t *testing.T) {
	tree := goodCase(t)
	s, err := loadOnly(t, tree)
	if err != nil {
		t.Fatal(err)
	}
	if s.Affine != lps || s.Location != (ingest.Location{Volume: [3]int{2, 3, 4}, Axes: "LPS"}) {
		t.Errorf("got affine %v, location %+v", s.Affine, s.Location)
	}
	for _, f := range s.Sources {
		if f.SHA256 != sha256.Sum256(tree[f.Path].Data) {
			t.Errorf("%s: wrong checksum", f.Path)
		}
	}
	if len(s.Sources) != 5 || s.Sources[4].Role != "target" {
		t.Errorf("got sources %v", s.Sources)
	}
}

func TestBackgroundIsTheFirstVoxel(t *testing.T) {
	tree := goodCase(t)
	tree["c/c_t1.nii.gz"] = encode(t, "gz", smallDim, lps, floats(map[int]float64{0: -3}))
	delete(tree, "c/c_t2.nii.gz")
	s, err := loadOnly(t, tree)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{0, -3, 0, 0}; !slices.Equal(s.Background, want) {
		t.Errorf("got %v, want %v", s.Background, want)
	}
}

func TestCancellationWhileReading(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	src := mustOpen(t, &cancellingFS{goodCase(t), func() { cancel(stop) }})
	_, err := src.Load(ctx, ingest.Subject{Key: ingest.Key{Dataset: "brats", Subject: "c"}})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want the context's cause", err)
	}
}

// cancellingFS calls stop when a volume is opened.
type cancellingFS struct {
	fs.FS
	stop func()
}

func (c *cancellingFS) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".gz") {
		c.stop()
	}
	return c.FS.Open(name)
}

func TestConformance(t *testing.T) {
	small := fstest.MapFS{}
	addCase(t, small, "HGG/Brats18_CBICA_AAB_1", five("Brats18_CBICA_AAB_1", ".nii.gz"), 0, 1, 2, 4)
	addCase(t, small, "LGG/Brats18_TCIA02_135_1", five("Brats18_TCIA02_135_1", ".nii"), 0, 4)
	addCase(t, small, "BraTS-GLI-00005-000", five("BraTS-GLI-00005-000", ".nii.gz", newEndings...)[1:], 3, 0)
	datasettest.Run(t, brats.Dataset, map[string]fs.FS{"in": small}, nil)
}

func TestConformanceOfARealCrop(t *testing.T) {
	datasettest.Run(t, brats.Dataset, map[string]fs.FS{"in": dataDir(t, "brats_small")}, nil)
}

// truth is brats_bad/truth.json: what each case must give.
type truth struct {
	Cases map[string]struct{ Why, Expect string }
}

// badOutcome is what this package gives for each case: problems, or warnings
// and modalities.
var badOutcome = map[string]string{
	"affine_mismatch_t2":      "error affine",
	"all_nan_t2":              "error nonfinite",
	"all_zero_flair":          "ok t1+t1ce+t2 constant",
	"constant_t1":             "ok flair+t1ce+t2 constant",
	"dup_names":               "error duplicate",
	"empty_dir":               "error no-modality",
	"extra_files":             "ok flair+t1+t1ce+t2",
	"flipped_t1ce":            "error affine", // its origin was not moved along with the axes: the grids don't meet
	"good":                    "ok flair+t1+t1ce+t2",
	"lfs_pointer_seg":         "error lfs-pointer",
	"missing_seg":             "ok flair+t1+t1ce+t2 unlabelled",
	"missing_t2":              "ok flair+t1+t1ce",
	"missing_two":             "ok t1+t2",
	"nan_inf_t1":              "error nonfinite",
	"seg_empty":               "ok flair+t1+t1ce+t2",
	"seg_float":               "ok flair+t1+t1ce+t2",
	"seg_fractional":          "error label",
	"seg_label3":              "error label",
	"seg_label7":              "error label",
	"seg_negative":            "error label",
	"shape_mismatch_seg":      "error shape",
	"shape_mismatch_t1":       "error shape",
	"single_nonzero_voxel_t2": "ok flair+t1+t1ce+t2",
	"smaller_than_patch":      "ok flair+t1+t1ce+t2",
	"t1_4d":                   "error shape",
	"t1_4d_singleton":         "ok flair+t1+t1ce+t2",
	"truncated_flair":         "error truncated",
	"zero_byte_t2":            "error empty",
}

func TestBadCases(t *testing.T) {
	fsys := dataDir(t, "brats_bad")
	b, err := fs.ReadFile(fsys, "truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var want truth
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for name := range want.Cases {
		if _, err := fs.Stat(fsys, name); err != nil {
			fsys = &emptyDirFS{fsys, name} // lost on the way: git keeps no empty folder
		}
	}
	for name := range badOutcome {
		if _, ok := want.Cases[name]; !ok {
			t.Logf("no case %s in these data: its row is not tried", name)
		}
	}
	src := mustOpen(t, fsys)
	seen := map[string]bool{}
	for _, s := range subjects(t, src) {
		name := s.Key.Subject
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			row, ok := want.Cases[name]
			if !ok {
				t.Fatalf("a subject that the truth does not have")
			}
			expect := row.Expect
			sample, err := src.Load(t.Context(), s)
			got := "error " + strings.Join(kinds(t, err), " ")
			if err == nil {
				got = outcome(t, sample)
			} else if !strings.Contains(err.Error(), name) {
				t.Errorf("the error does not name the case: %v", err)
			}
			if exactly, ok := badOutcome[name]; ok && got != exactly {
				t.Errorf("got %q (%v), want %q", got, err, exactly)
			}
			if err != nil && !strings.Contains(expect, "case_error") || err == nil && expect == "case_error" {
				t.Errorf("got %q, the truth asks for %s", got, expect)
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(want.Cases)) {
		if !seen[name] {
			t.Errorf("case %s was not found", name)
		}
	}
}

// outcome describes a sample, and checks that all its values are finite.
func outcome(t *testing.T, s *ingest.Sample) string {
	t.Helper()
	mods := brats.Dataset.Modalities
	if err := s.Check(mods); err != nil {
		t.Error(err)
	}
	for i, a := range s.Inputs {
		for _, v := range a.Data {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("modality %d has the value %g", i, v)
			}
		}
	}
	parts := append([]string{"ok", mods.Format(s.Present)}, problemKinds(s.Warnings)...)
	if !s.Target.Known() {
		parts = append(parts, "unlabelled")
	}
	return strings.Join(parts, " ")
}

// emptyDirFS adds an empty folder to a root.
type emptyDirFS struct {
	fs.FS
	name string
}

func (e *emptyDirFS) ReadDir(dir string) ([]fs.DirEntry, error) {
	empty := fstest.MapFS{e.name: {Mode: fs.ModeDir}}
	if dir == e.name {
		return nil, nil
	}
	entries, err := fs.ReadDir(e.FS, dir)
	if dir != "." || err != nil {
		return entries, err
	}
	more, err := empty.ReadDir(".")
	return append(entries, more...), err
}

func TestRealCases(t *testing.T) {
	for _, dir := range []string{"brats_real", "brats_small", "brats_semisynthetic"} {
		t.Run(dir, func(t *testing.T) {
			fsys := dataDir(t, dir)
			b, err := fs.ReadFile(fsys, "truth.json")
			if err != nil {
				t.Fatal(err)
			}
			var tree any
			if err := json.Unmarshal(b, &tree); err != nil {
				t.Fatal(err)
			}
			truths := map[string]map[string]any{}
			labelCounts(tree, "", truths)
			src := mustOpen(t, fsys)
			list := subjects(t, src)
			for _, sub := range list {
				s, err := src.Load(t.Context(), sub)
				if err != nil {
					t.Fatal(err)
				}
				if got := outcome(t, s); got != "ok flair+t1+t1ce+t2" {
					t.Errorf("%s: got %s", sub.Key, got)
				}
				want, ok := truths[sub.Key.Subject]
				if !ok && len(truths) == 1 && len(list) == 1 {
					for _, want = range truths {
						ok = true
					}
				}
				if !ok || !slices.Contains(s.Definitions, "brats-labels-classic/1") {
					t.Logf("%s: no counts of labels to compare with", sub.Key)
					continue
				}
				compareCounts(t, s, want)
			}
		})
	}
}

// labelCounts finds the counts of labels of each case in a truth.json, where
// they stand below "seg", at whatever depth. name is the case's folder.
func labelCounts(node any, name string, out map[string]map[string]any) {
	m, _ := node.(map[string]any)
	if seg, ok := m["seg"].(map[string]any); ok {
		if labels, ok := seg["labels"].(map[string]any); ok {
			out[name] = labels
		}
		return
	}
	for key, sub := range m {
		if key == "files" {
			key = name
		}
		labelCounts(sub, path.Base(key), out)
	}
}

// compareCounts compares a target with counts by the numbers of the release.
func compareCounts(t *testing.T, s *ingest.Sample, want map[string]any) {
	t.Helper()
	var counts [256]int
	for _, c := range s.Target.Data {
		counts[c]++
	}
	for label, class := range map[string]uint8{"0": brats.Background, "1": brats.NecroticCore, "2": brats.Oedema, "4": brats.EnhancingTumour} {
		n, _ := want[label].(float64) // absent: none
		if counts[class] != int(n) {
			t.Errorf("%s: %d voxels of label %s, the truth has %v", s.Key, counts[class], label, n)
		}
	}
}

func Example() {
	// In a program: os.DirFS("MICCAI_BraTS_2018_Data_Training").
	in := map[string]fs.FS{"in": exampleTree()}
	src, err := brats.Dataset.Open(context.Background(), in, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for s, err := range src.Subjects(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		sample, err := src.Load(context.Background(), s)
		if err != nil {
			fmt.Println(err) // a *ingest.SubjectError: others can go on
			continue
		}
		fmt.Println(s.Key, s.Group, s.Stratum, src.Modalities().Format(sample.Present), sample.Inputs[brats.T1].Shape)
	}
	// Output:
	// brats/Brats18_CBICA_AAB_1 CBICA_AAB HGG flair+t1 [2 3 4]
	// subject brats/Brats18_CBICA_AAP_1: HGG/Brats18_CBICA_AAP_1/Brats18_CBICA_AAP_1_t1.nii.gz: the file is empty: 0 bytes (copy or download it again)
}

func exampleTree() fs.FS {
	tree := fstest.MapFS{"HGG/Brats18_CBICA_AAP_1/Brats18_CBICA_AAP_1_t1.nii.gz": {}}
	for _, m := range []string{"flair", "t1"} {
		var b strings.Builder
		if err := nifti.EncodeGzip(&b, nifti.NewHeader(smallDim, lps), ramp(24, 1)); err != nil {
			panic(err)
		}
		tree["HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_"+m+".nii.gz"] = &fstest.MapFile{Data: []byte(b.String())}
	}
	return tree
}

// BenchmarkLoad loads a case of 240 x 240 x 155: four modalities and labels.
func BenchmarkLoad(b *testing.B) {
	src := mustOpen(b, dataDir(b, "brats_real"))
	s := subjects(b, src)[0]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := src.Load(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeAlone is what nifti takes for the files of BenchmarkLoad.
func BenchmarkDecodeAlone(b *testing.B) {
	fsys := dataDir(b, "brats_real")
	names, err := fs.Glob(fsys, "*/*.nii.gz")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, n := range names {
			if _, err := nifti.ReadFile(fsys, n, 1<<30); err != nil {
				b.Fatal(err)
			}
		}
	}
}
