package conv

import (
	"slices"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/vec"
)

// slabs is how many parts the rows of dy are cut into where there is one pair
// of blocks of channels: each part has its own sum, and the sums are added in
// pairs, so that the order does not depend on workers.
const slabs = 32

// weights is the gradient to the weights and the bias. A task sums, for a slab
// of the rows of dy and a pair of blocks of channels,
//
//	dw[k][i][0:16] += sum over voxels of x[voxel + k][i] dy[voxel][0:16]
//
// or, swapped, with the vectors of x and the scalars of dy. Which of the two has
// the vectors is settled by where fewer lanes are idle.
type weights struct {
	level   level
	unit    vec.Unit
	shape   Shape
	out     [3]int
	block   int // channels in a block of x
	swapped bool
	rows    int // rows of dy: N D H
	slabs   int
	chunk   int // rows at a time, which stay in the cache
	d, h    [][]link
	w       []span    // for each kw
	parts   []segment // of a row, where taps are summed together
	lines   [][2]int  // plain: ranges of kh that rows of dy read through
	wide    int       // blocks of vectors that a task does, one or two
	weave   bool
	left    int // weave: whether the outermost columns exist
	right   int
	scratch []*scratch

	x, dy, work []float32
	reduce      reduction
	unpack      unpacking
}

// span is a range of vectors along W and the scalar that the first meets.
type span struct{ lo, hi, src int }

// segment is a range of vectors along W that meet scalars through the taps k0
// to k1, and the scalar that the first meets through k0.
type segment struct {
	span
	k0, k1 int
}

func (g *weights) prepare(s Shape, l level, scratch []*scratch) {
	*g = weights{level: l, unit: vec.New(isa.Level(l)), shape: s, out: s.out(), block: Lanes, scratch: scratch}
	if s.PlainInput {
		g.block = 1
	}
	g.d = links(forwardSeries(s, 0), g.out[0], s.In[0])
	g.h = links(forwardSeries(s, 1), g.out[1], s.In[1])
	for _, l := range g.h {
		if len(l) > 0 {
			line := [2]int{l[0].k, l[len(l)-1].k + 1}
			if !slices.Contains(g.lines, line) {
				g.lines = append(g.lines, line)
			}
		}
	}
	first := -s.Pad[2]
	g.weave = l.sweepTile() > 0 && g.block == Lanes && s.Kernel[2] == 3 && s.Stride[2] == 1 &&
		s.Dilation[2] == 1 && g.out[2] >= 2 && first >= -1
	g.left, g.right = flag(first >= 0), flag(first+g.out[2]+1 < s.In[2])
	g.swapped = g.block == Lanes && !g.weave && s.Stride[2] == 1 && s.Cout*blocks(s.Cin)*4 < s.Cin*blocks(s.Cout)*3
	g.spans()
	g.wide = 1
	if g.block == Lanes && !g.weave && g.level.pairTile() > 0 {
		g.wide = min(2, g.vectors())
	}
	g.rows = s.N * g.out[0] * g.out[1]
	g.slabs = max(1, min(slabs/g.groups(), g.rows/4))
	g.chunk = max(1, min(g.rows, 128<<10/(g.out[2]*Lanes*4)))
	g.reduce.weights, g.unpack.weights = g, g
}

// spans lists what meets along W. Vector t meets, through tap k, the scalar
// t a + b + k c.
func (g *weights) spans() {
	s := g.shape
	a, b, c := s.Stride[2], -s.Pad[2], s.Dilation[2]
	vectors, scalars := g.out[2], s.In[2]
	if g.swapped {
		a, b, c = 1, s.Pad[2], -s.Dilation[2]
		vectors, scalars = scalars, vectors
	}
	met := make([][2]int, vectors)
	for k := range s.Kernel[2] {
		w := span{hi: -1}
		for t := range vectors {
			if at := t*a + b + k*c; at >= 0 && at < scalars {
				if w.hi < 0 {
					w.lo, w.src = t, at
				}
				w.hi = t + 1
				if met[t][1] == 0 {
					met[t][0] = k
				}
				met[t][1] = k + 1
			}
		}
		g.w = append(g.w, w)
	}
	for t, k := range met {
		switch {
		case k[1] == 0: // meets padding only
		case t > 0 && k == met[t-1]:
			g.parts[len(g.parts)-1].hi = t + 1
		default:
			g.parts = append(g.parts, segment{span{t, t + 1, t*a + b + k[0]*c}, k[0], k[1]})
		}
	}
}

// vectors and scalars are how many blocks of channels either side has; plain
// input is one.
func (g *weights) vectors() int {
	if g.swapped {
		return blocks(g.shape.Cin)
	}
	return blocks(g.shape.Cout)
}

