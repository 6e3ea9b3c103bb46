package metrics

import "math"

// squares returns, for each voxel marked from, the squared distance in mm² to
// the nearest voxel marked to. square is scratch of one value a voxel.
//
// It is the exact distance transform of Felzenszwalb and Huttenlocher (Distance
// Transforms of Sampled Functions, Theory of Computing 8, 2012), one axis after
// the other, in time linear in the voxels; along D only where it is asked for.
func (f *faces) squares(from, to uint8, square []float64) []float64 {
	planes := f.flat(to, square)
	depth, plane := f.size[0], f.size[1]*f.size[2]
	asked, n := make([]bool, plane), 0
	for at := 0; at < len(f.marks); at += plane {
		for i, m := range f.marks[at : at+plane] {
			if m&from != 0 {
				asked[i] = true
				n++
			}
		}
	}
	out := make([]float64, 0, n)
	e := newEnvelope(depth, f.weight[0])
	for i, ok := range asked {
		if !ok {
			continue
		}
		e.reset()
		for _, z := range planes {
			e.add(z, square[z*plane+i])
		}
		for z := range depth {
			if f.marks[z*plane+i]&from != 0 {
				out = append(out, e.at(z))
			}
		}
	}
	return out
}

// flat writes to square the squared distance to the nearest mark in the same
// plane, and returns the planes that have one; the others it leaves as they are.
func (f *faces) flat(mark uint8, square []float64) (planes []int) {
	h, w := f.size[1], f.size[2]
	e := newEnvelope(h, f.weight[1])
	rows := make([]int, 0, h)
	for z := range f.size[0] {
		plane, marks := square[z*h*w:(z+1)*h*w], f.marks[z*h*w:(z+1)*h*w]
		rows = rows[:0]
		for y := range h {
			if line(plane[y*w:(y+1)*w], marks[y*w:(y+1)*w], mark, f.weight[2]) {
				rows = append(rows, y)
			}
		}
		if len(rows) == 0 {
			continue
		}
		planes = append(planes, z)
		for x := range w {
			e.reset()
			for _, y := range rows {
				e.add(y, plane[y*w+x])
			}
			for y := range h {
				plane[y*w+x] = e.at(y)
			}
		}
	}
	return planes
}

// line writes to square the squared distance to the nearest mark of the line. It
// reports false, and writes nothing, where there is none.
func line(square []float64, marks []uint8, mark uint8, weight float64) bool {
	last := -1
	for x, m := range marks {
		if m&mark == 0 {
			continue
		}
		if last < 0 {
			for i := range x {
				square[i] = weight * float64((x-i)*(x-i))
			}
		}
		for i := last + 1; last >= 0 && i < x; i++ {
			k := min(i-last, x-i)
			square[i] = weight * float64(k*k)
		}
		square[x] = 0
		last = x
	}
	if last < 0 {
		return false
	}
	for i := last + 1; i < len(square); i++ {
		square[i] = weight * float64((i-last)*(i-last))
	}
	return true
}

// envelope is the lower envelope of parabolas weight (p-q)² + height over the
// places p = 0, 1, ... It is asked in ascending order.
type envelope struct {
	weight float64
	n      int       // parabolas on the envelope
	asked  int       // the one that the last answer came from
	place  []int     // q of each
	height []float64 // and its lowest value
	from   []float64 // where each begins to be the lowest
}

func newEnvelope(n int, weight float64) *envelope {
	return &envelope{weight: weight, place: make([]int, n), height: make([]float64, n), from: make([]float64, n)}
}

func (e *envelope) reset() { e.n, e.asked = 0, 0 }

// add adds a parabola whose place is above those of all before it.
func (e *envelope) add(q int, height float64) {
	from := math.Inf(-1)
	for e.n > 0 {
		k := e.n - 1
		v := e.place[k]
		from = float64(q+v)/2 + (height-e.height[k])/(2*e.weight*float64(q-v)) // where both are equal
		if from > e.from[k] {
			break
		}
		e.n--
		from = math.Inf(-1)
	}
	e.place[e.n], e.height[e.n], e.from[e.n] = q, height, from
	e.n++
}

// at returns the envelope at p, which is not below the last p asked for.
func (e *envelope) at(p int) float64 {
	for e.asked+1 < e.n && e.from[e.asked+1] < float64(p) {
		e.asked++
	}
	d := p - e.place[e.asked]
	return float64(e.weight*float64(d*d)) + e.height[e.asked] // no fused multiply-add: same bits everywhere
}
