package validate_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/preprocess/patch"
	"github.com/lacuna-ml/lacuna/validate"
)

// predictor is a function as a Predictor.
type predictor func(batch []*ingest.Sample, present modality.Mask) ([]ingest.Array, error)

func (f predictor) Predict(_ context.Context, batch []*ingest.Sample, present modality.Mask) ([]ingest.Array, error) {
	return f(batch, present)
}

// each is a predictor that takes samples one by one.
func each(f func(s *ingest.Sample) ingest.Array) predictor {
	return func(batch []*ingest.Sample, _ modality.Mask) ([]ingest.Array, error) {
		var out []ingest.Array
		for _, s := range batch {
			out = append(out, f(s))
		}
		return out, nil
	}
}

func sequence(samples ...*ingest.Sample) iter.Seq2[*ingest.Sample, error] {
	return func(yield func(*ingest.Sample, error) bool) {
		for _, s := range samples {
			if !yield(s, nil) {
				return
			}
		}
	}
}

var (
	digits = modality.MustSet("image", "audio")
	brats  = modality.MustSet("flair", "t1", "t1ce", "t2")

	// The classes and regions of BraTS.
	tissues = []string{"background", "core", "oedema", "enhancing", "cavity"}
	regions = []validate.Region{{"ET", []uint8{3}}, {"WT", []uint8{2, 1, 3}}, {"TC", []uint8{1, 3}}}
)

// chance returns a number from 0 and below 1 that depends on its arguments alone.
func chance(args ...any) float32 {
	h := fnv.New64a()
	fmt.Fprint(h, args...)
	return rand.New(rand.NewPCG(h.Sum64(), 0)).Float32()
}

// scan returns a case of the shape with random labels of tissues and inputs
// that are all 1, of the modalities present.
func scan(name string, shape [3]int, present modality.Mask) *ingest.Sample {
	s := &ingest.Sample{
		Key: ingest.Key{Dataset: "brats", Subject: name}, Present: present,
		Inputs: make([]ingest.Array, brats.Len()),
		Affine: [4][4]float64{{-0.5, 0, 0, 9}, {0, -2, 0, 8}, {0, 0, 3, 7}, {0, 0, 0, 1}},
		Target: ingest.Labels{Shape: shape[:]},
	}
	n := shape[0] * shape[1] * shape[2]
	for i := range present.All() {
		s.Inputs[i] = ingest.Array{Shape: shape[:], Data: make([]float32, n)}
		for k := range n {
			s.Inputs[i].Data[k] = 1
		}
	}
	for k := range n {
		s.Target.Data = append(s.Target.Data, uint8(chance(name, k)*float32(len(tissues))))
	}
	return s
}

// cut returns the patches of s.
func cut(t testing.TB, s *ingest.Sample, o patch.Options) []*ingest.Sample {
	t.Helper()
	st, err := patch.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var out []*ingest.Sample
	if err := st.Apply(t.Context(), nil, s, func(p *ingest.Sample) bool { out = append(out, p); return true }); err != nil {
		t.Fatal(err)
	}
	return out
}

// at yields the voxels of a patch that lie in its volume: their place in the
// patch, and in the volume.
func at(p *ingest.Sample) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		var shape []int
		for i := range p.Present.All() {
			shape = p.Inputs[i].Shape
		}
		l := p.Location
		if l.Volume == ([3]int{}) {
			l.Volume = [3]int(shape)
		}
		for i := range shape[0] * shape[1] * shape[2] {
			z, y, x := l.Offset[0]+i/(shape[1]*shape[2]), l.Offset[1]+i/shape[2]%shape[1], l.Offset[2]+i%shape[2]
			if min(z, y, x) >= 0 && z < l.Volume[0] && y < l.Volume[1] && x < l.Volume[2] {
				if !yield(i, (z*l.Volume[1]+y)*l.Volume[2]+x) {
					return
				}
			}
		}
	}
}

// blank returns an array of the regions over a patch, filled with v.
func blank(p *ingest.Sample, v float32) ingest.Array {
	for i := range p.Present.All() {
		a := ingest.Array{Shape: append([]int{len(regions)}, p.Inputs[i].Shape...)}
		a.Data = make([]float32, a.Len())
		for k := range a.Data {
			a.Data[k] = v
		}
		return a
	}
	panic("a patch without a modality")
}

// oracle predicts the regions of the true labels of whole volumes, by subject.
func oracle(truth map[string][]uint8) predictor {
	return each(func(p *ingest.Sample) ingest.Array {
		out := blank(p, 0)
		n := len(out.Data) / len(regions)
		for i, v := range at(p) {
			for r, reg := range regions {
				for _, c := range reg.Classes {
					if truth[p.Key.Subject][v] == c {
						out.Data[r*n+i] = 1
					}
				}
			}
		}
		return out
	})
}
