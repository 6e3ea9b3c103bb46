package phantom

import (
	"context"
	"math"
	"math/rand/v2"
)

// contrasts are the file suffixes of the four contrasts, in the order of the
// rows of signal.
var contrasts = [4]string{"flair", "t1", "t1ce", "t2"}

// signal is the brightness of each tissue in each contrast: fluid, grey and
// white matter, oedema, core, enhancing tumour. So oedema shows in FLAIR and
// T2, the core darkly in T1, and enhancement in T1ce alone.
var signal = [4][6]float64{
	{0.15, 0.55, 0.45, 0.90, 0.80, 0.84},
	{0.20, 0.55, 0.80, 0.60, 0.46, 0.50},
	{0.20, 0.55, 0.80, 0.60, 0.34, 1.60},
	{1.00, 0.55, 0.40, 0.76, 0.84, 0.78},
}

// The overlays that confuse: their brightness in each contrast, and by how
// much they replace what is below.
var (
	vesselSignal = [4]float64{0.30, 0.50, 1.45, 0.30}
	edgeSignal   = [4]float64{0.78, 0.66, 0.66, 0.58}
	spotSignal   = [4]float64{0.88, 0.62, 0.62, 0.72}
	plexusSignal = [4]float64{0.50, 0.50, 1.30, 0.70}
)

const (
	enhancingFloor = 1.5  // T1ce: below it, enhancement drowns in white matter
	noiseSD        = 0.05 // of the unit of signal
	fullScale      = 32000
)

// scanner is one session's acquisition: what differs from scan to scan.
type scanner struct {
	signal [4][6]float64
	gain   [4]float64 // stored units per unit of signal
	bias   [4]*field
	depth  [4]float64 // of the bias
	noise  *rand.Rand
}

func newScanner(r *rand.Rand) *scanner {
	s := &scanner{signal: signal, noise: r}
	for m := range s.signal {
		for k := range s.signal[m] {
			s.signal[m][k] *= 1 + 0.08*bell(r)
		}
		s.gain[m] = 420 * math.Exp(0.4*bell(r))
		s.bias[m] = newField(r, 80)
		s.depth[m] = between(r, 0.04, 0.12)
	}
	s.signal[2][5] = max(s.signal[2][5], enhancingFloor)
	return s
}

// volumes are one case's voxels, x fastest.
type volumes struct {
	size   [3]int
	voxel  point // size in mm
	images [4][]int16
	seg    []int16
}

// newVolumes returns empty volumes of the size, x, y, z, that cover one of the
// two fields of view.
func newVolumes(size [3]int, tight bool) *volumes {
	n := size[0] * size[1] * size[2]
	v := &volumes{size: size, seg: make([]int16, n)}
	field := point{240, 240, 155}
	if tight {
		field = point{172, 204, 155}
	}
	v.voxel = field.over(point{float64(size[0]), float64(size[1]), float64(size[2])})
	for i := range v.images {
		v.images[i] = make([]int16, n)
	}
	return v
}

// at returns the middle of the voxel.
func (v *volumes) at(x, y, z int) point {
	return point{
		(float64(x) + 0.5 - float64(v.size[0])/2) * v.voxel.x,
		(float64(y) + 0.5 - float64(v.size[1])/2) * v.voxel.y,
		(float64(z) + 0.5 - float64(v.size[2])/2) * v.voxel.z,
	}
}

// scan fills the volumes with the brain and its tumour as the scanner sees
// them. Air stays exactly 0, and tissue is at least 1.
func (v *volumes) scan(ctx context.Context, b *brain, t *tumour, s *scanner) error {
	half := 0.42 * math.Cbrt(v.voxel.x*v.voxel.y*v.voxel.z)
	i := 0
	for z := range v.size[2] {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for y := range v.size[1] {
			for x := range v.size[0] {
				p := v.at(x, y, z)
				if e := p.over(reach); e.length() < 1 {
					v.voxelAt(i, p, half, b, t, s)
				}
				i++
			}
		}
	}
	return nil
}

func (v *volumes) voxelAt(i int, p point, half float64, b *brain, t *tumour, s *scanner) {
	q := b.own(p)
	d := b.depths(q)
	if d.head < -coat {
		return
	}
	if was, moved := t.before(p); moved {
		q = b.own(was)
	}
	ts := b.at(q, d, half)
	g := t.at(p, ts, d.cerebrum, half)
	v.seg[i] = g.label

	rest := 1 - g.oedema - g.core - g.enhancing
	parts := [6]float64{ts.csf * rest, ts.grey * rest, ts.white * rest, g.oedema, g.core, g.enhancing}
	grain := 1 + 0.035*b.texture.at(p)
	for m := range v.images {
		var e float64
		for k, w := range parts {
			e += w * s.signal[m][k]
		}
		e = mix(e, edgeSignal[m], 0.6*ts.edge*rest)
		e = mix(e, spotSignal[m], ts.spot*rest)
		e = mix(e, plexusSignal[m], ts.plexus*rest)
		e = mix(e, vesselSignal[m], ts.vessel*(1-g.core-g.enhancing))
		e *= grain * math.Exp(s.depth[m]*s.bias[m].at(p))
		e += noiseSD * s.noise.NormFloat64()
		v.images[m][i] = int16(min(max(math.Round(e*s.gain[m]), 1), fullScale))
	}
}
