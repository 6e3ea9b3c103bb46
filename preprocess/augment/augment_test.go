package augment_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/preprocess"
	"github.com/lacuna-ml/lacuna/preprocess/augment"
)

type tester interface {
	Helper()
	Fatalf(string, ...any)
}

// apply returns what st makes of s, which it leaves as it was.
func apply(t tester, st preprocess.Stage, rng *rand.Rand, s *ingest.Sample) *ingest.Sample {
	t.Helper()
	var out *ingest.Sample
	err := st.Apply(context.Background(), rng, shallow(s), func(o *ingest.Sample) bool {
		if out != nil {
			t.Fatalf("%s emitted twice", st.Name())
		}
		out = o
		return true
	})
	if err != nil {
		t.Fatalf("%s: %v", st.Name(), err)
	}
	if out == nil || len(out.Definitions) == 0 || out.Definitions[len(out.Definitions)-1] != st.Name() {
		t.Fatalf("%s: got %+v", st.Name(), out)
	}
	return out
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 5)) }

// everything has a stage of each kind with all it can do, and a sample for it.
func everything(t testing.TB, pool *augment.Pool) []subject {
	image, err := augment.Image(0, augment.ImageOptions{RotateDeg: 20, Scale: 0.2, Shift: 3, ShearDeg: 10, Elastic: 1, Border: 0.5, Pool: pool})
	must(t, image, err)
	wave, err := augment.Wave(1, augment.WaveOptions{Speed: 0.1, Shift: 10 * time.Millisecond, Tilt: 0.5, Noise: augment.Draw{P: 0.5, Lo: 10, Hi: 30}, GainDB: 6, Stretch: true, Pool: pool})
	must(t, wave, err)
	slide, err := augment.Wave(1, augment.WaveOptions{Shift: 10 * time.Millisecond, Pool: pool})
	must(t, slide, err)
	features, err := augment.Features(1, augment.FeatureOptions{Gain: 1, Stretch: 0.2, Shift: 2, Noise: 0.1, Frames: 3, Coefs: 3, Pool: pool})
	must(t, features, err)
	volume, err := augment.Volume(augment.VolumeOptions{
		Geometry: augment.Geometry{
			Size: [3]int{9, 12, 10}, Flip: [3]float64{0.5, 0.5, 0.5}, Shift: [3]float64{1, 2, 3},
			Zoom: augment.Draw{P: 0.4, Lo: 0.7, Hi: 1.3}, Rotate: augment.Draw{P: 0.3, Lo: -15, Hi: 15},
		},
		Intensity: augment.Intensity{
			Noise: augment.Draw{P: 0.5, Hi: 0.1}, Brightness: augment.Draw{P: 0.5, Lo: 0.8, Hi: 1.2}, Offset: augment.Draw{P: 0.5, Lo: -1, Hi: 1},
			Contrast: augment.Draw{P: 0.5, Lo: 0.7, Hi: 1.3}, Gamma: augment.Draw{P: 0.5, Lo: 0.7, Hi: 1.5},
		},
		Pool: pool,
	})
	must(t, volume, err)
	return []subject{
		{"image", image, digit(3, 7)},
		{"image with channels", image, &ingest.Sample{Present: 1, Inputs: []ingest.Array{noise(5, 2, 9, 11)}}},
		{"wave", wave, digit(4, 500)},
		{"wave that slides", slide, digit(4, 500)},
		{"features", features, digit(5, 6, 9)},
		{"volume", volume, brain(6, 3, 10, 12, 14)},
	}
}

type subject struct {
	name  string
	stage preprocess.Stage
	s     *ingest.Sample
}

func clone(s *ingest.Sample) *ingest.Sample {
	c := shallow(s)
	for i := range c.Inputs {
		c.Inputs[i].Data = slices.Clone(c.Inputs[i].Data)
	}
	c.Target.Data = slices.Clone(c.Target.Data)
	return c
}

