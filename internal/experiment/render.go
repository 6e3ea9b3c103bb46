package experiment

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lacuna-ml/lacuna/validate"
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
	Origin     Origin
	Grids      []Grid
	Rows       []Row // the grids' figures, for programs
	Notes      []string
	Trials     []Trial

	plots, courses []plot // of the scores, and of how the runs went
}

// Tell makes the tables of one half of Table 2.
func (t Table2) Tell(trials []Trial) Outcome {
	o := Outcome{Experiment: t.Experiment, Trials: trials}
	const measure, both = "accuracy", "image+audio"
	lower, upper := Of(trials, "lower", measure, t.Always), Of(trials, "upper", measure, both)
	g := Grid{
		Title: fmt.Sprintf("Accuracy in %%, test on %s alone (UpperB: on both); %s", t.Always, overSeeds(len(lower))),
		Head: []string{t.Rare + " in training", "LowerB", "no distillation", "MCKD", "MCKD - none", "p (t)", "p (Wilcoxon)", "UpperB",
			"published LowerB", "published ShaSpec", "published MCKD", "published UpperB"},
	}
	line := func(rate string, plain, mckd []float64, shaspec, published float64) {
		g.Rows = append(g.Rows, append([]string{rate, around(lower), around(plain), around(mckd)}, append(compare(mckd, plain), around(upper),
			fixed(t.Published.Lower), fixed(shaspec), fixed(published), fixed(t.Published.Upper))...))
		o.Rows = append(o.Rows, newRow(measure, t.Always, rate, noDistillation, plain, math.NaN()),
			newRow(measure, t.Always, rate, "MCKD", mckd, published).less(noDistillation, mckd, plain),
			newRow(measure, t.Always, rate, "ShaSpec", nil, shaspec))
	}
	o.Rows = append(o.Rows, newRow(measure, t.Always, "", "LowerB", lower, t.Published.Lower), newRow(measure, both, "", "UpperB", upper, t.Published.Upper))
	var plains, mckds [][]float64
	for i, r := range rates {
		plain, mckd := Of(trials, armName(r, false), measure, t.Always), Of(trials, armName(r, true), measure, t.Always)
		plains, mckds = append(plains, plain), append(mckds, mckd)
		line(fmt.Sprintf("%d %%", r), plain, mckd, t.Published.ShaSpec[i], t.Published.MCKD[i])
	}
	plain, mckd := bySeed(plains), bySeed(mckds)
	line("mean of the four", plain, mckd, mean(t.Published.ShaSpec[:]), mean(t.Published.MCKD[:]))
	o.Grids = append(o.Grids, g)
	o.Notes = append(o.Notes, "Accuracy: "+verdict(mckd, plain, "the mean of the four rates"))
	for i, r := range rates {
		way, d := "above", mean(mckds[i])-t.Published.MCKD[i]
		if d < 0 {
			way = "below"
		}
		o.Notes = append(o.Notes, fmt.Sprintf("At %d %% MCKD is %.2f points %s the published figure.", r, math.Abs(d), way))
	}
	o.Notes = append(o.Notes, t.Notes...)
	return o
}

// noDistillation is what the arm without is called.
const noDistillation = "no distillation"

// Tell makes the tables of Table 1: a row a combination, in the published order.
func (t Table1) Tell(trials []Trial) Outcome {
	o := Outcome{Experiment: t.Experiment, Trials: trials}
	for _, m := range Measures(trials) {
		g := Grid{Title: titled(m) + " in %, " + overSeeds(len(trials)/len(t.Arms)),
			Head: []string{"modalities", noDistillation, "MCKD", "MCKD - none", "p (t)", "p (Wilcoxon)"}}
		line := func(name, on string, plain, mckd []float64) {
			g.Rows = append(g.Rows, append([]string{name, around(plain), around(mckd)}, compare(mckd, plain)...))
			o.Rows = append(o.Rows, newRow(m, on, "", noDistillation, plain, math.NaN()), newRow(m, on, "", "MCKD", mckd, math.NaN()).less(noDistillation, mckd, plain))
		}
		var plains, mckds [][]float64
		for c := range t.Set.Combos() {
			name := t.Set.Format(c)
			plain, mckd := Of(trials, "plain", m, name), Of(trials, "mckd", m, name)
			plains, mckds = append(plains, plain), append(mckds, mckd)
			line(name, name, plain, mckd)
		}
		line("average", overAll, bySeed(plains), bySeed(mckds))
		o.Grids = append(o.Grids, g)
		o.Notes = append(o.Notes, titled(m)+": "+verdict(bySeed(mckds), bySeed(plains), "the average over combinations"))
	}
	o.Notes = append(append(o.Notes, gaps(trials)...), t.Notes...)
	return o
}

