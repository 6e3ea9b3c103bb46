package validate

import (
	"fmt"
	"slices"
	"strings"
)

// brush is a region as it is painted onto a label map.
type brush struct {
	region int   // its place among the regions, which is its channel
	class  uint8 // what it paints
	around int   // the brush of the smallest region that holds it, or -1
	inner  bool  // whether it holds no other
}

// brushes returns the regions in the order of painting, larger ones first; equal
// ones in their order. Each paints its first class that no region within it has.
func brushes(regions []Region, classes int) ([]brush, error) {
	order := make([]int, len(regions))
	for i, r := range regions {
		order[i] = i
		if r.Name == "" || len(r.Classes) == 0 {
			return nil, fmt.Errorf("validate: region %q has no name or no class", r.Name)
		}
		for k, c := range r.Classes {
			if c == 0 || int(c) >= classes || slices.Contains(r.Classes[:k], c) {
				return nil, fmt.Errorf("validate: region %s: class %d is the background, stands twice, or is none of %d", r.Name, c, classes)
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(regions[b].Classes) - len(regions[a].Classes) })
	out := make([]brush, len(order))
	for k, i := range order {
		b := brush{region: i, around: -1, inner: true}
		free := slices.Clone(regions[i].Classes)
		for j, other := range order {
			both := 0
			for _, c := range regions[other].Classes {
				both += toInt(slices.Contains(regions[i].Classes, c))
			}
			switch {
			case j == k || both == 0:
			case both < min(len(regions[i].Classes), len(regions[other].Classes)):
				return nil, fmt.Errorf("validate: regions %s and %s overlap and neither holds the other: no label map can tell them", regions[i].Name, regions[other].Name)
			case j < k:
				b.around = j // the last such is the smallest
			default:
				b.inner = false
				free = slices.DeleteFunc(free, func(c uint8) bool { return slices.Contains(regions[other].Classes, c) })
			}
		}
		if len(free) == 0 {
			return nil, fmt.Errorf("validate: region %s has no class that the regions within it lack: no label map can tell them", regions[i].Name)
		}
		b.class = free[0]
		out[k] = b
	}
	return out, nil
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// paint returns the label map of the regions' probabilities, [regions] times n
// voxels.
func paint(brushes []brush, probabilities []float32, n int) []uint8 {
	labels := make([]uint8, n)
	for _, b := range brushes {
		for i, p := range probabilities[b.region*n : (b.region+1)*n] {
			if p > 0.5 {
				labels[i] = b.class
			}
		}
	}
	return labels
}

// Post says how a predicted label map is cleaned, in this order. The zero Post
// does nothing.
type Post struct {
	// MinPart, above 0, makes background of every 18-connected part of what is not
	// background that has fewer voxels than it, and fewer than a tenth of the
	// largest part. MCKD has 2000 (and drops parts by their height in the volume,
	// which this does not).
	MinPart int
	// MinInner, above 0, turns a region that holds no other (ET) into what is
	// around it (TC) where the case has fewer voxels of it. MCKD has 500.
	MinInner int
}

// String says what is done, for people and protocols: "none" for the zero Post.
func (p Post) String() string {
	var done []string
	if p.MinPart > 0 {
		done = append(done, fmt.Sprintf("18-connected parts below min(%d, largest/10) voxels to background", p.MinPart))
	}
	if p.MinInner > 0 {
		done = append(done, fmt.Sprintf("innermost regions below %d voxels to the region around", p.MinInner))
	}
	if len(done) == 0 {
		return "none"
	}
	return strings.Join(done, ", ")
}

// apply cleans a label map of D x H x W.
func (p Post) apply(labels []uint8, shape [3]int, brushes []brush) {
	if p.MinPart > 0 {
		dropParts(labels, shape, p.MinPart)
	}
	for _, b := range brushes {
		if p.MinInner == 0 || !b.inner || b.around < 0 {
			continue
		}
		n := 0
		for _, l := range labels {
			n += toInt(l == b.class)
		}
		if n >= p.MinInner {
			continue
		}
		for i, l := range labels {
			if l == b.class {
				labels[i] = brushes[b.around].class
			}
		}
	}
}

// dropParts makes background of the small parts.
func dropParts(labels []uint8, shape [3]int, least int) {
	part := make([]int32, len(labels)) // from 1; 0 is background or not yet seen
	sizes := []int{0}
	var queue []int
	for start, l := range labels {
		if l == 0 || part[start] != 0 {
			continue
		}
		id := int32(len(sizes))
		part[start] = id
		queue = append(queue[:0], start)
		for at := 0; at < len(queue); at++ {
			for i := range neighbours18(queue[at], shape) {
				if labels[i] != 0 && part[i] == 0 {
					part[i] = id
					queue = append(queue, i)
				}
			}
		}
		sizes = append(sizes, len(queue))
	}
	largest := slices.Max(sizes)
	for i, id := range part {
		if n := sizes[id]; n < least && n*10 < largest {
			labels[i] = 0
		}
	}
}

// neighbours18 yields the voxels that share a face or an edge with voxel i.
func neighbours18(i int, shape [3]int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		z, y, x := i/(shape[1]*shape[2]), i/shape[2]%shape[1], i%shape[2]
		for c := max(z-1, 0); c <= min(z+1, shape[0]-1); c++ {
			for b := max(y-1, 0); b <= min(y+1, shape[1]-1); b++ {
				for a := max(x-1, 0); a <= min(x+1, shape[2]-1); a++ {
					apart := toInt(c != z) + toInt(b != y) + toInt(a != x)
					if (apart == 1 || apart == 2) && !yield((c*shape[1]+b)*shape[2]+a) {
						return
					}
				}
			}
		}
	}
}
