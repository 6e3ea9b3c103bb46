package sheet

import (
	"image/color"
	"math"
)

// classColour returns the colour of a class. The first seven are the palette
// of Okabe and Ito (2008), told apart by the colour-blind too, in an order that
// gives the classes of tumours the hues readers know: core red, oedema green,
// enhancing yellow.
func classColour(c uint8) color.RGBA {
	list := [...]color.RGBA{
		{0xd5, 0x5e, 0x00, 0xff}, // vermilion
		{0x00, 0xb0, 0x80, 0xff}, // bluish green, a little lighter for dark ground
		{0xf0, 0xe4, 0x42, 0xff}, // yellow
		{0x56, 0xb4, 0xe9, 0xff}, // sky blue
		{0xcc, 0x79, 0xa7, 0xff}, // reddish purple
		{0xe6, 0x9f, 0x00, 0xff}, // orange
		{0x00, 0x72, 0xb2, 0xff}, // blue
	}
	return list[(int(c)+len(list)-1)%len(list)]
}

// viridis returns the colour at t, 0 to 1, of a scale whose lightness rises
// evenly from dark violet through teal to yellow, as in Matplotlib's viridis:
// linear between nine of its points.
func viridis(t float64) color.RGBA {
	points := [...][3]float64{
		{68, 1, 84}, {71, 44, 122}, {59, 81, 139}, {44, 113, 142}, {33, 144, 141},
		{39, 173, 129}, {92, 200, 99}, {170, 220, 50}, {253, 231, 37},
	}
	if !(t > 0) { // NaN too
		t = 0
	}
	t = min(t, 1) * float64(len(points)-1)
	i := min(int(t), len(points)-2)
	f := t - float64(i)
	mix := func(k int) uint8 { return uint8(math.Round(points[i][k]*(1-f) + points[i+1][k]*f)) }
	return color.RGBA{mix(0), mix(1), mix(2), 0xff}
}

func grey(t float64) color.RGBA {
	if !(t > 0) {
		t = 0
	}
	v := uint8(math.Round(255 * min(t, 1)))
	return color.RGBA{v, v, v, 0xff}
}

// over mixes a part, 0 to 1, of top into bottom.
func over(bottom, top color.RGBA, part float64) color.RGBA {
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-part) + float64(b)*part)) }
	return color.RGBA{mix(bottom.R, top.R), mix(bottom.G, top.G), mix(bottom.B, top.B), 0xff}
}
