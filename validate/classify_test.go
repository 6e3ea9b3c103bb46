package validate_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/validate"
)

// pair is a spoken and a drawn digit: each input holds what it seems to be.
func pair(name string, class int, image, audio float32) *ingest.Sample {
	s := &ingest.Sample{Key: ingest.Key{Dataset: "avdigits", Subject: name}, Inputs: make([]ingest.Array, 2)}
	s.Subject = ingest.Subject{Key: s.Key, Class: class, Stratum: "secret"}
	for i, v := range []float32{image, audio} {
		if v >= 0 {
			s.Inputs[i] = ingest.Array{Shape: []int{1}, Data: []float32{v}}
			s.Present = s.Present.With(i)
		}
	}
	if class >= 0 {
		s.Target = ingest.Class(uint8(class))
	}
	return s
}

// seen predicts the class that the first modality present seems to be, with 0.6.
var seen = each(func(s *ingest.Sample) ingest.Array {
	for i := range s.Present.All() {
		p := []float32{0.2, 0.2, 0.2}
		p[int(s.Inputs[i].Data[0])] = 0.6
		return ingest.Array{Shape: []int{3}, Data: p}
	}
	panic("a sample without a modality")
})

func pairs() []*ingest.Sample {
	return []*ingest.Sample{
		pair("a", 0, 0, 0),
		pair("b", 1, 1, 0),   // right by image alone
		pair("c", 2, 0, 2),   // right by audio alone
		pair("d", 1, -1, 1),  // no image
		pair("e", 2, 2, -1),  // no audio
		pair("f", -1, 1, -1), // no label
	}
}

func TestClassification(t *testing.T) {
	e := validate.Evaluator{Modalities: digits, Classes: []string{"zero", "one", "two"}}
	for _, e.Batch = range []int{0, 1, 2, 6, 100} {
		r, err := e.Run(t.Context(), seen, sequence(pairs()...))
		if err != nil {
			t.Fatal(err)
		}
		if r.Subjects != 6 || r.Unlabelled != 1 || !slices.Equal(r.Modalities, []string{"image", "audio"}) {
			t.Errorf("batch %d: %d samples, %d unlabelled, of %v", e.Batch, r.Subjects, r.Unlabelled, r.Modalities)
		}
		for i, w := range []struct {
			name                        string
			evaluated, reduced, skipped int
			n, right                    int
			confusion                   [][]int
		}{
			{"image", 5, 0, 1, 4, 3, [][]int{{1, 0, 0}, {0, 1, 0}, {1, 0, 1}}},
			{"audio", 4, 0, 2, 4, 3, [][]int{{1, 0, 0}, {1, 1, 0}, {0, 0, 1}}},
			{"image+audio", 6, 2, 0, 5, 4, [][]int{{1, 0, 0}, {0, 2, 0}, {1, 0, 1}}},
		} {
			c := r.Combos[i]
			if c.Name != w.name || c.Evaluated != w.evaluated || c.Reduced != w.reduced || c.Skipped != w.skipped {
				t.Errorf("batch %d: combination %d: got %s with %d evaluated, %d reduced, %d skipped; want %+v", e.Batch, i, c.Name, c.Evaluated, c.Reduced, c.Skipped, w)
			}
			got := c.Classification
			if got.N != w.n || got.Right != w.right || float64(got.Accuracy) != float64(w.right)/float64(w.n) || !cmp.Equal(got.Confusion, w.confusion) {
				t.Errorf("batch %d: %s: got %+v, want %+v", e.Batch, c.Name, got, w)
			}
			if !(got.Lo < got.Accuracy && got.Accuracy < got.Hi) || got.Classes[0].Name != "zero" || got.Classes[0].Support != 1 {
				t.Errorf("batch %d: %s: got %+v", e.Batch, c.Name, got)
			}
		}
		const sure = validate.Number(float32(0.6))
		want := []validate.Item{
			{Key: "avdigits/d", Combo: "audio", Seen: "audio", Class: "one", Predicted: "one", Probability: sure},
			{Key: "avdigits/d", Combo: "image+audio", Seen: "audio", Class: "one", Predicted: "one", Probability: sure},
			{Key: "avdigits/e", Combo: "image", Seen: "image", Class: "two", Predicted: "two", Probability: sure},
			{Key: "avdigits/e", Combo: "image+audio", Seen: "image", Class: "two", Predicted: "two", Probability: sure},
			{Key: "avdigits/f", Combo: "image", Seen: "image", Predicted: "one", Probability: sure},
			{Key: "avdigits/f", Combo: "image+audio", Seen: "image", Predicted: "one", Probability: sure},
		}
		if d := cmp.Diff(want, r.Items[9:]); d != "" {
			t.Errorf("batch %d: items (-want +got):\n%s", e.Batch, d)
		}
	}
}

