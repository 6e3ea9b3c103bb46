package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/internal/progress"
	"github.com/lacuna-ml/lacuna/internal/version"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train"
	"github.com/lacuna-ml/lacuna/train/checkpoint"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/meta"
	"github.com/lacuna-ml/lacuna/train/rundir"
)

// Job is a run of training in a directory of its own.
type Job struct {
	Registry *datasets.Registry
	Data     string // the shards
	Dir      string // the run's directory
	Engine   engine.Engine
	Workers  int       // goroutines that prepare samples; 1 or less does it between steps
	Talk     io.Writer // progress and notes
	Quiet    bool      // no progress
	Now      func() time.Time
	// Every is how often a checkpoint is written besides the last: 0 is never.
	Every time.Duration
	// Watch computes the loss of the held-out samples once a phase of meta-learning,
	// or where it would be if it is off, for curves.
	// It says nothing about which checkpoint is best: the last one is the model.
	Watch bool
	// Events also writes TensorBoard's event files.
	Events bool
	// Picture is how often progress.png is made anew: 0 is never.
	Picture time.Duration
	// Command is what began the run, for its report.
	Command string
	// Ready, if not nil, is called once all is checked, before the first step; an
	// error keeps it from being made.
	Ready func() error

	said time.Time // when the last checkpoint was made
}

// Notes of a run's info.
const (
	noteData        = "data"
	noteCommand     = "command"
	noteParameters  = "parameters"
	noteDefinitions = "definitions" // how the data were prepared
)

// New begins a run and trains it to its end.
func (j *Job) New(ctx context.Context, spec func(*Data) (Spec, error)) (train.State, error) {
	if err := rundir.Vacant(j.Dir); err != nil {
		return train.State{}, taken(err)
	}
	d, err := Open(j.Data, j.Registry, split.Train, split.Val)
	if err != nil {
		return train.State{}, err
	}
	defer d.Close()
	s, err := spec(d)
	if err != nil {
		return train.State{}, err
	}
	if err := s.Settle(ctx, d); err != nil {
		return train.State{}, err
	}
	t, err := s.Trainer(ctx, d, j.Engine, j.Workers, j.Now)
	if err != nil {
		return train.State{}, err
	}
	if err := try(ctx, t); err != nil {
		for i, shape := range d.Manifest.Shapes {
			if shape == nil {
				err = fmt.Errorf("%w; those of %s differ in shape", err, d.Manifest.Modalities[i])
			}
		}
		return train.State{}, fmt.Errorf("%s: %w", j.Data, err)
	}
	abs, err := filepath.Abs(j.Data)
	if err != nil {
		return train.State{}, err
	}
	if err := j.ready(); err != nil {
		return train.State{}, err
	}
	info := rundir.Info{Manifest: d.Manifest.ID, Seeds: map[string]uint64{"run": s.Train.Seed}, Notes: map[string]string{
		noteData: abs, noteCommand: j.Command, noteParameters: strconv.Itoa(t.Model.Params().Count()),
		noteDefinitions: definitions(d.Manifest),
	}}
	r, err := rundir.Create(j.Dir, s, info, j.start())
	if err != nil {
		return train.State{}, taken(err)
	}
	return j.train(ctx, r, d, s, t)
}

// taken adds what to do where a run's folder is not free.
func taken(err error) error {
	switch {
	case errors.Is(err, rundir.ErrExists):
		return fmt.Errorf("%w: go on with it by --resume, or give another --run", err)
	case errors.Is(err, rundir.ErrNotEmpty):
		return fmt.Errorf("%w: give another --run, or empty it", err)
	}
	return err
}

// gone adds what to do where a run's data are not where they were.
func gone(err error, data, command string) error {
	if _, err2 := os.Stat(filepath.Join(data, shards.ManifestName)); errors.Is(err2, fs.ErrNotExist) {
		return fmt.Errorf("%w; if they were moved: %s", err, command)
	}
	return err
}

func (j *Job) ready() error {
	if j.Ready == nil {
		return nil
	}
	return j.Ready()
}

