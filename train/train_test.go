package train_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train"
	"github.com/lacuna-ml/lacuna/train/checkpoint"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/loss"
	"github.com/lacuna-ml/lacuna/train/meta"
	"github.com/lacuna-ml/lacuna/train/models/avnet"
	"github.com/lacuna-ml/lacuna/train/optim"
)

// digits is a feed of n samples of noise whose brightness and loudness tell the
// class; where lacking, every third has no sound.
func digits(n int, seed uint64, lacking bool) train.Feed {
	return train.Feed{Len: n, Samples: func(_ context.Context, epoch, skip int) iter.Seq2[*ingest.Sample, error] {
		return func(yield func(*ingest.Sample, error) bool) {
			order := rand.New(rand.NewPCG(seed, uint64(epoch))).Perm(n)
			for _, i := range order[skip:] {
				if !yield(digit(i, seed, lacking), nil) {
					return
				}
			}
		}
	}}
}

func digit(i int, seed uint64, lacking bool) *ingest.Sample {
	rng := rand.New(rand.NewPCG(seed, uint64(i)+1<<32))
	class := i % 4
	noise := func(h, w int, level float64) ingest.Array {
		v := make([]float32, h*w)
		for k := range v {
			v[k] = float32(level + .3*rng.NormFloat64())
		}
		return ingest.Array{Shape: []int{h, w}, Data: v}
	}
	s := &ingest.Sample{
		Key:    ingest.Key{Dataset: "digits", Subject: fmt.Sprint(i)},
		Inputs: []ingest.Array{noise(28, 28, float64(class%2)), noise(20, 20, float64(class/2))},
		Target: ingest.Class(uint8(class)), Present: 3,
	}
	if lacking && i%3 == 0 {
		s.Inputs[1], s.Present = ingest.Array{}, 1
	}
	return s
}

func trainer(t *testing.T, workers int, change func(*train.Trainer)) *train.Trainer {
	t.Helper()
	e := cpu.New(cpu.Options{Workers: workers})
	t.Cleanup(func() { e.Close() })
	net, err := avnet.New(e, avnet.Options{Classes: 4}, 5)
	if err != nil {
		t.Fatal(err)
	}
	o, err := optim.New(e, net.Params().Value.Shape.Len(), optim.Options{Kind: "adam", Decay: 1e-2})
	if err != nil {
		t.Fatal(err)
	}
	tr := &train.Trainer{
		Config: train.Config{
			Steps: 23, Batch: 8, Seed: 9, Schedule: optim.Schedule{Kind: "cosine", LR: 2e-3}, Drop: train.DropRandom, Warm: .3,
			Distill: distill.Options{Alpha: .1}, Meta: meta.Options{Kind: meta.Gate, LR: 1e-2, Decay: 1e-2, Scale: 1},
			MetaBatch: 5, MetaDrop: train.DropNone,
		},
		Modalities: modality.MustSet("image", "sound"), Engine: e, Model: net, Objective: loss.Classes{N: 4}, Optimiser: o,
		Train: digits(42, 1, true), Meta: digits(12, 2, false),
	}
	if change != nil {
		change(tr)
	}
	if err := tr.Start(); err != nil {
		t.Fatal(err)
	}
	return tr
}

