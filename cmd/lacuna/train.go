package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/preprocess/augment"
	"github.com/lacuna-ml/lacuna/train"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/engine/measure"
	"github.com/lacuna-ml/lacuna/train/engine/opencl"
	"github.com/lacuna-ml/lacuna/train/meta"
)

type trainCmd struct {
	Data   string `arg:"" optional:"" help:"Data set of shards: the folder with its manifest.json."`
	Dir    string `name:"run" placeholder:"DIR" help:"Folder of the run (default: runs/, and the data set's name)."`
	Resume bool   `help:"Go on with the run in --run from its last checkpoint, bit for bit; all but device and workers is the run's own."`
	Quiet  bool   `help:"Show no progress."`
	deviceFlags
	specFlags
	Checkpoint time.Duration `default:"5m" help:"Time between two checkpoints; the end and Ctrl-C write one in any case."`
	Watch      bool          `default:"true" negatable:"" help:"Compute the loss of held-out samples for the curves, once a meta phase."`
	Events     bool          `name:"tensorboard" help:"Write TensorBoard event files as well."`
}

// Help is shown below the synopsis.
func (trainCmd) Help() string {
	return `Examples:

    lacuna train data/phantom/avdigits --run runs/digits
        the published protocol on synthetic digits, in about a minute
    lacuna train data/av --missing rate:audio=10 --seed 3 --run runs/audio10
        sound for one training pair in ten

The run's folder has its configuration, every step's figures (metrics.jsonl),
checkpoints, progress.png, which is made anew every ten seconds or more, and at
the end report.html: one page that needs nothing else.

The last checkpoint is the model: nothing is selected by any score, and the
files of the test split are not opened. Ctrl-C writes a checkpoint and stops;
--resume goes on as if nothing had been. lacuna validate judges the run.

EXIT STATUS

    0 good, 1 error or interrupted, 2 wrong usage, 3 corrupt data`
}

// deviceFlags say what computes.
type deviceFlags struct {
	Device  string `default:"cpu" group:"Device" help:"cpu, opencl for the first GPU or other OpenCL device, or opencl:NAME for one whose number or name that is (lacuna devices lists them)."`
	Half    bool   `group:"Device" help:"Keep activations in half precision on an OpenCL device."`
	Workers int    `placeholder:"N" group:"Device" help:"Cores that compute, and goroutines that prepare samples; 0 for all. Results do not depend on it."`
}

func (f deviceFlags) open() (engine.Engine, error) {
	kind, name, _ := strings.Cut(f.Device, ":")
	switch {
	case kind == "cpu" && name == "" && !f.Half:
		return cpu.New(cpu.Options{Workers: workers(f.Workers)}), nil
	case kind == "opencl":
		o := opencl.Options{Device: name, Half: f.Half}
		if cache, err := os.UserCacheDir(); err == nil {
			o.CacheDir = filepath.Join(cache, "lacuna")
		}
		e, err := opencl.New(o)
		if err != nil {
			return nil, fmt.Errorf("--device %s: %w; --device cpu needs nothing", f.Device, err)
		}
		return e, nil
	}
	return nil, cli.Usagef("no device %q: there are cpu, opencl and opencl:NAME; --half is for OpenCL", f.Device)
}

