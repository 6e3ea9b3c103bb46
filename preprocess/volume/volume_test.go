package volume_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	packed "github.com/lacuna-ml/lacuna/ingest/sparse"
	"github.com/lacuna-ml/lacuna/preprocess"
	"github.com/lacuna-ml/lacuna/preprocess/volume"
)

type tester interface {
	Helper()
	Fatal(...any)
}

func apply(t tester, s *ingest.Sample, stages ...preprocess.Stage) *ingest.Sample {
	t.Helper()
	for _, st := range stages {
		n := 0
		err := st.Apply(context.Background(), nil, s, func(out *ingest.Sample) bool { s = out; n++; return true })
		if err != nil {
			t.Fatal(err)
		}
		if n != 1 || s.Definitions[len(s.Definitions)-1] != st.Name() {
			t.Fatal(st.Name(), "emitted", n, "samples, the last with", s.Definitions)
		}
	}
	return s
}

func stage(t tester, st preprocess.Stage, err error) preprocess.Stage {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func orient(t tester, axes string) preprocess.Stage {
	st, err := volume.Orient(axes)
	return stage(t, st, err)
}

func normalise(t tester, name string) preprocess.Stage {
	st, err := volume.Normalise(name)
	return stage(t, st, err)
}

// one returns a sample of one modality and a target, all different values.
func one(shape [3]int, affine [4][4]float64) *ingest.Sample {
	s := &ingest.Sample{
		Key: ingest.Key{Dataset: "d", Subject: "s"}, Present: 1, Background: []float32{0}, Affine: affine,
		Inputs: []ingest.Array{{Shape: shape[:]}}, Target: ingest.Labels{Shape: shape[:]},
	}
	for i := range shape[0] * shape[1] * shape[2] {
		s.Inputs[0].Data = append(s.Inputs[0].Data, float32(i+1))
		s.Target.Data = append(s.Target.Data, uint8(i))
	}
	return s
}

// world returns what stands at each place of the world.
func world(s *ingest.Sample) map[string][2]float64 {
	m := map[string][2]float64{}
	n := s.Inputs[0].Shape
	at := 0
	for z := range n[0] {
		for y := range n[1] {
			for x := range n[2] {
				var p [3]float64
				for w := range 3 {
					p[w] = s.Affine[w][0]*float64(x) + s.Affine[w][1]*float64(y) + s.Affine[w][2]*float64(z) + s.Affine[w][3]
				}
				m[fmt.Sprintf("%.6g %.6g %.6g", p[0]+0, p[1]+0, p[2]+0)] = [2]float64{float64(s.Inputs[0].Data[at]), float64(s.Target.Data[at])}
				at++
			}
		}
	}
	return m
}

// corners returns where the eight corners of the whole volume lie in the world,
// sorted.
func corners(s *ingest.Sample) []string {
	var list []string
	for c := range 8 {
		var p [3]float64
		for w := range 3 {
			p[w] = s.Affine[w][3]
			for d := range 3 {
				v := -s.Location.Offset[d]
				if c>>d&1 == 1 {
					v += s.Location.Volume[d] - 1
				}
				p[w] += s.Affine[w][2-d] * float64(v)
			}
		}
		list = append(list, fmt.Sprintf("%.6g %.6g %.6g", p[0]+0, p[1]+0, p[2]+0))
	}
	slices.Sort(list)
	return list
}

var lps = [4][4]float64{{-1, 0, 0, 9}, {0, -1, 0, 8}, {0, 0, 1, 7}, {0, 0, 0, 1}}

// Each of the 48 orientations goes to each of some others: every voxel stays
// where it was in the world, the axes are those asked for, and the way back
// gives the sample that was.
func TestOrientMovesNothingInTheWorld(t *testing.T) {
	perms := [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
	for _, goal := range []string{"", "RAS", "SLP", "AIR"} {
		for _, p := range perms {
			for flips := range 8 {
				var a [4][4]float64
				axes := ""
				for v, w := range p {
					a[w][v] = float64(v + 2)
					c := "RAS"[w]
					if flips>>v&1 == 1 {
						a[w][v] = -a[w][v]
						c = "LPI"[w]
					}
					axes += string(c)
					a[w][3] = float64(10 * w)
				}
				a[3][3] = 1
				s := one([3]int{2, 3, 4}, a)
				s.Location = ingest.Location{Volume: [3]int{7, 8, 9}, Offset: [3]int{1, 2, 3}}
				before, original := world(s), clone(s)
				wholeBefore := corners(s)
				out := apply(t, s, orient(t, goal))
				if d := cmp.Diff(before, world(out)); d != "" {
					t.Fatalf("%s to %q: %s", axes, goal, d)
				}
				if out.Location.Axes != axes {
					t.Fatalf("axes %q, want %q", out.Location.Axes, axes)
				}
				if d := cmp.Diff(wholeBefore, corners(out)); d != "" {
					t.Fatalf("%s to %q: the whole volume moved: %s", axes, goal, d)
				}
				again := apply(t, clone(out), orient(t, axes))
				if !slices.Equal(again.Inputs[0].Data, original.Inputs[0].Data) || again.Affine != original.Affine ||
					again.Location.Offset != original.Location.Offset || again.Location.Volume != original.Location.Volume {
					t.Fatalf("%s to %q and back: %+v", axes, goal, again.Location)
				}
				for v, want := range strings.Split(map[string]string{"": "LPS"}[goal]+goal, "") {
					w := strings.IndexAny("RLAPSI", want) / 2
					for o := range 3 {
						x := out.Affine[o][v]
						if o != w && x != 0 || o == w && (x > 0) != strings.Contains("RAS", want) {
							t.Fatalf("%s to %q: column %d of %v", axes, goal, v, out.Affine)
						}
					}
				}
			}
		}
	}
}

func TestOrientOfWhatIsRightCopiesNothing(t *testing.T) {
	s := one([3]int{2, 3, 4}, lps)
	first := &s.Inputs[0].Data[0]
	out := apply(t, s, orient(t, "LPS"))
	if &out.Inputs[0].Data[0] != first || out.Affine != lps || out.Location != (ingest.Location{Volume: [3]int{2, 3, 4}, Axes: "LPS"}) {
		t.Errorf("got %+v, %v", out.Location, out.Affine)
	}
}

func TestOrientTakesTheNearestAxes(t *testing.T) {
	// LPS turned by 30 degrees round z, and then by 40: still LPS.
	for _, deg := range []float64{30, 40, -44} {
		sin, cos := math.Sincos(deg * math.Pi / 180)
		s := one([3]int{2, 2, 2}, [4][4]float64{{-cos, sin}, {-sin, -cos}, {0, 0, 1}, {0, 0, 0, 1}})
		if out := apply(t, s, orient(t, "")); out.Location.Axes != "LPS" {
			t.Errorf("%g degrees: %s", deg, out.Location.Axes)
		}
	}
}

func TestBadVolumesAreTheSubjectsFault(t *testing.T) {
	all := append([]preprocess.Stage{orient(t, ""), volume.Crop(0)}, normalise(t, "mckd"))
	with := func(f func(s *ingest.Sample)) *ingest.Sample {
		s := one([3]int{2, 2, 2}, lps)
		s.Inputs[0].Data[0] = 0
		f(s)
		return s
	}
	for _, tc := range []struct {
		name   string
		s      *ingest.Sample
		stages []preprocess.Stage
		want   string
	}{
		{"no affine", with(func(s *ingest.Sample) { s.Affine = [4][4]float64{} }), all[:1], "affine"},
		{"flat affine", with(func(s *ingest.Sample) { s.Affine[2] = s.Affine[1] }), all[:1], "affine"},
		{"NaN affine", with(func(s *ingest.Sample) { s.Affine[0][0] = math.NaN() }), all[:1], "affine"},
		{"infinite affine", with(func(s *ingest.Sample) { s.Affine[0][0] = math.Inf(1) }), all[:1], "affine"},
		{"nothing but background", with(func(s *ingest.Sample) { clear(s.Inputs[0].Data) }), all[1:2], "equals the background"},
		{"NaN", with(func(s *ingest.Sample) { s.Inputs[0].Data[3] = float32(math.NaN()) }), all[2:], "NaN or infinity"},
		{"infinity", with(func(s *ingest.Sample) { s.Inputs[0].Data[3] = float32(math.Inf(-1)) }), all[2:], "NaN or infinity"},
		{"NaN background", with(func(s *ingest.Sample) { s.Background[0] = float32(math.NaN()) }), all[2:], "NaN or infinity"},
		{"an image", with(func(s *ingest.Sample) { s.Inputs[0].Shape = []int{2, 4} }), all, "D x H x W"},
		{"another target", with(func(s *ingest.Sample) { s.Target.Shape = []int{1, 2, 4} }), all, "the target is"},
		{"two shapes", with(func(s *ingest.Sample) {
			s.Inputs = append(s.Inputs, ingest.Array{Shape: []int{1, 2, 4}, Data: s.Inputs[0].Data})
			s.Present = 3
		}), all, "modality 1 is"},
	} {
		for _, st := range tc.stages {
			t.Run(tc.name+" "+st.Name(), func(t *testing.T) {
				err := st.Apply(t.Context(), nil, tc.s, func(*ingest.Sample) bool { t.Error("emitted"); return true })
				if _, ok := errors.AsType[*ingest.SubjectError](err); !ok || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v, want a SubjectError with %q", err, tc.want)
				}
			})
		}
	}
}

func TestUnknownNames(t *testing.T) {
	for _, axes := range []string{"LP", "LPSS", "LLS", "LRS", "xyz", "lps"} {
		if _, err := volume.Orient(axes); err == nil {
			t.Errorf("Orient(%q) gave no error", axes)
		}
	}
	if _, err := volume.Normalise("z"); err == nil || !strings.Contains(err.Error(), "mckd, zscore-nonzero, zscore-joint") {
		t.Errorf("got %v", err)
	}
}

// sparse draws a case of background with a few other voxels, in one to three
// modalities with backgrounds of their own.
func sparse(t *rapid.T) *ingest.Sample {
	shape := [3]int{rapid.IntRange(1, 9).Draw(t, "d"), rapid.IntRange(1, 9).Draw(t, "h"), rapid.IntRange(1, 20).Draw(t, "w")}
	n := shape[0] * shape[1] * shape[2]
	s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: "s"}, Affine: lps, Target: ingest.Labels{Shape: shape[:], Data: make([]uint8, n)}}
	for i := range s.Target.Data {
		s.Target.Data[i] = uint8(i)
	}
	divisor := rapid.SampledFrom([]float32{1, 1, 8}).Draw(t, "divisor")
	for i := range rapid.IntRange(1, 3).Draw(t, "modalities") {
		v := make([]float32, n)
		bg := float32(rapid.IntRange(-2, 2).Draw(t, "background"))
		for j := range v {
			v[j] = bg
		}
		for range rapid.IntRange(1, 12).Draw(t, "voxels") {
			v[rapid.IntRange(0, n-1).Draw(t, "voxel")] = float32(rapid.IntRange(-9, 300).Draw(t, "value")) / divisor
		}
		s.Inputs = append(s.Inputs, ingest.Array{Shape: shape[:], Data: v})
		s.Background = append(s.Background, bg)
		s.Present = s.Present.With(i)
	}
	return s
}

func TestCropIsTheSmallestBoxAndMovesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sparse(t)
		shape := [3]int(s.Inputs[0].Shape)
		margin := rapid.IntRange(-1, 2).Draw(t, "margin")
		lo, hi := shape, [3]int{}
		for m, a := range s.Inputs {
			for i, v := range a.Data {
				if v == s.Background[m] {
					continue
				}
				p := [3]int{i / shape[2] / shape[1], i / shape[2] % shape[1], i % shape[2]}
				for d := range 3 {
					lo[d], hi[d] = min(lo[d], p[d]), max(hi[d], p[d]+1)
				}
			}
		}
		if hi == ([3]int{}) {
			return // all background: tested elsewhere
		}
		for d := range 3 {
			lo[d], hi[d] = max(lo[d]-max(margin, 0), 0), min(hi[d]+max(margin, 0), shape[d])
		}
		before := world(s)
		out := apply(t, s, volume.Crop(margin))
		want := ingest.Location{Offset: lo, Volume: shape}
		size := []int{hi[0] - lo[0], hi[1] - lo[1], hi[2] - lo[2]}
		if out.Location != want || !slices.Equal(out.Inputs[0].Shape, size) || !slices.Equal(out.Target.Shape, size) {
			t.Fatalf("got %v at %+v, want %v at %+v", out.Inputs[0].Shape, out.Location, size, want)
		}
		after := world(out)
		for p, v := range after {
			if before[p] != v {
				t.Fatalf("at %s stands %v, before it was %v", p, v, before[p])
			}
		}
		if len(after) != size[0]*size[1]*size[2] {
			t.Fatalf("%d voxels of a box of %v", len(after), size)
		}
	})
}

