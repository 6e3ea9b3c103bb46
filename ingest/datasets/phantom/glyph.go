package phantom

import (
	"math"
	"math/rand/v2"
)

// side is the width and height of a drawn digit in pixels, as in MNIST.
const side = 28

// margin is how near to the border the middle of a stroke comes, in pixels.
const margin = 3

// pen is a place on paper: x to the right, y down, the digit's box from -1 to 1
// high and -0.7 to 0.7 wide.
type pen struct{ x, y float64 }

// strokes returns the lines of a digit: each the control points of a smooth
// curve through them all. Digits that people write in two ways have both.
func strokes(digit int, r *rand.Rand) [][]pen {
	other := r.Float64() < 0.35
	switch digit {
	case 0:
		return [][]pen{{{0.1, -1}, {-0.45, -0.75}, {-0.62, 0}, {-0.42, 0.75}, {0, 1}, {0.42, 0.75}, {0.62, 0}, {0.45, -0.75}, {0.05, -1}}}
	case 1:
		if other {
			return [][]pen{{{-0.35, -0.6}, {-0.1, -0.8}, {0.05, -1}}, {{0.05, -1}, {0.05, 0}, {0.05, 1}}}
		}
		return [][]pen{{{0.08, -1}, {0.03, 0}, {-0.05, 1}}}
	case 2:
		return [][]pen{{{-0.55, -0.6}, {-0.25, -0.95}, {0.25, -0.95}, {0.52, -0.55}, {0.3, -0.05}, {-0.2, 0.5}, {-0.6, 0.95}}, {{-0.6, 0.95}, {0, 0.93}, {0.62, 0.95}}}
	case 3:
		return [][]pen{{{-0.5, -0.8}, {0, -1}, {0.45, -0.75}, {0.35, -0.3}, {-0.1, -0.05}}, {{-0.1, -0.05}, {0.4, 0.1}, {0.55, 0.5}, {0.2, 0.95}, {-0.25, 0.97}, {-0.55, 0.75}}}
	case 4:
		if other {
			return [][]pen{{{0.3, -1}, {-0.15, -0.4}, {-0.62, 0.3}}, {{-0.62, 0.3}, {0, 0.3}, {0.65, 0.3}}, {{0.3, -1}, {0.3, 0}, {0.3, 1}}}
		}
		return [][]pen{{{-0.5, -1}, {-0.55, -0.5}, {-0.5, 0}}, {{-0.5, 0}, {0, 0.02}, {0.5, -0.02}}, {{0.48, -1}, {0.45, 0}, {0.4, 1}}}
	case 5:
		return [][]pen{{{0.55, -0.97}, {0, -0.95}, {-0.4, -0.95}}, {{-0.4, -0.95}, {-0.46, -0.55}, {-0.5, -0.12}}, {{-0.5, -0.12}, {0, -0.25}, {0.45, 0.05}, {0.5, 0.5}, {0.15, 0.93}, {-0.3, 0.95}, {-0.58, 0.75}}}
	case 6:
		return [][]pen{{{0.35, -1}, {-0.2, -0.6}, {-0.52, 0.05}, {-0.5, 0.6}, {-0.1, 0.98}, {0.4, 0.8}, {0.5, 0.35}, {0.15, 0.02}, {-0.25, 0.15}, {-0.48, 0.5}}}
	case 7:
		s := [][]pen{{{-0.58, -0.9}, {0, -0.93}, {0.58, -0.92}}, {{0.58, -0.92}, {0.2, -0.1}, {-0.15, 1}}}
		if other {
			s = append(s, []pen{{-0.25, 0.02}, {0.1, 0}, {0.45, -0.02}})
		}
		return s
	case 8:
		return [][]pen{{{0.05, -0.02}, {-0.42, -0.4}, {-0.35, -0.85}, {0.05, -1}, {0.42, -0.8}, {0.4, -0.42}, {0, -0.02}, {-0.48, 0.4}, {-0.4, 0.85}, {0, 1}, {0.45, 0.82}, {0.48, 0.4}, {0.05, -0.02}}}
	default:
		return [][]pen{{{0.42, -0.55}, {0.1, -0.97}, {-0.35, -0.82}, {-0.45, -0.4}, {-0.1, -0.1}, {0.3, -0.25}, {0.45, -0.6}}, {{0.45, -0.6}, {0.43, 0.1}, {0.25, 1}}}
	}
}

// drawDigit returns a digit as a hand might write it: white ink on black,
// side x side, in a box of about 20 pixels in the middle, as MNIST's.
func drawDigit(digit int, r *rand.Rand) []uint8 {
	lines := strokes(digit, r)
	turn, shear := 0.14*bell(r), 0.06+0.18*bell(r)
	wide, high := 8.8*(1+0.17*bell(r)), 8.8*(1+0.09*bell(r))
	dx, dy := bell(r), bell(r)
	sin, cos := math.Sincos(turn)
	for _, line := range lines {
		for i, p := range line {
			x := p.x + 0.08*bell(r) - shear*p.y
			y := p.y + 0.08*bell(r)
			// The margin keeps the widest pen off the border, as in MNIST.
			line[i] = pen{
				min(max((side-1)/2.0+dx+wide*(x*cos-y*sin), margin), side-1-margin),
				min(max((side-1)/2.0+dy+high*(x*sin+y*cos), margin), side-1-margin),
			}
		}
	}
	radius, ink := between(r, 0.85, 1.55), between(r, 225, 255)
	var trace []pen
	for _, line := range lines {
		trace = appendCurve(trace, line)
	}
	near := distances(trace)
	img := make([]uint8, side*side)
	for i, d := range near {
		// A soft edge, 1.3 pixels wide, and ink that is not quite even.
		img[i] = uint8(ink * soft(radius-d, 0.65) * (1 - 0.05*r.Float64()))
	}
	return img
}

// distances returns each pixel's distance to the nearest point of the trace,
// or some number above 3 for those further away than any pen is wide.
func distances(trace []pen) []float64 {
	near := make([]float64, side*side)
	for i := range near {
		near[i] = side
	}
	for _, p := range trace {
		x0, y0 := max(int(p.x)-3, 0), max(int(p.y)-3, 0)
		for y := y0; y < min(y0+8, side); y++ {
			for x := x0; x < min(x0+8, side); x++ {
				dx, dy := p.x-float64(x), p.y-float64(y)
				near[y*side+x] = min(near[y*side+x], math.Sqrt(dx*dx+dy*dy))
			}
		}
	}
	return near
}

// appendCurve appends points, about a third of a pixel apart for a digit of this
// size, along the Catmull-Rom curve through the line's points.
func appendCurve(dst, line []pen) []pen {
	const steps = 14
	at := func(i int) pen { return line[min(max(i, 0), len(line)-1)] }
	for i := range len(line) - 1 {
		a, b, c, d := at(i-1), at(i), at(i+1), at(i+2)
		for k := range steps {
			t := float64(k) / steps
			dst = append(dst, pen{catmullRom(a.x, b.x, c.x, d.x, t), catmullRom(a.y, b.y, c.y, d.y, t)})
		}
	}
	return append(dst, line[len(line)-1])
}

// catmullRom returns the curve from b (t = 0) to c (t = 1) whose slopes there
// are those of the chords a-c and b-d.
func catmullRom(a, b, c, d, t float64) float64 {
	return b + t*(c-a)/2 + t*t*(a-2.5*b+2*c-d/2) + t*t*t*((d-a)/2+1.5*(b-c))
}
