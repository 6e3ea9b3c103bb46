package experiment

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/lacuna-ml/lacuna/internal/chart"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/internal/page"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train"
	"github.com/lacuna-ml/lacuna/train/rundir"
	"github.com/lacuna-ml/lacuna/validate/metrics"
)

// Demo is a small experiment on pairs of an image and a sound: what becomes of a
// network when one of them is missing, in training and in use.
type Demo struct {
	Experiment
	labels []string // of the arms
}

// The arms of the demo.
const (
	demoWhole = "whole"
	demoDrop  = "drop"
	demoRare  = "rare"
	demoMCKD  = "mckd"
)

// demoCombos are what the demo's networks are judged on, and how the demo calls
// it.
var demoCombos = [...][2]string{{"image", "picture"}, {"audio", "sound"}, {"image+audio", "both"}}

// DemoShown is the run of the demo that examples are shown of.
const DemoShown = demoMCKD

// NewDemo returns the demo.
func NewDemo() Demo {
	d := Demo{Experiment: Experiment{
		Name: "digits", Title: "What a gap does", Protocol: "lacuna-demo/1",
		Notes: []string{"The digits are synthetic, the training is short, and seeds are few: this shows what Lacuna does, and proves nothing about any method. docs/results.md has the figures on real data."},
	}}
	const rare = "rate:audio=20"
	d.add(demoWhole, "whole pairs", undistilled)
	d.add(demoDrop, "whole pairs, parts hidden at random", func(s *lab.Spec) { undistilled(s); s.Train.Drop = train.DropRandom })
	d.add(demoRare, "sound in 1 pair of 5", func(s *lab.Spec) { undistilled(s); s.Missing = rare })
	d.add(demoMCKD, "sound in 1 pair of 5, distilled (MCKD)", func(s *lab.Spec) { s.Missing = rare })
	return d
}

func (d *Demo) add(name, label string, change func(*lab.Spec)) {
	a := Arm{Name: name, Change: change}
	for _, c := range demoCombos {
		a.Combos = append(a.Combos, c[0])
	}
	d.Arms = append(d.Arms, a)
	d.labels = append(d.labels, label)
}

