// Package page writes a report as one HTML file that needs nothing else: no
// script, no font, no request. It reads on paper, on a telephone, on light and on
// dark, and the same [Page] gives the same bytes.
//
// A page is key facts and sections of blocks: [Text], [Heading], [Note], [Code],
// [Table], [Figure], [Figures], [Pictures]. All text is escaped. The file forbids
// the browser by its own content security policy to run or to fetch anything, so a
// reader can open a report that came from elsewhere.
//
// What a page says it can say elsewhere too: [Table.Columns] is for a terminal,
// and [Count], [Thousands] and [List] are the words of text.
package page

import (
	"bytes"
	_ "embed" // for the template
	"encoding/base64"
	"fmt"
	"html/template"
	"image/png"
	"io"
	"regexp"
	"strings"

	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/internal/chart"
)

// Page is a report.
type Page struct {
	Title    string
	Subtitle string // a line below the title
	Facts    []Fact // what a reader looks for first
	Sections []Section
	Footer   string // a line at the end: what made the page
}

// Fact is a name and a value.
type Fact struct{ Name, Value string }

// Section is a part of a page. From four sections on, the page begins with a
// table of contents.
type Section struct {
	Title  string
	Blocks []Block
}

// Block is one of the types below.
type Block interface {
	html() (template.HTML, error)
}

// Text is paragraphs, with an empty line between two.
type Text string

// Heading is a heading within a section.
type Heading string

// Code is text that is shown as it is: a command, a configuration.
type Code string

// Note is a remark that stands out.
type Note struct {
	Warning bool // else a hint
	Text    string
}

// Table is a table. A column in which every value is a number, alone or with what
// goes with one ("92.1 ± 0.4", "−3 %", "p < 0.001", "– (2)"), or nothing ("–"), is aligned
// to the right, in figures of one width.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]string // each as long as Head
	Bold    [][2]int   // row and column of values that stand out
}

// Figure is a chart.
type Figure struct {
	Chart   chart.Chart
	Caption string
}

// Figures are charts side by side, where there is room for it.
type Figures []Figure

// Pictures are images side by side, as many as there is room for.
type Pictures []Picture

// Wide and Half are widths of charts, in CSS pixels: of one that takes a page's
// width, and of [Figures] two to a row.
const (
	Wide = 880
	Half = 430
)

// Picture is an image with what is said of it.
type Picture struct {
	PNG     []byte
	Caption string // also what is read out to those who do not see it
	Width   int    // at most so wide, in CSS pixels; 0 means the image's own width
}

//go:embed page.tmpl
var source string

// contents is from how many sections on there is a table of contents.
const contents = 4

// Write writes the page. It errs where a table's rows are not as long as its head,
// a chart can't be drawn, or an image is no PNG.
func Write(w io.Writer, p Page) error {
	t, err := parse()
	if err != nil {
		return err
	}
	view := struct {
		Page
		Contents bool
		Parts    []part
	}{Page: p, Contents: len(p.Sections) >= contents}
	for i, s := range p.Sections {
		v := part{ID: fmt.Sprintf("s%d", i+1), Title: s.Title}
		for j, b := range s.Blocks {
			h, err := b.html()
			if err != nil {
				return fmt.Errorf("page: section %q, block %d: %w", s.Title, j+1, err)
			}
			v.Blocks = append(v.Blocks, h)
		}
		view.Parts = append(view.Parts, v)
	}
	if err := t.ExecuteTemplate(w, "page", view); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// WriteFile writes the page to a file, whole or not at all.
func WriteFile(path string, p Page) error {
	var b bytes.Buffer
	if err := Write(&b, p); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.WriteFile(path, b.Bytes(), 0o666)
}

// part is a section as the template takes it.
type part struct {
	ID, Title string
	Blocks    []template.HTML
}

func parse() (*template.Template, error) {
	t, err := template.New("").Parse(source)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return t, nil
}

// render runs one of the blocks' templates.
func render(name string, data any) (template.HTML, error) {
	t, err := parse()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, name, data)
	return template.HTML(b.String()), err
}

