package conv

import "slices"

// gather is a convolution seen from its outputs: each is a sum over the inputs
// it is linked to. The forward pass is one, from x to y, and so is the gradient
// to the data, from dy to dx.
type gather struct {
	level     level
	n         int
	from, to  int // channels
	in, out   [3]int
	kernel    [3]int
	block     int // channels in a block of the input: Lanes, or 1 where it is plain
	d, h      [][]link
	w         []part
	patches   []patch // instead of h and w where lines are short
	scratch   []*scratch
	chunks    int // tasks in a plane of the output
	dst, src  []float32
	packed    []float32
	biasAt    int // in packed
	perTarget int // floats of packed for a block of output channels
}

// link says that tap k of an output reads input src along an axis.
type link struct{ k, src int }

// part is one kernel call in every output row: rows outputs from dst on, step
// apart, that are linked through the taps of links alike, src being that of
// the first output and srcStep the way to the next.
type part struct {
	dst, step, rows int
	srcStep         int
	links           []link
	first           bool // starts from the bias; else adds
	sweep           bool
	left, right     int
}

// scratch is what a worker needs for its calls.
type scratch struct {
	c     call
	rows  []tap
	ends  []int
	taps  []tap
	stage []float32
}

// series is a run of outputs along an axis: first, first+step, ... count of
// them; tap k of output j reads input at[k] + j srcStep, if has[k].
type series struct {
	first, step, count int
	srcStep            int
	at                 []int
	has                []bool
}

// forwardSeries is axis a of the forward pass.
func forwardSeries(s Shape, a int) []series {
	out := series{step: 1, count: s.out()[a], srcStep: s.Stride[a]}
	for k := range s.Kernel[a] {
		out.at, out.has = append(out.at, k*s.Dilation[a]-s.Pad[a]), append(out.has, true)
	}
	return []series{out}
}

// backwardSeries is axis a of the gradient to the data: input i is read by
// output o through tap k where o stride = i + pad - k dilation. So the inputs
// fall in as many series as the stride. Taps are counted from the last, so
// that the outputs they lead to ascend.
func backwardSeries(s Shape, a int) []series {
	var all []series
	st := s.Stride[a]
	for r := range min(st, s.In[a]) {
		one := series{first: r, step: st, count: ceilDiv(s.In[a]-r, st), srcStep: 1}
		for k := s.Kernel[a] - 1; k >= 0; k-- {
			v := r + s.Pad[a] - k*s.Dilation[a]
			one.has = append(one.has, v%st == 0)
			one.at = append(one.at, v/st)
		}
		all = append(all, one)
	}
	return all
}

// links lists, for each of n outputs along an axis, what it reads of size inputs.
func links(all []series, n, size int) [][]link {
	out := make([][]link, n)
	for _, s := range all {
		for j := range s.count {
			for k, at := range s.at {
				if i := at + j*s.srcStep; s.has[k] && i >= 0 && i < size {
					o := s.first + j*s.step
					out[o] = append(out[o], link{k, i})
				}
			}
		}
	}
	return out
}

// parts cuts the outputs along W into kernel calls.
func (g *gather) parts(all []series) {
	size := g.in[2]
	for _, s := range all {
		if g.sweeps(s, size) {
			continue
		}
		tiles := ceilDiv(s.count, g.level.tile())
		for t := range tiles {
			g.tile(s, t*s.count/tiles, (t+1)*s.count/tiles, size)
		}
	}
}

// tile adds the calls for outputs lo..hi of a series: one with the taps that
// serve all of them, and one for each range that some others serve.
func (g *gather) tile(s series, lo, hi, size int) {
	for i, r := range s.ranges(lo, hi, size) {
		g.w = append(g.w, part{
			dst: s.first + r.lo*s.step, step: s.step, rows: r.hi - r.lo,
			srcStep: s.srcStep, links: r.links, first: i == 0,
		})
	}
}

// served is a range of the outputs of a series that some taps serve alike; src
// of a link is what the first of them reads.
type served struct {
	lo, hi int
	links  []link
}

// ranges sorts the taps by which of the outputs lo..hi they serve. The first is
// all outputs, though no tap may serve them all.
func (s series) ranges(lo, hi, size int) []served {
	all := []served{{lo: lo, hi: hi}}
	for k, at := range s.at {
		a, b := lo, hi
		for a < b && at+a*s.srcStep < 0 {
			a++
		}
		for a < b && at+(b-1)*s.srcStep >= size {
			b--
		}
		if a == b || !s.has[k] {
			continue
		}
		i := slices.IndexFunc(all, func(r served) bool { return r.lo == a && r.hi == b })
		if i < 0 {
			i = len(all)
			all = append(all, served{lo: a, hi: b})
		}
		all[i].links = append(all[i].links, link{k, at + a*s.srcStep})
	}
	return all
}

