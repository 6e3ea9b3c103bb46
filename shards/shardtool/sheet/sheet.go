package sheet

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// Options say what a sample does not know of itself.
type Options struct {
	Modalities modality.Set // names of the columns; must have one a input
	Classes    []string     // names of the target's values; "class 3" where it is too short
	Note       string       // put on the second line: the split, say
	NoOverlay  bool         // leave the label map out of the planes; the legend says so
}

// Sizes in pixels. A glyph is 8 x 16.
const (
	tile    = 256 // the longest side of a plane, an image or a map, as a rule
	maxTile = 512 // the same for volumes of more voxels than tile
	gap     = 12
	line    = 20
	glyph   = 8
)

// part is one picture of a column; a column is one modality.
type part struct {
	img     *image.RGBA
	caption string
}

type column struct {
	name  string
	parts []part
}

// Draw returns the sheet of s. It errs when s contradicts its own contract
// (see [ingest.Sample.Check]).
func Draw(s *ingest.Sample, o Options) (*image.RGBA, error) {
	if err := s.Check(o.Modalities); err != nil {
		return nil, fmt.Errorf("sheet: %w", err)
	}
	if len(s.Inputs) == 0 {
		return nil, errors.New("sheet: a sample without modalities")
	}
	cols := make([]column, len(s.Inputs))
	ref := reference(s)
	var vol *volumes
	if ref != nil {
		vol = newVolumes(s, ref)
	}
	for i, a := range s.Inputs {
		cols[i].name = o.Modalities.Name(i)
		switch {
		case a.Data == nil && vol != nil:
			cols[i].parts = vol.absent()
		case a.Data == nil:
			cols[i].parts = []part{{img: absentTile(tile, tile)}}
		default:
			cols[i].parts = present(s, i, vol, o)
		}
	}
	var rows []string
	if vol != nil {
		rows = vol.captions(s)
	}
	return compose(heading(s, o), cols, rows, legend(s, o)), nil
}

// reference returns the shape that the sample's volumes have: that of the first
// one, or of the label map where every modality is absent; nil where there are
// none.
func reference(s *ingest.Sample) []int {
	for _, a := range s.Inputs {
		if len(a.Shape) == 3 && a.Len() > 0 {
			return a.Shape
		}
	}
	if s.Present == 0 && len(s.Target.Shape) == 3 && s.Target.Len() > 0 {
		return s.Target.Shape
	}
	return nil
}

// present draws a modality that the sample has.
func present(s *ingest.Sample, i int, vol *volumes, o Options) []part {
	a := s.Inputs[i]
	switch {
	case a.Len() == 0:
		return []part{{img: textTile(tile, tile, "no values", fmt.Sprintf("shape %v", a.Shape))}}
	case len(a.Shape) == 1:
		return []part{{img: waveTile(a.Data), caption: waveCaption(a, s.RateHz)}}
	case len(a.Shape) == 2 && isImage(a.Data):
		return []part{{img: imageTile(a), caption: fmt.Sprintf("%d x %d, 0 to 1", a.Shape[0], a.Shape[1])}}
	case len(a.Shape) == 2:
		return []part{{img: heatTile(a), caption: heatCaption(a)}}
	case len(a.Shape) == 3 && vol.fits(a.Shape):
		return vol.planes(s, i, o)
	}
	return []part{{img: textTile(tile, tile, "not drawn:", fmt.Sprintf("shape %v", a.Shape))}}
}

// heading returns the lines on top of the sheet: key and class, then what else
// is known.
func heading(s *ingest.Sample, o Options) [2]string {
	title := s.Key.String()
	if s.Target.Known() && len(s.Target.Shape) == 0 {
		title += "  class " + className(o.Classes, s.Target.Data[0])
	}
	var more []string
	if o.Note != "" {
		more = append(more, o.Note)
	}
	more = append(more, "present: "+o.Modalities.Format(s.Present))
	if !s.Target.Known() {
		more = append(more, "unlabelled")
	}
	return [2]string{title, strings.Join(more, "  ·  ")}
}

func className(classes []string, c uint8) string {
	if int(c) < len(classes) {
		return classes[c]
	}
	return fmt.Sprintf("%d", c)
}

