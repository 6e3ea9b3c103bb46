package validate_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/preprocess/patch"
	"github.com/lacuna-ml/lacuna/validate"
	"github.com/lacuna-ml/lacuna/validate/metrics"
)

var grid = patch.Options{Policy: patch.Grid, Size: [3]int{4, 5, 6}, Overlap: 0.3}

func TestTheOracleIsPerfect(t *testing.T) {
	a, b := scan("a", [3]int{7, 9, 8}, brats.Full()), scan("b", [3]int{3, 6, 20}, brats.Full())
	truth := map[string][]uint8{"a": a.Target.Data, "b": b.Target.Data}
	e := validate.Evaluator{Modalities: brats, Classes: tissues, Regions: regions}
	var done []ingest.Key
	e.OnDone = func(k ingest.Key) { done = append(done, k) }
	r, err := e.Run(t.Context(), oracle(truth), sequence(append(cut(t, a, grid), cut(t, b, grid)...)...))
	if err != nil {
		t.Fatal(err)
	}
	if want := []ingest.Key{a.Key, b.Key}; !slices.Equal(done, want) {
		t.Errorf("done: got %v, want %v", done, want)
	}
	// The rows of the tables in the literature: MCKD's Table 1.
	want := []string{
		"flair", "t1", "t1ce", "t2", "flair+t1", "flair+t1ce", "flair+t2", "t1+t1ce", "t1+t2", "t1ce+t2",
		"flair+t1+t1ce", "flair+t1+t2", "flair+t1ce+t2", "t1+t1ce+t2", "flair+t1+t1ce+t2",
	}
	for i, c := range r.Combos {
		if c.Name != want[i] || c.Name != brats.Format(c.Mask) || c.Evaluated != 2 || c.Reduced+c.Skipped != 0 {
			t.Errorf("combination %d: got %+v, want %s", i, c, want[i])
		}
		for k, s := range c.Regions {
			if s.Name != regions[k].Name || s.Dice.N != 2 || s.Dice.Mean != 1 || s.HD95.Mean != 0 {
				t.Errorf("%s: got %+v", c.Name, s)
			}
		}
	}
	if len(r.Cases) != 2*15*3 || len(r.Average) != 3 || r.Average[0] != (validate.RegionMean{Name: "ET", Dice: 1}) || r.Warnings != nil {
		t.Errorf("got %d rows, average %+v, warnings %v", len(r.Cases), r.Average, r.Warnings)
	}
}

// Whatever the patches are and whatever is predicted for them, the label map is
// that of the mean of all predictions of a voxel.
func TestOverlappingPatchesAreAveraged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := func(name string) (d [3]int) {
			for i := range d {
				d[i] = rapid.IntRange(1, 7).Draw(t, name)
			}
			return d
		}
		shape := dims("shape")
		o := patch.Options{Policy: patch.Grid, Size: dims("size"), Overlap: rapid.SampledFrom([]float64{0, 0.4, 0.8}).Draw(t, "overlap")}
		whole := scan("s", shape, brats.Full())
		st, err := patch.New(o)
		if err != nil {
			t.Fatal(err)
		}
		var patches []*ingest.Sample
		if err := st.Apply(t.Context(), nil, whole, func(p *ingest.Sample) bool { patches = append(patches, p); return true }); err != nil {
			t.Fatal(err)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		value := func(part string, r, i int) float32 { return chance(seed, part, r, i) }
		p := each(func(p *ingest.Sample) ingest.Array {
			out := blank(p, 0)
			n := len(out.Data) / len(regions)
			for k := range out.Data {
				out.Data[k] = value(p.Key.Part, k/n, k%n)
			}
			return out
		})

		n := shape[0] * shape[1] * shape[2]
		sums, counts := make([]float64, len(regions)*n), make([]float64, n)
		for _, p := range patches {
			for i, v := range at(p) {
				counts[v]++
				for r := range regions {
					sums[r*n+v] += float64(value(p.Key.Part, r, i))
				}
			}
		}
		want := make([]uint8, n)
		for v := range n {
			// WT, then TC, then ET: each paints over those before.
			for _, b := range []struct {
				region int
				class  uint8
			}{{1, 2}, {2, 1}, {0, 3}} {
				if float32(sums[b.region*n+v]/counts[v]) > 0.5 {
					want[v] = b.class
				}
			}
		}
		e := validate.Evaluator{
			Modalities: brats, Classes: tissues, Regions: regions, Combos: []modality.Mask{5},
			Batch: rapid.IntRange(1, 5).Draw(t, "batch"),
			OnLabels: func(m *validate.LabelMap) error {
				if m.Combo != 5 || m.Seen != 5 || m.Key != whole.Key || [3]int(m.Labels.Shape) != shape {
					t.Fatalf("label map: %+v", m)
				}
				if d := cmp.Diff(want, m.Labels.Data); d != "" {
					t.Fatalf("labels (-want +got):\n%s", d)
				}
				return nil
			},
		}
		r, err := e.Run(t.Context(), p, sequence(patches...))
		if err != nil {
			t.Fatal(err)
		}
		checkCases(t, r, want, whole.Target.Data, shape)
	})
}

