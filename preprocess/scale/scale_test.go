package scale_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess/scale"
)

func sample(shape []int, data ...float32) *ingest.Sample {
	return &ingest.Sample{
		Key: ingest.Key{Dataset: "d", Subject: "s"}, Present: 2,
		Inputs: []ingest.Array{{}, {Shape: shape, Data: data}},
	}
}

func seq(list ...*ingest.Sample) iter.Seq2[*ingest.Sample, error] {
	return func(yield func(*ingest.Sample, error) bool) {
		for _, s := range list {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func apply(t interface {
	Helper()
	Fatalf(string, ...any)
}, sc scale.Scale, s *ingest.Sample) *ingest.Sample {
	t.Helper()
	st, err := sc.Stage()
	if err != nil {
		t.Fatalf("%v", err)
	}
	var out *ingest.Sample
	if err := st.Apply(context.Background(), nil, s, func(o *ingest.Sample) bool { out = o; return true }); err != nil {
		t.Fatalf("%v", err)
	}
	if !slices.Equal(out.Definitions, []string{st.Name()}) {
		t.Fatalf("definitions %v, want %s", out.Definitions, st.Name())
	}
	return out
}

func TestFit(t *testing.T) {
	absent := &ingest.Sample{Inputs: make([]ingest.Array, 2)}
	for _, tc := range []struct {
		name     string
		all      bool
		samples  []*ingest.Sample
		mean, sd []float64
	}{
		{"a number for each coefficient, whatever the frames", false,
			[]*ingest.Sample{sample([]int{2, 2}, 1, 3, 10, 10), absent, sample([]int{2, 1}, 5, 10)},
			[]float64{3, 10}, []float64{math.Sqrt(8.0 / 3), 1}},
		{"one for all", true,
			[]*ingest.Sample{sample([]int{2, 2}, 0, 0, 0, 4), sample([]int{2, 2}, 0, 0, 0, 4)},
			[]float64{1}, []float64{math.Sqrt(3)}},
		{"far from 0", true,
			[]*ingest.Sample{sample([]int{2}, 1<<24-1, 1<<24-3), sample([]int{1}, 1<<24-2)},
			[]float64{1<<24 - 2}, []float64{math.Sqrt(2.0 / 3)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := scale.Fit(1, tc.all, seq(tc.samples...))
			if err != nil {
				t.Fatal(err)
			}
			close := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-14*math.Abs(b) })
			if d := cmp.Diff(scale.Scale{Modality: 1, Mean: tc.mean, SD: tc.sd}, got, close); d != "" {
				t.Error(d)
			}
		})
	}
}

// What was fitted and scaled has mean 0 and deviation 1, its JSON says the same
// to the last bit, and the samples stay as they were.
func TestWhatIsScaledIsStandard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		coefs, all := rapid.IntRange(1, 4).Draw(t, "coefs"), rapid.Bool().Draw(t, "all")
		offset := rapid.Float64Range(-1e4, 1e4).Draw(t, "offset")
		var list, before []*ingest.Sample
		for range rapid.IntRange(1, 6).Draw(t, "samples") {
			shape := []int{coefs, rapid.IntRange(2, 9).Draw(t, "frames")}
			data := make([]float32, shape[0]*shape[1])
			for i := range data {
				data[i] = float32(offset + rapid.Float64Range(-3, 3).Draw(t, "value"))
			}
			list = append(list, sample(shape, data...))
			before = append(before, sample(shape, slices.Clone(data)...))
		}
		sc, err := scale.Fit(1, all, seq(list...))
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(sc)
		if err != nil {
			t.Fatal(err)
		}
		var back scale.Scale
		if err := json.Unmarshal(text, &back); err != nil || !cmp.Equal(sc, back) {
			t.Fatalf("%s came back as %+v, %v", text, back, err)
		}
		sums, squares, n := make([]float64, coefs), make([]float64, coefs), make([]float64, coefs)
		for i, s := range list {
			in := *s
			in.Inputs = slices.Clone(s.Inputs)
			out := apply(t, back, &in).Inputs[1]
			if d := cmp.Diff(before[i], s); d != "" {
				t.Fatalf("the sample that went in changed: %s", d)
			}
			for k, v := range out.Data {
				c := k / out.Shape[1]
				if all {
					c = 0
				}
				sums[c], squares[c], n[c] = sums[c]+float64(v), squares[c]+float64(v)*float64(v), n[c]+1
			}
		}
		for c := range sums {
			if n[c] == 0 {
				continue
			}
			// Scaled values of a few units are rounded to float32, and to nothing else.
			const tol = 1e-6
			mean, sd := sums[c]/n[c], math.Sqrt(squares[c]/n[c])
			if math.Abs(mean) > tol || math.Abs(sd-1) > tol && sc.SD[c] != 1 {
				t.Fatalf("coefficient %d: mean %g, deviation %g; %+v", c, mean, sd, sc)
			}
		}
	})
}

