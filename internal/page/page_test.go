package page_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/internal/chart"
	"github.com/lacuna-ml/lacuna/internal/page"
)

func write(t testing.TB, p page.Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := page.Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// one is a page of one section.
func one(blocks ...page.Block) page.Page {
	return page.Page{Title: "t", Sections: []page.Section{{Title: "s", Blocks: blocks}}}
}

// wellFormed reads the page as XML, which it is too, and returns its attributes.
func wellFormed(t testing.TB, text string) (attributes []xml.Attr) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return attributes
		}
		if err != nil {
			t.Fatalf("line %d: %v", strings.Count(text[:d.InputOffset()], "\n")+1, err)
		}
		if e, ok := tok.(xml.StartElement); ok {
			if e.Name.Local == "script" {
				t.Error("a script")
			}
			attributes = append(attributes, e.Attr...)
		}
	}
}

func TestReport(t *testing.T) {
	text := write(t, report(t))
	if text != write(t, report(t)) {
		t.Error("another page the second time")
	}
	for _, a := range wellFormed(t, text) {
		inside := strings.HasPrefix(a.Value, "#") || strings.HasPrefix(a.Value, "data:")
		if (a.Name.Local == "src" || a.Name.Local == "href") && !inside {
			t.Errorf("%s=%q leads out of the file", a.Name.Local, a.Value)
		}
	}
	if out := regexp.MustCompile(`url\(|@import`).FindString(text); out != "" {
		t.Errorf("%s in the style", out)
	}
	for _, want := range []string{
		`<a href="#s4">How it was made</a>`, `<h2 id="s4">How it was made</h2>`,
		`<td class="n"><strong>93.1 ± 0.5</strong></td>`, `<th scope="col">present</th>`,
		`<p>The last checkpoint is the model. No test item was used for any choice.</p>` + "\n" + `<p>Intervals`,
		`<strong>Warning.</strong> 2 of 900`, `width="112" height="112"`, `alt="&lt;7&gt; &amp; 1"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestFiguresStandSideBySide(t *testing.T) {
	f := page.Figure{Chart: chart.Lines{Title: "a", Series: []chart.Series{{Y: []float64{1, 2}}}}, Caption: "<one>"}
	text := write(t, one(page.Figures{f, f}, page.Text("5 % of 3 %")))
	wellFormed(t, text)
	if strings.Count(text, "<svg") != 2 || !strings.Contains(text, `<div class="figures">`) || !strings.Contains(text, "&lt;one&gt;") {
		t.Error("not two charts in one block")
	}
	if !strings.Contains(text, "5\u00a0% of 3\u00a0%") {
		t.Error("a number may lose its unit at the end of a line")
	}
	bad := page.Page{Title: "t", Sections: []page.Section{{Title: "s", Blocks: []page.Block{page.Figures{{Chart: chart.Lines{}}}}}}}
	if err := page.Write(io.Discard, bad); err == nil {
		t.Error("a chart without series")
	}
}

func TestContents(t *testing.T) {
	p := report(t)
	p.Sections = p.Sections[:3]
	if strings.Contains(write(t, p), "<nav") {
		t.Error("a table of contents for 3 sections")
	}
	wellFormed(t, write(t, page.Page{}))
}

// TestEscapes puts what a page must not let through in every place for text.
func TestEscapes(t *testing.T) {
	const evil = `"'><script>alert(1)</script>&<img src=x onerror=y>{{.}}</style></title>-->`
	p := page.Page{
		Title: evil, Subtitle: evil, Facts: []page.Fact{{Name: evil, Value: evil}}, Footer: evil,
	}
	for range 4 {
		p.Sections = append(p.Sections, page.Section{Title: evil, Blocks: []page.Block{
			page.Text(evil), page.Heading(evil), page.Code(evil), page.Note{Text: evil},
			page.Table{Caption: evil, Head: []string{evil}, Rows: [][]string{{evil}}, Bold: [][2]int{{0, 0}}},
			page.Figure{Caption: evil, Chart: chart.Bars{Title: evil, X: evil, Y: evil, Labels: []string{evil}, Series: []chart.Series{{Name: evil, Y: []float64{1}}, {Name: evil, Y: []float64{1}}}}},
			page.Figure{Chart: chart.Matrix{Title: evil, X: evil, Y: evil, Rows: []string{evil}, Columns: []string{evil}, Values: [][]float64{{1}}}},
			page.Pictures{{PNG: square(t, 4), Caption: evil}},
		}})
	}
	text := write(t, p)
	for _, a := range wellFormed(t, text) {
		if strings.HasPrefix(a.Name.Local, "on") {
			t.Errorf("an attribute %s=%q", a.Name.Local, a.Value)
		}
	}
	if strings.Contains(text, "<script") || strings.Contains(text, "<img src=x") {
		t.Error("text became an element")
	}
}

func TestNumeric(t *testing.T) {
	for _, tc := range []struct {
		values string
		want   bool
	}{
		{"1|2.5|-3|−4|+0.1|.5", true},
		{"92.1 ± 0.4|93.8|–", true},
		{"< 0.001|0.043|p < 0.05|≤ 2", true},
		{"1,740|12 %|3.4e-5|7 ms|1.5 GB|2x", true},
		{"95.1 [93.2, 96.5]|94.0 (92.0 to 95.0)", false}, // words
		{"95.1 [93.2, 96.5]|0 / 15|3:04", true},
		{"–||NaN", false},
		{"1.5|– (2)|3.0 (1)", true},
		{"– (2)|– (1)|–", true},
		{"1|two", false},
		{"image|audio", false},
		{"3f9a2c41d0be", false},
		{"2026-03-01 first run", false},
		{"t1|t2", false},
	} {
		if got := page.Numeric(strings.Split(tc.values, "|")...); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.values, got, tc.want)
		}
	}
}

