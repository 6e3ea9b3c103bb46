package conv

// slabs is how many parts the rows of dy are cut into where there is one pair
// of blocks of channels: each part has its own sum, and the sums are added in
// pairs, so that the order does not depend on workers.
const slabs = 32

// weights is the gradient to the weights and the bias. A task sums, for a slab
// of the rows of dy and a pair of blocks of channels,
//
//	dw[k][i][0:16] += sum over voxels of x[voxel + k][i] dy[voxel][0:16]
type weights struct {
	level   level
	shape   Shape
	out     [3]int
	block   int // channels in a block of x
	rows    int // rows of dy: N D H
	slabs   int
	chunk   int // rows at a time, which stay in the cache
	d, h    [][]link
	w       []span // for each kw
	weave   bool
	left    int // weave: whether the outermost columns exist
	right   int
	scratch []*scratch
	ones    [Lanes]float32

	x, dy, work []float32
	reduce      reduction
	unpack      unpacking
}

// span is a range of outputs along an axis and the input that the first reads.
type span struct{ lo, hi, src int }

func (g *weights) prepare(s Shape, l level, scratch []*scratch) {
	*g = weights{level: l, shape: s, out: s.out(), block: Lanes, scratch: scratch}
	if s.PlainInput {
		g.block = 1
	}
	g.ones[0] = 1
	g.d = links(forwardSeries(s, 0), g.out[0], s.In[0])
	g.h = links(forwardSeries(s, 1), g.out[1], s.In[1])
	g.w = spans(forwardSeries(s, 2)[0], s.In[2])
	first := -s.Pad[2]
	g.weave = l.sweepTile() > 0 && g.block == Lanes && len(g.w) == 3 && s.Stride[2] == 1 &&
		s.Dilation[2] == 1 && g.out[2] >= 2 && first >= -1
	g.left, g.right = flag(first >= 0), flag(first+g.out[2]+1 < s.In[2])
	g.rows = s.N * g.out[0] * g.out[1]
	g.slabs = max(1, min(slabs/g.pairs(), g.rows/4))
	g.chunk = max(1, min(g.rows, 128<<10/(g.out[2]*Lanes*4)))
	if s.PlainInput {
		for _, sc := range scratch {
			sc.stage = make([]float32, g.stageSize())
		}
	}
	g.reduce.weights, g.unpack.weights = g, g
}

// spans lists, for each tap, the outputs it serves.
func spans(s series, size int) []span {
	out := make([]span, len(s.at))
	for k, at := range s.at {
		a, b := 0, s.count
		for a < b && at+a*s.srcStep < 0 {
			a++
		}
		for a < b && at+(b-1)*s.srcStep >= size {
			b--
		}
		out[k] = span{a, b, at + a*s.srcStep}
	}
	return out
}

// pairs is the number of pairs of blocks; plain input is one block.
func (g *weights) pairs() int { return blocks(g.shape.Cout) * g.sources() }

func (g *weights) sources() int {
	if g.block == 1 {
		return 1
	}
	return blocks(g.shape.Cin)
}

// pairSize is how many floats the sum of a pair takes: [kd][kh][kw][16][16],
// and [kw][Cin][kd][kh][16] where the input is plain.
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

func (g *weights) tasks() int { return g.slabs * g.pairs() }

func (g *weights) Do(task, worker int) {
	s := g.scratch[worker]
	pair := task % g.pairs()
	slab := g.work[task/g.pairs()*g.slabSize():][:g.slabSize()]
	to, from := pair/g.sources(), pair%g.sources()
	sum := slab[pair*g.pairSize():][:g.pairSize()]
	clear(sum)
	r0, r1 := task/g.pairs()*g.rows/g.slabs, (task/g.pairs()+1)*g.rows/g.slabs
	if from == 0 {
		bias := slab[g.pairs()*g.pairSize()+to*Lanes:][:Lanes]
		clear(bias)
		g.sumBias(s, bias, to, r0, r1)
	}
	if g.block == 1 {
		for r := r0; r < r1; r++ {
			g.stageRow(s.stage, r)
			g.fewChannels(s, sum, to, r)
		}
		return
	}
	used := min(Lanes, g.shape.Cin-from*Lanes)
	for lo := r0; lo < r1; lo += g.chunk {
		hi := min(lo+g.chunk, r1)
		for kd := range g.shape.Kernel[0] {
			for kh := range g.shape.Kernel[1] {
				g.list(s, from, to, kd, kh, lo, hi)
				g.taps(s, sum[(kd*g.shape.Kernel[1]+kh)*g.shape.Kernel[2]*Lanes*Lanes:], used)
			}
		}
	}
}