func (g *weights) scalars() int {
	switch {
	case g.block == 1:
		return 1
	case g.swapped:
		return blocks(g.shape.Cout)
	}
	return blocks(g.shape.Cin)
}

// pairs is the number of pairs of blocks, groups that of their tasks.
func (g *weights) pairs() int  { return g.vectors() * g.scalars() }
func (g *weights) groups() int { return ceilDiv(g.vectors(), g.wide) * g.scalars() }

// pairSize is how many floats the sum of a pair takes: [kd][kh][kw][16][16],
// the vectors last, and [Cin][kd][kh][kw][16] where the input is plain.
func (g *weights) pairSize() int {
	k := volume(g.shape.Kernel) * Lanes
	if g.block == 1 {
		return k * g.shape.Cin
	}
	return k * Lanes
}

// slabSize is how many floats the sums of a slab take; those of the bias are
// the last.
func (g *weights) slabSize() int {
	return g.pairs()*g.pairSize() + blocks(g.shape.Cout)*Lanes
}

func (g *weights) tasks() int { return g.slabs * g.groups() }

func (g *weights) Do(task, worker int) {
	s := g.scratch[worker]
	group, part := task%g.groups(), task/g.groups()
	slab := g.work[part*g.slabSize():][:g.slabSize()]
	vector, scalar := group/g.scalars()*g.wide, group%g.scalars()
	r0, r1 := part*g.rows/g.slabs, (part+1)*g.rows/g.slabs
	count := min(g.wide, g.vectors()-vector)
	for v := vector; v < vector+count; v++ {
		clear(slab[(v*g.scalars()+scalar)*g.pairSize():][:g.pairSize()])
		if to, from := g.blocks(v, scalar); from == 0 {
			g.sumBias(slab[g.pairs()*g.pairSize()+to*Lanes:][:Lanes], to, r0, r1)
		}
	}
	to, from := g.blocks(vector, scalar)
	sum := slab[(vector*g.scalars()+scalar)*g.pairSize():]
	for lo := r0; lo < r1; lo += g.chunk {
		hi := min(lo+g.chunk, r1)
		for kd := range g.shape.Kernel[0] {
			if g.block == 1 {
				g.plain(s, sum, to, kd, lo, hi)
				continue
			}
			for kh := range g.shape.Kernel[1] {
				g.list(s, from, to, kd, kh, lo, hi)
				g.taps(s, sum[(kd*g.shape.Kernel[1]+kh)*g.shape.Kernel[2]*Lanes*Lanes:], scalar, count)
			}
		}
	}
}

// blocks returns which blocks of channels of dy and x a pair is of.
func (g *weights) blocks(vector, scalar int) (to, from int) {
	if g.swapped {
		return scalar, vector
	}
	return vector, scalar
}

// place returns the sample and the place along D and H of row r of dy.
func (g *weights) place(r int) (n, d, h int) {
	return r / g.out[1] / g.out[0], r / g.out[1] % g.out[0], r % g.out[1]
}

// list lists, for the rows lo..hi of dy that read x through kd, kh, where the
// scalars and the vectors start.
func (g *weights) list(s *scratch, from, to, kd, kh, lo, hi int) {
	s.rows = s.rows[:0]
	in := g.shape.In
	for r := lo; r < hi; r++ {
		n, d, h := g.place(r)
		id, ih := source(g.d[d], kd), source(g.h[h], kh)
		if id < 0 || ih < 0 {
			continue
		}
		x := (((n*blocks(g.shape.Cin)+from)*in[0]+id)*in[1] + ih) * in[2]
		row := tap{x: x * Lanes * 4, v: g.rowOf(n, to, d, h) * 4}
		if g.swapped {
			row.x, row.v = row.v, row.x
		}
		s.rows = append(s.rows, row)
	}
}

// rowOf is where row d, h of block to starts in dy.
func (g *weights) rowOf(n, to, d, h int) int {
	return (((n*blocks(g.shape.Cout)+to)*g.out[0]+d)*g.out[1] + h) * g.out[2] * Lanes
}

// source returns what is read through tap k, or -1.
func source(links []link, k int) int {
	for _, l := range links {
		if l.k == k {
			return l.src
		}
	}
	return -1
}

