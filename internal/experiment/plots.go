package experiment

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/internal/chart"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/internal/page"
	"github.com/lacuna-ml/lacuna/train/rundir"
	"github.com/lacuna-ml/lacuna/validate/metrics"
)

// plot is a chart of an experiment, and a file of that name.
type plot struct {
	name, caption string
	chart         chart.Chart
}

// add appends to a series the mean of scores, with a bar of one standard
// deviation to each side.
func add(s *chart.Series, scores []float64) {
	m := metrics.Summarise(scores)
	sd := m.SD
	if math.IsNaN(sd) {
		sd = 0
	}
	s.Y, s.Low, s.High = append(s.Y, m.Mean), append(s.Low, m.Mean-sd), append(s.High, m.Mean+sd)
}

// addScore is add for percentages, whose bar ends where they do.
func addScore(s *chart.Series, scores []float64) {
	add(s, scores)
	last := len(s.Y) - 1
	s.Low[last], s.High[last] = max(s.Low[last], 0), min(s.High[last], 100)
}

// barsCaption says what points and bars are, of that many seeds.
func barsCaption(seeds int) string {
	if seeds == 1 {
		return "Points are of one seed."
	}
	return fmt.Sprintf("Points are means over %d seeds, bars one standard deviation to each side.", seeds)
}

// plots draws the table by rates, beside the published figures.
func (t Table2) plots(trials []Trial) []plot {
	score := func(arm, combo string) []float64 { return Of(trials, arm, "accuracy", combo) }
	list := []chart.Series{{Name: "LowerB"}, {Name: "no distillation"}, {Name: "MCKD"}, {Name: "UpperB"}}
	shaspec, mckd := chart.Series{Name: "published ShaSpec"}, chart.Series{Name: "published MCKD"}
	c := chart.Bars{Title: fmt.Sprintf("Test on %s alone (UpperB: on both)", t.Always), X: t.Rare + " in training", Y: "accuracy, %", Points: true, Width: page.Wide, Height: 380}
	for i, r := range rates {
		c.Labels = append(c.Labels, fmt.Sprintf("%d %%", r))
		addScore(&list[0], score("lower", t.Always))
		addScore(&list[1], score(armName(r, false), t.Always))
		addScore(&list[2], score(armName(r, true), t.Always))
		addScore(&list[3], score("upper", "image+audio"))
		shaspec.Y, mckd.Y = append(shaspec.Y, t.Published.ShaSpec[i]), append(mckd.Y, t.Published.MCKD[i])
	}
	c.Series = append(list, shaspec, mckd)
	return []plot{{"accuracy", barsCaption(len(score("lower", t.Always))) + " Published figures have no bar: they are of one run each.", c}}
}

// plots draws each measure by setting.
func (s Sweep) plots(trials []Trial) []plot {
	var list []plot
	for _, on := range s.views() {
		for _, m := range Measures(trials) {
			c := chart.Bars{Title: titled(m) + ", " + on, X: s.What, Y: "%", Points: true, Labels: s.Labels, Series: make([]chart.Series, 1), Width: page.Wide, Height: 300}
			for _, v := range s.scores(trials, on, m) {
				addScore(&c.Series[0], v)
			}
			name, caption := slug(m), barsCaption(len(trials)/len(s.Arms))
			if on == s.Alone {
				c.Series[0].Name, name = "ours", name+"-"+slug(on)
				if p := s.Published[m]; p != nil {
					c.Series = append(c.Series, chart.Series{Name: "published", Y: p})
					caption += " Published figures have no bar: they are of one run each."
				}
			}
			list = append(list, plot{name, caption, c})
		}
	}
	return list
}

// plots draws each measure by combination.
func (t Table1) plots(trials []Trial) []plot {
	var list []plot
	for _, m := range Measures(trials) {
		c := chart.Bars{Title: m, Y: "%", Points: true, Series: []chart.Series{{Name: "no distillation"}, {Name: "MCKD"}}, Width: page.Wide, Height: 380}
		for combo := range t.Set.Combos() {
			name := t.Set.Format(combo)
			c.Labels = append(c.Labels, name)
			addScore(&c.Series[0], Of(trials, "plain", m, name))
			addScore(&c.Series[1], Of(trials, "mckd", m, name))
		}
		list = append(list, plot{slug(m), barsCaption(len(trials) / len(t.Arms)), c})
	}
	return list
}