// Tell makes the tables of a sweep: a row an arm, compared with the first; of the
// combination that is looked at alone first, if any, then of all.
func (s Sweep) Tell(trials []Trial) Outcome {
	o := Outcome{Experiment: s.Experiment, Trials: trials}
	for _, on := range s.views() {
		for _, m := range Measures(trials) {
			g := Grid{Title: fmt.Sprintf("%s in %%, %s; %s", titled(m), on, overSeeds(len(trials)/len(s.Arms))),
				Head: []string{s.What, m, "less the first row", "p (t)", "p (Wilcoxon)"}}
			published := s.Published[m]
			if on != s.Alone {
				published = nil
			}
			if published != nil {
				g.Head = append(g.Head, "published "+m)
			}
			scores := s.scores(trials, on, m)
			for i, v := range scores {
				cells, r := []string{s.Labels[i], around(v), "", "", ""}, newRow(m, on, "", s.Labels[i], v, math.NaN())
				if i > 0 {
					copy(cells[2:], compare(v, scores[0]))
					r = r.less(s.Labels[0], v, scores[0])
				}
				if published != nil {
					cells, r.Published = append(cells, fixed(published[i])), validate.Number(published[i])
				}
				g.Rows, o.Rows = append(g.Rows, cells), append(o.Rows, r)
			}
			o.Grids = append(o.Grids, g)
			o.Notes = append(o.Notes, titled(m)+", "+on+": "+s.result(scores))
		}
	}
	if len(trials) > len(s.Arms) {
		o.Notes = append(o.Notes, "The best is picked by these very figures, of several: its p-values are smaller than they should be.")
	}
	o.Notes = append(append(o.Notes, gaps(trials)...), s.Notes...)
	return o
}

// views are what the arms of a sweep are compared on.
func (s Sweep) views() []string {
	if s.Alone != "" {
		return []string{s.Alone, overAll}
	}
	return []string{overAll}
}

// scores returns those of a measure on a combination or over all, by arm and seed.
func (s Sweep) scores(trials []Trial, on, measure string) (scores [][]float64) {
	for _, a := range s.Arms {
		v := overCombos(trials, a.Name, measure)
		if on != overAll {
			v = Of(trials, a.Name, measure, on)
		}
		scores = append(scores, v)
	}
	return scores
}

// result says which arm is best, and by how much it is over the default, or that
// over the next.
func (s Sweep) result(scores [][]float64) string {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(mean(scores[j]), mean(scores[i])) }) // NaN last
	best, other := order[0], s.Default
	if metrics.TTest(scores[best], scores[s.Default]).Mean == 0 { // or equals it
		best, other = s.Default, order[0]
	}
	if best == other {
		other = order[1]
	}
	t := metrics.TTest(scores[best], scores[other])
	if math.IsNaN(t.Mean) {
		return "there is nothing to compare."
	}
	name := func(i int) string {
		if i == s.Default {
			return strconv.Quote(s.Labels[i]) + " (the default)"
		}
		return strconv.Quote(s.Labels[i])
	}
	if t.Mean == 0 {
		return fmt.Sprintf("of %d none is better than %s: %s has the same mean.", len(scores), name(best), name(other))
	}
	return fmt.Sprintf("best of %d is %s, %.2f points over %s; %s.", len(scores), name(best), t.Mean, name(other), evidence(t))
}

// gaps says what cases of the test split lack, if they do.
func gaps(trials []Trial) (notes []string) {
	if slices.ContainsFunc(trials, func(t Trial) bool { return t.Reduced }) {
		notes = append(notes, "Some cases lack a part of a combination, and were judged by what they have of it.")
	}
	for _, t := range trials {
		for m := range t.Scores {
			for combo := range t.Scores[m] {
				if math.IsNaN(t.Scores.at(m, combo)) {
					return append(notes, "Of a combination without a figure no case has all; means are over the others.")
				}
			}
		}
	}
	return notes
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

// overSeeds says what the figures of a table are.
func overSeeds(n int) string {
	if n == 1 {
		return "one seed"
	}
	return fmt.Sprintf("mean and standard deviation of %d seeds", n)
}

// titled begins a measure's name as a sentence does.
func titled(measure string) string { return strings.ToUpper(measure[:1]) + measure[1:] }

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
	switch t.N {
	case 0:
		return []string{"–", "–", "–"}
	case 1:
		w.P = math.NaN() // nothing is known of chance
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

// verdict says plainly how MCKD compares with no distillation, seed by seed.
func verdict(mckd, plain []float64, of string) string {
	t := metrics.TTest(mckd, plain)
	way := "better"
	if t.Mean < 0 {
		way = "worse"
	}
	if math.IsNaN(t.Mean) {
		return "there is nothing to compare in " + of + "."
	}
	return fmt.Sprintf("MCKD is %.2f points %s than %s in %s; %s.", math.Abs(t.Mean), way, noDistillation, of, evidence(t))
}

// evidence says what seeds that are paired tell of a difference.
func evidence(t metrics.Paired) string {
	switch {
	case t.N < 2:
		return "one seed allows no verdict"
	case math.IsNaN(t.P):
		return fmt.Sprintf("%d paired seeds all have the same difference, of which the t-test can say nothing", t.N)
	case t.P < .05:
		return fmt.Sprintf("over %d paired seeds p = %s: chance alone seldom gives that", t.N, probability(t.P))
	}
	return fmt.Sprintf("over %d paired seeds p = %s: chance alone may give that", t.N, probability(t.P))
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
	line("\nProtocol: %s.\n\nFrom %s.\n", o.Origin.Protocol, o.Origin)
	return err
}

// CSV writes a line for each trial, measure and combination.
func (o Outcome) CSV(w io.Writer) error {
	rows := [][]string{append([]string{"arm", "seed", "measure", "combination", "percent"}, originHead[:]...)}
	for _, t := range o.Trials {
		for _, m := range Measures([]Trial{t}) {
			for _, c := range slices.Sorted(maps.Keys(t.Scores[m])) {
				rows = append(rows, append([]string{t.Arm, strconv.FormatUint(t.Seed, 10), m, c, strconv.FormatFloat(t.Scores.at(m, c), 'g', -1, 64)}, o.Origin.cells()...))
			}
		}
	}
	return csv.NewWriter(w).WriteAll(rows)
}
