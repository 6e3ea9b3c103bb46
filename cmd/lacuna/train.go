package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
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
        the published protocol on synthetic digits, in some seconds
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

// open says on w what takes long.
func (f deviceFlags) open(w io.Writer) (engine.Engine, error) {
	kind, name, _ := strings.Cut(f.Device, ":")
	switch {
	case f.Workers < 0:
		return nil, cli.Usagef("--workers %d: want a number of cores, or 0 for all", f.Workers)
	case kind == "cpu" && name == "" && f.Half:
		return nil, cli.Usagef("--half is for OpenCL devices; the cpu has no half precision")
	case kind == "cpu" && name == "":
		return cpu.New(cpu.Options{Workers: workers(f.Workers)}), nil
	case kind == "opencl":
		o := opencl.Options{Device: name, Half: f.Half}
		if cache, err := os.UserCacheDir(); err == nil {
			o.CacheDir = filepath.Join(cache, "lacuna")
		}
		slow := time.AfterFunc(2*time.Second, func() {
			fmt.Fprintln(w, "lacuna: the OpenCL driver compiles the kernels, which takes half a minute or so, once")
		})
		e, err := opencl.New(o)
		slow.Stop()
		if err != nil {
			return nil, fmt.Errorf("--device %s: %w; --device cpu needs nothing", f.Device, err)
		}
		return e, nil
	}
	return nil, cli.Usagef("no device %q: there are cpu, opencl and opencl:NAME", f.Device)
}

// specFlags change a preset; what is nil, empty or false leaves it as it is.
type specFlags struct {
	Preset    string   `group:"What is learned" placeholder:"NAME" help:"Starting point of all below: paper or best for digits, small or paper for volumes."`
	Seed      *uint64  `group:"What is learned" placeholder:"N" help:"Seed of every random choice (1)."`
	Epochs    *int     `group:"What is learned" placeholder:"N" help:"Passes over the training samples."`
	Steps     *int     `group:"What is learned" placeholder:"N" help:"Steps in all, instead of epochs."`
	Batch     *int     `group:"What is learned" placeholder:"N" help:"Samples a step."`
	DropLast  *bool    `group:"What is learned" negatable:"" help:"Leave out the samples of an epoch that fill no batch, or not; the preset says if neither is asked for."`
	LR        *float64 `name:"lr" group:"What is learned" placeholder:"RATE" help:"Learning rate at the start."`
	Schedule  string   `group:"What is learned" placeholder:"KIND" help:"How it falls: constant, poly, cosine or step."`
	Optimiser string   `group:"What is learned" placeholder:"KIND" help:"adam, adamw or sgd."`
	Decay     *float64 `group:"What is learned" placeholder:"RATE" help:"Weight decay."`
	Augment   string   `group:"What is learned" placeholder:"NAME" help:"Augmentation of training samples: ${augmentations}."`
	Input     string   `group:"What is learned" placeholder:"NAME" help:"Scaling of inputs: published ((x-.5)/.5), standard (by the training samples' mean and deviation) or none."`
	Smoothing *float64 `group:"What is learned" placeholder:"PART" help:"Label smoothing of a classification, 0 to below 1."`
	Only      []string `group:"Missing modalities" placeholder:"NAME,..." help:"The only modalities to use at all."`
	Missing   string   `group:"Missing modalities" placeholder:"POLICY" help:"Modalities to hide in training, besides what the shards record: none, rate:MODALITY=PERCENT (it stays in that part), random-drop or file:MASKS.csv."`
	Drop      string   `group:"Missing modalities" placeholder:"HOW" help:"Hide modalities anew in every step: none or random."`
	Warm      *float64 `group:"Missing modalities" placeholder:"PART" help:"Part of the run before --drop begins, 0 to 1."`
	Alpha     *float64 `group:"Distillation" placeholder:"WEIGHT" help:"Weight of distillation, 0 for none; presets have 0.1."`
	Distance  string   `group:"Distillation" placeholder:"NORM" help:"Distance of features: l1 or l2."`
	Weights   string   `group:"Distillation" placeholder:"NAME" help:"How raw importances become weights: ${activations}."`
	Clamp     *float64 `group:"Distillation" placeholder:"RATIO" help:"Bound of the ratio of two weights, at least 1; 0 for none."`
	Meta      string   `group:"Distillation" placeholder:"KIND" help:"How importances are learned on held-out samples: gate (as released), bilevel (as published), leave-out (by what is lost without each) or off."`
	MetaDrop  string   `group:"Distillation" placeholder:"HOW" help:"Hide modalities of held-out samples: none or random."`
	MetaEvery *int     `group:"Distillation" placeholder:"N" help:"Steps between two meta phases, 0 for an epoch."`
	GateScale *float64 `group:"Distillation" placeholder:"FACTOR" help:"Factor of the weights in the gate: 1 as published, or the number of modalities."`
	AllLevels bool     `group:"Distillation" help:"Distil the features of all levels of a 3-D network, not of its bottom alone."`
	GateSkips bool     `group:"Distillation" help:"Gate the features of all levels of a 3-D network."`
	Width     *int     `group:"Network" placeholder:"N" help:"Channels of a 3-D network's first level."`
	Depth     *int     `group:"Network" placeholder:"N" help:"Its levels below the first."`
	Deep      bool     `group:"Network" help:"The deeper encoder of images."`
	Recompute bool     `group:"Network" help:"Keep fewer activations of a 3-D network and compute them again: less memory, a third more time."`
}

