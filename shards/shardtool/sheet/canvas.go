package sheet

import (
	"image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/inconsolata"
	"golang.org/x/image/math/fixed"
)

// The sheet's colours: a dark ground, as on a reading room's screen.
var (
	paper  = color.RGBA{0x12, 0x14, 0x18, 0xff}
	ink    = color.RGBA{0xf2, 0xf2, 0xf2, 0xff}
	faint  = color.RGBA{0xa8, 0xae, 0xb8, 0xff}
	ground = color.RGBA{0x26, 0x2a, 0x32, 0xff} // of an absent tile
	hatch  = color.RGBA{0x4c, 0x54, 0x62, 0xff} // of an absent tile
	black  = color.RGBA{0, 0, 0, 0xff}
)

type canvas struct{ *image.RGBA }

func newCanvas(w, h int, bg color.RGBA) canvas {
	c := canvas{image.NewRGBA(image.Rect(0, 0, w, h))}
	c.fill(c.Rect, bg)
	return c
}

func (c canvas) fill(r image.Rectangle, col color.RGBA) {
	draw.Draw(c.RGBA, r, image.NewUniform(col), image.Point{}, draw.Src)
}

func (c canvas) paste(x, y int, img *image.RGBA) {
	draw.Draw(c.RGBA, img.Rect.Add(image.Pt(x, y)), img, img.Rect.Min, draw.Src)
}

func textWidth(s string) int { return glyph * len([]rune(s)) }

// text writes s with its top left corner at x, y.
func (c canvas) text(x, y int, s string, col color.RGBA, bold bool) {
	face := inconsolata.Regular8x16
	if bold {
		face = inconsolata.Bold8x16
	}
	d := font.Drawer{Dst: c.RGBA, Src: image.NewUniform(col), Face: face, Dot: fixed.P(x, y+face.Ascent)}
	d.DrawString(s)
}

// label is text with a dark rim, legible on any picture.
func (c canvas) label(x, y int, s string, col color.RGBA) {
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			c.text(x+dx, y+dy, s, black, true)
		}
	}
	c.text(x, y, s, col, true)
}

// absentTile is what stands for a modality that a sample lacks.
func absentTile(w, h int) *image.RGBA {
	c := newCanvas(w, h, ground)
	for y := range h {
		for x := range w {
			if (x+y)%16 < 2 {
				c.SetRGBA(x, y, hatch)
			}
		}
	}
	const word = "absent"
	x, y := (w-textWidth(word))/2, (h-2*glyph)/2
	if w >= textWidth(word) && h >= 2*glyph {
		c.fill(image.Rect(x-glyph, y-2, x+textWidth(word)+glyph, y+2*glyph+2), ground)
		c.text(x, y, word, ink, true)
	}
	return c.RGBA
}

// textTile says in words what can't be drawn.
func textTile(w, h int, lines ...string) *image.RGBA {
	c := newCanvas(w, h, ground)
	y := (h - line*len(lines)) / 2
	for i, l := range lines {
		c.text(max((w-textWidth(l))/2, 2), y+i*line, l, ink, false)
	}
	return c.RGBA
}
