package sparse_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest/axes"
	"github.com/lacuna-ml/lacuna/ingest/sparse"
)

// dense is the plain form of a volume, x fastest.
type dense struct {
	shape [3]int
	data  []float32
}

func (d dense) at(x, y, z int) float32 { return d.data[(z*d.shape[1]+y)*d.shape[0]+x] }

// box calls f with every voxel lo <= x, y, z < hi.
func (d dense) box(lo, hi [3]int, f func(x, y, z int, v float32)) {
	for z := lo[2]; z < hi[2]; z++ {
		for y := lo[1]; y < hi[1]; y++ {
			for x := lo[0]; x < hi[0]; x++ {
				f(x, y, z, d.at(x, y, z))
			}
		}
	}
}

func (d dense) cut(lo, hi [3]int) (out []float32) {
	d.box(lo, hi, func(_, _, _ int, v float32) { out = append(out, v) })
	return out
}

// draw returns air with some else in it, of whole numbers or of fractions.
func draw(t *rapid.T) dense {
	var d dense
	n := 1
	for i := range d.shape {
		d.shape[i] = rapid.IntRange(1, 9).Draw(t, "shape")
		n *= d.shape[i]
	}
	unit := rapid.SampledFrom([]float32{1, 0.25, 1e6}).Draw(t, "unit")
	d.data = slices.Repeat([]float32{unit * float32(rapid.IntRange(-1, 1).Draw(t, "air"))}, n)
	for range rapid.IntRange(0, 12).Draw(t, "n") {
		d.data[rapid.IntRange(0, n-1).Draw(t, "at")] = unit * float32(rapid.IntRange(-9, 9).Draw(t, "value"))
	}
	return d
}

// TestVolume checks each of the ways to look at a volume against the plain one,
// for all ways to make it. The Builder is one and the same, so that what it held
// before does not show.
func TestVolume(t *testing.T) {
	var b sparse.Builder
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		whole := !slices.ContainsFunc(d.data, func(v float32) bool { return float32(int16(v)) != v })
		packed := sparse.Pack(d.shape, d.data)
		if packed.Kept() > 0 && ((packed.Codes != nil) != whole || (packed.Values == nil) != whole) {
			t.Fatalf("codes %v, values %v of %v", packed.Codes, packed.Values, d.data)
		}
		check(t, d, packed)
		check(t, d, sparse.Full(d.shape, d.data))
		b.Start(d.shape, d.data[0])
		for row := range slices.Chunk(d.data, d.shape[0]) {
			// Whole from end to end, but for rows of air: as wide as can be.
			lo, hi := 0, len(row)
			if !slices.ContainsFunc(row, func(v float32) bool { return v != d.data[0] }) {
				lo = hi
			}
			if !whole {
				copy(b.Values(lo, hi), row[lo:])
				continue
			}
			for i, to := 0, b.Codes(lo, hi); i < len(to); i++ {
				to[i] = int16(row[lo+i])
			}
		}
		check(t, d, b.Volume())
	})
}