// checkCases compares the rows of a report on one case with the metrics of masks
// made here.
func checkCases(t *rapid.T, r *validate.Report, pred, truth []uint8, shape [3]int) {
	if len(r.Cases) != len(regions) {
		t.Fatalf("%d rows", len(r.Cases))
	}
	for k, c := range r.Cases {
		p, q := make([]bool, len(pred)), make([]bool, len(pred))
		np, nq := 0, 0
		for i := range pred {
			if p[i] = slices.Contains(regions[k].Classes, pred[i]); p[i] {
				np++
			}
			if q[i] = slices.Contains(regions[k].Classes, truth[i]); q[i] {
				nq++
			}
		}
		// The columns of scan's affine: x 0.5, y 2, z 3 mm.
		g := metrics.Grid{Shape: shape, Spacing: [3]float64{3, 2, 0.5}}
		dice, hd95 := metrics.Dice(p, q, metrics.BraTS), metrics.HD95(p, q, g, metrics.BraTS)
		same := func(a validate.Number, b float64) bool {
			return float64(a) == b || math.IsNaN(float64(a)) && math.IsNaN(b)
		}
		if c.Region != regions[k].Name || !same(c.Dice, dice) || !same(c.HD95, hd95) || c.Predicted != np || c.True != nq || c.Uncovered != 0 ||
			c.Subject != "brats/s" || c.Combo != "flair+t1ce" || c.Seen != "flair+t1ce" {
			t.Fatalf("got %+v, want Dice %g, HD95 %g, %d and %d voxels", c, dice, hd95, np, nq)
		}
	}
}

// A case that is a crop of a volume: only its box counts, and the label map is
// the whole volume's.
func TestTheBoxOfACrop(t *testing.T) {
	whole := scan("s", [3]int{9, 10, 11}, brats.Full())
	truth := whole.Target.Data
	var patches []*ingest.Sample
	for _, p := range cut(t, whole, patch.Options{Policy: patch.Grid, Size: [3]int{3, 4, 5}}) {
		l := p.Location.Offset
		if l[0] >= 3 && l[1] >= 4 && l[2] >= 5 { // patches begin at 0, 3, 6; 0, 4, 6; 0, 5, 6
			patches = append(patches, p)
		}
	}
	e := validate.Evaluator{
		Modalities: brats, Classes: tissues, Regions: regions, Combos: []modality.Mask{1},
		OnLabels: func(m *validate.LabelMap) error {
			for i, l := range m.Labels.Data {
				z, y, x := i/110, i/11%10, i%11
				want := uint8(0)
				if z >= 3 && y >= 4 && x >= 5 && truth[i] != 4 { // no region has class 4
					want = truth[i]
				}
				if l != want {
					t.Fatalf("voxel %d, %d, %d: label %d, want %d", z, y, x, l, want)
				}
			}
			// The first voxel of the whole is where it was, though no patch has it.
			if m.Affine != whole.Affine {
				t.Errorf("affine %v, want %v", m.Affine, whole.Affine)
			}
			return nil
		},
	}
	r, err := e.Run(t.Context(), oracle(map[string][]uint8{"s": truth}), sequence(patches...))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Cases {
		if c.Dice != 1 || c.Uncovered != 0 || c.True > 6*6*6 {
			t.Errorf("got %+v", c)
		}
	}
	// Without the first patch, the corner of the box that no other has is a hole.
	i := slices.IndexFunc(patches, func(p *ingest.Sample) bool { return p.Location.Offset == [3]int{3, 4, 5} })
	e.OnLabels = nil
	r, err = e.Run(t.Context(), oracle(map[string][]uint8{"s": truth}), sequence(slices.Delete(patches, i, i+1)...))
	if err != nil {
		t.Fatal(err)
	}
	if r.Cases[1].Uncovered != 3*2*1 || r.Cases[1].Dice != 1 || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "1 of 1 cases") {
		t.Errorf("got %+v, warnings %q", r.Cases[1], r.Warnings)
	}
}

