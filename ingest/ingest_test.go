package ingest_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

func TestCheck(t *testing.T) {
	mods := modality.MustSet("flair", "t1")
	good := func() *ingest.Sample {
		return &ingest.Sample{
			Key:     ingest.Key{Dataset: "brats", Subject: "a"},
			Present: 1,
			Inputs:  []ingest.Array{{Shape: []int{1, 2, 2}, Data: make([]float32, 4)}, {}},
			Target:  ingest.Labels{Shape: []int{1, 2, 2}, Data: make([]uint8, 4)},
		}
	}
	if err := good().Check(mods); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		spoil func(*ingest.Sample)
		says  string
	}{
		{"an input too few", func(s *ingest.Sample) { s.Inputs = s.Inputs[:1] }, "1 inputs for 2"},
		{"a bit beyond the set", func(s *ingest.Sample) { s.Present = 5 }, "bits beyond"},
		{"a bit without data", func(s *ingest.Sample) { s.Present = 3 }, "t1"},
		{"data without a bit", func(s *ingest.Sample) { s.Present = 0 }, "flair"},
		{"fewer values than the shape asks for", func(s *ingest.Sample) { s.Inputs[0].Data = s.Inputs[0].Data[:3] }, "3 values"},
		{"no shape", func(s *ingest.Sample) { s.Inputs[0].Shape = nil }, "flair"},
		{"a target of another size", func(s *ingest.Sample) { s.Target.Data = s.Target.Data[:1] }, "target"},
		{"no subject", func(s *ingest.Sample) { s.Key.Subject = "" }, "without"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := good()
			tc.spoil(s)
			if err := s.Check(mods); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want an error that says %q", err, tc.says)
			}
		})
	}
}

func TestClassIsAKnownTarget(t *testing.T) {
	if l := ingest.Class(7); !l.Known() || l.Len() != 1 || l.Data[0] != 7 {
		t.Errorf("got %+v", l)
	}
	if (ingest.Labels{}).Known() {
		t.Error("the zero Labels is a target")
	}
}

// A broken subject is told from a broken run by the error's type.
func ExampleSubjectError() {
	load := func() error {
		return &ingest.SubjectError{
			Key: ingest.Key{Dataset: "brats", Subject: "BraTS20_Training_001"},
			Problems: []ingest.Problem{{
				Path: "BraTS20_Training_001_t2.nii.gz", Kind: "truncated",
				Reason: "the compressed stream ends here", Fix: "copy or download it again",
			}},
			Err: io.ErrUnexpectedEOF,
		}
	}
	err := load()
	if broken, ok := errors.AsType[*ingest.SubjectError](err); ok {
		fmt.Println("left out:", broken)
	}
	fmt.Println(errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// left out: subject brats/BraTS20_Training_001: BraTS20_Training_001_t2.nii.gz: the compressed stream ends here (copy or download it again)
	// true
}

// The world place of a voxel stays, whichever box it is counted in.
func TestCropKeepsPlaces(t *testing.T) {
	s := ingest.Sample{
		Affine:   [4][4]float64{{0, 2, 0, -7}, {-3, 0, 0.5, 11}, {0, 0, 4, 13}, {0, 0, 0, 1}},
		Location: ingest.Location{Offset: [3]int{1, 2, 3}, Volume: [3]int{20, 30, 40}, Axes: "PRS"},
	}
	was, start := s, [3]int{4, -5, 6} // D, H, W
	s.Crop(start)
	if want := (ingest.Location{Offset: [3]int{5, -3, 9}, Volume: was.Location.Volume, Axes: "PRS"}); s.Location != want {
		t.Errorf("location %+v, want %+v", s.Location, want)
	}
	for w := range 3 {
		want := was.Affine[w][3]
		for a := range 3 {
			want += was.Affine[w][a] * float64(start[2-a])
		}
		if s.Affine[w][3] != want || [3]float64(s.Affine[w][:3]) != [3]float64(was.Affine[w][:3]) {
			t.Errorf("world axis %d: %v, want its first voxel at %g", w, s.Affine[w], want)
		}
	}
}
