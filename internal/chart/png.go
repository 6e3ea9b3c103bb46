package chart

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"slices"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// paper and pen are the colours of a PNG where an SVG has those of its page.
var (
	paper = color.RGBA{255, 255, 255, 255}
	pen   = color.RGBA{0x1f, 0x23, 0x28, 255}
)

// PNG writes c with density pixels to a pixel of SVG; 2 is sharp on most screens.
func PNG(w io.Writer, c Chart, density int) error {
	if density < 1 || density > 8 {
		return fmt.Errorf("chart: density %d, want 1 to 8", density)
	}
	f, err := newFonts()
	if err != nil {
		return err
	}
	s, err := c.draw(f)
	if err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	k := float64(density)
	img := image.NewRGBA(image.Rect(0, 0, int(math.Ceil(s.w*k)), int(math.Ceil(s.h*k))))
	draw.Draw(img, img.Rect, image.NewUniform(paper), image.Point{}, draw.Src)
	for _, o := range s.ops {
		o.raster(img, f, k)
	}
	if err := png.Encode(w, img); err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	return nil
}

// raster paints the op. All that it consists of becomes one mask, so that what is
// transparent does not show where its parts overlap.
func (o *op) raster(img *image.RGBA, f *fonts, k float64) {
	var m mask
	switch {
	case o.text != "":
		m.text(o, f, k)
	case o.fill != nil:
		for _, l := range o.fill {
			m.polygon(l, k)
		}
	default:
		for _, l := range o.lines {
			for _, part := range dashes(l, o.dash) {
				m.stroke(part, o.width, k)
			}
		}
	}
	c := o.paint.rgb
	if o.paint.ink {
		c = pen
	}
	a := uint8(math.Round(255 * o.paint.alpha))
	m.paint(img, color.NRGBA{c.R, c.G, c.B, a})
}

// mask is outlines in pixels, kept until their bounds are known. Each turns the
// same way, since the rasteriser adds what overlaps.
type mask struct {
	segments []segment
	box      [4]float64 // min x, min y, max x, max y
}

// segment is one of vector.Rasterizer's, of 1 to 3 points: 0 control points begin
// an outline when move is set.
type segment struct {
	move bool
	p    []point
}

func (m *mask) add(move bool, p ...point) {
	if len(m.segments) == 0 {
		m.box = [4]float64{p[0].x, p[0].y, p[0].x, p[0].y}
	}
	for _, q := range p {
		m.box = [4]float64{min(m.box[0], q.x), min(m.box[1], q.y), max(m.box[2], q.x), max(m.box[3], q.y)}
	}
	m.segments = append(m.segments, segment{move, p})
}

func (m *mask) polygon(outline []point, k float64) {
	for i, p := range outline {
		m.add(i == 0, point{p.x * k, p.y * k})
	}
}

// stroke adds the outline of a line: a box for each segment. Where two meet at a
// blunt angle they share their ends, so that nothing overlaps; at a sharp one a
// disc covers the joint.
func (m *mask) stroke(line []point, width, k float64) {
	line = slices.Compact(slices.Clone(line))
	normal := func(i int) point { // of segment i, half the width long
		p, q := line[i], line[i+1]
		d := math.Hypot(q.x-p.x, q.y-p.y) / (width / 2)
		return point{(p.y - q.y) / d, (q.x - p.x) / d}
	}
	// joint returns what leads from point i to the corners of segment j there.
	joint := func(i, j int) (point, bool) {
		n := normal(j)
		if i == 0 || i == len(line)-1 {
			return n, false
		}
		a, b := normal(i-1), normal(i)
		cos := (a.x*b.x + a.y*b.y) / (width * width / 4)
		if cos < 0.5 {
			return n, true
		}
		return point{(a.x + b.x) / (1 + cos), (a.y + b.y) / (1 + cos)}, false
	}
	for i := range len(line) - 1 {
		p, q := line[i], line[i+1]
		a, _ := joint(i, i)
		b, sharp := joint(i+1, i)
		m.polygon([]point{{p.x + a.x, p.y + a.y}, {p.x - a.x, p.y - a.y}, {q.x - b.x, q.y - b.y}, {q.x + b.x, q.y + b.y}}, k)
		if sharp && width > 1 {
			m.polygon(disc(q, width/2), k)
		}
	}
}