// list lists, for the rows lo..hi of dy that read x through kd, kh, where x and
// dy start.
func (g *weights) list(s *scratch, from, to, kd, kh, lo, hi int) {
	s.rows = s.rows[:0]
	in, sources := g.shape.In, g.sources()
	for r := lo; r < hi; r++ {
		h, d, n := r%g.out[1], r/g.out[1]%g.out[0], r/g.out[1]/g.out[0]
		id, ih := source(g.d[d], kd), source(g.h[h], kh)
		if id < 0 || ih < 0 {
			continue
		}
		x := (((n*sources+from)*in[0]+id)*in[1] + ih) * in[2]
		s.rows = append(s.rows, tap{x: x * Lanes * 4, v: g.rowOf(n, to, d, h) * 4})
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

// taps adds the listed rows to the sums of all kw.
func (g *weights) taps(s *scratch, sum []float32, used int) {
	if len(s.rows) == 0 {
		return
	}
	c := &s.c
	c.x, c.v, c.init = &g.x[0], &g.dy[0], nil
	if g.weave {
		s.taps = s.taps[:0]
		for _, r := range s.rows {
			s.taps = append(s.taps, tap{r.x - g.shape.Pad[2]*Lanes*4, r.v, g.out[2]})
		}
		c.taps, c.n, c.step = &s.taps[0], len(s.taps), Lanes*Lanes*4
		c.left, c.right = g.left, g.right
		for i := 0; i < used; i += 8 {
			c.dst, c.x = &sum[i*Lanes], &g.x[i]
			g.level.weave(c)
		}
		return
	}
	for k, w := range g.w {
		if w.lo == w.hi {
			continue
		}
		s.taps = s.taps[:0]
		for _, r := range s.rows {
			s.taps = append(s.taps, tap{r.x + w.src*Lanes*4, r.v + w.lo*Lanes*4, w.hi - w.lo})
		}
		c.taps, c.n = &s.taps[0], len(s.taps)
		c.step, c.xi, c.xl = Lanes*4, 4, g.shape.Stride[2]*Lanes*4
		g.strips(c, sum[k*Lanes*Lanes:], g.x, used)
	}
}

// strips runs outer for rows consecutive rows of x and of sum.
func (g *weights) strips(c *call, sum, x []float32, rows int) {
	parts := ceilDiv(rows, g.level.tile())
	for p := range parts {
		lo, hi := p*rows/parts, (p+1)*rows/parts
		c.dst, c.x = &sum[lo*Lanes], &x[lo]
		g.level.outer(c, hi-lo)
	}
}

// sumBias adds the rows of dy: outer products with 1.
func (g *weights) sumBias(s *scratch, bias []float32, to, r0, r1 int) {
	s.taps = s.taps[:0]
	for r := r0; r < r1; r++ {
		h, d, n := r%g.out[1], r/g.out[1]%g.out[0], r/g.out[1]/g.out[0]
		s.taps = append(s.taps, tap{0, g.rowOf(n, to, d, h) * 4, g.out[2]})
	}
	s.c.taps, s.c.n = &s.taps[0], len(s.taps)
	s.c.dst, s.c.step, s.c.init = &bias[0], 0, nil
	s.c.x, s.c.v, s.c.xi, s.c.xl = &g.ones[0], &g.dy[0], 0, 0
	g.level.outer(&s.c, 1)
}

// stageSize is how many floats a padded row of x takes with all the channels
// and the taps along D and H of a voxel beside each other.
func (g *weights) stageSize() int {
	return (g.shape.In[2] + 2*g.shape.Pad[2]) * g.lines()
}

func (g *weights) lines() int { return g.shape.Cin * g.shape.Kernel[0] * g.shape.Kernel[1] }

// stageRow gathers what row r of dy reads: stage[w][channel, kd, kh].
func (g *weights) stageRow(stage []float32, r int) {
	in, k, lines := g.shape.In, g.shape.Kernel, g.lines()
	h, d, n := r%g.out[1], r/g.out[1]%g.out[0], r/g.out[1]/g.out[0]
	clear(stage)
	stage = stage[g.shape.Pad[2]*lines:]
	for ch := range g.shape.Cin {
		for _, ld := range g.d[d] {
			for _, lh := range g.h[h] {
				row := g.x[(((n*g.shape.Cin+ch)*in[0]+ld.src)*in[1]+lh.src)*in[2]:][:in[2]]
				to := stage[(ch*k[0]+ld.k)*k[1]+lh.k:]
				for w, v := range row {
					to[w*lines] = v
				}
			}
		}
	}
}

// fewChannels adds a staged row to the sums. Padding is staged as zeros, which
// a NaN in dy turns to NaN.
func (g *weights) fewChannels(s *scratch, sum []float32, to, r int) {
	h, d, n := r%g.out[1], r/g.out[1]%g.out[0], r/g.out[1]/g.out[0]
	c := &s.c
	s.taps = append(s.taps[:0], tap{0, 0, g.out[2]})
	c.taps, c.n, c.init = &s.taps[0], 1, nil
	c.v = &g.dy[g.rowOf(n, to, d, h)]
	lines := g.lines()
	c.step, c.xi, c.xl = Lanes*4, 4, g.shape.Stride[2]*lines*4
	if g.shape.Dilation[2] == 1 {
		// Lines of the next kw follow those of this one.
		g.strips(c, sum, s.stage, lines*g.shape.Kernel[2])
		return
	}
	for k := range g.shape.Kernel[2] {
		g.strips(c, sum[k*lines*Lanes:], s.stage[k*g.shape.Dilation[2]*lines:], lines)
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
			add(r.work[s*r.slabSize()+lo:s*r.slabSize()+hi], r.work[(s+d)*r.slabSize()+lo:])
		}
	}
}

func add(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += x[i]
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
	o0, i0 := task/u.sources()*Lanes, task%u.sources()*u.block
	rows := min(Lanes, s.Cout-o0)
	if u.block == 1 {
		kw, dh := s.Kernel[2], s.Kernel[0]*s.Kernel[1]
		for i := range s.Cin {
			for t := range k {
				for o, v := range src[(t%kw*u.lines()+i*dh+t/kw)*Lanes:][:rows] {
					u.dw[((o0+o)*s.Cin+i)*k+t] = v
				}
			}
		}
		return
	}
	for i := range min(Lanes, s.Cin-i0) {
		u.level.turn(&u.dw[(o0*s.Cin+i0+i)*k], s.Cin*k, &src[i*Lanes], Lanes*Lanes, k, rows)
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
