// Package volume provides the stages for volumes: to one orientation, to the
// box of the brain, to comparable intensities.
//
// All arrays of a sample are D x H x W and of one shape; a target of that shape
// moves along, a class stays. The order is [Orient], [Crop], [Normalise]; the
// last two may change places and give the same values, but cropping first
// leaves a third of the voxels to normalise.
//
// Crop and Normalise work in place. They own what they write because they take
// the sample over, so they stand before any stage that makes several samples
// of one subject.
package volume

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/ingest"
)

// fault returns the SubjectError of one problem.
func fault(s *ingest.Sample, kind, fix, format string, args ...any) error {
	return &ingest.SubjectError{Key: s.Key, Problems: []ingest.Problem{{Kind: kind, Reason: fmt.Sprintf(format, args...), Fix: fix}}}
}

// shapeOf returns the shape that the sample's volumes share; all zero where no
// modality is present.
func shapeOf(s *ingest.Sample) ([3]int, error) {
	var shape [3]int
	first := -1
	for i := range s.Present.All() {
		got := s.Inputs[i].Shape
		if len(got) != 3 {
			return shape, fault(s, "shape", "", "modality %d has the shape %v, want D x H x W", i, got)
		}
		if first < 0 {
			first, shape = i, [3]int(got)
		}
		if [3]int(got) != shape {
			return shape, fault(s, "shape", "", "modality %d is %v, modality %d is %v", i, got, first, shape)
		}
	}
	if t := s.Target; len(t.Shape) > 0 && first >= 0 && (len(t.Shape) != 3 || [3]int(t.Shape) != shape) {
		return shape, fault(s, "shape", "", "the target is %v, the volume %v", t.Shape, shape)
	}
	return shape, nil
}

// locate makes sure that s says which box of its volume it is: the whole of
// shape, where it says nothing.
func locate(s *ingest.Sample, shape [3]int) {
	if s.Location.Volume == ([3]int{}) {
		s.Location.Volume = shape
	}
}
