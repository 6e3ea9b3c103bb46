package preprocess_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/ingest/sparse"
	"github.com/lacuna-ml/lacuna/preprocess"
)

// source has samples of one value, 0, in one modality. bad loads give errors.
type source struct{ bad map[string]error }

func (source) Modalities() modality.Set { return modality.MustSet("a", "b") }

func (source) Subjects(context.Context) iter.Seq2[ingest.Subject, error] { return subjects(12, nil) }

func (s source) Load(_ context.Context, sub ingest.Subject) (*ingest.Sample, error) {
	if err := s.bad[sub.Key.Subject]; err != nil {
		return nil, err
	}
	return &ingest.Sample{Key: sub.Key, Subject: sub, Present: 1,
		Inputs: []ingest.Array{{Shape: []int{1}, Data: []float32{0}}, {}}}, nil
}

func subjects(n int, err error) iter.Seq2[ingest.Subject, error] {
	return func(yield func(ingest.Subject, error) bool) {
		for i := range n {
			if !yield(ingest.Subject{Key: key(i)}, nil) {
				return
			}
		}
		if err != nil {
			yield(ingest.Subject{}, err)
		}
	}
}

func key(i int) ingest.Key { return ingest.Key{Dataset: "d", Subject: fmt.Sprintf("s%02d", i)} }

func fault(i int) *ingest.SubjectError {
	return &ingest.SubjectError{Key: key(i), Problems: []ingest.Problem{{Kind: "test", Reason: "broken"}}}
}

