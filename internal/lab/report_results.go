package lab

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/lacuna-ml/lacuna/internal/chart"
	"github.com/lacuna-ml/lacuna/internal/page"
	"github.com/lacuna-ml/lacuna/validate"
)

// result is what came of a validation.
func (v verdicts) result() page.Section {
	s := page.Section{Title: "Result" + v.of()}
	r := v.report
	if len(r.Combos) == 0 {
		return s
	}
	if len(r.Regions) == 0 {
		s.Blocks = classResult(r)
	} else {
		s.Blocks = regionResult(r)
	}
	for i, w := range r.Warnings {
		first, size := utf8.DecodeRuneInString(w)
		s.Blocks = slices.Insert(s.Blocks, 1+i, page.Block(page.Note{Warning: true, Text: string(unicode.ToUpper(first)) + w[size:] + "."}))
	}
	s.Blocks = append(s.Blocks, page.Heading("How it was judged"), page.Text("Protocol "+r.Protocol+"."))
	return s
}

// words names the modalities of a combination: "flair, t1 and t2".
func words(r validate.Report, c validate.Combo) string {
	var names []string
	for i := range c.Mask.All() {
		names = append(names, r.Modalities[i])
	}
	return page.List(names)
}

// dots say which modalities a combination has, a column each; of two modalities
// there is one column, with their names.
func dots(r validate.Report, c validate.Combo) []string {
	if len(r.Modalities) <= 2 {
		return []string{words(r, c)}
	}
	var cells []string
	for i := range r.Modalities {
		if c.Mask.Has(i) {
			cells = append(cells, "●")
		} else {
			cells = append(cells, "○")
		}
	}
	return cells
}

// seen heads the columns of dots.
func seen(r validate.Report) []string {
	if len(r.Modalities) <= 2 {
		return []string{"seen"}
	}
	return slices.Clone(r.Modalities)
}

// classResult is that of a classification.
func classResult(r validate.Report) []page.Block {
	full, poor := best(r), worst(r)
	if full.Judged() == 0 {
		return []page.Block{page.Note{Text: unjudged}}
	}
	all := full.Classification
	text := fmt.Sprintf("Seeing %s, it is right on %s %% of %s%s (with 95 %% confidence on %s to %s %%).",
		words(r, full), percent(all.Accuracy), page.Count(all.N, "sample"), lacking(full), percent(all.Lo), percent(all.Hi))
	if poor.Mask != full.Mask {
		with := "With " + words(r, poor)
		if poor.Mask.Count() == 1 {
			with += " alone"
		}
		text += fmt.Sprintf(" %s it is right on %s %%; chance would be %.0f %%.", with, percent(poor.Classification.Accuracy), 100/float64(len(r.Classes)))
	}
	table := page.Table{Head: append(seen(r), "accuracy, %", "95 % interval", "right", "of", "macro-F1, %")}
	table.Head = append(table.Head, whole(r, "whole")...)
	points := chart.Bars{Title: "Accuracy by what is there", Y: "%", Points: true, Width: min(page.Wide, 240+100*len(r.Combos)), Height: high,
		Series: []chart.Series{{Name: "accuracy, with its 95 % interval"}}}
	for _, c := range r.Combos {
		k := c.Classification
		row := append(dots(r, c), percent(k.Accuracy), percent(k.Lo)+" to "+percent(k.Hi),
			strconv.Itoa(k.Right), strconv.Itoa(k.N), percent(k.MacroF1))
		table.Rows = append(table.Rows, append(row, whole(r, strconv.Itoa(c.Whole()))...))
		s := &points.Series[0]
		points.Labels = append(points.Labels, c.Name)
		s.Y, s.Low, s.High = append(s.Y, 100*float64(k.Accuracy)), append(s.Low, 100*float64(k.Lo)), append(s.High, 100*float64(k.Hi))
	}
	blocks := []page.Block{page.Text(text), table, page.Figure{Chart: points, Caption: "The axis need not begin at 0."}}
	if len(r.Classes) <= 20 {
		both := page.Figures{{Chart: confusion(r, full)}}
		if poor.Mask != full.Mask {
			both = append(both, page.Figure{Chart: confusion(r, poor)})
		}
		blocks = append(blocks, page.Heading("What is taken for what"), both)
	}
	return append(blocks, page.Heading("By class"), byClass(r))
}

func confusion(r validate.Report, c validate.Combo) chart.Matrix {
	m := chart.Matrix{Title: "Seeing " + words(r, c), X: "predicted", Y: "true", Rows: r.Classes, Columns: r.Classes, ByRow: true, Width: page.Half}
	for _, row := range c.Classification.Confusion {
		values := make([]float64, len(row))
		for i, n := range row {
			values[i] = float64(n)
		}
		m.Values = append(m.Values, values)
	}
	return m
}

