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
)

// boxToy has one subject of one modality, 4 x 5 x 6 voxels of a byte each, all
// air but the voxels 2, 2, 2 and 2, 3, 4. LoadBox with a margin gives what it
// promises, then breach is applied.
type boxToy struct {
	fsys   fs.FS
	breach func(*ingest.Sample)
}

var boxModalities = modality.MustSet("scan")

const boxAir = 7

func boxFiles() fstest.MapFS {
	b := slices.Repeat([]byte{boxAir}, 4*5*6)
	b[(2*5+2)*6+2], b[(2*5+3)*6+4] = 1, 2
	return fstest.MapFS{"a": {Data: b}}
}

func (*boxToy) Modalities() modality.Set { return boxModalities }

func (*boxToy) Subjects(ctx context.Context) iter.Seq2[ingest.Subject, error] {
	return func(yield func(ingest.Subject, error) bool) {
		s := ingest.Subject{Key: ingest.Key{Dataset: "boxes", Subject: "a"}, Group: "a", Class: -1}
		yield(s, context.Cause(ctx))
	}
}

func (b *boxToy) Load(ctx context.Context, s ingest.Subject) (*ingest.Sample, error) {
	return b.cut(ctx, s, [3]int{}, [3]int{4, 5, 6})
}

func (b *boxToy) LoadBox(ctx context.Context, s ingest.Subject, margin int) (*ingest.Sample, error) {
	lo, hi := [3]int{2, 2, 2}, [3]int{3, 4, 5}
	for d, n := range [3]int{4, 5, 6} {
		lo[d], hi[d] = max(lo[d]-margin, 0), min(hi[d]+margin, n)
	}
	out, err := b.cut(ctx, s, lo, hi)
	if err == nil {
		b.breach(out)
	}
	return out, err
}

func (b *boxToy) cut(ctx context.Context, s ingest.Subject, lo, hi [3]int) (*ingest.Sample, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	data, err := readAll(b.fsys, s.Key.Subject)
	if err != nil {
		return nil, err
	}
	if len(data) != 4*5*6 {
		return nil, &ingest.SubjectError{Key: s.Key, Problems: []ingest.Problem{{Path: "a", Kind: "truncated", Reason: "short"}}}
	}
	out := &ingest.Sample{
		Key: s.Key, Subject: s, Present: boxModalities.Full(), Background: []float32{boxAir},
		Affine:   [4][4]float64{{2, 0, 0, -9}, {0, 3, 0, 5}, {0, 0, 1, 1}, {0, 0, 0, 1}},
		Location: ingest.Location{Offset: lo, Volume: [3]int{4, 5, 6}, Axes: "RAS"},
		Sources:  []ingest.File{{Role: "scan", Path: "a", SHA256: sha256.Sum256(data)}},
	}
	shape := []int{hi[0] - lo[0], hi[1] - lo[1], hi[2] - lo[2]}
	var scan []float32
	var labels []uint8
	for z := lo[0]; z < hi[0]; z++ {
		for y := lo[1]; y < hi[1]; y++ {
			for x := lo[2]; x < hi[2]; x++ {
				scan, labels = append(scan, float32(data[(z*5+y)*6+x])), append(labels, uint8(x%2))
			}
		}
	}
	for w := range 3 {
		out.Affine[w][3] += out.Affine[w][w] * float64(lo[2-w])
	}
	out.Inputs = []ingest.Array{{Shape: shape, Data: scan}}
	out.Target = ingest.Labels{Shape: shape, Data: labels}
	return out, nil
}

func TestCheckComparesLoadBoxWithLoad(t *testing.T) {
	for _, tc := range []struct {
		name   string
		breach func(*ingest.Sample)
		want   string // "" for nothing wrong
	}{
		{"as promised", func(*ingest.Sample) {}, ""},
		{"other values", func(s *ingest.Sample) { s.Inputs[0].Data[0]++ }, "differs from that of Load"},
		{"other labels", func(s *ingest.Sample) { s.Target.Data[0] ^= 1 }, "target: the row"},
		{"no target", func(s *ingest.Sample) { s.Target = ingest.Labels{} }, "the target is known: false"},
		{"target of another shape", func(s *ingest.Sample) { s.Target = ingest.Labels{Shape: []int{1, 1, 1}, Data: []uint8{0}} }, "target has shape"},
		{"offset not told", func(s *ingest.Sample) { s.Location.Offset = [3]int{} }, "differs from that of Load"},
		{"beyond the volume", func(s *ingest.Sample) { s.Location.Offset[2] = 5 }, "it is outside"},
		{"affine not moved", func(s *ingest.Sample) { s.Affine[0][3] = -9 }, "the affine has its first voxel"},
		{"affine turned", func(s *ingest.Sample) { s.Affine[0][0] = -2 }, "turns or scales"},
		{"other background", func(s *ingest.Sample) { s.Background[0]++ }, "differ from those of Load"},
		{"other volume", func(s *ingest.Sample) { s.Location.Volume[0]++ }, "that of Load"},
		{"a plane too few", func(s *ingest.Sample) {
			s.Inputs[0] = ingest.Array{Shape: []int{s.Inputs[0].Shape[0], 1, s.Inputs[0].Shape[2]}, Data: s.Inputs[0].Data[:s.Inputs[0].Shape[0]*s.Inputs[0].Shape[2]]}
			s.Target = ingest.Labels{Shape: s.Inputs[0].Shape, Data: s.Target.Data[:len(s.Inputs[0].Data)]}
		}, "outside of the box"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := toy()
			d.Name, d.Modalities, d.Kinds, d.Task = "boxes", boxModalities, []datasets.Kind{datasets.Volume}, datasets.Segmentation
			d.Open = func(_ context.Context, in map[string]fs.FS, _ map[string]string) (ingest.Source, error) {
				return &boxToy{in["in"], tc.breach}, nil
			}
			errs := datasettest.Check(t.Context(), d, map[string]fs.FS{"in": boxFiles()}, nil)
			if tc.want == "" && len(errs) > 0 || tc.want != "" && !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), tc.want) }) {
				t.Errorf("got %v, want %q", errs, tc.want)
			}
		})
	}
}