// given are the names of the flags that were given.
func (f specFlags) given() []string {
	var names []string
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name := field.Tag.Get("name")
		if name == "" {
			name = strings.ToLower(word.ReplaceAllString(field.Name, "$1-$2"))
		}
		if !v.Field(i).IsZero() {
			names = append(names, "--"+name)
		}
	}
	return names
}

// word is where a name goes on with another word.
var word = regexp.MustCompile(`([a-z])([A-Z])`)

// check refuses what is out of range, and what would change nothing for the task.
func (f specFlags) check(task datasets.Task) error {
	for _, r := range []struct {
		flag  string
		wrong bool
		want  string
	}{
		{"--epochs", outside(f.Epochs, 1, most), "at least 1"},
		{"--steps", outside(f.Steps, 1, most), "at least 1"},
		{"--steps and --epochs", f.Steps != nil && f.Epochs != nil, "one of them"},
		{"--batch", outside(f.Batch, 1, most), "at least 1"},
		{"--lr", outside(f.LR, math.SmallestNonzeroFloat64, math.MaxFloat64), "a rate above 0"},
		{"--decay", outside(f.Decay, 0, math.MaxFloat64), "0 or above"},
		{"--smoothing", outside(f.Smoothing, 0, below1), "0 to below 1"},
		{"--warm", outside(f.Warm, 0, 1), "0 to 1"},
		{"--alpha", outside(f.Alpha, 0, math.MaxFloat64), "0 or above"},
		{"--clamp", outside(f.Clamp, 1, math.MaxFloat64) && *f.Clamp != 0, "0 or at least 1"},
		{"--meta-every", outside(f.MetaEvery, 0, most), "0 or above"},
		{"--gate-scale", outside(f.GateScale, math.SmallestNonzeroFloat64, math.MaxFloat64), "a factor above 0"},
		{"--width", outside(f.Width, 1, most), "at least 1"},
		{"--depth", outside(f.Depth, 1, most), "at least 1"},
		{"--distance", f.Distance != "" && f.Distance != "l1" && f.Distance != "l2", "l1 or l2"},
	} {
		if r.wrong {
			return cli.Usagef("%s: want %s", r.flag, r.want)
		}
	}
	none := []string{"--all-levels", "--gate-skips", "--width", "--depth", "--recompute"}
	if task == datasets.Segmentation {
		none = []string{"--deep", "--smoothing"}
	}
	for _, name := range f.given() {
		if slices.Contains(none, name) {
			return cli.Usagef("%s: would change nothing in a %s", name, task)
		}
	}
	return nil
}

const most = 1 << 31 // of whatever is counted

var below1 = math.Nextafter(1, 0)

// outside reports whether a value that was given is not from least to most, as NaN
// never is.
func outside[T int | float64](v *T, least, most T) bool {
	if v == nil {
		return false
	}
	within := *v >= least && *v <= most
	return !within
}

