package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/loss"
	"github.com/lacuna-ml/lacuna/train/meta"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/optim"
)

// How modalities that a sample has are hidden in training.
const (
	DropNone   = "none"
	DropRandom = "random" // n uniform in 1 to N, then each subset of n alike
)

// Config is what a run does, besides its parts.
type Config struct {
	Steps    int            `json:"steps"` // optimiser's steps in all
	Batch    int            `json:"batch"` // samples a step; the last of an epoch may have fewer
	Seed     uint64         `json:"seed"`
	Schedule optim.Schedule `json:"schedule"`

	// DropLast leaves out the samples of an epoch that fill no batch.
	DropLast bool `json:"drop_last,omitempty"`

	// Drop hides modalities, by sample, from the first step after the part Warm
	// of the run on: DropNone or DropRandom.
	Drop string  `json:"drop"`
	Warm float64 `json:"warm"`

	Distill distill.Options `json:"distill"`
	// DistillSkips distils the features of all levels of a network that has
	// several, each with the same weight, and not the last alone.
	DistillSkips bool `json:"distill_skips,omitempty"`

	Meta meta.Options `json:"meta"`
	// MetaEvery is how many steps lie between two phases of meta-learning, the
	// first of which comes after the first step; 0 is an epoch.
	MetaEvery int `json:"meta_every"`
	// MetaBatches and MetaBatch are how many batches a phase has, of how many
	// samples; 0 batches is one pass over the feed.
	MetaBatches int `json:"meta_batches"`
	MetaBatch   int `json:"meta_batch"`
	// MetaDrop hides modalities in them, as Drop does in training.
	MetaDrop string `json:"meta_drop"`
}

// Check reports what makes no sense.
func (c Config) Check() error {
	drops := func(d string) bool { return d == DropNone || d == DropRandom }
	switch {
	case c.Steps < 1 || c.Batch < 1:
		return fmt.Errorf("train: %d steps of %d samples: want at least one of one", c.Steps, c.Batch)
	case !drops(c.Drop) || !drops(c.MetaDrop):
		return fmt.Errorf("train: drop %q, meta drop %q: want none or random", c.Drop, c.MetaDrop)
	case c.Warm < 0 || c.Warm > 1:
		return fmt.Errorf("train: warm %g: want a part of the run, 0 to 1", c.Warm)
	case c.Meta.Kind != meta.Off && (c.MetaBatch < 1 || c.MetaBatches < 0) || c.MetaEvery < 0:
		return fmt.Errorf("train: %d meta batches of %d samples every %d steps", c.MetaBatches, c.MetaBatch, c.MetaEvery)
	}
	return errors.Join(c.Schedule.Check(), c.Distill.Check(), c.Meta.Check())
}

// PerEpoch returns how many steps an epoch of that many samples has.
func (c Config) PerEpoch(samples int) int {
	if c.DropLast {
		return samples / c.Batch
	}
	return (samples + c.Batch - 1) / c.Batch
}

// State is how far a run is, and what its last step gave.
type State struct {
	Step  int     `json:"step"`  // steps done
	Epoch int     `json:"epoch"` // of the last step, from 0
	LR    float64 `json:"lr"`
	// Loss is the task's loss of the last step, Distil that of distillation,
	// alpha included. MetaLoss is that of the last phase's last batch, of the
	// held-out feed: it says nothing about which checkpoint is best.
	Loss     float64 `json:"loss"`
	Distil   float64 `json:"distil"`
	MetaLoss float64 `json:"meta_loss"`
	// HeldOut counts the uses of held-out samples by meta-learning so far.
	HeldOut int `json:"held_out"`
	// U and Weights are the raw importances and the weights, by modality.
	U       []float32 `json:"u"`
	Weights []float64 `json:"weights"`
	// Wait is the time that steps waited for samples, Busy that they took, in
	// this process.
	Wait, Busy time.Duration `json:"-"`
	Samples    int           `json:"-"` // trained on in this process
}

// Hooks are called as a run goes on; any may be nil. An error ends the run with
// it.
type Hooks struct {
	Step func(context.Context, State) error // after each step
	// Meta is called after each phase of meta-learning, and where the phases would
	// be if it is off.
	Meta func(context.Context, State) error
}