// specFlags change a preset.
type specFlags struct {
	Preset    string   `group:"What is learned" placeholder:"NAME" help:"Starting point of all below: paper or best for digits, small or paper for volumes."`
	Seed      uint64   `group:"What is learned" default:"1" help:"Seed of every random choice."`
	Epochs    int      `group:"What is learned" placeholder:"N" help:"Passes over the training samples."`
	Steps     int      `group:"What is learned" placeholder:"N" help:"Steps in all, instead of epochs."`
	Batch     int      `group:"What is learned" placeholder:"N" help:"Samples a step."`
	DropLast  *bool    `group:"What is learned" negatable:"" help:"Leave out the samples of an epoch that fill no batch, or not; the preset says if neither is asked for."`
	LR        float64  `name:"lr" group:"What is learned" placeholder:"RATE" help:"Learning rate at the start."`
	Schedule  string   `group:"What is learned" placeholder:"KIND" help:"How it falls: constant, poly, cosine or step."`
	Optimiser string   `group:"What is learned" placeholder:"KIND" help:"adam, adamw or sgd."`
	Decay     float64  `group:"What is learned" default:"-1" help:"Weight decay; -1 is the preset's."`
	Augment   string   `group:"What is learned" placeholder:"NAME" help:"Augmentation of training samples: ${augmentations}."`
	Input     string   `group:"What is learned" placeholder:"NAME" help:"Scaling of inputs: published ((x-.5)/.5), standard (by the training samples' mean and deviation) or none."`
	Smoothing float64  `group:"What is learned" default:"-1" help:"Label smoothing; -1 is the preset's."`
	Only      []string `group:"Missing modalities" placeholder:"NAME,..." help:"The only modalities to use at all."`
	Missing   string   `group:"Missing modalities" default:"none" help:"Modalities to hide in training, besides what the shards record: none, rate:MODALITY=PERCENT (it stays in that part), random-drop or file:MASKS.csv."`
	Drop      string   `group:"Missing modalities" placeholder:"HOW" help:"Hide modalities anew in every step: none or random."`
	Warm      float64  `group:"Missing modalities" default:"-1" help:"Part of the run before --drop begins; -1 is the preset's."`
	Alpha     float64  `group:"Distillation" default:"-1" help:"Weight of distillation, 0 for none; -1 is the preset's (0.1)."`
	Distance  string   `group:"Distillation" placeholder:"NORM" help:"Distance of features: l1 or l2."`
	Weights   string   `group:"Distillation" placeholder:"NAME" help:"How raw importances become weights: ${activations}."`
	Clamp     float64  `group:"Distillation" placeholder:"RATIO" help:"Bound of the ratio of two weights, at least 1; 0 for none."`
	Meta      string   `group:"Distillation" placeholder:"KIND" help:"How importances are learned on held-out samples: gate (as released), bilevel (as published), leave-out (by what is lost without each) or off."`
	MetaDrop  string   `group:"Distillation" placeholder:"HOW" help:"Hide modalities of held-out samples: none or random."`
	MetaEvery int      `group:"Distillation" default:"-1" help:"Steps between two meta phases, 0 for an epoch; -1 is the preset's."`
	GateScale float64  `group:"Distillation" default:"-1" help:"Factor of the weights in the gate: 1 as published, or the number of modalities; -1 is the preset's."`
	AllLevels bool     `group:"Distillation" help:"Distil the features of all levels of a 3-D network, not of its bottom alone."`
	GateSkips bool     `group:"Distillation" help:"Gate the features of all levels."`
	Width     int      `group:"Network" placeholder:"N" help:"Channels of a 3-D network's first level."`
	Depth     int      `group:"Network" placeholder:"N" help:"Its levels below the first."`
	Deep      bool     `group:"Network" help:"The deeper encoder of images."`
	Recompute bool     `group:"Network" help:"Keep fewer activations and compute them again: less memory, a third more time."`
}

