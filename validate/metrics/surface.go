package metrics

import (
	"math"
	"slices"
)

// HD95 returns the 95 % Hausdorff distance, in mm, of a predicted and a true
// mask on one grid: the larger of the two directions' 95th percentiles. A
// direction's distances are those of each surface voxel of one mask to the
// nearest of the other, from centre to centre; a surface voxel is one of the
// mask with one of its six neighbours outside of it, or outside of the grid. The
// percentile is interpolated linearly between order statistics, at 0.95 (n-1).
//
// It panics where a mask does not fit the grid. Memory beyond the masks is 9
// bytes a voxel of the smallest box that holds both, and 8 a surface voxel.
func HD95(pred, truth []bool, g Grid, e Empty) float64 {
	g.check(len(pred), len(truth))
	f := newFaces(pred, truth, g)
	if f.count[0] == 0 || f.count[1] == 0 {
		_, hd95 := e.scores(f.count[0], f.count[1])
		return hd95
	}
	square := make([]float64, len(f.marks))
	far := func(from, to uint8) float64 {
		d := f.squares(from, to, square)
		for i, v := range d {
			d[i] = math.Sqrt(v)
		}
		slices.Sort(d)
		return quantile(d, 0.95)
	}
	return max(far(onPred, onTruth), far(onTruth, onPred))
}

// The marks of a voxel: whose surface it is on.
const (
	onPred uint8 = 1 << iota
	onTruth
)

// faces are the surfaces of two masks within the smallest box that holds both.
type faces struct {
	size   [3]int
	weight [3]float64 // squared spacing
	marks  []uint8    // by voxel of the box
	count  [2]int     // voxels of the masks
}

// newFaces finds the surfaces of two masks.
func newFaces(pred, truth []bool, g Grid) *faces {
	f := &faces{}
	lo, hi := f.bound(pred, truth, g.Shape)
	for d := range 3 {
		f.size[d] = max(hi[d]-lo[d], 0)
		f.weight[d] = g.Spacing[d] * g.Spacing[d]
	}
	f.marks = make([]uint8, f.size[0]*f.size[1]*f.size[2])
	f.mark(pred, onPred, g.Shape, lo, hi)
	f.mark(truth, onTruth, g.Shape, lo, hi)
	return f
}

// bound returns the box lo <= v < hi, and counts the voxels of the masks.
func (f *faces) bound(pred, truth []bool, shape [3]int) (lo, hi [3]int) {
	lo = shape
	for z := range shape[0] {
		for y := range shape[1] {
			at := (z*shape[1] + y) * shape[2]
			p, t := pred[at:at+shape[2]], truth[at:at+shape[2]]
			first, last := -1, -1
			for x, v := range p {
				if v || t[x] {
					if first < 0 {
						first = x
					}
					last = x
					f.count[0] += toInt(v)
					f.count[1] += toInt(t[x])
				}
			}
			if first < 0 {
				continue
			}
			lo = [3]int{min(lo[0], z), min(lo[1], y), min(lo[2], first)}
			hi = [3]int{max(hi[0], z+1), max(hi[1], y+1), max(hi[2], last+1)}
		}
	}
	return lo, hi
}

// mark marks the surface of m, which has no voxel outside of the box.
func (f *faces) mark(m []bool, bit uint8, shape, lo, hi [3]int) {
	plane, row := shape[1]*shape[2], shape[2]
	to := 0
	for z := lo[0]; z < hi[0]; z++ {
		for y := lo[1]; y < hi[1]; y++ {
			edge := z == 0 || z == shape[0]-1 || y == 0 || y == shape[1]-1
			from := z*plane + y*row + lo[2]
			for x := lo[2]; x < hi[2]; x++ {
				if m[from] && (edge || x == 0 || x == shape[2]-1 ||
					!m[from-1] || !m[from+1] || !m[from-row] || !m[from+row] || !m[from-plane] || !m[from+plane]) {
					f.marks[to] |= bit
				}
				from++
				to++
			}
		}
	}
}