// Trainer trains.
type Trainer struct {
	Config     Config
	Modalities modality.Set
	Engine     engine.Engine
	Model      nn.Model
	Objective  loss.Objective
	Optimiser  optim.Optimiser
	Train      Feed
	Meta       Feed // the held-out one; not learned from where Config.Meta is off
	Hooks      Hooks
	// Now is the clock of Wait and Busy; nil leaves them 0.
	Now func() time.Time

	learner *meta.Learner
	state   State
}

// Start checks that the parts fit, and makes the importances.
func (t *Trainer) Start() error {
	if err := t.Config.Check(); err != nil {
		return err
	}
	if t.Train.Len < 1 || t.Config.Meta.Kind != meta.Off && t.Meta.Len < 1 {
		return fmt.Errorf("train: %d samples to train on, %d held out to learn importances on: without any, importances can only be off (--meta off)", t.Train.Len, t.Meta.Len)
	}
	if t.perEpoch() < 1 {
		return fmt.Errorf("train: %d samples fill no batch of %d", t.Train.Len, t.Config.Batch)
	}
	t.learner = &meta.Learner{Engine: t.Engine, Model: t.Model, Objective: t.Objective,
		Distill: t.Config.Distill, AllLevels: t.Config.DistillSkips, Options: t.Config.Meta}
	t.learner.Start(t.Modalities.Len(), t.Config.Seed)
	t.state = State{}
	t.note()
	return nil
}

// State returns how far the run is.
func (t *Trainer) State() State { return t.state }

func (t *Trainer) perEpoch() int { return t.Config.PerEpoch(t.Train.Len) }

// Run makes the steps that are left. It ends early with the cause of ctx, between
// two steps: one under way is ended, its phase of meta-learning too, so that a
// snapshot taken then goes on where it ended. After any other error a step may be
// half done, and there is nothing to take a snapshot of.
func (t *Trainer) Run(ctx context.Context) (State, error) {
	loading, cancel := context.WithCancel(ctx)
	batches := t.load(loading, t.state.Step)
	defer func() {
		cancel()
		for range batches { // until its goroutine has ended
		}
	}()
	for t.state.Step < t.Config.Steps {
		began := t.now()
		var l loaded
		select {
		case l = <-batches:
		case <-ctx.Done():
		}
		if ctx.Err() != nil { // which ends the feed too: there may be no batch in l
			return t.state, context.Cause(ctx)
		}
		if l.err != nil {
			return t.state, l.err
		}
		t.state.Wait += t.now().Sub(began)
		if err := t.step(ctx, l.batch); err != nil {
			return t.state, fmt.Errorf("train: step %d: %w", t.state.Step+1, err)
		}
		t.state.Busy += t.now().Sub(began)
		if f := t.Hooks.Step; f != nil {
			if err := f(ctx, t.state); err != nil {
				return t.state, err
			}
		}
		if ctx.Err() != nil {
			return t.state, context.Cause(ctx)
		}
	}
	return t.state, nil
}

func (t *Trainer) now() time.Time {
	if t.Now == nil {
		return time.Time{}
	}
	return t.Now()
}

// step makes one step and, where it is due, the phase of meta-learning after it.
func (t *Trainer) step(ctx context.Context, b batch) error {
	s := &t.state
	epoch := s.Step / t.perEpoch()
	s.LR = t.Config.Schedule.At(s.Step, t.Config.Steps, epoch)
	if err := t.descend(b); err != nil {
		return err
	}
	done := s.Step
	s.Step, s.Epoch = done+1, epoch
	s.Samples += len(b.keys)
	t.note()
	if done%t.metaEvery() != 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if t.Config.Meta.Kind != meta.Off {
		if err := t.metaPhase(ctx, done/t.metaEvery(), b); err != nil {
			return err
		}
	}
	if f := t.Hooks.Meta; f != nil {
		return f(ctx, t.state)
	}
	return nil
}

func (t *Trainer) note() {
	t.state.U = append([]float32(nil), t.learner.U...)
	t.state.Weights = t.learner.Weights()
}

