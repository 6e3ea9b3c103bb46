package datasettest_test

import (
	"context"
	"crypto/sha256"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/datasets/datasettest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/ingest/sparse"
)

// packToy has two subjects of one modality, 4 x 5 x 6 voxels of a byte each, all
// air but the voxels 2, 2, 2 and 2, 3, 4. What LoadPacked gives, breach is
// applied to.
type packToy struct {
	fsys   fs.FS
	breach func(*ingest.Packed)
}

var packModalities = modality.MustSet("scan")

const packAir = 7

func packFiles() fstest.MapFS {
	b := slices.Repeat([]byte{packAir}, 4*5*6)
	b[(2*5+2)*6+2], b[(2*5+3)*6+4] = 1, 2
	return fstest.MapFS{"a": {Data: b}, "b": {Data: slices.Repeat([]byte{packAir, 8}, 2*5*6)}}
}

func (*packToy) Modalities() modality.Set { return packModalities }

func (*packToy) Subjects(ctx context.Context) iter.Seq2[ingest.Subject, error] {
	return func(yield func(ingest.Subject, error) bool) {
		for _, name := range []string{"a", "b"} {
			s := ingest.Subject{Key: ingest.Key{Dataset: "packs", Subject: name}, Group: name, Class: -1}
			if !yield(s, context.Cause(ctx)) {
				return
			}
		}
	}
}

func (b *packToy) Load(ctx context.Context, s ingest.Subject) (*ingest.Sample, error) {
	p, err := b.load(ctx, s)
	if err != nil {
		return nil, err
	}
	return p.Unpack(), nil
}

func (b *packToy) LoadPacked(ctx context.Context, s ingest.Subject) (*ingest.Packed, error) {
	p, err := b.load(ctx, s)
	if err == nil {
		b.breach(p)
	}
	return p, err
}

func (b *packToy) load(ctx context.Context, s ingest.Subject) (*ingest.Packed, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	data, err := readAll(b.fsys, s.Key.Subject)
	if err != nil {
		return nil, err
	}
	if len(data) != 4*5*6 {
		return nil, &ingest.SubjectError{Key: s.Key, Problems: []ingest.Problem{{Path: s.Key.Subject, Kind: "truncated", Reason: "short"}}}
	}
	scan, labels := make([]float32, len(data)), make([]float32, len(data))
	for i, v := range data {
		scan[i], labels[i] = float32(v), float32(i%2)
	}
	shape := []int{4, 5, 6}
	return &ingest.Packed{
		Sample: &ingest.Sample{
			Key: s.Key, Subject: s, Present: packModalities.Full(), Background: []float32{packAir},
			Inputs: []ingest.Array{{Shape: shape}}, Target: ingest.Labels{Shape: shape},
			Affine:   [4][4]float64{{2, 0, 0, -9}, {0, 3, 0, 5}, {0, 0, 1, 1}, {0, 0, 0, 1}},
			Location: ingest.Location{Volume: [3]int{4, 5, 6}, Axes: "RAS"},
			Sources:  []ingest.File{{Role: "scan", Path: s.Key.Subject, SHA256: sha256.Sum256(data)}},
		},
		Volumes: []*sparse.Volume{sparse.Pack([3]int{6, 5, 4}, scan)},
		Labels:  sparse.Pack([3]int{6, 5, 4}, labels),
	}, nil
}

func TestCheckComparesLoadPackedWithLoad(t *testing.T) {
	for _, tc := range []struct {
		name   string
		breach func(*ingest.Packed)
		want   string // "" for nothing wrong
	}{
		{"as promised", func(*ingest.Packed) {}, ""},
		{"other values", func(p *ingest.Packed) { p.Volumes[0].Codes[0]++ }, "differs from what Load gives"},
		{"other labels", func(p *ingest.Packed) { p.Labels.Codes[0] ^= 1 }, "differs from what Load gives"},
		{"no target", func(p *ingest.Packed) { p.Labels, p.Sample.Target = nil, ingest.Labels{} }, "differs from what Load gives"},
		{"a part of it", func(p *ingest.Packed) {
			p.Sample.Inputs[0].Shape = []int{3, 5, 6}
			p.Sample.Target.Shape = []int{3, 5, 6}
		}, "differs from what Load gives"},
		{"no volume", func(p *ingest.Packed) { p.Volumes[0] = nil }, "volume there is false"},
		{"beyond the volume", func(p *ingest.Packed) { p.Sample.Location.Offset[2] = 1 }, "shape [4 5 6] of a volume"},
		{"labels of another shape", func(p *ingest.Packed) { p.Labels = p.Labels.Planes(0, 2) }, "target: shape"},
		{"other background", func(p *ingest.Packed) { p.Sample.Background[0]++ }, "that of its volume is 7"},
		{"done with already", func(p *ingest.Packed) {
			s := p.Sample
			p.Free = func() {
				if d := s.Inputs[0].Data; d != nil {
					d[0]++
				}
			}
		}, "differs from what Load gives"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := toy()
			d.Name, d.Modalities, d.Kinds, d.Task = "packs", packModalities, []datasets.Kind{datasets.Volume}, datasets.Segmentation
			d.Open = func(_ context.Context, in map[string]fs.FS, _ map[string]string) (ingest.Source, error) {
				return &packToy{in["in"], tc.breach}, nil
			}
			errs := datasettest.Check(t.Context(), d, map[string]fs.FS{"in": packFiles()}, nil)
			if tc.want == "" && len(errs) > 0 || tc.want != "" && !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), tc.want) }) {
				t.Errorf("got %v, want %q", errs, tc.want)
			}
		})
	}
}
