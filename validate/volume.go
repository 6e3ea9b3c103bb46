package validate

import (
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/preprocess/patch"
)

// volume is one case: its patches, and the box of the whole that they cover.
type volume struct {
	key       ingest.Key // of the subject, without a part
	patches   []*ingest.Sample
	present   modality.Mask
	axes      string        // the file's
	affine    [4][4]float64 // of the whole volume
	whole     [3]int        // voxels of the whole volume, D, H, W
	lo, size  [3]int        // the box
	spacing   [3]float64    // mm along D, H, W; 1 without a geometry
	truth     []uint8       // by voxel of the box; nil without a label map
	uncovered int           // voxels of the box that no patch has
}

// newVolume puts a subject's patches together. They are not empty.
func newVolume(patches []*ingest.Sample, classes int) (*volume, error) {
	first := patches[0]
	v := &volume{
		key: ingest.Key{Dataset: first.Key.Dataset, Subject: first.Key.Subject}, patches: patches,
		present: first.Present, axes: first.Location.Axes, affine: first.Affine,
	}
	var err error
	if v.whole, err = volumeOf(first); err != nil {
		return nil, err
	}
	voxels := 1
	for _, d := range v.whole {
		if d < 1 || d > patch.MaxVoxels || voxels*d > patch.MaxVoxels { // no overflow: both factors are at most 2^28
			return nil, fmt.Errorf("validate: patch %s is of a volume of %v: want at least 1 and at most %d voxels", first.Key, v.whole, patch.MaxVoxels)
		}
		voxels *= d
	}
	hi := [3]int{}
	v.lo = v.whole
	for _, p := range patches {
		lo, end, err := v.place(p)
		if err != nil {
			return nil, fmt.Errorf("validate: patch %s: %w", p.Key, err)
		}
		for d := range 3 {
			v.lo[d], hi[d] = min(v.lo[d], lo[d]), max(hi[d], end[d])
		}
	}
	for d := range 3 {
		v.size[d] = hi[d] - v.lo[d]
		for w := range 3 {
			v.affine[w][3] -= first.Affine[w][2-d] * float64(first.Location.Offset[d])
		}
	}
	v.spacing = spacing(v.affine)
	return v, v.fill(classes)
}

// shapeOf returns D, H, W of a patch.
func shapeOf(p *ingest.Sample) ([3]int, error) {
	for i := range p.Present.All() {
		s := p.Inputs[i].Shape
		if len(s) != 3 || min(s[0], s[1], s[2]) < 1 {
			return [3]int{}, fmt.Errorf("validate: patch %s: inputs of the shape %v, want D x H x W", p.Key, s)
		}
		return [3]int(s), nil
	}
	return [3]int{}, fmt.Errorf("validate: patch %s has no modality at all", p.Key)
}

// volumeOf returns the whole volume that a patch says it is of: itself, where it
// says nothing.
func volumeOf(p *ingest.Sample) ([3]int, error) {
	if p.Location.Volume != ([3]int{}) {
		return p.Location.Volume, nil
	}
	return shapeOf(p)
}

// place returns the box of the whole volume that a patch has, without padding.
func (v *volume) place(p *ingest.Sample) (lo, hi [3]int, err error) {
	shape, err := shapeOf(p)
	if err != nil {
		return lo, hi, err
	}
	whole, err := volumeOf(p)
	switch {
	case err != nil:
		return lo, hi, err
	case whole != v.whole:
		return lo, hi, fmt.Errorf("it is of a volume of %v, the patch before of %v", whole, v.whole)
	case p.Present != v.present:
		return lo, hi, fmt.Errorf("its modalities are %b, those of the patch before %b: a subject's are the same everywhere", p.Present, v.present)
	case p.Target.Known() != v.patches[0].Target.Known():
		return lo, hi, fmt.Errorf("some patches of the subject have a label map and some have none")
	case p.Target.Known() && (len(p.Target.Shape) != 3 || [3]int(p.Target.Shape) != shape):
		return lo, hi, fmt.Errorf("a label map of %v for inputs of %v", p.Target.Shape, shape)
	}
	for i := range p.Present.All() {
		if s := p.Inputs[i].Shape; len(s) != 3 || [3]int(s) != shape {
			return lo, hi, fmt.Errorf("inputs of %v and of %v", shape, s)
		}
	}
	for d := range 3 {
		// Differences with the volume, which is small, so that no offset overflows.
		if o := p.Location.Offset[d]; o <= -shape[d] || o >= v.whole[d] {
			return lo, hi, fmt.Errorf("it begins at %v and is %v, outside of the volume of %v", p.Location.Offset, shape, v.whole)
		}
		lo[d] = max(p.Location.Offset[d], 0)
		hi[d] = min(p.Location.Offset[d]+shape[d], v.whole[d])
	}
	return lo, hi, nil
}

// fill writes the label map of the box, and counts what no patch has.
func (v *volume) fill(classes int) error {
	n := v.size[0] * v.size[1] * v.size[2]
	covered := make([]bool, n)
	labelled := v.patches[0].Target.Known()
	if labelled {
		v.truth = make([]uint8, n)
	}
	for _, p := range v.patches {
		lo, hi, err := v.place(p)
		if err != nil {
			return err
		}
		shape, off := [3]int(p.Inputs[firstOf(p.Present)].Shape), p.Location.Offset
		for z := lo[0]; z < hi[0]; z++ {
			for y := lo[1]; y < hi[1]; y++ {
				to := ((z-v.lo[0])*v.size[1]+y-v.lo[1])*v.size[2] - v.lo[2]
				from := ((z-off[0])*shape[1]+y-off[1])*shape[2] - off[2]
				for x := lo[2]; x < hi[2]; x++ {
					if labelled {
						l := p.Target.Data[from+x]
						if int(l) >= classes {
							return fmt.Errorf("validate: patch %s: label %d, which is none of %d classes", p.Key, l, classes)
						}
						if covered[to+x] && v.truth[to+x] != l {
							return fmt.Errorf("validate: patch %s: label %d at voxel %d, %d, %d of the volume, where another patch of the subject has %d", p.Key, l, z, y, x, v.truth[to+x])
						}
						v.truth[to+x] = l
					}
					covered[to+x] = true
				}
			}
		}
	}
	for _, c := range covered {
		v.uncovered += 1 - toInt(c)
	}
	return nil
}

func firstOf(m modality.Mask) int {
	for i := range m.All() {
		return i
	}
	return -1
}

// located returns where a patch is in the box.
func (v *volume) located(p *ingest.Sample) ingest.Location {
	l := p.Location
	for d := range 3 {
		l.Offset[d] -= v.lo[d]
	}
	l.Volume = v.size
	return l
}

// geometric reports whether the affine gives spacings.
func geometric(affine [4][4]float64) bool {
	for c := range 3 {
		if n := columnNorm(affine, c); !(n > 0) || math.IsInf(n, 1) {
			return false
		}
	}
	return true
}

func columnNorm(a [4][4]float64, c int) float64 {
	return math.Sqrt(float64(a[0][c]*a[0][c]) + float64(a[1][c]*a[1][c]) + float64(a[2][c]*a[2][c]))
}

// spacing returns the distances in mm between voxels along D, H, W, 1 each
// without a geometry.
func spacing(affine [4][4]float64) [3]float64 {
	if !geometric(affine) {
		return [3]float64{1, 1, 1}
	}
	return [3]float64{columnNorm(affine, 2), columnNorm(affine, 1), columnNorm(affine, 0)}
}
