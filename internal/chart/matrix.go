package chart

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
)

// Matrix is a table of numbers in colour: a confusion matrix, a heat map. Above 0
// it is blue, below 0 vermilion, and fainter towards 0.
type Matrix struct {
	Title, X, Y   string // X names the columns, Y the rows
	Rows, Columns []string
	Values        [][]float64 // by row
	Decimals      int         // of the numbers
	ByRow         bool        // colours by the share of a row's sum, as suits counts
	Width         int         // at most so wide, in CSS pixels; 0 means 640
}

// The two ends of the colours: darker than the palette's, for white numbers.
var (
	above = color.RGBA{0x08, 0x51, 0x9c, 255}
	below = color.RGBA{0xa6, 0x3c, 0x06, 255}
)

func (c Matrix) draw(f *fonts) (*scene, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	left := 0.0
	for _, r := range c.Rows {
		left = max(left, f.width(r, keySize, false)*slack)
	}
	left = pad + max(min(left, 160), f.width(c.Y, tickSize, false)*slack) + 8
	widest := 0.0
	for _, l := range c.Columns {
		widest = max(widest, f.width(l, keySize, false)*slack)
	}
	cell := (float64(cmp.Or(c.Width, 640)) - left - pad) / float64(len(c.Columns))
	if cell > widest+8 {
		cell = max(widest+8, min(cell, 56))
	} else {
		cell = min(cell, 56) // the labels stand upright
	}
	if cell < 4 {
		return nil, fmt.Errorf("%q: %d columns are too many for %d pixels", c.Title, len(c.Columns), cmp.Or(c.Width, 640))
	}
	high := min(cell, 34)
	every := int(math.Ceil(14 / high)) // labels are so high
	s := &scene{w: left + cell*float64(len(c.Columns)) + pad, title: c.Title}
	if c.Title != "" {
		s.w = max(s.w, min(float64(cmp.Or(c.Width, 640)), f.width(c.Title, titleSize, true)*boldSlack+2*pad))
	}
	top := s.heading(f, c.Title, nil)
	top = c.columns(f, s, left, top, cell)
	most := c.strongest()
	for i, r := range c.Rows {
		y := top + high*float64(i)
		if i%every == 0 {
			s.label(f, op{text: r, paint: ink, size: keySize, anchor: end, at: point{left - 8, y + high/2 + 4}}, (left-8-pad)/slack*1.05)
		}
		for j, v := range c.Values[i] {
			c.cell(f, s, v, most[i], left+cell*float64(j), y, cell, high)
		}
	}
	s.h = top + high*float64(len(c.Rows)) + pad
	return s, nil
}

func (c Matrix) check() error {
	if len(c.Rows) == 0 || len(c.Columns) == 0 || len(c.Values) != len(c.Rows) {
		return fmt.Errorf("%q: %d rows of values for %d x %d labels", c.Title, len(c.Values), len(c.Rows), len(c.Columns))
	}
	for i, row := range c.Values {
		if len(row) != len(c.Columns) {
			return fmt.Errorf("%q: row %d has %d values, there are %d columns", c.Title, i, len(row), len(c.Columns))
		}
	}
	return nil
}

// columns paints the labels above, and the names of both axes, and returns where
// the cells begin.
func (c Matrix) columns(f *fonts, s *scene, left, top, cell float64) float64 {
	if c.X != "" {
		s.label(f, op{text: c.X, paint: muted, size: tickSize, at: point{left, top + tickSize}}, s.w-left)
		top += tickSize + 6
	}
	widest := 0.0
	for _, l := range c.Columns {
		widest = max(widest, f.width(l, keySize, false)*slack)
	}
	upright := widest > cell-4
	height := keySize + 4
	if upright {
		widest = min(widest, 120)
		height = widest + 4
	}
	every := int(math.Ceil(14 / cell))
	for j, l := range c.Columns {
		if upright && j%every != 0 {
			continue
		}
		x := left + cell*(float64(j)+0.5)
		o := op{text: l, paint: ink, size: keySize, anchor: middle, at: point{x, top + height - 5}}
		if upright {
			o.anchor, o.turned, o.at = start, -90, point{x + 4, top + height - 5}
		}
		s.label(f, o, max(widest, cell)/slack*1.05)
	}
	s.label(f, op{text: c.Y, paint: muted, size: tickSize, anchor: end, at: point{left - 8, top + height - 5}}, 0)
	return top + height
}

// strongest returns, for each row, what value has the full colour.
func (c Matrix) strongest() []float64 {
	list := make([]float64, len(c.Values))
	all := 0.0
	for i, row := range c.Values {
		for _, v := range row {
			if has(v, false) {
				list[i] += math.Abs(v)
				all = max(all, math.Abs(v))
			}
		}
	}
	if !c.ByRow {
		for i := range list {
			list[i] = all
		}
	}
	return list
}

func (c Matrix) cell(f *fonts, s *scene, v, most, x, y, w, h float64) {
	strength := 0.0
	if has(v, false) && most > 0 {
		strength = v / most
	}
	rgb := above
	if strength < 0 {
		rgb = below
	}
	gap := min(1, w/10)
	if math.Abs(strength) < 0.3 { // where it is at all to be told from the page
		s.rect(faint.faded(0.35), x+gap/2, y+gap/2, w-gap, h-gap)
	}
	if strength != 0 {
		s.rect(paint{rgb: rgb, alpha: math.Abs(strength)}, x+gap/2, y+gap/2, w-gap, h-gap)
	}
	text := "–"
	switch {
	case has(v, false):
		text = number(v, math.Pow10(-c.Decimals))
	case math.IsInf(v, 1):
		text = "∞"
	case math.IsInf(v, -1):
		text = "−∞"
	}
	if f.width(text, keySize, false)*slack > w-4 || h < keySize+2 {
		return
	}
	o := op{text: text, paint: ink, size: keySize, anchor: middle, at: point{x + w/2, y + h/2 + 4}}
	switch {
	case math.Abs(strength) > 0.6:
		o.paint = white
	case v == 0:
		o.paint = muted.faded(0.7)
	}
	s.label(f, o, 0)
}
