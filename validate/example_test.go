package validate_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/validate"
)

// louder is a model: it says "loud" where the mean of what it sees is above 0.5.
type louder struct{}

func (louder) Predict(_ context.Context, batch []*ingest.Sample, _ modality.Mask) ([]ingest.Array, error) {
	var out []ingest.Array
	for _, s := range batch {
		sum := float32(0)
		for i := range s.Present.All() {
			sum += s.Inputs[i].Data[0]
		}
		p := sum / float32(s.Present.Count())
		out = append(out, ingest.Array{Shape: []int{2}, Data: []float32{1 - p, p}})
	}
	return out, nil
}

func Example() {
	samples := func(yield func(*ingest.Sample, error) bool) {
		for i, v := range [][2]float32{{0.1, 0.2}, {1, 0.75}, {0.3, 0.8}} {
			s := &ingest.Sample{
				Key:     ingest.Key{Dataset: "rooms", Subject: fmt.Sprintf("room-%d", i)},
				Inputs:  []ingest.Array{{Shape: []int{1}, Data: v[:1]}, {Shape: []int{1}, Data: v[1:]}},
				Present: 0b11,
				Target:  ingest.Class(uint8(min(i, 1))),
			}
			if !yield(s, nil) {
				return
			}
		}
	}
	e := validate.Evaluator{Modalities: modality.MustSet("left", "right"), Classes: []string{"quiet", "loud"}}
	report, err := e.Run(context.Background(), louder{}, samples)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range report.Combos {
		fmt.Printf("%s: %d of %d\n", c.Name, c.Classification.Right, c.Classification.N)
	}
	if err := validate.WriteCSV(os.Stdout, report); err != nil {
		log.Fatal(err)
	}
	// Output:
	// left: 2 of 3
	// right: 3 of 3
	// left+right: 3 of 3
	// key,combination,seen,class,predicted,probability
	// rooms/room-0,left,left,quiet,quiet,0.9
	// rooms/room-0,right,right,quiet,quiet,0.8
	// rooms/room-0,left+right,left+right,quiet,quiet,0.85
	// rooms/room-1,left,left,loud,loud,1
	// rooms/room-1,right,right,loud,loud,0.75
	// rooms/room-1,left+right,left+right,loud,loud,0.875
	// rooms/room-2,left,left,loud,quiet,0.7
	// rooms/room-2,right,right,loud,loud,0.8
	// rooms/room-2,left+right,left+right,loud,loud,0.55
}
