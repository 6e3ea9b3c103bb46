package shards_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// stored returns what of a sample comes back.
func stored(s *ingest.Sample) *ingest.Sample {
	c := *s
	c.Background = nil
	c.Subject = ingest.Subject{Key: ingest.Key{Dataset: s.Key.Dataset, Subject: s.Key.Subject}, Group: s.Subject.Group, Stratum: s.Subject.Stratum, Class: -1}
	if c.Subject.Group == "" {
		c.Subject.Group = s.Key.Subject
	}
	if s.Target.Known() && len(s.Target.Shape) == 0 {
		c.Subject.Class = int(s.Target.Data[0])
	}
	return &c
}

func compare(t testing.TB, dir string, p plan) {
	t.Helper()
	r := open(t, dir)
	for sp := split.Train; sp <= split.Test; sp++ {
		var want []*ingest.Sample
		for _, row := range p.rows {
			if row.split == sp {
				want = append(want, stored(row.sample))
			}
		}
		var got []*ingest.Sample
		for s, err := range r.Samples(t.Context(), shards.Query{Split: sp}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", sp, d)
		}
	}
	for e := range r.Verify(t.Context()) {
		t.Error(e)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		name string
		plan plan
		edit func(*plan)
	}{
		{"volumes", volumes(), func(*plan) {}},
		{"digits", digits(), func(*plan) {}},
		{"zstd", volumes(), func(p *plan) { p.options.Compression = shards.ZSTD }},
		{"lz4", digits(), func(p *plan) { p.options.Compression = shards.LZ4 }},
		{"no tag", volumes(), func(p *plan) { p.options.NoTensorTag = true }},
		{"a row a batch, a batch a file", volumes(), func(p *plan) { p.options.BatchBytes, p.options.FileBytes = 1, 1 }},
		{"batches of some rows", digits(), func(p *plan) { p.options.BatchBytes = 3000 }},
		{"shapes vary", volumes(), func(p *plan) { p.meta.Shapes, p.meta.TargetShape = nil, nil }},
		{"shapes vary, zstd", volumes(), func(p *plan) { p.meta.Shapes, p.meta.TargetShape, p.options.Compression = nil, nil, shards.ZSTD }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.edit(&tc.plan)
			dir := filepath.Join(t.TempDir(), "set")
			tc.plan.write(t, dir)
			compare(t, dir, tc.plan)
		})
	}
}

// TestLargeArrays writes arrays that go to the file without a copy, by
// themselves and several a batch, some absent, in odd places.
func TestLargeArrays(t *testing.T) {
	for _, batch := range []int64{1, 8 << 20} {
		shape := []int{61, 127, 40}
		p := plan{meta: shards.Meta{
			Dataset: "d", Modalities: modality.MustSet("a", "b"), Task: shards.Segmentation, Classes: []string{"x"},
			Shapes: [][]int{shape, nil}, TargetShape: shape,
		}, options: shards.Options{BatchBytes: batch}}
		rng := rand.New(rand.NewPCG(7, 8))
		for i := range 10 {
			s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: fmt.Sprint(i)}, Inputs: make([]ingest.Array, 2)}
			if i%3 != 1 {
				s.Present = s.Present.With(0)
				s.Inputs[0] = ingest.Array{Shape: shape, Data: noise(rng, 61*127*40)}
			}
			if i%4 != 2 {
				n := 150_001 + 1000*i
				s.Present = s.Present.With(1)
				s.Inputs[1] = ingest.Array{Shape: []int{n}, Data: noise(rng, n)}
			}
			if i%5 != 3 {
				s.Target = ingest.Labels{Shape: shape, Data: make([]uint8, 61*127*40)}
			}
			p.rows = append(p.rows, row{split.Train, s})
		}
		dir := filepath.Join(t.TempDir(), "set")
		p.write(t, dir)
		r := open(t, dir)
		for i, row := range p.rows {
			got, err := r.Sample(split.Train, int64(i))
			if err != nil {
				t.Fatal(err)
			}
			for m, a := range row.sample.Inputs {
				if !slices.Equal(got.Inputs[m].Data, a.Data) {
					t.Errorf("batches of %d: sample %d: modality %d differs", batch, i, m)
				}
			}
			if !slices.Equal(got.Target.Data, row.sample.Target.Data) {
				t.Errorf("batches of %d: sample %d: target differs", batch, i)
			}
		}
		for e := range r.VerifySums(t.Context()) {
			t.Error(e)
		}
	}
}
