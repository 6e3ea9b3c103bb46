package volume_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess"
	"github.com/lacuna-ml/lacuna/preprocess/volume"
)

// head returns a case of n modalities with a ball of whole numbers (or others)
// in the middle, a fifth of a BraTS volume.
func head(shape [3]int, n int, whole bool) *ingest.Sample {
	rng := rand.New(rand.NewPCG(1, 2))
	s := &ingest.Sample{
		Key: ingest.Key{Dataset: "brats", Subject: "head"}, Background: make([]float32, n),
		Affine: [4][4]float64{{-1}, {0, -1}, {0, 0, 1}, {0, 0, 0, 1}},
		Target: ingest.Labels{Shape: shape[:], Data: make([]uint8, shape[0]*shape[1]*shape[2])},
	}
	for i := range n {
		v := make([]float32, len(s.Target.Data))
		at := 0
		for z := range shape[0] {
			for y := range shape[1] {
				for x := range shape[2] {
					r := 0.0
					for d, p := range [3]int{z, y, x} {
						c := (float64(p) - float64(shape[d])/2) / (float64(shape[d]) * 0.37)
						r += c * c
					}
					if r < 1 {
						v[at] = float32(200 + 60*rng.NormFloat64())
						if whole {
							v[at] = float32(int(v[at]))
						}
						s.Target.Data[at] = uint8(4 * r)
					}
					at++
				}
			}
		}
		s.Inputs = append(s.Inputs, ingest.Array{Shape: shape[:], Data: v})
		s.Present = s.Present.With(i)
	}
	return s
}

func clone(s *ingest.Sample) *ingest.Sample {
	c := *s
	c.Inputs = nil
	for _, a := range s.Inputs {
		c.Inputs = append(c.Inputs, ingest.Array{Shape: a.Shape, Data: append([]float32(nil), a.Data...)})
	}
	c.Target.Data = append([]uint8(nil), s.Target.Data...)
	return &c
}

func BenchmarkStages(b *testing.B) {
	mckd, err := volume.Normalise("mckd")
	if err != nil {
		b.Fatal(err)
	}
	joint, err := volume.Normalise("zscore-joint")
	if err != nil {
		b.Fatal(err)
	}
	crop := volume.Crop(0)
	for _, bc := range []struct {
		name   string
		whole  bool
		stages []preprocess.Stage
	}{
		{"crop", true, []preprocess.Stage{crop}},
		{"crop+mckd", true, []preprocess.Stage{crop, mckd}},
		{"crop+mckd, fractions", false, []preprocess.Stage{crop, mckd}},
		{"crop+zscore-joint", true, []preprocess.Stage{crop, joint}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			full := head([3]int{155, 240, 240}, 4, bc.whole)
			b.SetBytes(4 * 4 * 155 * 240 * 240)
			for b.Loop() {
				b.StopTimer()
				s := clone(full)
				b.StartTimer()
				for _, st := range bc.stages {
					err := st.Apply(context.Background(), nil, s, func(out *ingest.Sample) bool { s = out; return true })
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