// descend is the step on the network's parameters.
func (t *Trainer) descend(b batch) error {
	params := t.Model.Params()
	tape := autograd.New(t.Engine)
	tape.Seed = draw(t.Config.Seed, uint64(t.state.Step), 0).Uint64()
	defer tape.Reset()
	in, err := nn.NewBatch(tape, b.Inputs, b.Present)
	if err != nil {
		return err
	}
	t.Engine.Fill(params.Grad, 0) // of what this batch does not reach
	code := t.Model.Encode(tape, in)
	var distil []autograd.Loss
	if t.Config.Distill.Alpha > 0 {
		distil = t.learner.Distance(tape, code, b.Present)
	}
	code.Features = tape.Impute(code.Features, in.Mask)
	task, err := t.Objective.On(tape, t.Model.Decode(tape, code), b.Targets)
	if err != nil {
		return err
	}
	if t.state.Loss, err = task.Value(); err != nil {
		return err
	}
	t.state.Distil = 0
	for _, d := range distil {
		v, err := d.Value()
		if err != nil {
			return err
		}
		t.state.Distil += v
	}
	if !finite(t.state.Loss + t.state.Distil) {
		return fmt.Errorf("the loss is %g and that of distillation %g, at learning rate %.3g: training diverges, with a lower rate it may not",
			t.state.Loss, t.state.Distil, t.state.LR)
	}
	if err := tape.Backward(); err != nil {
		return err
	}
	t.Optimiser.Step(params.Value, params.Grad, t.state.LR)
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// metaEvery returns how many steps lie between two phases.
func (t *Trainer) metaEvery() int {
	if t.Config.MetaEvery == 0 {
		return t.perEpoch()
	}
	return t.Config.MetaEvery
}

// metaPhase learns importances from the held-out feed, after a step on train.
func (t *Trainer) metaPhase(ctx context.Context, phase int, train batch) error {
	size := t.Config.MetaBatch
	count := t.Config.MetaBatches * size
	if count == 0 {
		count = t.Meta.Len
	}
	var b batch
	at := 0
	for s, err := range t.Meta.from(ctx, phase*count, count) {
		if err != nil {
			return fmt.Errorf("held-out feed: %w", err)
		}
		present := s.Present
		if t.Config.MetaDrop == DropRandom {
			present = keepSome(draw(t.Config.Seed, uint64(phase), 1+uint64(at)<<1), present)
		}
		b.add(s, present)
		if at++; len(b.keys) == size || at == count {
			if err := t.metaStep(train, b); err != nil {
				return err
			}
			t.state.HeldOut += len(b.keys)
			b = batch{}
		}
	}
	t.note()
	return nil
}

func (t *Trainer) metaStep(train, b batch) (err error) {
	switch t.Config.Meta.Kind {
	case meta.Bilevel:
		t.state.MetaLoss, err = t.learner.Bilevel(train.Batch, b.Batch, t.state.LR)
	case meta.LeaveOut:
		t.state.MetaLoss, err = t.learner.LeaveOut(b.Batch)
	default:
		t.state.MetaLoss, err = t.learner.Gate(b.Batch)
	}
	if err == nil && !finite(t.state.MetaLoss) {
		err = fmt.Errorf("the loss of held-out samples is %g: training diverges, at learning rate %.3g", t.state.MetaLoss, t.state.LR)
	}
	return err
}

// seen returns what the network sees of a sample that has present, the i-th of
// the batch of a step.
func (t *Trainer) seen(present modality.Mask, step, i int) modality.Mask {
	if t.Config.Drop != DropRandom || float64(step) < t.Config.Warm*float64(t.Config.Steps) {
		return present
	}
	return keepSome(draw(t.Config.Seed, uint64(step), 2+uint64(i)<<1), present)
}

// keepSome keeps n of the N modalities present, n uniform in 1 to N, and each
// subset of n with the same chance.
func keepSome(rng *rand.Rand, present modality.Mask) modality.Mask {
	left := present.Count()
	if left == 0 {
		return present
	}
	want := 1 + rng.IntN(left)
	var kept modality.Mask
	for i := range present.All() {
		if rng.IntN(left) < want { // want of left, each alike
			kept = kept.With(i)
			want--
		}
		left--
	}
	return kept
}

// draw returns the source of chance for one purpose at one step.
func draw(seed, step, purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed^purpose*0x9e3779b97f4a7c15, step))
}