func check(t *rapid.T, d dense, v *sparse.Volume) {
	if v.Shape != d.shape || v.Background != d.data[0] || v.Len() != len(d.data) || v.Kept() != len(v.Codes)+len(v.Values) {
		t.Fatalf("shape %v, background %g, %d voxels, %d kept; want %v and %g", v.Shape, v.Background, v.Len(), v.Kept(), d.shape, d.data[0])
	}
	lo, hi := d.shape, [3]int{}
	d.box([3]int{}, d.shape, func(x, y, z int, want float32) {
		if want != v.Background {
			lo = [3]int{min(lo[0], x), min(lo[1], y), min(lo[2], z)}
			hi = [3]int{max(hi[0], x+1), max(hi[1], y+1), max(hi[2], z+1)}
		}
		if got := v.At(x, y, z); got != want {
			t.Fatalf("At(%d, %d, %d) = %g, want %g", x, y, z, got, want)
		}
	})
	if gotLo, gotHi := v.Box(); gotLo != lo || gotHi != hi {
		t.Fatalf("box %v to %v, want %v to %v", gotLo, gotHi, lo, hi)
	}
	for i := range v.Kept() {
		if p := v.Place(i); d.at(p[0], p[1], p[2]) != v.Value(i) {
			t.Fatalf("value %d is %g, at its place %v stands %g", i, v.Value(i), p, d.at(p[0], p[1], p[2]))
		}
	}
	for i, n := range d.shape {
		lo[i] = rapid.IntRange(0, n).Draw(t, "lo")
		hi[i] = rapid.IntRange(lo[i], n).Draw(t, "hi")
	}
	if got, want := v.Dense(lo, hi), d.cut(lo, hi); !slices.Equal(got, want) {
		t.Fatalf("%v to %v: got %v, want %v", lo, hi, got, want)
	}
	checkPlanes(t, d, v, lo[2], hi[2])
	checkTurn(t, d, v)
	twice := make([]int16, v.Kept())
	for i := range twice {
		twice[i] = int16(2 * int32(v.Value(i)))
	}
	for i, c := range v.Recode(77, twice).Dense([3]int{}, d.shape) {
		if d.data[i] != v.Background && c != float32(int16(2*int32(d.data[i]))) {
			t.Fatalf("recoded voxel %d is %g, of %g", i, c, d.data[i])
		}
	}
}

func checkPlanes(t *rapid.T, d dense, v *sparse.Volume, lo, hi int) {
	part := v.Planes(lo, hi)
	end := part.Shape
	if end != [3]int{d.shape[0], d.shape[1], hi - lo} {
		t.Fatalf("planes %d to %d have shape %v", lo, hi, end)
	}
	if got, want := part.Dense([3]int{}, end), d.cut([3]int{0, 0, lo}, [3]int{end[0], end[1], hi}); !slices.Equal(got, want) {
		t.Fatalf("planes %d to %d: %v, want %v", lo, hi, got, want)
	}
	for i := range part.Kept() {
		if p := part.Place(i); part.At(p[0], p[1], p[2]) != part.Value(i) {
			t.Fatalf("planes %d to %d: value %d is not at %v", lo, hi, i, p)
		}
	}
	if n := hi - lo; n > 1 { // planes of planes
		if got, want := part.Planes(1, n).Dense([3]int{}, [3]int{end[0], end[1], n - 1}), d.cut([3]int{0, 0, lo + 1}, [3]int{end[0], end[1], hi}); !slices.Equal(got, want) {
			t.Fatalf("planes 1 on of %d to %d: %v, want %v", lo, hi, got, want)
		}
	}
}

func checkTurn(t *rapid.T, d dense, v *sparse.Volume) {
	from := [3]int(rapid.Permutation([]int{0, 1, 2}).Draw(t, "from"))
	flip := [3]bool{rapid.Bool().Draw(t, "flip"), rapid.Bool().Draw(t, "flip"), rapid.Bool().Draw(t, "flip")}
	turned := v.Turn(axes.Map{From: from, Flip: flip})
	for a, f := range from {
		if turned.Shape[a] != d.shape[f] {
			t.Fatalf("turned to %v, flipped %v: shape %v of %v", from, flip, turned.Shape, d.shape)
		}
	}
	for z := range turned.Shape[2] {
		for y := range turned.Shape[1] {
			for x := range turned.Shape[0] {
				var old [3]int
				for a, p := range [3]int{x, y, z} {
					if old[from[a]] = p; flip[a] {
						old[from[a]] = turned.Shape[a] - 1 - p
					}
				}
				if got, want := turned.At(x, y, z), d.at(old[0], old[1], old[2]); got != want {
					t.Fatalf("turned to %v, flipped %v: %v is %g, was %g", from, flip, [3]int{x, y, z}, got, want)
				}
			}
		}
	}
}

func Example() {
	v := sparse.Pack([3]int{5, 2, 1}, []float32{
		0, 0, 7, 0, 9,
		0, 0, 0, 0, 0,
	})
	lo, hi := v.Box()
	fmt.Println("kept:", v.Codes, "in", lo, hi)
	fmt.Println("whole:", v.Dense([3]int{}, v.Shape))
	// Output:
	// kept: [7 0 9] in [2 0 0] [5 1 1]
	// whole: [0 0 7 0 9 0 0 0 0 0]
}
