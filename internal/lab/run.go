package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/loss"
	"github.com/lacuna-ml/lacuna/train/meta"
	"github.com/lacuna-ml/lacuna/train/models/avnet"
	"github.com/lacuna-ml/lacuna/train/models/unet3d"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/optim"
)

// model makes the network that a spec describes, for a data set.
func (s Spec) model(e engine.Engine, d datasets.Dataset) (nn.Model, error) {
	switch s.Model.Name {
	case "avnet":
		image, sound := slices.Index(d.Kinds, datasets.Image), slices.Index(d.Kinds, datasets.Waveform)
		if len(d.Kinds) != 2 || image < 0 || sound < 0 {
			return nil, fmt.Errorf("the network avnet is for an image and a sound, %s has %v", d.Name, d.Kinds)
		}
		return avnet.New(e, avnet.Options{Classes: len(d.Classes), Image: image, Sound: sound, Deep: s.Model.Deep}, s.Train.Seed)
	case "unet3d":
		return unet3d.New(e, unet3d.Options{
			Modalities: d.Modalities.Len(), Regions: len(d.Regions), Width: s.Model.Width, Depth: s.Model.Depth,
			FullStem: s.Model.FullStem, Standardise: s.Model.Standardise, Checkpoint: s.Model.Checkpoint,
		}, s.Train.Seed)
	}
	return nil, fmt.Errorf("no network %q: there are avnet and unet3d", s.Model.Name)
}

// objective returns the loss of a data set's task.
func (s Spec) objective(d datasets.Dataset) loss.Objective {
	if d.Task == datasets.Classification {
		return loss.Classes{N: len(d.Classes), Smoothing: s.Smoothing}
	}
	r := loss.Regions{}
	for _, region := range d.Regions {
		r.Classes = append(r.Classes, region.Classes)
	}
	return r
}

// Trainer returns a trainer that has made no step yet. The data must have been
// opened with train and val.
func (s Spec) Trainer(ctx context.Context, d *Data, e engine.Engine, workers int, now func() time.Time) (*train.Trainer, error) {
	if err := s.pinned(); err != nil {
		return nil, err
	}
	only, err := d.mask(s.Only)
	if err != nil {
		return nil, err
	}
	hide, err := d.policy(ctx, s.Missing, s.Train.Seed)
	if err != nil {
		return nil, err
	}
	scale, err := s.scale()
	if err != nil {
		return nil, err
	}
	vary, err := s.augment(d.Set)
	if err != nil {
		return nil, err
	}
	t := &train.Trainer{Config: s.Train, Modalities: d.Set.Modalities, Engine: e, Now: now}
	t.Train, err = stream{data: d, split: split.Train, seed: s.Train.Seed, shuffle: true, hide: hide, only: only,
		stages: slices.Concat(scale, vary), workers: workers}.feed()
	if err != nil {
		return nil, err
	}
	// Without meta-learning val serves curves alone, where it can.
	if s.Train.Meta.Kind != meta.Off || d.Manifest.Split(split.Val).Unlabelled == 0 && d.covers(split.Val, only) == nil {
		t.Meta, err = stream{data: d, split: split.Val, seed: s.Train.Seed, shuffle: true, only: only, stages: scale}.feed()
		if err != nil {
			return nil, err
		}
	}
	if t.Model, err = s.model(e, d.Set); err != nil {
		return nil, err
	}
	t.Objective = s.objective(d.Set)
	if t.Optimiser, err = optim.New(e, t.Model.Params().Value.Shape.Len(), s.Optimiser); err != nil {
		return nil, &SpecError{err}
	}
	return t, t.Start()
}

// try sees that a trainer's network takes what its feeds give.
func try(ctx context.Context, t *train.Trainer) error {
	for _, f := range []train.Feed{t.Train, t.Meta} {
		if f.Len == 0 { // importances are off
			continue
		}
		var list []*ingest.Sample
		for s, err := range f.Samples(ctx, 0, 0) {
			if err != nil {
				return err
			}
			if list = append(list, s); len(list) == min(f.Len, t.Config.Batch) {
				break
			}
		}
		if _, err := (predictor{t.Engine, t.Model}).Predict(ctx, list, 0); err != nil {
			return fmt.Errorf("the network cannot take these samples: %w", err)
		}
	}
	return nil
}
