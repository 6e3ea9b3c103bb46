package chart

import (
	"fmt"
	"image/color"
	"slices"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// Chart is one of the types of this package.
type Chart interface {
	draw(f *fonts) (*scene, error)
}

// scene is a picture as a list of what to paint, in order. Lengths are CSS
// pixels, y grows downwards.
type scene struct {
	w, h  float64
	title string // for those who do not see it
	ops   []op
}

// op is one thing to paint: areas, lines or a text.
type op struct {
	paint  paint
	fill   [][]point // closed
	lines  [][]point // open
	width  float64   // of the lines
	dash   float64   // length of dashes and of gaps; 0 for none
	text   string
	at     point // of the text: on the base line, at its anchor
	anchor float64
	size   float64
	bold   bool
	turned float64 // degrees, clockwise about at
}

type point struct{ x, y float64 }

// paint is a colour. Ink is that of the text around the picture.
type paint struct {
	ink   bool
	rgb   color.RGBA
	alpha float64
}

var (
	ink   = paint{ink: true, alpha: 1}
	muted = paint{ink: true, alpha: 0.72}
	axis  = paint{ink: true, alpha: 0.45}
	faint = paint{ink: true, alpha: 0.13}
	white = paint{rgb: color.RGBA{255, 255, 255, 255}, alpha: 1}
)

// palette is Okabe and Ito's, without black and the yellow that is lost on white.
var palette = [...]color.RGBA{
	{0x00, 0x72, 0xb2, 255}, // blue
	{0xd5, 0x5e, 0x00, 255}, // vermilion
	{0x00, 0x9e, 0x73, 255}, // green
	{0xcc, 0x79, 0xa7, 255}, // purple
	{0xe6, 0x9f, 0x00, 255}, // orange
	{0x56, 0xb4, 0xe9, 255}, // sky
}

func seriesPaint(i int) paint { return paint{rgb: palette[i%len(palette)], alpha: 1} }

// seriesDash makes the series beyond the palette differ.
func seriesDash(i int) float64 { return []float64{0, 6, 2}[i/len(palette)%3] }

func (p paint) faded(alpha float64) paint {
	p.alpha *= alpha
	return p
}

// Anchors: which part of a text stands at its place.
const (
	start  = 0
	middle = 0.5
	end    = 1
)

func (s *scene) area(p paint, outline ...point) {
	s.ops = append(s.ops, op{paint: p, fill: [][]point{outline}})
}

func (s *scene) rect(p paint, x, y, w, h float64) {
	s.area(p, point{x, y}, point{x + w, y}, point{x + w, y + h}, point{x, y + h})
}

func (s *scene) line(p paint, width, x1, y1, x2, y2 float64) {
	s.ops = append(s.ops, op{paint: p, width: width, lines: [][]point{{{x1, y1}, {x2, y2}}}})
}

// dot paints a disc.
func (s *scene) dot(p paint, x, y, r float64) { s.area(p, disc(point{x, y}, r)...) }

// label paints a text, cut to room where that is above 0.
func (s *scene) label(f *fonts, o op, room float64) {
	if room > 0 {
		o.text = f.fit(o.text, o.size, o.bold, room)
	}
	if o.text != "" {
		s.ops = append(s.ops, o)
	}
}

// put paints another scene with its corner at dx, dy.
func (s *scene) put(t *scene, dx, dy float64) {
	move := func(lists [][]point) [][]point {
		lists = slices.Clone(lists)
		for i, l := range lists {
			lists[i] = slices.Clone(l)
			for j := range l {
				lists[i][j] = point{l[j].x + dx, l[j].y + dy}
			}
		}
		return lists
	}
	for _, o := range t.ops {
		o.fill, o.lines = move(o.fill), move(o.lines)
		o.at = point{o.at.x + dx, o.at.y + dy}
		s.ops = append(s.ops, o)
	}
}

// fonts are what texts are measured in, and drawn with in a PNG.
type fonts struct {
	regular, bold *sfnt.Font
	buf           sfnt.Buffer
}

func newFonts() (*fonts, error) {
	regular, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		return nil, fmt.Errorf("chart: font: %w", err)
	}
	bold, err := sfnt.Parse(gobold.TTF)
	if err != nil {
		return nil, fmt.Errorf("chart: font: %w", err)
	}
	return &fonts{regular: regular, bold: bold}, nil
}

func (f *fonts) of(bold bool) *sfnt.Font {
	if bold {
		return f.bold
	}
	return f.regular
}

// glyph returns the glyph of r and how far the next one is from it.
func (f *fonts) glyph(r rune, size float64, bold bool) (g sfnt.GlyphIndex, advance float64) {
	face := f.of(bold)
	g, err := face.GlyphIndex(&f.buf, r)
	if err != nil {
		return 0, 0
	}
	a, err := face.GlyphAdvance(&f.buf, g, fixed.Int26_6(size*64), font.HintingNone)
	if err != nil {
		return 0, 0
	}
	return g, float64(a) / 64
}

// width returns how wide a text is. The fonts of a reader of SVG may be wider.
func (f *fonts) width(text string, size float64, bold bool) float64 {
	w := 0.0
	for _, r := range text {
		_, a := f.glyph(r, size, bold)
		w += a
	}
	return w
}

// fit cuts a text to a width.
func (f *fonts) fit(text string, size float64, bold bool, room float64) string {
	if f.width(text, size, bold) <= room {
		return text
	}
	runes := []rune(text)
	for n := len(runes) - 1; n > 0; n-- {
		if cut := string(runes[:n]) + "…"; f.width(cut, size, bold) <= room {
			return cut
		}
	}
	return ""
}
