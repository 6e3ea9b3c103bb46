package idx_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/lacuna-ml/lacuna/ingest/idx"
)

// dataDir returns a folder of the test data, which is not in the repository.
func dataDir(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("LACUNA_DATA")
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); root != "" && err == nil {
		return dir
	}
	if os.Getenv("LACUNA_FORBID_SKIP") == "1" {
		t.Fatalf("LACUNA_DATA=%q has no folder %s, and LACUNA_FORBID_SKIP=1 forbids to skip", root, name)
	}
	t.Skipf("LACUNA_DATA=%q has no folder %s: set it to the shared test data", root, name)
	return ""
}

func TestBadFiles(t *testing.T) {
	dir := dataDir(t, "idx_bad")
	b, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var truth struct {
		Files map[string]struct{ Expect string }
	}
	if err := json.Unmarshal(b, &truth); err != nil {
		t.Fatal(err)
	}
	if len(truth.Files) < 20 {
		t.Fatalf("truth.json has %d files, want 20 or more", len(truth.Files))
	}
	decode := func(name string) (im *idx.Images, labels []uint8, err error) {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if strings.Contains(name, "-labels") {
			labels, err = idx.DecodeLabels(f, limit)
		} else {
			im, err = idx.DecodeImages(f, limit)
		}
		return im, labels, err
	}
	images, _, err := decode("ok-images-idx3-ubyte")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range truth.Files {
		t.Run(name, func(t *testing.T) {
			im, labels, err := decode(name)
			switch row.Expect {
			case "ok":
				if err != nil || (im != nil && im.N != 20) || (im == nil && len(labels) != 20) {
					t.Errorf("got %v, want 20 images or labels", err)
				}
				if im == nil && images.CheckLabels(labels) != nil {
					t.Errorf("CheckLabels refuses 20 labels: %v", images.CheckLabels(labels))
				}
				return
			case "reject_when_paired":
				if err != nil || images.CheckLabels(labels) == nil {
					t.Errorf("got %v alone and %v paired, want an error only when paired", err, images.CheckLabels(labels))
				}
				return
			}
			if name == "notgz.gz" { // the name means nothing: these are the images of the control
				if err != nil || !bytes.Equal(im.Pixels, images.Pixels) {
					t.Errorf("got %v, want the images of a plain file", err)
				}
				return
			}
			_, broken := errors.AsType[*idx.FormatError](err)
			_, unsupported := errors.AsType[idx.UnsupportedError](err)
			beyond := name == "count_huge" && errors.Is(err, idx.ErrLimit)
			if !broken && !unsupported && !beyond {
				t.Errorf("got %v, want it refused", err)
			}
			t.Log(err)
		})
	}
}

func TestMNIST(t *testing.T) {
	dir := dataDir(t, "mnist")
	names, err := filepath.Glob(filepath.Join(dir, "*-images-idx3-ubyte.gz"))
	if err != nil || len(names) == 0 {
		t.Fatal("no images", err)
	}
	for _, name := range names {
		name = strings.TrimSuffix(name, "-images-idx3-ubyte.gz")
		open := func(kind string) io.Reader {
			f, err := os.Open(name + kind)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Close() })
			return f
		}
		im, err := idx.DecodeImages(open("-images-idx3-ubyte.gz"), limit)
		if err != nil {
			t.Fatal(err)
		}
		if im.N < 1000 || im.Rows != 28 || im.Cols != 28 || len(im.Pixels) != im.N*784 {
			t.Errorf("%s: got %d images of %d x %d, %d pixels", name, im.N, im.Rows, im.Cols, len(im.Pixels))
		}
		if filepath.Base(name) == "train" && im.N != 60000 {
			t.Errorf("MNIST's training set has 60000 images, got %d", im.N)
		}
		labels, err := idx.DecodeLabels(open("-labels-idx1-ubyte.gz"), limit)
		if err != nil {
			t.Fatal(err)
		}
		if err := im.CheckLabels(labels); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkDecodeImages decodes 6,000 images; its rate is that of the pixels.
// BenchmarkInflate is what gzip alone takes of that time.
func BenchmarkDecodeImages(b *testing.B) {
	file := benchFile(b)
	b.SetBytes(6000 * 784)
	for b.Loop() {
		if _, err := idx.DecodeImages(bytes.NewReader(file), limit); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInflate(b *testing.B) {
	file := benchFile(b)
	b.SetBytes(6000 * 784)
	for b.Loop() {
		z, err := gzip.NewReader(bytes.NewReader(file))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, z); err != nil {
			b.Fatal(err)
		}
	}
}

func benchFile(b *testing.B) []byte {
	im := &idx.Images{N: 6000, Rows: 28, Cols: 28, Pixels: make([]uint8, 6000*784)}
	for i := range im.Pixels { // a fifth of the pixels is ink, as in MNIST
		if i*i/7%5 == 0 {
			im.Pixels[i] = uint8(i * 31)
		}
	}
	var plain bytes.Buffer
	if err := idx.EncodeImages(&plain, im); err != nil {
		b.Fatal(err)
	}
	return []byte(compress(b, plain.String()))
}
