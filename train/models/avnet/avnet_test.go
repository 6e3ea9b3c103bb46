package avnet_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/loss"
	"github.com/lacuna-ml/lacuna/train/models/avnet"
	"github.com/lacuna-ml/lacuna/train/models/modeltest"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/optim"
)

// Two digits, of which the second has no sound.
func Example() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	net, err := avnet.New(e, avnet.Options{}, 1)
	if err != nil {
		panic(err)
	}
	t := autograd.New(e)
	t.Train = false
	image := ingest.Array{Shape: []int{28, 28}, Data: make([]float32, 28*28)}
	sound := ingest.Array{Shape: []int{20, 20}, Data: make([]float32, 20*20)}
	b, err := nn.NewBatch(t, [][]ingest.Array{{image, sound}, {image, {}}}, []modality.Mask{0b11, 0b01})
	if err != nil {
		panic(err)
	}
	logits := nn.Predict(t, net, b)
	fmt.Println(net.Params().Count(), "parameters, logits", logits.Shape(), t.Err())
	// Output: 84356 parameters, logits 2x10 <nil>
}

func batch(c modeltest.Case, k int) modeltest.Batch {
	const samples = 8
	name := strconv.Itoa(k)
	b := modeltest.Batch{Present: c.Present(name, samples, 2)}
	image := modeltest.Uniform("input/"+name+"/0", samples*28*28)
	sound := modeltest.Uniform("input/"+name+"/1", samples*20*20)
	for n, h := range modeltest.Hash("label/"+name, samples) {
		b.Inputs = append(b.Inputs, []ingest.Array{
			{Shape: []int{28, 28}, Data: image[n*28*28:][:28*28]},
			{Shape: []int{20, 20}, Data: sound[n*20*20:][:20*20]},
		})
		b.Targets = append(b.Targets, ingest.Class(uint8(h%10)))
	}
	return b
}

func trial(e engine.Engine, o avnet.Options, l2 bool) (*modeltest.Trial, error) {
	net, err := avnet.New(e, o, 1)
	return &modeltest.Trial{
		Model: net, Objective: loss.Classes{N: 10},
		Optimiser: optim.Options{Kind: "adam", Decay: 1e-2}, LR: 1e-3,
		Distil: distill.Options{Alpha: .1, L2: l2}, U: []float32{.3, -.2},
	}, err
}

func TestGolden(t *testing.T) {
	modeltest.Golden(t, "testdata/golden.json", func(e engine.Engine, c modeltest.Case) (*modeltest.Trial, error) {
		return trial(e, avnet.Options{NoDropout: !c.Dropout}, c.L2)
	}, batch)
}

func TestModel(t *testing.T) {
	for name, o := range map[string]avnet.Options{"image first": {}, "sound first": {Image: 1, Sound: 0}} {
		t.Run(name, func(t *testing.T) {
			b := batch(modeltest.Case{}, 0)
			if o.Image == 1 {
				for _, s := range b.Inputs {
					slices.Reverse(s)
				}
			}
			modeltest.Run(t, func(e engine.Engine) (*modeltest.Trial, error) { return trial(e, o, false) }, b)
		})
	}
}

func TestOptions(t *testing.T) {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	for _, o := range []avnet.Options{{Classes: -1}, {Image: 2}, {Sound: -1}, {Image: 1, Sound: 1}} {
		if _, err := avnet.New(e, o, 1); err == nil || !strings.Contains(err.Error(), "avnet") {
			t.Errorf("%+v: error %v", o, err)
		}
	}
}
