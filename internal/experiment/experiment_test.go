package experiment

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/internal/chart"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train/rundir"
	"github.com/lacuna-ml/lacuna/validate"
)

// A combination that no case of the test split has is undefined: it is kept as
// such, and means are over the others.
func TestTrialWithoutCasesOfACombination(t *testing.T) {
	report := &validate.Report{}
	for name, dice := range map[string]float64{"a": .5, "a+b": .8, "b": math.NaN()} {
		report.Combos = append(report.Combos, validate.Combo{Name: name, Regions: []validate.RegionScores{{Name: "ET", Dice: validate.Summary{Mean: validate.Number(dice)}}}})
	}
	// Nothing has all of it: what was judged was a.
	report.Combos = append(report.Combos, validate.Combo{Name: "a+c", Evaluated: 3, Reduced: 3, Regions: []validate.RegionScores{{Name: "ET", Dice: validate.Summary{N: 3, Mean: .5}}}})
	text, err := json.Marshal(Trial{Arm: "x", Seed: 1, Scores: scores(report)})
	if err != nil {
		t.Fatal(err)
	}
	var got Trial
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	trials := []Trial{got}
	for combo, want := range map[string]float64{"a": 50, "a+b": 80, "b": math.NaN(), "a+c": math.NaN(), "none": math.NaN()} {
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
				s, err := lab.Preset("", d, &shards.Manifest{Splits: []shards.SplitInfo{{Split: split.Train, Samples: 900}}})
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

// Labels stand whole on an axis.
func TestLabelsAreWhole(t *testing.T) {
	for _, x := range []Sweep{Activations(datasets.Dataset{}), Alphas(datasets.Dataset{}), Importances(datasets.Dataset{Task: datasets.Segmentation})} {
		var trials []Trial
		for _, a := range x.Arms {
			trials = append(trials, Trial{Arm: a.Name, Scores: Scores{"Dice ET": {"x": 1}}})
		}
		for _, p := range x.plots(trials) {
			var b strings.Builder
			if err := chart.SVG(&b, p.chart); err != nil || strings.Contains(b.String(), "…") {
				t.Errorf("%s: a label is cut (%v)", x.Name, err)
			}
		}
	}
}

// An arm has one colour in all charts, those too that others have nothing to say in.
func TestArmsKeepTheirColours(t *testing.T) {
	c := courses{experiment: Experiment{Arms: []Arm{{Name: "a"}, {Name: "b"}}}, labels: []string{"a", "b"}, modalities: []string{"x"}, runs: map[string][]*rundir.Metrics{}}
	for arm, lines := range map[string]string{"a": `{"step":1,"loss/task":1}`, "b": `{"step":1,"loss/task":1,"u/x":2}`} {
		m, err := rundir.DecodeMetrics(strings.NewReader(lines + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		c.runs[arm] = append(c.runs[arm], m)
	}
	plots := c.plots()
	if len(plots) != 2 {
		t.Fatalf("%d charts, want those of u and of the loss", len(plots))
	}
	for _, p := range plots {
		l := p.chart.(chart.Lines)
		if len(l.Series) != 2 || l.Series[1].Name != "b" {
			t.Errorf("%s: b is not the second: %+v", p.name, l.Series)
		}
		var b strings.Builder
		if err := chart.SVG(&b, l); err != nil || strings.Contains(b.String(), ">a<") != (p.name == "loss-train") || !strings.Contains(b.String(), ">b<") {
			t.Errorf("%s: the legend is of other arms (%v)", p.name, err)
		}
	}
}

// The id of a protocol tells apart whatever decides the figures.
func TestProtocolNamesWhatDecides(t *testing.T) {
	d := &lab.Data{Set: datasets.Dataset{Name: "avdigits", Task: datasets.Classification}, Manifest: &shards.Manifest{
		ID: "0123456789abcdef", Definitions: []string{"smil/1"}, Splits: []shards.SplitInfo{{Split: split.Train, Samples: 900}},
	}}
	for want, change := range map[string]func(*lab.Spec){
		"p/1, smil/1, manifest 0123456789ab":              func(*lab.Spec) {},
		"p/1, 1 epoch, smil/1, manifest 0123456789ab":     func(s *lab.Spec) { s.Epochs = 1 },
		"p/1, 2,000 steps, smil/1, manifest 0123456789ab": func(s *lab.Spec) { s.Epochs, s.Train.Steps = 0, 2000 },
		"p/1, preset best, smil/1, manifest 0123456789ab": func(s *lab.Spec) { s.Preset = "best" },
	} {
		s, err := lab.Preset("", d.Set, d.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		s.Train.Steps = 1680 // as it is settled
		change(&s)
		o, err := newOrigin("p/1", s, rundir.Info{}, d, 2)
		if err != nil || o.Protocol != want {
			t.Errorf("got %q, want %q (%v)", o.Protocol, want, err)
		}
	}
	d.Set = datasets.Dataset{Name: "brats", Task: datasets.Segmentation}
	s, err := lab.Preset("", d.Set, d.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if o, err := newOrigin("p/1", s, rundir.Info{}, d, 2); err != nil || o.Protocol != "p/1, preset small, manifest 0123456789ab" {
		t.Errorf("of volumes: got %q, %v", o.Protocol, err)
	}
}

// TestSweepSaysWhichIsBest: by how much over the default, and how sure that is.
func TestSweepSaysWhichIsBest(t *testing.T) {
	x := Sweep{What: "w", Labels: []string{"a", "b"}, Default: 1, Alone: "x+y", Published: map[string][]float64{"Dice": {7, 8}}}
	x.Arms = []Arm{{Name: "a"}, {Name: "b"}}
	tell := func(a, b []validate.Number) Outcome {
		var trials []Trial
		for arm, list := range map[string][]validate.Number{"a": a, "b": b} {
			for i, v := range list {
				trials = append(trials, Trial{Arm: arm, Seed: uint64(i), Scores: Scores{"Dice": {"x": 10, "x+y": v}}})
			}
		}
		return x.Tell(trials)
	}
	for _, tt := range []struct {
		name string
		a, b []validate.Number
		want string
	}{
		{"one seed", []validate.Number{3}, []validate.Number{1}, "Dice, x+y: best of 2 is \"a\", 2.00 points over \"b\" (the default); one seed allows no verdict."},
		{"the default is best", []validate.Number{1, 2, 3}, []validate.Number{3, 5, 5}, "Dice, x+y: best of 2 is \"b\" (the default), 2.33 points over \"a\"; over 3 paired seeds p = 0.020: chance alone seldom gives that."},
		{"over all", []validate.Number{1, 2, 3}, []validate.Number{3, 5, 5}, "Dice, mean over combinations: best of 2 is \"b\" (the default), 1.17 points over \"a\"; over 3 paired seeds p = 0.020: chance alone seldom gives that."},
		{"chance", []validate.Number{1, 9}, []validate.Number{0, 2}, "Dice, x+y: best of 2 is \"a\", 4.00 points over \"b\" (the default); over 2 paired seeds p = 0.410: chance alone may give that."},
		{"the same difference", []validate.Number{2, 3}, []validate.Number{1, 2}, "Dice, x+y: best of 2 is \"a\", 1.00 points over \"b\" (the default); 2 paired seeds all have the same difference, of which the t-test can say nothing."},
		{"alike", []validate.Number{2, 3}, []validate.Number{3, 2}, "Dice, x+y: of 2 none is better than \"b\" (the default): \"a\" has the same mean."},
		{"nothing", []validate.Number{validate.Number(math.NaN())}, []validate.Number{1}, "Dice, x+y: there is nothing to compare."},
	} {
		if o := tell(tt.a, tt.b); !slices.Contains(o.Notes, tt.want) {
			t.Errorf("%s: it does not say %q:\n%s", tt.name, tt.want, strings.Join(o.Notes, "\n"))
		}
	}
	o := tell([]validate.Number{3}, []validate.Number{1})
	if len(o.Grids) != 2 || !strings.HasPrefix(o.Grids[0].Title, "Dice in %, x+y; one seed") {
		t.Errorf("tables: %+v", o.Grids)
	}
	if d := cmp.Diff([][]string{{"a", "3.00", "", "", "", "7.00"}, {"b", "1.00", "-2.00", "–", "–", "8.00"}}, o.Grids[0].Rows); d != "" {
		t.Error(d)
	}
	if head := o.Grids[1].Head; head[len(head)-1] != "p (Wilcoxon)" {
		t.Errorf("over all there are no published figures: %v", head)
	}
}

// One seed gives no verdict on MCKD either.
func TestVerdict(t *testing.T) {
	if got, want := verdict([]float64{3}, []float64{1}, "x"), "MCKD is 2.00 points better than no distillation in x; one seed allows no verdict."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
