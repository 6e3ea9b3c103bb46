package lab

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/lacuna-ml/lacuna/validate/metrics"
)

// Grid is a table as text: what Markdown, HTML and the terminal are made of.
type Grid struct {
	Title string
	Head  []string
	Rows  [][]string
}

// Outcome is an experiment with its results: tables, and sentences about them.
type Outcome struct {
	Experiment Experiment
	Grids      []Grid
	Notes      []string
	Trials     []Trial

	plots, courses []plot // of the scores, and of how the runs went
}

// Tell makes the tables of one half of Table 2.
func (t Table2) Tell(trials []Trial) Outcome {
	o := Outcome{Experiment: t.Experiment, Trials: trials}
	score := func(arm, combo string) []float64 { return Of(trials, arm, "accuracy", combo) }
	lower, upper := score("lower", t.Always), score("upper", "image+audio")
	g := Grid{
		Title: fmt.Sprintf("Accuracy in %%, test on %s alone (UpperB: on both); mean and standard deviation of %d seeds", t.Always, len(lower)),
		Head: []string{t.Rare + " in training", "LowerB", "no distillation", "MCKD", "MCKD - none", "p (t)", "p (Wilcoxon)", "UpperB",
			"published LowerB", "published ShaSpec", "published MCKD", "published UpperB"},
	}
	var plains, mckds [][]float64
	for i, r := range rates {
		plain, mckd := score(armName(r, false), t.Always), score(armName(r, true), t.Always)
		plains, mckds = append(plains, plain), append(mckds, mckd)
		g.Rows = append(g.Rows, append([]string{fmt.Sprintf("%d %%", r), around(lower), around(plain), around(mckd)}, append(compare(mckd, plain), around(upper),
			fixed(t.Published.Lower), fixed(t.Published.ShaSpec[i]), fixed(t.Published.MCKD[i]), fixed(t.Published.Upper))...))
	}
	plain, mckd := bySeed(plains), bySeed(mckds)
	g.Rows = append(g.Rows, append([]string{"mean of the four", around(lower), around(plain), around(mckd)}, append(compare(mckd, plain), around(upper),
		fixed(t.Published.Lower), fixed(mean(t.Published.ShaSpec[:])), fixed(mean(t.Published.MCKD[:])), fixed(t.Published.Upper))...))
	o.Grids = append(o.Grids, g)
	o.Notes = append(o.Notes, "Accuracy: "+verdict(mckd, plain, "MCKD", "no distillation", "the mean of the four rates"))
	for i, r := range rates {
		if d := mean(mckds[i]) - t.Published.MCKD[i]; d < 0 {
			o.Notes = append(o.Notes, fmt.Sprintf("At %d %% MCKD is %.2f points below the published figure.", r, -d))
		} else {
			o.Notes = append(o.Notes, fmt.Sprintf("At %d %% MCKD is %.2f points above the published figure.", r, d))
		}
	}
	o.Notes = append(o.Notes, t.Notes...)
	return o
}

// Tell makes the tables of Table 1: a row a combination, in the published order.
func (t Table1) Tell(trials []Trial) Outcome {
	o := Outcome{Experiment: t.Experiment, Trials: trials}
	for _, m := range Measures(trials) {
		g := Grid{Title: m + " in %, mean and standard deviation of seeds", Head: []string{"modalities", "no distillation", "MCKD", "MCKD - none", "p (t)", "p (Wilcoxon)"}}
		line := func(name string, plain, mckd []float64) {
			g.Rows = append(g.Rows, append([]string{name, around(plain), around(mckd)}, compare(mckd, plain)...))
		}
		var plains, mckds [][]float64
		for c := range t.Set.Combos() {
			name := t.Set.Format(c)
			plain, mckd := Of(trials, "plain", m, name), Of(trials, "mckd", m, name)
			plains, mckds = append(plains, plain), append(mckds, mckd)
			line(name, plain, mckd)
		}
		line("average", bySeed(plains), bySeed(mckds))
		o.Grids = append(o.Grids, g)
		o.Notes = append(o.Notes, m+": "+verdict(bySeed(mckds), bySeed(plains), "MCKD", "no distillation", "the average over combinations"))
	}
	o.Notes = append(o.Notes, t.Notes...)
	return o
}

