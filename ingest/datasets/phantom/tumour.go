package phantom

import (
	"math"
	"math/rand/v2"
)

// The labels of a BraTS 2018 segmentation.
const (
	labelCore      = 1 // necrotic and non-enhancing core
	labelOedema    = 2
	labelEnhancing = 4
)

// tumour is what grows in one brain: an oedema that follows the white matter,
// in it and off its middle a core, around that an enhancing rim.
type tumour struct {
	centre, core  point // of oedema and core
	radius        float64
	coreRadius    float64
	rim           float64 // thickness in mm; 0 for none
	gap           float64 // the rim is broken where the field breaks is above it
	nodule        point
	noduleRadius  float64 // 0 for none
	push          float64 // mm by which the tissue near it is displaced
	shape, edge   *field
	thick, breaks *field
}

// newTumour draws a patient's tumour. lgg asks for a low grade: more core, less
// displacement, and a thin rim in pieces or, in two of five, a nodule alone, so
// that one patient in ten has no more than that.
func newTumour(r *rand.Rand, lgg bool) *tumour {
	t := &tumour{
		radius: between(r, 26, 42),
		shape:  newField(r, 15), edge: newField(r, 10),
		thick: newField(r, 10), breaks: newField(r, 12),
	}
	side := 1.0
	if r.IntN(2) == 0 {
		side = -1
	}
	t.centre = point{side * between(r, 20, 40), between(r, -46, 46), between(r, -2, 34)}
	t.coreRadius = t.radius * between(r, 0.5, 0.75)
	offset := unit(ball(r)).times(between(r, 0.3, 0.8) * (t.radius - t.coreRadius))
	t.core = t.centre.add(offset)
	t.push = between(r, 4, 9)
	t.rim, t.gap = between(r, 4, 8), between(r, 0.7, 1.6)
	noduleR, at := between(r, 5.5, 9), unit(ball(r))
	if !lgg {
		return t
	}
	t.coreRadius = max(t.coreRadius, 0.62*t.radius)
	t.push *= 0.4
	t.rim *= 0.6
	t.gap -= 0.6
	if r.Float64() < 0.4 {
		t.rim, t.noduleRadius = 0, noduleR
		t.nodule = t.core.add(at.times(0.6 * t.coreRadius))
	}
	return t
}

// follow returns the tumour as a later scan of the patient finds it.
func (t *tumour) follow(r *rand.Rand) *tumour {
	u, k := *t, between(r, 0.82, 1.25)
	u.radius *= k
	u.coreRadius *= k
	u.rim *= between(r, 0.8, 1.2)
	return &u
}

// before returns where the tissue at p was before the tumour pushed it away,
// and whether that is elsewhere.
func (t *tumour) before(p point) (point, bool) {
	d := p.sub(t.core)
	l := d.length()
	k := l / t.coreRadius
	shift := min(t.push*math.Exp(-0.35*k*k), 0.8*l)
	return p.sub(unit(d).times(shift)), shift > 0.05
}

// growth is how much of a voxel the tumour takes, 0 to 1 each, and its label.
type growth struct {
	oedema, core, enhancing float64
	label                   int16
}

// at returns the growth at p, in the tissue ts that would be there without it.
// depth is that below the brain's surface.
func (t *tumour) at(p point, ts tissue, depth, half float64) growth {
	var g growth
	far := p.sub(t.centre).length()
	if far > 2.2*t.radius {
		return g
	}
	// Oedema spreads in white matter, stops at grey, and keeps out of fluid.
	dOedema := t.radius*(1+0.16*t.shape.at(p)) - far - 9*ts.grey - 40*ts.csf
	dCore := t.coreRadius*(1+0.13*t.edge.at(p)) - p.sub(t.core).length()
	dCore = min(dCore, depth-0.8)

	g.core = soft(dCore, half)
	g.oedema = soft(dOedema, half) * (1 - g.core)
	if dOedema > 0 {
		g.label = labelOedema
	}
	dRim := -math.MaxFloat64
	if t.rim > 0 {
		thick := t.rim * (1 + 0.3*t.thick.at(p))
		dRim = min(thick-dCore, 6*(t.gap-t.breaks.at(p)))
	}
	if t.noduleRadius > 0 {
		dRim = max(dRim, t.noduleRadius*(1+0.12*t.thick.at(p))-p.sub(t.nodule).length())
	}
	g.enhancing = g.core * soft(dRim, half)
	g.core -= g.enhancing
	if dCore > 0 {
		g.label = labelCore
		if dRim > 0 {
			g.label = labelEnhancing
		}
	}
	return g
}
