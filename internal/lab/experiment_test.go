package lab

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/validate"
)

// A combination that no case of the test split has is undefined: it is kept as
// such, and means are over the others.
func TestTrialWithoutCasesOfACombination(t *testing.T) {
	report := &validate.Report{}
	for name, dice := range map[string]float64{"a": .5, "a+b": .8, "b": math.NaN()} {
		report.Combos = append(report.Combos, validate.Combo{Name: name, Regions: []validate.RegionScores{{Name: "ET", Dice: validate.Summary{Mean: validate.Number(dice)}}}})
	}
	text, err := json.Marshal(Trial{Arm: "x", Seed: 1, Scores: scores(report)})
	if err != nil {
		t.Fatal(err)
	}
	var got Trial
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	trials := []Trial{got}
	for combo, want := range map[string]float64{"a": 50, "a+b": 80, "b": math.NaN(), "none": math.NaN()} {
		if d := cmp.Diff([]float64{want}, Of(trials, "x", "Dice ET", combo), cmpopts.EquateNaNs()); d != "" {
			t.Errorf("%s: %s", combo, d)
		}
	}
	if d := cmp.Diff([]float64{65}, overCombos(trials, "x", "Dice ET")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]float64{2, 5}, bySeed([][]float64{{1, math.NaN()}, {3, 5}})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"–", "–", "–"}, compare([]float64{math.NaN()}, []float64{1})); d != "" {
		t.Error(d)
	}
}

// Networks without levels have no arms of levels, and notes are of the data that
// they are about.
func TestExperimentsFitTheirData(t *testing.T) {
	set := func(names ...string) modality.Set {
		s, err := modality.NewSet(names...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	digits := datasets.Dataset{Name: "avdigits", Task: datasets.Classification, Modalities: set("image", "audio")}
	volumes := datasets.Dataset{Name: "brats", Task: datasets.Segmentation, Modalities: set("flair", "t1", "t1ce", "t2")}
	for _, name := range []string{"table1", "table3", "alpha", "iwv"} {
		for _, d := range []datasets.Dataset{digits, volumes} {
			xs, err := Named(name, d)
			if err != nil {
				t.Fatal(err)
			}
			x := xs[0].Plan()
			configs := map[string]string{}
			for _, a := range x.Arms {
				s, err := Preset("", d, &shards.Manifest{Splits: []shards.SplitInfo{{Split: split.Train, Samples: 900}}})
				if err != nil {
					t.Fatal(err)
				}
				a.Change(&s)
				if d.Task == datasets.Classification && (s.Train.DistillSkips || s.Train.Meta.Skips) {
					t.Errorf("%s: %s is of levels, which %s has none of", name, a.Name, s.Model.Name)
				}
				text, err := json.Marshal(s)
				if err != nil {
					t.Fatal(err)
				}
				if other := configs[string(text)]; other != "" {
					t.Errorf("%s on %s: %s is the same as %s", name, d.Name, a.Name, other)
				}
				configs[string(text)] = a.Name
			}
			if notes := strings.Join(x.Notes, " "); d.Name == "avdigits" && (strings.Contains(notes, "BraTS") || strings.Contains(notes, "T1")) {
				t.Errorf("%s on digits says of volumes: %s", name, notes)
			}
		}
	}
	if _, err := Named("table2", volumes); err == nil {
		t.Error("Table 2 of volumes")
	}
}
