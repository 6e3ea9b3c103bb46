package shards_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// TestRoundTripOfAnything writes and reads data sets of any make.
func TestRoundTripOfAnything(t *testing.T) {
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		p := anything(rt)
		dir := filepath.Join(root, "set")
		p.options.Overwrite = true
		if err := attempt(p, dir); err != nil {
			rt.Fatal(err)
		}
		if p.options.DType == shards.Float16 {
			for _, r := range p.rows {
				for _, a := range r.sample.Inputs {
					for i, v := range a.Data {
						h, _ := shards.ToHalf(v)
						a.Data[i] = shards.FromHalf(h)
					}
				}
			}
		}
		compare(t, dir, p)
		if t.Failed() {
			rt.FailNow()
		}
	})
}

func anything(rt *rapid.T) plan {
	pick := func(name string, v ...string) string { return rapid.SampledFrom(v).Draw(rt, name) }
	p := plan{meta: shards.Meta{
		Dataset: "d", Modalities: modality.MustSet("a", "b-2"), Classes: []string{"x", "y"},
		Task: pick("task", shards.Classification, shards.Segmentation), Shapes: [][]int{nil, {3, 2}},
	}, options: shards.Options{
		DType: pick("dtype", shards.Float32, shards.Float16), Compression: pick("compression", shards.None, shards.LZ4, shards.ZSTD),
		NoTensorTag: rapid.Bool().Draw(rt, "tag"), BatchBytes: rapid.Int64Range(1, 4000).Draw(rt, "batch"), FileBytes: rapid.Int64Range(1, 20000).Draw(rt, "file"),
	}}
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
	for i := range rapid.IntRange(0, 12).Draw(rt, "samples") {
		name := string(rune('a' + i))
		s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: "s" + name, Part: []string{"", "ü,\" " + name}[i%2]}, Inputs: make([]ingest.Array, 2), RateHz: i}
		s.Present = modality.Mask(rapid.IntRange(0, 3).Draw(rt, "mask"))
		if s.Present.Has(0) {
			k := rapid.IntRange(1, 9).Draw(rt, "length")
			s.Inputs[0] = ingest.Array{Shape: []int{k}, Data: noise(rng, k)}
		}
		if s.Present.Has(1) {
			s.Inputs[1] = ingest.Array{Shape: []int{3, 2}, Data: noise(rng, 6)}
		}
		if rapid.Bool().Draw(rt, "labelled") {
			s.Target = ingest.Class(uint8(i % 2))
			if p.meta.Task == shards.Segmentation {
				s.Target = ingest.Labels{Shape: []int{1, 2, 1}, Data: []uint8{0, 1}}
			}
		}
		sp := split.Split(rapid.IntRange(1, 3).Draw(rt, "split"))
		p.rows = append(p.rows, row{sp, s})
	}
	return p
}

func TestOrderIsAPermutation(t *testing.T) {
	for n := range int64(300) {
		list := shards.Order(n, 7, 1)
		slices.Sort(list)
		for i, v := range list {
			if uint64(i) != v {
				t.Fatalf("n %d: place %d has %d", n, i, v)
			}
		}
	}
}

// TestOrderIsEven counts where each of ten samples goes over many seeds.
func TestOrderIsEven(t *testing.T) {
	const seeds, n = 20_000, 10
	var count [n][n]float64
	for seed := range uint64(seeds) {
		for place, v := range shards.Order(n, seed, 0) {
			count[place][v]++
		}
	}
	chi := 0.0
	for _, row := range count {
		for _, c := range row {
			d := c - seeds/n
			chi += d * d / (seeds / n)
		}
	}
	// 81 degrees of freedom: mean 81, deviation 12.7. 150 is beyond 5 of them.
	if chi > 150 {
		t.Errorf("chi-squared %v of 81 degrees of freedom", chi)
	}
}

func TestSamplesGoOnWhereTheyStopped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	p := digits()
	for i := range p.rows {
		p.rows[i].split = split.Train
	}
	p.options.BatchBytes = 2000
	p.write(t, dir)
	keys := func(r *shards.Reader, q shards.Query) (list []string) {
		q.Split = split.Train
		for s, err := range r.Samples(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, s.Key.String())
		}
		return list
	}
	r := open(t, dir)
	all := keys(r, shards.Query{Shuffle: true, Seed: 1})
	for skip := range len(all) + 2 {
		got := keys(open(t, dir), shards.Query{Shuffle: true, Seed: 1, Skip: int64(skip)})
		if want := all[min(skip, len(all)):]; !slices.Equal(got, want) {
			t.Errorf("skip %d: got %v, want %v", skip, got, want)
		}
	}
	if slices.Equal(all, keys(r, shards.Query{Shuffle: true, Seed: 1, Epoch: 1})) || slices.Equal(all, keys(r, shards.Query{Shuffle: true, Seed: 2})) || slices.IsSorted(all) {
		t.Error("another epoch or seed, or none, gives the same order")
	}
	for _, q := range []shards.Query{{}, {Split: 4}, {Split: 1, Skip: -1}, {Split: 1, Epoch: -1}} {
		for _, err := range r.Samples(t.Context(), q) {
			if err == nil {
				t.Errorf("%+v: no error", q)
			}
			break
		}
	}
}

