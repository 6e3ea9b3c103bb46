package nifti_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

// dataDir returns the folder of shared test data, or skips; it fails instead
// where skipping is forbidden.
func dataDir(t *testing.T, sub string) string {
	t.Helper()
	dir := filepath.Join(os.Getenv("LACUNA_DATA"), sub)
	if _, err := os.Stat(dir); os.Getenv("LACUNA_DATA") != "" && err == nil {
		return dir
	}
	if os.Getenv("LACUNA_FORBID_SKIP") == "1" {
		t.Fatalf("LACUNA_DATA has no %s, and LACUNA_FORBID_SKIP=1", sub)
	}
	t.Skipf("LACUNA_DATA is not set or has no %s", sub)
	return ""
}

// Python writes these for values that JSON has not.
var notJSON = regexp.MustCompile(`([:\[,]\s*)(NaN|-?Infinity)\b`)

func readTruth(t *testing.T, dir string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(notJSON.ReplaceAll(b, []byte("${1}null")), into); err != nil {
		t.Fatal(err)
	}
}

// row is what nibabel says of a file.
type row struct {
	Shape    []int         `json:"shape"`
	Dtype    string        `json:"dtype"`
	Affine   [4][4]float64 `json:"affine"`
	Zooms    []float64     `json:"zooms"`
	Axcodes  string        `json:"axcodes"`
	Optional bool          `json:"optional"`
	Header   struct {
		Version int    `json:"version"`
		Endian  string `json:"endian"`
	} `json:"header"`
	Data struct {
		Kind string `json:"kind"`
		SHA  string `json:"sha256_f_order"`
		SHA4 string `json:"sha256_float32_f_order"`
		N    int    `json:"n"`
		NaN  int    `json:"n_nan"`
	} `json:"data"`
	SHAF8 string `json:"sha256_f_order_f8"` // the brats files' name for it
}

func TestConformance(t *testing.T) {
	for _, sub := range []string{"nifti_conformance", "nifti_real"} {
		t.Run(sub, func(t *testing.T) {
			dir := dataDir(t, sub)
			var truth struct{ Files map[string]row }
			readTruth(t, dir, &truth)
			if len(truth.Files) == 0 {
				t.Fatal("no rows")
			}
			for name, want := range truth.Files {
				t.Run(name, func(t *testing.T) { checkRow(t, dir, name, want) })
			}
		})
	}
}

func TestBraTS(t *testing.T) {
	t.Run("small", func(t *testing.T) {
		dir := dataDir(t, "brats_small")
		var truth struct{ Files map[string]row }
		readTruth(t, dir, &truth)
		cases, err := filepath.Glob(filepath.Join(dir, "*", "*_flair.nii.gz"))
		if err != nil || len(cases) != 1 {
			t.Fatal("want one case, got", cases, err)
		}
		checkCase(t, filepath.Dir(cases[0]), truth.Files)
	})
	for _, sub := range []string{"brats_real", "brats_semisynthetic"} {
		t.Run(sub, func(t *testing.T) {
			dir := dataDir(t, sub)
			if testing.Short() {
				t.Skip("-short")
			}
			var truth map[string]map[string]json.RawMessage
			readTruth(t, dir, &truth)
			for name, raw := range truth {
				rows := make(map[string]row)
				for mod, b := range raw {
					var r row
					if json.Unmarshal(b, &r) == nil { // other entries are of the whole case
						rows[mod] = r
					}
				}
				checkCase(t, filepath.Join(dir, filepath.Base(name)), rows)
			}
		})
	}
}

func checkCase(t *testing.T, dir string, rows map[string]row) {
	for _, mod := range []string{"flair", "t1", "t1ce", "t2", "seg"} {
		want, ok := rows[mod]
		if !ok {
			t.Fatalf("the truth has no %s", mod)
		}
		want.Data.SHA, want.Data.Kind = want.SHAF8, "real"
		checkRow(t, dir, fmt.Sprintf("%s_%s.nii.gz", filepath.Base(dir), mod), want)
	}
}

