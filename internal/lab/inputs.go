package lab

import (
	"context"
	"fmt"
	"slices"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/preprocess"
	"github.com/lacuna-ml/lacuna/preprocess/augment"
	"github.com/lacuna-ml/lacuna/preprocess/scale"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// Scalings of inputs.
const (
	InputNone      = "none"
	InputPublished = "published" // (x - .5) / .5, images and MFCCs alike
	InputStandard  = "standard"  // by mean and deviation of the training samples, per coefficient of a sound
)

// fit finds the numbers of the spec's scaling from the training samples, as far
// as they are seen. The data must have been opened with train.
func (s *Spec) fit(ctx context.Context, d *Data) error {
	s.Scales = nil
	switch s.Input {
	case InputNone:
		return nil
	case InputPublished:
		for m := range d.Set.Kinds {
			s.Scales = append(s.Scales, scale.Fixed(m, .5, .5))
		}
		return nil
	case InputStandard:
	default:
		return &SpecError{fmt.Errorf("no scaling of inputs %q: there are %s, %s and %s", s.Input, InputPublished, InputStandard, InputNone)}
	}
	only, err := d.mask(s.Only)
	if err != nil {
		return err
	}
	hide, err := d.policy(ctx, s.Missing, s.Train.Seed)
	if err != nil {
		return err
	}
	train := stream{data: d, split: split.Train, hide: hide, only: only}
	for m := range only.All() {
		sc, err := scale.Fit(m, d.Set.Kinds[m] != datasets.Waveform, train.samples(ctx, 0, 0))
		if err != nil {
			return err
		}
		s.Scales = append(s.Scales, sc)
	}
	return nil
}

// scale returns the stages that every sample goes through before the network.
func (s Spec) scale() ([]preprocess.Stage, error) {
	var stages []preprocess.Stage
	for _, sc := range s.Scales {
		st, err := sc.Stage()
		if err != nil {
			return nil, err
		}
		stages = append(stages, st)
	}
	return stages, nil
}

// AugmentNone varies no training sample; other names are package augment's.
const AugmentNone = "none"

// augment returns the stages that vary a scaled training sample.
func (s Spec) augment(d datasets.Dataset) ([]preprocess.Stage, error) {
	if s.Augment == AugmentNone || s.Augment == "" {
		return nil, nil
	}
	if s.Augment == "brats" && slices.ContainsFunc(d.Kinds, func(k datasets.Kind) bool { return k != datasets.Volume }) {
		return nil, fmt.Errorf("the augmentation brats is for volumes, %s has %v", d.Name, d.Kinds)
	}
	return augment.Preset(s.Augment, d.Modalities, nil)
}