// poison fills those arrays of s that are not of before with nonsense.
func poison(s, before *ingest.Sample) {
	for i, a := range s.Inputs {
		if len(a.Data) > 0 && &a.Data[0] != &before.Inputs[i].Data[0] {
			for k := range a.Data {
				a.Data[k] = float32(math.NaN())
			}
		}
	}
	if len(s.Target.Data) > 1 && &s.Target.Data[0] != &before.Target.Data[0] {
		for k := range s.Target.Data {
			s.Target.Data[k] = 0xee
		}
	}
}

// TestSameDrawsSameBits: whatever the pool's arrays held; another seed gives
// another sample; and what came in stays as it was.
func TestSameDrawsSameBits(t *testing.T) {
	var pool augment.Pool
	plain, pooled := everything(t, nil), everything(t, &pool)
	for i, x := range plain {
		t.Run(x.name, func(t *testing.T) {
			before := clone(x.s)
			differ := 0
			for seed := range uint64(20) {
				want := apply(t, x.stage, seeded(seed), x.s)
				got := apply(t, pooled[i].stage, seeded(seed), x.s)
				if !reflect.DeepEqual(want, got) {
					t.Fatalf("seed %d: %s", seed, cmp.Diff(want, got))
				}
				if !reflect.DeepEqual(before, x.s) {
					t.Fatalf("what came in changed: %s", cmp.Diff(before, x.s))
				}
				other := apply(t, x.stage, seeded(seed+100), x.s)
				if !reflect.DeepEqual(want.Inputs, other.Inputs) {
					differ++
				}
				poison(got, x.s)
				pool.Release(got)
			}
			if differ < 18 {
				t.Errorf("of 20 samples %d changed with the seed", differ)
			}
		})
	}
}

// source yields so many samples like s, each a subject of its own.
type source struct {
	s *ingest.Sample
	n int
}

func (src source) Modalities() modality.Set {
	return modality.MustSet([]string{"a", "b", "c"}[:len(src.s.Inputs)]...)
}

func (src source) Subjects(context.Context) iter.Seq2[ingest.Subject, error] {
	return func(yield func(ingest.Subject, error) bool) {
		for i := range src.n {
			if !yield(ingest.Subject{Key: ingest.Key{Dataset: "d", Subject: fmt.Sprint(i)}}, nil) {
				return
			}
		}
	}
}

func (src source) Load(_ context.Context, sub ingest.Subject) (*ingest.Sample, error) {
	s := shallow(src.s) // all of them share their arrays, as those of a file may
	s.Key = sub.Key
	return s, nil
}

// TestWorkersDoNotShow: one goroutine and eight give the same samples, while all
// use one pool, which takes each sample back as soon as it was looked at.
func TestWorkersDoNotShow(t *testing.T) {
	var pool augment.Pool
	for _, x := range everything(t, &pool) {
		t.Run(x.name, func(t *testing.T) {
			run := func(workers int) (list []*ingest.Sample) {
				p := preprocess.Pipeline{Stages: func(ingest.Subject) []preprocess.Stage { return []preprocess.Stage{x.stage} }, Workers: workers, Seed: 9}
				src := source{x.s, 40}
				for s, err := range p.Run(t.Context(), src, src.Subjects(t.Context())) {
					if err != nil {
						t.Fatal(err)
					}
					list = append(list, clone(s))
					pool.Release(s)
				}
				return list
			}
			if one, eight := run(1), run(8); !reflect.DeepEqual(one, eight) {
				t.Error(cmp.Diff(one, eight))
			}
		})
	}
}

