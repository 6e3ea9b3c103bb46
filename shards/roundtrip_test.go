package shards_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lacuna-ml/lacuna/ingest"
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
