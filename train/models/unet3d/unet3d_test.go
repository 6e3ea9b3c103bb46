package unet3d_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/loss"
	"github.com/lacuna-ml/lacuna/train/models/modeltest"
	"github.com/lacuna-ml/lacuna/train/models/unet3d"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/optim"
)

// A network for patches of four modalities, of which one sample has two.
func Example() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	net, err := unet3d.New(e, unet3d.Options{Modalities: 4}, 1)
	if err != nil {
		panic(err)
	}
	t := autograd.New(e)
	t.Train = false
	patch := ingest.Array{Shape: []int{16, 32, 32}, Data: make([]float32, 16*32*32)}
	b, err := nn.NewBatch(t, [][]ingest.Array{{patch, {}, {}, patch}}, []modality.Mask{0b1001})
	if err != nil {
		panic(err)
	}
	logits := nn.Predict(t, net, b)
	fmt.Println(net.Params().Count(), "parameters, logits", logits.Shape(), t.Err())
	// Output: 337707 parameters, logits 1x3x16x32x32 <nil>
}

// batch returns two samples of three modalities of 16x16x16; labels are in cubes
// of 4 voxels, and half a label is added to each input.
func batch(c modeltest.Case, k int) modeltest.Batch {
	const samples, m, size = 2, 3, 16
	name := strconv.Itoa(k)
	b := modeltest.Batch{Present: c.Present(name, samples, m)}
	cubes := modeltest.Hash("label/"+name, samples*size*size*size/64)
	for n := range samples {
		l := ingest.Labels{Shape: []int{size, size, size}, Data: make([]uint8, size*size*size)}
		for i := range l.Data {
			d, h, w := i/size/size, i/size%size, i%size
			l.Data[i] = uint8(cubes[((n*size/4+d/4)*size/4+h/4)*size/4+w/4] % 4)
		}
		b.Targets = append(b.Targets, l)
		var sample []ingest.Array
		for i := range m {
			v := modeltest.Uniform("input/"+name+"/"+strconv.Itoa(i), samples*len(l.Data))[n*len(l.Data):][:len(l.Data)]
			for k, y := range l.Data {
				v[k] += float32(y) / 2
			}
			sample = append(sample, ingest.Array{Shape: l.Shape, Data: v})
		}
		b.Inputs = append(b.Inputs, sample)
	}
	return b
}

func trial(e engine.Engine, o unet3d.Options, l2 bool) (*modeltest.Trial, error) {
	net, err := unet3d.New(e, o, 1)
	return &modeltest.Trial{
		Model: net, Objective: loss.Regions{Classes: [][]uint8{{3}, {1, 2, 3}, {1, 3}}},
		Optimiser: optim.Options{Kind: "sgd", Momentum: .99}, LR: 1e-2,
		Distil: distill.Options{Alpha: .1, L2: l2}, U: []float32{.3, -.2, .5},
	}, err
}

func TestGolden(t *testing.T) {
	modeltest.Golden(t, "testdata/golden.json", func(e engine.Engine, c modeltest.Case) (*modeltest.Trial, error) {
		o := unet3d.Options{Modalities: 3, Width: 4}
		if err := json.Unmarshal(c.Options, &o); err != nil {
			return nil, err
		}
		return trial(e, o, c.L2)
	}, batch)
}

func TestModel(t *testing.T) {
	for name, o := range map[string]unet3d.Options{
		"published":              {Modalities: 3, Width: 4, Depth: 2},
		"full stem, checkpoints": {Modalities: 3, Width: 4, Depth: 2, FullStem: true, Checkpoint: true},
		"whole blocks":           {Modalities: 3, Width: 16, Depth: 1, Standardise: true},
	} {
		t.Run(name, func(t *testing.T) {
			modeltest.Run(t, func(e engine.Engine) (*modeltest.Trial, error) { return trial(e, o, false) }, batch(modeltest.Case{}, 0))
		})
	}
}