// taps adds the listed rows to the sums of all kw, of one or two blocks of
// vectors.
func (g *weights) taps(s *scratch, sum []float32, scalar, count int) {
	if len(s.rows) == 0 {
		return
	}
	c := &s.c
	scalars, vectors, channels, stride, size := g.x, g.dy, g.shape.Cin, g.shape.Stride[2], volume(g.out)
	if g.swapped {
		scalars, vectors, channels, stride, size = g.dy, g.x, g.shape.Cout, 1, volume(g.shape.In)
	}
	used := min(Lanes, channels-scalar*Lanes)
	c.x, c.v, c.init = &scalars[0], &vectors[0], nil
	if g.weave {
		g.woven(s, sum, used)
		return
	}
	c.step, c.xi, c.xl = Lanes*4, 4, stride*Lanes*4
	c.v2, c.dst2 = size*Lanes*4, g.scalars()*g.pairSize()*4
	if most := g.level.patchTile(used); most > 1 && len(g.w) > 1 {
		g.few(s, sum, scalars, used, most, count)
		return
	}
	for k, w := range g.w {
		if w.lo >= w.hi {
			continue
		}
		g.meet(s, w, 0, Lanes*4)
		if count == 2 {
			g.strips(c, sum[k*Lanes*Lanes:], scalars, used, g.level.pairTile(), level.pair)
		} else {
			g.strips(c, sum[k*Lanes*Lanes:], scalars, used, g.level.tile(), level.outer)
		}
	}
}

// few is taps for few scalar channels: the kw are summed together.
func (g *weights) few(s *scratch, sum, scalars []float32, used, most, count int) {
	c := &s.c
	c.group, c.xg = Lanes*Lanes*4, g.shape.Dilation[2]*Lanes*4
	if g.swapped {
		c.xg = -c.xg
	}
	for _, p := range g.parts {
		for k := p.k0; k < p.k1; k += most {
			g.meet(s, p.span, (k-p.k0)*c.xg, Lanes*4)
			c.x = &scalars[0]
			for v := range count {
				one := *c
				one.dst, one.v = at(&sum[k*Lanes*Lanes], v*c.dst2), at(c.v, v*c.v2)
				g.level.patch(&one, min(most, p.k1-k), used)
			}
		}
	}
}

// meet makes the taps of the listed rows: vectors lo to hi, from the scalar
// src on and some bytes further, of a size each.
func (g *weights) meet(s *scratch, w span, further, size int) {
	s.taps = s.taps[:0]
	for _, r := range s.rows {
		s.taps = append(s.taps, tap{r.x + w.src*size + further, r.v + w.lo*Lanes*4, w.hi - w.lo})
	}
	s.c.taps, s.c.n = &s.taps[0], len(s.taps)
}

// woven is taps for three kw at distance one.
func (g *weights) woven(s *scratch, sum []float32, used int) {
	c := &s.c
	g.meet(s, span{0, g.out[2], -g.shape.Pad[2]}, 0, Lanes*4)
	c.step, c.left, c.right = Lanes*Lanes*4, g.left, g.right
	for i := 0; i < used; i += 8 {
		c.dst, c.x = &sum[i*Lanes], &g.x[i]
		g.level.weave(c)
	}
}

// strips runs a kernel for rows consecutive scalars and rows of sum.
func (g *weights) strips(c *call, sum, x []float32, rows, most int, kernel func(level, *call, int)) {
	parts := ceilDiv(rows, most)
	for p := range parts {
		lo, hi := p*rows/parts, (p+1)*rows/parts
		c.dst, c.x = &sum[lo*Lanes], &x[lo]
		kernel(g.level, c, hi-lo)
	}
}

// plain adds rows of dy to the sums of all channels, kh and kw of a plain
// input: rows that read through the same kh together.
func (g *weights) plain(s *scratch, sum []float32, to, kd, lo, hi int) {
	in, k := g.shape.In, g.shape.Kernel
	c := &s.c
	c.v, c.init = &g.dy[0], nil
	c.step, c.group = Lanes*4, k[2]*Lanes*4
	c.xi, c.xg, c.xl = g.shape.Dilation[2]*4, g.shape.Dilation[1]*in[2]*4, g.shape.Stride[2]*4
	for ch := range g.shape.Cin {
		for _, line := range g.lines {
			s.rows = s.rows[:0]
			for r := lo; r < hi; r++ {
				n, d, h := g.place(r)
				id := source(g.d[d], kd)
				if l := g.h[h]; id >= 0 && len(l) > 0 && l[0].k == line[0] && l[len(l)-1].k+1 == line[1] {
					x := (((n*g.shape.Cin+ch)*in[0]+id)*in[1] + l[0].src) * in[2]
					s.rows = append(s.rows, tap{x: x * 4, v: g.rowOf(n, to, d, h) * 4})
				}
			}
			if len(s.rows) > 0 {
				g.rectangles(s, sum[(ch*k[0]+kd)*k[1]*k[2]*Lanes:], line)
			}
		}
	}
}

