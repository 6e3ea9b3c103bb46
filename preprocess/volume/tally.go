package volume

import (
	"fmt"
	"iter"
	"math"
)

// tally is how often each intensity occurs, ascending. Everything that a
// normalisation needs to know follows from it, and it does not know the order
// of the voxels: so cropping can't change a bit of the result.
type tally struct {
	values iter.Seq2[float64, int]
	lo, hi float64 // the smallest and the largest
	whole  bool    // whether all are whole numbers that fit the table
	masked bool    // whether not every voxel was counted
}

// The whole numbers that are counted in a table: int16 and uint16.
const (
	tableLo = -1 << 15
	tableN  = 1<<15 + 1<<16
)

// table is where whole numbers are counted.
type table struct {
	counts [tableN]uint32
	odd    [1 << 16]uint32 // zeros between calls
}

func (t *table) clear() []uint32 {
	clear(t.counts[:])
	return t.counts[:]
}

// tallyOf counts v where mask is set (everywhere when nil), and the background
// as often again as outside says. It reports false where a value is NaN or
// infinite.
//
// The tally is valid until table is used again.
func tallyOf(table *table, v []float32, mask []bool, background float32, outside int) (tally, bool) {
	if float64(background)-float64(background) != 0 {
		return tally{}, false
	}
	counts := table.clear()
	var n int
	var ok bool
	if mask == nil {
		n, ok = count(counts, v, background)
	} else {
		ok = countMasked(counts, v, mask)
	}
	if !ok || float32(int32(background)) != background || uint32(int32(background)-tableLo) >= tableN {
		return sortedTally(v, mask, background, outside)
	}
	counts[int(background)-tableLo] += uint32(n + outside) // 2^32 voxels of float32 are 16 GiB
	t := tableTally(counts)
	t.masked = mask != nil
	return t, true
}

// codeTally is tallyOf for codes and a background that is one.
func codeTally(table *table, codes []int16, background float32, outside int) tally {
	counts := table.clear()
	even, odd := (*[1 << 16]uint32)(counts), &table.odd // two, for equal neighbours wait for one another
	const bias = -tableLo
	for ; len(codes) >= 4; codes = codes[4:] {
		c := (*[4]int16)(codes)
		even[uint16(c[0])^bias]++
		odd[uint16(c[1])^bias]++
		even[uint16(c[2])^bias]++
		odd[uint16(c[3])^bias]++
	}
	for _, c := range codes {
		even[uint16(c)^bias]++
	}
	for i, n := range odd {
		even[i] += n
		odd[i] = 0
	}
	counts[int(background)-tableLo] += uint32(outside)
	return tableTally(counts)
}

// tableTally is the tally of the whole numbers from tableLo on.
func tableTally(counts []uint32) tally {
	lo, hi := 0, len(counts)
	for lo < hi && counts[lo] == 0 {
		lo++
	}
	for hi > lo && counts[hi-1] == 0 {
		hi--
	}
	return tally{whole: hi > lo, lo: float64(lo + tableLo), hi: float64(hi - 1 + tableLo), values: func(yield func(float64, int) bool) {
		for i, c := range counts[lo:hi] {
			if c > 0 && !yield(float64(lo+i+tableLo), int(c)) {
				return
			}
		}
	}}
}

// bounded fills in lo and hi.
func (t tally) bounded() tally {
	first := true
	for v := range t.values {
		if first {
			t.lo, first = v, false
		}
		t.hi = v
	}
	return t
}

// count adds the values to the table, but for those of the background that it
// returns the number of. It reports false at a value that the table has no place
// for.
func count(counts []uint32, v []float32, background float32) (zeros int, ok bool) {
	counts = counts[:tableN]
	bits := math.Float32bits(background)
	for len(v) > 0 {
		if len(v) >= 8 && all8(v, bits) {
			zeros += 8
			v = v[8:]
			continue
		}
		k := min(len(v), 8)
		for _, x := range v[:k] {
			i := int32(x)
			at := uint32(i - tableLo)
			if float32(i) != x || at >= tableN {
				return 0, false
			}
			counts[at]++
		}
		v = v[k:]
	}
	return zeros, true
}

// all8 reports whether each of the first eight of v has those bits. Half of a
// cropped volume is background still, and this passes it in a fraction of the
// time.
func all8(v []float32, bits uint32) bool {
	u := (*[8]float32)(v)
	return math.Float32bits(u[0]) == bits && math.Float32bits(u[7]) == bits && (math.Float32bits(u[1])^bits)|(math.Float32bits(u[2])^bits)|(math.Float32bits(u[3])^bits)|
		(math.Float32bits(u[4])^bits)|(math.Float32bits(u[5])^bits)|(math.Float32bits(u[6])^bits) == 0
}