// Whatever the stages, what they make of a packed sample is what they make of
// the plain one, to the bit.
func TestRepackIsApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sparse(t)
		s.Location.Volume = [3]int(s.Inputs[0].Shape) // as a source has it
		for i, a := range s.Inputs {
			a.Data[0] = s.Background[i]
			if !slices.ContainsFunc(a.Data, func(v float32) bool { return v != s.Background[i] }) {
				return // nothing to see: tested elsewhere
			}
		}
		var stages []preprocess.Stage
		for range rapid.IntRange(1, 3).Draw(t, "stages") {
			stages = append(stages, rapid.SampledFrom([]preprocess.Stage{
				orient(t, "LPS"), orient(t, "RAS"), orient(t, "SLP"), orient(t, "AIR"),
				volume.Crop(0), volume.Crop(2),
				normalise(t, "mckd"), normalise(t, "zscore-nonzero"), normalise(t, "zscore-joint"),
			}).Draw(t, "stage"))
		}
		p := pack(s)
		want, wantErr := through(s, stages)
		got, err := repack(p, stages)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("error %v, want %v", err, wantErr)
		}
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })); d != "" {
			t.Fatal(d)
		}
	})
}

// through is apply without a judgement.
func through(s *ingest.Sample, stages []preprocess.Stage) (*ingest.Sample, error) {
	for _, st := range stages {
		if err := st.Apply(context.Background(), nil, s, func(out *ingest.Sample) bool { s = out; return true }); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// repack is through for a packed sample, which is unpacked where a stage can't
// do without, or at the end.
func repack(p *ingest.Packed, stages []preprocess.Stage) (*ingest.Sample, error) {
	for i, st := range stages {
		ok, err := st.(preprocess.Repacker).Repack(context.Background(), p)
		if err != nil {
			return nil, err
		}
		if !ok {
			return through(p.Unpack(), stages[i:])
		}
	}
	return p.Unpack(), nil
}

// pack returns s packed. Its volumes have the background that s has.
func pack(s *ingest.Sample) *ingest.Packed {
	rest := *s
	rest.Inputs = make([]ingest.Array, len(s.Inputs))
	rest.Background = slices.Clone(s.Background)
	p := &ingest.Packed{Sample: &rest, Volumes: make([]*packed.Volume, len(s.Inputs))}
	n := [3]int{rest.Location.Volume[2], rest.Location.Volume[1], rest.Location.Volume[0]}
	for i, a := range s.Inputs {
		rest.Inputs[i].Shape = a.Shape
		p.Volumes[i] = packed.Pack(n, a.Data)
	}
	if s.Target.Known() {
		labels := make([]float32, len(s.Target.Data))
		for i, v := range s.Target.Data {
			labels[i] = float32(v)
		}
		rest.Target, p.Labels = ingest.Labels{Shape: s.Target.Shape}, packed.Pack(n, labels)
	}
	return p
}

func TestCropLeavesWhatHasNoBackground(t *testing.T) {
	s := one([3]int{2, 3, 4}, lps)
	s.Background = nil
	if out := apply(t, s, volume.Crop(0)); len(out.Inputs[0].Data) != 24 {
		t.Errorf("shape %v", out.Inputs[0].Shape)
	}
}

// A zero with a sign is a zero.
func TestCropTakesMinusZeroForZero(t *testing.T) {
	s := one([3]int{3, 3, 40}, lps)
	for i := range s.Inputs[0].Data {
		s.Inputs[0].Data[i] = float32(math.Copysign(0, -1))
	}
	s.Inputs[0].Data[180] = 1
	if out := apply(t, s, volume.Crop(0)); len(out.Inputs[0].Data) != 1 {
		t.Errorf("shape %v", out.Inputs[0].Shape)
	}
}

// Cropping before or after gives the same bits, and the background with them.
func TestCropAndNormaliseCommute(t *testing.T) {
	for _, name := range volume.Normalisations() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s := sparse(t)
				st := normalise(t, name)
				for i, a := range s.Inputs { // else there is nothing to crop to
					a.Data[len(a.Data)/2] = 77 + float32(i)
				}
				a := apply(t, clone(s), volume.Crop(0), st)
				b := apply(t, clone(s), st)
				// The box of the first, of the second: after normalisation a voxel
				// may equal the background by chance, so it is not cropped again.
				if !slices.Equal(a.Background, b.Background) {
					t.Fatalf("background %v, and %v without crop", a.Background, b.Background)
				}
				n, w := a.Inputs[0].Shape, b.Inputs[0].Shape
				for m := range a.Inputs {
					for i, got := range a.Inputs[m].Data {
						z, y, x := i/n[2]/n[1]+a.Location.Offset[0], i/n[2]%n[1]+a.Location.Offset[1], i%n[2]+a.Location.Offset[2]
						want := b.Inputs[m].Data[(z*w[1]+y)*w[2]+x]
						if math.Float32bits(got) != math.Float32bits(want) {
							t.Fatalf("modality %d voxel %d %d %d: cropped first %g, last %g", m, z, y, x, got, want)
						}
						if got-got != 0 {
							t.Fatalf("modality %d voxel %d: %g", m, i, got)
						}
					}
				}
			})
		})
	}
}