func TestColumnsLineUp(t *testing.T) {
	var b bytes.Buffer
	if err := (page.Table{Head: []string{"seen", "a"}, Rows: [][]string{{"é", "10.5"}, {"", "mean"}}}).Columns(&b, "  "); err != nil {
		t.Fatal(err)
	}
	if want := "  seen     a\n  é     10.5\n        mean\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		page.Count(1, "step"): "1 step", page.Count(0, "step"): "0 steps", page.Count(2000, "step"): "2,000 steps",
		page.Thousands(999): "999", page.Thousands(1234567): "1,234,567",
		page.List(nil): "", page.List([]string{"a"}): "a", page.List([]string{"a", "b"}): "a and b", page.List([]string{"a", "b", "c"}): "a, b and c",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		block      page.Block
	}{
		{"row", `section "s", block 2: table "c": row 1 has 1 values, the head 2`, page.Table{Caption: "c", Head: []string{"a", "b"}, Rows: [][]string{{"1", "2"}, {"1"}}}},
		{"bold", "no value at row 0, column 1", page.Table{Head: []string{"a"}, Rows: [][]string{{"1"}}, Bold: [][2]int{{0, 1}}}},
		{"chart", "no bars", page.Figure{Chart: chart.Bars{}}},
		{"picture", `picture 2, "c"`, page.Pictures{{PNG: square(t, 2)}, {PNG: []byte("GIF89a"), Caption: "c"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := page.Write(&b, one(page.Text("x"), tc.block)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
			if b.Len() > 0 {
				t.Error("half a page was written")
			}
		})
	}
}

func Example() {
	var file bytes.Buffer
	err := page.Write(&file, page.Page{
		Title: "A run",
		Facts: []page.Fact{{Name: "Test accuracy", Value: "93.8 %"}},
		Sections: []page.Section{{Title: "Training", Blocks: []page.Block{
			page.Text("The last checkpoint is the model."),
			page.Figure{Chart: chart.Lines{Title: "Loss", Series: []chart.Series{{Y: []float64{2, 1, 0.5}}}}},
			page.Table{Head: []string{"present", "accuracy"}, Rows: [][]string{{"image", "92.4"}, {"audio", "84.0"}}},
		}}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Contains(file.String(), "<svg"), strings.Contains(file.String(), "http-equiv"))
	// Output: true true
}