// TestZeroOptionsChangeNothing but give an array of their own, where there may
// be something to change.
func TestZeroOptionsChangeNothing(t *testing.T) {
	image, err := augment.Image(0, augment.ImageOptions{})
	must(t, image, err)
	wave, err := augment.Wave(1, augment.WaveOptions{})
	must(t, wave, err)
	features, err := augment.Features(1, augment.FeatureOptions{})
	must(t, features, err)
	volume, err := augment.Volume(augment.VolumeOptions{})
	must(t, volume, err)
	for _, x := range []subject{
		{"image", image, digit(1, 5)}, {"wave", wave, digit(1, 50)}, {"features", features, digit(1, 5, 6)}, {"volume", volume, brain(1, 2, 4, 5, 6)},
	} {
		got := apply(t, x.stage, seeded(1), x.s)
		if d := cmp.Diff(x.s.Inputs, got.Inputs); d != "" {
			t.Errorf("%s: %s", x.name, d)
		}
		if want := "augment-" + x.name; !strings.HasPrefix(x.stage.Name(), want) || !strings.HasSuffix(x.stage.Name(), "/1") {
			t.Errorf("%s is named %s", x.name, x.stage.Name())
		}
	}
}

// TestAbsentStaysAbsent, and leaves the draws of the others as they were.
func TestAbsentStaysAbsent(t *testing.T) {
	for _, x := range everything(t, nil) {
		whole := apply(t, x.stage, seeded(7), x.s)
		for i := range x.s.Inputs {
			part := shallow(x.s)
			part.Present = part.Present.Without(i)
			part.Inputs[i] = ingest.Array{}
			got := apply(t, x.stage, seeded(7), part)
			for j := range got.Inputs {
				want := whole.Inputs[j]
				if j == i {
					want = ingest.Array{}
				}
				if d := cmp.Diff(want, got.Inputs[j]); d != "" {
					t.Errorf("%s without modality %d: modality %d: %s", x.name, i, j, d)
				}
			}
			if d := cmp.Diff(whole.Target, got.Target); d != "" {
				t.Errorf("%s without modality %d: target: %s", x.name, i, d)
			}
		}
	}
}

