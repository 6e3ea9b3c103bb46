package patch

import (
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/ingest"
)

// Weighting says how much the voxels of a patch count where patches overlap.
type Weighting int

// The weightings.
const (
	// Uniform counts all voxels alike, as MCKD's evaluation does.
	Uniform Weighting = iota
	// Gaussian counts the middle most: a normal density around it, of deviation
	// size/8 along each axis, as nnU-Net does.
	Gaussian
)

// MaxValues is the largest volume that an [Aggregator] takes, over all
// channels: 4 GiB of sums.
const MaxValues = 1 << 29

// Aggregator puts a volume together from patches: each voxel becomes the
// weighted mean of all patches that have it. Sums are in float64, so patches
// that agree give exactly what they agree on.
type Aggregator struct {
	channels int
	volume   [3]int
	weights  Weighting
	sums     []float64 // C x D x H x W
	total    []float64 // D x H x W
}

// NewAggregator returns one for a volume (the D, H, W of Location.Volume) of so
// many channels.
func NewAggregator(channels int, volume [3]int, w Weighting) (*Aggregator, error) {
	n := channels
	for _, d := range volume {
		if n < 1 || d < 1 || d > MaxValues || n > MaxValues {
			return nil, fmt.Errorf("patch: aggregate %d channels of %v: want at least 1 and at most %d values", channels, volume, MaxValues)
		}
		n *= d // no overflow: both factors are at most 2^29
	}
	if n > MaxValues {
		return nil, fmt.Errorf("patch: aggregate %d channels of %v: more than %d values", channels, volume, MaxValues)
	}
	if w != Uniform && w != Gaussian {
		return nil, fmt.Errorf("patch: there is no weighting %d", w)
	}
	return &Aggregator{channels: channels, volume: volume, weights: w, sums: make([]float64, n), total: make([]float64, n/channels)}, nil
}

// Add adds a patch of C x D x H x W at its location. What lies outside the
// volume is padding and is dropped.
func (a *Aggregator) Add(p ingest.Array, l ingest.Location) error {
	if len(p.Shape) != 4 || p.Shape[0] != a.channels || p.Len() != len(p.Data) {
		return fmt.Errorf("patch: %d values of the shape %v, want %d x D x H x W", len(p.Data), p.Shape, a.channels)
	}
	if l.Volume != a.volume {
		return fmt.Errorf("patch: a patch of the volume %v, want %v", l.Volume, a.volume)
	}
	size := [3]int(p.Shape[1:])
	if min(size[0], size[1], size[2]) < 1 {
		return fmt.Errorf("patch: a patch of the shape %v", p.Shape)
	}
	var lo, hi [3]int
	var weight [3][]float64
	for d := range 3 {
		// Differences with the volume, which is small, so that no offset overflows.
		if l.Offset[d] <= -size[d] || l.Offset[d] >= a.volume[d] {
			return nil
		}
		lo[d], hi[d] = max(-l.Offset[d], 0), min(a.volume[d]-l.Offset[d], size[d])
		weight[d] = a.weights.along(size[d])
	}
	for z := lo[0]; z < hi[0]; z++ {
		for y := lo[1]; y < hi[1]; y++ {
			to := ((l.Offset[0]+z)*a.volume[1]+l.Offset[1]+y)*a.volume[2] + l.Offset[2]
			from := (z*size[1] + y) * size[2]
			row := weight[0][z] * weight[1][y]
			for x := lo[2]; x < hi[2]; x++ {
				w := row * weight[2][x]
				a.total[to+x] += w
				for c := range a.channels {
					v := float64(p.Data[c*size[0]*size[1]*size[2]+from+x])
					a.sums[c*len(a.total)+to+x] += float64(w * v) // no fused multiply-add: same bits everywhere
				}
			}
		}
	}
	return nil
}

func (w Weighting) along(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = 1
		if w == Gaussian {
			x := (float64(i) - float64(n-1)/2) / (float64(n) / 8)
			v[i] = math.Exp(-x * x / 2)
		}
	}
	return v
}

// Volume returns the means, C x D x H x W, and how many voxels no patch had,
// which are 0.
func (a *Aggregator) Volume() (v ingest.Array, uncovered int) {
	v = ingest.Array{
		Shape: []int{a.channels, a.volume[0], a.volume[1], a.volume[2]},
		Data:  make([]float32, len(a.sums)),
	}
	for i, w := range a.total {
		if w == 0 {
			uncovered++
			continue
		}
		for c := range a.channels {
			v.Data[c*len(a.total)+i] = float32(a.sums[c*len(a.total)+i] / w)
		}
	}
	return v, uncovered
}
