package datasettest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/datasets/datasettest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// The toy data set: <subject>/image has 4 bytes (2 x 2 pixels), <subject>/sound
// has 8 samples; the class is the length of the subject's name less one.
var toyModalities = modality.MustSet("image", "sound")

func toyFiles() fstest.MapFS {
	return fstest.MapFS{
		"a/image":  {Data: []byte{0, 64, 128, 255}},
		"a/sound":  {Data: []byte("abcdefgh")},
		"bb/image": {Data: []byte{9, 9, 9, 9}},
		"bb/sound": {Data: []byte("ijklmnop")},
	}
}

func toy() datasets.Dataset {
	return datasets.Dataset{
		Name: "toy", Title: "A toy", License: "CC0", Citation: "none",
		Modalities: toyModalities,
		Kinds:      []datasets.Kind{datasets.Image, datasets.Waveform},
		Task:       datasets.Classification,
		Classes:    []string{"one letter", "two letters"},
		Inputs:     []datasets.Input{{Name: "in"}},
		Open: func(_ context.Context, in map[string]fs.FS, _ map[string]string) (ingest.Source, error) {
			return &toySource{fsys: in["in"]}, nil
		},
	}
}

type toySource struct{ fsys fs.FS }

func (*toySource) Modalities() modality.Set { return toyModalities }

func (s *toySource) Subjects(ctx context.Context) iter.Seq2[ingest.Subject, error] {
	return func(yield func(ingest.Subject, error) bool) {
		dirs, err := fs.ReadDir(s.fsys, ".")
		if err = errors.Join(err, context.Cause(ctx)); err != nil {
			yield(ingest.Subject{}, err)
			return
		}
		for _, d := range dirs {
			key := ingest.Key{Dataset: "toy", Subject: d.Name()}
			if !yield(ingest.Subject{Key: key, Group: d.Name(), Class: len(d.Name()) - 1}, nil) {
				return
			}
		}
	}
}

