package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// Key is a sample's identity. Splits, masks and random draws are functions of
// it, never of the order in which samples are met.
type Key struct {
	Dataset string // "brats"
	Subject string // "BraTS20_Training_001"
	Part    string // which patch: "fg-2", "grid-0-64-32"; "" for a whole subject
}

// String returns dataset/subject, and /part where there is one.
func (k Key) String() string {
	s := k.Dataset + "/" + k.Subject
	if k.Part != "" {
		s += "/" + k.Part
	}
	return s
}

// Subject is one entry of a data set's list: what is known from names alone,
// before any payload is read.
type Subject struct {
	Key Key
	// Group is what never stands in two splits: the patient, the pair.
	Group string
	// Stratum is the class that splits keep in proportion: the grade, the digit
	// and speaker. It may be empty.
	Stratum string
	// Class is the label of the whole subject where the task is classification
	// and the label is known from the name; else -1.
	Class int
	// Domain is what a disjoint split separates: the speaker, the site. It may
	// be empty.
	Domain string
	// Official is the split that the data set's own published lists give:
	// "train", "val", "test", or "" where there is none.
	Official string
}

// Source is an opened data set.
type Source interface {
	// Modalities returns the data set's modalities in their order.
	Modalities() modality.Set
	// Subjects yields the subjects in a fixed order. It reads names and small
	// tables, never a voxel or an audio sample. It ends after the first error.
	Subjects(ctx context.Context) iter.Seq2[Subject, error]
	// Load reads one subject. It is safe for concurrent use. The sample is the
	// caller's. What is wrong with the subject's data is a *[SubjectError] that
	// lists all of it, as far as it can be told without the broken parts; what
	// is odd yet usable is in the sample's Warnings.
	Load(ctx context.Context, s Subject) (*Sample, error)
}

// Array is a dense array of float32, last index fastest. The zero Array stands
// for an absent one.
type Array struct {
	Shape []int // D, H, W for a volume; H, W for an image; coefficients, frames for an MFCC; n for a waveform
	Data  []float32
}

// Len returns the number of elements that the shape asks for.
func (a Array) Len() int { return product(a.Shape) }

// Labels is a target: a class (Shape empty, one value) or a label map (D, H, W).
// Values are places in the data set's list of classes. The zero Labels stands
// for an unlabelled sample.
type Labels struct {
	Shape []int
	Data  []uint8
}

// Class returns the target of a classification with the class c.
func Class(c uint8) Labels { return Labels{Data: []uint8{c}} }

// Len returns the number of elements that the shape asks for: 1 for a class.
func (l Labels) Len() int { return product(l.Shape) }

// Known reports whether there is a target at all.
func (l Labels) Known() bool { return l.Data != nil }

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Location says which box of its subject a patch is, in voxels of the whole
// volume after reorientation and before any crop. Voxel p of the patch is voxel
// Offset+p of the volume; where that falls outside 0 <= v < Volume, the patch
// voxel is padding. The zero Location means the sample is not a part of a
// volume.
type Location struct {
	Offset [3]int // D, H, W; negative where padding comes first
	Volume [3]int // D, H, W of the whole volume
	// Axes is the orientation that the file had before it was reoriented, as
	// three of R/L, A/P, S/I in the file's x, y, z order ("LPS"). With it and
	// the affine, a prediction is written back in the geometry of the input.
	Axes string
}

// File is a source that a sample was made from.
type File struct {
	Role   string // the modality's name, or "target"
	Path   string // relative to the root that the data set was opened at
	SHA256 [sha256.Size]byte
}

