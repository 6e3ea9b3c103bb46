package shardtool

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// printer writes lines and keeps the first error.
type printer struct {
	w     io.Writer
	err   error
	began bool
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		p.began = true
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// heading begins what is said of one of several data sets.
func (p *printer) heading(dir string) {
	if p.began {
		p.printf("\n")
	}
	p.printf("== %s\n", dir)
}

// table writes rows in aligned columns; the first row is the header. A column
// whose other cells are all numbers is aligned to the right.
func (p *printer) table(rows [][]string) {
	if len(rows) == 0 {
		return
	}
	width := make([]int, len(rows[0]))
	right := make([]bool, len(rows[0]))
	for c := range rows[0] {
		right[c] = len(rows) > 1
		for i, r := range rows {
			width[c] = max(width[c], utf8.RuneCountInString(r[c]))
			right[c] = right[c] && (i == 0 || isNumber(r[c]))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for c, cell := range r {
			if c > 0 {
				b.WriteString("  ")
			}
			pad := strings.Repeat(" ", width[c]-utf8.RuneCountInString(cell))
			if right[c] {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		p.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
}

// isNumber reports whether a cell is a number, or what stands for none.
func isNumber(s string) bool {
	if s == "" || s == "-" {
		return true
	}
	_, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	return err == nil
}

// fact writes a line of a name and a value.
func (p *printer) fact(name, value string) {
	if value == "" {
		value = "-"
	}
	p.printf("%-13s %s\n", name, value)
}

func shapeText(shape []int) string {
	if shape == nil {
		return "varies"
	}
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = strconv.Itoa(d)
	}
	return strings.Join(parts, "x")
}

// number writes a measured value to five digits.
func number(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }

func count[T int | int64](n T) string { return strconv.FormatInt(int64(n), 10) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
}

// clean makes text from a data set fit for a terminal: no control characters.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return '\ufffd'
		}
		return r
	}, s)
}
