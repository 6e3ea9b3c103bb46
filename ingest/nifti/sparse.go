package nifti

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Sparse is a volume of which every row (along x) is kept from the first to the
// last voxel that differs from the file's first voxel: a brain without the air
// around it, which is four fifths of the voxels. The zero Sparse has none.
type Sparse[T comparable] struct {
	Shape      [3]int // x, y, z
	Background T      // the file's first voxel, and each that is not kept
	Values     []T    // the voxels that are kept, in the order of the file

	rows []span // of all y of all z
	full bool   // whether all voxels are kept, and rows don't count
}

// span is the voxels lo <= x < hi of a row.
type span struct{ lo, hi int32 }

// Recast returns s with another background and other values for those that are
// kept, as many. It shares the rest with s.
func Recast[T, U comparable](s *Sparse[T], background U, values []U) *Sparse[U] {
	return &Sparse[U]{Shape: s.Shape, Background: background, Values: values, rows: s.rows, full: s.full}
}

// The rows that Reader.Sparse takes one by one: shorter ones would cost more
// than they save, longer ones a buffer as large as a header likes.
const (
	minRow = 16       // voxels
	maxRow = 16 << 10 // bytes
)

// Sparse reads the voxels into s as [Reader.Float32] does, whose limit holds for
// the volume as a whole, and reuses the memory of s. Voxels are compared as they
// are stored: those that are not kept are the first one to the bit. Dimensions
// past the third count as more planes. Very short or long rows are kept whole.
func (r *Reader) Sparse(s *Sparse[float32], limit int64) error {
	h, in := r.Header, r.voxels
	n, err := h.count(4, limit)
	if err != nil || in == nil || h.Dim[0] < minRow || h.Dim[0] > maxRow/max(h.Type.Size(), 1) {
		data, err := r.Float32(s.Values, limit)
		if err != nil {
			return err
		}
		*s = Sparse[float32]{Shape: planes(h.Dim), Background: data[0], Values: data, full: true}
		return nil
	}
	r.voxels = nil
	defer in.release()
	convert, err := converter[float32](h)
	if err != nil {
		return err
	}
	*s = Sparse[float32]{Shape: planes(h.Dim), Values: s.Values[:0], rows: s.rows[:0]}
	size := h.Type.Size()
	width := h.Dim[0] * size
	piece, air := make([]byte, width), []byte(nil)
	for total := n / h.Dim[0]; len(s.rows) < total; {
		raw, err := in.units(width, min((total-len(s.rows))*width, chunk), piece)
		if err != nil {
			return in.failVoxels(h, err)
		}
		if air == nil {
			air = bytes.Repeat(raw[:size], h.Dim[0])
			first := make([]float32, 1)
			convert(first, air)
			s.Background = first[0]
		}
		for ; len(raw) > 0; raw = raw[width:] {
			row := differing(raw[:width], air, size)
			at, k := len(s.Values), int(row.hi-row.lo)
			s.Values = slices.Grow(s.Values, k)[:at+k]
			convert(s.Values[at:], raw[int(row.lo)*size:])
			s.rows = append(s.rows, row)
		}
	}
	return in.drain(maxAfter)
}

func planes(dim []int) [3]int {
	shape := [3]int{1, 1, 1}
	for i, n := range dim {
		shape[min(i, 2)] *= n
	}
	return shape
}

// differing returns the smallest span that has every voxel, of size bytes, in
// which the rows a and b differ.
func differing(a, b []byte, size int) span {
	if bytes.Equal(a, b) {
		return span{}
	}
	lo, hi := 0, len(a)
	word := binary.LittleEndian.Uint64
	for hi-lo >= 64 && bytes.Equal(a[lo:lo+64], b[lo:lo+64]) {
		lo += 64
	}
	for hi-lo >= 8 && word(a[lo:]) == word(b[lo:]) {
		lo += 8
	}
	for a[lo] == b[lo] {
		lo++
	}
	for hi-lo >= 64 && bytes.Equal(a[hi-64:hi], b[hi-64:hi]) {
		hi -= 64
	}
	for hi-lo >= 8 && word(a[hi-8:]) == word(b[hi-8:]) {
		hi -= 8
	}
	for a[hi-1] == b[hi-1] {
		hi--
	}
	return span{int32(lo / size), int32((hi + size - 1) / size)}
}

