package volume

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess"
)

// scale maps the intensities of one modality: v becomes (min(v, top) - mean) *
// inv, but zero becomes 0 where stays is set. The zero scale makes all of it 0.
type scale struct {
	mean, inv, top float64
	stays          bool
	zero           float64 // after the clip
}

func (c scale) of(v float32) float32 {
	x := float64(v)
	if x > c.top { // not the built-in min, which takes twice as long for the sake of NaN
		x = c.top
	}
	if c.inv == 0 || c.stays && x == c.zero {
		return 0 // not -0
	}
	return float32((x - c.mean) * c.inv)
}

type normalise struct {
	name string
	// joint says whether only voxels where the sum over the present modalities
	// is above 0 are looked at.
	joint bool
	// scale finds the scale from the intensities of the whole volume, and says
	// what is odd.
	scale func(t tally, background float32) (scale, []string)
}

func normalisations() []normalise {
	return []normalise{
		{name: "mckd", scale: mckd},
		{name: "zscore-nonzero", scale: nonzero},
		{name: "zscore-joint", scale: zscore, joint: true},
	}
}

// Normalisations returns the names that [Normalise] knows.
func Normalisations() []string {
	var names []string
	for _, n := range normalisations() {
		names = append(names, n.name)
	}
	return names
}