func countMasked(counts []uint32, v []float32, mask []bool) bool {
	counts = counts[:tableN]
	for j, x := range v {
		i := int32(x)
		at := uint32(i - tableLo)
		if float32(i) != x || at >= tableN {
			return false
		}
		if mask[j] {
			counts[at]++
		}
	}
	return true
}

// sortedTally is tallyOf for values that are not small whole numbers: it sorts
// them.
func sortedTally(v []float32, mask []bool, background float32, outside int) (tally, bool) {
	keys := make([]uint32, 0, len(v))
	zeros := outside
	for j, x := range v {
		if x-x != 0 {
			return tally{}, false
		}
		switch {
		case mask != nil && !mask[j]:
		case x == background:
			zeros++
		default:
			keys = append(keys, sortKey(x))
		}
	}
	keys = radixSort(keys)
	t := tally{values: func(yield func(float64, int) bool) {
		left := zeros
		for i := 0; i < len(keys); {
			x := sortValue(keys[i])
			if left > 0 && x > background {
				if !yield(float64(background), left) {
					return
				}
				left = 0
			}
			n := 1
			for i+n < len(keys) && keys[i+n] == keys[i] {
				n++
			}
			if !yield(float64(x), n) {
				return
			}
			i += n
		}
		if left > 0 {
			yield(float64(background), left)
		}
	}}
	return t.bounded(), true
}

// sortKey maps finite floats to integers of the same order; -0 is 0.
func sortKey(x float32) uint32 {
	b := math.Float32bits(x + 0) // turns -0 into 0
	if b>>31 == 1 {
		return ^b
	}
	return b | 1<<31
}

func sortValue(k uint32) float32 {
	if k>>31 == 1 {
		return math.Float32frombits(k &^ (1 << 31))
	}
	return math.Float32frombits(^k)
}

// radixSort sorts by three digits of 11 bits, the least first, and returns the
// sorted slice, which may be another one.
func radixSort(a []uint32) []uint32 {
	b := make([]uint32, len(a))
	for shift := 0; shift < 33; shift += 11 {
		var at [1 << 11]int
		for _, k := range a {
			at[k>>shift&(1<<11-1)]++
		}
		sum := 0
		for i, n := range at {
			at[i], sum = sum, sum+n
		}
		for _, k := range a {
			d := k >> shift & (1<<11 - 1)
			b[at[d]] = k
			at[d]++
		}
		a, b = b, a
	}
	return a
}

// zscore returns the scale to mean 0 and deviation 1 over the values that in
// accepts, all of them clipped to top beforehand. Where these are fewer than two
// different ones it returns the scale to nothing, and says so.
func (t tally) zscore(top float64, in func(v float64) bool) (scale, []string) {
	n, sum := 0, 0.0
	lo, hi := math.Inf(1), math.Inf(-1)
	for v, c := range t.values {
		if v = min(v, top); in(v) {
			n += c
			sum += float64(float64(c) * v) // the conversion forbids a fused multiply-add: same bits everywhere
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	nothing := scale{top: top}
	if n == 0 {
		return nothing, []string{"there is nothing but background, so all of it becomes 0"}
	}
	if lo == hi {
		return nothing, []string{fmt.Sprintf("every voxel that is not background is %g, so all of it becomes 0", lo)}
	}
	mean := sum / float64(n)
	sum = 0
	for v, c := range t.values {
		if v = min(v, top); in(v) {
			d := v - mean
			sum += float64(float64(c) * float64(d*d))
		}
	}
	inv := 1 / math.Sqrt(sum/float64(n))
	if inv == 0 || inv-inv != 0 {
		return nothing, []string{fmt.Sprintf("the deviation of its values (%g to %g) can't be told, so all of it becomes 0", lo, hi)}
	}
	return scale{mean: mean, inv: inv, top: top}, nil
}

// lastBin returns the number, from 0, of the last bin with at least least
// values in numpy.histogram(values, bins=int(max)), whose edges are numpy's
// linspace in float64. It reports false where there is none.
func (t tally) lastBin(least int) (bin float64, found bool) {
	n := math.Trunc(t.hi)
	if n < 1 {
		return 0, false
	}
	lo, hi := t.lo, t.hi
	if lo == hi {
		lo, hi = lo-0.5, hi+0.5
	}
	step := (hi - lo) / n
	edge := func(i float64) float64 {
		if i == n {
			return hi
		}
		return lo + float64(i*step)
	}
	at, in := -1.0, 0 // values ascend, so bins do
	for v, c := range t.values {
		i := min(math.Floor((v-lo)/(hi-lo)*n), n-1)
		switch {
		case v < edge(i):
			i--
		case v >= edge(i+1) && i != n-1:
			i++
		}
		if i != at {
			at, in = i, 0
		}
		if in += c; in >= least {
			bin, found = i, true
		}
	}
	return bin, found
}
