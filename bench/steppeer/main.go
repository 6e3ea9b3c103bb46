// Steppeer is Lacuna's side of bench/step_peers.py: whole steps of training on
// inputs that are made up, nothing missing, distillation on.
//
//	steppeer avnet BATCH
//	steppeer unet3d BATCH WIDTH D H W
//
// A line on standard input is a device, cpu or opencl, workers, and repetitions;
// the answer is the nanoseconds of each. How many threads OpenCL's driver has is
// its own business.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/engine/opencl"
	"github.com/lacuna-ml/lacuna/train/loss"
	"github.com/lacuna-ml/lacuna/train/models/avnet"
	"github.com/lacuna-ml/lacuna/train/models/unet3d"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/optim"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "steppeer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("want avnet or unet3d, and sizes")
	}
	var sizes []int
	for _, a := range args[1:] {
		v, err := strconv.Atoi(a)
		if err != nil {
			return err
		}
		sizes = append(sizes, v)
	}
	var j *job
	last := ""
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var device string
		var workers, repeat int
		if _, err := fmt.Sscan(in.Text(), &device, &workers, &repeat); err != nil {
			return fmt.Errorf("%q: %w", in.Text(), err)
		}
		if key := fmt.Sprint(device, workers); key != last {
			if j != nil {
				_ = j.eng.Close()
			}
			e, err := open(device, workers)
			if err != nil {
				return err
			}
			if j, err = newJob(e, args[0], sizes); err != nil {
				return err
			}
			last = key
		}
		for range repeat {
			start := time.Now()
			if err := j.step(); err != nil {
				return err
			}
			fmt.Print(time.Since(start).Nanoseconds(), " ")
		}
		fmt.Println()
	}
	return in.Err()
}

func open(device string, workers int) (engine.Engine, error) {
	switch device {
	case "cpu":
		return cpu.New(cpu.Options{Workers: workers}), nil
	case "opencl":
		return opencl.New(opencl.Options{})
	}
	return nil, fmt.Errorf("no device %q", device)
}

// job is what a step needs.
type job struct {
	eng       engine.Engine
	model     nn.Model
	objective loss.Objective
	targets   []ingest.Labels
	optimiser optim.Optimiser
	lr        float64
	inputs    [][]ingest.Array
	present   []modality.Mask
	distil    distill.Options
	u         []float32
	steps     uint64
}

func newJob(e engine.Engine, name string, sizes []int) (*job, error) {
	j := &job{eng: e, distil: distill.Options{Alpha: .1}, lr: 1e-3}
	o := optim.Options{Kind: "adam", Decay: 1e-2}
	batch := sizes[0]
	var shapes [][]int
	var err error
	switch {
	case name == "avnet" && len(sizes) == 1:
		shapes = [][]int{{28, 28}, {20, 20}}
		for n := range batch {
			j.targets = append(j.targets, ingest.Labels{Data: []uint8{uint8(n % 10)}})
		}
		j.objective = loss.Classes{N: 10}
		j.model, err = avnet.New(e, avnet.Options{}, 1)
	case name == "unet3d" && len(sizes) == 5:
		voxels := sizes[2] * sizes[3] * sizes[4]
		for range batch {
			l := ingest.Labels{Data: make([]uint8, voxels)}
			for i := range l.Data {
				l.Data[i] = uint8(i / 7 % 4)
			}
			j.targets = append(j.targets, l)
		}
		shapes = [][]int{sizes[2:], sizes[2:], sizes[2:], sizes[2:]}
		j.objective = loss.Regions{Classes: [][]uint8{{3}, {1, 2, 3}, {1, 3}}}
		o, j.lr = optim.Options{Kind: "sgd", Momentum: .99}, 1e-2
		j.model, err = unet3d.New(e, unet3d.Options{Modalities: 4, Width: sizes[1]}, 1)
	default:
		err = fmt.Errorf("no network %s of %v", name, sizes)
	}
	if err != nil {
		return nil, err
	}
	for range batch {
		var sample []ingest.Array
		for _, s := range shapes {
			a := ingest.Array{Shape: s}
			a.Data = make([]float32, a.Len())
			for i := range a.Data {
				a.Data[i] = float32(i*7919%101)/50 - 1
			}
			sample = append(sample, a)
		}
		j.inputs, j.present = append(j.inputs, sample), append(j.present, 1<<len(shapes)-1)
	}
	j.u = make([]float32, len(shapes))
	j.optimiser, err = optim.New(e, j.model.Params().Value.Shape.Len(), o)
	return j, err
}

func (j *job) step() error {
	t := autograd.New(j.eng)
	defer t.Reset()
	j.steps++
	t.Seed = j.steps
	b, err := nn.NewBatch(t, j.inputs, j.present)
	if err != nil {
		return err
	}
	c := j.model.Encode(t, b)
	distil := j.distil.On(t, c.Features, j.u, j.present)
	c.Features = t.Impute(c.Features, b.Mask)
	task, err := j.objective.On(t, j.model.Decode(t, c), j.targets)
	if err != nil {
		return err
	}
	if _, err := task.Value(); err != nil {
		return err
	}
	if _, err := distil.Value(); err != nil {
		return err
	}
	if err := t.Backward(); err != nil {
		return err
	}
	p := j.model.Params()
	j.optimiser.Step(p.Value, p.Grad, j.lr)
	return j.eng.Wait()
}
