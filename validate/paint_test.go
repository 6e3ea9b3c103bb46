package validate_test

import (
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/validate"
)

// post returns the label map that comes of predicting labels of 1 x H x W.
func post(t *testing.T, p validate.Post, rows ...string) []string {
	t.Helper()
	shape := [3]int{1, len(rows), len(rows[0])}
	s := scan("s", shape, 1)
	var truth []uint8
	for _, r := range rows {
		for _, c := range []byte(r) {
			truth = append(truth, c-'0')
		}
	}
	var out []string
	e := validate.Evaluator{
		Modalities: brats, Classes: tissues, Regions: regions, Combos: []modality.Mask{1}, Post: p,
		OnLabels: func(m *validate.LabelMap) error {
			for r := range slices.Chunk(m.Labels.Data, shape[2]) {
				text := ""
				for _, l := range r {
					text += string('0' + l)
				}
				out = append(out, text)
			}
			return nil
		},
	}
	if _, err := e.Run(t.Context(), oracle(map[string][]uint8{"s": truth}), sequence(s)); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPost(t *testing.T) {
	for _, tc := range []struct {
		name     string
		post     validate.Post
		in, want []string
	}{
		{"nothing", validate.Post{}, []string{"0130", "2002"}, []string{"0130", "2002"}},
		{"enough of the inner region", validate.Post{MinInner: 2}, []string{"1331", "2222"}, []string{"1331", "2222"}},
		{"too little of it", validate.Post{MinInner: 3}, []string{"1331", "2222"}, []string{"1111", "2222"}},
		{"core and oedema hold others", validate.Post{MinInner: 100}, []string{"1331", "2222"}, []string{"1111", "2222"}},
		{
			"small parts", validate.Post{MinPart: 3}, // a tenth of the largest, 21, is 2.1
			[]string{"2222222222222000030", "2222222000000000000", "0000000200000000110", "0000000000000000000"},
			[]string{"2222222222222000000", "2222222000000000000", "0000000200000000000", "0000000000000000000"},
		},
		{
			"a tenth of the largest", validate.Post{MinPart: 3}, // 2 of 20
			[]string{"22222222222222222222", "00000000000000000000", "22000000000000000000"},
			[]string{"22222222222222222222", "00000000000000000000", "22000000000000000000"},
		},
		{
			"no part is large", validate.Post{MinPart: 3}, // a tenth of 9 is below 1
			[]string{"2222222220000000030"}, []string{"2222222220000000030"},
		},
		{
			"parts of at least the minimum", validate.Post{MinPart: 1},
			[]string{"2222222222222222222", "0000000000000000000", "3000000000000000000"},
			[]string{"2222222222222222222", "0000000000000000000", "3000000000000000000"},
		},
		{
			"parts first, then the inner region", validate.Post{MinPart: 9, MinInner: 2},
			[]string{"2222222222222222322", "0000000000000000000", "3000000000000000000"},
			[]string{"2222222222222222122", "0000000000000000000", "0000000000000000000"},
		},
	} {
		if got := post(t, tc.post, tc.in...); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

// Parts hang together by faces and edges, not by corners.
func TestPartsAre18Connected(t *testing.T) {
	shape := [3]int{3, 3, 30}
	at := func(z, y, x int) int { return (z*3+y)*30 + x }
	for _, tc := range []struct {
		name  string
		voxel int // beside the end of the long part, 0, 0, 0 to 19
		kept  bool
	}{
		{"face", at(0, 0, 20), true},
		{"edge in a plane", at(0, 1, 20), true},
		{"edge across planes", at(1, 0, 20), true},
		{"edge below", at(1, 1, 19), true},
		{"corner", at(1, 1, 20), false},
		{"gap", at(0, 0, 21), false},
	} {
		s := scan("s", shape, 1)
		truth := make([]uint8, len(s.Target.Data))
		for x := range 20 {
			truth[x] = 2
		}
		truth[tc.voxel] = 2
		e := validate.Evaluator{
			Modalities: brats, Classes: tissues, Regions: regions, Combos: []modality.Mask{1}, Post: validate.Post{MinPart: 2},
			OnLabels: func(m *validate.LabelMap) error {
				if got := m.Labels.Data[tc.voxel] != 0; got != tc.kept || m.Labels.Data[19] != 2 {
					t.Errorf("%s: kept is %v, want %v", tc.name, got, tc.kept)
				}
				return nil
			},
		}
		if _, err := e.Run(t.Context(), oracle(map[string][]uint8{"s": truth}), sequence(s)); err != nil {
			t.Fatal(err)
		}
	}
}

// Regions that lie beside each other are painted too.
func TestDisjointRegions(t *testing.T) {
	var got []uint8
	e := validate.Evaluator{
		Modalities: brats, Classes: tissues, Combos: []modality.Mask{1},
		Regions:  []validate.Region{{"left", []uint8{1}}, {"right", []uint8{2}}, {"both sides of all", []uint8{3, 4}}},
		OnLabels: func(m *validate.LabelMap) error { got = m.Labels.Data; return nil },
	}
	p := each(func(s *ingest.Sample) ingest.Array {
		return ingest.Array{Shape: []int{3, 1, 1, 4}, Data: []float32{1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0.9, 1}}
	})
	if _, err := e.Run(t.Context(), p, sequence(scan("s", [3]int{1, 1, 4}, 1))); err != nil {
		t.Fatal(err)
	}
	// Where all three claim a voxel the last of the smallest has it.
	if want := []uint8{1, 2, 3, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
