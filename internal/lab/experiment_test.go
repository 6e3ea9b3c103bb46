package lab

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
