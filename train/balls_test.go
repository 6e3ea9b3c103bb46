package train_test

import (
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// balls writes shards of noise in which one modality shows a ball brighter, the
// other darker, and returns their directory, alone in another.
func balls() string {
	parent, err := os.MkdirTemp("", "balls")
	if err != nil {
		log.Fatal(err)
	}
	w, err := shards.Create(filepath.Join(parent, "balls"), shards.Meta{
		Dataset: "balls", Modalities: modality.MustSet("bright", "dark"), Task: shards.Segmentation,
		Classes: []string{"air", "ball"}, Shapes: [][]int{{8, 8, 8}, {8, 8, 8}},
	}, shards.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Abort()
	for i := range 8 {
		if err := w.Append(split.Train, ball(i)); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := w.Commit(); err != nil {
		log.Fatal(err)
	}
	return filepath.Join(parent, "balls")
}

func ball(i int) *ingest.Sample {
	const size = 8
	rng := rand.New(rand.NewPCG(1, uint64(i)))
	s := &ingest.Sample{Key: ingest.Key{Dataset: "balls", Subject: fmt.Sprint(i)}, Present: 3, Background: []float32{0, 0}}
	shape := []int{size, size, size}
	s.Inputs = []ingest.Array{{Shape: shape}, {Shape: shape}}
	s.Target = ingest.Labels{Shape: shape}
	at := [3]int{2 + rng.IntN(4), 2 + rng.IntN(4), 2 + rng.IntN(4)}
	for v := range size * size * size {
		d, h, w := v/size/size-at[0], v/size%size-at[1], v%size-at[2]
		in := uint8(0)
		if d*d+h*h+w*w < 8 {
			in = 1
		}
		s.Target.Data = append(s.Target.Data, in)
		for m, sign := range []float64{1, -1} {
			s.Inputs[m].Data = append(s.Inputs[m].Data, float32(sign*float64(in)+.3*rng.NormFloat64()))
		}
	}
	return s
}