// spec applies the flags to the preset for a data set.
func (f specFlags) spec(d *lab.Data) (lab.Spec, error) {
	s, err := lab.Preset(f.Preset, d.Set, d.Manifest)
	if err != nil {
		return s, cli.Usagef("--preset: %w", err)
	}
	s.Train.Seed, s.Missing, s.Only = f.Seed, f.Missing, f.Only
	if f.Epochs > 0 {
		s.Epochs = f.Epochs
	}
	if f.Steps > 0 {
		s.Epochs, s.Train.Steps = 0, f.Steps
	}
	set(&s.Train.Batch, f.Batch, f.Batch > 0)
	if f.DropLast != nil {
		s.Train.DropLast = *f.DropLast
	}
	set(&s.Train.Schedule.LR, f.LR, f.LR > 0)
	set(&s.Train.Schedule.Kind, f.Schedule, f.Schedule != "")
	if s.Train.Schedule.Kind == "poly" && s.Train.Schedule.Power == 0 {
		s.Train.Schedule.Power = .9
	}
	set(&s.Optimiser.Kind, f.Optimiser, f.Optimiser != "")
	set(&s.Optimiser.Decay, f.Decay, f.Decay >= 0)
	set(&s.Augment, f.Augment, f.Augment != "")
	set(&s.Input, f.Input, f.Input != "")
	set(&s.Smoothing, f.Smoothing, f.Smoothing >= 0)
	set(&s.Train.Drop, f.Drop, f.Drop != "")
	set(&s.Train.Warm, f.Warm, f.Warm >= 0)
	set(&s.Train.Distill.Alpha, f.Alpha, f.Alpha >= 0)
	switch f.Distance {
	case "":
	case "l1", "l2":
		s.Train.Distill.L2 = f.Distance == "l2"
	default:
		return s, cli.Usagef("--distance %q is not l1 or l2", f.Distance)
	}
	set(&s.Train.Distill.Activation, f.Weights, f.Weights != "")
	set(&s.Train.Distill.Clamp, f.Clamp, f.Clamp != 0)
	set(&s.Train.Meta.Kind, f.Meta, f.Meta != "")
	if s.Train.Distill.Alpha == 0 && f.Meta == "" {
		s.Train.Meta.Kind = meta.Off // nothing would use the importances
	}
	set(&s.Train.MetaDrop, f.MetaDrop, f.MetaDrop != "")
	set(&s.Train.MetaEvery, f.MetaEvery, f.MetaEvery >= 0)
	set(&s.Train.Meta.Scale, f.GateScale, f.GateScale > 0)
	s.Train.DistillSkips = s.Train.DistillSkips || f.AllLevels
	s.Train.Meta.Skips = s.Train.Meta.Skips || f.GateSkips
	set(&s.Model.Width, f.Width, f.Width > 0)
	set(&s.Model.Depth, f.Depth, f.Depth > 0)
	s.Model.Deep = s.Model.Deep || f.Deep
	s.Model.Checkpoint = s.Model.Checkpoint || f.Recompute
	return s, nil
}

func set[T any](dst *T, v T, given bool) {
	if given {
		*dst = v
	}
}

// Names for the help.
var (
	activations   = strings.Join([]string{distill.Softmax, distill.ReLU, distill.Sigmoid, distill.Raw}, ", ")
	augmentations = strings.Join(append([]string{lab.AugmentNone}, augment.Presets()...), ", ")
)

func (c *trainCmd) Run(a *app) error {
	if c.Data == "" && !c.Resume {
		return cli.Usagef("train needs a data set of shards: make one with lacuna ingest")
	}
	if c.Dir == "" {
		if c.Data == "" {
			return cli.Usagef("--resume needs --run DIR")
		}
		c.Dir = filepath.Join("runs", filepath.Base(filepath.Clean(c.Data)))
	}
	e, err := c.open()
	if err != nil {
		return err
	}
	defer e.Close()
	if !c.Quiet {
		speed, err := measure.Device(e, time.Now)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "device: %s; %s\n", e.Name(), speed)
	}
	j := &lab.Job{Registry: a.registry, Data: c.Data, Dir: c.Dir, Engine: e, Workers: workers(c.Workers), Talk: a.stderr,
		Quiet: c.Quiet, Now: time.Now, Every: c.Checkpoint, Watch: c.Watch, Events: c.Events,
		Picture: 10 * time.Second, Command: "lacuna " + lab.CommandLine(a.args)}
	var state train.State
	if c.Resume {
		state, err = j.Resume(a.ctx)
	} else {
		state, err = j.New(a.ctx, c.spec)
	}
	if err != nil && a.ctx.Err() != nil && state.Step > 0 {
		return &cli.Error{Code: cli.Failed, Err: fmt.Errorf("stopped after step %d, which is saved: go on with lacuna train --resume --run %s", state.Step, c.Dir)}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: %d steps, curves in %s; judge it with lacuna validate %s\n", c.Dir, state.Step, filepath.Join(c.Dir, lab.ReportName), c.Dir)
	return nil
}
