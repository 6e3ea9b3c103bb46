package avdigits_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets/avdigits"
	"github.com/lacuna-ml/lacuna/ingest/idx"
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
	if err != nil && pairing == "paper" && lacksSpeakers(t, dir) {
		t.Skipf("the clips below LACUNA_DATA are not those of the published pairs: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// lacksSpeakers reports whether the clips are of others than the published
// pairs are.
func lacksSpeakers(t *testing.T, dir string) bool {
	t.Helper()
	for _, who := range []string{"jackson", "nicolas", "theo"} {
		clips, err := filepath.Glob(filepath.Join(dir, "fsdd", "recordings", "*_"+who+"_*.wav"))
		if err != nil {
			t.Fatal(err)
		}
		if len(clips) == 0 {
			return true
		}
	}
	return false
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
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	rows = rows[1:]
	images, labels := npy(t, filepath.Join(ref, "images_train.npy.gz")), npy(t, filepath.Join(ref, "labels_train.npy.gz"))
	if len(rows) == 0 || len(labels) != len(rows) || len(images) != len(rows)*784 {
		t.Fatalf("the list has %d rows, %d labels and %d pixels", len(rows), len(labels), len(images))
	}
	listed := map[string]ingest.Subject{}
	for _, s := range subjects(t, src) {
		listed[s.Key.Subject] = s
	}
	for i, row := range rows {
		wav := row[column["wav"]]
		s, ok := listed[strings.TrimSuffix(wav, ".wav")]
		if !ok || s.Official == "test" {
			t.Fatalf("row %d: %s is no pair, or of test: %+v", i, wav, s)
		}
		x, err := src.Load(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if !x.Present.Has(1) {
			t.Logf("row %d: no file %s in these data", i, wav)
		} else if got := path.Base(x.Sources[len(x.Sources)-1].Path); got != wav || len(x.Warnings) != 0 {
			t.Errorf("row %d: got %s with warnings %v, want %s", i, got, x.Warnings, wav)
		}
		if strconv.Itoa(s.Class) != row[column["label"]] || x.Target.Data[0] != labels[i] {
			t.Fatalf("row %d: class %d, want %v", i, s.Class, row)
		}
		for k, v := range x.Inputs[0].Data {
			if want := float32(images[i*784+k]) / 255; v != want {
				t.Fatalf("row %d (%s): pixel %d is %v, want %v of MNIST image %s", i, wav, k, v, want, row[column["mnist_index"]])
			}
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
	files, err := filepath.Glob(filepath.Join(dataDir(t), "mnist", "t10k*labels*"))
	if err != nil || len(files) != 1 {
		t.Logf("not one t10k in these data: %v, %v", files, err)
		return
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	labels, err := idx.DecodeLabels(f, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range subjects(t, src) {
		if s.Official != "test" {
			continue
		}
		x, err := src.Load(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		warned := slices.ContainsFunc(x.Warnings, func(p ingest.Problem) bool {
			return p.Kind == "count" && strings.Contains(p.Reason, strconv.Itoa(len(labels)))
		})
		if warned != (len(labels) != 10000) {
			t.Fatalf("%s: warnings %v, with %d images of 10000", s.Key, x.Warnings, len(labels))
		}
	}
}

func TestFullTakesEveryClipWithAnImageOfItsOwn(t *testing.T) {
	src := openReal(t, "full")
	clips, err := filepath.Glob(filepath.Join(dataDir(t), "fsdd", "recordings", "*.wav"))
	if err != nil {
		t.Fatal(err)
	}
	all := subjects(t, src)
	if len(all) != len(clips) || len(all) == 0 {
		t.Fatalf("got %d pairs, want the %d clips", len(all), len(clips))
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