// stage is a function as a stage.
type stage struct {
	name  string
	apply func(rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error
}

func (s stage) Name() string { return s.name }

func (s stage) Apply(_ context.Context, rng *rand.Rand, sm *ingest.Sample, emit func(*ingest.Sample) bool) error {
	sm.Definitions = append(sm.Definitions, s.name)
	return s.apply(rng, sm, emit)
}

// noise adds a random number; parts makes three of one.
var (
	noise = stage{"noise/1", func(rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
		s.Inputs[0].Data[0] += rng.Float32()
		emit(s)
		return nil
	}}
	parts = stage{"parts/1", func(rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
		for i := range 3 {
			part := *s
			part.Key.Part = fmt.Sprint(i)
			part.Inputs = []ingest.Array{{Shape: []int{1}, Data: []float32{s.Inputs[0].Data[0] + rng.Float32()}}, {}}
			if !emit(&part) {
				return nil
			}
		}
		return nil
	}}
)

func stages(st ...preprocess.Stage) func(ingest.Subject) []preprocess.Stage {
	return func(ingest.Subject) []preprocess.Stage { return st }
}

func collect(t *testing.T, seq iter.Seq2[*ingest.Sample, error]) (lines []string, last error) {
	t.Helper()
	for s, err := range seq {
		if last != nil {
			t.Fatal("the sequence went on after", last)
		}
		if last = err; err == nil {
			lines = append(lines, fmt.Sprintf("%s %v %v", s.Key, s.Inputs[0].Data[0], s.Definitions))
		}
	}
	return lines, last
}

func TestSamplesDoNotDependOnWorkers(t *testing.T) {
	var want []string
	for _, workers := range []int{1, 2, 8} {
		p := preprocess.Pipeline{Stages: stages(noise, parts, noise), Workers: workers, Seed: 3}
		got, err := collect(t, p.Run(t.Context(), source{}, subjects(12, nil)))
		if err != nil || len(got) != 36 {
			t.Fatalf("%d samples, %v", len(got), err)
		}
		if want == nil {
			want = got
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("1 worker and %d:\n%s", workers, d)
		}
	}
	p := preprocess.Pipeline{Stages: stages(noise), Seed: 3}
	got, err := collect(t, p.Run(t.Context(), source{}, subjects(3, nil)))
	if err != nil || got[1] == strings.Replace(got[0], "s00", "s01", 1) {
		t.Errorf("two subjects draw the same: %v, %v", got, err)
	}
}

func TestStagesAreChosenBySubject(t *testing.T) {
	p := preprocess.Pipeline{Stages: func(s ingest.Subject) []preprocess.Stage {
		if s.Key.Subject == "s00" {
			return []preprocess.Stage{parts}
		}
		return nil
	}}
	got, err := collect(t, p.Run(t.Context(), source{}, subjects(2, nil)))
	if err != nil || len(got) != 4 || got[3] != "d/s01 0 []" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestBadSubjectsAreSkippedInOrder(t *testing.T) {
	bad := source{map[string]error{
		"s02": fault(2),
		"s05": fmt.Errorf("while reading: %w", fault(5)), // wrapped is as good
	}}
	fails := stage{"fails/1", func(_ *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
		if s.Key.Subject == "s03" {
			return fault(3)
		}
		emit(s)
		return nil
	}}
	for _, workers := range []int{1, 4} {
		var log []string
		p := preprocess.Pipeline{
			Stages: stages(fails), Workers: workers,
			OnError: func(e *ingest.SubjectError) error { log = append(log, "bad "+e.Key.Subject); return nil },
			OnDone:  func(s ingest.Subject) { log = append(log, "done "+s.Key.Subject) },
		}
		for s, err := range p.Run(t.Context(), bad, subjects(7, nil)) {
			if err != nil {
				t.Fatal(err)
			}
			log = append(log, "sample "+s.Key.Subject)
		}
		var want []string
		for i := range 7 {
			what := "sample"
			if i == 2 || i == 3 || i == 5 {
				what = "bad"
			}
			want = append(want, fmt.Sprintf("%s s%02d", what, i), fmt.Sprintf("done s%02d", i))
		}
		if d := cmp.Diff(want, log); d != "" {
			t.Errorf("%d workers: %s", workers, d)
		}
	}
}

func TestWhatEndsARun(t *testing.T) {
	errDisk := errors.New("the disk is gone")
	skip := func(*ingest.SubjectError) error { return nil }
	on3 := func(f func(s *ingest.Sample, emit func(*ingest.Sample) bool) error) preprocess.Stage {
		return stage{"odd/1", func(_ *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
			if s.Key.Subject == "s03" {
				return f(s, emit)
			}
			emit(s)
			return nil
		}}
	}
	for _, tc := range []struct {
		name    string
		bad     map[string]error
		in      iter.Seq2[ingest.Subject, error]
		stage   preprocess.Stage
		onError func(*ingest.SubjectError) error
		samples int
		want    string
		skipped bool // whether the error may be taken for a skipped subject
	}{
		{"a load that is no subject's fault", map[string]error{"s03": errDisk}, subjects(9, nil), noise, skip, 3, "load d/s03: the disk", false},
		{"the list", nil, subjects(4, errDisk), noise, skip, 4, "the disk", false},
		{"a bad subject without OnError", map[string]error{"s03": fault(3)}, subjects(9, nil), noise, nil, 3, "broken", true},
		{"OnError", map[string]error{"s03": fault(3)}, subjects(9, nil), noise,
			func(e *ingest.SubjectError) error { return fmt.Errorf("too many: %w", e) }, 3, "too many", true},
		{"a stage", nil, subjects(9, nil), on3(func(*ingest.Sample, func(*ingest.Sample) bool) error { return errDisk }), skip, 3, "odd/1 of d/s03: the disk", false},
		{"a fault after a sample is out", nil, subjects(9, nil), on3(func(s *ingest.Sample, emit func(*ingest.Sample) bool) error {
			emit(s)
			return fault(3)
		}), skip, 4, "after 1 of its samples", false},
		{"a sample that is none", nil, subjects(9, nil), on3(func(s *ingest.Sample, emit func(*ingest.Sample) bool) error {
			s.Present = 3
			emit(s)
			return nil
		}), skip, 3, "modality b", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, workers := range []int{1, 4} {
				p := preprocess.Pipeline{Stages: stages(tc.stage), Workers: workers, OnError: tc.onError}
				got, err := collect(t, p.Run(t.Context(), source{tc.bad}, tc.in))
				if err == nil || !strings.Contains(err.Error(), tc.want) || len(got) != tc.samples {
					t.Errorf("%d workers: %d samples, then %v; want %d and %q", workers, len(got), err, tc.samples, tc.want)
				}
				if _, ok := errors.AsType[*ingest.SubjectError](err); ok != tc.skipped {
					t.Errorf("%d workers: is a SubjectError: %v, want %v", workers, ok, tc.skipped)
				}
			}
		})
	}
}

func TestCancelIsNoFaultOfASubject(t *testing.T) {
	cause := errors.New("ctrl-c")
	for _, workers := range []int{1, 4} {
		ctx, cancel := context.WithCancelCause(t.Context())
		n := 0
		p := preprocess.Pipeline{Workers: workers,
			Stages: stages(stage{"slow/1", func(_ *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
				if s.Key.Subject == "s05" {
					emit(s)
					cancel(cause)
					return fault(5) // as a reader that was cut short might see it
				}
				emit(s)
				return nil
			}}),
			OnError: func(e *ingest.SubjectError) error { t.Error("quarantined", e); return nil },
		}
		var last error
		for _, err := range p.Run(ctx, source{}, subjects(12, nil)) {
			last = err
			n++
		}
		if !errors.Is(last, cause) || n > 7 {
			t.Errorf("%d workers: %d results, the last %v", workers, n, last)
		}
	}
}

func TestBreak(t *testing.T) {
	for _, workers := range []int{1, 4} {
		done := 0
		p := preprocess.Pipeline{Stages: stages(parts), Workers: workers, OnDone: func(ingest.Subject) { done++ }}
		n := 0
		for range p.Run(t.Context(), source{}, subjects(12, nil)) {
			if n++; n == 5 {
				break
			}
		}
		if done != 1 {
			t.Errorf("%d workers: %d subjects done, want 1", workers, done)
		}
	}
}

// The numbers are those of an independent PCG-DXSM in Python, seeded by
// hashlib as Rand's comment says.
func TestRandIsAsDocumented(t *testing.T) {
	k := ingest.Key{Dataset: "brats", Subject: "case-1"}
	r := preprocess.Rand(7, k, "stage/1")
	if got, want := []uint64{r.Uint64(), r.Uint64()}, []uint64{0x9cbf3a55029de741, 0xdd815ab95f22f23d}; !slices.Equal(got, want) {
		t.Errorf("got %#x, want %#x", got, want)
	}
	seen := map[uint64]string{}
	for name, r := range map[string]*rand.Rand{
		"base":       preprocess.Rand(7, k, "stage/1"),
		"seed":       preprocess.Rand(8, k, "stage/1"),
		"stage":      preprocess.Rand(7, k, "stage/2"),
		"part":       preprocess.Rand(7, ingest.Key{Dataset: "brats", Subject: "case-1", Part: "0"}, "stage/1"),
		"boundaries": preprocess.Rand(7, ingest.Key{Dataset: "brat", Subject: "scase-1"}, "stage/1"),
	} {
		v := r.Uint64()
		if other, ok := seen[v]; ok {
			t.Errorf("%s and %s draw the same", name, other)
		}
		seen[v] = name
	}
}

func ExamplePipeline_Run() {
	p := preprocess.Pipeline{
		Stages:  stages(parts), // as a patch policy does
		Workers: 2,
		OnError: func(e *ingest.SubjectError) error {
			fmt.Println("quarantined:", e)
			return nil
		},
	}
	src := source{map[string]error{"s01": fault(1)}}
	for s, err := range p.Run(context.Background(), src, subjects(3, nil)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(s.Key)
	}
	// Output:
	// d/s00/0
	// d/s00/1
	// d/s00/2
	// quarantined: subject d/s01: broken
	// d/s02/0
	// d/s02/1
	// d/s02/2
}

// packing is a source of volumes of 1 x 1 x 2 voxels, that notes what is asked.
type packing struct {
	source
	notes *[]string
}

func (p packing) note(text string) { *p.notes = append(*p.notes, text) }

func (p packing) Load(context.Context, ingest.Subject) (*ingest.Sample, error) {
	p.note("load")
	return nil, errors.New("it should be loaded packed")
}

func (p packing) LoadPacked(ctx context.Context, sub ingest.Subject) (*ingest.Packed, error) {
	s, err := p.source.Load(ctx, sub)
	if err != nil {
		return nil, err
	}
	s.Inputs = []ingest.Array{{Shape: []int{1, 1, 2}}, {}}
	s.Background = []float32{0, 0}
	s.Location.Volume = [3]int{1, 1, 2}
	return &ingest.Packed{Sample: s, Volumes: []*sparse.Volume{sparse.Pack([3]int{2, 1, 1}, []float32{0, 7}), nil},
		Free: func() { p.note("free") }}, nil
}

// repacker and unpacker are stages that note what is done with them.
type repacker struct {
	stage
	notes *[]string
	ok    bool
	err   error
}

func (r repacker) Repack(_ context.Context, p *ingest.Packed) (bool, error) {
	*r.notes = append(*r.notes, fmt.Sprint("repack ", r.name))
	if r.ok {
		p.Sample.Definitions = append(p.Sample.Definitions, r.name)
	}
	return r.ok, r.err
}

type unpacker struct {
	stage
	notes *[]string
}

func (u unpacker) Unpack(ctx context.Context, rng *rand.Rand, p *ingest.Packed, emit func(*ingest.Sample) bool) error {
	*u.notes = append(*u.notes, "unpack "+u.name)
	return u.Apply(ctx, rng, p.Unpack(), emit)
}

func TestSamplesStayPackedAsLongAsTheStagesLetThem(t *testing.T) {
	var notes []string
	named := func(name string) stage {
		return stage{name, func(rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
			notes = append(notes, "apply "+name)
			return noise.apply(rng, s, emit)
		}}
	}
	can := repacker{named("can"), &notes, true, nil}
	cannot := repacker{named("cannot"), &notes, false, nil}
	fails := repacker{named("fails"), &notes, false, fault(0)}
	cuts := unpacker{named("cuts"), &notes}
	for _, tc := range []struct {
		name   string
		stages []preprocess.Stage
		want   []string
		err    error
	}{
		{"no stage", nil, []string{"free"}, nil},
		{"a plain one", []preprocess.Stage{named("a"), can}, []string{"apply a", "apply can", "free"}, nil},
		{"to the end", []preprocess.Stage{can, can}, []string{"repack can", "repack can", "free"}, nil},
		{"to where it can't", []preprocess.Stage{can, cannot, can}, []string{"repack can", "repack cannot", "apply cannot", "apply can", "free"}, nil},
		{"to where it is cut", []preprocess.Stage{can, cuts, can, cuts}, []string{"repack can", "unpack cuts", "apply cuts", "apply can", "apply cuts", "free"}, nil},
		{"to a fault", []preprocess.Stage{can, fails, can}, []string{"repack can", "repack fails", "free"}, fault(0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			notes = nil
			p := preprocess.Pipeline{Stages: stages(tc.stages...), Seed: 5}
			out, err := collect(t, p.Run(t.Context(), packing{source{}, &notes}, subjects(1, nil)))
			if (err == nil) != (tc.err == nil) || err != nil && err.Error() != tc.err.Error() {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if !slices.Equal(notes, tc.want) {
				t.Errorf("%v, want %v", notes, tc.want)
			}
			for _, st := range tc.stages {
				if err == nil && !strings.Contains(out[0], st.Name()) {
					t.Errorf("%s is not in %v", st.Name(), out)
				}
			}
		})
	}
}

func TestABrokenPackedSampleEndsTheRun(t *testing.T) {
	var notes []string
	src := broken{packing{source{}, &notes}}
	p := preprocess.Pipeline{OnError: func(*ingest.SubjectError) error { return nil }}
	_, err := collect(t, p.Run(t.Context(), src, subjects(2, nil)))
	if err == nil || !strings.Contains(err.Error(), "as loaded") {
		t.Errorf("got %v", err)
	}
}

// broken is a source whose volumes are not of the shape that it says.
type broken struct{ packing }

func (b broken) LoadPacked(ctx context.Context, sub ingest.Subject) (*ingest.Packed, error) {
	p, err := b.packing.LoadPacked(ctx, sub)
	p.Sample.Location.Volume = [3]int{1, 2, 2}
	return p, err
}