// On a volume large enough for the clip, the count of what was cropped decides:
// background bins count into the histogram.
func TestCropAndMCKDCommuteOnTheGoldens(t *testing.T) {
	shape, _, cases := goldens(t)
	for _, g := range cases {
		v := g.volume(shape)
		shape := shape
		if g.Raw != nil {
			shape = [3]int{1, 1, len(v)}
		}
		s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: "s"}, Present: 1, Background: v[:1:1], Affine: lps,
			Inputs: []ingest.Array{{Shape: shape[:], Data: v}}}
		a := apply(t, clone(s), volume.Crop(1), normalise(t, g.Normalisation))
		b := apply(t, clone(s), normalise(t, g.Normalisation), volume.Crop(1))
		if a.Location != b.Location || !slices.Equal(a.Inputs[0].Data, b.Inputs[0].Data) || !slices.Equal(a.Background, b.Background) || a.Affine != b.Affine {
			t.Errorf("%s of %s: the order matters: %+v, %+v", g.Normalisation, g.Name, a.Location, b.Location)
		}
	}
}

func TestConstantModalityBecomesZeroAndSaysSo(t *testing.T) {
	for _, name := range volume.Normalisations() {
		for what, v := range map[string][]float32{
			"brain of one value":     {0, 0, 5, 5, 5, 0},
			"nothing but background": {0, 0, 0, 0, 0, 0},
			"one fraction, negative": {0, 0, -.1, -.1, -.1, 0},
			"all of one value":       {3, 3, 3, 3, 3, 3},
			"denormal":               {0, 1e-45, 1e-45, 1e-45, 0, 0},
		} {
			s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: "s"}, Present: 1, Background: []float32{v[0]},
				Inputs:  []ingest.Array{{Shape: []int{1, 2, 3}, Data: slices.Clone(v)}},
				Sources: []ingest.File{{Role: "t1ce"}, {Role: "target"}}}
			out := apply(t, s, normalise(t, name))
			if name == "zscore-joint" && what == "one fraction, negative" {
				continue // no sum above 0: as nothing but background
			}
			for i, x := range out.Inputs[0].Data {
				if math.Float32bits(x) != 0 {
					t.Errorf("%s, %s: voxel %d is %g", name, what, i, x)
				}
			}
			if len(out.Warnings) == 0 || !strings.Contains(out.Warnings[len(out.Warnings)-1].Reason, "modality t1ce") {
				t.Errorf("%s, %s: warnings %v", name, what, out.Warnings)
			}
		}
	}
}

