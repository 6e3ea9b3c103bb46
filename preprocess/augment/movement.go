package augment

import (
	"math"
	"math/rand/v2"

	"github.com/lacuna-ml/lacuna/ingest"
)

// movement is a Geometry's draw for one sample: voxel p of what comes out, of
// the given size, comes from
//
//	centre + turn * (p - (size-1)/2 - shift)
//
// of what goes in; or, where it is plain, from whole voxels: see line.
type movement struct {
	size   [3]int // D, H, W
	shift  [3]float64
	centre [3]float64
	turn   [3][3]float64 // flips, rotation and zoom, inverted
	plain  bool          // neither zoomed nor turned
	flip   [3]bool
	start  [3]int // where plain: the first voxel of the box
}

// draw draws a movement of volumes of the given shape. It takes the same
// numbers from rng whatever is off.
func (g *Geometry) draw(rng *rand.Rand, shape [3]int) movement {
	m := movement{size: shape}
	if g.Size != [3]int{} {
		m.size = g.Size
	}
	zoom, zoomed := g.Zoom.of(rng)
	if !zoomed {
		zoom = 1
	}
	turned := rng.Float64() < g.Rotate.P
	var angle [3]float64
	for d := range 3 {
		if a := g.Rotate.Lo + (g.Rotate.Hi-g.Rotate.Lo)*rng.Float64(); turned {
			angle[d] = a * math.Pi / 180
		}
	}
	m.plain = !zoomed && !turned
	m.turn = rotation(angle)
	for d := range 3 {
		m.flip[d] = rng.Float64() < g.Flip[d]
		m.shift[d] = math.Round(either(rng, g.Shift[d]))
		u := rng.Float64()
		// From the first voxel's middle to the last's: where the box needs less
		// than there is, it stays inside.
		has, needs := float64(shape[d]-1), float64(m.size[d]-1)/zoom
		m.centre[d] = has / 2
		if needs < has {
			m.centre[d] = needs/2 + u*(has-needs)
		}
		if m.start[d] = -(m.size[d] - shape[d]) / 2; m.size[d] < shape[d] {
			m.start[d] = int(u * float64(shape[d]-m.size[d]+1))
		}
		k := 1 / zoom
		if m.flip[d] {
			k = -k
		}
		for e := range 3 {
			m.turn[d][e] *= k
		}
	}
	return m
}

// rotation returns the inverse, over D, H, W, of a turn about D (from H to W),
// then about H (from W to D), then about W (from D to H).
func rotation(angle [3]float64) [3][3]float64 {
	r := [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}
	for d := range 3 {
		sin, cos := math.Sincos(angle[d])
		a, b := (d+1)%3, (d+2)%3
		for e := range 3 { // r = r * the turn about d, back
			p, q := r[e][a], r[e][b]
			r[e][a], r[e][b] = cos*p-sin*q, cos*q+sin*p
		}
	}
	return r
}

// moves reports whether m does anything to volumes of the given shape.
func (m *movement) moves(shape [3]int) bool {
	return !m.plain || m.flip != [3]bool{} || m.shift != [3]float64{} || m.start != [3]int{} || m.size != shape
}

// line says where the voxels of one axis come from where m is plain: voxel p
// from first + p*step.
func (m *movement) line(d int) (first, step int) {
	if m.flip[d] {
		return m.start[d] + m.size[d] - 1 + int(m.shift[d]), -1
	}
	return m.start[d] - int(m.shift[d]), 1
}

// volumeScratch is memory for one sample at a time.
type volumeScratch struct {
	pads       [][]float32 // each modality with a voxel of air around it
	z, y, x    []int64     // where a row's voxels come from
	at         []int32     // the same as places in a pad, and the fractions
	fz, fy, fx []float32
	spans      []span
	changes    []change
}

// move replaces the volumes and the label map of s by those that m makes.
func (st *volume) move(sc *volumeScratch, m movement, s *ingest.Sample, shape [3]int) {
	size := append([]int(nil), m.size[:]...)
	n := m.size[0] * m.size[1] * m.size[2]
	src, dst := make([][]float32, len(s.Inputs)), make([][]float32, len(s.Inputs))
	for i := range s.Present.All() {
		src[i], dst[i] = s.Inputs[i].Data, st.o.Pool.array(n)
		s.Inputs[i] = ingest.Array{Shape: size, Data: dst[i]}
	}
	var labels, from []uint8
	if len(s.Target.Shape) > 0 {
		from, labels = s.Target.Data, st.o.Pool.labels(n)
		s.Target = ingest.Labels{Shape: size, Data: labels}
	}
	s.Affine, s.Location = [4][4]float64{}, ingest.Location{}
	if m.plain {
		for i := range s.Present.All() {
			slide3(m, dst[i], src[i], shape, st.air(s, i))
		}
		if labels != nil {
			slide3(m, labels, from, shape, 0)
		}
		return
	}
	sc.pads = resize(sc.pads, len(s.Inputs))
	for i := range s.Present.All() {
		sc.pads[i] = surround3(sc.pads[i], src[i], shape, st.air(s, i))
	}
	w := m.size[2]
	sc.z, sc.y, sc.x = resize(sc.z, w), resize(sc.y, w), resize(sc.x, w)
	sc.at, sc.fz, sc.fy, sc.fx = resize(sc.at, w), resize(sc.fz, w), resize(sc.fy, w), resize(sc.fx, w)
	for row := range m.size[0] * m.size[1] {
		m.row(sc, row/m.size[1], row%m.size[1])
		if labels != nil {
			nearest(labels[row*w:][:w], from, shape, sc)
		}
		sc.locate(shape)
		for i := range s.Present.All() {
			sample3(dst[i][row*w:][:w], sc.pads[i], shape, sc)
		}
	}
}

