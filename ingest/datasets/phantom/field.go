package phantom

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// newRand returns the random numbers of one thing: a function of the seed and
// the thing's name, so that more things never change the ones before.
func newRand(seed uint64, name string) *rand.Rand {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 64), seed)
	h := sha256.Sum256(append(b, name...))
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])))
}

// between returns a uniform draw from lo to hi.
func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// bell returns a normal draw cut at two standard deviations, so that no case
// is absurd.
func bell(r *rand.Rand) float64 { return min(max(r.NormFloat64(), -2), 2) }

// fieldSide is the number of lattice points along each side of a field.
const fieldSide uint = 16

// field is a smooth random function of space with mean 0 and variance near 1:
// a cubic B-spline over a lattice of independent normal values. It repeats
// after fieldSide lattice steps, which no brain is long enough to show for the
// spacings used, but for the finest.
type field struct {
	perMM float64 // lattice steps a millimetre
	v     [fieldSide * fieldSide * fieldSide]float32
}

// newField returns a field whose features are about spacingMM wide.
func newField(r *rand.Rand, spacingMM float64) *field {
	f := &field{perMM: 1 / spacingMM}
	for i := range f.v {
		f.v[i] = float32(r.NormFloat64() / splineSD)
	}
	return f
}

// splineSD is the standard deviation, averaged over space, of a 3-D cubic
// B-spline with unit normal coefficients: (integral of B(t)^2 dt)^(3/2), where
// the integral is 151/315.
const splineSD = 0.3319

// slope is the root mean square of the gradient's length times the spacing:
// sqrt(3 * integral of B'^2 / integral of B^2) with 2/3 and 151/315.
const slope = 2.043

// at returns the field's value at p.
func (f *field) at(p point) float64 {
	ix, wx := spline(p.x * f.perMM)
	iy, wy := spline(p.y * f.perMM)
	iz, wz := spline(p.z * f.perMM)
	var sum float64
	for c := range uint(4) {
		var plane float64
		for b := range uint(4) {
			row := f.v[((iz+c)%fieldSide*fieldSide+(iy+b)%fieldSide)*fieldSide:][:fieldSide:fieldSide]
			var line float64
			for a := range uint(4) {
				line += wx[a] * float64(row[(ix+a)%fieldSide])
			}
			plane += wy[b] * line
		}
		sum += wz[c] * plane
	}
	return sum
}

// sheet returns about how many millimetres p is from the nearest surface on
// which the field is zero.
func (f *field) sheet(p point) float64 { return math.Abs(f.at(p)) / (slope * f.perMM) }

// spline returns the first of the four lattice points around t, and the four
// weights of the uniform cubic B-spline there.
func spline(t float64) (first uint, w [4]float64) {
	fl := math.Floor(t)
	u := t - fl
	v := 1 - u
	w[0] = v * v * v / 6
	w[1] = (3*u*u*u - 6*u*u + 4) / 6
	w[2] = (3*v*v*v - 6*v*v + 4) / 6
	w[3] = u * u * u / 6
	return uint(int(fl)-1) % fieldSide, w // two's complement wraps as fieldSide divides 2^64
}