// Whatever finite values come in, finite ones come out.
func FuzzNormalise(f *testing.F) {
	f.Add(float32(0), float32(1), float32(-3), float32(3e38))
	f.Add(float32(0), float32(1e-45), float32(1e-44), float32(0))
	f.Add(float32(-3e38), float32(3e38), float32(7), float32(0.5))
	f.Add(float32(65535), float32(-32768), float32(65536), float32(16777216))
	f.Fuzz(func(t *testing.T, bg, a, b, c float32) {
		for _, name := range volume.Normalisations() {
			s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: "s"}, Present: 1, Background: []float32{bg},
				Inputs: []ingest.Array{{Shape: []int{2, 5, 60}}}}
			for i := range 600 {
				s.Inputs[0].Data = append(s.Inputs[0].Data, [...]float32{bg, a, b, c}[i*i%7%4])
			}
			st, err := volume.Normalise(name)
			if err != nil {
				t.Fatal(err)
			}
			err = st.Apply(t.Context(), nil, s, func(*ingest.Sample) bool { return true })
			finite := bg-bg == 0 && a-a == 0 && b-b == 0 && c-c == 0
			if (err == nil) != finite {
				t.Fatalf("%s of %g %g %g %g: %v", name, bg, a, b, c, err)
			}
			if !finite {
				continue
			}
			for i, x := range append(s.Inputs[0].Data, s.Background...) {
				if x-x != 0 {
					t.Fatalf("%s of %g %g %g %g: value %d is %g", name, bg, a, b, c, i, x)
				}
			}
		}
	})
}