// rectangles adds the listed rows, which read through a range of kh, to the sums
// of kh by kw.
func (g *weights) rectangles(s *scratch, sum []float32, line [2]int) {
	c := &s.c
	for _, p := range g.parts {
		g.meet(s, p.span, 0, 4)
		for k := p.k0; k < p.k1; k += widest {
			cols := min(widest, p.k1-k)
			most := max(1, g.level.patchTile(cols))
			for l := line[0]; l < line[1]; l += most {
				c.x = at(&g.x[0], (k-p.k0)*c.xi+(l-line[0])*c.xg)
				c.dst = &sum[(l*g.shape.Kernel[2]+k)*Lanes]
				if most == 1 {
					g.level.outer(c, cols)
				} else {
					g.level.patch(c, min(most, line[1]-l), cols)
				}
			}
		}
	}
}

// widest is how many kw of a plain input are summed together at most.
const widest = 5

// sumBias sums rows of dy.
func (g *weights) sumBias(bias []float32, to, r0, r1 int) {
	var all, part [Lanes]float64
	for r := r0; r < r1; {
		n, d, h := g.place(r)
		end := min(r1, (n+1)*g.out[0]*g.out[1]) // rows of a sample follow each other
		g.unit.LaneTotal(&part, g.dy[g.rowOf(n, to, d, h):][:(end-r)*g.out[2]*Lanes])
		for j, v := range part {
			all[j] += v
		}
		r = end
	}
	for j, v := range all {
		bias[j] = float32(v)
	}
}

// reduction adds the slabs in pairs: 0+1, 2+3, ..., then 0+2, and so on.
type reduction struct{ *weights }

// strip is how many floats of the sums a task of the reduction has.
const strip = 4096

func (r *reduction) tasks() int { return ceilDiv(r.slabSize(), strip) }

func (r *reduction) Do(task, _ int) {
	lo, hi := task*strip, min((task+1)*strip, r.slabSize())
	for d := 1; d < r.slabs; d *= 2 {
		for s := 0; s+d < r.slabs; s += 2 * d {
			a, b := r.work[s*r.slabSize()+lo:s*r.slabSize()+hi], r.work[(s+d)*r.slabSize()+lo:][:hi-lo]
			r.unit.Add(a, a, b)
		}
	}
}

// unpacking writes the sums as [Cout][Cin][kd][kh][kw]: a task does a pair of
// blocks.
type unpacking struct {
	*weights
	dw []float32
}

func (u *unpacking) Do(task, _ int) {
	s, k := u.shape, volume(u.shape.Kernel)
	src := u.work[task*u.pairSize():][:u.pairSize()]
	vector, scalar := task/u.scalars()*Lanes, task%u.scalars()*Lanes
	switch {
	case u.block == 1:
		u.level.turn(&u.dw[vector*s.Cin*k], s.Cin*k, &src[0], Lanes, s.Cin*k, min(Lanes, s.Cout-vector))
	case u.swapped:
		for o := range min(Lanes, s.Cout-scalar) {
			u.level.turn(&u.dw[((scalar+o)*s.Cin+vector)*k], k, &src[o*Lanes], Lanes*Lanes, k, min(Lanes, s.Cin-vector))
		}
	default:
		for i := range min(Lanes, s.Cin-scalar) {
			u.level.turn(&u.dw[(vector*s.Cin+scalar+i)*k], s.Cin*k, &src[i*Lanes], Lanes*Lanes, k, min(Lanes, s.Cout-vector))
		}
	}
}

// WorkSize returns how many floats of work GradWeights needs.
func (c *Conv) WorkSize() int { return c.weights.slabs * c.weights.slabSize() }

// GradWeights writes dw, the gradient to the weights, [Cout][Cin][kd][kh][kw],
// and db, that to the bias, [Cout], unless it is nil. x is what Forward was
// given. work is overwritten.
func (c *Conv) GradWeights(dw, db, x, dy, work []float32) {
	atLeast("dw", len(dw), weightsOf(c.shape))
	atLeast("x", len(x), c.InputSize())
	atLeast("dy", len(dy), c.OutputSize())
	atLeast("work", len(work), c.WorkSize())
	g := &c.weights
	g.x, g.dy, g.work = x, dy, work
	c.pool.Run(g, g.tasks())
	c.pool.Run(&g.reduce, g.reduce.tasks())
	g.unpack.dw = dw
	c.pool.Run(&g.unpack, g.pairs())
	g.unpack.dw = nil
	if db != nil {
		atLeast("db", len(db), c.shape.Cout)
		copy(db[:c.shape.Cout], work[g.pairs()*g.pairSize():])
	}
	g.x, g.dy, g.work = nil, nil, nil
}
