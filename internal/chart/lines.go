package chart

import (
	"fmt"
	"math"
	"slices"
)

// Series is values of one name, in one colour.
type Series struct {
	Name      string
	X         []float64 // one a value, or nil for 0, 1, 2...; Bars has no use for it
	Y         []float64
	Low, High []float64 // ends of an error bar, or of a band: one a value each, or nil
}

func (s Series) check(n int) error {
	for _, l := range []struct {
		what string
		n    int
		ok   bool
	}{
		{"places", len(s.X), s.X == nil}, {"lower ends", len(s.Low), s.Low == nil}, {"upper ends", len(s.High), s.High == nil},
	} {
		if l.n != n && !l.ok {
			return fmt.Errorf("series %q: %d values, %d %s", s.Name, n, l.n, l.what)
		}
	}
	if len(s.Y) != n {
		return fmt.Errorf("series %q: %d values, want %d", s.Name, len(s.Y), n)
	}
	if (s.Low == nil) != (s.High == nil) {
		return fmt.Errorf("series %q: one end of its bars only", s.Name)
	}
	return nil
}

func (s Series) x(i int) float64 {
	if s.X == nil {
		return float64(i)
	}
	return s.X[i]
}

// Lines is a line chart.
type Lines struct {
	Title, X, Y   string
	Series        []Series // at least one; X should not fall; a zero one keeps its colour from others
	LogX, LogY    bool
	Smooth        float64 // draws means over the last so much of X, and the values faint below; 0 for none
	Width, Height int     // of the whole, in CSS pixels; 0 means 640 x 360
}

func (c Lines) draw(f *fonts) (*scene, error) {
	if len(c.Series) == 0 {
		return nil, fmt.Errorf("%q: no series", c.Title)
	}
	fr := frame{title: c.Title, x: c.X, y: c.Y, w: c.Width, h: c.Height, logY: c.LogY}
	xs, ys := newSpan(), newSpan()
	whole := true // numbers on the x axis
	for i, s := range c.Series {
		if err := s.check(len(s.Y)); err != nil {
			return nil, fmt.Errorf("%q: %w", c.Title, err)
		}
		if s.Name != "" || s.Y != nil {
			fr.legend = append(fr.legend, key{s.Name, seriesPaint(i), seriesDash(i), stroke})
		}
		for j, y := range s.Y {
			if !has(s.x(j), c.LogX) {
				continue
			}
			whole = whole && s.x(j) == math.Trunc(s.x(j))
			if has(y, c.LogY) {
				xs.add(s.x(j), c.LogX)
			}
			ys.add(y, c.LogY)
			if s.Low != nil {
				ys.add(s.Low[j], c.LogY)
				ys.add(s.High[j], c.LogY)
			}
		}
	}
	fr.ys = ys
	p, err := fr.begin(f)
	if err != nil {
		return nil, err
	}
	p.xAxis(f, xs, c.LogX, whole)
	for i, s := range c.Series {
		p.band(s, i)
	}
	for i, s := range c.Series {
		dash := seriesDash(i)
		raw := p.paths(s, s.Y)
		if c.Smooth > 0 {
			p.trace(raw, op{paint: seriesPaint(i).faded(0.3), width: 1, dash: dash})
			raw = p.paths(s, means(s, c.Smooth))
		}
		p.trace(raw, op{paint: seriesPaint(i), width: 2, dash: dash})
	}
	if xs.empty() {
		p.label(f, op{text: "no values yet", paint: muted, size: 13, anchor: middle,
			at: point{(p.x.from + p.x.to) / 2, (p.y.from + p.y.to) / 2}}, 0)
	}
	return p.scene, nil
}

// xAxis paints the axis of numbers and sets p.x. Where all that is there is whole,
// nothing between whole numbers is marked.
func (p *plot) xAxis(f *fonts, xs span, log, whole bool) {
	p.x.log = log
	s := xs.open(log)
	n := int((p.x.to - p.x.from) / 70)
	marked := s
	if whole && !log && s.hi-s.lo < float64(n) { // else steps are above 1 as they are
		marked = span{math.Floor(s.lo), math.Ceil(s.hi)}
		n = int(marked.hi - marked.lo)
	}
	list, outer := ticks(marked, log, n)
	// Labels of many digits need more room.
	for _, t := range list {
		if w := f.width(t.text, tickSize, false) + 18; w > (p.x.to-p.x.from)/float64(max(n, 1)) {
			n = int((p.x.to - p.x.from) / w)
		}
	}
	list, outer = ticks(marked, log, n)
	p.x.lo, p.x.hi = s.lo, s.hi
	if log && list[0].v < s.lo*(1-1e-9) { // no two ticks within
		p.x.lo, p.x.hi = outer.lo, outer.hi
	}
	edge := math.Inf(-1)
	for _, t := range list {
		if t.v < p.x.lo*(1-1e-12)-1e-300 || t.v > p.x.hi+math.Abs(p.x.hi)*1e-12 {
			continue
		}
		x := p.x.at(t.v)
		w := f.width(t.text, tickSize, false)
		if x-w/2 < edge+8 {
			continue
		}
		edge = x + w/2
		p.line(axis, 1, x, p.y.from, x, p.y.from+4)
		p.label(f, op{text: t.text, paint: muted, size: tickSize, anchor: middle, at: point{x, p.y.from + 17}}, 0)
	}
}

