package audio_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/mfcc"
	"github.com/lacuna-ml/lacuna/preprocess"
	"github.com/lacuna-ml/lacuna/preprocess/audio"
)

var mods = modality.MustSet("image", "audio")

// clip returns a sample with an image and n samples of sound.
func clip(n int) *ingest.Sample {
	wave := make([]float32, n)
	for i := range wave {
		wave[i] = float32(math.Sin(float64(i*i%1009) / 3))
	}
	return &ingest.Sample{
		Key:     ingest.Key{Dataset: "avdigits", Subject: fmt.Sprint("clip", n)},
		Present: mods.Full(),
		Inputs: []ingest.Array{
			{Shape: []int{1, 2}, Data: []float32{1, 2}},
			{Shape: []int{n}, Data: wave},
		},
		RateHz: 8000,
	}
}

func newStage(t testing.TB, c mfcc.Config) preprocess.Stage {
	t.Helper()
	s, err := audio.MFCC(mods.Index("audio"), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// apply returns what s emits.
func apply(s preprocess.Stage, in *ingest.Sample) (out []*ingest.Sample, err error) {
	err = s.Apply(context.Background(), nil, in, func(o *ingest.Sample) bool {
		out = append(out, o)
		return true
	})
	return out, err
}

func TestReplacesTheWaveform(t *testing.T) {
	for _, name := range mfcc.Names() {
		t.Run(name, func(t *testing.T) {
			c := mfcc.Config{Name: name, RateHz: 8000}
			e, err := mfcc.New(c)
			if err != nil {
				t.Fatal(err)
			}
			in := clip(3500)
			wave := in.Inputs[1].Data
			before := slices.Clone(wave)
			out, err := apply(newStage(t, c), in)
			if err != nil || len(out) != 1 {
				t.Fatalf("%d samples, %v", len(out), err)
			}
			got := out[0]
			if err := got.Check(mods); err != nil {
				t.Error(err)
			}
			want := ingest.Array{Shape: []int{e.Config().Coefs, e.Frames(3500)}, Data: e.Append(nil, before)}
			if d := cmp.Diff(want, got.Inputs[1]); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(clip(3500).Inputs[0], got.Inputs[0]); d != "" {
				t.Errorf("the other modality changed: %s", d)
			}
			if !slices.Equal(got.Definitions, []string{c.ID()}) {
				t.Errorf("definitions %q, want %q", got.Definitions, c.ID())
			}
			if !slices.Equal(wave, before) {
				t.Error("the waveform, which may be shared, was written into")
			}
		})
	}
}

func TestAbsentModalityPasses(t *testing.T) {
	s := newStage(t, mfcc.Config{Name: mfcc.SMIL})
	in := clip(3500)
	in.Present = in.Present.Without(1)
	in.Inputs[1] = ingest.Array{}
	in.RateHz = 0
	out, err := apply(s, in)
	if err != nil || len(out) != 1 || out[0].Check(mods) != nil {
		t.Fatalf("%d samples, %v", len(out), err)
	}
	if !slices.Equal(out[0].Definitions, []string{s.Name()}) {
		t.Errorf("definitions %q", out[0].Definitions)
	}
}

func TestProblems(t *testing.T) {
	smil := mfcc.Config{Name: mfcc.SMIL}
	for _, tc := range []struct {
		name   string
		config mfcc.Config
		breaks func(s *ingest.Sample)
		kind   string
		says   string
	}{
		{"rate", smil, func(s *ingest.Sample) { s.RateHz = 16000 }, "rate", "16000 Hz, smil/1 is defined for 8000 Hz"},
		{"no rate", smil, func(s *ingest.Sample) { s.RateHz = 0 }, "rate", "0 Hz"},
		{"stage applied twice", smil, func(s *ingest.Sample) { s.Inputs[1].Shape = []int{10, 350} }, "shape", "[10 350]"},
		{"shape and data differ", smil, func(s *ingest.Sample) { s.Inputs[1].Shape = []int{3} }, "shape", "3500 values"},
		{"empty", smil, func(s *ingest.Sample) { s.Inputs[1] = ingest.Array{Shape: []int{0}, Data: []float32{}} }, "short", "no samples"},
		{"NaN", smil, func(s *ingest.Sample) { s.Inputs[1].Data[7] = float32(math.NaN()) }, "nonfinite", "sample 7"},
		{"infinite", smil, func(s *ingest.Sample) { s.Inputs[1].Data[8] = float32(math.Inf(-1)) }, "nonfinite", "sample 8 of the clip is -Inf"},
		{"no frame", mfcc.Config{Name: mfcc.Kaldi, RateHz: 8000}, func(s *ingest.Sample) {
			s.Inputs[1] = ingest.Array{Shape: []int{199}, Data: make([]float32, 199)}
		}, "short", "199 samples gives no frame by kaldi/1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := clip(3500)
			tc.breaks(in)
			out, err := apply(newStage(t, tc.config), in)
			var se *ingest.SubjectError
			if !errors.As(err, &se) || len(out) != 0 {
				t.Fatalf("%d samples, error %v; want a SubjectError", len(out), err)
			}
			if se.Key != in.Key || se.Problems[0].Kind != tc.kind || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %q of kind %q, want %q of kind %q", err, se.Problems[0].Kind, tc.says, tc.kind)
			}
		})
	}
}

