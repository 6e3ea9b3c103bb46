package conv

// patch is one kernel call in every plane of the output: a rectangle of
// outputs, groups along H and cols along W, that are linked through the taps of
// links alike. Short lines alone would keep too few sums going at a time.
type patch struct {
	dst, step, group int // outputs
	groups, cols     int
	xi, xg           int // inputs
	links            []patchLink
	first            bool // starts from the bias; else adds
}

// patchLink is a tap along H and W, k, and the place in a plane of the input
// that the first output reads through it.
type patchLink struct{ k, src int }

// patch cuts the plane into patches, if its lines are short enough.
func (g *gather) patch(h, w []series) bool {
	for _, s := range w {
		if g.level.patchTile(s.count) == 0 {
			return false
		}
	}
	for _, sw := range w {
		most := g.level.patchTile(sw.count)
		for _, sh := range h {
			tiles := ceilDiv(sh.count, most)
			for t := range tiles {
				lines := sh.ranges(t*sh.count/tiles, (t+1)*sh.count/tiles, g.in[1])
				for i, rh := range lines {
					for j, rw := range sw.ranges(0, sw.count, g.in[2]) {
						g.addPatch(sh, sw, rh, rw, i == 0 && j == 0)
					}
				}
			}
		}
	}
	return true
}

func (g *gather) addPatch(sh, sw series, rh, rw served, first bool) {
	p := patch{
		dst:  (sh.first+rh.lo*sh.step)*g.out[2] + sw.first + rw.lo*sw.step,
		step: sw.step, group: sh.step * g.out[2],
		groups: rh.hi - rh.lo, cols: rw.hi - rw.lo,
		xi: sw.srcStep, xg: sh.srcStep * g.in[2], first: first,
	}
	for _, lh := range rh.links {
		for _, lw := range rw.links {
			p.links = append(p.links, patchLink{lh.k*g.kernel[2] + lw.k, lh.src*g.in[2] + lw.src})
		}
	}
	if first || len(p.links) > 0 {
		g.patches = append(g.patches, p)
	}
}

// plane computes plane d of block to of the output.
func (g *gather) plane(s *scratch, n, d, to int) {
	g.planes(s, n, d)
	size := g.out[1] * g.out[2] * Lanes
	dst := g.dst[((n*blocks(g.to)+to)*g.out[0]+d)*size:][:size]
	c := &s.c
	c.x, c.v = &g.src[0], &g.packed[to*g.perTarget]
	column := g.block * 4
	for i := range g.patches {
		p := &g.patches[i]
		s.taps = s.taps[:0]
		for _, r := range s.rows {
			for _, l := range p.links {
				s.taps = append(s.taps, tap{r.x + l.src*column, r.v + l.k*g.block*Lanes*4, r.n})
			}
		}
		c.dst, c.step, c.group = &dst[p.dst*Lanes], p.step*Lanes*4, p.group*Lanes*4
		c.xi, c.xg, c.xl, c.n, c.init = p.xi*column, p.xg*column, 4, len(s.taps), nil
		if p.first {
			c.init = &g.packed[g.biasAt+to*Lanes]
		}
		if c.n > 0 {
			c.taps = &s.taps[0]
		}
		g.level.patch(c, p.groups, p.cols)
	}
}

// planes lists the input planes that output plane d reads, and their weights.
func (g *gather) planes(s *scratch, n, d int) {
	from := ceilDiv(g.from, g.block)
	s.rows = s.rows[:0]
	for b := range from {
		for _, l := range g.d[d] {
			s.rows = append(s.rows, tap{
				x: ((n*from+b)*g.in[0] + l.src) * g.in[1] * g.in[2] * g.block * 4,
				v: (b*g.kernel[0] + l.k) * g.kernel[1] * g.kernel[2] * g.block * Lanes * 4,
				n: min(g.block, g.from-b*g.block),
			})
		}
	}
}
