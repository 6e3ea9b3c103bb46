package augment

import (
	"math"
	"math/rand/v2"
)

// bend is a smooth random shift of every place of a plane: along each axis a
// uniform cubic B-spline over knots with independent normal values.
type bend struct {
	cols   int       // knots a row
	perPx  float64   // knots a pixel
	knots  []float32 // of y, then of x, in fixed-point pixels
	lines  []float32 // cols of y, then of x: the knots' rows mixed for one row
	first  []int32   // by pixel of a row: the first of its four knots
	weight [][4]float32
	w      int
}

// splineRMS is the standard deviation, averaged over places, of a cubic B-spline
// in two dimensions with unit normal knots: the integral of B(t)^2, 151/315.
const splineRMS = 151.0 / 315

// draw makes a field for h x w pixels.
func (b *bend) draw(rng *rand.Rand, sd, pxAKnot float64, h, w int) {
	rows, cols := int(float64(h-1)/pxAKnot)+4, int(float64(w-1)/pxAKnot)+4
	b.cols, b.perPx = cols, 1/pxAKnot
	b.knots, b.lines = resize(b.knots, 2*rows*cols), resize(b.lines, 2*cols)
	unit := sd * one / splineRMS
	for i := range b.knots {
		b.knots[i] = float32(unit * rng.NormFloat64())
	}
	b.w = w
	b.first, b.weight = resize(b.first, w), resize(b.weight, w)
	for x := range w {
		f, u := math.Modf(float64(x) * b.perPx)
		b.first[x], b.weight[x] = int32(f), spline(u)
	}
}

// add moves a row's places.
func (b *bend) add(xs, ys []int64, y int) {
	f, u := math.Modf(float64(y) * b.perPx)
	v := spline(u)
	half := len(b.knots) / 2
	for axis := range 2 {
		k := b.knots[axis*half+int(f)*b.cols:]
		line := b.lines[axis*b.cols:][:b.cols]
		for i := range line {
			line[i] = v[0]*k[i] + v[1]*k[b.cols+i] + v[2]*k[2*b.cols+i] + v[3]*k[3*b.cols+i]
		}
	}
	ly, lx := b.lines[:b.cols], b.lines[b.cols:]
	for x := range b.w {
		wt, at := b.weight[x], b.first[x]
		p, q := ly[at:at+4], lx[at:at+4]
		ys[x] += int64(wt[0]*p[0] + wt[1]*p[1] + wt[2]*p[2] + wt[3]*p[3])
		xs[x] += int64(wt[0]*q[0] + wt[1]*q[1] + wt[2]*q[2] + wt[3]*q[3])
	}
}

// spline returns the weights of the uniform cubic B-spline's four knots around a
// place, u of the way from the second to the third.
func spline(u float64) [4]float32 {
	v := 1 - u
	return [4]float32{
		float32(v * v * v / 6),
		float32((3*u*u*u - 6*u*u + 4) / 6),
		float32((3*v*v*v - 6*v*v + 4) / 6),
		float32(u * u * u / 6),
	}
}
