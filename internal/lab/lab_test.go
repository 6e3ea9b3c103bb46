package lab

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets/all"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/nn"
)

func TestTry(t *testing.T) {
	dir := os.Getenv("TRY")
	if dir == "" {
		t.Skip()
	}
	reg, _ := all.Registry()
	d, err := Open(dir, reg)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Preset(os.Getenv("PRESET"), d.Set, d.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	s.Missing = os.Getenv("MISSING")
	s.settle(d.Manifest)
	e := cpu.New(cpu.Options{Workers: 1})
	ctx := context.Background()
	tr, err := s.Trainer(ctx, d, e, 1, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	st, err := tr.Run(ctx)
	t.Logf("%+v in %v", st, time.Since(start))
	if err != nil {
		t.Fatal(err)
	}
	if d.Set.Task != "classification" {
		return
	}
	_, scale, _ := s.stages(ctx, d, d.Set.Modalities.Full())
	for combo := range d.Set.Modalities.Combos() {
		right, n := 0, 0
		f, _ := stream{data: d, split: split.Test, only: combo, stages: scale}.feed()
		for smp, err := range f.Samples(ctx, 0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			tape := &autograd.Tape{Engine: e, Frozen: true}
			b, err := nn.NewBatch(tape, [][]ingest.Array{smp.Inputs}, []modality.Mask{smp.Present})
			if err != nil {
				t.Fatal(err)
			}
			y := nn.Predict(tape, tr.Model, b)
			v := make([]float32, 10)
			if err := e.Read(v, y.Value); err != nil {
				t.Fatal(err)
			}
			best := 0
			for i, x := range v {
				if x > v[best] {
					best = i
				}
			}
			if best == int(smp.Target.Data[0]) {
				right++
			}
			n++
			tape.Reset()
		}
		t.Logf("%s: %d of %d = %.2f", d.Set.Modalities.Format(combo), right, n, 100*float64(right)/float64(n))
	}
	_ = shards.Query{}
}
