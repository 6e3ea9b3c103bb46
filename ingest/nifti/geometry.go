package nifti

import "math"

// maxQuaternOver is how far b²+c²+d² may exceed 1. Rounding three components of
// a unit quaternion to float32 adds less than 4e-7; some writers compute in
// float32 too.
const maxQuaternOver = 1e-5

// halfTurn is how far b²+c²+d² may lie below 1 in NIfTI-1 and still mean a = 0:
// there a is the square root of a difference that float32 has rounded away, and
// without this the half turns of permuted axes would come out bent. It is
// nibabel's bound, 3 float32 epsilons; niftilib's is 1e-7.
const halfTurn = 3.0 / (1 << 23)

// Affine returns the 4 x 4 matrix from voxel to world coordinates; the package's
// doc says which of a header's forms it is.
func (h *Header) Affine() [4][4]float64 {
	m := [4][4]float64{3: {3: 1}}
	switch {
	case h.SformCode > 0:
		copy(m[:3], h.Srow[:])
	case h.QformCode > 0:
		h.qform(&m)
	default:
		z := h.spacing()
		z[0] = -z[0]
		for i := range 3 {
			size := 1
			if i < len(h.Dim) {
				size = h.Dim[i]
			} else {
				z[i] = math.Copysign(1, z[i])
			}
			m[i][i] = z[i]
			m[i][3] = -float64(size-1) / 2 * z[i]
		}
	}
	return m
}

// spacing returns the spatial zooms, corrected as niftilib and nibabel do.
func (h *Header) spacing() (z [3]float64) {
	for i := range z {
		if z[i] = math.Abs(h.PixDim[1+i]); z[i] == 0 {
			z[i] = 1
		}
	}
	return z
}

// Zooms returns the spacing of each dimension, never negative: x, y, z in the
// units of the header, where 0 counts as 1, then time and others.
func (h *Header) Zooms() []float64 {
	z := make([]float64, len(h.Dim))
	s := h.spacing()
	for i := range z {
		if i < 3 {
			z[i] = s[i]
		} else {
			z[i] = math.Abs(h.PixDim[1+i])
		}
	}
	return z
}

// quaternOver returns by how much b²+c²+d² exceeds 1; below 0 where it does not.
func (h *Header) quaternOver() float64 {
	q := h.Quatern
	return q[0]*q[0] + q[1]*q[1] + q[2]*q[2] - 1
}

// qform writes the affine of quaternion, zooms and offset: R * diag(zooms), R
// from "quaternion representation of rotation matrix" in nifti1.h, with a
// quaternion at unit length or a little above normalised (a = 0).
func (h *Header) qform(m *[4][4]float64) {
	b, c, d := h.Quatern[0], h.Quatern[1], h.Quatern[2]
	a := 0.0
	if over := h.quaternOver(); over < 0 && (h.Version == 2 || over <= -halfTurn) {
		a = math.Sqrt(-over)
	} else {
		n := math.Sqrt(1 + over)
		b, c, d = b/n, c/n, d/n
	}
	r := [3][3]float64{
		{a*a + b*b - c*c - d*d, 2 * (b*c - a*d), 2 * (b*d + a*c)},
		{2 * (b*c + a*d), a*a + c*c - b*b - d*d, 2 * (c*d - a*b)},
		{2 * (b*d - a*c), 2 * (c*d + a*b), a*a + d*d - b*b - c*c},
	}
	z := h.spacing()
	if h.PixDim[0] < 0 {
		z[2] = -z[2]
	}
	for i := range 3 {
		for j := range 3 {
			m[i][j] = r[i][j] * z[j]
		}
		m[i][3] = h.QOffset[i]
	}
}

// Orientation returns, for the axes x, y, z of the voxels, the world direction
// that each is nearest to: of R and L, A and P, S and I the one towards which
// the index grows. A BraTS volume is "LPS". An axis without a direction, as a
// singular affine may have, gives "?".
//
// As nibabel's io_orientation: the affine's columns at unit length are replaced
// by the nearest orthogonal matrix, and axes are assigned by the largest
// component, clearest axis first.
func (h *Header) Orientation() string {
	r := columns(h.Affine())
	for j := range 3 {
		if n := norm(r, j); n > 0 {
			for i := range 3 {
				r[i][j] /= n
			}
		}
	}
	r, _ = polar(r)
	out := []byte("???")
	var rowUsed, colUsed [3]bool
	for range 3 {
		bi, bj, best := -1, -1, 1e-8 // below that a component is no direction
		for j := range 3 {
			for i := range 3 {
				if v := math.Abs(r[i][j]); !rowUsed[i] && !colUsed[j] && v > best {
					bi, bj, best = i, j, v
				}
			}
		}
		if bi < 0 {
			break
		}
		rowUsed[bi], colUsed[bj] = true, true
		letters := "RAS"
		if r[bi][bj] < 0 {
			letters = "LPI"
		}
		out[bj] = letters[bi]
	}
	return string(out)
}

