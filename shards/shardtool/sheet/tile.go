package sheet

import (
	"fmt"
	"image"

	"github.com/lacuna-ml/lacuna/ingest"
)

// Tile returns the picture of modality i of s alone, for a page that has words of
// its own: no name, no axis, no letter. Of a volume it is the axial plane, with
// the label map over it unless o leaves it out.
func Tile(s *ingest.Sample, i int, o Options) (*image.RGBA, error) {
	if err := s.Check(o.Modalities); err != nil {
		return nil, fmt.Errorf("sheet: %w", err)
	}
	a := s.Inputs[i]
	switch {
	case a.Len() == 0 || a.Data == nil:
		return absentTile(tile, tile), nil
	case len(a.Shape) == 1:
		return waveTile(a.Data), nil
	case len(a.Shape) == 2 && isImage(a.Data):
		return imageTile(a), nil
	case len(a.Shape) == 2:
		return mapTile(a), nil
	case len(a.Shape) == 3:
		v := newVolumes(s, a.Shape)
		p := v.cut[0]
		w, h := v.size(p)
		c := newCanvas(w, h, black)
		p.paint(c, a.Data, newWindow(a.Data, background(s, i)))
		if v.labels != nil && !o.NoOverlay {
			p.overlay(c, v.labels)
		}
		return c.RGBA, nil
	}
	return nil, fmt.Errorf("sheet: sample %s: no picture of the shape %v", s.Key, a.Shape)
}

// background returns what the sample knows to be the background of modality i.
func background(s *ingest.Sample, i int) *float32 {
	if i < len(s.Background) {
		return &s.Background[i]
	}
	return nil
}

// mapTile is the map of [heatTile] without what is around it.
func mapTile(a ingest.Array) *image.RGBA {
	rows, cols := a.Shape[0], a.Shape[1]
	k := cell(rows, cols)
	c := newCanvas(min(cols*k, maxTile), min(rows*k, maxTile), black)
	c.heat(c.Rect, a, newScale(a))
	return c.RGBA
}

// heat fills r with coefficients (rows, from the bottom) over frames (columns).
func (c canvas) heat(r image.Rectangle, a ingest.Array, s scaleRange) {
	rows, cols := a.Shape[0], a.Shape[1]
	w, h := r.Dx(), r.Dy()
	for y := range h {
		row := rows - 1 - y*rows/h
		for x := range w {
			c.SetRGBA(r.Min.X+x, r.Min.Y+y, viridis(s.at(a.Data[row*cols+x*cols/w])))
		}
	}
}

// ColourName names the colour in which class c is laid over a volume.
func ColourName(c uint8) string {
	names := [...]string{"red", "green", "yellow", "light blue", "purple", "orange", "blue"}
	return names[(int(c)+len(names)-1)%len(names)]
}