// byClass is the F1 of each class under each combination.
func byClass(r validate.Report) page.Table {
	t := page.Table{Caption: "F1 by class, %", Head: []string{"class", "samples"}}
	for _, c := range r.Combos {
		t.Head = append(t.Head, c.Name)
	}
	full := best(r).Classification
	for i, k := range full.Classes {
		row := []string{k.Name, strconv.Itoa(k.Support)}
		for _, c := range r.Combos {
			row = append(row, percent(c.Classification.Classes[i].F1))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// regionResult is that of a segmentation.
func regionResult(r validate.Report) []page.Block {
	full := best(r)
	if full.Judged() == 0 {
		return []page.Block{page.Note{Text: unjudged}}
	}
	text := fmt.Sprintf("Seeing %s, its mean Dice over %s%s is", words(r, full), page.Count(full.Judged(), "case"), lacking(full))
	for i, g := range full.Regions {
		sep := ","
		if i == 0 {
			sep = ""
		} else if i == len(full.Regions)-1 {
			sep = " and"
		}
		text += fmt.Sprintf("%s %s %% for %s", sep, percent(g.Dice.Mean), g.Name)
	}
	text += "."
	if len(r.Combos) > 1 && len(r.Average) > 0 && len(telling(r)) == len(r.Combos) {
		all := "the"
		if len(r.Combos) == 1<<len(r.Modalities)-1 {
			all = "all"
		}
		text += fmt.Sprintf(" Over %s %d combinations of modalities judged the means are", all, len(r.Combos))
		for i, g := range r.Average {
			if i > 0 {
				text += ","
			}
			text += fmt.Sprintf(" %s %s", g.Name, percent(g.Dice))
		}
		text += "."
	}
	return []page.Block{page.Text(text), regionTable(r), page.Figure{Chart: regionBars(r)}}
}

const regionCaption = "Mean Dice in %, HD95 in mm; in parentheses, how many scores are undefined and left out."

const unjudged = "No label is known of what was predicted, so nothing could be judged."

// lacking says in parentheses how many of the judged subjects lack some of a
// combination.
func lacking(c validate.Combo) string {
	if c.Reduced == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d of which lack some of it)", c.Reduced)
}

// whole is a cell of the column of subjects that have all of a combination, which
// is there where some have not.
func whole(r validate.Report, cell string) []string {
	if slices.ContainsFunc(r.Combos, func(c validate.Combo) bool { return c.Reduced > 0 }) {
		return []string{cell}
	}
	return nil
}

// regionTable has a row a combination and one for their mean.
func regionTable(r validate.Report) page.Table {
	t := page.Table{Caption: regionCaption, Head: append(append(seen(r), "cases"), whole(r, "whole")...)}
	for _, name := range r.Regions {
		t.Head = append(t.Head, "Dice "+name)
	}
	for _, name := range r.Regions {
		t.Head = append(t.Head, "HD95 "+name)
	}
	for _, c := range r.Combos {
		row := append(append(dots(r, c), strconv.Itoa(c.Judged())), whole(r, strconv.Itoa(c.Whole()))...)
		for _, g := range c.Regions {
			row = append(row, summary(g.Dice, 100))
		}
		for _, g := range c.Regions {
			row = append(row, summary(g.HD95, 1))
		}
		t.Rows = append(t.Rows, row)
	}
	if len(r.Combos) > 1 {
		row := make([]string, len(t.Head)-2*len(r.Regions))
		row[0] = "mean"
		for _, g := range r.Average {
			row = append(row, percent(g.Dice))
		}
		for _, g := range r.Average {
			row = append(row, percent(g.HD95/100))
		}
		for i := range row {
			t.Bold = append(t.Bold, [2]int{len(t.Rows), i})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// summary writes a mean, and how many scores it leaves out.
func summary(s validate.Summary, scale validate.Number) string {
	text := percent(scale * s.Mean / 100)
	if s.Undefined > 0 {
		text += fmt.Sprintf(" (%d)", s.Undefined)
	}
	return text
}

func regionBars(r validate.Report) chart.Bars {
	b := chart.Bars{Title: "Dice by what is there", Y: "%", Width: page.Wide, Height: 360}
	for k, name := range r.Regions {
		s := chart.Series{Name: name}
		for _, c := range telling(r) {
			v := float64(c.Regions[k].Dice.Mean)
			if math.IsInf(v, 0) {
				v = math.NaN()
			}
			s.Y = append(s.Y, 100*v)
		}
		b.Series = append(b.Series, s)
	}
	for _, c := range telling(r) {
		b.Labels = append(b.Labels, c.Name)
	}
	return b
}

// WriteSummary writes what a terminal shows of a validation: a row for each
// combination, and how it was judged.
func WriteSummary(w io.Writer, r *validate.Report) error {
	var t page.Table
	if len(r.Regions) == 0 {
		t.Head = append([]string{"modalities", "samples", "right", "accuracy %", "95 % interval"}, whole(*r, "whole")...)
		for _, c := range r.Combos {
			k := c.Classification
			row := []string{c.Name, strconv.Itoa(k.N), strconv.Itoa(k.Right), percent(k.Accuracy), percent(k.Lo) + " to " + percent(k.Hi)}
			t.Rows = append(t.Rows, append(row, whole(*r, strconv.Itoa(c.Whole()))...))
		}
	} else {
		t = regionTable(*r)
		t.Head = append([]string{"modalities"}, t.Head[len(seen(*r)):]...)
		for i, row := range t.Rows {
			name := "mean"
			if i < len(r.Combos) {
				name = r.Combos[i].Name
			}
			t.Rows[i] = append([]string{name}, row[len(seen(*r)):]...)
		}
	}
	if err := t.Columns(w, ""); err != nil {
		return err
	}
	if len(r.Regions) > 0 {
		fmt.Fprintf(w, "\n%s\n", regionCaption)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "\nWarning: %s.\n", warning)
	}
	_, err := fmt.Fprintf(w, "\nProtocol: %s.\n", r.Protocol)
	return err
}