// slug makes a name for a file.
func slug(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
}

func (s Sweep) armLabels() []string  { return s.Labels }
func (d Demo) armLabels() []string   { return d.labels }
func (t Table1) armLabels() []string { return []string{noDistillation, "MCKD"} }

func (t Table2) armLabels() []string {
	list := []string{"LowerB", "UpperB"}
	for _, r := range rates {
		list = append(list, fmt.Sprintf("%d %%, none", r), fmt.Sprintf("%d %%, MCKD", r))
	}
	return list
}

// courses are the metrics of an experiment's runs, by arm and seed.
type courses struct {
	experiment Experiment
	labels     []string // of the arms
	modalities []string
	runs       map[string][]*rundir.Metrics // by arm
}

// newCourses reads the metrics of the runs of an experiment.
func newCourses(t Teller, trials []Trial, modalities []string) (courses, error) {
	c := courses{experiment: t.Plan(), labels: t.armLabels(), modalities: modalities, runs: map[string][]*rundir.Metrics{}}
	for _, trial := range trials {
		m, err := rundir.ReadMetrics(trial.dir)
		if err != nil {
			return c, err
		}
		c.runs[trial.Arm] = append(c.runs[trial.Arm], m)
	}
	return c, nil
}

// mean returns the mean over the seeds of an arm of a metric, at the steps that
// all have, with a band of one standard deviation where it is asked for.
func (c courses) mean(arm, metric string, band bool) chart.Series {
	at := map[int64][]float64{}
	for _, m := range c.runs[arm] {
		s := m.Series(metric)
		for i, step := range s.Steps {
			at[step] = append(at[step], s.Values[i])
		}
	}
	var out chart.Series
	for _, step := range slices.Sorted(maps.Keys(at)) {
		if len(at[step]) != len(c.runs[arm]) {
			continue
		}
		out.X = append(out.X, float64(step))
		if add(&out, at[step]); !band || len(at[step]) < 2 {
			out.Low, out.High = nil, nil
		}
	}
	return out
}

// plots draws how the runs went: what the arms have in common is in one chart.
func (c courses) plots() []plot {
	var list []plot
	draw := func(name, title, y, metric, caption string, band bool) {
		l := chart.Lines{Title: title, X: "step", Y: y, Width: page.Half, Height: 280}
		some := false
		for i, a := range c.experiment.Arms {
			s := c.mean(a.Name, metric, band)
			if len(s.Y) > 0 {
				some, s.Name = true, c.labels[i]
				if last := s.X[len(s.X)-1]; !band && len(s.X) >= 50 {
					l.Smooth = last / 40
				}
			}
			l.Series = append(l.Series, s) // empty, it keeps the colours of the others what they are elsewhere
		}
		if some {
			list = append(list, plot{name, caption, l})
		}
	}
	for _, m := range c.modalities {
		draw("importance-"+m, "Importance of "+m, "weight", lab.MetricImportance+m, "", true)
		draw("u-"+m, "Raw importance of "+m, "u", lab.MetricRaw+m, "", true)
	}
	draw("loss-train", "Training loss", "loss of the task", lab.MetricTask, "Means over a fortieth of the run, and the steps themselves, faint.", false)
	draw("loss-held-out", "Held-out loss (selects nothing)", "loss of the task", lab.MetricHeldOut, "No checkpoint was chosen by it: the last one is the model.", true)
	for _, m := range c.modalities {
		draw("generated-l1-"+m, "Stand-in for "+m+": distance", "L1, summed over the feature", lab.MetricL1+m, "Held-out samples that have everything: the feature of "+m+" against the mean of the others', which stands in for it when it is missing.", true)
		draw("generated-cosine-"+m, "Stand-in for "+m+": direction", "cosine", lab.MetricCosine+m, "1 is the same direction.", true)
	}
	return list
}