// A predictor is shown nothing but what it may use.
func TestThePredictorSeesNoMoreThanTheCombination(t *testing.T) {
	e := validate.Evaluator{Modalities: digits, Classes: []string{"zero", "one", "two"}, Batch: 4}
	var calls []modality.Mask
	originals := pairs()
	p := predictor(func(batch []*ingest.Sample, present modality.Mask) ([]ingest.Array, error) {
		calls = append(calls, present)
		if len(batch) == 0 || len(batch) > 4 {
			t.Errorf("a batch of %d", len(batch))
		}
		for _, s := range batch {
			i := slices.IndexFunc(originals, func(o *ingest.Sample) bool { return o.Key == s.Key })
			if s.Present == 0 || s.Present != present&originals[i].Present {
				t.Errorf("%s: shown %b of %b under %b", s.Key, s.Present, originals[i].Present, present)
			}
			if err := s.Check(digits); err != nil {
				t.Error(err)
			}
			if s.Target.Known() || s.Subject.Class != -1 || s.Subject.Stratum != "" {
				t.Errorf("%s: shown the answer: %+v", s.Key, s)
			}
		}
		return seen(batch, present)
	})
	if _, err := e.Run(t.Context(), p, sequence(originals...)); err != nil {
		t.Fatal(err)
	}
	// None of the last two samples has audio.
	if want := []modality.Mask{1, 2, 3, 1, 3}; !slices.Equal(calls, want) {
		t.Errorf("combinations asked for: got %v, want %v", calls, want)
	}
	if d := cmp.Diff(pairs(), originals); d != "" {
		t.Errorf("the evaluator changed samples (-was +is):\n%s", d)
	}
}

func TestPredictionsThatMakeNoSense(t *testing.T) {
	nan := float32(math.NaN())
	broken := errors.New("device lost")
	for _, tc := range []struct {
		name string
		out  []ingest.Array
		err  error
		want string
	}{
		{"an error", nil, broken, "device lost"},
		{"nothing", nil, nil, "0 arrays for 1 samples"},
		{"another shape", []ingest.Array{{Shape: []int{2}, Data: []float32{0, 1}}}, nil, "shape [2], want [3]"},
		{"another length", []ingest.Array{{Shape: []int{3}, Data: []float32{0, 1}}}, nil, "2 values of the shape [3]"},
		{"NaN", []ingest.Array{{Shape: []int{3}, Data: []float32{0, nan, 1}}}, nil, "value 1 is NaN"},
		{"logits", []ingest.Array{{Shape: []int{3}, Data: []float32{0, -4, 1}}}, nil, "value 1 is -4, and no probability"},
		{"above 1", []ingest.Array{{Shape: []int{3}, Data: []float32{0, 0, 1.01}}}, nil, "value 2 is 1.01"},
		{"no softmax", []ingest.Array{{Shape: []int{3}, Data: []float32{1, 1, 1}}}, nil, "sums to 3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := validate.Evaluator{Modalities: digits, Classes: []string{"zero", "one", "two"}}
			p := predictor(func([]*ingest.Sample, modality.Mask) ([]ingest.Array, error) { return tc.out, tc.err })
			_, err := e.Run(t.Context(), p, sequence(pairs()[0]))
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "avdigits/a") && tc.name != "nothing" {
				t.Errorf("got %v, want it to say %q", err, tc.want)
			}
			if tc.err != nil && !errors.Is(err, tc.err) {
				t.Errorf("got %v, want it to wrap %v", err, tc.err)
			}
		})
	}
}

