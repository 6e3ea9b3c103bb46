package avdigits_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets/avdigits"
)

// dataDir returns the folder of the shared test data.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("LACUNA_DATA")
	if dir == "" {
		if os.Getenv("LACUNA_FORBID_SKIP") == "1" {
			t.Fatal("LACUNA_DATA is unset and LACUNA_FORBID_SKIP=1")
		}
		t.Skip("LACUNA_DATA is unset: the real FSDD and MNIST are not tested")
	}
	return dir
}

func openReal(t *testing.T, pairing string) ingest.Source {
	t.Helper()
	dir := dataDir(t)
	src, err := avdigits.Dataset.Open(t.Context(), map[string]fs.FS{
		"audio":  os.DirFS(filepath.Join(dir, "fsdd")),
		"images": os.DirFS(filepath.Join(dir, "mnist")),
	}, map[string]string{"pairing": pairing})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func subjects(t *testing.T, src ingest.Source) []ingest.Subject {
	t.Helper()
	var all []ingest.Subject
	for s, err := range src.Subjects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// npy returns the bytes of an array of uint8 in a .npy.gz, after its header.
func npy(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b[10+int(b[8])+int(b[9])<<8:]
}

// TestPaperPairsAreThoseOfTheReference compares every published training pair
// with a list rebuilt from SMIL's code by somebody else, and every pixel.
func TestPaperPairsAreThoseOfTheReference(t *testing.T) {
	src := openReal(t, "paper")
	ref := filepath.Join(dataDir(t), "soundmnist")
	raw, err := os.ReadFile(filepath.Join(ref, "pairs_train.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows = rows[1:]
	images, labels := npy(t, filepath.Join(ref, "images_train.npy.gz")), npy(t, filepath.Join(ref, "labels_train.npy.gz"))

	train := slices.DeleteFunc(subjects(t, src), func(s ingest.Subject) bool { return s.Official == "test" })
	if len(train) != len(rows) || len(rows) != 1050 || len(images) != 1050*784 {
		t.Fatalf("got %d pairs that are not test, the list has %d, want 1050", len(train), len(rows))
	}
	for i, s := range train {
		x, err := src.Load(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		wav := strings.TrimPrefix(x.Sources[1].Path, "recordings/")
		if wav != rows[i][4] || strconv.Itoa(s.Class) != rows[i][1] || x.Target.Data[0] != labels[i] {
			t.Fatalf("row %d: got %s of class %d, want %v", i, wav, s.Class, rows[i])
		}
		for k, v := range x.Inputs[0].Data {
			if want := float32(images[i*784+k]) / 255; v != want {
				t.Fatalf("row %d (%s): pixel %d is %v, want %v of MNIST image %s", i, wav, k, v, want, rows[i][3])
			}
		}
		if len(x.Warnings) != 0 {
			t.Errorf("%s: warnings %v, want none", s.Key, x.Warnings)
		}
	}
}

func TestPaperSplitsHave90And15And45OfEachDigit(t *testing.T) {
	src := openReal(t, "paper")
	got := map[string]int{}
	for _, s := range subjects(t, src) {
		got[s.Official+"/"+strconv.Itoa(s.Class)]++
	}
	for d := range 10 {
		for split, want := range map[string]int{"train": 90, "val": 15, "test": 45} {
			if n := got[split+"/"+strconv.Itoa(d)]; n != want {
				t.Errorf("digit %d: %d pairs of %s, want %d", d, n, split, want)
			}
		}
	}
}

// TestPaperWarnsOfAnIncompleteTestSet needs a t10k of less than 10,000 images,
// which the shared data have.
func TestPaperWarnsOfAnIncompleteTestSet(t *testing.T) {
	src := openReal(t, "paper")
	for _, s := range subjects(t, src) {
		if s.Official != "test" {
			continue
		}
		x, err := src.Load(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if len(x.Warnings) != 1 || x.Warnings[0].Kind != "count" || !strings.Contains(x.Warnings[0].Reason, "6000") {
			t.Fatalf("%s: warnings %v, want one on the 6000 images", s.Key, x.Warnings)
		}
	}
}

func TestFullTakesEveryClipWithAnImageOfItsOwn(t *testing.T) {
	src := openReal(t, "full")
	all := subjects(t, src)
	if len(all) != 1800 {
		t.Fatalf("got %d pairs, want the 1800 clips", len(all))
	}
	seen := map[string]string{}
	for _, s := range all {
		x, err := src.Load(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Check(src.Modalities()); err != nil {
			t.Fatal(err)
		}
		if x.Present != src.Modalities().Full() || x.RateHz != 8000 || s.Official != "" {
			t.Fatalf("%s: present %b at %d Hz, official %q; want both, 8000, none", s.Key, x.Present, x.RateHz, s.Official)
		}
		// MNIST's train set has no two equal images, so pixels tell.
		var b strings.Builder
		for _, v := range x.Inputs[0].Data {
			b.WriteByte(byte(v*255 + 0.5))
		}
		if other := seen[b.String()]; other != "" {
			t.Fatalf("%s and %s have one image", other, s.Key.Subject)
		}
		seen[b.String()] = s.Key.Subject
	}
}