// slide3 copies src to dst by a plain movement.
func slide3[T any](m movement, dst, src []T, shape [3]int, air T) {
	z0, dz := m.line(0)
	y0, dy := m.line(1)
	x0, dx := m.line(2)
	w := m.size[2]
	// Voxels lo to hi of a row come from inside.
	lo, hi := max(0, -x0), min(w, shape[2]-x0)
	if dx < 0 {
		lo, hi = max(0, x0-shape[2]+1), min(w, x0+1)
	}
	hi = max(hi, lo)
	lo = min(lo, hi)
	for z := range m.size[0] {
		for y := range m.size[1] {
			row := dst[(z*m.size[1]+y)*w:][:w]
			sz, sy := z0+z*dz, y0+y*dy
			if uint(sz) >= uint(shape[0]) || uint(sy) >= uint(shape[1]) || lo >= hi {
				fill(row, air)
				continue
			}
			from := src[(sz*shape[1]+sy)*shape[2]:][:shape[2]]
			fill(row[:lo], air)
			fill(row[hi:], air)
			if dx > 0 {
				copy(row[lo:hi], from[x0+lo:])
				continue
			}
			from = from[x0-hi+1 : x0-lo+1]
			for i, v := range from {
				row[hi-1-i] = v
			}
		}
	}
}

func fill[T any](v []T, to T) {
	for i := range v {
		v[i] = to
	}
}

// surround3 returns src with one voxel of air before it and two behind, in all
// directions: the second is read with weight 0.
func surround3(pad, src []float32, shape [3]int, air float32) []float32 {
	h, w := shape[1]+3, shape[2]+3
	pad = resize(pad, (shape[0]+3)*h*w)
	fill(pad, air)
	for z := range shape[0] {
		for y := range shape[1] {
			copy(pad[((z+1)*h+y+1)*w+1:][:shape[2]], src[(z*shape[1]+y)*shape[2]:])
		}
	}
	return pad
}

// row writes where the voxels of row z, y come from.
func (m *movement) row(sc *volumeScratch, z, y int) {
	p := [3]float64{float64(z), float64(y), 0}
	for d := range 3 {
		p[d] -= float64(m.size[d]-1)/2 + m.shift[d]
	}
	for d, v := range [3][]int64{sc.z, sc.y, sc.x} {
		t := m.turn[d]
		at := int64(math.Round((m.centre[d] + t[0]*p[0] + t[1]*p[1] + t[2]*p[2]) * one))
		step := int64(math.Round(t[2] * one))
		for i := range v {
			v[i] = at
			at += step
		}
	}
}

// nearest writes the labels of the voxels nearest to the row's places.
func nearest(dst, labels []uint8, shape [3]int, sc *volumeScratch) {
	const half = one / 2
	for i := range dst {
		z, y, x := int((sc.z[i]+half)>>32), int((sc.y[i]+half)>>32), int((sc.x[i]+half)>>32)
		dst[i] = 0
		if uint(z) < uint(shape[0]) && uint(y) < uint(shape[1]) && uint(x) < uint(shape[2]) {
			dst[i] = labels[(z*shape[1]+y)*shape[2]+x]
		}
	}
}

// locate turns the row's places into those in a pad. What is beyond the first
// voxel of air is air too.
func (sc *volumeScratch) locate(shape [3]int) {
	clamp(sc.z, -one, int64(shape[0])*one)
	clamp(sc.y, -one, int64(shape[1])*one)
	clamp(sc.x, -one, int64(shape[2])*one)
	h, w := int64(shape[1]+3), int64(shape[2]+3)
	for i := range sc.at {
		z, y, x := sc.z[i]+one, sc.y[i]+one, sc.x[i]+one
		sc.at[i] = int32((z>>32*h+y>>32)*w + x>>32)
		sc.fz[i], sc.fy[i], sc.fx[i] = part(z), part(y), part(x)
	}
}

// sample3 writes the values of pad at the row's places, interpolated linearly
// between eight voxels.
func sample3(dst, pad []float32, shape [3]int, sc *volumeScratch) {
	w := shape[2] + 3
	plane := (shape[1] + 3) * w
	at, fz, fy, fx := sc.at[:len(dst)], sc.fz[:len(dst)], sc.fy[:len(dst)], sc.fx[:len(dst)]
	near, far := pad, pad[plane:]
	for i := range dst {
		k, u, v := int(at[i]), fx[i], fy[i]
		a, b := near[k:k+2], near[k+w:k+w+2]
		c, d := far[k:k+2], far[k+w:k+w+2]
		p := a[0] + u*(a[1]-a[0])
		q := b[0] + u*(b[1]-b[0])
		r := c[0] + u*(c[1]-c[0])
		s := d[0] + u*(d[1]-d[0])
		p += v * (q - p)
		r += v * (s - r)
		dst[i] = p + fz[i]*(r-p)
	}
}
