package brats

import (
	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

// box is the voxels lo <= x, y, z < hi of the reference.
type box struct {
	lo, hi [3]int
	of     [3]int // the shape of the reference
}

func whole(shape [3]int) box { return box{hi: shape, of: shape} }

// box returns what is to be loaded: all, or what [source.LoadBox] promises.
func (l *loader) box(vols []*volume, ref *volume) box {
	if ref == nil {
		return box{}
	}
	all := whole(ref.shape)
	if l.margin < 0 {
		return all
	}
	b := box{lo: ref.shape, of: ref.shape}
	for _, v := range vols {
		if v == nil {
			continue
		}
		if v.background != v.data.Background {
			return all // the corners differ: what was not kept is no background
		}
		lo, hi := v.data.Box()
		for a, from := range v.from {
			if v.flip[a] {
				lo[from], hi[from] = v.shape[from]-hi[from], v.shape[from]-lo[from]
			}
			b.lo[a], b.hi[a] = min(b.lo[a], lo[from]), max(b.hi[a], hi[from])
		}
	}
	for a := range 3 {
		if b.hi[a] <= b.lo[a] {
			return all
		}
		b.lo[a], b.hi[a] = max(b.lo[a]-l.margin, 0), min(b.hi[a]+l.margin, b.of[a])
	}
	return b
}

// shape returns D, H, W.
func (b box) shape() []int {
	return []int{b.hi[2] - b.lo[2], b.hi[1] - b.lo[1], b.hi[0] - b.lo[0]}
}

// locate says in s which box of its volume it is.
func (b box) locate(s *ingest.Sample) {
	if b == whole(b.of) {
		return
	}
	for d := range 3 {
		a := 2 - d
		s.Location.Offset[d] = b.lo[a]
		for w := range 3 {
			s.Affine[w][3] += s.Affine[w][a] * float64(b.lo[a])
		}
	}
}

// corner returns the voxel that is 0, 0, 0 of the reference.
func (v *volume) corner() float32 {
	var at [3]int
	for a, from := range v.from {
		if v.flip[a] {
			at[from] = v.shape[from] - 1
		}
	}
	return v.data.At(at[0], at[1], at[2])
}

// cut returns the box of a volume whose axes lie as m says.
func cut[T comparable](v *nifti.Sparse[T], m axisMap, b box) []T {
	if m.identity() {
		return v.Dense(b.lo, b.hi)
	}
	var lo, hi, shape [3]int // in the file's own axes
	for a, from := range m.from {
		lo[from], hi[from] = b.lo[a], b.hi[a]
		if m.flip[a] {
			lo[from], hi[from] = b.of[a]-b.hi[a], b.of[a]-b.lo[a]
		}
		shape[from] = hi[from] - lo[from]
	}
	return rearrange(v.Dense(lo, hi), shape, m)
}