// TestEachOptionIsNamed: the name has every number that changes the output.
func TestEachOptionIsNamed(t *testing.T) {
	seen := map[string]int{}
	n := 0
	add := func(st preprocess.Stage, err error) {
		t.Helper()
		name := must(t, st, err).Name()
		if seen[name]++; seen[name] > 1 {
			t.Errorf("%s stands for two", name)
		}
		n++
	}
	for _, o := range []augment.ImageOptions{
		{}, {RotateDeg: 1}, {Scale: 0.1}, {Shift: 1}, {ShearDeg: 1}, {Elastic: 1}, {Elastic: 1, Knots: 9}, {Border: 1}, {Hold: true}, {RotateDeg: 2},
	} {
		add(augment.Image(0, o))
	}
	for _, o := range []augment.WaveOptions{
		{}, {Speed: 0.1}, {Shift: time.Millisecond}, {Shift: time.Microsecond}, {Tilt: 0.1}, {Noise: always(1, 2)}, {Noise: augment.Draw{P: 0.5, Lo: 1, Hi: 2}}, {Noise: always(1, 3)}, {GainDB: 1}, {Stretch: true},
	} {
		add(augment.Wave(0, o))
	}
	for _, o := range []augment.FeatureOptions{
		{}, {Gain: 1}, {Stretch: 0.1}, {Shift: 1}, {Noise: 1}, {Frames: 1}, {Coefs: 1}, {Fill: 1},
	} {
		add(augment.Features(0, o))
	}
	d := always(0.5, 0.75)
	for _, o := range []augment.VolumeOptions{
		{}, {Geometry: augment.Geometry{Size: [3]int{1, 2, 3}}}, {Geometry: augment.Geometry{Flip: [3]float64{1, 0, 0}}}, {Geometry: augment.Geometry{Flip: [3]float64{0, 1, 0}}},
		{Geometry: augment.Geometry{Zoom: d}}, {Geometry: augment.Geometry{Rotate: d}}, {Geometry: augment.Geometry{Shift: [3]float64{0, 1, 0}}},
		{Intensity: augment.Intensity{Noise: d}}, {Intensity: augment.Intensity{Brightness: d}}, {Intensity: augment.Intensity{Offset: d}},
		{Intensity: augment.Intensity{Contrast: d}}, {Intensity: augment.Intensity{Gamma: d}}, {Intensity: augment.Intensity{Joint: true}},
		{Intensity: augment.Intensity{All: true}}, {Air: []float32{1, 0}}, {Air: []float32{0, 1}}, {Air: []float32{1, 1}},
	} {
		add(augment.Volume(o))
	}
	if len(seen) != n {
		t.Errorf("%d names for %d stages", len(seen), n)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	nan := math.NaN()
	var errs []error
	note := func(st preprocess.Stage, err error) {
		if err == nil {
			t.Errorf("%s: no error", st.Name())
			return
		}
		errs = append(errs, err)
	}
	for _, o := range []augment.ImageOptions{{RotateDeg: -1}, {RotateDeg: nan}, {Scale: 1}, {Shift: 1e5}, {ShearDeg: 90}, {Elastic: -1}, {Knots: 1}, {Border: float32(nan)}} {
		note(augment.Image(0, o))
	}
	for _, o := range []augment.WaveOptions{{Speed: 1}, {Shift: -time.Second}, {Tilt: 1}, {GainDB: -1}, {Noise: always(3, 2)}, {Noise: augment.Draw{P: 2}}} {
		note(augment.Wave(0, o))
	}
	for _, o := range []augment.FeatureOptions{{Gain: -1}, {Stretch: 1}, {Shift: -1}, {Noise: nan}, {Frames: -1}, {Coefs: -1}, {Fill: float32(nan)}} {
		note(augment.Features(0, o))
	}
	for _, g := range []augment.Geometry{{Size: [3]int{-1, 0, 0}}, {Size: [3]int{1 << 14, 1 << 14, 2}}, {Flip: [3]float64{2, 0, 0}}, {Zoom: always(0, 1)}, {Rotate: always(-200, 0)}, {Shift: [3]float64{-1, 0, 0}}} {
		note(augment.Volume(augment.VolumeOptions{Geometry: g}))
	}
	for _, in := range []augment.Intensity{{Noise: always(-1, 1)}, {Brightness: always(-1, 1)}, {Offset: always(nan, 1)}, {Contrast: always(2, 1)}, {Gamma: always(0.1, 1)}} {
		note(augment.Volume(augment.VolumeOptions{Intensity: in}))
	}
	note(augment.Volume(augment.VolumeOptions{Air: []float32{float32(nan)}}))
	note(augment.Image(-1, augment.ImageOptions{}))
	note(augment.Wave(16, augment.WaveOptions{}))
	note(augment.Features(16, augment.FeatureOptions{}))
	for _, err := range errs {
		if !strings.HasPrefix(err.Error(), "augment: ") || !strings.Contains(err.Error(), "want") {
			t.Errorf("%v: does not say what is wanted", err)
		}
	}
}

func TestWhatCannotBeVariedIsTheSubjectsFault(t *testing.T) {
	all := everything(t, nil)
	image, wave, features, volume := all[0].stage, all[2].stage, all[4].stage, all[5].stage
	flat := func(shape ...int) *ingest.Sample {
		s := digit(1, shape...)
		s.Inputs[0] = s.Inputs[1]
		return s
	}
	rateless := digit(1, 50)
	rateless.RateHz = 0
	apart := brain(1, 2, 4, 5, 6)
	apart.Inputs[1] = noise(1, 4, 5, 7)
	seg := brain(1, 1, 4, 5, 6)
	seg.Target.Shape = []int{4, 5, 7}
	broken := flat(3, 3)
	broken.Inputs[0].Data = broken.Inputs[0].Data[:8]
	for _, x := range []subject{
		{"image of one axis", image, flat(5)}, {"image of four", image, flat(1, 1, 3, 3)}, {"image broken", image, broken},
		{"wave of two axes", wave, flat(5, 5)}, {"wave without a rate", wave, rateless},
		{"features of one axis", features, flat(5)}, {"volume of two axes", volume, flat(5, 5)},
		{"volumes apart", volume, apart}, {"label map apart", volume, seg},
	} {
		err := x.stage.Apply(t.Context(), seeded(1), shallow(x.s), func(*ingest.Sample) bool { t.Errorf("%s: emitted", x.name); return false })
		if e, ok := errors.AsType[*ingest.SubjectError](err); !ok || e.Key != x.s.Key || e.Problems[0].Kind != "shape" {
			t.Errorf("%s: got %v, want a SubjectError", x.name, err)
		}
	}
	for _, x := range all {
		s := &ingest.Sample{Present: 1 << 5}
		err := x.stage.Apply(t.Context(), seeded(1), s, func(*ingest.Sample) bool { return false })
		if _, ok := errors.AsType[*ingest.SubjectError](err); x.name == "volume" && (err == nil || ok) {
			t.Errorf("%s: inputs that the mask says are there: got %v", x.name, err)
		}
	}
}

func TestPoolTakesBackWhatItLent(t *testing.T) {
	var pool augment.Pool
	st, err := augment.Volume(augment.VolumeOptions{Geometry: augment.Geometry{Flip: [3]float64{1, 0, 0}}, Pool: &pool})
	must(t, st, err)
	in := brain(1, 2, 4, 5, 6)
	out := apply(t, st, seeded(1), in)
	first, labels := &out.Inputs[0].Data[0], &out.Target.Data[0]
	again := shallow(out)
	pool.Release(out)
	pool.Release(again) // twice is once
	pool.Release(in)    // not its own
	seen := map[*float32]int{}
	found := 0
	for range 4 {
		out := apply(t, st, seeded(1), in)
		for _, a := range out.Inputs {
			seen[&a.Data[0]]++
			if &a.Data[0] == &in.Inputs[0].Data[0] || &a.Data[0] == &in.Inputs[1].Data[0] {
				t.Error("the pool lent what came from elsewhere")
			}
		}
		if &out.Target.Data[0] == labels {
			found++
		}
	}
	if seen[first] != 1 || found != 1 || len(seen) != 8 {
		t.Errorf("8 arrays in use are %d, the first came %d times, the labels %d", len(seen), seen[first], found)
	}
	var none *augment.Pool
	none.Release(in)
}

func TestPresets(t *testing.T) {
	mods := modality.MustSet("image", "audio")
	for _, tc := range []struct {
		preset string
		mods   modality.Set
		s      *ingest.Sample
		names  []string
	}{
		{"digits", mods, digit(1, 20, 20), []string{"augment-digits-image/1", "augment-digits-audio/1"}},
		{"digits", mods, digit(1, 3000), []string{"augment-digits-image/1", "augment-digits-audio/1"}},
		{"digits", modality.MustSet("image"), digit(1, 20, 20), []string{"augment-digits-image/1"}},
		{"brats", modality.MustSet("flair", "t1"), brain(1, 2, 16, 16, 16), []string{"augment-brats/1"}},
	} {
		stages, err := augment.Preset(tc.preset, tc.mods, nil)
		if err != nil {
			t.Fatal(err)
		}
		s, rng := tc.s, seeded(3)
		for _, st := range stages {
			s = apply(t, st, rng, s)
		}
		if d := cmp.Diff(tc.names, s.Definitions); d != "" {
			t.Errorf("%s: %s", tc.preset, d)
		}
		if err := s.Check(modality.MustSet("a", "b")); err != nil {
			t.Error(err)
		}
	}
	for name, mods := range map[string]modality.Set{"nothing": mods, "digits": modality.MustSet("flair")} {
		if _, err := augment.Preset(name, mods, nil); err == nil {
			t.Errorf("%s of %v: no error", name, mods.Names())
		}
	}
	for _, name := range augment.Presets() {
		if _, err := augment.Preset(name, mods, nil); err != nil {
			t.Error(err)
		}
	}
}

// TestDrawsKeepTheirChances: how often something changes is its probability.
func TestDrawsKeepTheirChances(t *testing.T) {
	st, err := augment.Volume(augment.VolumeOptions{Geometry: augment.Geometry{Flip: [3]float64{0.2, 0, 0}}})
	must(t, st, err)
	s := &ingest.Sample{Present: 1, Inputs: []ingest.Array{{Shape: []int{2, 1, 1}, Data: []float32{1, 2}}}}
	rng, n := seeded(1), 0
	for range 4000 {
		if apply(t, st, rng, s).Inputs[0].Data[0] == 2 {
			n++
		}
	}
	if n < 700 || n > 900 { // 800, of deviation 25
		t.Errorf("%d of 4000 are flipped, want about 800", n)
	}
}

// TestAnyShape: stages take what their documentation says, down to one value.
func TestAnyShape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(name string) int { return rapid.IntRange(1, 6).Draw(t, name) }
		o := augment.VolumeOptions{
			Geometry: augment.Geometry{
				Flip: [3]float64{0.5, 0.5, 0.5}, Shift: [3]float64{9, 9, 9},
				Zoom: augment.Draw{P: 0.3, Lo: 0.1, Hi: 10}, Rotate: augment.Draw{P: 0.3, Lo: -180, Hi: 180},
			},
			Intensity: augment.Intensity{Noise: always(0, 1), Brightness: always(0, 3), Offset: always(-1, 1), Contrast: always(0, 3), Gamma: always(0.2, 5)},
		}
		if rapid.Bool().Draw(t, "sized") {
			o.Geometry.Size = [3]int{n("d"), n("h"), n("w")}
		}
		volume, err := augment.Volume(o)
		if err != nil {
			t.Fatal(err)
		}
		image, err := augment.Image(0, augment.ImageOptions{RotateDeg: 180, Scale: 0.9, Shift: 9, ShearDeg: 60, Elastic: 5, Knots: 2, Hold: rapid.Bool().Draw(t, "hold")})
		if err != nil {
			t.Fatal(err)
		}
		features, err := augment.Features(0, augment.FeatureOptions{Gain: 1, Stretch: 0.9, Shift: 9, Noise: 1, Frames: 9, Coefs: 9})
		if err != nil {
			t.Fatal(err)
		}
		wave, err := augment.Wave(0, augment.WaveOptions{Speed: 0.5, Shift: time.Millisecond, Tilt: 0.9, Noise: always(0, 10), GainDB: 20, Stretch: rapid.Bool().Draw(t, "stretch")})
		if err != nil {
			t.Fatal(err)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		for _, x := range []subject{
			{"volume", volume, brain(seed, 2, n("D"), n("H"), n("W"))},
			{"image", image, &ingest.Sample{Present: 1, Inputs: []ingest.Array{noise(seed, n("h"), n("w"))}}},
			{"features", features, &ingest.Sample{Present: 1, Inputs: []ingest.Array{noise(seed, n("c"), n("f"))}}},
			{"wave", wave, &ingest.Sample{Present: 1, RateHz: 8000, Inputs: []ingest.Array{noise(seed, n("n"))}}},
		} {
			out := apply(t, x.stage, seeded(seed), x.s)
			for i, a := range out.Inputs {
				if a.Len() != len(a.Data) {
					t.Fatalf("%s: %d values for %v", x.name, len(a.Data), a.Shape)
				}
				for k, v := range a.Data {
					if v-v != 0 {
						t.Fatalf("%s: input %d: value %d is %v", x.name, i, k, v)
					}
				}
			}
		}
	})
}

func ExamplePreset() {
	mods := modality.MustSet("image", "audio")
	var pool augment.Pool
	stages, err := augment.Preset("digits", mods, &pool)
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &ingest.Sample{
		Key: ingest.Key{Dataset: "avdigits", Subject: "7_theo_12"}, Present: mods.Full(),
		Inputs: []ingest.Array{
			{Shape: []int{28, 28}, Data: make([]float32, 28*28)},
			{Shape: []int{20, 20}, Data: make([]float32, 20*20)},
		},
	}
	const seed, epoch = 1, 3
	for _, st := range stages {
		rng := preprocess.Rand(seed+epoch, s.Key, st.Name())
		if err := st.Apply(context.Background(), rng, s, func(out *ingest.Sample) bool { s = out; return true }); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(s.Definitions)
	pool.Release(s) // once it is part of a batch
	// Output: [augment-digits-image/1 augment-digits-audio/1]
}