// spec applies the flags to the preset for a data set.
func (f specFlags) spec(d *lab.Data) (lab.Spec, error) {
	s, err := lab.Preset(f.Preset, d.Set, d.Manifest)
	if err != nil {
		return s, cli.Usagef("--preset: %w", err)
	}
	if err := f.check(d.Set.Task); err != nil {
		return s, err
	}
	s.Only = f.Only
	set(&s.Train.Seed, f.Seed)
	set(&s.Epochs, f.Epochs)
	if f.Steps != nil {
		s.Epochs, s.Train.Steps = 0, *f.Steps
	}
	set(&s.Train.Batch, f.Batch)
	set(&s.Train.DropLast, f.DropLast)
	set(&s.Train.Schedule.LR, f.LR)
	setName(&s.Train.Schedule.Kind, f.Schedule)
	if s.Train.Schedule.Kind == "poly" && s.Train.Schedule.Power == 0 {
		s.Train.Schedule.Power = .9
	}
	setName(&s.Optimiser.Kind, f.Optimiser)
	set(&s.Optimiser.Decay, f.Decay)
	setName(&s.Augment, f.Augment)
	setName(&s.Input, f.Input)
	set(&s.Smoothing, f.Smoothing)
	setName(&s.Missing, f.Missing)
	setName(&s.Train.Drop, f.Drop)
	set(&s.Train.Warm, f.Warm)
	set(&s.Train.Distill.Alpha, f.Alpha)
	if f.Distance != "" {
		s.Train.Distill.L2 = f.Distance == "l2"
	}
	setName(&s.Train.Distill.Activation, f.Weights)
	set(&s.Train.Distill.Clamp, f.Clamp)
	setName(&s.Train.Meta.Kind, f.Meta)
	if s.Train.Distill.Alpha == 0 && f.Meta == "" {
		s.Train.Meta.Kind = meta.Off // nothing would use the importances
	}
	setName(&s.Train.MetaDrop, f.MetaDrop)
	set(&s.Train.MetaEvery, f.MetaEvery)
	set(&s.Train.Meta.Scale, f.GateScale)
	s.Train.DistillSkips = s.Train.DistillSkips || f.AllLevels
	s.Train.Meta.Skips = s.Train.Meta.Skips || f.GateSkips
	set(&s.Model.Width, f.Width)
	set(&s.Model.Depth, f.Depth)
	s.Model.Deep = s.Model.Deep || f.Deep
	s.Model.Checkpoint = s.Model.Checkpoint || f.Recompute
	return s, nil
}

// set takes over a value that was given.
func set[T any](dst, v *T) {
	if v != nil {
		*dst = *v
	}
}

// setName takes over a name that was given.
func setName(dst *string, v string) {
	if v != "" {
		*dst = v
	}
}

// Names for the help.
var (
	activations   = strings.Join([]string{distill.Softmax, distill.ReLU, distill.Sigmoid, distill.Raw}, ", ")
	augmentations = strings.Join(append([]string{lab.AugmentNone}, augment.Presets()...), ", ")
)

func (c *trainCmd) Run(a *app) error {
	given := c.given()
	switch {
	case c.Data == "" && !c.Resume:
		return cli.Usagef("train needs a data set of shards: make one with lacuna ingest")
	case c.Dir == "" && c.Data == "":
		return cli.Usagef("--resume needs --run DIR")
	case c.Resume && len(given) > 0:
		return cli.Usagef("%s: --resume goes on with what the run has", strings.Join(given, ", "))
	case c.Checkpoint < 0:
		return cli.Usagef("--checkpoint %s: want a time, or 0 for none before the end", c.Checkpoint)
	case c.Dir == "":
		abs, err := filepath.Abs(c.Data)
		if err != nil {
			return err
		}
		c.Dir = filepath.Join("runs", filepath.Base(abs))
	}
	e, err := c.open(a.stderr)
	if err != nil {
		return err
	}
	defer e.Close()
	j := &lab.Job{Registry: a.registry, Data: c.Data, Dir: c.Dir, Engine: e, Workers: workers(c.Workers), Talk: a.stderr,
		Quiet: c.Quiet, Now: time.Now, Every: c.Checkpoint, Watch: c.Watch, Events: c.Events,
		Picture: 10 * time.Second, Command: "lacuna " + lab.CommandLine(a.args)}
	if !c.Quiet {
		j.Ready = func() error {
			speed, err := measure.Device(e, time.Now)
			if err == nil {
				fmt.Fprintf(a.stderr, "device: %s; %s\n", e.Name(), speed)
			}
			return err
		}
	}
	var state train.State
	if c.Resume {
		state, err = j.Resume(a.ctx)
	} else {
		state, err = j.New(a.ctx, c.spec)
	}
	switch {
	case errors.Is(err, lab.ErrStopped):
		return &cli.Error{Code: cli.Failed, Err: fmt.Errorf("stopped after step %d, which is saved: go on with %s", state.Step, command("train", "--resume", "--run", c.Dir))}
	case err != nil && errors.Is(err, context.Cause(a.ctx)):
		return &cli.Error{Code: cli.Failed, Err: errors.New("stopped before the first step: give the same command again")}
	case err != nil:
		return misused(err)
	}
	steps := "1 step"
	if state.Step != 1 {
		steps = fmt.Sprintf("%d steps", state.Step)
	}
	fmt.Fprintf(a.stdout, "%s: %s, curves in %s; judge it with %s\n", c.Dir, steps, filepath.Join(c.Dir, lab.ReportName), command("validate", c.Dir))
	return nil
}

// command writes a command line to be given as it stands.
func command(args ...string) string { return "lacuna " + lab.CommandLine(args) }

// misused gives a configuration that makes no sense the exit code of wrong usage.
func misused(err error) error {
	if _, ok := errors.AsType[*lab.SpecError](err); ok {
		return &cli.Error{Code: cli.Usage, Err: err}
	}
	return err
}
