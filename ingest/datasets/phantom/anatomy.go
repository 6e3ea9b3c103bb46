package phantom

import (
	"math"
	"math/rand/v2"
)

// point is a place in millimetres from the middle of the field of view: x to
// the patient's left, y to the back, z to the top, as the voxels of a BraTS
// file run (LPS).
type point struct{ x, y, z float64 }

func (p point) sub(q point) point     { return point{p.x - q.x, p.y - q.y, p.z - q.z} }
func (p point) add(q point) point     { return point{p.x + q.x, p.y + q.y, p.z + q.z} }
func (p point) times(k float64) point { return point{p.x * k, p.y * k, p.z * k} }
func (p point) length() float64       { return math.Sqrt(p.x*p.x + p.y*p.y + p.z*p.z) }
func (p point) over(q point) point    { return point{p.x / q.x, p.y / q.y, p.z / q.z} }
func ball(r *rand.Rand) point         { return point{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()} }
func unit(p point) point              { return p.times(1 / max(p.length(), 1e-9)) }
func soft(d, half float64) float64    { return min(max(0.5+d/(2*half), 0), 1) }
func mix(a, b, t float64) float64     { return a + (b-a)*t }

// blend is max(a, b) with the corner rounded over about k millimetres.
func blend(a, b, k float64) float64 {
	h := max(k-math.Abs(a-b), 0) / k
	return max(a, b) + h*h*k/4
}

// ellipsoid returns about how many millimetres p is inside the ellipsoid with
// the centre c and the semi-axes s; negative outside.
func ellipsoid(p, c, s point) float64 {
	q := p.sub(c).over(s)
	k0, k1 := q.length(), q.over(s).length()
	if k1 < 1e-9 {
		return min(s.x, s.y, s.z)
	}
	return k0 * (1 - k0) / k1
}

// brain is one patient's anatomy: what stays the same from scan to scan. The
// sizes are those of an adult, in millimetres.
type brain struct {
	size      point   // of this head over the standard one
	ventricle float64 // width over the standard one
	turn      float64 // radians, of the head about z
	warp      [3]*field
	surface   *field
	folds     *field
	fine      *field // folds of the cerebellum
	vessels   [2]*field
	spots     *field
	texture   *field
}

func newBrain(r *rand.Rand) *brain {
	b := &brain{
		size:      point{1 + 0.04*bell(r), 1 + 0.04*bell(r), 1 + 0.03*bell(r)},
		ventricle: math.Exp(0.22 * bell(r)),
		turn:      0.05 * bell(r),
		surface:   newField(r, 30),
		folds:     newField(r, 7.5),
		fine:      newField(r, 4.5),
		vessels:   [2]*field{newField(r, 11), newField(r, 13)},
		spots:     newField(r, 6),
		texture:   newField(r, 8),
	}
	for i := range b.warp {
		b.warp[i] = newField(r, 50)
	}
	return b
}

// coat is the cerebrospinal fluid around the brain that skull stripping
// leaves, in millimetres.
const coat = 1.6

// own takes p to the standard head: no turn, no scale, no individual bends.
func (b *brain) own(p point) point {
	s, c := math.Sincos(b.turn)
	p = point{p.x*c + p.y*s, p.y*c - p.x*s, p.z}.over(b.size)
	return p.add(point{b.warp[0].at(p), b.warp[1].at(p), b.warp[2].at(p)}.times(2.2))
}

// reach is a box, half-widths in millimetres, that holds every brain.
var reach = point{88, 108, 92}

// depths are how many millimetres a place is inside the parts of the brain;
// negative outside.
type depths struct {
	cerebrum float64
	outer    float64 // the cerebrum's convex side alone: where folds go in from
	hind     float64 // cerebellum and brain stem
	head     float64 // all of it, with the cisterns between the parts
}

func (b *brain) depths(q point) depths {
	var d depths
	side := point{math.Abs(q.x), q.y, q.z}
	bumps := 1.5 * b.surface.at(q)
	dome := ellipsoid(q, point{0, -2, 4}, point{68, 86, 66})
	temporal := ellipsoid(side, point{40, -10, -26}, point{23, 42, 23})
	// The base: higher at the back, where the cerebellum lies below.
	base := q.z + 26 - 0.14*q.y
	d.outer = blend(dome, temporal, 8) + bumps
	d.cerebrum = blend(-blend(-dome, -base, 10), temporal, 8) + bumps
	lobes := ellipsoid(side, point{21, 50, -42}, point{33, 34, 25}) + 0.4*bumps
	stem := min(ellipsoid(q, point{0, 22, -40}, point{15, 16, 40}), -q.z-8)
	d.hind = blend(lobes, stem, 3)
	d.head = blend(d.cerebrum, d.hind, 14)
	return d
}

// tissue is what fills a voxel: parts that add up to 1, and what is laid over
// them.
type tissue struct {
	csf, grey, white float64
	vessel           float64 // 0 to 1
	edge             float64 // 0 to 1: the rim of the ventricles
	spot             float64 // 0 to 1: a white matter hyperintensity
	plexus           float64 // 0 to 1
}

