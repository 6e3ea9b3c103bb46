package sheet

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"

	"github.com/lacuna-ml/lacuna/ingest"
)

// volumes is what the columns of a sample's volumes share.
type volumes struct {
	shape  []int
	frame  frame
	cut    [3]plane
	pxMM   float64 // pixels a millimetre
	labels []uint8 // nil without a label map
}

func newVolumes(s *ingest.Sample, shape []int) *volumes {
	v := &volumes{shape: shape, frame: newFrame(shape, s.Affine)}
	if slices.Equal(s.Target.Shape, shape) {
		v.labels = s.Target.Data
	}
	v.cut = v.frame.planes(v.frame.centre(v.labels))
	// The longest side is a tile; where that would leave out voxels, it may grow.
	longest, voxels := 0.0, 0
	for k := range 3 {
		longest = max(longest, float64(v.frame.n[k])*v.frame.mm[k])
		voxels = max(voxels, v.frame.n[k])
	}
	v.pxMM = float64(min(max(tile, voxels), maxTile)) / longest
	return v
}

func (v *volumes) fits(shape []int) bool { return slices.Equal(shape, v.shape) }

// size returns a plane's size in pixels. A side is never below 16 pixels, so
// that a single slice of a wide volume can still be seen.
func (v *volumes) size(p plane) (w, h int) {
	return min(max(int(math.Round(float64(p.nu)*p.mmU*v.pxMM)), 16), maxTile),
		min(max(int(math.Round(float64(p.nv)*p.mmV*v.pxMM)), 16), maxTile)
}

func (v *volumes) absent() []part {
	parts := make([]part, len(v.cut))
	for i, p := range v.cut {
		parts[i].img = absentTile(v.size(p))
	}
	return parts
}

// captions name the rows: the plane, its place, and that in the whole volume.
func (v *volumes) captions(s *ingest.Sample) []string {
	names := [3]string{"D", "H", "W"}
	out := make([]string, len(v.cut))
	for i, p := range v.cut {
		name := p.name
		if !v.frame.known {
			name = [3]string{"H x W", "D x W", "D x H"}[i]
		}
		out[i] = fmt.Sprintf("%s, %s %d of %d", name, names[p.across], p.number+1, v.shape[p.across])
		if whole := s.Location.Volume; whole != [3]int{} {
			out[i] += fmt.Sprintf("  (%d of %d in the volume)", s.Location.Offset[p.across]+p.number+1, whole[p.across])
		}
	}
	return out
}

// planes draws modality i of s.
func (v *volumes) planes(s *ingest.Sample, i int, o Options) []part {
	data := s.Inputs[i].Data
	win := newWindow(data, background(s, i))
	labels := v.labels
	if o.NoOverlay {
		labels = nil
	}
	parts := make([]part, len(v.cut))
	for k, p := range v.cut {
		w, h := v.size(p)
		c := newCanvas(w, h, black)
		p.paint(c, data, win)
		if labels != nil {
			p.overlay(c, labels)
		}
		p.letters(c)
		if k == 0 {
			v.scale(c)
		}
		parts[k].img = c.RGBA
	}
	parts[len(parts)-1].caption = win.String()
	return parts
}

// scale draws a bar of round length into the lower left corner of an axial
// plane whose spacing is known.
func (v *volumes) scale(c canvas) {
	if !v.frame.known {
		return
	}
	mm := 0.0
	for _, m := range [...]float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500} {
		if m*v.pxMM <= float64(c.Rect.Dx())/4 {
			mm = m
		}
	}
	n := int(math.Round(mm * v.pxMM))
	text := fmt.Sprintf("%g mm", mm)
	if c.Rect.Dx() < textWidth(text)+3*glyph || c.Rect.Dy() < 4*line || n < 2 {
		return
	}
	y := c.Rect.Dy() - 8
	c.fill(image.Rect(7, y-1, 9+n, y+3), black)
	c.fill(image.Rect(8, y, 8+n, y+2), ink)
	c.label(8, y-18, text, ink)
}

// window maps a volume's values to grey.
type window struct {
	lo, hi     float32
	background float32
	hasBack    bool
	constant   bool
}

// newWindow returns the window from the 1st to the 99th percentile of the
// values that are not background. known is the background if the sample tells
// it.
func newWindow(data []float32, known *float32) window {
	// A hundred thousand values fix a percentile well enough for the eye. The
	// step is odd, so that it doesn't fall in step with a row of 2^n voxels.
	step := len(data)/100_000 | 1
	vals := make([]float32, 0, len(data)/step+1)
	for i := 0; i < len(data); i += step {
		if f := float64(data[i]); !math.IsNaN(f) && !math.IsInf(f, 0) {
			vals = append(vals, data[i])
		}
	}
	if len(vals) == 0 {
		return window{constant: true}
	}
	slices.Sort(vals)
	w := window{constant: vals[0] == vals[len(vals)-1]}
	w.background, w.hasBack = mostCommon(vals)
	// Air lies together and is not the brightest. A clipped maximum is, and the
	// grey values of a coarse scale are scattered.
	w.hasBack = w.hasBack && w.background < vals[len(vals)-1] && together(data, w.background)
	if known != nil {
		w.background, w.hasBack = *known, true
	}
	if w.hasBack {
		vals = slices.DeleteFunc(vals, func(v float32) bool { return v == w.background })
	}
	if len(vals) == 0 {
		return w
	}
	w.lo, w.hi = percentile(vals, 0.01), percentile(vals, 0.99)
	return w
}

