package brats_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets/brats"
	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

// lps is the affine of BraTS: x to the left, y to the back, 1 mm.
var lps = [4][4]float64{{-1, 0, 0, 0}, {0, -1, 0, 239}, {0, 0, 1, 0}, {0, 0, 0, 1}}

// encode returns a file: gzip where the name ends in gz.
func encode[T nifti.Voxel](tb testing.TB, name string, dim []int, affine [4][4]float64, data []T) *fstest.MapFile {
	tb.Helper()
	var b bytes.Buffer
	enc := nifti.Encode[T]
	if strings.HasSuffix(strings.ToLower(name), "gz") {
		enc = nifti.EncodeGzip[T]
	}
	if err := enc(&b, nifti.NewHeader(dim, affine), data); err != nil {
		tb.Fatal(err)
	}
	return &fstest.MapFile{Data: b.Bytes()}
}

var smallDim = []int{4, 3, 2} // x, y, z; all distinct, so that a swap shows

// ramp has a distinct value in each voxel, and 0 in the first.
func ramp(n int, scale int16) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(i) * scale
	}
	return out
}

// labelsOf repeats the values over a small volume.
func labelsOf(values ...uint8) []uint8 {
	out := make([]uint8, 24)
	for i := range out {
		out[i] = values[i%len(values)]
	}
	return out
}

// addCase puts files with the given names into the tree: label maps where the
// name says seg or gtv, ramps elsewhere.
func addCase(tb testing.TB, tree fstest.MapFS, dir string, names []string, labels ...uint8) {
	tb.Helper()
	if len(labels) == 0 {
		labels = []uint8{0, 1}
	}
	for i, n := range names {
		p := n
		if dir != "" {
			p = dir + "/" + n
		}
		if strings.Contains(n, "seg") || strings.Contains(n, "gtv") {
			tree[p] = encode(tb, n, smallDim, lps, labelsOf(labels...))
		} else {
			tree[p] = encode(tb, n, smallDim, lps, ramp(24, int16(i+1)))
		}
	}
}

// five returns the names of a complete case.
func five(prefix, ext string, endings ...string) []string {
	if len(endings) == 0 {
		endings = []string{"_flair", "_t1", "_t1ce", "_t2", "_seg"}
	}
	out := slices.Clone(endings)
	for i := range out {
		out[i] = prefix + out[i] + ext
	}
	return out
}

func openTree(tb testing.TB, fsys fs.FS, release string) (ingest.Source, error) {
	tb.Helper()
	return brats.Dataset.Open(tb.Context(), map[string]fs.FS{"in": fsys}, map[string]string{"release": release})
}

func mustOpen(tb testing.TB, fsys fs.FS) ingest.Source {
	tb.Helper()
	src, err := openTree(tb, fsys, "")
	if err != nil {
		tb.Fatal(err)
	}
	return src
}

func subjects(tb testing.TB, src ingest.Source) []ingest.Subject {
	tb.Helper()
	var out []ingest.Subject
	for s, err := range src.Subjects(tb.Context()) {
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// loadOnly loads the one subject of a tree.
func loadOnly(tb testing.TB, fsys fs.FS) (*ingest.Sample, error) {
	tb.Helper()
	src := mustOpen(tb, fsys)
	list := subjects(tb, src)
	if len(list) != 1 {
		tb.Fatalf("got %d subjects, want 1: %v", len(list), list)
	}
	return src.Load(tb.Context(), list[0])
}

// kinds returns the classes of an error's problems, nil for no error.
func kinds(tb testing.TB, err error) []string {
	tb.Helper()
	if err == nil {
		return nil
	}
	var subject *ingest.SubjectError
	if !errors.As(err, &subject) {
		tb.Fatalf("got %v, want a SubjectError", err)
	}
	return problemKinds(subject.Problems)
}

func problemKinds(ps []ingest.Problem) (out []string) {
	for _, p := range ps {
		out = append(out, p.Kind)
	}
	return out
}

// dataDir returns a folder of the shared test data, or skips.
func dataDir(tb testing.TB, name string) fs.FS {
	tb.Helper()
	root := os.Getenv("LACUNA_DATA")
	if root != "" {
		if _, err := os.Stat(root + "/" + name); err == nil {
			return os.DirFS(root + "/" + name)
		}
	}
	if os.Getenv("LACUNA_FORBID_SKIP") == "1" {
		tb.Fatalf("LACUNA_DATA=%q has no %s, and LACUNA_FORBID_SKIP=1", root, name)
	}
	tb.Skipf("needs the environment variable LACUNA_DATA: the folder that has %s in it", name)
	return nil
}