// Tell makes the tables of a sweep: a row an arm, compared with the first.
func (s Sweep) Tell(trials []Trial) Outcome {
	o := Outcome{Experiment: s.Experiment, Trials: trials, Notes: s.Notes}
	for _, m := range Measures(trials) {
		g := Grid{Title: m + " in %, mean over the combinations of modalities, mean and standard deviation of seeds",
			Head: []string{s.What, m, "less the first row", "p (t)", "p (Wilcoxon)"}}
		base := overCombos(trials, s.Arms[0].Name, m)
		for i, a := range s.Arms {
			v := overCombos(trials, a.Name, m)
			row := []string{s.Labels[i], around(v), "", "", ""}
			if i > 0 {
				copy(row[2:], compare(v, base))
			}
			g.Rows = append(g.Rows, row)
		}
		o.Grids = append(o.Grids, g)
	}
	return o
}

// overCombos returns the mean over combinations of a measure, by seed: over those
// that the test split has a case of.
func overCombos(trials []Trial, arm, measure string) []float64 {
	var v []float64
	for _, t := range trials {
		if t.Arm != arm {
			continue
		}
		var scores []float64
		for _, combo := range slices.Sorted(maps.Keys(t.Scores[measure])) { // sums have an order
			scores = append(scores, t.Scores.at(measure, combo))
		}
		v = append(v, mean(scores))
	}
	return v
}

// bySeed returns the mean over rows for each seed, of the scores that are defined.
func bySeed(rows [][]float64) []float64 {
	out := make([]float64, len(rows[0]))
	for i := range out {
		var scores []float64
		for _, r := range rows {
			scores = append(scores, r[i])
		}
		out[i] = mean(scores)
	}
	return out
}

func mean(v []float64) float64 { return metrics.Summarise(v).Mean }

// around writes mean and standard deviation.
func around(v []float64) string {
	s := metrics.Summarise(v)
	if s.N < 2 {
		return fixed(s.Mean)
	}
	return fmt.Sprintf("%.2f ± %.2f", s.Mean, s.SD)
}

func fixed(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// compare returns the mean difference of pairs and the p-values of two tests.
func compare(a, b []float64) []string {
	t, w := metrics.TTest(a, b), metrics.Wilcoxon(a, b)
	if math.IsNaN(t.Mean) {
		return []string{"–", "–", "–"}
	}
	return []string{fmt.Sprintf("%+.2f", t.Mean), probability(t.P), probability(w.P)}
}

func probability(p float64) string {
	switch {
	case math.IsNaN(p):
		return "–"
	case p < .001:
		return fmt.Sprintf("%.1e", p)
	}
	return fmt.Sprintf("%.3f", p)
}

// verdict says plainly how two arms compare.
func verdict(a, b []float64, nameA, nameB, of string) string {
	t := metrics.TTest(a, b)
	way := "better"
	if t.Mean < 0 {
		way = "worse"
	}
	sure := "which chance alone may give"
	if t.P < .05 {
		sure = "which chance alone seldom gives"
	}
	return fmt.Sprintf("over %d paired seeds %s is %.2f points %s than %s in %s (p = %s), %s.", len(a), nameA, math.Abs(t.Mean), way, nameB, of, probability(t.P), sure)
}

// Markdown writes the tables and notes.
func (o Outcome) Markdown(w io.Writer) error {
	var err error
	line := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format, args...)
		}
	}
	line("## %s\n\n", o.Experiment.Title)
	for _, g := range o.Grids {
		line("%s.\n\n|", g.Title)
		for _, h := range g.Head {
			line(" %s |", h)
		}
		line("\n|---|")
		for range g.Head[1:] {
			line("--:|")
		}
		for _, r := range g.Rows {
			line("\n|")
			for _, c := range r {
				line(" %s |", c)
			}
		}
		line("\n\n")
	}
	for _, n := range o.Notes {
		line("- %s\n", n)
	}
	line("\nProtocol: %s.\n", o.Experiment.Protocol)
	return err
}

// CSV writes a line for each trial, measure and combination.
func (o Outcome) CSV(w io.Writer) error {
	rows := [][]string{{"arm", "seed", "measure", "combination", "percent"}}
	for _, t := range o.Trials {
		for _, m := range Measures([]Trial{t}) {
			var combos []string
			for c := range t.Scores[m] {
				combos = append(combos, c)
			}
			slices.Sort(combos)
			for _, c := range combos {
				rows = append(rows, []string{t.Arm, strconv.FormatUint(t.Seed, 10), m, c, strconv.FormatFloat(t.Scores.at(m, c), 'g', -1, 64)})
			}
		}
	}
	return csv.NewWriter(w).WriteAll(rows)
}
