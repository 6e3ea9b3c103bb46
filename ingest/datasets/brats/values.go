package brats

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// constant reports whether all values are the same, and which. It stops at the
// first that differs.
func constant(data []float32) (float32, bool) {
	for _, v := range data {
		if v != data[0] { // a NaN differs from all, itself too
			return 0, false
		}
	}
	return data[0], true
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

// place names voxel i of a volume of that shape, as x, y, z.
func place(i int, shape [3]int) string {
	return fmt.Sprintf("voxel (%d, %d, %d)", i%shape[0], i/shape[0]%shape[1], i/shape[0]/shape[1])
}

// toClasses turns the values of a label map into classes. strange lists the
// values that the release does not have, "" for none.
func toClasses(data []float32, shape [3]int, labels labelMap) (out []uint8, strange string) {
	var table [256]uint8
	for v := range table {
		table[v] = labels.class(uint32(v))
	}
	out = make([]uint8, len(data))
	var bad uint8
	for i, v := range data {
		n := int32(v) // whatever this is for a NaN or a giant, the next line finds it
		c := uint8(none)
		if uint32(n) < uint32(len(table)) && float32(n) == v {
			c = table[uint8(n)]
		}
		out[i] = c
		bad |= c
	}
	if bad < 0x80 { // classes are below; none is not
		return out, ""
	}
	return nil, describeStrange(data, out, shape)
}

// maxStrange is how many wrong label values an error lists.
const maxStrange = 8

// describeStrange lists the values whose class is none, with counts.
func describeStrange(data []float32, classes []uint8, shape [3]int) string {
	counts := map[uint32]int{} // by bits, so that NaN counts
	other, first := 0, -1
	for i, c := range classes {
		if c != none {
			continue
		}
		if first < 0 {
			first = i
		}
		bits := math.Float32bits(data[i])
		if _, ok := counts[bits]; ok || len(counts) < maxStrange {
			counts[bits]++
		} else {
			other++
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
	return fmt.Sprintf("%s voxels, the first is %s", strings.Join(parts, ", "), place(first, shape))
}