func (t Text) html() (template.HTML, error) {
	var list []string
	for _, p := range strings.Split(string(t), "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			list = append(list, strings.ReplaceAll(p, " %", "\u00a0%")) // a number keeps its unit
		}
	}
	return render("text", list)
}

func (h Heading) html() (template.HTML, error) { return render("heading", h) }
func (c Code) html() (template.HTML, error)    { return render("code", c) }
func (n Note) html() (template.HTML, error)    { return render("note", n) }

// cell is a value of a table as the template takes it.
type cell struct {
	Text           string
	Number, Strong bool
}

func (t Table) html() (template.HTML, error) {
	head := make([]cell, len(t.Head))
	for j, name := range t.Head {
		head[j] = cell{Text: name, Number: t.numeric(j)}
	}
	rows := make([][]cell, len(t.Rows))
	for i, row := range t.Rows {
		if len(row) != len(t.Head) {
			return "", fmt.Errorf("table %q: row %d has %d values, the head %d", t.Caption, i, len(row), len(t.Head))
		}
		for j, text := range row {
			rows[i] = append(rows[i], cell{Text: text, Number: head[j].Number})
		}
	}
	for _, at := range t.Bold {
		if at[0] < 0 || at[0] >= len(rows) || at[1] < 0 || at[1] >= len(head) {
			return "", fmt.Errorf("table %q: no value at row %d, column %d", t.Caption, at[0], at[1])
		}
		rows[at[0]][at[1]].Strong = true
	}
	return render("table", struct {
		Caption string
		Head    []cell
		Rows    [][]cell
	}{t.Caption, head, rows})
}

// The forms of a number, and of none.
var (
	number  = regexp.MustCompile(`^– \(\d+\)$|^(p ?)?[<>≤≥~≈±= ]*[+−-]?(\d|\.\d)[^a-zA-Z]*([eE][+−-]?\d+)?( ?[a-zA-Z/²³µ]{1,4})?$`)
	nothing = regexp.MustCompile(`^(|–|—|-|NaN|n/a)$`)
)

// numeric reports whether the values of a column are numbers.
func (t Table) numeric(column int) bool {
	some := false
	for _, row := range t.Rows {
		switch {
		case column >= len(row) || nothing.MatchString(row[column]):
		case number.MatchString(row[column]):
			some = true
		default:
			return false
		}
	}
	return some
}

func (f Figure) html() (template.HTML, error) {
	svg, err := chart.Inline(f.Chart)
	if err != nil {
		return "", err
	}
	return render("figure", struct {
		SVG     template.HTML // of package chart, which escapes
		Caption string
	}{template.HTML(svg), f.Caption})
}

func (l Figures) html() (template.HTML, error) {
	var list []template.HTML
	for _, f := range l {
		h, err := f.html()
		if err != nil {
			return "", err
		}
		list = append(list, h)
	}
	return render("figures", list)
}

func (p Pictures) html() (template.HTML, error) {
	type view struct {
		URL                 template.URL
		Caption             string
		Width, Height, Room int
	}
	list := make([]view, len(p))
	for i, pic := range p {
		size, err := png.DecodeConfig(bytes.NewReader(pic.PNG))
		if err != nil {
			return "", fmt.Errorf("picture %d, %q: %w", i+1, pic.Caption, err)
		}
		v := view{
			URL:     template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(pic.PNG)),
			Caption: pic.Caption, Width: size.Width, Height: size.Height,
		}
		if pic.Width > 0 && pic.Width != size.Width {
			v.Width, v.Height = pic.Width, max(1, size.Height*pic.Width/size.Width)
		}
		v.Room = max(v.Width, 144) // for some words of the caption
		list[i] = v
	}
	return render("pictures", list)
}