// TestHalf checks all 65,536 halves, and rounding between each two.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		v := shards.FromHalf(uint16(h))
		if v != v {
			if back, ok := shards.ToHalf(v); !ok || back&0x7c00 != 0x7c00 || back&0x3ff == 0 {
				t.Fatalf("NaN %#x becomes %#x", h, back)
			}
			continue
		}
		if want := halfValue(h); float64(v) != want || math.Signbit(float64(v)) != (h>>15 == 1) {
			t.Fatalf("%#x is %v, want %v", h, v, want)
		}
		if back, ok := shards.ToHalf(v); !ok || back != uint16(h) {
			t.Fatalf("%#x is %v is %#x", h, v, back)
		}
		if h&0x7fff >= 0x7bff {
			continue
		}
		next := shards.FromHalf(uint16(h + 1))
		middle := float32((float64(v) + float64(next)) / 2) // exact
		even := uint16(h + h&1)
		for _, tc := range []struct {
			v    float32
			want uint16
		}{{middle, even}, {math.Nextafter32(middle, v), uint16(h)}, {math.Nextafter32(middle, next), uint16(h + 1)}} {
			if got, ok := shards.ToHalf(tc.v); !ok || got != tc.want {
				t.Fatalf("%v between %#x and the next is %#x, want %#x", tc.v, h, got, tc.want)
			}
		}
	}
	if _, ok := shards.ToHalf(65519.996); !ok {
		t.Error("65519.996 rounds to 65504")
	}
	if _, ok := shards.ToHalf(-65520); ok {
		t.Error("-65520 rounds to infinity")
	}
}

// halfValue is the definition of IEEE 754-2019, 3.4.
func halfValue(h int) float64 {
	sign, exp, frac := 1-2*float64(h>>15), h>>10&31, float64(h&1023)
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

func TestStats(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, tc := range []struct {
		name   string
		arrays [][]float32
		want   shards.Stats
	}{
		{"none", nil, shards.Stats{}},
		{"one", [][]float32{{3}}, shards.Stats{Count: 1, Min: 3, Max: 3, Mean: 3}},
		{"two arrays", [][]float32{{1, 2}, {3, 4, 5, 6, 7, 8, 9}}, shards.Stats{Count: 9, Min: 1, Max: 9, Mean: 5, Std: math.Sqrt(60.0 / 9)}},
		{"not finite", [][]float32{{nan, 1, inf, 3}, {-inf}, {2}}, shards.Stats{Count: 3, Min: 1, Max: 3, Mean: 2, Std: math.Sqrt(2.0 / 3), NonFinite: 3}},
		{"large mean, small deviation", [][]float32{{1e7, 1e7 + 1, 1e7 + 2}, {1e7 + 1}}, shards.Stats{Count: 4, Min: 1e7, Max: 1e7 + 2, Mean: 1e7 + 1, Std: math.Sqrt(0.5)}},
	} {
		got := shards.NewMomentsN(tc.arrays...)
		// 1e-15: a few roundings of float64, relative to the mean.
		if math.Abs(got.Mean-tc.want.Mean) > 1e-15*math.Abs(tc.want.Mean) || math.Abs(got.Std-tc.want.Std) > 1e-12 {
			t.Errorf("%s: mean and deviation %v, %v, want %v, %v", tc.name, got.Mean, got.Std, tc.want.Mean, tc.want.Std)
		}
		got.Mean, got.Std, got.Modality, tc.want.Mean, tc.want.Std = 0, 0, "", 0, 0
		if got != tc.want {
			t.Errorf("%s: got %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

// TestLanes compares the fast loop with the plain one, bit by bit.
func TestLanes(t *testing.T) {
	type lanes struct {
		sum, sq [4]float64
		lo, hi  [4]float32
	}
	zero, nan, inf := float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1))
	odd := []float32{0, zero, nan, inf, -inf, math.MaxFloat32, -math.MaxFloat32, 1e-45, -1e-45}
	rng := rand.New(rand.NewPCG(5, 6))
	for n := 0; n <= 400; n += 4 {
		for _, share := range []int{0, 2} { // of odd values, one in so many
			v := noise(rng, n)
			for i := range v {
				if share > 0 && rng.IntN(share) == 0 {
					v[i] = odd[rng.IntN(len(odd))]
				}
			}
			start := lanes{sum: [4]float64{1, 2, 3, 4}, lo: [4]float32{0, zero, 1, 2}, hi: [4]float32{zero, 0, 1, -2}}
			got, want := start, start
			shards.Lanes(v, 0.25, &got.sum, &got.sq, &got.lo, &got.hi)
			shards.PlainLanes(v, 0.25, &want.sum, &want.sq, &want.lo, &want.hi)
			for k := range 4 {
				for _, p := range [][2]float64{{got.sum[k], want.sum[k]}, {got.sq[k], want.sq[k]}, {float64(got.lo[k]), float64(want.lo[k])}, {float64(got.hi[k]), float64(want.hi[k])}} {
					if math.Float64bits(p[0]) != math.Float64bits(p[1]) && (p[0] == p[0] || p[1] == p[1]) { // a NaN's sign and payload say nothing
						t.Fatalf("%d values, lane %d: got %v, want %v", n, k, got, want)
					}
				}
			}
		}
	}
}

// BenchmarkStats is of the statistics of one array.
func BenchmarkStats(b *testing.B) {
	v := noise(rand.New(rand.NewPCG(1, 1)), 1<<18)
	b.SetBytes(1 << 20)
	for b.Loop() {
		shards.NewMomentsN(v)
	}
}