func (s *toySource) Load(ctx context.Context, sub ingest.Subject) (*ingest.Sample, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if _, err := fs.Stat(s.fsys, sub.Key.Subject); err != nil {
		return nil, err
	}
	out := &ingest.Sample{Key: sub.Key, Subject: sub, Inputs: make([]ingest.Array, 2), RateHz: 8000, Target: ingest.Class(uint8(sub.Class))}
	for i, want := range []int{4, 8} {
		p := path.Join(sub.Key.Subject, toyModalities.Name(i))
		b, err := readAll(s.fsys, p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && len(b) != want {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, &ingest.SubjectError{Key: sub.Key, Err: err, Problems: []ingest.Problem{{Path: p, Kind: "truncated", Reason: err.Error()}}}
		}
		a := ingest.Array{Shape: []int{want}, Data: make([]float32, want)}
		if i == 0 {
			a.Shape = []int{2, 2}
		}
		for j, v := range b {
			a.Data[j] = float32(v) / 255
		}
		out.Inputs[i], out.Present = a, out.Present.With(i)
		out.Sources = append(out.Sources, ingest.File{Role: toyModalities.Name(i), Path: p, SHA256: sha256.Sum256(b)})
	}
	return out, nil
}

func readAll(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

func Example() {
	// In a data set's own test: datasettest.Run(t, toy(), in, nil).
	in := map[string]fs.FS{"in": toyFiles()}
	fmt.Println(datasettest.Check(context.Background(), toy(), in, nil))
	// Output: []
}

func TestRunPassesAGoodDataset(t *testing.T) {
	datasettest.Run(t, toy(), map[string]fs.FS{"in": toyFiles()}, nil)
}

// faulty is the toy with one promise broken.
type faulty struct {
	*toySource
	subjects func(ingest.Subject) ingest.Subject
	load     func(context.Context, ingest.Subject, *ingest.Sample, error) (*ingest.Sample, error)
	peek     string // a file that Subjects reads
}

func (f *faulty) Subjects(ctx context.Context) iter.Seq2[ingest.Subject, error] {
	return func(yield func(ingest.Subject, error) bool) {
		if f.peek != "" {
			_, _ = readAll(f.fsys, f.peek) // the breach itself
		}
		for s, err := range f.toySource.Subjects(ctx) {
			if f.subjects != nil {
				s = f.subjects(s)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

func (f *faulty) Load(ctx context.Context, sub ingest.Subject) (*ingest.Sample, error) {
	s, err := f.toySource.Load(ctx, sub)
	if f.load == nil {
		return s, err
	}
	return f.load(ctx, sub, s, err)
}

// breach is a promise of a data set, broken.
type breach struct {
	name   string
	change func(*datasets.Dataset)
	fault  faulty
	want   string // what Check says of it
}

// onSample is a Load that changes what it returns.
func onSample(change func(*ingest.Sample)) func(context.Context, ingest.Subject, *ingest.Sample, error) (*ingest.Sample, error) {
	return func(_ context.Context, _ ingest.Subject, s *ingest.Sample, err error) (*ingest.Sample, error) {
		if err == nil {
			change(s)
		}
		return s, err
	}
}

func brokenListings() []breach {
	var calls atomic.Int64
	return []breach{
		{name: "no citation", change: func(d *datasets.Dataset) { d.Citation = "" }, want: "citation"},
		{name: "class twice", change: func(d *datasets.Dataset) { d.Classes[1] = d.Classes[0] }, want: "stands twice"},
		{name: "region beyond the classes", change: func(d *datasets.Dataset) {
			d.Regions = []datasets.Region{{Name: "r", Classes: []uint8{2}}}
		}, want: "region r"},
		{name: "wrong shape told", change: func(d *datasets.Dataset) { d.Shapes = [][]int{{2, 3}, nil} }, want: "the description says"},
		{name: "same key", fault: faulty{subjects: func(s ingest.Subject) ingest.Subject { s.Key.Subject = "a"; return s }}, want: "stands twice"},
		{name: "no group", fault: faulty{subjects: func(s ingest.Subject) ingest.Subject { s.Group = ""; return s }}, want: "no group"},
		{name: "unstable list", fault: faulty{subjects: func(s ingest.Subject) ingest.Subject {
			s.Group = fmt.Sprint(calls.Add(1))
			return s
		}}, want: "another list"},
		{name: "payload read early", fault: faulty{peek: "a/sound"}, want: "one subject's data"},
	}
}

func brokenSamples() []breach {
	var calls atomic.Int64
	return []breach{
		{name: "mask without data", fault: faulty{load: onSample(func(s *ingest.Sample) { s.Inputs[0] = ingest.Array{} })}, want: "the mask says"},
		{name: "NaN", fault: faulty{load: onSample(func(s *ingest.Sample) {
			if s.Present.Has(0) {
				zero := float32(0)
				s.Inputs[0].Data[0] = zero / zero
			}
		})}, want: "NaN"},
		{name: "image beyond 1", fault: faulty{load: onSample(func(s *ingest.Sample) {
			if s.Present.Has(0) {
				s.Inputs[0].Data[0] = 2
			}
		})}, want: "not in 0 to 1"},
		{name: "class of another", fault: faulty{load: onSample(func(s *ingest.Sample) { s.Target = ingest.Class(1) })}, want: "for class 0"},
		{name: "unknown class", fault: faulty{load: onSample(func(s *ingest.Sample) { s.Target = ingest.Class(7) })}, want: "there are 2 classes"},
		{name: "wrong checksum", fault: faulty{load: onSample(func(s *ingest.Sample) { s.Sources[0].SHA256[0]++ })}, want: "another checksum"},
		{name: "no source", fault: faulty{load: onSample(func(s *ingest.Sample) { s.Sources = nil })}, want: "no source says"},
		{name: "no rate", fault: faulty{load: onSample(func(s *ingest.Sample) { s.RateHz = 0 })}, want: "at 0 Hz"},
		{name: "differs from call to call", fault: faulty{load: onSample(func(s *ingest.Sample) {
			if s.Present.Has(1) {
				s.Inputs[1].Data[0] = float32(calls.Add(1)%2) / 2
			}
		})}, want: "beside others it differs"},
	}
}

func brokenErrors() []breach {
	return []breach{
		{name: "deaf to cancellation", fault: faulty{load: func(ctx context.Context, sub ingest.Subject, s *ingest.Sample, err error) (*ingest.Sample, error) {
			if ctx.Err() != nil {
				return &ingest.Sample{Key: sub.Key}, nil
			}
			return s, err
		}}, want: "Load of a cancelled context"},
		{name: "error without its type", fault: faulty{load: func(_ context.Context, _ ingest.Subject, s *ingest.Sample, err error) (*ingest.Sample, error) {
			var subject *ingest.SubjectError
			if errors.As(err, &subject) {
				return nil, subject.Err
			}
			return s, err
		}}, want: "not a SubjectError"},
		{name: "error without a path", fault: faulty{load: func(_ context.Context, _ ingest.Subject, s *ingest.Sample, err error) (*ingest.Sample, error) {
			var subject *ingest.SubjectError
			if errors.As(err, &subject) {
				subject.Problems[0].Path = ""
			}
			return s, err
		}}, want: "no problem names the file"},
		{name: "truncation not seen", fault: faulty{load: func(_ context.Context, _ ingest.Subject, s *ingest.Sample, err error) (*ingest.Sample, error) {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return &ingest.Sample{}, nil
			}
			return s, err
		}}, want: "loaded without an error"},
		{name: "missing modality is an error", fault: faulty{load: func(_ context.Context, sub ingest.Subject, s *ingest.Sample, err error) (*ingest.Sample, error) {
			if err == nil && s.Present != toyModalities.Full() {
				return nil, &ingest.SubjectError{Key: sub.Key, Problems: []ingest.Problem{{Reason: "incomplete"}}}
			}
			return s, err
		}}, want: "without a/image"},
	}
}

func TestCheckFindsEachBrokenPromise(t *testing.T) {
	for _, tc := range slices.Concat(brokenListings(), brokenSamples(), brokenErrors()) {
		t.Run(tc.name, func(t *testing.T) {
			d := toy()
			if tc.change != nil {
				tc.change(&d)
			}
			d.Open = func(_ context.Context, in map[string]fs.FS, _ map[string]string) (ingest.Source, error) {
				f := tc.fault
				f.toySource = &toySource{fsys: in["in"]}
				return &f, nil
			}
			errs := datasettest.Check(t.Context(), d, map[string]fs.FS{"in": toyFiles()}, nil)
			if !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), tc.want) }) {
				t.Errorf("got %v, want one with %q", errs, tc.want)
			}
		})
	}
}
