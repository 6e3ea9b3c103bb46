package chart

import (
	"cmp"
	"errors"
	"fmt"
	"math"
)

// Bars is a bar chart: a group of bars, one a series, at each label.
type Bars struct {
	Title, X, Y   string
	Labels        []string
	Series        []Series // Y, Low and High are one a label
	Points        bool     // draws points, on an axis that need not begin at 0
	Width, Height int      // of the whole, in CSS pixels; 0 means 640 x 360
}

func (c Bars) draw(f *fonts) (*scene, error) {
	if len(c.Labels) == 0 || len(c.Series) == 0 {
		return nil, fmt.Errorf("%q: no bars", c.Title)
	}
	fr := frame{title: c.Title, x: c.X, y: c.Y, w: c.Width, h: c.Height, ys: newSpan()}
	kind := disk
	if !c.Points {
		fr.ys.add(0, false)
		kind = block
	} else {
		fr.rim = 6 // for the end of an error bar, which would hide in the axis
	}
	for i, s := range c.Series {
		err := s.check(len(c.Labels))
		if s.X != nil {
			err = errors.Join(err, fmt.Errorf("series %q: bars have no X", s.Name))
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", c.Title, err)
		}
		fr.legend = append(fr.legend, key{name: s.Name, paint: seriesPaint(i), mark: kind})
		for j, y := range s.Y {
			fr.ys.add(y, false)
			if s.Low != nil {
				fr.ys.add(s.Low[j], false)
				fr.ys.add(s.High[j], false)
			}
		}
	}
	// The labels lie flat where they fit, and slant where not.
	widest := 0.0
	for _, l := range c.Labels {
		widest = max(widest, f.width(l, tickSize, false)*slack)
	}
	room := (float64(cmp.Or(c.Width, 640)) - 80) / float64(len(c.Labels))
	slant := widest > room-6
	if slant {
		widest = min(widest, 130)
		fr.bottom = 12 + widest*math.Sin(slope*math.Pi/180) + 8
	}
	p, err := fr.begin(f)
	if err != nil {
		return nil, err
	}
	p.x.lo, p.x.hi = 0, float64(len(c.Labels))
	every := 1
	if slant { // each takes its height along the axis
		every = int(math.Ceil(14 / math.Sin(slope*math.Pi/180) / (p.x.at(1) - p.x.at(0))))
	}
	for j, l := range c.Labels {
		if j%every == 0 {
			p.barLabel(f, l, point{p.x.at(float64(j) + 0.5), p.y.from + fr.rim}, slant)
		}
		for i, s := range c.Series {
			c.bar(p, s, i, j)
		}
	}
	return p.scene, nil
}

// slope is the degrees by which labels slant.
const slope = 35

// barLabel paints what stands below a place of the axis.
func (p *plot) barLabel(f *fonts, text string, below point, slant bool) {
	o := op{text: text, paint: muted, size: tickSize, anchor: middle, at: point{below.x, below.y + 17}}
	room := 0.0
	if slant {
		o.anchor, o.turned, o.at = end, -slope, point{below.x + 4, below.y + 14}
		room = min(130, (below.x-4)/math.Cos(slope*math.Pi/180)) / slack
	}
	p.label(f, o, room)
}

// bar paints the bar of series i at label j.
func (c Bars) bar(p *plot, s Series, i, j int) {
	const share = 0.76 // of a group, the rest is between groups
	n := float64(len(c.Series))
	group := p.x.at(1) - p.x.at(0)
	w := min(group*share/n, 48)
	x := p.x.at(float64(j)+0.5) + (float64(i)-n/2)*w
	y := s.Y[j]
	if !has(y, false) {
		return
	}
	if c.Points {
		p.dot(seriesPaint(i), x+w/2, p.y.at(y), 4)
	} else {
		gap := min(2, w/8)
		p.rect(seriesPaint(i), x+gap/2, min(p.y.at(y), p.y.at(0)), w-gap, math.Abs(p.y.at(y)-p.y.at(0)))
	}
	if s.Low == nil || !has(s.Low[j], false) || !has(s.High[j], false) {
		return
	}
	lo, hi := p.y.at(s.Low[j]), p.y.at(s.High[j])
	cap := min(4, w/4)
	paint := ink
	if c.Points {
		paint = seriesPaint(i)
	}
	p.ops = append(p.ops, op{paint: paint, width: 1.5, lines: [][]point{
		{{x + w/2, lo}, {x + w/2, hi}}, {{x + w/2 - cap, lo}, {x + w/2 + cap, lo}}, {{x + w/2 - cap, hi}, {x + w/2 + cap, hi}},
	}})
}
