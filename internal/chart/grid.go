package chart

import (
	"cmp"
	"errors"
)

// Grid is charts side by side, row by row. Rows are as high, and columns as wide,
// as their largest chart.
type Grid struct {
	Columns int // 0 means 2
	Charts  []Chart
}

func (g Grid) draw(f *fonts) (*scene, error) {
	if len(g.Charts) == 0 {
		return nil, errors.New("a grid of no charts")
	}
	columns := min(cmp.Or(g.Columns, 2), len(g.Charts))
	parts := make([]*scene, len(g.Charts))
	widths := make([]float64, columns)
	heights := make([]float64, (len(parts)+columns-1)/columns)
	for i, c := range g.Charts {
		var err error
		if parts[i], err = c.draw(f); err != nil {
			return nil, err
		}
		widths[i%columns] = max(widths[i%columns], parts[i].w)
		heights[i/columns] = max(heights[i/columns], parts[i].h)
	}
	s := &scene{}
	for i, p := range parts {
		if i%columns == 0 {
			s.w = 0
		}
		s.put(p, s.w, s.h)
		s.w += widths[i%columns]
		if i%columns == columns-1 || i == len(parts)-1 {
			s.h += heights[i/columns]
		}
		if i > 0 {
			s.title += "; "
		}
		s.title += p.title
	}
	s.w = 0
	for _, w := range widths {
		s.w += w
	}
	return s, nil
}