func TestSamplesThatMakeNoSense(t *testing.T) {
	e := validate.Evaluator{Modalities: digits, Classes: []string{"zero", "one", "two"}}
	wrong := pair("a", 3, 0, 0)
	masked := pair("a", 0, 0, 0)
	masked.Present = 1
	read := errors.New("disk gone")
	for name, samples := range map[string]func(func(*ingest.Sample, error) bool){
		"target of 4 classes":   sequence(wrong),
		"mask against inputs":   sequence(masked),
		"an error of the shard": func(yield func(*ingest.Sample, error) bool) { yield(nil, read) },
	} {
		if _, err := e.Run(t.Context(), seen, samples); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(read)
	if _, err := e.Run(ctx, seen, sequence(pairs()...)); !errors.Is(err, read) {
		t.Errorf("got %v, want the context's cause", err)
	}
}

func TestEvaluatorsThatMakeNoSense(t *testing.T) {
	good := validate.Evaluator{Modalities: brats, Classes: tissues, Regions: regions}
	for name, change := range map[string]func(*validate.Evaluator){
		"no modalities":          func(e *validate.Evaluator) { e.Modalities = modality.Set{} },
		"no classes":             func(e *validate.Evaluator) { e.Classes = nil },
		"an empty combination":   func(e *validate.Evaluator) { e.Combos = []modality.Mask{1, 0} },
		"one twice":              func(e *validate.Evaluator) { e.Combos = []modality.Mask{1, 1} },
		"one of another set":     func(e *validate.Evaluator) { e.Combos = []modality.Mask{16} },
		"no such convention":     func(e *validate.Evaluator) { e.Empty = "brat" },
		"negative batch":         func(e *validate.Evaluator) { e.Batch = -1 },
		"negative part":          func(e *validate.Evaluator) { e.Post.MinPart = -1 },
		"post without regions":   func(e *validate.Evaluator) { e.Regions, e.Post.MinInner = nil, 5 },
		"a region of no class":   func(e *validate.Evaluator) { e.Regions = []validate.Region{{"X", nil}} },
		"a region of background": func(e *validate.Evaluator) { e.Regions = []validate.Region{{"X", []uint8{0, 1}}} },
		"a class beyond":         func(e *validate.Evaluator) { e.Regions = []validate.Region{{"X", []uint8{5}}} },
		"overlapping regions":    func(e *validate.Evaluator) { e.Regions = []validate.Region{{"X", []uint8{1, 2}}, {"Y", []uint8{2, 3}}} },
		"the same region twice":  func(e *validate.Evaluator) { e.Regions = []validate.Region{{"X", []uint8{1}}, {"Y", []uint8{1}}} },
		"regions that fill one": func(e *validate.Evaluator) {
			e.Regions = []validate.Region{{"X", []uint8{1, 2}}, {"Y", []uint8{1}}, {"Z", []uint8{2}}}
		},
	} {
		e := good
		change(&e)
		if _, err := e.Run(t.Context(), seen, sequence()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if r, err := good.Run(t.Context(), seen, sequence()); err != nil || r.Subjects != 0 || len(r.Combos) != 15 {
		t.Errorf("no samples: got %+v, %v", r, err)
	}
}

func TestSoftmaxAndSigmoid(t *testing.T) {
	p := []float32{1000, 1000, -1000}
	validate.Softmax(p)
	if !slices.Equal(p, []float32{0.5, 0.5, 0}) {
		t.Errorf("softmax: got %v", p)
	}
	q := []float32{0, 1000, -1000, 1}
	validate.Sigmoid(q)
	if !slices.Equal(q, []float32{0.5, 1, 0, 0.7310586}) { // 1 / (1 + 1/e)
		t.Errorf("sigmoid: got %v", q)
	}
}
