// Package axes provides the ways in which the three axes of a volume can be
// swapped and flipped, and finds the one that an affine is nearest to.
package axes

import "math"

// Map says how the axes of one grid lie in another: its axis a is axis From[a]
// of the other, counted from the other end where Flip[a].
type Map struct {
	From [3]int
	Flip [3]bool
}

// Same returns the Map that moves nothing.
func Same() Map { return Map{From: [3]int{0, 1, 2}} }

// Nearest returns how the axes of the space that m leads to lie in the voxels
// x, y, z that it comes from: the permutation with the largest sum of cosines,
// which for the affine of a file are the axes of its voxels that run nearest to
// R, A and S. It reports false where m has no three independent axes, or a NaN.
func Nearest(m [4][4]float64) (near Map, ok bool) {
	var cos [3][3]float64 // voxel axis, world axis
	for v := range 3 {
		norm := math.Hypot(math.Hypot(m[0][v], m[1][v]), m[2][v])
		for w := range 3 {
			cos[v][w] = m[w][v] / norm
		}
	}
	det := cos[0][0]*(cos[1][1]*cos[2][2]-cos[1][2]*cos[2][1]) -
		cos[0][1]*(cos[1][0]*cos[2][2]-cos[1][2]*cos[2][0]) +
		cos[0][2]*(cos[1][0]*cos[2][1]-cos[1][1]*cos[2][0])
	// The volume of three unit vectors: below 1e-6 they lie in a plane to
	// within float32's precision, which is what headers have. NaN fails too.
	if !(math.Abs(det) > 1e-6) {
		return near, false
	}
	most := -1.0
	for _, p := range [...][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		sum := 0.0
		for v, w := range p {
			sum += math.Abs(cos[v][w])
		}
		if sum <= most {
			continue
		}
		most = sum
		for v, w := range p {
			near.From[w], near.Flip[w] = v, cos[v][w] < 0
		}
	}
	return near, true
}

// Shape returns the shape, after m, of a volume of that shape.
func (m Map) Shape(shape [3]int) (out [3]int) {
	for a, f := range m.From {
		out[a] = shape[f]
	}
	return out
}

// Affine returns the map from the voxels of a volume of that shape to those
// after m.
func (m Map) Affine(shape [3]int) (out [4][4]float64) {
	for a, f := range m.From {
		out[a][f] = 1
		if m.Flip[a] {
			out[a][f], out[a][3] = -1, float64(shape[f]-1)
		}
	}
	out[3][3] = 1
	return out
}
