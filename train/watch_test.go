package train_test

import (
	"context"
	"iter"
	"math"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train"
)

func TestApart(t *testing.T) {
	for _, tt := range []struct {
		name       string
		features   []float32
		parts, m   int
		l1, cosine float64
	}{
		{"the same", []float32{1, -2, 1, -2}, 2, 1, 0, 1},
		{"opposite", []float32{1, -2, -1, 2}, 2, 0, 6, -1},
		{"across", []float32{3, 0, 0, 4}, 2, 0, 7, 0},
		{"mean of three", []float32{3, 0, 0, 3, 6, 6, 3, 3}, 4, 0, 4, 9. / (3 * 5)}, // 3, 4 for 3, 0
		{"nothing there", []float32{0, 0, 1, 1}, 2, 0, 2, 0},
	} {
		l1, cosine := train.Apart(tt.features, tt.parts, tt.m)
		if math.Abs(l1-tt.l1) > 1e-12 || math.Abs(cosine-tt.cosine) > 1e-12 {
			t.Errorf("%s: %g and %g, want %g and %g", tt.name, l1, cosine, tt.l1, tt.cosine)
		}
	}
}

// only is the feed without the samples that lack a modality, or all of it.
func only(n int, whole bool) train.Feed {
	var list []*ingest.Sample
	for i := range n {
		if s := digit(i, 4, true); !whole || s.Present == modality.Mask(3) {
			list = append(list, s)
		}
	}
	return train.Feed{Len: len(list), Samples: func(_ context.Context, _, skip int) iter.Seq2[*ingest.Sample, error] {
		return func(yield func(*ingest.Sample, error) bool) {
			for _, s := range list[skip:] {
				if !yield(s, nil) {
					return
				}
			}
		}
	}}
}

func TestGenerated(t *testing.T) {
	all := trainer(t, 1, func(tr *train.Trainer) { tr.Meta = only(12, false) })
	before := snapshot(t, all)
	l1, cosine, err := all.Generated(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if !(l1 > 0) || !(cosine > -1 && cosine < 1) {
		t.Errorf("distance %g, cosine %g", l1, cosine)
	}
	if names := differ(before, snapshot(t, all)); len(names) > 0 {
		t.Errorf("looking changed %v", names)
	}
	// Samples without the modality count for nothing, and of two modalities each
	// is what stands in for the other. 1e-9: sums in another order of batches.
	whole := trainer(t, 2, func(tr *train.Trainer) { tr.Meta = only(12, true) })
	if whole.Meta.Len == all.Meta.Len {
		t.Fatal("no sample lacks a modality: nothing was tested")
	}
	for m := range 2 {
		l, c, err := whole.Generated(t.Context(), m)
		if err != nil || math.Abs(l-l1) > 1e-9*l1 || math.Abs(c-cosine) > 1e-9 {
			t.Errorf("modality %d: %g and %g, want %g and %g (%v)", m, l, c, l1, cosine, err)
		}
	}
	none := trainer(t, 1, func(tr *train.Trainer) {
		tr.Meta = train.Feed{Len: 3, Samples: func(context.Context, int, int) iter.Seq2[*ingest.Sample, error] {
			return func(yield func(*ingest.Sample, error) bool) {
				for _, i := range []int{0, 3, 6} {
					if !yield(digit(i, 4, true), nil) {
						return
					}
				}
			}
		}}
	})
	if l, c, err := none.Generated(t.Context(), 0); err != nil || !math.IsNaN(l) || !math.IsNaN(c) {
		t.Errorf("without a whole sample: %g, %g, %v", l, c, err)
	}
	if _, _, err := none.Generated(t.Context(), 2); err == nil {
		t.Error("a third of two modalities")
	}
}
