package brats

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest/sparse"
)

// constant reports whether all voxels are the same, and which. It stops at the
// first that differs.
func constant(v *sparse.Volume) (float32, bool) {
	c := v.At(0, 0, 0)
	if v.Kept() < v.Len() && c != v.Background ||
		slices.ContainsFunc(v.Values, func(x float32) bool { return x != c }) ||
		slices.ContainsFunc(v.Codes, func(x int16) bool { return float32(x) != c }) {
		return 0, false
	}
	return c, c == c // a NaN differs from all, itself too
}

// nonFinite counts NaNs and infinities, and returns the place of the first.
func nonFinite(data []float32) (nans, infs, first int) {
	const block = 256
	first = -1
	for at := 0; at < len(data); at += block {
		part := data[at:min(at+block, len(data))]
		// An exponent of all ones, which only they have, carries into the sign.
		var carry uint32
		for _, v := range part {
			carry |= math.Float32bits(v)&0x7f800000 + 0x00800000
		}
		if carry>>31 == 0 {
			continue
		}
		for i, v := range part {
			switch {
			case v != v:
				nans++
			case math.IsInf(float64(v), 0):
				infs++
			default:
				continue
			}
			if first < 0 {
				first = at + i
			}
		}
	}
	return nans, infs, first
}

// place names a voxel.
func place(p [3]int) string { return fmt.Sprintf("voxel (%d, %d, %d)", p[0], p[1], p[2]) }

// toClasses turns the values of a label map into classes, as codes. strange
// lists the values that the release does not have, "" for none.
func toClasses(v *sparse.Volume, labels labelMap) (out *sparse.Volume, strange string) {
	var table [256]int16
	for v := range table {
		table[v] = int16(labels.class(uint32(v)))
	}
	class := func(v float32) int16 {
		n := int32(v) // whatever this is for a NaN or a giant, the next line finds it
		if uint32(n) < uint32(len(table)) && float32(n) == v {
			return table[uint8(n)]
		}
		return none
	}
	air := class(v.Background)
	classes := make([]int16, v.Kept())
	bad := air
	for i, x := range v.Values {
		classes[i] = class(x)
		bad |= classes[i]
	}
	for i, x := range v.Codes {
		c := int16(none)
		if uint16(x) < uint16(len(table)) {
			c = table[x]
		}
		classes[i] = c
		bad |= c
	}
	if bad < 0x80 { // classes are below; none is not
		return v.Recode(air, classes), ""
	}
	return nil, describeStrange(v, air, classes)
}

// maxStrange is how many wrong label values an error lists.
const maxStrange = 8

// describeStrange lists the values whose class is none, with counts.
func describeStrange(v *sparse.Volume, air int16, classes []int16) string {
	counts := map[uint32]int{} // by bits, so that NaN counts
	other, at := 0, [3]int{}
	note := func(x float32, n int) {
		bits := math.Float32bits(x)
		if _, ok := counts[bits]; ok || len(counts) < maxStrange {
			counts[bits] += n
		} else {
			other += n
		}
	}
	if n := v.Len() - len(classes); air == none && n > 0 {
		note(v.Background, n)
	}
	if i := slices.Index(classes, none); len(counts) == 0 {
		at = v.Place(i)
	}
	for i, c := range classes {
		if c == none {
			note(v.Value(i), 1)
		}
	}
	var keys []uint32
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b uint32) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return int(int64(a) - int64(b))
	})
	var parts []string
	for _, k := range keys {
		v := strconv.FormatFloat(float64(math.Float32frombits(k)), 'g', -1, 32)
		parts = append(parts, fmt.Sprintf("%s in %d", v, counts[k]))
	}
	if other > 0 {
		parts = append(parts, fmt.Sprintf("others in %d", other))
	}
	return fmt.Sprintf("%s voxels, the first is %s", strings.Join(parts, ", "), place(at))
}