func snapshot(t *testing.T, tr *train.Trainer) *checkpoint.Checkpoint {
	t.Helper()
	c, err := tr.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// differ lists the tensors whose bits differ.
func differ(a, b *checkpoint.Checkpoint) (names []string) {
	for i, x := range a.Tensors {
		y := b.Tensors[i]
		if x.Name != y.Name || !slices.EqualFunc(x.Data, y.Data, func(p, q float32) bool { return math.Float32bits(p) == math.Float32bits(q) }) {
			names = append(names, x.Name)
		}
	}
	return names
}

var errStop = errors.New("stopped")

// A run that is cut anywhere and restored in a new trainer, on another number of
// workers, ends with the same bits.
func TestResumedIsUninterrupted(t *testing.T) {
	kinds := map[string]func(*train.Trainer){
		"gate":          nil,
		"bilevel":       func(tr *train.Trainer) { tr.Config.Meta.Kind, tr.Config.MetaEvery = meta.Bilevel, 4 },
		"whole batches": func(tr *train.Trainer) { tr.Config.Batch, tr.Config.DropLast = 5, true }, // 8 steps are an epoch, 2 samples stay
		"sgd, random meta": func(tr *train.Trainer) {
			tr.Config.MetaDrop, tr.Config.MetaEvery, tr.Config.MetaBatches = train.DropRandom, 5, 3
			tr.Optimiser, _ = optim.New(tr.Engine, tr.Model.Params().Value.Shape.Len(), optim.Options{Kind: "sgd", Momentum: .9})
		},
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		t.Run(name, func(t *testing.T) {
			whole := trainer(t, 1, kinds[name])
			if _, err := whole.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := snapshot(t, whole)
			for _, cut := range []int{1, 5, 6, 7, 8, 22} { // 6 steps are an epoch
				first := trainer(t, 2, kinds[name])
				first.Hooks.Step = func(_ context.Context, s train.State) error {
					if s.Step == cut {
						return errStop
					}
					return nil
				}
				if _, err := first.Run(t.Context()); !errors.Is(err, errStop) {
					t.Fatal(err)
				}
				second := trainer(t, 1, kinds[name])
				if err := second.Restore(snapshot(t, first)); err != nil {
					t.Fatal(err)
				}
				state, err := second.Run(t.Context())
				if err != nil || state.Step != 23 {
					t.Fatal(state.Step, err)
				}
				if names := differ(want, snapshot(t, second)); len(names) > 0 {
					t.Errorf("cut after step %d: %d tensors differ: %v", cut, len(names), names)
				}
				if got, want := second.State(), whole.State(); got.Loss != want.Loss || !slices.Equal(got.U, want.U) {
					t.Errorf("cut after step %d: loss %v, importances %v; want %v, %v", cut, got.Loss, got.U, want.Loss, want.U)
				}
			}
		})
	}
}

func TestSeedsDiffer(t *testing.T) {
	a, b := trainer(t, 1, nil), trainer(t, 1, func(tr *train.Trainer) { tr.Config.Seed = 10 })
	for _, tr := range []*train.Trainer{a, b} {
		if _, err := tr.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(differ(snapshot(t, a), snapshot(t, b))) == 0 {
		t.Error("two seeds gave the same run")
	}
}

func TestItLearns(t *testing.T) {
	tr := trainer(t, 1, func(tr *train.Trainer) { tr.Config.Steps, tr.Config.Drop = 120, train.DropNone })
	before, err := tr.HeldOut(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := tr.HeldOut(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !(after < before/4) { // classes that a threshold tells
		t.Errorf("held-out loss %.3f after training, %.3f before", after, before)
	}
}

func TestDropLast(t *testing.T) {
	for _, tt := range []struct {
		drop  bool
		batch int
		want  []int // samples seen after each step
	}{
		{false, 20, []int{20, 40, 42, 62, 82, 84}},
		{true, 20, []int{20, 40, 60, 80}},
		{true, 42, []int{42, 84}},
	} {
		var got []int
		tr := trainer(t, 1, func(tr *train.Trainer) {
			tr.Config.Batch, tr.Config.DropLast, tr.Config.Steps = tt.batch, tt.drop, len(tt.want)
			tr.Hooks.Step = func(_ context.Context, s train.State) error {
				got = append(got, s.Samples)
				if want := (len(got) - 1) / tr.Config.PerEpoch(42); s.Epoch != want {
					t.Errorf("step %d is of epoch %d, want %d", s.Step, s.Epoch, want)
				}
				return nil
			}
		})
		if _, err := tr.Run(t.Context()); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("batch %d, drop %t: samples seen %v, %v; want %v", tt.batch, tt.drop, got, err, tt.want)
		}
	}
	tr := trainer(t, 1, nil)
	tr.Config.Batch, tr.Config.DropLast = 43, true
	if err := tr.Start(); err == nil || !strings.Contains(err.Error(), "42 samples fill no batch of 43") {
		t.Errorf("an epoch of no batch: %v", err)
	}
}

func TestCancelledRunStopsBetweenSteps(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	tr := trainer(t, 1, nil)
	tr.Hooks.Step = func(_ context.Context, s train.State) error {
		if s.Step == 4 {
			cancel(errStop)
		}
		return nil
	}
	state, err := tr.Run(ctx)
	if !errors.Is(err, errStop) || state.Step != 4 {
		t.Errorf("step %d, %v; want 4 and the cause", state.Step, err)
	}
}

// A cancelled run ends its feed too, whose closed channel is not taken for a batch.
func TestCancelledBeforeTheFirstStep(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStop)
	for range 20 { // of two that are ready a select takes either
		tr := trainer(t, 1, nil)
		synctest.Test(t, func(t *testing.T) {
			tr.Now = func() time.Time {
				synctest.Wait() // for the feed's end
				return time.Time{}
			}
			if state, err := tr.Run(ctx); !errors.Is(err, errStop) || state.Step != 0 {
				t.Fatalf("step %d, %v; want none and the cause", state.Step, err)
			}
		})
	}
}

// Who stops a run in the midst of a phase of meta-learning gets the phase's end, so
// that what he keeps is whole.
func TestStoppedInAPhase(t *testing.T) {
	whole := trainer(t, 1, nil)
	if _, err := whole.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"feed", "hook"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		first := trainer(t, 1, func(tr *train.Trainer) {
			phases := 0
			stop := func(where string) {
				if where == "feed" {
					phases++
				}
				if where == place && phases == 2 {
					cancel(errStop)
				}
			}
			feed := tr.Meta.Samples
			tr.Meta.Samples = func(ctx context.Context, epoch, skip int) iter.Seq2[*ingest.Sample, error] {
				stop("feed")
				return func(yield func(*ingest.Sample, error) bool) {
					if ctx.Err() != nil {
						yield(nil, ctx.Err())
						return
					}
					feed(ctx, epoch, skip)(yield)
				}
			}
			tr.Hooks.Meta = func(ctx context.Context, s train.State) error {
				if s.Step%6 != 1 {
					t.Errorf("a phase after step %d, 6 are an epoch", s.Step)
				}
				stop("hook")
				return ctx.Err()
			}
		})
		state, err := first.Run(ctx)
		if !errors.Is(err, errStop) || state.Step != 7 {
			t.Fatalf("%s: step %d, %v; want 7, which the phase belongs to, and the cause", place, state.Step, err)
		}
		second := trainer(t, 1, nil)
		if err := second.Restore(snapshot(t, first)); err != nil {
			t.Fatal(err)
		}
		if _, err := second.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if names := differ(snapshot(t, whole), snapshot(t, second)); len(names) > 0 {
			t.Errorf("stopped in the %s: %d tensors differ: %v", place, len(names), names)
		}
	}
}

func TestDivergence(t *testing.T) {
	tr := trainer(t, 1, func(tr *train.Trainer) { tr.Config.Schedule.LR = 1e30 })
	state, err := tr.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "diverges") || state.Step == tr.Config.Steps {
		t.Fatalf("after step %d: %v", state.Step, err)
	}
	if _, err := tr.Snapshot(); err == nil || !strings.Contains(err.Error(), "is not finite") {
		t.Errorf("a snapshot of what diverged: %v", err)
	}
}