func Example() {
	crop := volume.Crop(0)
	z, err := volume.Normalise("zscore-nonzero")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &ingest.Sample{
		Key: ingest.Key{Dataset: "brats", Subject: "case"}, Present: 1, Background: []float32{0},
		Inputs: []ingest.Array{{Shape: []int{1, 3, 4}, Data: []float32{
			0, 0, 0, 0,
			0, 1, 3, 0,
			0, 0, 0, 0,
		}}},
	}
	for _, st := range []preprocess.Stage{crop, z} {
		if err := st.Apply(context.Background(), nil, s, func(out *ingest.Sample) bool { s = out; return true }); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(s.Inputs[0].Shape, s.Inputs[0].Data, s.Location.Offset, s.Definitions)
	// Output:
	// [1 1 2] [-1 1] [0 1 1] [crop-m0/1 zscore-nonzero/1]
}

// MCKD's clip would turn both into zeros: nothing must look like a measurement
// that is none.
func TestMCKDKeepsWhatItsClipWouldFlatten(t *testing.T) {
	unit := make([]float32, 8*8*8) // values from 0 to 1: one bin, number 0
	for i := range unit[64:] {
		unit[64+i] = float32(i%9+1) / 9
	}
	few := make([]float32, 8*8*8) // no bin but the background's has 50 voxels
	for i := range few[200:] {
		few[200+i] = float32(100 + 37*i%601)
	}
	for what, v := range map[string][]float32{"0 to 1": unit, "few voxels": few} {
		s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: "s"}, Present: 1, Background: []float32{0},
			Inputs:  []ingest.Array{{Shape: []int{8, 8, 8}, Data: slices.Clone(v)}},
			Sources: []ingest.File{{Role: "t2"}}}
		out := apply(t, s, normalise(t, "mckd"))
		n, sum, square := 0, 0.0, 0.0
		for i, x := range out.Inputs[0].Data {
			if v[i] != 0 {
				n++
				sum += float64(x)
				square += float64(x) * float64(x)
			} else if x != 0 {
				t.Fatalf("%s: background voxel %d is %g", what, i, x)
			}
		}
		mean := sum / float64(n)
		if sd := math.Sqrt(square/float64(n) - mean*mean); math.Abs(mean) > 1e-5 || math.Abs(sd-1) > 1e-5 { // float32 rounding of some hundred values
			t.Errorf("%s: mean %g, deviation %g", what, mean, sd)
		}
		if len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0].Reason, "nothing is clipped") {
			t.Errorf("%s: warnings %v", what, out.Warnings)
		}
	}
}