// at returns the tissue at q of the standard head, given the depths there.
// half is half a voxel in millimetres: the width over which edges are partial.
func (b *brain) at(q point, d depths, half float64) tissue {
	if d.hind > d.cerebrum {
		return b.hindAt(q, d.hind, half)
	}
	var t tissue
	cerebrum := d.cerebrum
	sulcus := b.sulcus(q, d.outer)
	ventricle, body := b.ventricles(q)
	t.csf = max(soft(-cerebrum, half), soft(-sulcus, half), soft(ventricle, half))
	cortex := soft(3.1-min(cerebrum, sulcus), half)
	deep := soft(b.deepGrey(q), half)
	t.grey = max(cortex, deep) * (1 - t.csf)
	t.white = 1 - t.csf - t.grey
	t.edge = t.white * soft(3.5+ventricle, 2.5)
	t.spot = t.white * soft(8*(b.spots.at(q)-2.5), 3) * soft(cerebrum-14, 4)
	t.plexus = soft(3.2-point{math.Abs(q.x) - body.x, q.y - 26, q.z - body.z}.length(), half) * soft(ventricle, half)
	t.vessel = b.vessel(q, cerebrum, half)
	return t
}

func (b *brain) hindAt(q point, depth, half float64) tissue {
	var t tissue
	t.csf = soft(-depth, half)
	stem := soft(13-math.Hypot(q.x, q.y-22), 4)
	// Folia: thin, nearly level leaves.
	leaf := b.fine.sheet(point{q.x * 0.25, q.y * 0.35, q.z})
	t.csf = max(t.csf, 0.5*(1-stem)*soft(0.9-leaf, half)*soft(12-depth, 5))
	t.grey = (1 - t.csf) * (1 - stem) * max(soft(3.4-leaf, 2), soft(4-depth, half))
	t.white = 1 - t.csf - t.grey
	return t
}

// sulcus returns about how many millimetres q is from the fluid in the folds
// of the cortex and in the fissures.
func (b *brain) sulcus(q point, depth float64) float64 {
	// Folds run inwards: their pattern hardly changes along the radius.
	n := q.over(point{68, 86, 66})
	shell := q.times(math.Pow(max(n.length(), 0.3), -0.85))
	fold := b.folds.sheet(shell) - mix(1.0, -0.3, min(max(depth/17, 0), 1))
	fold += 40 * max(depth/17-1, 0)

	// The fissure between the hemispheres, but for the corpus callosum.
	bridge := math.Hypot((q.y-4)/46, (q.z-4)/27)
	between := math.Abs(q.x) - 0.9 + 25*max(1-bridge, 0)
	// The Sylvian fissure, over the temporal lobes: steep, so that no slice
	// holds much of it.
	lobe := 0.75*math.Abs(q.z+4-0.6*(q.y+6)+0.45*(math.Abs(q.x)-48)) - 1.1
	sylvian := max(lobe, 36-math.Abs(q.x)+0.1*math.Abs(q.y), math.Abs(q.y+6)-30)
	return min(fold, between, sylvian)
}

// ventricles returns how many millimetres q is inside the ventricles, negative
// outside, and the middle of the lateral one (x, z) at q's y.
func (b *brain) ventricles(q point) (float64, point) {
	w := b.ventricle
	y := q.y - 2
	body := point{x: 7.5*math.Sqrt(w) + 0.011*y*y*(1+0.008*y), z: 15 - 0.009*y*y}
	length := 1 - (y*y)/(38*38)
	lateral := -30.0
	if length > 0 {
		r := 6.2 * w * math.Sqrt(length)
		lateral = r - math.Hypot((math.Abs(q.x)-body.x)*1.15, (q.z-body.z)*0.85)
	}
	third := min(1.5*w-math.Abs(q.x), 12-math.Abs(q.y-4), 9-math.Abs(q.z+2))
	return max(lateral, third), body
}

// deepGrey returns how many millimetres q is inside thalamus, caudate or
// putamen, negative outside.
func (b *brain) deepGrey(q point) float64 {
	s := point{math.Abs(q.x), q.y, q.z}
	return max(
		ellipsoid(s, point{11, 12, 3}, point{8, 13, 9}),
		ellipsoid(s, point{13, -19, 7}, point{5, 10, 9}),
		ellipsoid(s, point{26 + 0.12*(q.y+2), -2, 1}, point{5.5, 16, 10}),
	)
}

// vessel returns how much of a vessel there is at q: the sagittal sinus, and
// random curves (where two fields are both zero) in the outer brain.
func (b *brain) vessel(q point, depth, half float64) float64 {
	curve := 1.5 - math.Hypot(b.vessels[0].sheet(q), b.vessels[1].sheet(q))
	v := soft(curve, half) * soft(20-depth, 5)
	sinus := math.Hypot(q.x, depth-0.5) - 3
	if q.z > 0 || q.y > 60 {
		v = max(v, soft(-sinus, half))
	}
	// A thick voxel holds a thin vessel in part only.
	return v * min(1, 2.5/(2*half))
}
