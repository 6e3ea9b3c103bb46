package chart

import "fmt"

const (
	titleSize = 15.0
	keySize   = 12.0
	tickSize  = 11.5
	pad       = 14.0
	right     = 24.0 // room for half of the last label of an axis
	// slack is how much wider than the Go fonts a reader's fonts may be;
	// DejaVu's bold is by far the widest.
	slack     = 1.1
	boldSlack = 1.25
)

// frame is what line and bar charts share: title, legend, y axis.
type frame struct {
	title, x, y string
	w, h        int
	legend      []key
	ys          span
	logY        bool
	bottom      float64 // room for the labels of the x axis
	rim         float64 // room between the x axis and the least value
}

// key is an entry of a legend.
type key struct {
	name  string
	paint paint
	dash  float64
	mark  mark
}

// mark is what a legend shows of a series.
type mark uint8

const (
	stroke mark = iota
	block
	disk
)

// plot is a scene with its two scales.
type plot struct {
	*scene
	x, y scale
}

// begin paints all but the x axis and the data.
func (fr frame) begin(f *fonts) (*plot, error) {
	if fr.w == 0 {
		fr.w = 640
	}
	if fr.h == 0 {
		fr.h = 360
	}
	if fr.bottom == 0 {
		fr.bottom = 20
	}
	if fr.w < 200 || fr.h < 120 || fr.w > 10000 || fr.h > 10000 {
		return nil, fmt.Errorf("%q: %d x %d pixels, want 200 x 120 to 10000 x 10000", fr.title, fr.w, fr.h)
	}
	p := &plot{scene: &scene{w: float64(fr.w), h: float64(fr.h), title: fr.title}}
	top := p.heading(f, fr.title, fr.legend)
	if fr.y != "" {
		p.label(f, op{text: fr.y, paint: muted, size: tickSize, at: point{pad, top + tickSize}}, p.w-2*pad)
		top += tickSize + 6
	}
	foot := p.h - 10
	if fr.x != "" {
		p.label(f, op{text: fr.x, paint: muted, size: tickSize, anchor: end, at: point{p.w - right, foot - 2}}, p.w-2*pad)
		foot -= tickSize + 4
	}
	foot -= fr.bottom
	if foot < top+120 { // a legend of many rows
		p.h += top + 120 - foot
		return frame{fr.title, fr.x, fr.y, fr.w, int(p.h) + 1, fr.legend, fr.ys, fr.logY, fr.bottom, fr.rim}.begin(f)
	}
	p.yAxis(f, fr, top+6, foot)
	return p, nil
}

// heading paints the title and the legend, and returns where they end. A legend
// of one name that the title says already is left out.
func (s *scene) heading(f *fonts, title string, legend []key) float64 {
	y := 10.0
	if title != "" {
		s.label(f, op{text: title, paint: ink, size: titleSize, bold: true, at: point{pad, y + titleSize}}, (s.w-2*pad)/boldSlack)
		y += titleSize + 10
	}
	if len(legend) == 0 || len(legend) == 1 && (legend[0].name == "" || legend[0].name == title) {
		return y
	}
	swatch, between := 18.0, 16.0
	if legend[0].mark != stroke {
		swatch = 12
	}
	x := pad
	for _, k := range legend {
		name := f.fit(k.name, keySize, false, (s.w-2*pad-swatch-6)/slack)
		w := swatch + 6 + f.width(name, keySize, false)*slack
		if x > pad && x+w > s.w-pad {
			x = pad
			y += keySize + 7
		}
		switch k.mark {
		case block:
			s.rect(k.paint, x+swatch-12, y+2, 12, 12)
		case disk:
			s.dot(k.paint, x+swatch-6, y+8, 4.5)
		default:
			s.ops = append(s.ops, op{paint: k.paint, width: 3, dash: k.dash, lines: [][]point{{{x, y + 8}, {x + swatch, y + 8}}}})
		}
		s.label(f, op{text: name, paint: ink, size: keySize, at: point{x + swatch + 6, y + 12}}, 0)
		x += w + between
	}
	return y + keySize + 10
}

// yAxis paints the axis and the grid between the pixels top and foot, and leaves
// the x scale's pixels set.
func (p *plot) yAxis(f *fonts, fr frame, top, foot float64) {
	list, s := ticks(fr.ys.open(fr.logY), fr.logY, int((foot-top)/42))
	wide := 0.0
	for _, t := range list {
		wide = max(wide, f.width(t.text, tickSize, false))
	}
	left := pad + wide*slack + 8
	p.y = scale{lo: s.lo, hi: s.hi, log: fr.logY, from: foot - fr.rim, to: top}
	p.x.from, p.x.to = left, p.w-right
	for _, t := range list {
		y := p.y.at(t.v)
		paint := faint
		if t.v == 0 && !fr.logY {
			paint = axis
		}
		p.line(paint, 1, left, y, p.x.to, y)
		p.label(f, op{text: t.text, paint: muted, size: tickSize, anchor: end, at: point{left - 8, y + 4}}, 0)
	}
	p.line(axis, 1, left, foot, p.x.to, foot)
}