// Normalise returns the stage of one of the definitions of intensity that are
// in use on BraTS. They make three different data sets, so the name stands in
// Definitions: "mckd/1". Mean and standard deviation (of the population) are
// taken in float64.
//
//   - "mckd", as MCKD's data loader does. Per modality: a histogram of int(max)
//     bins over min to max (numpy.histogram); the number of its last bin with
//     50 voxels or more is the top that larger values are set to; then z-score
//     over the voxels that differ from the background, which becomes 0. Where
//     max is below 1, no bin has 50 voxels, or the clip would make all one value
//     (values below 1, small volumes), nothing is clipped, with a Warning.
//   - "zscore-nonzero", as nnU-Net does. Per modality: z-score over the voxels
//     that are not 0, which stays 0.
//   - "zscore-joint", as RFNet, mmFormer and IM-Fuse do: z-score of every voxel
//     by mean and deviation over those where the sum of the modalities is above
//     0. So the background becomes a number below zero, not 0.
//
// What Crop cut away counts as background, so both orders give the same bits.
// Background is scaled along. A modality that is constant where it is looked at
// becomes all 0, with a Warning; so does its Background. One with NaN or
// infinity is a SubjectError: neither ever comes out. It works in place.
func Normalise(name string) (preprocess.Stage, error) {
	for _, n := range normalisations() {
		if n.name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("volume: normalisation %q is not one of %s", name, strings.Join(Normalisations(), ", "))
}

func (n normalise) Name() string { return n.name + "/1" }

func (n normalise) Apply(ctx context.Context, _ *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	shape, err := shapeOf(s)
	if err != nil {
		return err
	}
	var mask []bool
	outside := cutAway(s, shape)
	if n.joint {
		mask = jointMask(s)
		if sum := jointSum(s); !(sum > 0) {
			outside = 0
		}
	}
	// Every scale is found before anything is written: a later modality's fault
	// must not leave a sample half done, nor a mask see scaled values.
	maps, err := n.maps(ctx, s, func(table *table, i int, bg float32) (tally, bool) {
		return tallyOf(table, s.Inputs[i].Data, mask, bg, outside)
	})
	if err != nil {
		return err
	}
	for i := range s.Present.All() {
		maps[i].Values(s.Inputs[i].Data, s.Inputs[i].Data)
	}
	emit(s)
	return nil
}

// Repack is as [preprocess.Repacker] has it.
func (n normalise) Repack(ctx context.Context, p *ingest.Packed) (bool, error) {
	if n.joint || p.Maps != nil {
		return false, nil // a voxel's fate depends on more than its value
	}
	maps, err := n.maps(ctx, p.Sample, func(table *table, i int, bg float32) (tally, bool) {
		v := p.Volumes[i]
		if v.Codes != nil {
			return codeTally(table, v.Codes, bg, v.Len()-v.Kept()), true
		}
		return tallyOf(table, v.Values, nil, bg, v.Len()-v.Kept())
	})
	if err != nil {
		return false, err
	}
	p.Maps = maps
	return true, nil
}

// maps finds what becomes of the values of each modality, and says in s all but
// them. of counts them; bg is the background.
func (n normalise) maps(ctx context.Context, s *ingest.Sample, of func(table *table, i int, bg float32) (tally, bool)) ([]ingest.Map, error) {
	scales, maps := make([]scale, len(s.Inputs)), make([]ingest.Map, len(s.Inputs))
	counts := new(table)
	for i := range s.Present.All() {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		bg := backgroundOf(s, i)
		t, ok := of(counts, i, bg)
		if !ok {
			return nil, fault(s, "nonfinite", "repair the file or leave the subject out", "%s holds NaN or infinity", nameOf(s, i))
		}
		var odd []string
		scales[i], odd = n.scale(t, bg)
		if n.joint && !scales[i].finite(s.Inputs[i].Data, bg) {
			scales[i], odd = scale{}, []string{"it varies so little where the modalities are above 0 that the rest would overflow, so all of it becomes 0"}
		}
		maps[i] = scales[i].mapper(t, bg)
		for _, text := range odd {
			s.Warnings = append(s.Warnings, ingest.Problem{Kind: "intensity", Reason: nameOf(s, i) + ": " + text})
		}
	}
	s.Background = scaled(s.Background, scales, s)
	s.Definitions = append(s.Definitions, n.Name())
	return maps, nil
}

// backgroundOf returns the background of modality i: its first voxel where s has
// none.
func backgroundOf(s *ingest.Sample, i int) float32 {
	v := s.Inputs[i].Data
	switch {
	case s.Background != nil:
		return s.Background[i]
	case len(v) > 0:
		return v[0]
	}
	return 0
}

func scaled(background []float32, scales []scale, s *ingest.Sample) []float32 {
	if background == nil {
		return nil
	}
	out := make([]float32, len(background)) // others may hold the old slice
	for i := range s.Present.All() {
		out[i] = scales[i].of(background[i])
	}
	return out
}

// finite reports whether all of v and the background stay finite. Values that a
// deviation was taken over do; those outside of a mask need not.
func (c scale) finite(v []float32, background float32) bool {
	lo, hi := background, background
	for _, x := range v {
		if x < lo {
			lo = x
		}
		if x > hi {
			hi = x
		}
	}
	a, b := c.of(lo), c.of(hi)
	return a-a == 0 && b-b == 0
}

// mapper is a scale, and a table of what it makes of whole numbers, in which most
// is looked up in a third of the time. It is an [ingest.Map].
type mapper struct {
	scale
	table []float32 // of the numbers from low on
	low   int32
	all   bool // whether the table has every value there is
	bits  uint32
	air   float32 // of the background, which has those bits
}

// mapper returns the scale for the values of t, and for others.
func (c scale) mapper(t tally, background float32) *mapper {
	m := &mapper{scale: c, low: int32(t.lo), all: t.whole && !t.masked, bits: math.Float32bits(background), air: c.of(background)}
	if t.whole {
		m.table = make([]float32, int(t.hi-t.lo)+1) // at most tableN
		for i := range m.table {
			m.table[i] = c.of(float32(int(m.low) + i))
		}
	}
	return m
}

func (m *mapper) Values(dst, src []float32) {
	table := m.table
	for len(src) > 0 {
		k := min(len(src), 8)
		if k == 8 && all8(src, m.bits) {
			*(*[8]float32)(dst) = [8]float32{m.air, m.air, m.air, m.air, m.air, m.air, m.air, m.air}
			dst, src = dst[8:], src[8:]
			continue
		}
		to := dst[:k]
		for i, x := range src[:k] {
			n := int32(x)
			if at := uint32(n - m.low); int(at) < len(table) && (m.all || float32(n) == x) {
				to[i] = table[at]
			} else {
				to[i] = m.of(x)
			}
		}
		dst, src = dst[k:], src[k:]
	}
}

func (m *mapper) Codes(dst []float32, src []int16) {
	table := m.table
	dst = dst[:len(src)]
	for i, c := range src {
		if at := uint32(int32(c) - m.low); int(at) < len(table) {
			dst[i] = table[at]
		} else {
			dst[i] = m.of(float32(c))
		}
	}
}

// cutAway returns how many voxels of the whole volume s lacks.
func cutAway(s *ingest.Sample, shape [3]int) int {
	whole, here := 1, 1
	for d := range 3 {
		n := s.Location.Volume[d]
		whole *= n
		here *= max(min(s.Location.Offset[d]+shape[d], n)-max(s.Location.Offset[d], 0), 0)
	}
	return whole - here
}

// jointMask says of each voxel whether the sum of the present modalities, in
// float32 and in their order, is above 0.
func jointMask(s *ingest.Sample) []bool {
	var sum []float32
	for i := range s.Present.All() {
		v := s.Inputs[i].Data
		if sum == nil {
			sum = make([]float32, len(v))
		}
		for j, x := range v {
			sum[j] += x
		}
	}
	mask := make([]bool, len(sum))
	for j, x := range sum {
		mask[j] = x > 0
	}
	return mask
}

// jointSum is jointMask's sum for a voxel of the background.
func jointSum(s *ingest.Sample) (sum float32) {
	if s.Background == nil {
		return 0
	}
	for i := range s.Present.All() {
		sum += s.Background[i]
	}
	return sum
}

// nameOf returns the name of modality i as far as s knows: by the role of its
// source where each modality has one.
func nameOf(s *ingest.Sample, i int) string {
	var roles []string
	for _, f := range s.Sources {
		if f.Role != "target" {
			roles = append(roles, f.Role)
		}
	}
	if len(roles) == s.Present.Count() {
		return "modality " + roles[(s.Present&(1<<i-1)).Count()]
	}
	return fmt.Sprintf("modality %d", i)
}

func mckd(t tally, background float32) (scale, []string) {
	top, odd := math.Inf(1), []string(nil)
	switch i, found := t.lastBin(50); {
	case t.hi < 1:
		odd = append(odd, fmt.Sprintf("the largest value is %g, so that mckd's histogram has no bins and nothing is clipped", t.hi))
	case !found:
		odd = append(odd, "no bin of mckd's histogram has 50 voxels, so nothing is clipped")
	default:
		top = i
	}
	c, more := t.clipped(top, background)
	if c.inv == 0 && !math.IsInf(top, 1) {
		if whole, _ := t.clipped(math.Inf(1), background); whole.inv != 0 {
			return whole, append(odd, fmt.Sprintf("mckd's top is %g of up to %g, which would make all of it one value, so nothing is clipped", top, t.hi))
		}
	}
	return c, append(odd, more...)
}

// clipped returns the z-score of what differs from the background once larger
// values are set to top.
func (t tally) clipped(top float64, background float32) (scale, []string) {
	zero := min(float64(background), top) // MCKD reads voxel 0,0,0 after the clip
	c, odd := t.zscore(top, func(v float64) bool { return v != zero })
	c.stays, c.zero = true, zero
	return c, odd
}

func nonzero(t tally, _ float32) (scale, []string) {
	c, odd := t.zscore(math.Inf(1), func(v float64) bool { return v != 0 })
	c.stays = true
	return c, odd
}

func zscore(t tally, _ float32) (scale, []string) {
	return t.zscore(math.Inf(1), func(float64) bool { return true })
}
