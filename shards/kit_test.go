package shards_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// plan is a data set to be written, as the tests describe it.
type plan struct {
	meta    shards.Meta
	options shards.Options
	rows    []row
}

type row struct {
	split  split.Split
	sample *ingest.Sample
}

// volumes is a small segmentation set: 3 modalities, some absent, some
// unlabelled, two subjects of one patient, in every split.
func volumes() plan {
	p := plan{meta: shards.Meta{
		Dataset: "brats", Modalities: modality.MustSet("flair", "t1", "t2"), Task: shards.Segmentation,
		Classes: []string{"background", "core", "oedema"}, Shapes: [][]int{{2, 3, 4}, {2, 3, 4}, {2, 3, 4}}, TargetShape: []int{2, 3, 4},
		Config: json.RawMessage(`{"patch": [2, 3, 4], "note": "<&>"}`), Seed: 1 << 63, Tool: "lacuna test",
		Definitions: []string{"orient-lps/1", "mckd/1"}, SplitPolicy: "hash", MaskPolicy: "recorded",
	}}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 12 {
		subject := fmt.Sprintf("case-%02d", i/2)
		s := &ingest.Sample{
			Key:     ingest.Key{Dataset: "brats", Subject: subject, Part: fmt.Sprintf("fg-%d", i%2)},
			Subject: ingest.Subject{Group: fmt.Sprintf("patient-%d", i/4), Stratum: "HGG"},
			Inputs:  make([]ingest.Array, 3),
		}
		for m := range 3 {
			if (i+m)%4 == 0 {
				continue
			}
			s.Present = s.Present.With(m)
			s.Inputs[m] = ingest.Array{Shape: []int{2, 3, 4}, Data: noise(rng, 24)}
		}
		if i%5 != 0 {
			s.Target = ingest.Labels{Shape: []int{2, 3, 4}, Data: make([]uint8, 24)}
			for k := range s.Target.Data {
				s.Target.Data[k] = uint8(rng.IntN(3))
			}
			s.Location = ingest.Location{Offset: [3]int{-1, i, 2}, Volume: [3]int{8, 9, 10}, Axes: "LPS"}
			s.Affine = [4][4]float64{{1, 0, 0, -90.5}, {0, 2, 0, 3}, {0, 0, 3, 4}, {0, 0, 0, 1}}
		}
		if i%3 == 0 {
			s.Sources = []ingest.File{{Role: "flair", Path: "a/b.nii.gz", SHA256: [32]byte{1, 2, byte(i)}}, {Role: "target", Path: "c"}}
			s.Definitions = []string{"orient-lps/1", "mckd/1"}
			s.Warnings = []ingest.Problem{{Path: "a", Kind: "label", Reason: "odd <value>", Fix: "none"}}
		}
		p.rows = append(p.rows, row{split.Train + split.Split(i/4), s})
	}
	return p
}

// digits is a small classification set whose arrays differ in shape.
func digits() plan {
	p := plan{meta: shards.Meta{
		Dataset: "avdigits", Modalities: modality.MustSet("image", "audio"), Task: shards.Classification,
		Classes: []string{"0", "1", "2"}, Shapes: [][]int{{4, 4}, nil}, Tool: "lacuna test",
	}}
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 20 {
		s := &ingest.Sample{Key: ingest.Key{Dataset: "avdigits", Subject: fmt.Sprintf("pair-%02d", i)}, Inputs: make([]ingest.Array, 2), RateHz: 8000}
		if i%3 != 0 {
			s.Present = s.Present.With(0)
			s.Inputs[0] = ingest.Array{Shape: []int{4, 4}, Data: noise(rng, 16)}
		}
		if i%4 != 0 {
			s.Present = s.Present.With(1)
			s.Inputs[1] = ingest.Array{Shape: []int{2, 1 + i}, Data: noise(rng, 2+2*i)}
		}
		if i%6 != 5 {
			s.Target = ingest.Class(uint8(i % 3))
		}
		p.rows = append(p.rows, row{[]split.Split{split.Train, split.Test, split.Val}[i%3], s})
	}
	return p
}

func noise(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// write writes the plan to dir and returns the manifest.
func (p plan) write(t testing.TB, dir string) *shards.Manifest {
	t.Helper()
	w, err := shards.Create(dir, p.meta, p.options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Abort(); err != nil {
			t.Error(err)
		}
	}()
	for _, r := range p.rows {
		if err := w.Append(r.split, r.sample); err != nil {
			t.Fatal(err)
		}
	}
	m, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// open opens a data set for the length of the test.
func open(t testing.TB, dir string) *shards.Reader {
	t.Helper()
	r, err := shards.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// contents returns the files of a directory by name.
func contents(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[p], err = os.ReadFile(filepath.Join(dir, p))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// problems opens and verifies a data set and returns all that is wrong.
func problems(t testing.TB, dir string) []error {
	t.Helper()
	r, err := shards.Open(dir)
	if err != nil {
		return []error{err}
	}
	var found []error
	for e := range r.Verify(t.Context()) {
		found = append(found, e)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	return found
}