// Tell makes the demo's table, and says what is in it.
func (d Demo) Tell(trials []Trial) Outcome {
	o := Outcome{Experiment: d.Experiment, Trials: trials}
	g := Grid{Title: fmt.Sprintf("Test digits told right, in %%, by what there is of them: mean and standard deviation of %d seeds; chance is 10", len(trials)/len(d.Arms)), Head: []string{"trained on"}}
	for _, c := range demoCombos {
		g.Head = append(g.Head, c[1])
	}
	for i, a := range d.Arms {
		row := []string{d.labels[i]}
		for _, c := range demoCombos {
			row = append(row, about(Of(trials, a.Name, "accuracy", c[0])))
		}
		g.Rows = append(g.Rows, row)
	}
	o.Grids = []Grid{g}
	score := func(arm string, combo int) []float64 { return Of(trials, arm, "accuracy", demoCombos[combo][0]) }
	at := func(arm string, combo int) float64 { return mean(score(arm, combo)) }
	const picture, sound, both = 0, 1, 2
	o.Notes = append(o.Notes,
		fmt.Sprintf("Trained on whole pairs, the network is right on %.1f %% with both, and on %.1f %% when the sound is taken away: %s.",
			at(demoWhole, both), at(demoWhole, picture), pick(at(demoWhole, both)-at(demoWhole, picture) > 5, "it was never taught to do without", "it does without well enough")),
		fmt.Sprintf("If parts of the pairs are hidden at random in training, the picture alone gives %.1f %% and the sound alone %.1f %%; both give %.1f %%.",
			at(demoDrop, picture), at(demoDrop, sound), at(demoDrop, both)),
		fmt.Sprintf("If only one training pair in five has its sound, the picture alone gives %.1f %%, the sound alone %.1f %%: %s.",
			at(demoRare, picture), at(demoRare, sound), pick(at(demoRare, sound) < at(demoWhole, sound)-5, "too few sounds to learn them well", "those few sounds are enough")),
		"With distillation (MCKD), by which the features of one teach the other: "+gain(score(demoMCKD, picture), score(demoRare, picture), "from the picture")+", "+
			gain(score(demoMCKD, sound), score(demoRare, sound), "from the sound")+", "+gain(score(demoMCKD, both), score(demoRare, both), "from both")+".")
	o.Notes = append(o.Notes, d.Notes...)
	return o
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// about writes mean and standard deviation with one decimal.
func about(v []float64) string {
	s := metrics.Summarise(v)
	if s.N < 2 {
		return fmt.Sprintf("%.1f", s.Mean)
	}
	return fmt.Sprintf("%.1f ± %.1f", s.Mean, s.SD)
}

// gain says how far scores of paired seeds are apart.
func gain(a, b []float64, of string) string {
	t := metrics.TTest(a, b)
	text := fmt.Sprintf("%+.1f points %s", t.Mean, of)
	if !math.IsNaN(t.P) {
		text += " (p\u00a0=\u00a0" + probability(t.P) + ")"
	}
	return text
}

// plots draws the table.
func (d Demo) plots(trials []Trial) []plot {
	c := chart.Bars{Title: "Test digits told right", Y: "%", Width: page.Wide, Height: 340}
	for i, a := range d.Arms {
		s := chart.Series{Name: d.labels[i]}
		for _, combo := range demoCombos {
			addScore(&s, Of(trials, a.Name, "accuracy", combo[0]))
		}
		c.Series = append(c.Series, s)
	}
	for _, combo := range demoCombos {
		c.Labels = append(c.Labels, combo[1]+pick(strings.Contains(combo[0], "+"), "", " alone"))
	}
	return []plot{{"accuracy", fmt.Sprintf("Means over %d seeds, with one standard deviation to each side.", len(trials)/len(d.Arms)), c}}
}

// taught is the mean over seeds of the importances that the demo ends with.
func (b Bench) taught(dir string) (string, error) {
	var parts []string
	for _, c := range demoCombos[:2] {
		var v []float64
		for seed := range b.Seeds {
			m, err := rundir.ReadMetrics(filepath.Join(dir, NewDemo().Name, runName(demoMCKD, uint64(seed)+1)))
			if err != nil {
				return "", err
			}
			if weights := m.Series(lab.MetricImportance + c[0]).Values; len(weights) > 0 {
				v = append(v, weights[len(weights)-1])
			}
		}
		parts = append(parts, fmt.Sprintf("%s %.2f", c[1], mean(v)))
	}
	return page.List(parts), nil
}

// Demonstrate writes the demo's page to dir, where its runs are, and tells w what
// came out, in words.
func (b Bench) Demonstrate(dir string, o Outcome, w io.Writer) error {
	taught, err := b.taught(dir)
	if err != nil {
		return err
	}
	shown := filepath.Join(dir, o.Experiment.Name, runName(DemoShown, 1))
	examples, err := lab.Examples(filepath.Join(shown, split.Test.String()))
	if err != nil {
		return err
	}
	weights := "Importances, learned on held-out pairs: " + taught + ". The modality with the larger one counts as the better teacher."
	n := len(o.Notes) - len(o.Experiment.Notes)
	o.Notes = append(o.Notes[:n:n], append([]string{weights}, o.Experiment.Notes...)...)
	p, err := b.page([]Outcome{o})
	if err != nil {
		return err
	}
	p.Title = "Lacuna: digits with gaps"
	p.Subtitle = "Written and spoken digits, made from a seed, and four ways of training on them: what becomes of a network when a part is missing."
	p.Sections = []page.Section{
		p.Sections[0],
		{Title: "Examples", Blocks: append([]page.Block{page.Text("From the first run that was distilled, with sound in one training pair in five.")}, examples...)},
		{Title: "How training went", Blocks: p.Sections[1].Blocks},
		{Title: "What next", Blocks: []page.Block{page.Code(demoNext(dir, shown))}},
		{Title: "How it was made", Blocks: []page.Block{page.Code(b.Command), page.Text("The same command makes the same figures, on any number of cores. Each run has a folder of its own, with its checkpoint and a report.")}},
	}
	if err := page.WriteFile(filepath.Join(dir, lab.ReportName), p); err != nil {
		return err
	}
	return demoSummary(w, o, filepath.Join(dir, lab.ReportName))
}

// demoNext are commands that go on from the demo.
func demoNext(dir, shown string) string {
	return strings.Join([]string{
		"# one of its runs, by itself\n" + filepath.Join(shown, lab.ReportName),
		"# train on the same digits as you like: lacuna train --help\nlacuna train " + lab.CommandLine([]string{filepath.Join(dir, "avdigits")}) + " --missing rate:image=10 --run runs/mine\nlacuna validate runs/mine",
		"# synthetic brain tumours, four contrasts, 15 combinations\nlacuna ingest phantom --out data/phantom\nlacuna train data/phantom/brats --steps 300\nlacuna validate runs/brats",
		"# real digits, and the published table\nlacuna ingest avdigits --in audio=FSDD --in images=MNIST --pairing paper --out data/av\nlacuna experiment table2 data/av",
	}, "\n\n")
}

// demoSummary tells what came out.
func demoSummary(w io.Writer, o Outcome, file string) error {
	g := o.Grids[0]
	if _, err := fmt.Fprintf(w, "%s:\n\n", g.Title); err != nil {
		return err
	}
	if err := (page.Table{Head: g.Head, Rows: g.Rows}).Columns(w, "  "); err != nil {
		return err
	}
	for _, n := range o.Notes {
		if _, err := fmt.Fprintf(w, "\n%s\n", wrap(n, 78)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\nExamples, curves and what to do next, to open in a browser: %s\n", file)
	return err
}

// wrap breaks a text into lines of at most width characters, where words allow. A
// number keeps its unit, and whatever a hard space ties.
func wrap(text string, width int) string {
	const tie = "\u00a0"
	var b strings.Builder
	at := 0
	for _, word := range strings.FieldsFunc(strings.ReplaceAll(text, " %", tie+"%"), func(r rune) bool { return r == ' ' }) {
		n := len([]rune(word))
		switch {
		case at == 0:
		case at+1+n > width:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(strings.ReplaceAll(word, tie, " "))
		at += n
	}
	return b.String()
}