// Len returns the number of voxels, kept or not.
func (s *Sparse[T]) Len() int { return s.Shape[0] * s.Shape[1] * s.Shape[2] }

// run is a span of the row y, z, whose values begin at Values[at].
type run struct {
	span
	y, z, at int
}

// runs yields the spans that keep something.
func (s *Sparse[T]) runs(yield func(run) bool) {
	i, at := 0, 0
	for z := range s.Shape[2] {
		for y := range s.Shape[1] {
			r := span{0, int32(s.Shape[0])}
			if !s.full {
				r = s.rows[i]
			}
			if r.lo < r.hi && !yield(run{r, y, z, at}) {
				return
			}
			at += int(r.hi - r.lo)
			i++
		}
	}
}

// Planes returns the part lo <= z < hi. It shares memory with s.
func (s *Sparse[T]) Planes(lo, hi int) *Sparse[T] {
	p := &Sparse[T]{Shape: [3]int{s.Shape[0], s.Shape[1], hi - lo}, Background: s.Background, full: s.full}
	if !s.full {
		p.rows = s.rows[lo*s.Shape[1] : hi*s.Shape[1]]
	}
	from, to := len(s.Values), len(s.Values)
	for r := range s.runs {
		if r.z >= lo {
			from = min(from, r.at)
		}
		if r.z >= hi {
			to = r.at
			break
		}
	}
	p.Values = s.Values[min(from, to):to:to]
	return p
}

// Box returns the smallest box lo <= x, y, z < hi that has all that is kept;
// empty, with lo = Shape and hi = 0, where nothing is.
func (s *Sparse[T]) Box() (lo, hi [3]int) {
	lo = s.Shape
	for r := range s.runs {
		lo = [3]int{min(lo[0], int(r.lo)), min(lo[1], r.y), min(lo[2], r.z)}
		hi = [3]int{max(hi[0], int(r.hi)), max(hi[1], r.y+1), r.z + 1}
	}
	return lo, hi
}

// Dense returns the voxels of the box lo <= x, y, z < hi within Shape, x
// fastest, in memory of their own.
func (s *Sparse[T]) Dense(lo, hi [3]int) []T {
	w, h := hi[0]-lo[0], hi[1]-lo[1]
	dst := make([]T, w*h*(hi[2]-lo[2]))
	if s.Background != *new(T) {
		for i := range dst {
			dst[i] = s.Background
		}
	}
	for r := range s.runs {
		if r.z < lo[2] || r.z >= hi[2] || r.y < lo[1] || r.y >= hi[1] {
			continue
		}
		from, to := max(int(r.lo), lo[0]), min(int(r.hi), hi[0])
		if from < to {
			copy(dst[((r.z-lo[2])*h+r.y-lo[1])*w+from-lo[0]:], s.Values[r.at+from-int(r.lo):][:to-from])
		}
	}
	return dst
}

// At returns the voxel x, y, z.
func (s *Sparse[T]) At(x, y, z int) T {
	for r := range s.runs {
		if r.y == y && r.z == z && int(r.lo) <= x && x < int(r.hi) {
			return s.Values[r.at+x-int(r.lo)]
		}
	}
	return s.Background
}

// Place returns x, y, z of the voxel that Values[i] is.
func (s *Sparse[T]) Place(i int) (p [3]int) {
	for r := range s.runs {
		if i < r.at+int(r.hi-r.lo) {
			return [3]int{int(r.lo) + i - r.at, r.y, r.z}
		}
	}
	return p
}