func checkRow(t *testing.T, dir, name string, want row) {
	t.Helper()
	im, err := nifti.ReadFile(os.DirFS(dir), name, 1<<30)
	if want.Data.Kind != "real" {
		var unsupported nifti.UnsupportedError
		if !errors.As(err, &unsupported) {
			t.Errorf("%s: %s voxels: got error %v, want an UnsupportedError", name, want.Data.Kind, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	h := im.Header
	if got := h.Shape(); !slices.Equal(got, want.Shape) {
		t.Errorf("%s: shape %v, want %v", name, got, want.Shape)
	}
	if got, w := h.Type.String(), dtypeName(want.Dtype); got != w {
		t.Errorf("%s: type %s, want %s", name, got, w)
	}
	if want.Header.Version != 0 && (h.Version != want.Header.Version || h.BigEndian != (want.Header.Endian == "big")) {
		t.Errorf("%s: version %d, big-endian %v, want %+v", name, h.Version, h.BigEndian, want.Header)
	}
	// float64 arithmetic in another order: a few units in the last place.
	if d := maxDiff(h.Affine(), want.Affine); d > 1e-12 {
		t.Errorf("%s: affine\n%v, want\n%v", name, h.Affine(), want.Affine)
	}
	if got := h.Orientation(); got != want.Axcodes {
		t.Errorf("%s: orientation %s, want %s", name, got, want.Axcodes)
	}
	if got := h.Zooms(); !slices.Equal(got, want.Zooms) {
		t.Errorf("%s: zooms %v, want %v", name, got, want.Zooms)
	}
	data := readFloat64(t, dir, name)
	if got := sha(data); got != want.Data.SHA {
		t.Errorf("%s: float64 values have sha256 %s, want %s (first %v)", name, got, want.Data.SHA, data[:min(8, len(data))])
	}
	if want.Data.SHA4 != "" {
		if got := sha(im.Data); got != want.Data.SHA4 {
			t.Errorf("%s: float32 values have sha256 %s, want %s (first %v)", name, got, want.Data.SHA4, im.Data[:min(8, len(im.Data))])
		}
		return
	}
	for i, v := range data {
		if float32(v) != im.Data[i] {
			t.Fatalf("%s: voxel %d is %v as float32, %v as float64", name, i, im.Data[i], v)
		}
	}
}

func readFloat64(t *testing.T, dir, name string) []float64 {
	t.Helper()
	f := openFile(t, filepath.Join(dir, name))
	var r *nifti.Reader
	var err error
	if strings.Contains(name, ".hdr") {
		img := strings.Replace(name, ".hdr", ".img", 1)
		r, err = nifti.NewPairReader(f, openFile(t, filepath.Join(dir, img)))
	} else {
		r, err = nifti.NewReader(f)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	data, err := r.Float64(nil, 2<<30)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return data
}

func openFile(t *testing.T, path string) io.Reader {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// dtypeName turns numpy's name (">i2", "int16") into ours.
func dtypeName(s string) string {
	if !strings.HasPrefix(s, ">") {
		return s
	}
	kind := map[byte]string{'i': "int", 'u': "uint", 'f': "float"}[s[1]]
	return fmt.Sprintf("%s%d", kind, 8*(s[2]-'0'))
}

func maxDiff(a, b [4][4]float64) float64 {
	d := 0.0
	for i := range a {
		for j := range a[i] {
			d = max(d, math.Abs(a[i][j]-b[i][j])/(1+math.Abs(b[i][j])))
		}
	}
	return d
}

func sha[T float32 | float64](v []T) string {
	sum := sha256.New()
	buf := make([]byte, 0, 64<<10)
	for len(v) > 0 {
		k := min(len(v), 8<<10)
		switch part := any(v[:k]).(type) {
		case []float32:
			for _, x := range part {
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
			}
		case []float64:
			for _, x := range part {
				buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(x))
			}
		}
		sum.Write(buf)
		buf, v = buf[:0], v[k:]
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Where nibabel refuses but the truth allows "the plain volume", this is it: the
// small generated files were all made from it.
const plainSHA = "3272f92a015c8c3c9615510eea515db193a127cf33f5658539a8f35614af4c79"

// accepted lists what must be accepted of the odd files, by the package's doc.
var accepted = map[string]string{
	"bitpix_0_for_int16.nii": plainSHA, "bitpix_64_for_int16.nii": plainSHA,
	"bitpix_8_for_int16.nii": plainSHA, "bitpix_neg_for_int16.nii": plainSHA,
	"ext_esize0.nii": plainSHA, "ext_esize_8.nii": plainSHA, "ext_esize_beyond.nii": plainSHA,
	"ext_esize_neg.nii": plainSHA, "ext_esize_not16.nii": plainSHA, "ext_garbage_after_valid.nii": plainSHA,
	"gz_named_nii.nii": plainSHA, "notgz_named_gz.nii.gz": plainSHA,
	"n2_quat_just_over.nii": plainSHA, "pixdim_neg.nii": plainSHA, "pixdim_zero.nii": plainSHA,
	"sform_singular.nii": plainSHA, "slope_inf.nii": plainSHA, "voxoff_zero.nii": plainSHA,
	"pub_rs_minimal2.hdr": "c35ca7cc5adc182beb043c38b3d5f578f82cc7eb8992291bfa9d58870162858f", // as minimal.hdr of the conformance set
}

func TestBadFiles(t *testing.T) {
	dir := dataDir(t, "nifti_bad")
	var truth struct {
		Files map[string]struct {
			Expect  string `json:"expect"`
			Nibabel struct {
				OK  bool   `json:"ok"`
				SHA string `json:"sha256_f_order"`
			} `json:"nibabel"`
		}
	}
	readTruth(t, dir, &truth)
	if len(truth.Files) == 0 {
		t.Fatal("no rows")
	}
	for name, want := range truth.Files {
		t.Run(name, func(t *testing.T) {
			size := fileSize(t, dir, name)
			var err error
			spent := allocated(func() { _, err = nifti.ReadFile(os.DirFS(dir), name, 1<<30) })
			// Two streams of 200 KiB, the first step of 256 KiB, errors and files.
			if most := 16*size + 1<<20; spent > most {
				t.Errorf("allocated %d bytes for a file of %d, want at most %d", spent, size, most)
			}
			wantSHA, ok := accepted[name]
			switch {
			case err != nil && ok:
				t.Fatalf("got error %v, want the plain values", err)
			case err != nil:
				checkKind(t, err)
				return
			case want.Expect == "reject":
				t.Fatal("got no error")
			case !ok && want.Nibabel.OK:
				wantSHA = want.Nibabel.SHA
			case !ok:
				wantSHA = plainSHA
			}
			if got := sha(readFloat64GZ(t, dir, name)); got != wantSHA {
				t.Errorf("%s: accepted, and values have sha256 %s, want %s", want.Expect, got, wantSHA)
			}
		})
	}
}

// readFloat64GZ is readFloat64 for a pair of mixed compression.
func readFloat64GZ(t *testing.T, dir, name string) []float64 {
	if _, err := os.Stat(filepath.Join(dir, strings.Replace(name, ".hdr", ".img", 1))); err == nil {
		return readFloat64(t, dir, name)
	}
	img := strings.Replace(name, ".hdr", ".img.gz", 1)
	r, err := nifti.NewPairReader(openFile(t, filepath.Join(dir, name)), openFile(t, filepath.Join(dir, img)))
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.Float64(nil, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// checkKind checks that an error about data is of one of the two types, and has
// a text.
func checkKind(t *testing.T, err error) {
	t.Helper()
	var bad *nifti.FormatError
	var unsupported nifti.UnsupportedError
	if !errors.As(err, &bad) && !errors.As(err, &unsupported) {
		t.Errorf("error %v (%[1]T) is neither FormatError nor UnsupportedError", err)
	}
	if bad != nil && (bad.Msg == "" || bad.Offset < 0) {
		t.Errorf("error %#v without a message or place", bad)
	}
}

func fileSize(t *testing.T, dir, name string) uint64 {
	t.Helper()
	fi, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	n := fi.Size()
	for _, img := range []string{".img", ".img.gz"} {
		if fi, err := os.Stat(filepath.Join(dir, strings.Replace(name, ".hdr", img, 1))); err == nil && strings.HasSuffix(name, ".hdr") {
			n += fi.Size()
		}
	}
	return uint64(n)
}

// allocated returns the bytes that f allocates in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestRealPrefixes cuts a real compressed file at many places: each is an error,
// none a panic, and none costs memory that its bytes did not earn.
func TestRealPrefixes(t *testing.T) {
	dir := dataDir(t, "nifti_real")
	file, err := fs.ReadFile(os.DirFS(dir), "someones_anatomy.nii.gz")
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(file); n += 1 + len(file)/97 {
		if _, err := nifti.Decode(bytes.NewReader(file[:n]), 1<<30); err == nil {
			t.Errorf("no error for the first %d of %d bytes", n, len(file))
		} else {
			checkKind(t, err)
		}
	}
}
