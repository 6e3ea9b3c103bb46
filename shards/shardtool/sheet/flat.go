package sheet

import (
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/lacuna-ml/lacuna/ingest"
)

// isImage reports whether values are intensities as data sets give them, 0 to
// 1. A map of cepstral coefficients never is: its first row is a logarithm of
// energies, far below 0 or far above 1.
func isImage(data []float32) bool {
	for _, v := range data {
		if !(v >= 0 && v <= 1) {
			return false
		}
	}
	return true
}

// cell returns how many pixels a value gets so that the longer side is about a
// tile.
func cell(h, w int) int { return max(tile/max(h, w, 1), 1) }

// imageTile enlarges an image by a whole number; where it is larger than the
// largest tile, it is thinned out.
func imageTile(a ingest.Array) *image.RGBA {
	h, w := a.Shape[0], a.Shape[1]
	k := cell(h, w)
	outW, outH := min(w*k, maxTile), min(h*k, maxTile)
	c := newCanvas(outW, outH, black)
	for y := range outH {
		for x := range outW {
			c.SetRGBA(x, y, grey(float64(a.Data[y*h/outH*w+x*w/outW])))
		}
	}
	return c.RGBA
}

// scaleRange is the range of a map's colours, and whether values lie beyond.
type scaleRange struct {
	lo, hi       float64
	below, above bool
}

// newScale returns the 1st to 99th percentile of rows 1 and up. Row 0 of an
// MFCC is the energy, tens of times the size of the others: a scale that held
// it would show nothing of them.
func newScale(a ingest.Array) scaleRange {
	data := a.Data
	if a.Shape[0] > 2 {
		data = data[a.Shape[1]:]
	}
	vals := slices.DeleteFunc(slices.Clone(data), func(v float32) bool {
		return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0)
	})
	if len(vals) == 0 {
		return scaleRange{}
	}
	slices.Sort(vals)
	r := scaleRange{lo: float64(percentile(vals, 0.01)), hi: float64(percentile(vals, 0.99))}
	for _, v := range a.Data {
		r.below = r.below || float64(v) < r.lo
		r.above = r.above || float64(v) > r.hi
	}
	return r
}

func (r scaleRange) at(v float32) float64 {
	if r.hi > r.lo {
		return (float64(v) - r.lo) / (r.hi - r.lo)
	}
	return 0.5
}

// The margins of a heat map: numbers and a title on the left and below.
const (
	heatLeft   = 4*glyph + 18
	heatBottom = 2 * line
	barWidth   = 14
	barText    = 9 * glyph
)

// heatTile draws coefficients (rows, from the bottom) over frames (columns).
func heatTile(a ingest.Array) *image.RGBA {
	rows, cols := a.Shape[0], a.Shape[1]
	k := cell(rows, cols)
	w, h := min(cols*k, maxTile), min(rows*k, maxTile)
	w, h = max(w, 24), max(h, 2*line)
	r := newScale(a)
	c := newCanvas(heatLeft+w+gap+barWidth+6+barText, h+heatBottom+8, paper)
	const top = 8
	c.heat(image.Rect(heatLeft, top, heatLeft+w, top+h), a, r)
	for _, i := range ticks(rows) {
		y := top + h - (2*i+1)*h/(2*rows)
		c.fill(image.Rect(heatLeft-5, y, heatLeft-1, y+1), faint)
		t := fmt.Sprint(i)
		c.text(heatLeft-8-textWidth(t), y-8, t, faint, false)
	}
	for _, i := range ticks(cols) {
		x := heatLeft + (2*i+1)*w/(2*cols)
		c.fill(image.Rect(x, top+h+1, x+1, top+h+5), faint)
		t := fmt.Sprint(i)
		c.text(x-textWidth(t)/2, top+h+4, t, faint, false)
	}
	c.text(heatLeft+max((w-textWidth("frame"))/2, 0), top+h+line, "frame", faint, false)
	c.upwards(0, top+h/2, "coefficient")
	c.bar(heatLeft+w+gap, top, h, r)
	return c.RGBA
}

// ticks returns the places that are numbered on an axis of n: at most six or
// so, in steps of 1, 2 or 5 times a power of ten.
func ticks(n int) []int {
	step := 1
	for k := 0; (n-1)/step > 5; k++ {
		step = [3]int{1, 2, 5}[k%3] * int(math.Pow10(k/3))
	}
	var out []int
	for i := 0; i < n; i += step {
		out = append(out, i)
	}
	return out
}

// bar draws the colour bar with its ends and middle numbered.
func (c canvas) bar(x, y, h int, r scaleRange) {
	for i := range h {
		col := viridis(1 - float64(i)/float64(max(h-1, 1)))
		c.fill(image.Rect(x, y+i, x+barWidth, y+i+1), col)
	}
	number := func(v float64, mark string, at int) {
		c.text(x+barWidth+4, at, mark+fmt.Sprintf("%.3g", v), faint, false)
	}
	lo, hi := "", ""
	if r.below {
		lo = "< "
	}
	if r.above {
		hi = "> "
	}
	number(r.hi, hi, y-6)
	number((r.lo+r.hi)/2, "", y+h/2-8)
	number(r.lo, lo, y+h-12)
}

// upwards writes s from the bottom to the top, its middle at y.
func (c canvas) upwards(x, y int, s string) {
	flat := newCanvas(textWidth(s), 2*glyph, paper)
	flat.text(0, 0, s, faint, false)
	w, h := flat.Rect.Dx(), flat.Rect.Dy()
	for i := range w {
		for j := range h {
			c.SetRGBA(x+j, y+w/2-i, flat.RGBAAt(i, j))
		}
	}
}

// heatCaption gives the shape, and how many frames are nothing but padding:
// frames at the end whose coefficients are all 0, which no sound gives.
func heatCaption(a ingest.Array) string {
	rows, cols := a.Shape[0], a.Shape[1]
	silent := func(frame int) bool {
		for r := range rows {
			if a.Data[r*cols+frame] != 0 {
				return false
			}
		}
		return true
	}
	pad := 0
	for pad < cols && silent(cols-1-pad) {
		pad++
	}
	s := fmt.Sprintf("%d coefficients x %d frames", rows, cols)
	if pad > 0 {
		s += fmt.Sprintf(", the last %d all 0", pad)
	}
	return s
}

// waveTile draws the least and the greatest value of each pixel's stretch of
// the waveform.
func waveTile(data []float32) *image.RGBA {
	w, h := maxTile, tile/2
	c := newCanvas(w, h, black)
	peak := 0.0
	for _, v := range data {
		if f := math.Abs(float64(v)); f > peak && !math.IsInf(f, 0) {
			peak = f
		}
	}
	if peak == 0 {
		peak = 1
	}
	y := func(v float32) int {
		t := min(max(float64(v)/peak, -1), 1)
		return int(math.Round(float64(h-1) * (1 - t) / 2))
	}
	c.fill(image.Rect(0, h/2, w, h/2+1), hatch)
	for x := range w {
		from := x * len(data) / w
		seg := data[from:max((x+1)*len(data)/w, from+1)]
		c.fill(image.Rect(x, y(slices.Max(seg)), x+1, y(slices.Min(seg))+1), viridis(0.6))
	}
	return c.RGBA
}

func waveCaption(a ingest.Array, rate int) string {
	if rate > 0 {
		return fmt.Sprintf("%d samples at %d Hz, %.3g s", a.Len(), rate, float64(a.Len())/float64(rate))
	}
	return fmt.Sprintf("%d samples", a.Len())
}
