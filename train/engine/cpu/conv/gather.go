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
	runs      []run   // of rows of the output
	w         []part  // of a row, for one block of channels
	both      []part  // for two of them, where pair computes them
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

// run is a range of rows of the output that read x alike: each reads, through
// the taps of links, what the one before it reads, step rows further.
type run struct{ lo, hi, step int }

// scratch is what a worker needs for its calls.
type scratch struct {
	c    call
	rows []tap
	taps []tap
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

// cuts lists the runs of n outputs whose links are these.
func cuts(links [][]link) []run {
	var all []run
	for h, now := range links {
		if h > 0 {
			last := &all[len(all)-1]
			if step, ok := further(links[h-1], now); ok && (last.hi == last.lo+1 || last.step == step) {
				last.hi, last.step = h+1, step
				continue
			}
		}
		all = append(all, run{lo: h, hi: h + 1})
	}
	return all
}

// further reports whether b is a with all inputs as many steps further.
func further(a, b []link) (step int, ok bool) {
	if len(a) != len(b) || len(a) == 0 {
		return 0, len(a) == len(b)
	}
	step = b[0].src - a[0].src
	for i := range a {
		if a[i].k != b[i].k || b[i].src-a[i].src != step {
			return 0, false
		}
	}
	return step, true
}

// parts cuts the outputs along W into kernel calls.
func (g *gather) parts(all []series) {
	for _, s := range all {
		if g.sweeps(s, g.in[2]) {
			continue
		}
		g.w = g.tiles(g.w, s, g.level.tile())
		if most := g.level.pairTile(); most > 0 && blocks(g.to) > 1 {
			g.both = g.tiles(g.both, s, most)
		}
	}
}

// tiles adds the calls for a series, of most outputs each: one with the taps
// that serve all of them, and one for each range that some others serve.
func (g *gather) tiles(parts []part, s series, most int) []part {
	tiles := ceilDiv(s.count, most)
	for t := range tiles {
		for i, r := range s.ranges(t*s.count/tiles, (t+1)*s.count/tiles, g.in[2]) {
			parts = append(parts, part{
				dst: s.first + r.lo*s.step, step: s.step, rows: r.hi - r.lo,
				srcStep: s.srcStep, links: r.links, first: i == 0,
			})
		}
	}
	return parts
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
	g.runs = cuts(g.h)
	if !g.patch(h, w) {
		g.parts(w)
	}
	g.perTarget = ceilDiv(g.from, g.block) * g.block * Lanes * volume(g.kernel)
	g.biasAt = blocks(g.to) * g.perTarget
	// A task is some 400 000 products of a vector (about 0.1 ms), or a row.
	work := volume(g.out) / g.out[0] * (g.perTarget / Lanes) * g.wide()
	g.chunks = max(1, min(g.out[1], ceilDiv(work, 400_000)))
	if g.patches != nil {
		g.chunks = 1
	}
}

// wide returns how many blocks of channels a task does.
func (g *gather) wide() int {
	if g.both != nil {
		return 2
	}
	return 1
}

func (g *gather) packedSize() int { return g.biasAt + blocks(g.to)*Lanes }

// mostRows and mostTaps are how long the lists of scratch may become.
func (g *gather) mostRows() int { return ceilDiv(g.from, g.block) * g.kernel[0] * g.kernel[1] }

func (g *gather) mostTaps() int { return ceilDiv(g.from, g.block) * volume(g.kernel) }

func (g *gather) tasks() int {
	return g.n * ceilDiv(blocks(g.to), g.wide()) * g.out[0] * g.chunks
}

// Do computes some output rows of one plane of a block of channels, or of two.
func (g *gather) Do(task, worker int) {
	s := g.scratch[worker]
	chunk := task % g.chunks
	h0, h1 := chunk*g.out[1]/g.chunks, (chunk+1)*g.out[1]/g.chunks
	task /= g.chunks
	d := task % g.out[0]
	task /= g.out[0]
	groups := ceilDiv(blocks(g.to), g.wide())
	to, n := task%groups*g.wide(), task/groups
	if g.patches != nil {
		g.plane(s, n, d, to)
		return
	}
	pair := g.both != nil && to+1 < blocks(g.to)
	for _, r := range g.runs {
		r.lo, r.hi = max(r.lo, h0), min(r.hi, h1)
		if r.lo < r.hi {
			g.rows(s, r, n, d, to, pair)
		}
	}
}

// rows computes a run of rows. Part by part, down the rows: what a part reads
// of x, the next row mostly reads as well, through the same list of taps.
func (g *gather) rows(s *scratch, r run, n, d, to int, pair bool) {
	parts := g.w
	if pair {
		parts = g.both
	}
	s.rows = s.rows[:0]
	g.sources(s, n, d, r.lo)
	c := &s.c
	line := g.out[2] * Lanes
	dst := g.dst[(((n*blocks(g.to)+to)*g.out[0]+d)*g.out[1]+r.lo)*line:]
	c.v, c.v2, c.dst2 = &g.packed[to*g.perTarget], g.perTarget*4, volume(g.out)*Lanes*4
	for i := range parts {
		p := &parts[i]
		g.list(s, p)
		c.step, c.init = p.step*Lanes*4, nil
		if p.first {
			c.init = &g.packed[g.biasAt+to*Lanes]
		}
		c.left, c.right = p.left, p.right
		for h := range r.hi - r.lo {
			c.x, c.dst = &g.src[0], &dst[h*line+p.dst*Lanes]
			if c.n > 0 {
				c.x = &g.src[h*r.step*g.in[2]*g.block]
			}
			switch {
			case p.sweep:
				g.level.sweep(c, p.rows)
			case pair:
				g.level.pair(c, p.rows)
			default:
				g.level.outer(c, p.rows)
			}
		}
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

// list makes the list of taps of a part from the rows listed.
func (g *gather) list(s *scratch, p *part) {
	c := &s.c
	column := g.block * 4
	s.taps = s.taps[:0]
	c.xi, c.xl = p.srcStep*column, 4
	for _, r := range s.rows {
		for i, l := range p.links {
			t := tap{r.x + l.src*column, r.v + l.k*g.block*Lanes*4, r.n}
			// Of a plain input, taps at one distance are one, of several products.
			if g.block == 1 && i > 0 && l.k == p.links[i-1].k+1 {
				c.xl = 4 * (l.src - p.links[i-1].src)
				s.taps[len(s.taps)-1].n++
				continue
			}
			s.taps = append(s.taps, t)
		}
	}
	c.n, c.taps = len(s.taps), nil
	if c.n > 0 {
		c.taps = &s.taps[0]
	}
}