// NewHeader returns a header for voxels of the given sizes (x first) with the
// affine as sform, and as qform too where that can express it: a sheared affine
// has no qform, nor has one so close to a half turn about an oblique axis that
// NIfTI-1's float32 quaternion would bend it. The codes are 2, "aligned". Spacing of x, y, z comes from
// the affine, that of further dimensions is 1; units are mm and s.
//
// To write an image in the geometry of another, take that one's header as it
// is, or a copy with another Dim.
func NewHeader(dim []int, affine [4][4]float64) *Header {
	h := &Header{Version: 1, Dim: dim, Type: Float32, Units: 2 | 8, SformCode: 2}
	copy(h.Srow[:], affine[:3])
	for i := range h.PixDim {
		h.PixDim[i] = 1
	}
	r := columns(affine)
	for j := range 3 {
		n := norm(r, j)
		if n == 0 {
			return h
		}
		h.PixDim[1+j] = n
		for i := range 3 {
			r[i][j] /= n
		}
	}
	r, ok := polar(r)
	if !ok {
		return h
	}
	if det(r) < 0 {
		h.PixDim[0] = -1
		for i := range 3 {
			r[i][2] = -r[i][2]
		}
	}
	for i, v := range quaternion(r) {
		h.Quatern[i] = float64(float32(v))
		h.QOffset[i] = affine[i][3]
	}
	var q [4][4]float64
	h.qform(&q)
	for i := range 3 {
		for j := range 3 {
			// Over a thousand voxels that is a tenth of one.
			if !(math.Abs(q[i][j]-affine[i][j]) <= 1e-4*h.PixDim[1+j]) {
				return h
			}
		}
	}
	h.QformCode = 2
	return h
}

// quaternion returns b, c, d of the rotation r, with a >= 0. The largest of the
// four squares is found first, so that nothing small is divided by.
func quaternion(r [3][3]float64) [3]float64 {
	aa := 1 + r[0][0] + r[1][1] + r[2][2]
	bb := 1 + r[0][0] - r[1][1] - r[2][2]
	cc := 1 - r[0][0] + r[1][1] - r[2][2]
	dd := 1 - r[0][0] - r[1][1] + r[2][2]
	var a, b, c, d float64
	switch max(aa, bb, cc, dd) {
	case aa:
		a = math.Sqrt(aa) / 2
		b, c, d = (r[2][1]-r[1][2])/(4*a), (r[0][2]-r[2][0])/(4*a), (r[1][0]-r[0][1])/(4*a)
	case bb:
		b = math.Sqrt(bb) / 2
		a, c, d = (r[2][1]-r[1][2])/(4*b), (r[0][1]+r[1][0])/(4*b), (r[0][2]+r[2][0])/(4*b)
	case cc:
		c = math.Sqrt(cc) / 2
		a, b, d = (r[0][2]-r[2][0])/(4*c), (r[0][1]+r[1][0])/(4*c), (r[1][2]+r[2][1])/(4*c)
	default:
		d = math.Sqrt(dd) / 2
		a, b, c = (r[1][0]-r[0][1])/(4*d), (r[0][2]+r[2][0])/(4*d), (r[1][2]+r[2][1])/(4*d)
	}
	if a < 0 {
		b, c, d = -b, -c, -d
	}
	return [3]float64{b, c, d}
}

// polar returns the orthogonal matrix nearest to m by Newton's iteration
// (Higham 1986), X <- (X + X^-T) / 2, and whether there is one; a singular m
// comes back as it was. Columns are expected at unit length.
func polar(m [3][3]float64) ([3][3]float64, bool) {
	x := m
	for range 60 {
		d := det(x)
		if !(math.Abs(d) > 1e-12) {
			return m, false
		}
		change := 0.0
		next := x
		for i := range 3 {
			for j := range 3 {
				i1, i2, j1, j2 := (i+1)%3, (i+2)%3, (j+1)%3, (j+2)%3
				cof := x[i1][j1]*x[i2][j2] - x[i1][j2]*x[i2][j1]
				next[i][j] = (x[i][j] + cof/d) / 2
				change = max(change, math.Abs(next[i][j]-x[i][j]))
			}
		}
		if x = next; change < 1e-14 {
			break
		}
	}
	return x, true
}

func det(m [3][3]float64) float64 {
	return m[0][0]*(m[1][1]*m[2][2]-m[1][2]*m[2][1]) -
		m[0][1]*(m[1][0]*m[2][2]-m[1][2]*m[2][0]) +
		m[0][2]*(m[1][0]*m[2][1]-m[1][1]*m[2][0])
}

func columns(m [4][4]float64) (r [3][3]float64) {
	for i := range 3 {
		copy(r[i][:], m[i][:3])
	}
	return r
}

func norm(m [3][3]float64, j int) float64 {
	return math.Sqrt(m[0][j]*m[0][j] + m[1][j]*m[1][j] + m[2][j]*m[2][j])
}
