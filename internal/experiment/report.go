package experiment

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/internal/chart"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/internal/page"
	"github.com/lacuna-ml/lacuna/internal/version"
)

// plotsName is the folder of an experiment's charts.
const plotsName = "plots"

// Write writes what came of experiments to dir: report.md, CSV files of the scores
// and of what they come to, charts in plots/, and report.html, which has them all.
// It returns the Markdown.
func (b Bench) Write(dir string, outcomes []Outcome) ([]byte, error) {
	var md bytes.Buffer
	for _, o := range outcomes {
		var raw, summary bytes.Buffer
		if err := errors.Join(o.Markdown(&md), o.CSV(&raw), o.Summary(&summary)); err != nil {
			return nil, err
		}
		name := filepath.Join(dir, o.Experiment.Name)
		if err := atomicfile.WriteFile(name+".csv", raw.Bytes(), 0o666); err != nil {
			return nil, err
		}
		if len(o.Rows) > 0 { // the demo has none
			if err := atomicfile.WriteFile(name+"-summary.csv", summary.Bytes(), 0o666); err != nil {
				return nil, err
			}
		}
		md.WriteString("\n")
		if err := writePlots(filepath.Join(dir, plotsName), o); err != nil {
			return nil, err
		}
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, "report.md"), md.Bytes(), 0o666); err != nil {
		return nil, err
	}
	p, err := b.page(outcomes)
	if err != nil {
		return nil, err
	}
	return md.Bytes(), page.WriteFile(filepath.Join(dir, lab.ReportName), p)
}

func writePlots(dir string, o Outcome) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, p := range append(o.plots, o.courses...) {
		var svg bytes.Buffer
		if err := chart.SVG(&svg, p.chart); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(filepath.Join(dir, o.Experiment.Name+"-"+p.name+".svg"), svg.Bytes(), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// page is the report of experiments that are done.
func (b Bench) page(outcomes []Outcome) (page.Page, error) {
	var p page.Page
	var titles []string
	runs := map[string]bool{}
	for _, o := range outcomes {
		titles = append(titles, o.Experiment.Name)
		for _, t := range o.Trials {
			runs[t.dir] = true
		}
		p.Sections = append(p.Sections, o.sections()...)
	}
	s, info, err := lab.SpecOf(outcomes[0].Trials[0].dir)
	if err != nil {
		return p, err
	}
	from := outcomes[0].Origin
	p.Title = "Experiment " + page.List(titles)
	p.Subtitle = fmt.Sprintf("%s on %s. The last checkpoint of each is its model; the test split was opened once it was there.", page.Count(len(runs), "run"), s.Dataset)
	p.Facts = []page.Fact{
		{Name: "Data set", Value: s.Dataset}, {Name: "Preset", Value: s.Preset}, {Name: "Network", Value: lab.Network(s, info)},
		{Name: "Each run", Value: from.length()}, {Name: "From", Value: from.seeds()},
		{Name: "Device", Value: from.Device}, {Name: "Program", Value: from.Program},
		{Name: "Manifest of the data", Value: fmt.Sprintf("%.12s", from.Manifest)}, {Name: "Preprocessing", Value: strings.Join(from.Definitions, ", ")},
	}
	if b.Command != "" {
		p.Sections = append(p.Sections, page.Section{Title: "How it was made", Blocks: []page.Block{page.Code(b.Command),
			page.Text("The same command goes on where it was interrupted. Each run has a folder of its own, with its checkpoint and a report.")}})
	}
	p.Footer = "Made by lacuna " + version.Version + "."
	return p, nil
}

// sections are those of one experiment: what came out, and how it went.
func (o Outcome) sections() []page.Section {
	s := page.Section{Title: o.Experiment.Title}
	for _, g := range o.Grids {
		ours, published := g.part()
		s.Blocks = append(s.Blocks, ours)
		if published.Rows != nil {
			s.Blocks = append(s.Blocks, published)
		}
	}
	for _, p := range o.plots {
		s.Blocks = append(s.Blocks, page.Figure{Chart: p.chart, Caption: p.caption})
	}
	s.Blocks = append(s.Blocks, page.Heading("What it says, and what it does not"), page.Text(strings.Join(append(o.Notes, "Protocol: "+o.Origin.Protocol+"."), "\n\n")))
	if len(o.courses) == 0 {
		return []page.Section{s}
	}
	var figures page.Figures
	for _, p := range o.courses {
		figures = append(figures, page.Figure{Chart: p.chart, Caption: p.caption})
	}
	return []page.Section{s, {Title: "How training went: " + o.Experiment.Name, Blocks: []page.Block{
		page.Text("Lines are means over seeds, bands one standard deviation to each side. Importances are there for arms that learn them."), figures,
	}}}
}

// part returns a table without published figures, and those by themselves where
// they are several: side by side they are wider than a page.
func (g Grid) part() (ours, published page.Table) {
	ours.Caption, published.Caption = g.Title+".", "Published."
	const mark = "published "
	n := 0
	for _, h := range g.Head {
		if strings.HasPrefix(h, mark) {
			n++
		}
	}
	if n < 2 {
		ours.Head, ours.Rows = g.Head, g.Rows
		return ours, published
	}
	split := func(cells []string) (a, b []string) {
		b = []string{cells[0]}
		for i, c := range cells {
			if strings.HasPrefix(g.Head[i], mark) {
				b = append(b, strings.TrimPrefix(c, mark))
			} else {
				a = append(a, c)
			}
		}
		return a, b
	}
	ours.Head, published.Head = split(g.Head)
	for _, r := range g.Rows {
		a, b := split(r)
		ours.Rows = append(ours.Rows, a)
		if len(b) > 1 {
			published.Rows = append(published.Rows, b)
		}
	}
	return ours, published
}