func TestMissingModalitiesAndLabels(t *testing.T) {
	full, some := scan("full", [3]int{4, 5, 6}, brats.Full()), scan("some", [3]int{4, 5, 6}, 0b0011)
	blind := scan("blind", [3]int{4, 5, 6}, brats.Full())
	blind.Target = ingest.Labels{}
	maps := map[string]int{}
	e := validate.Evaluator{
		Modalities: brats, Classes: tissues, Regions: regions, Combos: []modality.Mask{0b0001, 0b0110, 0b1100},
		OnLabels: func(m *validate.LabelMap) error { maps[m.Key.Subject]++; return nil },
	}
	r, err := e.Run(t.Context(), oracle(map[string][]uint8{"full": full.Target.Data, "some": some.Target.Data, "blind": full.Target.Data}), sequence(full, some, blind))
	if err != nil {
		t.Fatal(err)
	}
	if r.Subjects != 3 || r.Unlabelled != 1 || maps["full"] != 3 || maps["some"] != 2 || maps["blind"] != 3 {
		t.Errorf("%d subjects, %d unlabelled, label maps %v", r.Subjects, r.Unlabelled, maps)
	}
	for i, want := range []string{"flair 3 0 0", "t1+t1ce 3 1 0", "t1ce+t2 2 0 1"} {
		c := r.Combos[i]
		if got := fmt.Sprintf("%s %d %d %d", c.Name, c.Evaluated, c.Reduced, c.Skipped); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for i, want := range []string{"2 judged, 2 whole", "2 judged, 1 whole", "1 judged, 1 whole"} {
		if got := fmt.Sprintf("%d judged, %d whole", r.Combos[i].Judged(), r.Combos[i].Whole()); got != want {
			t.Errorf("%s: got %s, want %s", r.Combos[i].Name, got, want)
		}
	}
	if text := strings.Join(r.Warnings, "\n"); len(r.Warnings) != 2 || !strings.Contains(text, "1 of 3 cases have no label") || !strings.Contains(text, "some cases lack modalities") {
		t.Errorf("warnings:\n%s", text)
	}
	for i, want := range []string{
		"brats/full flair flair", "brats/full t1+t1ce t1+t1ce", "brats/full t1ce+t2 t1ce+t2",
		"brats/some flair flair", "brats/some t1+t1ce t1",
	} {
		c := r.Cases[i*len(regions)]
		if got := c.Subject + " " + c.Combo + " " + c.Seen; got != want {
			t.Errorf("row %d: got %s, want %s", i, got, want)
		}
	}
	if n := len(r.Cases); n != 5*len(regions) {
		t.Errorf("%d rows", n)
	}
}

// TestACombinationThatNoCaseHas is told: its scores are those of a smaller one.
func TestACombinationThatNoCaseHas(t *testing.T) {
	e := validate.Evaluator{Modalities: brats, Classes: tissues, Regions: regions, Combos: []modality.Mask{0b0001, 0b0011}}
	s := scan("a", [3]int{4, 5, 6}, 0b0001)
	r, err := e.Run(t.Context(), oracle(map[string][]uint8{"a": s.Target.Data}), sequence(s))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Warnings); n != 2 || !strings.Contains(r.Warnings[1], "none has all of flair+t1: ") {
		t.Errorf("warnings %q", r.Warnings)
	}
}

func TestUndefinedScoresAreLeftOutAndCounted(t *testing.T) {
	var samples []*ingest.Sample
	truth := map[string][]uint8{}
	for _, name := range []string{"a", "b", "c"} {
		s := scan(name, [3]int{4, 4, 4}, brats.Full())
		if name == "c" {
			for i := range s.Target.Data {
				s.Target.Data[i] = 2 // oedema alone: no ET, no TC
			}
		}
		samples, truth[name] = append(samples, s), s.Target.Data
	}
	truth["c"] = slices.Repeat([]uint8{1}, 64) // predicted: core alone
	e := validate.Evaluator{Modalities: brats, Classes: tissues, Regions: regions, Combos: []modality.Mask{15}}
	for _, tc := range []struct {
		empty     metrics.Empty
		undefined int
		tc        float64 // mean HD95 of TC
	}{{"", 1, 0}, {metrics.BraTS, 1, 0}, {metrics.BraTSPenalty, 0, math.Sqrt(139225) / 3}} {
		e.Empty = tc.empty
		r, err := e.Run(t.Context(), oracle(truth), sequence(samples...))
		if err != nil {
			t.Fatal(err)
		}
		et, wt, core := r.Combos[0].Regions[0], r.Combos[0].Regions[1], r.Combos[0].Regions[2]
		if et.Dice.Mean != 1 || et.HD95.N != 3 || wt.Dice.Mean != 1 || core.Dice.Mean != validate.Number(2./3) || core.Dice.N != 3 ||
			core.HD95.Undefined != tc.undefined || float64(core.HD95.Mean) != tc.tc {
			t.Errorf("%q: got ET %+v, WT %+v, TC %+v", tc.empty, et, wt, core)
		}
	}
}

