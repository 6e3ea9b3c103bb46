package brats

import (
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/ingest/axes"
)

// Tolerances of the comparison of two grids, in voxels of the reference, at the
// corner where they lie furthest apart. float32 quaternions move the corner of a
// volume of 240 voxels by about 1e-4; a header whose affine was printed to four
// decimals moves it by 0.024. A twentieth of a voxel is beyond both, and below
// what any interpolation or label would notice.
const (
	noise     = 0.001
	tolerance = 0.05
)

// grid is where a file's voxels lie.
type grid struct {
	shape  [3]int        // x, y, z
	affine [4][4]float64 // voxel x, y, z to world mm
	known  bool          // whether the header had any geometry
}

// relation is how a grid lies to the reference.
type relation uint8

const (
	exact      relation = iota // the same to the bit
	near                       // within the tolerance
	rearranged                 // within the tolerance after flips and swaps of axes
	different
)

// relate compares g with ref. For rearranged, m is what undoes it. off is the
// distance between the corners furthest apart: in voxels of ref after m for
// near and rearranged; in mm, without any m, for different.
func relate(ref, g grid) (r relation, m axes.Map, off float64) {
	m = axes.Same()
	if ref.shape == g.shape && ref.affine == g.affine {
		return exact, m, 0
	}
	inv, ok := inverse(ref.affine)
	if !ok {
		return different, m, math.Inf(1)
	}
	between := multiply(inv, g.affine) // voxel of g to voxel of ref
	if p, ok := axes.Nearest(between); ok && p.Shape(g.shape) == ref.shape {
		off = cornerDistance(between, p.Affine(g.shape), g.shape)
		switch {
		case !(off <= tolerance): // also where NaN
		case p == axes.Same():
			return near, p, off
		default:
			return rearranged, p, off
		}
	}
	return different, m, cornerDistance(g.affine, ref.affine, g.shape)
}

// cornerDistance returns how far apart a and b send the corner voxels of a
// volume of that shape, at most. Both are affine, so no voxel lies further
// apart than a corner.
func cornerDistance(a, b [4][4]float64, shape [3]int) float64 {
	most := 0.0
	for corner := range 8 {
		var v [3]float64
		for j := range 3 {
			if corner>>j&1 == 1 {
				v[j] = float64(shape[j] - 1)
			}
		}
		sum := 0.0
		for i := range 3 {
			d := a[i][3] - b[i][3]
			for j := range 3 {
				d += (a[i][j] - b[i][j]) * v[j]
			}
			sum += d * d
		}
		if d := math.Sqrt(sum); d > most || math.IsNaN(d) {
			most = d
		}
	}
	return most
}

// inverse returns the inverse of an affine map; ok is false where there is none.
func inverse(m [4][4]float64) (inv [4][4]float64, ok bool) {
	for i := range 3 {
		for j := range 3 {
			// Cofactor of the transposed place; indices mod 3 carry the sign.
			inv[i][j] = m[(j+1)%3][(i+1)%3]*m[(j+2)%3][(i+2)%3] - m[(j+1)%3][(i+2)%3]*m[(j+2)%3][(i+1)%3]
		}
	}
	det := m[0][0]*inv[0][0] + m[0][1]*inv[1][0] + m[0][2]*inv[2][0]
	if det == 0 || math.IsNaN(det) || math.IsInf(det, 0) || math.IsInf(1/det, 0) {
		return inv, false
	}
	for i := range 3 {
		for j := range 3 {
			inv[i][j] /= det
		}
	}
	for i := range 3 {
		for j := range 3 {
			inv[i][3] -= inv[i][j] * m[j][3]
		}
	}
	inv[3][3] = 1
	return inv, true
}

func multiply(a, b [4][4]float64) (c [4][4]float64) {
	for i := range 4 {
		for j := range 4 {
			for k := range 4 {
				c[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return c
}

func formatShape(s [3]int) string { return fmt.Sprintf("%d x %d x %d", s[0], s[1], s[2]) }