// Sample is a subject or a patch of one. It has one owner at a time: whoever
// receives it may change it, and passing it on gives it away. The arrays of
// samples that come from one subject may share memory; a stage that writes
// into an array must own it or copy it first.
type Sample struct {
	Key     Key
	Subject Subject

	// Inputs has one array a modality, in the order of the data set's
	// modalities; the zero Array where Present lacks it.
	Inputs  []Array
	Present modality.Mask
	Target  Labels

	// Background is, a modality, the value of what is not the subject (the air
	// around a skull-stripped brain): the value of voxel 0,0,0 as it was loaded,
	// scaled along by normalisation. nil where there is no such thing.
	Background []float32
	// Affine maps voxel x, y, z of the arrays (that is W, H, D) to world
	// millimetres, RAS+ as NIfTI has it. All zero where there is no geometry.
	Affine   [4][4]float64
	Location Location
	// RateHz is the sampling rate of the waveforms among the inputs, or that
	// features among them were made from; 0 without any.
	RateHz int

	Sources []File
	// Definitions names, in order, every versioned definition that made the
	// values: "orient-lps/1", "mckd/1", "smil/1".
	Definitions []string
	Warnings    []Problem
}

// Crop sets the Location and Affine of s to those of its box that begins at the
// voxel start (D, H, W; it may lie outside). Volume stays, the arrays are the
// caller's business.
func (s *Sample) Crop(start [3]int) {
	for d := range 3 {
		s.Location.Offset[d] += start[d]
		for w := range 3 {
			s.Affine[w][3] += s.Affine[w][2-d] * float64(start[d])
		}
	}
}

// Problem is one thing wrong or odd with a subject. Its texts never hold a
// value of a free-text header field.
type Problem struct {
	Path   string `json:"path,omitempty"` // the file, relative to the root; "" for the subject as a whole
	Kind   string `json:"kind"`           // a short class for machines: "truncated", "affine", "label"
	Reason string `json:"reason"`         // what is wrong, with place and numbers
	Fix    string `json:"fix,omitempty"`  // what to do next
}

// String returns "path: reason", with the fix in parentheses.
func (p Problem) String() string {
	s := p.Reason
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Fix != "" {
		s += " (" + p.Fix + ")"
	}
	return s
}

// SubjectError says why a subject can't be used. Callers branch on it: it may
// be quarantined, and other subjects go on, where any other error ends a run.
type SubjectError struct {
	Key      Key
	Problems []Problem // at least one
	Err      error     // the first cause, for errors.Is and errors.As; may be nil
}

func (e *SubjectError) Error() string {
	parts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		parts[i] = p.String()
	}
	return fmt.Sprintf("subject %s: %s", e.Key, strings.Join(parts, "; "))
}

func (e *SubjectError) Unwrap() error { return e.Err }

// Check reports what contradicts the contract of Sample for the given
// modalities: a mask that disagrees with the inputs, an array whose data does
// not fit its shape. Writers and conformance tests call it.
func (s *Sample) Check(mods modality.Set) error {
	if len(s.Inputs) != mods.Len() {
		return fmt.Errorf("sample %s: %d inputs for %d modalities", s.Key, len(s.Inputs), mods.Len())
	}
	if s.Present&^mods.Full() != 0 {
		return fmt.Errorf("sample %s: mask %b has bits beyond its %d modalities", s.Key, s.Present, mods.Len())
	}
	for i, a := range s.Inputs {
		if got := a.Data != nil; got != s.Present.Has(i) {
			return fmt.Errorf("sample %s: modality %s: data there is %v, the mask says %v", s.Key, mods.Name(i), got, s.Present.Has(i))
		}
		if a.Data != nil && (len(a.Data) != a.Len() || len(a.Shape) == 0) {
			return fmt.Errorf("sample %s: modality %s: %d values for shape %v", s.Key, mods.Name(i), len(a.Data), a.Shape)
		}
	}
	if s.Target.Known() && len(s.Target.Data) != s.Target.Len() {
		return fmt.Errorf("sample %s: target: %d values for shape %v", s.Key, len(s.Target.Data), s.Target.Shape)
	}
	if s.Key.Subject == "" || s.Key.Dataset == "" {
		return errors.New("sample without a data set or subject in its key")
	}
	return nil
}