func TestPatchesThatMakeNoSense(t *testing.T) {
	base := func() []*ingest.Sample { return cut(t, scan("s", [3]int{8, 5, 6}, brats.Full()), grid) }
	other := func() *ingest.Sample { return scan("other", [3]int{4, 5, 6}, brats.Full()) }
	for _, tc := range []struct {
		name, want string
		samples    func() []*ingest.Sample
	}{
		{"shuffled", "do not shuffle", func() []*ingest.Sample { p := base(); return []*ingest.Sample{p[0], other(), p[1]} }},
		{"two volumes", "a volume of [8 5 7]", func() []*ingest.Sample { p := base(); p[1].Location.Volume[2]++; return p }},
		{"other modalities", "a subject's are the same everywhere", func() []*ingest.Sample {
			p := base()
			p[1].Present, p[1].Inputs[0] = p[1].Present.Without(0), ingest.Array{}
			return p
		}},
		{"half labelled", "some have none", func() []*ingest.Sample { p := base(); p[1].Target = ingest.Labels{}; return p }},
		{"labels of another shape", "a label map of [6 5 4]", func() []*ingest.Sample { p := base(); p[0].Target.Shape = []int{6, 5, 4}; return p }},
		{"inputs of two shapes", "and of [6 5 4]", func() []*ingest.Sample {
			p := base()
			p[0].Inputs[3].Shape = []int{6, 5, 4}
			return p
		}},
		{"no volume", "want D x H x W", func() []*ingest.Sample {
			p := base()
			p[0].Inputs[0] = ingest.Array{Shape: []int{120}, Data: p[0].Inputs[0].Data}
			return p
		}},
		{"no modality", "no modality at all", func() []*ingest.Sample {
			p := base()
			p[0].Present, p[0].Inputs = 0, make([]ingest.Array, 4)
			return p
		}},
		{"two labels of one voxel", "where another patch of the subject has", func() []*ingest.Sample {
			p := base()
			last := len(p[0].Target.Data) - 1
			p[0].Target.Data[last] = (p[0].Target.Data[last] + 1) % 4
			return p
		}},
		{"a label of no class", "none of 5 classes", func() []*ingest.Sample { p := base(); p[0].Target.Data[3] = 5; return p }},
		{"outside", "outside of the volume", func() []*ingest.Sample { p := base(); p[1].Location.Offset[1] = -5; return p }},
		{"a giant's volume", "at most", func() []*ingest.Sample {
			p := base()[:1]
			p[0].Location.Volume = [3]int{1 << 31, 1 << 31, 1 << 31}
			return p
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := validate.Evaluator{Modalities: brats, Classes: tissues, Regions: regions}
			_, err := e.Run(t.Context(), each(func(s *ingest.Sample) ingest.Array { return blank(s, 0) }), sequence(tc.samples()...))
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "brats/s") {
				t.Errorf("got %v, want it to say %q", err, tc.want)
			}
		})
	}
}

func TestHalfIsNotInTheRegion(t *testing.T) {
	s := scan("s", [3]int{3, 3, 3}, 1)
	for _, tc := range []struct {
		p    float32
		want int
	}{{0.5, 0}, {math.Nextafter32(0.5, 1), 27}, {0, 0}, {1, 27}} {
		e := validate.Evaluator{Modalities: brats, Classes: tissues, Regions: regions, Combos: []modality.Mask{1}}
		r, err := e.Run(t.Context(), each(func(s *ingest.Sample) ingest.Array { return blank(s, tc.p) }), sequence(s))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Cases[0].Predicted; got != tc.want {
			t.Errorf("probability %g: %d voxels, want %d", tc.p, got, tc.want)
		}
	}
}

func TestAnErrorOfOnLabelsEndsTheRun(t *testing.T) {
	full := errors.New("disk full")
	e := validate.Evaluator{Modalities: brats, Classes: tissues, Regions: regions, OnLabels: func(*validate.LabelMap) error { return full }}
	_, err := e.Run(t.Context(), each(func(s *ingest.Sample) ingest.Array { return blank(s, 0) }), sequence(scan("s", [3]int{2, 2, 2}, 3)))
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "brats/s (flair)") {
		t.Errorf("got %v", err)
	}
}
