package train_test

import (
	"context"
	"fmt"
	"iter"
	"log"
	"os"
	"path/filepath"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/loss"
	"github.com/lacuna-ml/lacuna/train/meta"
	"github.com/lacuna-ml/lacuna/train/models/unet3d"
	"github.com/lacuna-ml/lacuna/train/optim"
)

// A small 3-D network learns, from shards, to find a ball that one modality
// shows brighter and the other darker, though either may be hidden.
func Example() {
	dir := balls() // shards as `lacuna ingest` writes them
	defer os.RemoveAll(filepath.Dir(dir))
	data, err := shards.Open(dir, split.Train)
	if err != nil {
		log.Fatal(err)
	}
	defer data.Close()

	e := cpu.New(cpu.Options{}) // or opencl.New(opencl.Options{})
	defer e.Close()
	net, err := unet3d.New(e, unet3d.Options{Modalities: 2, Regions: 1, Width: 4, Depth: 1, FullStem: true}, 1)
	if err != nil {
		log.Fatal(err)
	}
	adam, err := optim.New(e, net.Params().Value.Shape.Len(), optim.Options{Kind: "adam"})
	if err != nil {
		log.Fatal(err)
	}
	var first float64
	t := train.Trainer{
		Config: train.Config{
			Steps: 60, Batch: 2, Seed: 1, Schedule: optim.Schedule{Kind: "cosine", LR: 1e-2},
			Drop: train.DropRandom, Distill: distill.Options{Alpha: .1},
			Meta: meta.Options{Kind: meta.Off}, MetaDrop: train.DropNone,
		},
		Modalities: data.Manifest().Set(), Engine: e, Model: net, Optimiser: adam,
		Objective: loss.Regions{Classes: [][]uint8{{1}}},
		Train: train.Feed{Len: int(data.Rows(split.Train)), Samples: func(ctx context.Context, epoch, skip int) iter.Seq2[*ingest.Sample, error] {
			return data.Samples(ctx, shards.Query{Split: split.Train, Shuffle: true, Seed: 1, Epoch: epoch, Skip: int64(skip)})
		}},
		Hooks: train.Hooks{Step: func(_ context.Context, s train.State) error {
			if s.Step == 1 {
				first = s.Loss
			}
			return nil
		}},
	}
	if err := t.Start(); err != nil {
		log.Fatal(err)
	}
	last, err := t.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d steps; the loss fell to a third: %v\n", last.Step, last.Loss < first/3)
	// Output: 60 steps; the loss fell to a third: true
}