// mostCommon returns the value that most of the sorted values have, and whether
// they are more than a twentieth: measured values are not so often the same.
func mostCommon(sorted []float32) (value float32, ok bool) {
	run, best := 0, 0
	for i, v := range sorted {
		if i > 0 && v != sorted[i-1] {
			run = 0
		}
		if run++; run > best {
			best, value = run, v
		}
	}
	return value, best*20 > len(sorted) && best > 1
}

// together reports whether of the voxels of value v four in five are followed by
// another one.
func together(data []float32, v float32) bool {
	n, pairs := 0, 0
	for i := 1; i < len(data); i++ {
		if data[i-1] == v {
			n++
			if data[i] == v {
				pairs++
			}
		}
	}
	return pairs*5 >= n*4
}

// percentile returns the value at part p, 0 to 1, of the sorted values: the
// nearest rank.
func percentile(sorted []float32, p float64) float32 {
	return sorted[int(math.Round(p*float64(len(sorted)-1)))]
}

// at returns the grey, 0 to 1, of a value.
func (w window) at(v float32) float64 {
	switch {
	case w.hasBack && v == w.background:
		return 0
	case w.hi > w.lo:
		return min(max((float64(v)-float64(w.lo))/(float64(w.hi)-float64(w.lo)), 0), 1)
	case v > w.lo:
		return 1
	}
	return 0.5 // there is one value besides the background
}

func (w window) String() string {
	if w.constant {
		return "one value throughout"
	}
	return fmt.Sprintf("window %.4g to %.4g", w.lo, w.hi)
}

// paint draws the plane in greys, linear between voxels.
func (p plane) paint(c canvas, data []float32, win window) {
	cells := make([]float64, p.nu*p.nv)
	for v := range p.nv {
		for u := range p.nu {
			cells[v*p.nu+u] = win.at(data[p.base+u*p.du+v*p.dv])
		}
	}
	w, h := c.Rect.Dx(), c.Rect.Dy()
	for y := range h {
		v0, v1, fv := between(y, h, p.nv)
		for x := range w {
			u0, u1, fu := between(x, w, p.nu)
			top := cells[v0*p.nu+u0]*(1-fu) + cells[v0*p.nu+u1]*fu
			bottom := cells[v1*p.nu+u0]*(1-fu) + cells[v1*p.nu+u1]*fu
			c.SetRGBA(x, y, grey(top*(1-fv)+bottom*fv))
		}
	}
}

// between returns the two cells of n whose centres stand on either side of
// pixel i of size, and how far it is from the first to the second.
func between(i, size, n int) (a, b int, f float64) {
	t := (float64(i)+0.5)*float64(n)/float64(size) - 0.5
	t = min(max(t, 0), float64(n-1))
	a = int(t)
	return a, min(a+1, n-1), t - float64(a)
}

// overlay lays the labels over the plane: a light fill, and an outline of the
// voxels' true edges.
func (p plane) overlay(c canvas, labels []uint8) {
	w, h := c.Rect.Dx(), c.Rect.Dy()
	at := func(x, y int) uint8 {
		if x < 0 || y < 0 || x >= w || y >= h {
			return 0
		}
		return labels[p.base+x*p.nu/w*p.du+y*p.nv/h*p.dv]
	}
	for y := range h {
		for x := range w {
			l := at(x, y)
			if l == 0 {
				continue
			}
			// A pixel at the rim of its class is outline. One pixel wide: inside,
			// so that neighbouring classes keep both lines.
			edge := at(x-1, y) != l || at(x+1, y) != l || at(x, y-1) != l || at(x, y+1) != l
			part := 0.18
			if edge {
				part = 1
			}
			c.SetRGBA(x, y, over(c.RGBAAt(x, y), classColour(l), part))
		}
	}
}

// letters writes which way the patient lies.
func (p plane) letters(c canvas) {
	w, h := c.Rect.Dx(), c.Rect.Dy()
	if p.left == "" || w < 8*glyph || h < 4*line {
		return
	}
	col := color.RGBA{0x9a, 0xd0, 0xff, 0xff}
	c.label(3, h/2-8, p.left, col)
	c.label(w-glyph-3, h/2-8, p.right, col)
	c.label(w/2-4, 2, p.top, col)
	c.label(w/2-4, h-18, p.bottom, col)
}
