package datasettest

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/lacuna-ml/lacuna/ingest"
)

// box compares LoadBox of a source that has it with the whole sample.
func (k *kit) box(ctx context.Context, s ingest.Subject, whole *ingest.Sample) {
	src, ok := k.src.(ingest.BoxSource)
	if !ok || whole.Check(k.d.Modalities) != nil {
		return
	}
	for _, margin := range []int{0, 2} {
		got, err := src.LoadBox(ctx, s, margin)
		if err == nil {
			err = k.compareBox(whole, got, margin)
		}
		if err != nil {
			k.errorf("%s: LoadBox with margin %d: %w", s.Key, margin, err)
		}
	}
}

func (k *kit) compareBox(whole, got *ingest.Sample, margin int) error {
	if err := got.Check(k.d.Modalities); err != nil {
		return err
	}
	if got.Key != whole.Key || got.Subject != whole.Subject || got.Present != whole.Present ||
		!slices.Equal(got.Background, whole.Background) || !slices.Equal(got.Sources, whole.Sources) || !slices.Equal(got.Definitions, whole.Definitions) {
		return fmt.Errorf("subject, mask, backgrounds, sources or definitions differ from those of Load")
	}
	if got.Location.Volume != whole.Location.Volume || got.Location.Axes != whole.Location.Axes {
		return fmt.Errorf("location %+v, that of Load %+v", got.Location, whole.Location)
	}
	var b region
	for i := range whole.Present.All() {
		a := whole.Inputs[i]
		if len(a.Shape) != 3 {
			return fmt.Errorf("%s is no volume", k.d.Modalities.Name(i))
		}
		if b.hi == [3]int{} {
			b = newRegion(got.Location.Offset, got.Inputs[i].Shape, a.Shape)
		}
		if !b.fits(got.Inputs[i].Shape) {
			return fmt.Errorf("%s has shape %v at %v in %v, another modality another or it is outside", k.d.Modalities.Name(i), got.Inputs[i].Shape, got.Location.Offset, a.Shape)
		}
		if err := compareRegion(a.Data, got.Inputs[i].Data, b); err != nil {
			return fmt.Errorf("%s: %w", k.d.Modalities.Name(i), err)
		}
		if whole.Background == nil {
			return fmt.Errorf("without a background there is no saying what is air")
		}
		if p, ok := b.outside(a.Data, whole.Background[i], margin); ok {
			return fmt.Errorf("%s: voxel %v is no background, and it or its margin is outside of the box", k.d.Modalities.Name(i), p)
		}
	}
	if err := compareAffine(whole, got); err != nil {
		return err
	}
	if got.Target.Known() != whole.Target.Known() {
		return fmt.Errorf("the target is known: %v, that of Load: %v", got.Target.Known(), whole.Target.Known())
	}
	if !whole.Target.Known() || len(whole.Target.Shape) != 3 {
		return nil
	}
	if !b.fits(got.Target.Shape) {
		return fmt.Errorf("target has shape %v, the box is %+v", got.Target.Shape, b)
	}
	if err := compareRegion(whole.Target.Data, got.Target.Data, b); err != nil {
		return fmt.Errorf("target: %w", err)
	}
	return nil
}

// compareAffine tries both ends of the box: its voxels are where Load has them,
// within a millionth of a millimetre, which rounding in sums of some hundreds
// of millimetres is far below.
func compareAffine(whole, got *ingest.Sample) error {
	for w := range 3 {
		want := whole.Affine[w][3]
		for a := range 3 {
			want += whole.Affine[w][a] * float64(got.Location.Offset[2-a])
			if got.Affine[w][a] != whole.Affine[w][a] {
				return fmt.Errorf("the affine turns or scales otherwise than that of Load")
			}
		}
		if !(math.Abs(want-got.Affine[w][3]) < 1e-6) {
			return fmt.Errorf("the affine has its first voxel at %g on world axis %d, Load at %g", got.Affine[w][3], w, want)
		}
	}
	return nil
}

// region is the box lo <= D, H, W < hi of a volume.
type region struct{ lo, hi, of [3]int }

func newRegion(lo [3]int, shape, of []int) region {
	r := region{lo: lo}
	for d := range 3 {
		r.of[d] = of[d]
		if d < len(shape) {
			r.hi[d] = lo[d] + shape[d]
		}
	}
	return r
}

// fits reports whether shape is that of the region, and inside of the volume.
func (r region) fits(shape []int) bool {
	for d := range 3 {
		if len(shape) != 3 || r.lo[d] < 0 || r.hi[d] > r.of[d] || shape[d] != r.hi[d]-r.lo[d] {
			return false
		}
	}
	return true
}

// outside finds a voxel other than the background of which it or what is as far
// as margin from it, inside of the volume, is not in the region.
func (r region) outside(data []float32, background float32, margin int) (p [3]int, found bool) {
	for i, v := range data {
		if v == background {
			continue
		}
		p = [3]int{i / r.of[2] / r.of[1], i / r.of[2] % r.of[1], i % r.of[2]}
		for d := range 3 {
			if max(p[d]-margin, 0) < r.lo[d] || min(p[d]+margin+1, r.of[d]) > r.hi[d] {
				return p, true
			}
		}
	}
	return p, false
}

// compareRegion compares a box with its place in the whole.
func compareRegion[T comparable](whole, part []T, r region) error {
	width, row := r.hi[2]-r.lo[2], 0
	for z := r.lo[0]; z < r.hi[0]; z++ {
		for y := r.lo[1]; y < r.hi[1]; y++ {
			at := (z*r.of[1]+y)*r.of[2] + r.lo[2]
			if !slices.Equal(whole[at:at+width], part[row:row+width]) {
				return fmt.Errorf("the row from voxel %v differs from that of Load", [3]int{z, y, r.lo[2]})
			}
			row += width
		}
	}
	return nil
}