func TestFixed(t *testing.T) {
	s := sample([]int{2, 2}, 0, 0.5, 1, 0.25)
	s.Background = []float32{7, 0}
	out := apply(t, scale.Fixed(1, 0.5, 0.5), s)
	if want := []float32{-1, 0, 1, -0.5}; !slices.Equal(out.Inputs[1].Data, want) {
		t.Errorf("got %v, want %v", out.Inputs[1].Data, want)
	}
	if want := []float32{7, -1}; !slices.Equal(out.Background, want) {
		t.Errorf("background %v, want %v", out.Background, want)
	}
	if want := "scale-m1-0.5,0.5/1"; out.Definitions[0] != want {
		t.Errorf("name %s, want %s", out.Definitions[0], want)
	}
	if out := apply(t, scale.Fixed(0, 0.5, 0.5), sample([]int{1}, 3)); out.Inputs[0].Data != nil || out.Inputs[1].Data[0] != 3 {
		t.Errorf("an absent modality: got %+v", out.Inputs)
	}
}

func TestNamesDiffer(t *testing.T) {
	seen := map[string]scale.Scale{}
	for _, sc := range []scale.Scale{
		scale.Fixed(0, 1, 2), scale.Fixed(1, 1, 2), scale.Fixed(0, 2, 1),
		{Mean: []float64{1, 2}, SD: []float64{3, 4}}, {Mean: []float64{1, 2}, SD: []float64{3, math.Nextafter(4, 5)}},
		{Mean: []float64{1, 3}, SD: []float64{2, 4}}, {Modality: 1, Mean: []float64{1, 2}, SD: []float64{3, 4}},
	} {
		st, err := sc.Stage()
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[st.Name()]; ok {
			t.Errorf("%+v and %+v are both %s", sc, other, st.Name())
		}
		seen[st.Name()] = sc
	}
}

func TestErrors(t *testing.T) {
	nan := float32(math.NaN())
	fit := func(mod int, list ...*ingest.Sample) error {
		_, err := scale.Fit(mod, false, seq(list...))
		return err
	}
	stage := func(sc scale.Scale) error {
		_, err := sc.Stage()
		return err
	}
	run := func(sc scale.Scale, s *ingest.Sample) error {
		st, err := sc.Stage()
		if err != nil {
			return err
		}
		return st.Apply(t.Context(), nil, s, func(*ingest.Sample) bool { t.Error("emitted"); return false })
	}
	broken := errors.New("broken")
	for _, tc := range []struct {
		name, want string
		subject    bool
		err        error
	}{
		{"no sample", "no sample has modality 1", false, fit(1)},
		{"negative", "modality -1", false, fit(-1)},
		{"another first axis", "[3 1]: 3 places along the first axis, samples before it 2", true, fit(1, sample([]int{2, 1}, 1, 2), sample([]int{3, 1}, 1, 2, 3))},
		{"NaN", "place 1", true, fit(1, sample([]int{2, 2}, 1, 2, nan, 4))},
		{"infinite", "place 0", true, fit(1, sample([]int{2, 1}, float32(math.Inf(1)), 4))},
		{"half a shape", "1 values for the shape [2]", true, fit(1, sample([]int{2}, 1))},
		{"no such input", "has 2 inputs, none at 3", false, fit(3, &ingest.Sample{Present: 8, Inputs: make([]ingest.Array, 2)})},
		{"the samples' own", "broken", false, func() error {
			_, err := scale.Fit(1, false, func(yield func(*ingest.Sample, error) bool) { yield(nil, broken) })
			if !errors.Is(err, broken) {
				t.Errorf("%v hides the cause", err)
			}
			return err
		}()},
		{"no numbers", "0 means and 0 deviations", false, stage(scale.Scale{})},
		{"one deviation too many", "1 means and 2 deviations", false, stage(scale.Scale{Mean: []float64{0}, SD: []float64{1, 1}})},
		{"no deviation", "deviation 0 at 1", false, stage(scale.Scale{Mean: []float64{0, 0}, SD: []float64{1, 0}})},
		{"no mean", "mean NaN", false, stage(scale.Fixed(0, math.NaN(), 1))},
		{"no modality", "modality 16", false, stage(scale.Fixed(16, 0, 1))},
		{"too few numbers", "[3 1], there are numbers for 2 places", true, run(scale.Scale{Modality: 1, Mean: []float64{0, 0}, SD: []float64{1, 1}}, sample([]int{3, 1}, 1, 2, 3))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.err == nil || !strings.Contains(tc.err.Error(), tc.want) {
				t.Fatalf("got %v, want an error with %q", tc.err, tc.want)
			}
			if _, ok := errors.AsType[*ingest.SubjectError](tc.err); ok != tc.subject {
				t.Errorf("%v: about a subject: %v, want %v", tc.err, ok, tc.subject)
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	st, err := scale.Fixed(1, 0.5, 0.5).Stage()
	if err != nil {
		b.Fatal(err)
	}
	s := sample([]int{28, 28}, make([]float32, 784)...)
	b.ReportAllocs()
	for b.Loop() {
		in := *s
		in.Inputs = slices.Clone(s.Inputs)
		if err := st.Apply(b.Context(), nil, &in, func(*ingest.Sample) bool { return true }); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleFit() {
	train := seq(sample([]int{2, 3}, 1, 2, 3, 0, 10, 20), sample([]int{2, 1}, 2, 10))
	sc, err := scale.Fit(1, false, train)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("mean %.2f, deviation %.2f\n", sc.Mean, sc.SD)
	stage, err := sc.Stage()
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = stage.Apply(context.Background(), nil, sample([]int{2, 1}, 2, 20), func(s *ingest.Sample) bool {
		fmt.Printf("%.2f\n", s.Inputs[1].Data)
		return true
	})
	// Output:
	// mean [2.00 10.00], deviation [0.71 7.07]
	// [0.00 1.41]
}
