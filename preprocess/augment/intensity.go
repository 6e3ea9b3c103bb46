package augment

import (
	"math"
	"math/rand/v2"
)

// change is what happens to the values of one volume, in this order.
type change struct {
	noise      float64 // 0 is none
	seed       [2]uint64
	scale, add float64 // 1 and 0 are none
	contrast   float64 // 1 is none
	gamma      float64 // 1 is none
}

// on reports whether anything may be drawn.
func (o *Intensity) on() bool {
	return o.Noise.P > 0 || o.Brightness.P > 0 || o.Offset.P > 0 || o.Contrast.P > 0 || o.Gamma.P > 0
}

// draw draws the changes of all volumes, present or not, and reports whether
// there are any.
func (o *Intensity) draw(rng *rand.Rand, changes []change) (any bool) {
	each := func(d Draw, set func(c *change, v float64)) {
		drawn, v := rng.Float64() < d.P, 0.0
		for i := range changes {
			if u := rng.Float64(); i == 0 || !o.Joint {
				v = d.Lo + (d.Hi-d.Lo)*u
			}
			if drawn {
				set(&changes[i], v)
			}
		}
		any = any || drawn
	}
	for i := range changes {
		changes[i] = change{seed: [2]uint64{rng.Uint64(), rng.Uint64()}, scale: 1, contrast: 1, gamma: 1}
	}
	each(o.Noise, func(c *change, v float64) { c.noise = v })
	each(o.Brightness, func(c *change, v float64) { c.scale = v })
	each(o.Offset, func(c *change, v float64) { c.add = v })
	each(o.Contrast, func(c *change, v float64) { c.contrast = v })
	each(o.Gamma, func(c *change, v float64) { c.gamma = v })
	return any
}

// span is v[lo:hi].
type span struct{ lo, hi int }

// tissue returns the spans of v that are not air, in the memory of spans.
func tissue(spans []span, v []float32, air float32) []span {
	spans = spans[:0]
	for i := 0; i < len(v); {
		for i < len(v) && v[i] == air {
			i++
		}
		lo := i
		for i < len(v) && v[i] != air {
			i++
		}
		if i > lo {
			spans = append(spans, span{lo, i})
		}
	}
	return spans
}

// apply changes the values of v within the spans.
func (c *change) apply(v []float32, spans []span) {
	if c.noise > 0 {
		rng := rand.New(rand.NewPCG(c.seed[0], c.seed[1]))
		for _, s := range spans {
			part := v[s.lo:s.hi]
			for i, x := range part {
				part[i] = x + float32(c.noise*rng.NormFloat64())
			}
		}
	}
	if c.scale != 1 || c.add != 0 {
		line(v, spans, c.scale, c.add)
	}
	if c.contrast != 1 {
		m := momentsOf(v, spans)
		line(v, spans, c.contrast, m.mean*(1-c.contrast))
		if c.contrast > 1 {
			clip(v, spans, m.lo, m.hi)
		}
	}
	if c.gamma != 1 {
		curve(v, spans, c.gamma)
	}
}

// line replaces each value x by scale*x + add.
func line(v []float32, spans []span, scale, add float64) {
	a, b := float32(scale), float32(add)
	for _, s := range spans {
		part := v[s.lo:s.hi]
		for i, x := range part {
			part[i] = a*x + b
		}
	}
}

func clip(v []float32, spans []span, lo, hi float32) {
	for _, s := range spans {
		part := v[s.lo:s.hi]
		for i, x := range part {
			if x < lo { // not the built-in min, which takes twice as long for the sake of NaN
				part[i] = lo
			}
			if x > hi {
				part[i] = hi
			}
		}
	}
}

// moments are those of some values: mean and standard deviation (of the
// population), the least and the largest.
type moments struct {
	mean, sd float64
	lo, hi   float32
}

func momentsOf(v []float32, spans []span) moments {
	var m moments
	if len(spans) == 0 {
		return m
	}
	n, sum, squares := 0, 0.0, 0.0
	first := v[spans[0].lo] // a value to take the squares from: they stay small
	m.lo, m.hi = first, first
	for _, s := range spans {
		for _, x := range v[s.lo:s.hi] {
			d := float64(x - first)
			sum += d
			squares += d * d
			if x < m.lo {
				m.lo = x
			}
			if x > m.hi {
				m.hi = x
			}
		}
		n += s.hi - s.lo
	}
	mean := sum / float64(n)
	m.mean = mean + float64(first)
	m.sd = math.Sqrt(max(squares/float64(n)-mean*mean, 0))
	return m
}

// curve raises the values, as parts of the way from the least to the largest, to
// the power of gamma, and then makes mean and deviation what they were.
func curve(v []float32, spans []span, gamma float64) {
	m := momentsOf(v, spans)
	width := float64(m.hi - m.lo)
	if !(width > 0) {
		return
	}
	for _, s := range spans {
		power(v[s.lo:s.hi], m.lo, 1/width, gamma)
	}
	now := momentsOf(v, spans)
	if now.sd > 0 {
		line(v, spans, m.sd/now.sd, m.mean-now.mean*m.sd/now.sd)
	}
}

// power replaces each value v by ((v - lo) * scale)^g, for bases from 0 to about
// 1 and g from 0.2 to 5, within 1e-6. math.Pow would take three times as long.
func power(v []float32, lo float32, scale, g float64) {
	const (
		tiny = 0x1p-150 // to the power of 0.2: 1e-9
		half = 0x3fe6_a09e_667f_3bcd
		up   = 0x3ff0_0000_0000_0000 - half // from sqrt(1/2) to 1
		k    = 2 / math.Ln2
	)
	for i, b := range v {
		x := float64(b-lo) * scale
		if x < tiny {
			v[i] = 0
			continue
		}
		// x = 2^e * f with f from sqrt(1/2) to sqrt(2), and
		// log2 f = 2/ln 2 * artanh((f-1)/(f+1)), of which four terms.
		bits := math.Float64bits(x)
		e := int64(bits+up)>>52 - 1023
		f := math.Float64frombits(bits - uint64(e)<<52)
		t := (f - 1) / (f + 1)
		u := t * t
		y := g * (float64(e) + t*(k+u*(k/3+u*(k/5+u*(k/7)))))
		// 2^y = 2^n * exp(z) with |z| <= ln 2 / 2, by Taylor's series. y is at most
		// a little above 0, at least -750.
		n := int64(y - 0.5)
		z := (y - float64(n)) * math.Ln2
		w := 1 + z*(1+z*(1./2+z*(1./6+z*(1./24+z*(1./120+z*(1./720+z*(1./5040)))))))
		v[i] = float32(w * math.Float64frombits(uint64(n+1023)<<52))
	}
}