func TestFeedsThatFail(t *testing.T) {
	broken := errors.New("disk gone")
	for _, tt := range []struct {
		name   string
		change func(*train.Trainer)
		want   string
	}{
		{"error", func(tr *train.Trainer) {
			tr.Train.Samples = func(context.Context, int, int) iter.Seq2[*ingest.Sample, error] {
				return func(yield func(*ingest.Sample, error) bool) { yield(nil, broken) }
			}
		}, "disk gone"},
		{"short", func(tr *train.Trainer) { tr.Train.Len = 50; tr.Train.Samples = digits(42, 1, false).Samples }, "ends after 42 samples, want 50"},
		{"unlabelled", func(tr *train.Trainer) {
			tr.Train.Samples = func(context.Context, int, int) iter.Seq2[*ingest.Sample, error] {
				return func(yield func(*ingest.Sample, error) bool) {
					s := digit(0, 1, false)
					s.Target = ingest.Labels{}
					yield(s, nil)
				}
			}
		}, "digits/0 has no modality or no target"},
		{"held out", func(tr *train.Trainer) { tr.Meta.Len = 20 }, "held-out feed: train: epoch 0 of the feed ends after 12 samples"},
		{"target", func(tr *train.Trainer) { tr.Objective = loss.Classes{N: 2} }, "has no class below 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := trainer(t, 1, tt.change).Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestRestoreRefuses(t *testing.T) {
	good := snapshot(t, trainer(t, 1, nil))
	for _, tt := range []struct {
		name   string
		change func(c *checkpoint.Checkpoint)
		want   string
	}{
		{"other modalities", func(c *checkpoint.Checkpoint) { c.State.Modalities = []string{"sound", "image"} }, "modalities [sound image]"},
		{"other shape", func(c *checkpoint.Checkpoint) {
			c.Tensors = slices.Clone(c.Tensors)
			c.Tensors[0].Shape, c.Tensors[0].Data = []int{3}, make([]float32, 3)
		}, "is [3], want [5 1 1 5 5]"},
		{"missing tensor", func(c *checkpoint.Checkpoint) { c.Tensors = c.Tensors[1:] }, "is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := *good
			tt.change(&c)
			err := trainer(t, 1, nil).Restore(&c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestConfigCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(c *train.Config)
	}{
		{"no steps", func(c *train.Config) { c.Steps = 0 }},
		{"drop", func(c *train.Config) { c.Drop = "some" }},
		{"warm", func(c *train.Config) { c.Warm = 2 }},
		{"meta batch", func(c *train.Config) { c.MetaBatch = 0 }},
		{"schedule", func(c *train.Config) { c.Schedule.Kind = "" }},
		{"alpha", func(c *train.Config) { c.Distill.Alpha = -1 }},
		{"meta", func(c *train.Config) { c.Meta.Kind = "both" }},
	} {
		c := trainer(t, 1, nil).Config
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		tt.change(&c)
		if c.Check() == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
}