// paths returns the line through values, in pixels, cut where there is none.
func (p *plot) paths(s Series, values []float64) [][]point {
	var lists [][]point
	var part []point
	flush := func() {
		if len(part) > 0 {
			lists = append(lists, thin(part))
		}
		part = nil
	}
	for i, v := range values {
		if !has(v, p.y.log) || !has(s.x(i), p.x.log) {
			flush()
			continue
		}
		part = append(part, point{p.x.at(s.x(i)), p.y.at(v)})
	}
	flush()
	return lists
}

// trace paints lines, and dots where a line has one point.
func (p *plot) trace(lists [][]point, o op) {
	for _, l := range lists {
		if len(l) == 1 {
			p.dot(o.paint, l[0].x, l[0].y, o.width*1.25)
			continue
		}
		o.lines = append(o.lines, l)
	}
	if len(o.lines) > 0 {
		p.ops = append(p.ops, o)
	}
}

// band paints the area between the ends of the error bars.
func (p *plot) band(s Series, i int) {
	if s.Low == nil {
		return
	}
	var there, back []point
	flush := func() {
		if len(there) > 1 {
			there = thin(there)
			back = thin(back)
			slices.Reverse(back)
			p.area(seriesPaint(i).faded(0.18), append(there, back...)...)
		}
		there, back = nil, nil
	}
	for j := range s.Y {
		if !has(s.Low[j], p.y.log) || !has(s.High[j], p.y.log) || !has(s.x(j), p.x.log) {
			flush()
			continue
		}
		x := p.x.at(s.x(j))
		there = append(there, point{x, p.y.at(s.High[j])})
		back = append(back, point{x, p.y.at(s.Low[j])})
	}
	flush()
}

// thin keeps of the points of a pixel's column the first, the least, the greatest
// and the last, which looks the same and bounds the size of the picture.
func thin(line []point) []point {
	out := make([]point, 0, min(len(line), 4096))
	for i := 0; i < len(line); {
		column := math.Floor(line[i].x)
		lo, hi, j := i, i, i
		for ; j < len(line) && math.Floor(line[j].x) == column; j++ {
			if line[j].y < line[lo].y {
				lo = j
			}
			if line[j].y > line[hi].y {
				hi = j
			}
		}
		last := -1
		for _, k := range []int{i, min(lo, hi), max(lo, hi), j - 1} {
			if k > last {
				out = append(out, line[k])
				last = k
			}
		}
		i = j
	}
	return out
}

// means returns for each value the mean of those whose X is at most, and less
// than width below, its own. What is NaN or infinite stays, and counts in no
// mean. X does not fall.
//
// Sums are never taken back, since after a value of 1e30 nothing would be left of
// the others: the window is a head, whose sums from each value to its end are
// kept, and a tail.
func means(s Series, width float64) []float64 {
	type sum struct{ total, n float64 }
	out := make([]float64, len(s.Y))
	head := make([]sum, len(s.Y)+1)
	first, split, tail := 0, 0, sum{}
	for i, v := range s.Y {
		if out[i] = v; !has(v, false) || !has(s.x(i), false) {
			continue
		}
		tail = sum{tail.total + v, tail.n + 1}
		for first < i && !(s.x(first) > s.x(i)-width) {
			first++
		}
		if first >= split {
			split, tail = i+1, sum{}
			head[split] = sum{}
			for j := i; j >= first; j-- {
				head[j] = head[j+1]
				if has(s.Y[j], false) && has(s.x(j), false) {
					head[j] = sum{head[j].total + s.Y[j], head[j].n + 1}
				}
			}
		}
		out[i] = (head[first].total + tail.total) / (head[first].n + tail.n)
	}
	return out
}
