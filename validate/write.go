package validate

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// WriteCSV writes a row for each prediction: of a classification the columns
// key, combination, seen, class, predicted, probability; of a segmentation
// subject, combination, seen, region, dice, hd95_mm, voxels_predicted,
// voxels_true, voxels_uncovered. What is undefined is NaN.
func WriteCSV(w io.Writer, r *Report) error {
	cw := csv.NewWriter(w)
	number := func(n Number) string { return strconv.FormatFloat(float64(n), 'g', -1, 64) }
	var rows [][]string
	if len(r.Regions) == 0 {
		rows = append(rows, []string{"key", "combination", "seen", "class", "predicted", "probability"})
		for _, i := range r.Items {
			rows = append(rows, []string{i.Key, i.Combo, i.Seen, i.Class, i.Predicted, strconv.FormatFloat(float64(i.Probability), 'g', -1, 32)})
		}
	} else {
		rows = append(rows, []string{"subject", "combination", "seen", "region", "dice", "hd95_mm", "voxels_predicted", "voxels_true", "voxels_uncovered"})
		for _, c := range r.Cases {
			rows = append(rows, []string{
				c.Subject, c.Combo, c.Seen, c.Region, number(c.Dice), number(c.HD95),
				strconv.Itoa(c.Predicted), strconv.Itoa(c.True), strconv.Itoa(c.Uncovered),
			})
		}
	}
	if err := cw.WriteAll(rows); err != nil {
		return fmt.Errorf("validate: writing CSV: %w", err)
	}
	return nil
}

// WriteMarkdown writes the report's tables: a row for each combination, for a
// segmentation their average, and for a classification the classes and the
// confusion matrix of each.
func WriteMarkdown(w io.Writer, r *Report) error {
	t := tables{w: bufio.NewWriter(w)}
	if len(r.Regions) == 0 {
		t.classification(r)
	} else {
		t.segmentation(r)
	}
	t.line("Protocol: %s.", r.Protocol)
	subjects := "cases"
	if len(r.Regions) == 0 {
		subjects = "samples"
	}
	t.line("%d %s, %d of them unlabelled.", r.Subjects, subjects, r.Unlabelled)
	for _, c := range r.Combos {
		if c.Reduced+c.Skipped > 0 {
			t.line("%s: %d of the %s judged have a part of it only, and were judged by that; %d have none of it and were not evaluated.", c.Name, c.Reduced, subjects, c.Skipped)
		}
	}
	for _, warning := range r.Warnings {
		t.line("Warning: %s.", warning)
	}
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("validate: writing Markdown: %w", err)
	}
	return nil
}

// tables writes Markdown; errors are kept by w.
type tables struct {
	w    *bufio.Writer
	some bool // whether anything was written
}

// line writes a paragraph.
func (t *tables) line(format string, args ...any) {
	if t.some {
		fmt.Fprintln(t.w)
	}
	t.some = true
	fmt.Fprintf(t.w, format+"\n", args...)
}

// table writes a table whose first column is left-aligned.
func (t *tables) table(head []string, rows [][]string) {
	t.line("%s", row(head))
	fmt.Fprintln(t.w, "|---|"+strings.Repeat("---:|", len(head)-1))
	for _, r := range rows {
		fmt.Fprintln(t.w, row(r))
	}
}

func row(cells []string) string {
	escaped := make([]string, len(cells))
	for i, c := range cells {
		escaped[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	return "| " + strings.Join(escaped, " | ") + " |"
}

// percent writes a part of 1 in per cent, and undefined as a dash.
func percent(n Number) string { return decimals(100 * n) }

func decimals(n Number) string {
	if math.IsNaN(float64(n)) {
		return "–"
	}
	return strconv.FormatFloat(float64(n), 'f', 2, 64)
}

// mean writes a mean, and in parentheses how many scores are undefined.
func (s Summary) mean(scale Number) string {
	text := decimals(scale * s.Mean)
	if s.Undefined > 0 {
		text += fmt.Sprintf(" (%d)", s.Undefined)
	}
	return text
}

func (t *tables) segmentation(r *Report) {
	head := []string{"modalities", "cases"}
	for _, name := range r.Regions {
		head = append(head, "Dice "+name)
	}
	for _, name := range r.Regions {
		head = append(head, "HD95 "+name)
	}
	var rows [][]string
	for _, c := range r.Combos {
		cells := []string{c.Name, strconv.Itoa(c.Judged())}
		for _, s := range c.Regions {
			cells = append(cells, s.Dice.mean(100))
		}
		for _, s := range c.Regions {
			cells = append(cells, s.HD95.mean(1))
		}
		rows = append(rows, cells)
	}
	cells := []string{"average", ""}
	for _, a := range r.Average {
		cells = append(cells, percent(a.Dice))
	}
	for _, a := range r.Average {
		cells = append(cells, decimals(a.HD95))
	}
	t.table(head, append(rows, cells))
	t.line("Mean Dice in %% and HD95 in mm; in parentheses, undefined scores, which are left out.")
}

func (t *tables) classification(r *Report) {
	var rows [][]string
	for _, c := range r.Combos {
		s := c.Classification
		rows = append(rows, []string{
			c.Name, strconv.Itoa(s.N), strconv.Itoa(s.Right), percent(s.Accuracy),
			percent(s.Lo) + " to " + percent(s.Hi), percent(s.MacroF1),
		})
	}
	t.table([]string{"modalities", "samples", "right", "accuracy %", "95 % interval", "macro-F1 %"}, rows)
	for _, c := range r.Combos {
		if c.Classification.N > 0 {
			t.classes(r, c)
		}
	}
}

// classes writes the classes and the confusion matrix of a combination.
func (t *tables) classes(r *Report, c Combo) {
	t.line("With %s:", c.Name)
	var rows, counts [][]string
	for i, s := range c.Classification.Classes {
		rows = append(rows, []string{s.Name, strconv.Itoa(s.Support), strconv.Itoa(s.Predicted), percent(s.Precision), percent(s.Recall), percent(s.F1)})
		cells := []string{s.Name}
		for _, n := range c.Classification.Confusion[i] {
			cells = append(cells, strconv.Itoa(n))
		}
		counts = append(counts, cells)
	}
	t.table([]string{"class", "true", "predicted", "precision %", "recall %", "F1 %"}, rows)
	t.table(append([]string{`true \ predicted`}, r.Classes...), counts)
}
