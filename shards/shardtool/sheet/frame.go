package sheet

import (
	"math"

	"github.com/lacuna-ml/lacuna/ingest/axes"
)

// frame says where the anatomical axes are in an array D, H, W: entry 0 runs
// to the patient's left, 1 to posterior, 2 to superior.
type frame struct {
	known  bool
	axis   [3]int     // which of D, H, W it is
	flip   [3]bool    // the array runs the other way
	n      [3]int     // voxels
	stride [3]int     // step in the data, negative where flipped
	base   int        // place of the voxel that is first on all three
	mm     [3]float64 // spacing, 1 where unknown
}

// newFrame finds the axes of an array of that shape by its affine: those nearest.
// Without a usable affine the axes are taken as stored: W to the left, H to
// posterior, D to superior.
func newFrame(shape []int, affine [4][4]float64) frame {
	f := frame{axis: [3]int{2, 1, 0}, mm: [3]float64{1, 1, 1}}
	if near, ok := axes.Nearest(affine); ok {
		f.known = true
		for k, v := range near.From {
			f.axis[k] = 2 - v // x, y, z are W, H, D
			f.mm[k] = math.Hypot(math.Hypot(affine[0][v], affine[1][v]), affine[2][v])
			f.flip[k] = near.Flip[k] != (k < 2) // world runs to right and anterior; we to left and posterior
		}
	}
	step := [3]int{shape[1] * shape[2], shape[2], 1} // of D, H, W
	for k := range 3 {
		f.n[k] = shape[f.axis[k]]
		f.stride[k] = step[f.axis[k]]
		if f.flip[k] {
			f.base += (f.n[k] - 1) * f.stride[k]
			f.stride[k] = -f.stride[k]
		}
	}
	return f
}

// place returns the index along axis k of the array that has index i there.
func (f frame) place(k, i int) int {
	if f.flip[k] {
		return f.n[k] - 1 - i
	}
	return i
}

// plane is a picture's way through an array: pixel u, v is the voxel at
// base + u*du + v*dv.
type plane struct {
	name           string
	base, du, dv   int
	nu, nv         int
	mmU, mmV       float64
	left, right    string // letters at the edges, "" where the axes are not known
	top, bottom    string
	across, number int // the array's axis that the plane cuts, and where
}

// planes returns the axial, coronal and sagittal planes through voxel at,
// given along left, posterior and superior.
func (f frame) planes(at [3]int) [3]plane {
	cut := func(name string, across, u, v int, down bool) plane {
		p := plane{
			name: name, base: f.base + at[across]*f.stride[across],
			du: f.stride[u], dv: f.stride[v], nu: f.n[u], nv: f.n[v], mmU: f.mm[u], mmV: f.mm[v],
			across: f.axis[across], number: f.place(across, at[across]),
		}
		if !down { // superior is up
			p.base += (p.nv - 1) * p.dv
			p.dv = -p.dv
		}
		return p
	}
	axial := cut("axial", 2, 0, 1, true)
	coronal := cut("coronal", 1, 0, 2, false)
	sagittal := cut("sagittal", 0, 1, 2, false)
	if f.known {
		axial.left, axial.right, axial.top, axial.bottom = "R", "L", "A", "P"
		coronal.left, coronal.right, coronal.top, coronal.bottom = "R", "L", "S", "I"
		sagittal.left, sagittal.right, sagittal.top, sagittal.bottom = "A", "P", "S", "I"
	}
	return [3]plane{axial, coronal, sagittal}
}

// centre returns the voxel, along left, posterior and superior, whose planes
// are drawn: the centre of mass of the labelled voxels, moved along an axis to
// the plane with most of them where the centre's own has none; the middle
// without a label.
func (f frame) centre(labels []uint8) [3]int {
	at := [3]int{f.n[0] / 2, f.n[1] / 2, f.n[2] / 2}
	if labels == nil {
		return at
	}
	var counts [3][]int
	for k := range 3 {
		counts[k] = make([]int, f.n[k])
	}
	var sum [3]float64
	total := 0
	for s := range f.n[2] {
		for p := range f.n[1] {
			off := f.base + s*f.stride[2] + p*f.stride[1]
			for l := range f.n[0] {
				if labels[off+l*f.stride[0]] == 0 {
					continue
				}
				total++
				for k, i := range [3]int{l, p, s} {
					counts[k][i]++
					sum[k] += float64(i)
				}
			}
		}
	}
	if total == 0 {
		return at
	}
	for k := range 3 {
		at[k] = int(math.Round(sum[k] / float64(total)))
		if counts[k][at[k]] > 0 {
			continue
		}
		for i, n := range counts[k] {
			if n > counts[k][at[k]] {
				at[k] = i
			}
		}
	}
	return at
}
