package patch

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/lacuna-ml/lacuna/ingest"
)

// places yields the part and the first voxel of each patch. index is asked for
// where the target matters.
func (o Options) places(index func() target, shape [3]int, rng *rand.Rand) iter.Seq2[string, [3]int] {
	switch o.Policy {
	case Grid:
		return o.grid(shape)
	case Random:
		return o.drawn("random", func() [3]int { return o.random(shape, rng) })
	case Foreground:
		t := index()
		return o.drawn("fg", func() [3]int {
			if rng.Float64() < o.Guided {
				if v, ok := o.aim(t, rng); ok {
					return inside(v, shape, o.Size)
				}
			}
			return o.random(shape, rng)
		})
	}
	return func(yield func(string, [3]int) bool) {
		var start [3]int
		for d := range 3 {
			start[d] = middle(shape[d], o.Size[d])
		}
		yield("", start)
	}
}

func (o Options) drawn(name string, place func() [3]int) iter.Seq2[string, [3]int] {
	return func(yield func(string, [3]int) bool) {
		for i := range o.Count {
			if !yield(fmt.Sprintf("%s-%d", name, i), place()) {
				return
			}
		}
	}
}

func (o Options) grid(shape [3]int) iter.Seq2[string, [3]int] {
	return func(yield func(string, [3]int) bool) {
		var at [3][]int
		for d := range 3 {
			at[d] = tiles(shape[d], o.Size[d], o.Overlap)
		}
		for _, z := range at[0] {
			for _, y := range at[1] {
				for _, x := range at[2] {
					part := fmt.Sprintf("grid-%03d-%03d-%03d", max(z, 0), max(y, 0), max(x, 0))
					if !yield(part, [3]int{z, y, x}) {
						return
					}
				}
			}
		}
	}
}

// tiles returns where the tiles of an axis of n voxels begin.
func tiles(n, size int, overlap float64) []int {
	if n <= size {
		return []int{middle(n, size)}
	}
	// The small number keeps 10*(1-0.7) from being rounded up to 4.
	stride := max(int(math.Ceil(float64(size)*(1-overlap)-1e-9)), 1)
	var at []int
	for v := 0; v < n-size; v += stride {
		at = append(at, v)
	}
	return append(at, n-size)
}

// middle returns where a patch begins that has the middle of n voxels in its
// own: below 0 where it is the larger. Both halves round towards 0.
func middle(n, size int) int { return (n - size) / 2 }

func (o Options) random(shape [3]int, rng *rand.Rand) (start [3]int) {
	for d := range 3 {
		room := shape[d] - o.Size[d]
		if room <= 0 {
			start[d] = middle(shape[d], o.Size[d])
			continue
		}
		margin := min(o.Margin[d], room/2)
		start[d] = margin + rng.IntN(room-2*margin+1)
	}
	return start
}

// inside returns the start of the patch that has v in its middle, or as near to
// it as the sample allows.
func inside(v, shape, size [3]int) (start [3]int) {
	for d := range 3 {
		if room := shape[d] - size[d]; room <= 0 {
			start[d] = middle(shape[d], size[d])
		} else {
			start[d] = min(max(v[d]-size[d]/2, 0), room)
		}
	}
	return start
}

// target is a label map with the number of each label in each plane, so that
// the nth voxel of a region is found without a look at every voxel.
type target struct {
	planes [][256]int32        // nil without a label map
	plane  func(z int) []uint8 // the labels of one
	width  int
}

func indexTarget(l ingest.Labels, shape [3]int) target {
	if len(l.Shape) != 3 {
		return target{}
	}
	n := shape[1] * shape[2]
	t := target{make([][256]int32, shape[0]), func(z int) []uint8 { return l.Data[z*n:][:n] }, shape[2]}
	for z := range t.planes {
		for _, v := range t.plane(z) {
			t.planes[z][v]++
		}
	}
	return t
}

// indexPacked is indexTarget for labels that are packed.
func indexPacked(p *ingest.Packed, shape [3]int) target {
	v, at := p.Labels, p.Sample.Location.Offset
	if v == nil {
		return target{}
	}
	t := target{make([][256]int32, shape[0]), func(z int) []uint8 {
		return p.Target([3]int{z, 0, 0}, [3]int{1, shape[1], shape[2]})
	}, shape[2]}
	for z := range t.planes {
		air := shape[1] * shape[2]
		for y := range shape[1] {
			_, from, n := v.Row(at[1]+y, at[0]+z, at[2], at[2]+shape[2])
			for _, c := range v.Codes[from : from+n] {
				t.planes[z][uint8(c)]++
			}
			air -= n
		}
		t.planes[z][uint8(v.Background)] += int32(air)
	}
	return t
}

// aim draws a region and a voxel of it. It reports false where there is none.
func (o Options) aim(t target, rng *rand.Rand) (voxel [3]int, ok bool) {
	n := len(o.Regions)
	if o.Nothing {
		n++
	}
	r := rng.IntN(n)
	if r == len(o.Regions) {
		return voxel, false
	}
	labels := slices.Clone(o.Regions[r])
	slices.Sort(labels)
	labels = slices.Compact(labels)
	in := func(p *[256]int32) (n int) {
		for _, l := range labels {
			n += int(p[l])
		}
		return n
	}
	total := 0
	for z := range t.planes {
		total += in(&t.planes[z])
	}
	if total == 0 {
		return voxel, false
	}
	nth := rng.IntN(total)
	z := 0
	for ; nth >= in(&t.planes[z]); z++ {
		nth -= in(&t.planes[z])
	}
	for i, l := range t.plane(z) {
		if !slices.Contains(labels, l) {
			continue
		}
		if nth == 0 {
			return [3]int{z, i / t.width, i % t.width}, true
		}
		nth--
	}
	return voxel, false // not reached: the plane has that many
}