// TestWarnsOfCutClips: the definition smil keeps every third sample, has a
// frame every 512 of them and one more, and of these the first 20.
func TestWarnsOfCutClips(t *testing.T) {
	for _, tc := range []struct {
		definition string
		samples    int
		want       string
	}{
		{mfcc.SMIL, 3 * 19 * 512, ""},
		{mfcc.SMIL, 3 * 40 * 512, "has 41 frames by smil/1, of which the first 20 are kept"},
		{mfcc.Dense20, 3 * 40 * 512, ""},
		{mfcc.Librosa, 3 * 40 * 512, ""},
	} {
		in := clip(tc.samples)
		shared := make([]ingest.Problem, 1, 8)
		in.Warnings = shared
		out, err := apply(newStage(t, mfcc.Config{Name: tc.definition, RateHz: 8000}), in)
		if err != nil {
			t.Fatal(err)
		}
		got := out[0].Warnings[1:]
		if (len(got) > 0) != (tc.want != "") || len(got) > 0 && (got[0].Kind != "long" || !strings.Contains(got[0].Reason, tc.want)) {
			t.Errorf("%s, %d samples: got %v, want %q", tc.definition, tc.samples, got, tc.want)
		}
		if shared[:2][1] != (ingest.Problem{}) {
			t.Error("the warnings of other samples were written into")
		}
	}
}

func TestConstructorRefuses(t *testing.T) {
	for _, mod := range []int{-1, modality.MaxModalities} {
		if _, err := audio.MFCC(mod, mfcc.Config{Name: mfcc.SMIL}); err == nil {
			t.Errorf("modality %d gave no error", mod)
		}
	}
	for _, c := range []mfcc.Config{{}, {Name: "mel"}, {Name: mfcc.SMIL, FFT: 1000}} {
		if _, err := audio.MFCC(0, c); err == nil {
			t.Errorf("%+v gave no error", c)
		}
	}
}

// TestConcurrentUse shares a stage between goroutines, as the pipeline does:
// every one must get what a single one gets.
func TestConcurrentUse(t *testing.T) {
	s := newStage(t, mfcc.Config{Name: mfcc.SMIL})
	want := make([][]float32, 40)
	for i := range want {
		out, err := apply(newStage(t, mfcc.Config{Name: mfcc.SMIL}), clip(1000+100*i))
		if err != nil {
			t.Fatal(err)
		}
		want[i] = out[0].Inputs[1].Data
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range want {
				i = (i + 5*g) % len(want)
				out, err := apply(s, clip(1000+100*i))
				if err != nil || !slices.Equal(out[0].Inputs[1].Data, want[i]) {
					t.Errorf("goroutine %d, clip %d: other values, %v", g, i, err)
				}
			}
		})
	}
	wg.Wait()
}

func ExampleMFCC() {
	stage, err := audio.MFCC(1, mfcc.Config{Name: mfcc.Dense20})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = stage.Apply(context.Background(), nil, clip(3500), func(s *ingest.Sample) bool {
		fmt.Println(s.Inputs[1].Shape, s.Definitions)
		return true
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: [20 20] [dense20/1]
}
