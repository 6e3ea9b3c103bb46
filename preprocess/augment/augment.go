package augment

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// Draw is a number left to chance: with probability P it is uniform from Lo to
// Hi, else there is none. The zero Draw is never one.
type Draw struct{ P, Lo, Hi float64 }

// of draws. It takes two numbers from rng whatever comes, so that one draw does
// not shift the next.
func (d Draw) of(rng *rand.Rand) (v float64, drawn bool) {
	drawn = rng.Float64() < d.P
	return d.Lo + (d.Hi-d.Lo)*rng.Float64(), drawn
}

// check errs unless the draw is a probability and an interval within least to
// most.
func (d Draw) check(what string, least, most float64) error {
	if !(d.P >= 0 && d.P <= 1) {
		return fmt.Errorf("augment: %s with probability %g, want 0 to 1", what, d.P)
	}
	if d.P > 0 && !(d.Lo >= least && d.Lo <= d.Hi && d.Hi <= most) {
		return fmt.Errorf("augment: %s from %g to %g, want an interval within %g to %g", what, d.Lo, d.Hi, least, most)
	}
	return nil
}

// within errs unless lo <= v <= hi.
func within(what string, v, lo, hi float64) error {
	if !(v >= lo && v <= hi) {
		return fmt.Errorf("augment: %s %g, want %g to %g", what, v, lo, hi)
	}
	return nil
}

// either draws uniformly from -v to v.
func either(rng *rand.Rand, v float64) float64 { return v * (2*rng.Float64() - 1) }

// label builds the name of a stage from those of its parameters that are on.
type label struct{ strings.Builder }

func newLabel(what string) *label {
	l := &label{}
	l.WriteString("augment-" + what)
	return l
}

func (l *label) num(name string, values ...float64) {
	on := false
	for _, v := range values {
		on = on || v != 0
	}
	if !on {
		return
	}
	l.WriteString("-" + name)
	for i, v := range values {
		if i > 0 {
			l.WriteByte(',')
		}
		l.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	}
}

func (l *label) draw(name string, d Draw) {
	if d.P > 0 {
		l.num(name, d.P, d.Lo, d.Hi)
	}
}

func (l *label) name() string { return l.String() + "/1" }

// fault returns the SubjectError of an array that a stage cannot treat.
func fault(s *ingest.Sample, format string, args ...any) error {
	return &ingest.SubjectError{Key: s.Key, Problems: []ingest.Problem{{Kind: "shape", Reason: fmt.Sprintf(format, args...)}}}
}

// checkModality errs where mod is no modality of any set.
func checkModality(mod int) error {
	if mod < 0 || mod >= modality.MaxModalities {
		return fmt.Errorf("augment: modality %d: want 0 to %d", mod, modality.MaxModalities-1)
	}
	return nil
}

// inputOf returns the array of modality mod, and whether there is one.
func inputOf(s *ingest.Sample, mod int) (a ingest.Array, there bool, err error) {
	if !s.Present.Has(mod) {
		return ingest.Array{}, false, nil
	}
	if mod >= len(s.Inputs) {
		return ingest.Array{}, false, fmt.Errorf("augment: sample %s has %d inputs, none at %d", s.Key, len(s.Inputs), mod)
	}
	if a = s.Inputs[mod]; a.Len() != len(a.Data) || len(a.Data) == 0 {
		return ingest.Array{}, false, fault(s, "modality %d has %d values for the shape %v", mod, len(a.Data), a.Shape)
	}
	return a, true, nil
}
