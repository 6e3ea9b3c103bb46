package volume

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess"
)

type crop struct{ margin int }

// Crop returns the stage that cuts a sample to the smallest box that has every
// voxel where some present modality differs from its Background, and margin
// voxels more on each side as far as the volume goes; margin below 0 is 0.
//
// It updates Affine and Location.Offset; Location.Volume stays the whole. A
// sample without a Background stays whole. One in which nothing differs from it
// is a SubjectError. It works in place. Its name is "crop-m0/1", with the
// margin.
func Crop(margin int) preprocess.Stage { return crop{max(margin, 0)} }

func (c crop) Name() string { return fmt.Sprintf("crop-m%d/1", c.margin) }

func (c crop) Apply(_ context.Context, _ *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	shape, err := shapeOf(s)
	if err != nil {
		return err
	}
	locate(s, shape)
	if s.Background != nil && s.Present != 0 {
		b := box{lo: shape}
		for i := range s.Present.All() {
			b.cover(s.Inputs[i].Data, shape, s.Background[i])
		}
		if err := b.grow(s, c.margin, shape); err != nil {
			return err
		}
		b.cut(s, shape)
	}
	s.Definitions = append(s.Definitions, c.Name())
	emit(s)
	return nil
}

// Repack is as [preprocess.Repacker] has it.
func (c crop) Repack(_ context.Context, p *ingest.Packed) (bool, error) {
	s := p.Sample
	shape, err := shapeOf(s)
	if err != nil || p.Maps != nil || s.Present == 0 || shape != s.Location.Volume {
		return false, err
	}
	b := box{lo: shape}
	for i := range s.Present.All() {
		lo, hi := p.Volumes[i].Box() // x, y, z
		for d := range 3 {
			b.lo[d], b.hi[d] = min(b.lo[d], lo[2-d]), max(b.hi[d], hi[2-d])
		}
	}
	if err := b.grow(s, c.margin, shape); err != nil {
		return false, err
	}
	b.cut(s, shape)
	s.Definitions = append(s.Definitions, c.Name())
	return true, nil
}

// box is the voxels lo <= v < hi, in D, H, W.
type box struct{ lo, hi [3]int }

func (b box) empty() bool { return b.hi[0] <= b.lo[0] }

// grow adds the margin, as far as the shape goes. An empty box is a fault of s.
func (b *box) grow(s *ingest.Sample, margin int, shape [3]int) error {
	if b.empty() {
		return fault(s, "empty", "leave the subject out", "every voxel of every modality equals the background: there is nothing to see")
	}
	for d := range 3 {
		b.lo[d] = max(b.lo[d]-margin, 0)
		b.hi[d] = min(b.hi[d]+margin, shape[d])
	}
	return nil
}

// cover grows b until it has every voxel of v that differs from bg. It looks
// only outside of b, and from outside in: planes, then rows, then ends of rows.
// An empty b has lo = shape and hi = 0.
func (b *box) cover(v []float32, shape [3]int, bg float32) {
	h, w := shape[1], shape[2]
	plane := h * w
	other := func(x float32) bool { return x != bg }
	differs := func(z, y int) bool { return !uniform(v[z*plane+y*w:][:w], bg) }
	z0, z1 := 0, shape[0]
	for z0 < b.lo[0] && uniform(v[z0*plane:][:plane], bg) {
		z0++
	}
	for z1 > max(b.hi[0], z0) && uniform(v[(z1-1)*plane:][:plane], bg) {
		z1--
	}
	if z0 >= z1 {
		return // uniform all through, and b is empty
	}
	b.lo[0], b.hi[0] = z0, z1
	for z := z0; z < z1; z++ {
		y := 0
		for y < b.lo[1] && !differs(z, y) {
			y++
		}
		b.lo[1] = y
		y = h
		for y > b.hi[1] && !differs(z, y-1) {
			y--
		}
		b.hi[1] = y
	}
	for z := z0; z < z1; z++ {
		for y := b.lo[1]; y < b.hi[1]; y++ {
			row := v[z*plane+y*w:][:w]
			if x := b.lo[2]; !uniform(row[:x], bg) {
				b.lo[2] = slices.IndexFunc(row[:x], other)
			}
			if x := b.hi[2]; !uniform(row[x:], bg) {
				for b.hi[2] = w; row[b.hi[2]-1] == bg; {
					b.hi[2]--
				}
			}
		}
	}
}

// uniform reports whether all of v equals bg. This reads most of a volume, so
// it takes eight values a turn and compares their bits, which is half the work;
// only bits that differ are looked at as numbers, for -0 equals 0.
func uniform(v []float32, bg float32) bool {
	b := math.Float32bits(bg)
	for ; len(v) >= 8; v = v[8:] {
		if !all8(v, b) && !equal(v[:8], bg) {
			return false
		}
	}
	return equal(v, bg)
}

func equal(v []float32, bg float32) bool {
	for _, x := range v {
		if x != bg {
			return false
		}
	}
	return true
}

// cut keeps the box of all arrays of s, which are of the given shape. Where there
// is no data it keeps the shapes.
func (b box) cut(s *ingest.Sample, shape [3]int) {
	size := []int{b.hi[0] - b.lo[0], b.hi[1] - b.lo[1], b.hi[2] - b.lo[2]}
	if [3]int(size) == shape {
		return
	}
	for i := range s.Present.All() {
		s.Inputs[i].Shape = size
		if v := s.Inputs[i].Data; v != nil {
			s.Inputs[i].Data = compact(b, v, shape)
		}
	}
	if len(s.Target.Shape) == 3 {
		s.Target.Shape = size
		if v := s.Target.Data; v != nil {
			s.Target.Data = compact(b, v, shape)
		}
	}
	s.Crop(b.lo)
}

// compact moves the rows of the box to the front of v and returns them: no row
// moves back, so none is overwritten before it has moved.
func compact[T any](b box, v []T, shape [3]int) []T {
	w := b.hi[2] - b.lo[2]
	n := 0
	for z := b.lo[0]; z < b.hi[0]; z++ {
		for y := b.lo[1]; y < b.hi[1]; y++ {
			n += copy(v[n:n+w], v[(z*shape[1]+y)*shape[2]+b.lo[2]:])
		}
	}
	return v[:n:n]
}