// disc returns a polygon of 24 corners.
func disc(c point, r float64) []point {
	const corners = 24
	list := make([]point, corners)
	for i := range list {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		list[i] = point{c.x + r*cos, c.y + r*sin}
	}
	return list
}

// dashes cuts a line into dashes as long as the gaps between them.
func dashes(line []point, length float64) [][]point {
	if length <= 0 {
		return [][]point{line}
	}
	var parts [][]point
	part := line[:1:1]
	left, on := length, true
	for i := 1; i < len(line); i++ {
		p, q := line[i-1], line[i]
		for d := math.Hypot(q.x-p.x, q.y-p.y); d > left; d = math.Hypot(q.x-p.x, q.y-p.y) {
			p = point{p.x + (q.x-p.x)*left/d, p.y + (q.y-p.y)*left/d}
			if on {
				parts = append(parts, append(part, p))
			}
			part, left, on = []point{p}, length, !on
		}
		left -= math.Hypot(q.x-p.x, q.y-p.y)
		part = append(part, q)
	}
	if on {
		parts = append(parts, part)
	}
	return parts
}

// text adds the outlines of the glyphs.
func (m *mask) text(o *op, f *fonts, k float64) {
	sin, cos := math.Sincos(o.turned * math.Pi / 180)
	x := -o.anchor * f.width(o.text, o.size, o.bold)
	place := func(p fixed.Point26_6) point {
		gx, gy := x+float64(p.X)/64/k, float64(p.Y)/64/k
		return point{(o.at.x + gx*cos - gy*sin) * k, (o.at.y + gx*sin + gy*cos) * k}
	}
	for _, r := range o.text {
		g, advance := f.glyph(r, o.size, o.bold)
		segments, err := f.of(o.bold).LoadGlyph(&f.buf, g, fixed.Int26_6(o.size*k*64), nil)
		if err != nil {
			segments = nil // a font without this glyph: its place stays empty
		}
		for _, s := range segments {
			n := 1
			switch s.Op {
			case sfnt.SegmentOpQuadTo:
				n = 2
			case sfnt.SegmentOpCubeTo:
				n = 3
			}
			p := make([]point, n)
			for i := range p {
				p[i] = place(s.Args[i])
			}
			m.add(s.Op == sfnt.SegmentOpMoveTo, p...)
		}
		x += advance
	}
}

// paint fills the outlines with a colour.
func (m *mask) paint(img *image.RGBA, c color.NRGBA) {
	if len(m.segments) == 0 {
		return
	}
	box := image.Rect(int(math.Floor(m.box[0])), int(math.Floor(m.box[1])), int(math.Ceil(m.box[2]))+1, int(math.Ceil(m.box[3]))+1).Intersect(img.Rect)
	if box.Empty() {
		return
	}
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	at := func(p point) (float32, float32) {
		return float32(p.x - float64(box.Min.X)), float32(p.y - float64(box.Min.Y))
	}
	for _, s := range m.segments {
		x1, y1 := at(s.p[0])
		switch {
		case s.move:
			r.ClosePath()
			r.MoveTo(x1, y1)
		case len(s.p) == 1:
			r.LineTo(x1, y1)
		case len(s.p) == 2:
			x2, y2 := at(s.p[1])
			r.QuadTo(x1, y1, x2, y2)
		default:
			x2, y2 := at(s.p[1])
			x3, y3 := at(s.p[2])
			r.CubeTo(x1, y1, x2, y2, x3, y3)
		}
	}
	r.ClosePath()
	r.Draw(img, box, image.NewUniform(c), image.Point{})
}