func (j *Job) start() rundir.Start {
	return rundir.Start{At: j.Now().UTC().Truncate(time.Second), Tool: "lacuna " + version.Version, Device: j.Engine.Name()}
}

// sameBits reports whether two starts of a run compute the same bits: the number of
// workers does not matter.
func sameBits(a, b rundir.Start) bool {
	return a.Tool == b.Tool && ofWorkers.ReplaceAllString(a.Device, "") == ofWorkers.ReplaceAllString(b.Device, "")
}

// ofWorkers is the end of a CPU's name.
var ofWorkers = regexp.MustCompile(`, \d+ workers?$`)

// Resume goes on with a run from its last checkpoint.
func (j *Job) Resume(ctx context.Context) (train.State, error) {
	r, err := rundir.Open(j.Dir)
	if err != nil {
		return train.State{}, err
	}
	if j.Data == "" {
		j.Data = r.Info().Notes[noteData]
	}
	d, err := Open(j.Data, j.Registry, split.Train, split.Val)
	if err != nil {
		return train.State{}, errors.Join(gone(err, j.Data, "lacuna train DATA --resume --run "+quote(j.Dir)), r.Close())
	}
	defer d.Close()
	s, t, err := j.again(ctx, r, d)
	if err == nil {
		err = j.ready()
	}
	if err != nil {
		return train.State{}, errors.Join(err, r.Close())
	}
	return j.train(ctx, r, d, s, t)
}

// again puts a trainer to where the run was.
func (j *Job) again(ctx context.Context, r *rundir.Run, d *Data) (s Spec, t *train.Trainer, err error) {
	if err := r.Config(&s); err != nil {
		return s, nil, err
	}
	if d.Manifest.ID != s.Manifest {
		return s, nil, fmt.Errorf("%s is not the data set that %s was trained on: its manifest's id is %.12s, that one's %.12s", j.Data, j.Dir, d.Manifest.ID, s.Manifest)
	}
	if t, err = s.Trainer(ctx, d, j.Engine, j.Workers, j.Now); err != nil {
		return s, nil, err
	}
	at := int64(-1)
	c, origin, err := checkpoint.Load(j.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist): // stopped before the first
	case err != nil:
		return s, nil, fmt.Errorf("%s cannot go on: %w; what made it, with another --run, begins anew: %s", j.Dir, err, r.Info().Notes[noteCommand])
	default:
		if origin.Skipped != nil {
			fmt.Fprintf(j.Talk, "%v\ngoing on from the one before it\n", origin.Skipped)
		}
		if c.State.Config != r.Info().Config {
			return s, nil, fmt.Errorf("%s is of another configuration than %s", origin.Path, r.Path(rundir.ConfigName))
		}
		if err := t.Restore(c); err != nil {
			return s, nil, fmt.Errorf("%s: %w", origin.Path, err)
		}
		at = c.State.Step
		if first, now := r.Info().Starts[0], j.start(); !sameBits(first, now) {
			fmt.Fprintf(j.Talk, "the run was begun by %s on %s: going on by %s on %s, it ends with other bits than it would have\n",
				first.Tool, first.Device, now.Tool, now.Device)
		}
	}
	abs, err := filepath.Abs(j.Data)
	if err != nil {
		return s, nil, err
	}
	r.SetNote(noteData, abs)
	return s, t, r.Resume(at, j.start())
}

