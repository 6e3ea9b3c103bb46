package lab

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/internal/chart"
	"github.com/lacuna-ml/lacuna/internal/page"
	"github.com/lacuna-ml/lacuna/internal/version"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/meta"
	"github.com/lacuna-ml/lacuna/train/rundir"
	"github.com/lacuna-ml/lacuna/validate"
)

// ReportName is the page about a run or an experiment, in its folder.
const ReportName = "report.html"

// tablesName is a validation's report without its rows, for programs.
const tablesName = "report.json"

// WriteTables writes a validation's files to a folder, which it makes: report.md with all tables,
// report.json, and predictions.csv with a row for each prediction.
func WriteTables(dir string, r *validate.Report) error {
	var md, csv bytes.Buffer
	if err := errors.Join(validate.WriteMarkdown(&md, r), validate.WriteCSV(&csv, r)); err != nil {
		return err
	}
	brief := *r
	brief.Items, brief.Cases = nil, nil // the CSV has them
	text, err := json.MarshalIndent(&brief, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, b := range map[string][]byte{"report.md": md.Bytes(), "predictions.csv": csv.Bytes(), tablesName: append(text, '\n')} {
		if err := atomicfile.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// verdicts are the validations of a run that are in its folder.
type verdicts struct {
	split    split.Split
	report   validate.Report
	examples gallery
}

// account is what is known of a run.
type account struct {
	dir        string
	spec       Spec
	info       rundir.Info
	set        datasets.Dataset // zero where this program does not know it
	config     []byte
	curves     curves
	step       int64 // the last that was logged
	validation []verdicts
}

// read gathers what is in the folder of a run.
func read(dir string, registry *datasets.Registry) (a account, err error) {
	a.dir = dir
	if a.spec, a.info, err = SpecOf(dir); err != nil {
		return a, err
	}
	if d, err := registry.Lookup(a.spec.Dataset); err == nil {
		a.set = d
	}
	if a.config, err = os.ReadFile(filepath.Join(dir, rundir.ConfigName)); err != nil {
		return a, err
	}
	m, err := rundir.ReadMetrics(dir)
	if err != nil {
		return a, err
	}
	a.curves = newCurves(m, a.set.Modalities.Names())
	if s := m.Series(MetricTask).Steps; len(s) > 0 {
		a.step = s[len(s)-1]
	}
	for _, sp := range []split.Split{split.Test, split.Val, split.Train} {
		v := verdicts{split: sp}
		from := filepath.Join(dir, sp.String())
		text, err := os.ReadFile(filepath.Join(from, tablesName))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(text, &v.report)
		}
		if err != nil {
			return a, fmt.Errorf("%s: %w", filepath.Join(from, tablesName), err)
		}
		if v.examples, err = readGallery(from); err != nil {
			return a, err
		}
		a.validation = append(a.validation, v)
	}
	return a, nil
}

// WriteReport writes report.html of the run in dir: one page that needs nothing
// else, from what is in the folder at the time.
func WriteReport(dir string, registry *datasets.Registry) error {
	a, err := read(dir, registry)
	if err != nil {
		return err
	}
	return page.WriteFile(filepath.Join(dir, ReportName), a.page())
}

// nameOf is what the run in a folder is called.
func nameOf(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Base(dir)
}

func (a account) page() page.Page {
	var parts []page.Section
	switch {
	case !a.done():
		parts = append(parts, page.Section{Title: "Result", Blocks: []page.Block{page.Note{Text: "This run is not finished, so it has not been judged."}}})
	case len(a.validation) == 0:
		parts = append(parts, page.Section{Title: "Result", Blocks: []page.Block{
			page.Note{Text: "This run has not been judged yet: how well it predicts is not known."}, page.Code("lacuna validate " + quote(a.dir)),
		}})
	}
	for _, v := range a.validation {
		parts = append(parts, v.result())
		if len(v.examples.Groups) > 0 {
			parts = append(parts, page.Section{Title: "Examples" + v.of(), Blocks: v.examples.blocks()})
		}
	}
	return page.Page{
		Title:    nameOf(a.dir),
		Subtitle: fmt.Sprintf("The network %s, trained on %s.", a.spec.Model.Name, cmp.Or(a.set.Title, a.spec.Dataset)),
		Facts:    a.facts(),
		Sections: slices.Concat(parts, []page.Section{a.training()}, a.next(), []page.Section{a.made()}),
		Footer:   "Made by lacuna " + version.Version + ".",
	}
}

// done reports whether all steps have been made.
func (a account) done() bool { return a.step >= int64(a.spec.Train.Steps) }

// facts are what a reader looks for first.
func (a account) facts() []page.Fact {
	f := []page.Fact{{Name: "Data set", Value: a.spec.Dataset}, {Name: "Preset", Value: a.spec.Preset}, {Name: "Network", Value: Network(a.spec, a.info)}}
	steps := fmt.Sprintf("%s, of %s each", page.Thousands(a.spec.Train.Steps), page.Count(a.spec.Train.Batch, "sample"))
	if !a.done() {
		steps = fmt.Sprintf("%s of %s so far", page.Thousands(int(a.step)), page.Thousands(a.spec.Train.Steps))
	}
	f = append(f, page.Fact{Name: "Steps", Value: steps},
		page.Fact{Name: "Hidden in training", Value: a.hidden()},
		page.Fact{Name: "Distillation", Value: a.distillation()},
		page.Fact{Name: "Seed", Value: strconv.FormatUint(a.spec.Train.Seed, 10)})
	if rate := a.curves.last(metricRate); !math.IsNaN(rate) {
		f = append(f, page.Fact{Name: "Speed", Value: fmt.Sprintf("%s samples/s, %.1f %% waiting for data", pace(rate), 100*a.curves.last(metricWait))})
	}
	if n := len(a.info.Starts); n > 0 {
		last := a.info.Starts[n-1]
		f = append(f, page.Fact{Name: "Device", Value: last.Device}, page.Fact{Name: "Begun", Value: a.info.Starts[0].At.UTC().Format("2006-01-02 15:04 UTC")},
			page.Fact{Name: "Program", Value: last.Tool})
	}
	return append(f, page.Fact{Name: "Manifest of the data", Value: fmt.Sprintf("%.12s", a.info.Manifest)})
}

// pace writes a rate, with a decimal where it is low.
func pace(rate float64) string {
	if rate < 10 {
		return strconv.FormatFloat(rate, 'f', 1, 64)
	}
	return page.Thousands(int(math.Round(rate)))
}

// Network names the network of a run, and says how many parameters it has.
func Network(s Spec, info rundir.Info) string {
	if n, err := strconv.Atoi(info.Notes[noteParameters]); err == nil {
		return fmt.Sprintf("%s, %s parameters", s.Model.Name, page.Thousands(n))
	}
	return s.Model.Name
}

// hidden says which modalities the network did not see in training.
func (a account) hidden() string {
	var parts []string
	if len(a.spec.Only) > 0 {
		parts = append(parts, "all but "+strings.Join(a.spec.Only, ", "))
	}
	if m := a.spec.Missing; m != "none" && m != "" {
		parts = append(parts, policyWords(m))
	}
	if a.spec.Train.Drop == "random" {
		part := "some, drawn anew in each step"
		if w := a.spec.Train.Warm; w > 0 {
			part += fmt.Sprintf(" after the first %.0f %%", 100*w)
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}

// policyWords says what a policy of missing modalities does, where it is simple.
func policyWords(policy string) string {
	rest, ok := strings.CutPrefix(policy, "rate:")
	name, percent, ok2 := strings.Cut(rest, "=")
	if n, err := strconv.ParseFloat(percent, 64); ok && ok2 && err == nil {
		return fmt.Sprintf("%s in %g %% of samples", name, 100-n)
	}
	return policy
}

func (a account) distillation() string {
	d := a.spec.Train.Distill
	if d.Alpha == 0 {
		return "none"
	}
	text := fmt.Sprintf("alpha %g, %s", d.Alpha, cmp.Or(d.Activation, distill.Softmax))
	if a.spec.Train.Meta.Kind != meta.Off {
		return text + ", importances by " + a.spec.Train.Meta.Kind
	}
	return text + ", fixed importances"
}

// training shows the curves.
func (a account) training() page.Section {
	s := page.Section{Title: "Training"}
	if c := a.curves.loss(); c != nil {
		caption := "The loss of each step."
		if a.curves.span > 0 {
			caption = "The loss of each step, and its mean over the last fortieth of the run."
		}
		if len(a.curves.metrics.Series(MetricHeldOut).Values) > 0 {
			if a.spec.Train.Meta.Kind != meta.Off {
				caption += " The held-out samples are those that importances are learned on."
			}
			caption += " No checkpoint was chosen by the loss of held-out samples: the last one is the model."
		}
		s.Blocks = append(s.Blocks, page.Figure{Chart: *c, Caption: caption})
	}
	var more page.Figures
	add := func(c *chart.Lines, caption string) {
		if c != nil {
			c.Width, c.Height = page.Half, low
			more = append(more, page.Figure{Chart: *c, Caption: caption})
		}
	}
	add(a.curves.importance(), "How much each modality counts as a teacher of the others; learned on held-out samples.")
	add(a.curves.distil(), "How far the modalities' features are apart, weighted by the ratio of importances.")
	l1, cosine := a.curves.generated()
	add(l1, "Were the modality missing, the mean of the others' features would stand in for its own: how far the two are apart, in held-out samples that have everything.")
	add(cosine, "The same as an angle: 1 is the same direction.")
	add(a.curves.rate(), "")
	add(a.curves.speed(), "")
	if len(more) > 0 {
		s.Blocks = append(s.Blocks, more)
	}
	if len(s.Blocks) == 0 {
		s.Blocks = append(s.Blocks, page.Note{Text: "No step has been made yet."})
	}
	return s
}

// made says how the run came to be, for who wants to make it again.
func (a account) made() page.Section {
	s := page.Section{Title: "How it was made"}
	if c := a.info.Notes[noteCommand]; c != "" {
		s.Blocks = append(s.Blocks, page.Code(c))
	}
	if len(a.info.Starts) > 1 {
		t := page.Table{Caption: "It was stopped, and went on from a checkpoint: bit for bit.", Head: []string{"started", "after step", "program", "device"}}
		for _, st := range a.info.Starts {
			if !sameBits(a.info.Starts[0], st) {
				t.Caption = "It was stopped, and went on from a checkpoint on another device or with another program: without that, its figures would differ a little."
			}
			t.Rows = append(t.Rows, []string{st.At.UTC().Format("2006-01-02 15:04:05"), strconv.FormatInt(max(st.Step, 0), 10), st.Tool, st.Device})
		}
		s.Blocks = append(s.Blocks, t)
	}
	s.Blocks = append(s.Blocks,
		page.Text(fmt.Sprintf("Data: %s, manifest %s. No file of the test split was opened in training.", a.info.Notes[noteData], a.info.Manifest)),
		page.Heading("Configuration"), page.Code(strings.TrimSpace(string(a.config))))
	return s
}

// Examples are the examples that a validation left in dir, for a page; there may be
// none.
func Examples(dir string) ([]page.Block, error) {
	g, err := readGallery(dir)
	return g.blocks(), err
}

// blocks are the examples of a page.
func (g gallery) blocks() []page.Block {
	var list []page.Block
	for i, part := range g.Groups {
		if part.Text != "" && i == 0 {
			list = append(list, page.Text(part.Text))
		}
		list = append(list, page.Heading(part.Title))
		if part.Text != "" && i > 0 {
			list = append(list, page.Text(part.Text))
		}
		var pics page.Pictures
		for _, p := range part.Pictures {
			pics = append(pics, page.Picture{PNG: p.png, Caption: p.Caption, Width: p.Width})
		}
		list = append(list, pics)
	}
	return list
}

// of says which split a section is about.
func (v verdicts) of() string { return " on " + v.split.String() }

// widest returns the combination of the most modalities, the first of equals.
func widest(combos []modality.Mask) modality.Mask {
	return slices.MaxFunc(combos, func(a, b modality.Mask) int { return a.Count() - b.Count() })
}

// telling are the combinations that some judged subject has all of; the scores of
// others are those of smaller ones. Where nothing was judged they are all.
func telling(r validate.Report) []validate.Combo {
	var list []validate.Combo
	for _, c := range r.Combos {
		if c.Whole() > 0 {
			list = append(list, c)
		}
	}
	if list == nil {
		return r.Combos
	}
	return list
}

// best returns the widest of the combinations that tell something.
func best(r validate.Report) validate.Combo {
	var masks []modality.Mask
	list := telling(r)
	for _, c := range list {
		masks = append(masks, c.Mask)
	}
	return list[slices.Index(masks, widest(masks))]
}

// worst returns the one of those that tell something whose score is least: mean
// Dice, or accuracy; it is the best where none has a score.
func worst(r validate.Report) validate.Combo {
	w := slices.MinFunc(telling(r), func(a, b validate.Combo) int { return cmp.Compare(score(a), score(b)) })
	if score(w) > 1 {
		return best(r)
	}
	return w
}

// score is the accuracy of a classification, and of a segmentation the mean Dice
// over regions as far as it is defined; 2, more than any, where none is.
func score(c validate.Combo) float64 {
	if k := c.Classification; k != nil {
		if k.N == 0 {
			return 2
		}
		return float64(k.Accuracy)
	}
	sum, n := 0.0, 0
	for _, s := range c.Regions {
		if v := float64(s.Dice.Mean); !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	if n == 0 {
		return 2
	}
	return sum / float64(n)
}