// legend returns the entries for the classes that the label map has, in order,
// with their part of the sample.
func legend(s *ingest.Sample, o Options) []entry {
	if len(s.Target.Shape) != 3 {
		return nil
	}
	var counts [256]int
	for _, c := range s.Target.Data {
		counts[c]++
	}
	var out []entry
	for c, n := range counts {
		if n == 0 || c == 0 {
			continue
		}
		out = append(out, entry{classColour(uint8(c)), fmt.Sprintf("%s (%d voxels)", className(o.Classes, uint8(c)), n)})
	}
	switch {
	case len(out) == 0:
		out = append(out, entry{text: "no labelled voxel in this sample"})
	case o.NoOverlay:
		out = append(out, entry{text: "(overlay off)"})
	}
	return out
}

type entry struct {
	colour color.RGBA // transparent: no swatch
	text   string
}

func (e entry) width() int {
	w := textWidth(e.text) + 2*gap
	if e.colour.A > 0 {
		w += 2 * glyph
	}
	return w
}

// grid is where the columns and rows of a sheet stand.
type grid struct {
	widths  []int // of columns
	heights []int // of rows: their pictures
	under   []int // of rows: the captions below
	lead    int   // the height of the line above each row
	width   int   // of the sheet
}

func newGrid(head [2]string, cols []column, rowCaptions []string) grid {
	g := grid{widths: make([]int, len(cols)), width: gap}
	for i, c := range cols {
		g.widths[i] = max(textWidth(c.name), glyph)
		for r, p := range c.parts {
			g.widths[i] = max(g.widths[i], p.img.Rect.Dx(), textWidth(p.caption))
			for len(g.heights) <= r {
				g.heights, g.under = append(g.heights, 0), append(g.under, gap/2)
			}
			g.heights[r] = max(g.heights[r], p.img.Rect.Dy())
			if p.caption != "" {
				g.under[r] = line + gap/2
			}
		}
		g.width += g.widths[i] + gap
	}
	if len(rowCaptions) > 0 {
		g.lead = line
	}
	for _, t := range append(head[:], rowCaptions...) {
		g.width = max(g.width, min(textWidth(t), 2*maxTile)+2*gap)
	}
	return g
}

// row returns the height of row r with its captions.
func (g grid) row(r int) int { return g.lead + g.heights[r] + g.under[r] }

// compose puts heading, columns and legend together.
func compose(head [2]string, cols []column, rowCaptions []string, leg []entry) *image.RGBA {
	const top = gap + 2*line + gap/2 // of the columns' names
	g := newGrid(head, cols, rowCaptions)
	legendRows := wrap(leg, g.width-2*gap)
	below := top + line // the pictures
	for r := range g.heights {
		below += g.row(r)
	}
	c := newCanvas(g.width, below+len(legendRows)*line+gap/2, paper)
	c.text(gap, gap, head[0], ink, true)
	c.text(gap, gap+line, head[1], faint, false)
	x := gap
	for i, col := range cols {
		c.text(x, top, col.name, ink, true)
		y := top + line
		for r, p := range col.parts {
			c.paste(x, y+g.lead, p.img)
			c.text(x, y+g.lead+p.img.Rect.Dy()+2, p.caption, faint, false)
			y += g.row(r)
		}
		x += g.widths[i] + gap
	}
	y := top + line
	for r, caption := range rowCaptions {
		c.text(gap, y, caption, ink, false)
		y += g.row(r)
	}
	c.legend(below, legendRows)
	return c.RGBA
}

func (c canvas) legend(y int, rows [][]entry) {
	for _, row := range rows {
		x := gap
		for _, e := range row {
			if e.colour.A > 0 {
				c.fill(image.Rect(x, y+3, x+12, y+15), e.colour)
				c.text(x+2*glyph, y, e.text, ink, false)
			} else {
				c.text(x, y, e.text, faint, false)
			}
			x += e.width()
		}
		y += line
	}
}

// wrap breaks the legend into lines of at most width pixels.
func wrap(leg []entry, width int) [][]entry {
	var rows [][]entry
	used := 0
	for _, e := range leg {
		if len(rows) == 0 || used+e.width() > width {
			rows = append(rows, nil)
			used = 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
		used += e.width()
	}
	return rows
}