// train runs the trainer with everything that is written beside it, and closes
// the run.
func (j *Job) train(ctx context.Context, r *rundir.Run, d *Data, s Spec, t *train.Trainer) (state train.State, err error) {
	defer func() { err = errors.Join(err, r.Close()) }()
	log, err := j.log(r, t)
	if err != nil {
		return t.State(), err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	show := io.Discard
	if !j.Quiet {
		show = j.Talk
	}
	bar := progress.New(show, "train "+filepath.Base(j.Dir), "step", s.Train.Steps, j.Now)
	bar.From(t.State().Step)
	j.said = j.Now()
	pic := painter{dir: j.Dir, modalities: t.Modalities.Names(), talk: j.Talk, every: j.Picture, due: j.said.Add(j.Picture)}
	defer pic.end()
	t.Hooks.Step = func(_ context.Context, st train.State) error {
		bar.Note(say(st, t)...)
		bar.Add(1)
		if err := log.step(st); err != nil {
			return err
		}
		now := j.Now()
		pic.tick(now, st.Step)
		if j.Every > 0 && now.Sub(j.said) >= j.Every && st.Step < s.Train.Steps {
			j.said = now
			return j.save(r, t)
		}
		return nil
	}
	t.Hooks.Meta = func(ctx context.Context, st train.State) error {
		if !j.Watch || t.Meta.Len == 0 {
			return nil
		}
		return log.watch(ctx, st, standIn(d.Set))
	}
	state, err = t.Run(ctx)
	bar.Done()
	if err != nil && !errors.Is(err, context.Cause(ctx)) {
		return state, err // of a step that failed nothing is kept
	}
	if err2 := j.save(r, t); err2 != nil {
		return state, fmt.Errorf("step %d could not be saved: %w", state.Step, err2)
	}
	if err != nil {
		err = fmt.Errorf("%w after step %d: %w", ErrStopped, state.Step, err)
	}
	return state, errors.Join(err, WriteReport(j.Dir, j.Registry))
}

// ErrStopped says that a run was stopped, and that a checkpoint has all it did.
var ErrStopped = errors.New("stopped")

// standIn is the modality whose generated features are watched: the one that is
// worth most, as far as a data set is known.
func standIn(d datasets.Dataset) int {
	for i, name := range d.Modalities.Names() {
		if name == "t1ce" || name == "audio" {
			return i
		}
	}
	return d.Modalities.Len() - 1
}

// save writes a checkpoint, after all lines of the metrics that it counts on.
func (j *Job) save(r *rundir.Run, t *train.Trainer) error {
	if err := r.Sync(); err != nil {
		return err
	}
	c, err := t.Snapshot()
	if err != nil {
		return err
	}
	c.State.Config, c.State.Manifest, c.State.Tool = r.Info().Config, r.Info().Manifest, "lacuna "+version.Version
	return checkpoint.Save(j.Dir, c)
}

// say is what stands after the bar, the most important first.
func say(s train.State, t *train.Trainer) []string {
	loss := fmt.Sprintf("loss %.3f", s.Loss)
	if t.Config.Distill.Alpha > 0 {
		loss += fmt.Sprintf("+%.4f", s.Distil)
	}
	parts := []string{loss}
	if t.Config.Meta.Kind != meta.Off {
		var weights []string
		for i, name := range initials(t.Modalities.Names()) {
			weights = append(weights, name+" "+strings.TrimPrefix(fmt.Sprintf("%.2f", s.Weights[i]), "0"))
		}
		parts = append(parts, strings.Join(weights, " "))
	}
	parts = append(parts, fmt.Sprintf("lr %.2g", s.LR))
	if s.Busy > 0 {
		parts = append(parts, pace(float64(s.Samples)/s.Busy.Seconds())+" samples/s", fmt.Sprintf("wait %.1f%%", 100*s.Wait.Seconds()/s.Busy.Seconds()))
	}
	return parts
}

// initials returns of each name the shortest part that begins no other, or all of it.
func initials(names []string) []string {
	short := slices.Clone(names)
	for i, name := range names {
		for n := 1; n < len(name) && short[i] == name; n++ {
			if !slices.ContainsFunc(names, func(o string) bool { return o != name && strings.HasPrefix(o, name[:n]) }) {
				short[i] = name[:n]
			}
		}
	}
	return short
}

// SpecOf reads the configuration of a run.
func SpecOf(dir string) (s Spec, info rundir.Info, err error) {
	if info, err = rundir.ReadInfo(dir); err != nil {
		return s, info, err
	}
	text, err := os.ReadFile(filepath.Join(dir, rundir.ConfigName))
	if err != nil {
		return s, info, err
	}
	return s, info, json.Unmarshal(text, &s)
}
