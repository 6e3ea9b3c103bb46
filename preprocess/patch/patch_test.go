package patch_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/sparse"
	"github.com/lacuna-ml/lacuna/preprocess"
	"github.com/lacuna-ml/lacuna/preprocess/patch"
)

// numbered returns a sample of two modalities, the second absent, whose voxels
// are numbered from 1, with labels of the number modulo 5.
func numbered(shape [3]int) *ingest.Sample {
	s := &ingest.Sample{
		Key: ingest.Key{Dataset: "d", Subject: "s"}, Present: 1,
		Background: []float32{-1, 0},
		Affine:     [4][4]float64{{-2, 0, 0, 10}, {0, -3, 0, 20}, {0, 0, 4, 30}, {0, 0, 0, 1}},
		Inputs:     []ingest.Array{{Shape: shape[:]}, {}},
		Target:     ingest.Labels{Shape: shape[:], Data: []uint8{}},
	}
	for i := range shape[0] * shape[1] * shape[2] {
		s.Inputs[0].Data = append(s.Inputs[0].Data, float32(i+1))
		s.Target.Data = append(s.Target.Data, uint8(i%5))
	}
	return s
}

func patches(t testing.TB, s *ingest.Sample, o patch.Options, seed uint64) []*ingest.Sample {
	t.Helper()
	st, err := patch.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var out []*ingest.Sample
	err = st.Apply(context.Background(), preprocess.Rand(seed, s.Key, st.Name()), s, func(p *ingest.Sample) bool { out = append(out, p); return true })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// check compares every voxel of p with the whole sample it is from.
func check(t interface {
	Helper()
	Fatalf(string, ...any)
}, whole, p *ingest.Sample) {
	t.Helper()
	w, n := [3]int(whole.Inputs[0].Shape), [3]int(p.Inputs[0].Shape)
	at := 0
	for z := range n[0] {
		for y := range n[1] {
			for x := range n[2] {
				v := [3]int{p.Location.Offset[0] + z, p.Location.Offset[1] + y, p.Location.Offset[2] + x}
				want, label := float32(-1), uint8(0)
				if v[0] >= 0 && v[1] >= 0 && v[2] >= 0 && v[0] < w[0] && v[1] < w[1] && v[2] < w[2] {
					i := (v[0]*w[1]+v[1])*w[2] + v[2]
					want, label = float32(i+1), uint8(i%5)
				}
				if got := p.Inputs[0].Data[at]; got != want || p.Target.Data[at] != label {
					t.Fatalf("%s: voxel %d %d %d is %g, label %d; want %g, %d", p.Key.Part, z, y, x, got, p.Target.Data[at], want, label)
				}
				at++
			}
		}
	}
	// Both affines take the patch's first voxel to the same place of the world.
	for r := range 3 {
		want := whole.Affine[r][3]
		for d, o := range p.Location.Offset {
			want += whole.Affine[r][2-d] * float64(o)
		}
		if p.Affine[r][3] != want {
			t.Fatalf("%s: world coordinate %d is %g, want %g", p.Key.Part, r, p.Affine[r][3], want)
		}
	}
}

func TestEveryPolicyCutsWhatItsLocationSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := func(name string) [3]int {
			return [3]int{rapid.IntRange(1, 9).Draw(t, name), rapid.IntRange(1, 9).Draw(t, name), rapid.IntRange(1, 9).Draw(t, name)}
		}
		shape := dims("shape")
		o := patch.Options{
			Policy: rapid.SampledFrom(patch.Policies()).Draw(t, "policy"), Size: dims("size"), Margin: dims("margin"),
			Overlap: rapid.Float64Range(0, 0.9).Draw(t, "overlap"), Count: rapid.IntRange(1, 4).Draw(t, "count"),
			Regions: [][]uint8{{4}, {1, 2, 3, 4}, {1, 4}}, Nothing: rapid.Bool().Draw(t, "nothing"),
		}
		st, err := patch.New(o)
		if err != nil {
			t.Fatal(err)
		}
		s := numbered(shape)
		seen := map[string]bool{}
		err = st.Apply(context.Background(), preprocess.Rand(1, s.Key, st.Name()), s, func(p *ingest.Sample) bool {
			if [3]int(p.Inputs[0].Shape) != o.Size || p.Location.Volume != shape || p.Inputs[1].Data != nil {
				t.Fatalf("%s: shape %v, volume %v", p.Key.Part, p.Inputs[0].Shape, p.Location.Volume)
			}
			for d := range 3 {
				off, room := p.Location.Offset[d], shape[d]-o.Size[d]
				if room >= 0 && (off < 0 || off > room) || room < 0 && off != -(-room/2) {
					t.Fatalf("%s: offset %v of size %v in %v", p.Key.Part, p.Location.Offset, o.Size, shape)
				}
			}
			if seen[p.Key.Part] {
				t.Fatalf("part %s twice", p.Key.Part)
			}
			seen[p.Key.Part] = true
			check(t, numbered(shape), p)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestGridThenAggregateGivesTheVolumeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var shape, size [3]int
		for d := range 3 {
			shape[d], size[d] = rapid.IntRange(1, 10).Draw(t, "shape"), rapid.IntRange(1, 10).Draw(t, "size")
		}
		s := numbered(shape)
		for i := range s.Inputs[0].Data {
			s.Inputs[0].Data[i] = rapid.Float32Range(-1e6, 1e6).Draw(t, "v")
			if i > 20 { // drawing all of them takes too long
				s.Inputs[0].Data[i] = s.Inputs[0].Data[i%20] / float32(i)
			}
		}
		st, err := patch.New(patch.Options{Policy: patch.Grid, Size: size, Overlap: rapid.Float64Range(0, 0.95).Draw(t, "overlap")})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []patch.Weighting{patch.Uniform, patch.Gaussian} {
			a, err := patch.NewAggregator(2, shape, w)
			if err != nil {
				t.Fatal(err)
			}
			in := *s
			err = st.Apply(context.Background(), nil, &in, func(p *ingest.Sample) bool {
				v := p.Inputs[0].Data
				two := ingest.Array{Shape: append([]int{2}, p.Inputs[0].Shape...), Data: append(append([]float32{}, v...), v...)}
				if err := a.Add(two, p.Location); err != nil {
					t.Fatal(err)
				}
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
			got, uncovered := a.Volume()
			if uncovered != 0 {
				t.Fatalf("%d voxels were in no patch", uncovered)
			}
			for i, want := range s.Inputs[0].Data {
				for _, v := range []float32{got.Data[i], got.Data[len(s.Inputs[0].Data)+i]} {
					// Weights of float64 may round in the last place of float32.
					if d := max(v-want, want-v); w == patch.Uniform && v != want || d > 1.2e-7*max(want, -want) {
						t.Fatalf("weighting %d: voxel %d is %g, want %g", w, i, v, want)
					}
				}
			}
		}
	})
}

func TestGridIsMCKDs(t *testing.T) {
	s := numbered([3]int{155, 240, 240})
	var got []string
	for _, p := range patches(t, s, patch.Options{Policy: patch.Grid, Size: [3]int{80, 160, 160}, Overlap: 1.0 / 3}, 0) {
		got = append(got, strings.TrimPrefix(p.Key.Part, "grid-"))
	}
	// Three by two by two tiles of strides 54, 107, 107, the last clamped.
	want := strings.Fields(`000-000-000 000-000-080 000-080-000 000-080-080 054-000-000 054-000-080 054-080-000 054-080-080
		075-000-000 075-000-080 075-080-000 075-080-080`)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestGridStride(t *testing.T) {
	for _, tc := range []struct {
		n, size int
		overlap float64
		want    string
	}{
		{16, 10, 0.7, "0 3 6"}, // and not 4, though 10*(1-0.7) is above 3 in float64
		{10, 4, 0, "0 4 6"},
		{8, 4, 0, "0 4"},
		{8, 4, 0.3, "0 3 4"}, // 2.8 rounded up
		{6, 2, 0.99, "0 1 2 3 4"},
		{5, 9, 0.5, "-2"},
	} {
		var got []string
		for _, p := range patches(t, numbered([3]int{1, 1, tc.n}), patch.Options{Policy: patch.Grid, Size: [3]int{1, 1, tc.size}, Overlap: tc.overlap}, 0) {
			got = append(got, fmt.Sprint(p.Location.Offset[2]))
		}
		if g := strings.Join(got, " "); g != tc.want {
			t.Errorf("%d voxels by %d with overlap %g: %s, want %s", tc.n, tc.size, tc.overlap, g, tc.want)
		}
	}
}

func TestForegroundHitsItsRegions(t *testing.T) {
	s := numbered([3]int{12, 12, 12})
	clear(s.Target.Data)
	s.Target.Data[(3*12+9)*12+5] = 4 // one voxel of ET
	o := patch.Options{Policy: patch.Foreground, Size: [3]int{4, 4, 4}, Count: 2000, Guided: 0.5, Regions: [][]uint8{{4}, {1}}}
	hits, guided := 0, 0
	for _, p := range patches(t, s, o, 1) {
		hit := false
		for _, l := range p.Target.Data {
			hit = hit || l == 4
		}
		if p.Location.Offset == ([3]int{1, 7, 3}) {
			guided++
		}
		if hit {
			hits++
		}
	}
	// A quarter is aimed at the voxel (half guided, one region of two; the other
	// is empty and falls back); of 1458 random places 4 x 3 x 4 have it too, one
	// of them the same place. 2000 draws: 500 +- 5 x 19.
	if guided < 405 || guided > 598 || hits < guided || hits > guided+150 {
		t.Errorf("%d of 2000 are centred on the voxel, %d have it", guided, hits)
	}
}

func TestUnlabelledFallsBackToRandom(t *testing.T) {
	s := numbered([3]int{6, 6, 6})
	s.Target = ingest.Labels{}
	o := patch.Options{Policy: patch.Foreground, Size: [3]int{2, 2, 2}, Count: 3, Guided: 1, Regions: [][]uint8{{4}}}
	if got := patches(t, s, o, 1); len(got) != 3 || got[0].Target.Known() {
		t.Errorf("got %d patches", len(got))
	}
}

func TestRandomKeepsItsMarginAndReachesAll(t *testing.T) {
	places := map[[3]int]int{}
	o := patch.Options{Policy: patch.Random, Size: [3]int{2, 2, 2}, Count: 3000, Margin: [3]int{0, 1, 9}}
	for _, p := range patches(t, numbered([3]int{4, 6, 5}), o, 1) {
		places[p.Location.Offset]++
	}
	// D 0..2, H 1..3; the margin of 9 leaves W its middle, 1..2.
	if len(places) != 3*3*2 {
		t.Errorf("%d places, want 18: %v", len(places), places)
	}
	for p, n := range places {
		if n < 100 || n > 240 { // 167 +- 5 x 12.5
			t.Errorf("place %v was drawn %d times of 3000", p, n)
		}
	}
}

func TestPatchesShareNothing(t *testing.T) {
	s := numbered([3]int{4, 4, 4})
	ps := patches(t, s, patch.Options{Policy: patch.Grid, Size: [3]int{4, 4, 3}, Overlap: 0.5}, 0)
	if len(ps) != 2 {
		t.Fatalf("%d patches", len(ps))
	}
	ps[0].Inputs[0].Data[1], ps[0].Target.Data[1], ps[0].Background[0] = 99, 9, 99
	ps[0].Definitions = append(ps[0].Definitions, "mine")
	ps[1].Definitions = append(ps[1].Definitions, "yours")
	check(t, numbered([3]int{4, 4, 4}), ps[1])
	if ps[1].Background[0] != -1 || ps[0].Definitions[1] != "mine" || s.Inputs[0].Data[1] != 2 {
		t.Error("a patch changed another, or its source")
	}
}

func TestWhole(t *testing.T) {
	s := numbered([3]int{3, 4, 5})
	same := patches(t, s, patch.Options{}, 0)
	if len(same) != 1 || &same[0].Inputs[0].Data[0] != &s.Inputs[0].Data[0] || same[0].Key.Part != "" || same[0].Definitions[0] != "patch-whole/1" {
		t.Errorf("whole: %d samples, key %s, %v", len(same), same[0].Key, same[0].Definitions)
	}
	p := patches(t, numbered([3]int{3, 4, 5}), patch.Options{Size: [3]int{6, 3, 2}}, 0)[0]
	if want := [3]int{-1, 0, 1}; p.Location.Offset != want {
		t.Errorf("offset %v, want %v", p.Location.Offset, want)
	}
	check(t, numbered([3]int{3, 4, 5}), p)
}

func TestStopsWhenTold(t *testing.T) {
	st, err := patch.New(patch.Options{Policy: patch.Random, Size: [3]int{1, 1, 1}, Count: 10})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	s := numbered([3]int{2, 2, 2})
	if err := st.Apply(t.Context(), rand.New(rand.NewPCG(0, 0)), s, func(*ingest.Sample) bool { n++; return n < 3 }); err != nil || n != 3 {
		t.Errorf("%d patches after a false, %v", n, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if err := st.Apply(ctx, rand.New(rand.NewPCG(0, 0)), numbered([3]int{2, 2, 2}), func(*ingest.Sample) bool { return true }); err == nil || err.Error() != "enough" {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	size := [3]int{4, 4, 4}
	for _, tc := range []struct {
		name string
		o    patch.Options
		want string
	}{
		{"unknown", patch.Options{Policy: "tiles"}, "whole, grid, random, foreground"},
		{"no size", patch.Options{Policy: patch.Grid}, "size"},
		{"half a size", patch.Options{Size: [3]int{1, 0, 1}}, "size"},
		{"negative", patch.Options{Policy: patch.Grid, Size: [3]int{-1, -1, 1}}, "size"},
		{"too large", patch.Options{Policy: patch.Grid, Size: [3]int{1000, 1000, 1000}}, "more than"},
		{"overflowing", patch.Options{Policy: patch.Grid, Size: [3]int{1 << 22, 1 << 22, 1 << 22}}, "more than"},
		{"overlap of 1", patch.Options{Policy: patch.Grid, Size: size, Overlap: 1}, "overlap"},
		{"guided", patch.Options{Policy: patch.Foreground, Size: size, Guided: 2, Regions: [][]uint8{{1}}}, "guided"},
		{"count", patch.Options{Policy: patch.Random, Size: size, Count: -1}, "count"},
		{"margin", patch.Options{Policy: patch.Random, Size: size, Margin: [3]int{0, -1, 0}}, "margin"},
		{"no regions", patch.Options{Policy: patch.Foreground, Size: size}, "regions"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := patch.New(tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestBadSamplesAreTheSubjectsFault(t *testing.T) {
	for _, tc := range []struct {
		name string
		s    *ingest.Sample
	}{
		{"no voxels", numbered([3]int{0, 4, 4})},
		{"no arrays", &ingest.Sample{Inputs: make([]ingest.Array, 2)}},
		{"an image", &ingest.Sample{Present: 1, Inputs: []ingest.Array{{Shape: []int{1, 1}, Data: []float32{0}}}}},
		{"another target", func() *ingest.Sample {
			s := numbered([3]int{1, 2, 3})
			s.Target.Shape = []int{3, 2, 1}
			return s
		}()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st, err := patch.New(patch.Options{Policy: patch.Grid, Size: [3]int{2, 2, 2}})
			if err != nil {
				t.Fatal(err)
			}
			err = st.Apply(t.Context(), nil, tc.s, func(*ingest.Sample) bool { t.Error("emitted"); return true })
			if _, ok := errors.AsType[*ingest.SubjectError](err); !ok {
				t.Errorf("got %v, want a SubjectError", err)
			}
		})
	}
}

func TestAggregatorRefuses(t *testing.T) {
	if _, err := patch.NewAggregator(3, [3]int{1 << 20, 1 << 20, 1 << 20}, patch.Uniform); err == nil {
		t.Error("made one of 2^60 voxels")
	}
	if _, err := patch.NewAggregator(0, [3]int{1, 1, 1}, patch.Uniform); err == nil {
		t.Error("made one of no channel")
	}
	a, err := patch.NewAggregator(1, [3]int{2, 2, 2}, patch.Uniform)
	if err != nil {
		t.Fatal(err)
	}
	at := ingest.Location{Volume: [3]int{2, 2, 2}}
	for name, p := range map[string]ingest.Array{
		"channels": {Shape: []int{2, 1, 1, 1}, Data: make([]float32, 2)},
		"data":     {Shape: []int{1, 1, 1, 2}, Data: make([]float32, 1)},
		"rank":     {Shape: []int{1, 1, 1}, Data: make([]float32, 1)},
		"negative": {Shape: []int{1, -1, -1, 1}, Data: make([]float32, 1)},
	} {
		if err := a.Add(p, at); err == nil {
			t.Errorf("%s: took %v", name, p.Shape)
		}
	}
	one := ingest.Array{Shape: []int{1, 1, 1, 1}, Data: []float32{5}}
	if err := a.Add(one, ingest.Location{Volume: [3]int{9, 9, 9}}); err == nil {
		t.Error("took a patch of another volume")
	}
	at.Offset = [3]int{-1 << 62, 1 << 62, 0}
	if err := a.Add(one, at); err != nil {
		t.Errorf("a patch outside: %v", err)
	}
	if _, uncovered := a.Volume(); uncovered != 8 {
		t.Errorf("%d uncovered, want 8", uncovered)
	}
}

func ExampleNew() {
	grid, err := patch.New(patch.Options{Policy: patch.Grid, Size: [3]int{2, 4, 4}, Overlap: 0.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &ingest.Sample{
		Key: ingest.Key{Dataset: "brats", Subject: "case"}, Present: 1,
		Inputs: []ingest.Array{{Shape: []int{3, 4, 6}, Data: make([]float32, 3*4*6)}},
	}
	err = grid.Apply(context.Background(), nil, s, func(p *ingest.Sample) bool {
		fmt.Println(p.Key, p.Location.Offset, p.Definitions)
		return true
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// brats/case/grid-000-000-000 [0 0 0] [patch-grid-2x4x4-o0.5/1]
	// brats/case/grid-000-000-002 [0 0 2] [patch-grid-2x4x4-o0.5/1]
	// brats/case/grid-001-000-000 [1 0 0] [patch-grid-2x4x4-o0.5/1]
	// brats/case/grid-001-000-002 [1 0 2] [patch-grid-2x4x4-o0.5/1]
}

func BenchmarkForeground(b *testing.B) {
	s := numbered([3]int{130, 170, 140})
	st, err := patch.New(patch.Options{Policy: patch.Foreground, Size: [3]int{80, 128, 128}, Count: 4, Regions: [][]uint8{{4}, {1, 2, 3, 4}, {1, 4}}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		in := *s
		if err := st.Apply(context.Background(), preprocess.Rand(1, s.Key, ""), &in, func(*ingest.Sample) bool { return true }); err != nil {
			b.Fatal(err)
		}
	}
}

// What is cut out of a packed sample is what is cut out of the plain one, to the
// bit: the patches, their frames, and what is outside.
func TestUnpackIsApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var volume, offset, shape, size [3]int
		n := 1
		for d := range 3 {
			volume[d] = rapid.IntRange(1, 9).Draw(t, "volume")
			offset[d] = rapid.IntRange(0, volume[d]-1).Draw(t, "offset")
			shape[d] = rapid.IntRange(1, volume[d]-offset[d]).Draw(t, "shape")
			size[d] = rapid.IntRange(1, 11).Draw(t, "size")
			n *= volume[d]
		}
		xyz := [3]int{volume[2], volume[1], volume[0]}
		draw := func(unit float32, most int) []float32 {
			v := slices.Repeat([]float32{unit * float32(rapid.IntRange(0, 1).Draw(t, "air"))}, n)
			for range rapid.IntRange(0, 12).Draw(t, "voxels") {
				v[rapid.IntRange(0, n-1).Draw(t, "at")] = unit * float32(rapid.IntRange(0, most).Draw(t, "value"))
			}
			return v
		}
		p := &ingest.Packed{
			Sample: &ingest.Sample{
				Key: ingest.Key{Dataset: "d", Subject: "s"}, Present: 0b101, Background: []float32{-1, 0, 2},
				Affine: numbered(shape).Affine, Location: ingest.Location{Offset: offset, Volume: volume},
				Inputs: []ingest.Array{{Shape: shape[:]}, {}, {Shape: shape[:]}}, Target: ingest.Labels{Shape: shape[:]},
			},
			Volumes: []*sparse.Volume{sparse.Pack(xyz, draw(1, 300)), nil, sparse.Pack(xyz, draw(0.5, 300))},
			Labels:  sparse.Pack(xyz, draw(1, 4)),
		}
		if rapid.Bool().Draw(t, "to be mapped") {
			p.Maps = []ingest.Map{less{1}, nil, less{3}}
		}
		if rapid.Bool().Draw(t, "unlabelled") {
			p.Labels, p.Sample.Target = nil, ingest.Labels{}
		}
		st, err := patch.New(patch.Options{
			Policy: rapid.SampledFrom(patch.Policies()).Draw(t, "policy"), Size: size, Overlap: 0.3, Count: 3,
			Regions: [][]uint8{{1, 2}, {4}}, Guided: 0.8,
		})
		if err != nil {
			t.Fatal(err)
		}
		var want, got []*ingest.Sample
		plain := unpacked(p)
		rng := func() *rand.Rand { return preprocess.Rand(1, plain.Key, st.Name()) }
		err = errors.Join(
			st.(preprocess.Unpacker).Unpack(context.Background(), rng(), p, func(s *ingest.Sample) bool { got = append(got, s); return true }),
			st.Apply(context.Background(), rng(), plain, func(s *ingest.Sample) bool { want = append(want, s); return true }))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

// less is a Map that subtracts.
type less struct{ by float32 }

func (l less) Values(dst, src []float32) {
	for i, v := range src {
		dst[i] = v - l.by
	}
}

func (l less) Codes(dst []float32, src []int16) {
	for i, c := range src {
		dst[i] = float32(c) - l.by
	}
}

// unpacked returns the plain form of p voxel by voxel.
func unpacked(p *ingest.Packed) *ingest.Sample {
	s := *p.Sample
	s.Inputs = slices.Clone(s.Inputs)
	at := func(v *sparse.Volume, shape []int, f func(float32)) {
		for z := range shape[0] {
			for y := range shape[1] {
				for x := range shape[2] {
					f(v.At(x+s.Location.Offset[2], y+s.Location.Offset[1], z+s.Location.Offset[0]))
				}
			}
		}
	}
	for i := range s.Present.All() {
		at(p.Volumes[i], s.Inputs[i].Shape, func(v float32) {
			if p.Maps != nil && p.Maps[i] != nil {
				v -= p.Maps[i].(less).by
			}
			s.Inputs[i].Data = append(s.Inputs[i].Data, v)
		})
	}
	if p.Labels != nil {
		at(p.Labels, s.Target.Shape, func(v float32) { s.Target.Data = append(s.Target.Data, uint8(v)) })
	}
	return &s
}
