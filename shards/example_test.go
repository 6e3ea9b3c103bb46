package shards_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

func Example() {
	parent, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(parent)
	dir := filepath.Join(parent, "digits")

	w, err := shards.Create(dir, shards.Meta{
		Dataset: "avdigits", Modalities: modality.MustSet("image", "audio"), Task: shards.Classification,
		Classes: []string{"zero", "one"}, Shapes: [][]int{{2, 2}, {3}},
	}, shards.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Abort()
	for i, audio := range []ingest.Array{{Shape: []int{3}, Data: []float32{1, 2, 3}}, {}} {
		s := &ingest.Sample{
			Key:     ingest.Key{Dataset: "avdigits", Subject: fmt.Sprintf("pair-%d", i)},
			Inputs:  []ingest.Array{{Shape: []int{2, 2}, Data: []float32{0, 1, 1, 0}}, audio},
			Present: 1,
			Target:  ingest.Class(uint8(i)),
		}
		if audio.Data != nil {
			s.Present = s.Present.With(1)
		}
		if err := w.Append(split.Train, s); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := w.Commit(); err != nil {
		log.Fatal(err)
	}

	r, err := shards.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	for s, err := range r.Samples(context.Background(), shards.Query{Split: split.Train}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Key, r.Manifest().Set().Format(s.Present), s.Inputs[1].Data)
	}
	// Output:
	// avdigits/pair-0 image+audio [1 2 3]
	// avdigits/pair-1 image []
}
