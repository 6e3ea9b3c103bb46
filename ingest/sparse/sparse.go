// Package sparse provides volumes without the air around what they show: a brain
// fills a fifth of its volume, so that most of what is done to one can be done
// in a fifth of the time and memory.
//
// A [Volume] keeps of every row (along x) the voxels from the first to the last
// that is not background; those between are kept whatever they are. Axes are x,
// y, z in the order of a NIfTI file, x fastest; boxes are lo <= x, y, z < hi.
package sparse

import (
	"slices"

	"github.com/lacuna-ml/lacuna/ingest/axes"
)

// Volume is a volume of which a part is kept: as Codes, of whole numbers, or as
// Values; the other is nil. The zero Volume has no voxel. A Volume may be read by
// several goroutines at once.
type Volume struct {
	Shape      [3]int    // x, y, z
	Background float32   // each voxel that is not kept
	Codes      []int16   // those that are, row by row
	Values     []float32 // or these

	rows []span // of all y of all z; nil where all is kept
	base int    // where the places of rows begin
}

// span is the voxels lo <= x < hi of a row, the first of which is kept at base+at.
type span struct {
	lo, hi int32
	at     int
}

// Full returns the volume of the given shape that keeps all of values, the first
// of which is its background. It shares memory with values.
func Full(shape [3]int, values []float32) *Volume {
	return &Volume{Shape: shape, Background: values[0], Values: values}
}

// Pack returns the volume of the given shape and values, the first of which is
// its background, and keeps what it must: as Codes where all values are whole
// numbers that these hold. It shares no memory with values.
func Pack(shape [3]int, values []float32) *Volume {
	coded := !slices.ContainsFunc(values, func(v float32) bool { return float32(int16(v)) != v || v == 0 && 1/v < 0 })
	var b Builder
	b.Start(shape, values[0])
	for row := range slices.Chunk(values, shape[0]) {
		lo, hi := 0, len(row)
		for hi > lo && row[hi-1] == values[0] {
			hi--
		}
		for lo < hi && row[lo] == values[0] {
			lo++
		}
		if coded {
			pick(b.Codes(lo, hi), row, lo, 1)
		} else {
			pick(b.Values(lo, hi), row, lo, 1)
		}
	}
	return b.Volume()
}

// A Builder makes one volume after the other in the same memory. The zero
// Builder is ready.
type Builder struct {
	v      Volume
	codes  []int16
	values []float32
}

// Start begins a volume, whose rows are then added: all y of z = 0, those of
// z = 1, and so on. The one that was made before is no longer valid.
func (b *Builder) Start(shape [3]int, background float32) {
	b.v = Volume{Shape: shape, Background: background, rows: append(b.v.rows[:0], span{})[:0]}
	b.codes, b.values = b.codes[:0], b.values[:0]
}

// Codes adds a row that keeps the voxels lo <= x < hi, and returns their codes,
// to be set before the next. A volume has rows of codes or rows of values.
func (b *Builder) Codes(lo, hi int) []int16 {
	b.v.rows = append(b.v.rows, span{int32(lo), int32(hi), len(b.codes)})
	b.codes = extend(b.codes, hi-lo)
	return b.codes[len(b.codes)-hi+lo:]
}

// Values is Codes for values.
func (b *Builder) Values(lo, hi int) []float32 {
	b.v.rows = append(b.v.rows, span{int32(lo), int32(hi), len(b.values)})
	b.values = extend(b.values, hi-lo)
	return b.values[len(b.values)-hi+lo:]
}

// extend returns s with n more elements. It doubles what is too small, so that
// little memory is touched that is not used in the end.
func extend[T any](s []T, n int) []T {
	if len(s)+n > cap(s) {
		s = slices.Grow(s, max(cap(s), n, 1<<12))
	}
	return s[:len(s)+n]
}

// Volume ends a volume, to which rows of codes or rows of values were added.
func (b *Builder) Volume() *Volume {
	switch {
	case len(b.values) > 0:
		b.v.Values = b.values
	default:
		b.v.Codes = b.codes
	}
	return &b.v
}

// Recode returns v with another background and codes for the voxels that are
// kept, as many. It shares the rest with v.
func (v *Volume) Recode(background int16, codes []int16) *Volume {
	return &Volume{Shape: v.Shape, Background: float32(background), Codes: codes, rows: v.rows, base: v.base}
}

// Len returns the number of voxels, kept or not.
func (v *Volume) Len() int { return v.Shape[0] * v.Shape[1] * v.Shape[2] }

// Kept returns the number of those that are kept.
func (v *Volume) Kept() int { return len(v.Codes) + len(v.Values) }

// Row returns where the voxels of lo <= x < hi of the row y, z are that are kept:
// from x on those n of Codes or Values that begin at the place at.
func (v *Volume) Row(y, z, lo, hi int) (x, at, n int) {
	i := z*v.Shape[1] + y
	from, to, at := 0, v.Shape[0], i*v.Shape[0]
	if v.rows != nil {
		r := &v.rows[i]
		from, to, at = int(r.lo), int(r.hi), r.at-v.base
	}
	x = max(from, lo)
	if to = min(to, hi); x >= to {
		return lo, 0, 0
	}
	return x, at + x - from, to - x
}

