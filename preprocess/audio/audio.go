// Package audio provides the stages for sound: [MFCC] replaces a waveform by
// its features.
package audio

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/mfcc"
	"github.com/lacuna-ml/lacuna/preprocess"
)

// MFCC returns the stage that replaces the waveform of modality mod, an array
// of shape [n] at Sample.RateHz, by its features by c: shape [Coefs, Frames].
// Its name is c's id.
//
// A sample without that modality passes through unchanged but for the name in
// its Definitions. A rate other than c's, an array that is no waveform, a
// sample value that is not finite and a clip too short for a single frame are
// [ingest.SubjectError]s. A clip that has more frames than c keeps gets a
// warning of kind "long". RateHz stays what it was: the rate of the recording.
//
// It errs when c is invalid or mod is no modality.
func MFCC(mod int, c mfcc.Config) (preprocess.Stage, error) {
	if mod < 0 || mod >= modality.MaxModalities {
		return nil, fmt.Errorf("audio: modality %d: want 0 to %d", mod, modality.MaxModalities-1)
	}
	c, err := c.Resolve()
	if err != nil {
		return nil, fmt.Errorf("audio: %w", err)
	}
	first, err := mfcc.New(c)
	if err != nil {
		return nil, fmt.Errorf("audio: %w", err)
	}
	s := &stage{mod: mod, config: c}
	if c.Frames > 0 {
		uncut := c
		uncut.Frames = -1
		// A definition that spreads its frames over the clip cuts none, and has no
		// such form.
		if e, err := mfcc.New(uncut); err == nil {
			s.uncut = e
		}
	}
	s.pool.Put(first)
	return s, nil
}

// stage keeps no state between calls but the buffers of its extractors, of
// which the output does not depend.
type stage struct {
	mod    int
	config mfcc.Config
	pool   sync.Pool // *mfcc.Extractor
	// uncut is asked for numbers of frames only; nil where no clip is cut.
	uncut *mfcc.Extractor
}

func (s *stage) Name() string { return s.config.ID() }

func (s *stage) Apply(_ context.Context, _ *rand.Rand, v *ingest.Sample, emit func(*ingest.Sample) bool) error {
	if v.Present.Has(s.mod) {
		if s.mod >= len(v.Inputs) {
			return fmt.Errorf("audio: sample %s has %d inputs, none at %d", v.Key, len(v.Inputs), s.mod)
		}
		if p := s.problem(v); p != nil {
			return &ingest.SubjectError{Key: v.Key, Problems: []ingest.Problem{*p}}
		}
		e, err := s.extractor()
		if err != nil {
			return err
		}
		wave := v.Inputs[s.mod].Data
		frames := e.Frames(len(wave))
		if frames == 0 {
			return &ingest.SubjectError{Key: v.Key, Problems: []ingest.Problem{{
				Kind:   "short",
				Reason: fmt.Sprintf("a clip of %d samples gives no frame by %s", len(wave), s.Name()),
				Fix:    "leave the clip out, or choose a definition with a fixed number of frames",
			}}}
		}
		if s.uncut != nil {
			if n := s.uncut.Frames(len(wave)); n > frames {
				v.Warnings = append(slices.Clip(v.Warnings), ingest.Problem{
					Kind:   "long",
					Reason: fmt.Sprintf("a clip of %d samples has %d frames by %s, of which the first %d are kept", len(wave), n, s.Name(), frames),
					Fix:    "trim the clip, or choose a definition whose frames follow it",
				})
			}
		}
		// A new array: the old one may be shared with other samples.
		v.Inputs[s.mod] = ingest.Array{Shape: []int{s.config.Coefs, frames}, Data: e.Append(nil, wave)}
		s.pool.Put(e)
	}
	v.Definitions = append(v.Definitions, s.Name())
	emit(v)
	return nil
}

func (s *stage) extractor() (*mfcc.Extractor, error) {
	if e, ok := s.pool.Get().(*mfcc.Extractor); ok {
		return e, nil
	}
	return mfcc.New(s.config)
}

// problem returns what keeps the waveform from being used, or nil.
func (s *stage) problem(v *ingest.Sample) *ingest.Problem {
	a := v.Inputs[s.mod]
	switch {
	case len(a.Shape) != 1 || a.Len() != len(a.Data):
		return &ingest.Problem{
			Kind:   "shape",
			Reason: fmt.Sprintf("modality %d has shape %v and %d values, a waveform has shape [n]", s.mod, a.Shape, len(a.Data)),
			Fix:    "put the stage on a waveform modality, once",
		}
	case len(a.Data) == 0:
		return &ingest.Problem{Kind: "short", Reason: "the clip has no samples", Fix: "leave the clip out"}
	case v.RateHz != s.config.RateHz:
		return &ingest.Problem{
			Kind:   "rate",
			Reason: fmt.Sprintf("the clip is sampled at %d Hz, %s is defined for %d Hz", v.RateHz, s.Name(), s.config.RateHz),
			Fix:    "resample the clip, or set the definition's rate",
		}
	}
	for i, x := range a.Data {
		if x-x != 0 { // infinite, or not a number
			return &ingest.Problem{
				Kind:   "nonfinite",
				Reason: fmt.Sprintf("sample %d of the clip is %v", i, x),
				Fix:    "leave the clip out",
			}
		}
	}
	return nil
}