// sweeps adds calls of the sweep kernel for a whole series, where it can do it:
// three taps at distance one, and at most one column of padding at either end.
func (g *gather) sweeps(s series, size int) bool {
	most := g.level.sweepTile()
	if most == 0 || g.block != Lanes || len(s.at) != 3 || s.srcStep != 1 || s.step != 1 ||
		s.at[1] != s.at[0]+1 || s.at[2] != s.at[0]+2 || s.at[0] < -1 || s.at[0]+s.count+1 > size {
		return false
	}
	tiles := ceilDiv(s.count, most)
	for t := range tiles {
		lo, hi := t*s.count/tiles, (t+1)*s.count/tiles
		p := part{dst: s.first + lo, step: 1, rows: hi - lo, srcStep: 1, first: true, sweep: true}
		p.links = []link{{0, s.at[0] + lo}}
		p.left, p.right = flag(s.at[0]+lo >= 0), flag(s.at[0]+hi+1 < size)
		g.w = append(g.w, p)
	}
	return true
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// prepare finishes a gather whose sizes are set.
func (g *gather) prepare(d, h, w []series) {
	g.d, g.h = links(d, g.out[0], g.in[0]), links(h, g.out[1], g.in[1])
	if !g.patch(h, w) {
		g.parts(w)
	}
	g.perTarget = ceilDiv(g.from, g.block) * g.block * Lanes * volume(g.kernel)
	g.biasAt = blocks(g.to) * g.perTarget
	// A task is some 400 000 products of a vector (about 0.1 ms), or a row.
	work := volume(g.out) / g.out[0] * (g.perTarget / Lanes)
	g.chunks = max(1, min(g.out[1], ceilDiv(work, 400_000)))
	if g.patches != nil {
		g.chunks = 1
	}
}

func (g *gather) packedSize() int { return g.biasAt + blocks(g.to)*Lanes }

// mostRows and mostTaps are how long the lists of scratch may become.
func (g *gather) mostRows() int {
	return ceilDiv(g.from, g.block) * g.kernel[0] * g.kernel[1] * ceilDiv(g.out[1], g.chunks)
}

func (g *gather) mostTaps() int { return ceilDiv(g.from, g.block) * volume(g.kernel) }

func (g *gather) tasks() int {
	return g.n * blocks(g.to) * g.out[0] * g.chunks
}

// Do computes some output rows of one plane of a block of channels.
func (g *gather) Do(task, worker int) {
	s := g.scratch[worker]
	chunk := task % g.chunks
	h0, h1 := chunk*g.out[1]/g.chunks, (chunk+1)*g.out[1]/g.chunks
	task /= g.chunks
	d := task % g.out[0]
	task /= g.out[0]
	to := task % blocks(g.to)
	n := task / blocks(g.to)
	s.rows, s.ends = s.rows[:0], s.ends[:0]
	if g.patches != nil {
		g.plane(s, n, d, to)
		return
	}
	for h := h0; h < h1; h++ {
		g.sources(s, n, d, h)
		s.ends = append(s.ends, len(s.rows))
	}
	line := g.out[2] * Lanes
	dst := g.dst[(((n*blocks(g.to)+to)*g.out[0]+d)*g.out[1]+h0)*line:][:(h1-h0)*line]
	// Part by part, down the rows: what a part reads of x, the next row mostly
	// reads as well.
	for i := range g.w {
		from := 0
		for j, end := range s.ends {
			g.run(s, &g.w[i], s.rows[from:end], dst[j*line:], to)
			from = end
		}
	}
	if used := g.to - to*Lanes; used < Lanes {
		clearPadding(dst, used)
	}
}

// clearPadding zeroes the lanes from used on: they may be NaN where x is.
func clearPadding(row []float32, used int) {
	for ; len(row) > 0; row = row[Lanes:] {
		clear(row[used:Lanes])
	}
}

// sources adds to s.rows the input rows that output row d, h reads: where they are, and
// their weights.
func (g *gather) sources(s *scratch, n, d, h int) {
	from := ceilDiv(g.from, g.block)
	line := g.in[2] * g.block * 4
	tap3 := g.kernel[2] * g.block * Lanes * 4
	for b := range from {
		used := min(g.block, g.from-b*g.block)
		for _, ld := range g.d[d] {
			x := (((n*from+b)*g.in[0] + ld.src) * g.in[1]) * line
			v := ((b*g.kernel[0] + ld.k) * g.kernel[1]) * tap3
			for _, lh := range g.h[h] {
				s.rows = append(s.rows, tap{x + lh.src*line, v + lh.k*tap3, used})
			}
		}
	}
}

// run computes part p of an output row of block to from the rows of x listed.
func (g *gather) run(s *scratch, p *part, rows []tap, dst []float32, to int) {
	c := &s.c
	column := g.block * 4
	s.taps = s.taps[:0]
	for _, r := range rows {
		for _, l := range p.links {
			s.taps = append(s.taps, tap{r.x + l.src*column, r.v + l.k*g.block*Lanes*4, r.n})
		}
	}
	c.x, c.v = &g.src[0], &g.packed[to*g.perTarget]
	c.dst, c.step = &dst[p.dst*Lanes], p.step*Lanes*4
	c.xi, c.xl, c.n, c.init = p.srcStep*column, 4, len(s.taps), nil
	if p.first {
		c.init = &g.packed[g.biasAt+to*Lanes]
	}
	if c.n > 0 {
		c.taps = &s.taps[0]
	}
	if p.sweep {
		c.left, c.right = p.left, p.right
		g.level.sweep(c, p.rows)
	} else {
		g.level.outer(c, p.rows)
	}
}