// Value returns the voxel that is kept at a place, 0 to Kept.
func (v *Volume) Value(at int) float32 {
	if v.Codes != nil {
		return float32(v.Codes[at])
	}
	return v.Values[at]
}

// At returns the voxel x, y, z.
func (v *Volume) At(x, y, z int) float32 {
	if _, at, n := v.Row(y, z, x, x+1); n > 0 {
		return v.Value(at)
	}
	return v.Background
}

// Place returns x, y, z of the voxel that is kept at a place.
func (v *Volume) Place(at int) (p [3]int) {
	for z := range v.Shape[2] {
		for y := range v.Shape[1] {
			if x, from, n := v.Row(y, z, 0, v.Shape[0]); at < from+n {
				return [3]int{x + at - from, y, z}
			}
		}
	}
	return p
}

// Planes returns the part lo <= z < hi. It shares memory with v.
func (v *Volume) Planes(lo, hi int) *Volume {
	h := v.Shape[1]
	p := &Volume{Shape: [3]int{v.Shape[0], h, hi - lo}, Background: v.Background}
	from, to := lo*h*v.Shape[0], hi*h*v.Shape[0]
	if v.rows != nil {
		place := func(z int) int {
			if z*h < len(v.rows) {
				return v.rows[z*h].at - v.base
			}
			return v.Kept()
		}
		from, to = place(lo), place(hi)
		p.rows, p.base = v.rows[lo*h:hi*h:hi*h], v.base+from
	}
	if v.Codes != nil {
		p.Codes = v.Codes[from:to:to]
	} else {
		p.Values = v.Values[from:to:to]
	}
	return p
}

// Box returns the smallest box that has every voxel other than the background;
// empty, with lo = Shape and hi = 0, where there is none.
func (v *Volume) Box() (lo, hi [3]int) {
	lo = v.Shape
	for z := range v.Shape[2] {
		for y := range v.Shape[1] {
			x, at, n := v.Row(y, z, 0, v.Shape[0])
			for n > 0 && v.Value(at) == v.Background {
				x, at, n = x+1, at+1, n-1
			}
			for n > 0 && v.Value(at+n-1) == v.Background {
				n--
			}
			if n > 0 {
				lo = [3]int{min(lo[0], x), min(lo[1], y), min(lo[2], z)}
				hi = [3]int{max(hi[0], x+n), max(hi[1], y+1), z + 1}
			}
		}
	}
	return lo, hi
}

// Dense returns the voxels of a box within Shape, x fastest, in memory of their
// own.
func (v *Volume) Dense(lo, hi [3]int) []float32 {
	w := max(hi[0]-lo[0], 0)
	dst := make([]float32, w*max(hi[1]-lo[1], 0)*max(hi[2]-lo[2], 0))
	if v.Background != 0 {
		for i := range dst {
			dst[i] = v.Background
		}
	}
	row := dst
	for z := lo[2]; z < hi[2]; z++ {
		for y := lo[1]; y < hi[1]; y++ {
			x, at, n := v.Row(y, z, lo[0], hi[0])
			to := row[x-lo[0]:][:n]
			if v.Codes != nil {
				for i, c := range v.Codes[at : at+n] {
					to[i] = float32(c)
				}
			} else {
				copy(to, v.Values[at:])
			}
			row = row[w:]
		}
	}
	return dst
}

// Turn returns v with its axes as m says. The background stays. It shares no
// memory with v.
func (v *Volume) Turn(m axes.Map) *Volume {
	lo, hi := v.Box()
	size := [3]int{max(hi[0]-lo[0], 0), max(hi[1]-lo[1], 0), max(hi[2]-lo[2], 0)}
	step := [3]int{1, size[0], size[0] * size[1]}
	shape := m.Shape(v.Shape)
	var to, end, by [3]int // the box among the new axes, and steps in src along them
	first := 0
	for a, f := range m.From {
		to[a], end[a], by[a] = lo[f], hi[f], step[f]
		if m.Flip[a] {
			to[a], end[a], by[a] = v.Shape[f]-hi[f], v.Shape[f]-lo[f], -step[f]
			first += (size[f] - 1) * step[f]
		}
	}
	src := v.Dense(lo, hi)
	var b Builder
	b.Start(shape, v.Background)
	for z := range shape[2] {
		for y := range shape[1] {
			x0, x1, at := 0, 0, 0
			if to[2] <= z && z < end[2] && to[1] <= y && y < end[1] {
				x0, x1, at = to[0], end[0], first+(z-to[2])*by[2]+(y-to[1])*by[1]
			}
			if v.Codes != nil {
				pick(b.Codes(x0, x1), src, at, by[0])
			} else {
				pick(b.Values(x0, x1), src, at, by[0])
			}
		}
	}
	return b.Volume()
}

// pick sets dst to the elements of src from at on that are step apart.
func pick[T int16 | float32](dst []T, src []float32, at, step int) {
	for i := range dst {
		dst[i] = T(src[at])
		at += step
	}
}
