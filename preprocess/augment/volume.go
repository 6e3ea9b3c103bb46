package augment

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess"
)

// VolumeOptions says how volumes are varied. The zero value changes nothing.
type VolumeOptions struct {
	Geometry  Geometry
	Intensity Intensity
	// Air is, a modality, the value of what is not the subject: it lies around
	// the volume, and keeps its value whatever happens to intensities. nil is the
	// sample's Background, or 0 for all where it has none, as one out of a shard.
	Air  []float32
	Pool *Pool // lends the arrays; may be nil
}

// Geometry says how all volumes of a sample and its label map move together,
// about the middle.
type Geometry struct {
	// Size is D x H x W of what comes out; 0 is what goes in. The box is cut at
	// random, as far as there is more than it needs along an axis; a smaller
	// volume lies in its middle.
	Size   [3]int
	Flip   [3]float64 // probability of a mirror image along D, H, W
	Zoom   Draw       // factor by which it grows, all axes alike, 0.1 to 10
	Rotate Draw       // degrees about each of the axes, -180 to 180
	Shift  [3]float64 // voxels along D, H, W, up to so many either way, whole ones
}

// Intensity says how the values of each volume change. A probability is the
// sample's: what is drawn, all modalities get, each a number of its own, in the
// order of the fields.
type Intensity struct {
	Noise      Draw // standard deviation of Gaussian noise, 0 or more
	Brightness Draw // factor, 0 to 100
	Offset     Draw // added
	// Contrast is a factor, 0 to 100, of the distance from the mean; values stay
	// within what was the least and the largest.
	Contrast Draw
	// Gamma is the exponent, 0.2 to 5, of the value within the least (0) and
	// the largest (1); mean and standard deviation are then made what they were.
	Gamma Draw
	// Joint gives all modalities the same numbers (but for noise).
	Joint bool
	// All lets air change as well.
	All bool
}

func (o *VolumeOptions) validate() error {
	g, in := o.Geometry, o.Intensity
	voxels := 1
	for d := range 3 {
		if g.Size[d] < 0 || g.Size[d] > maxSide {
			return fmt.Errorf("augment: size %v, want 0 to %d voxels", g.Size, maxSide)
		}
		if voxels *= max(g.Size[d], 1); voxels > maxVoxels {
			return fmt.Errorf("augment: size %v, want at most %d voxels", g.Size, maxVoxels)
		}
		if err := within("probability of a flip", g.Flip[d], 0, 1); err != nil {
			return err
		}
		if err := within("shift in voxels", g.Shift[d], 0, maxSide); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		what        string
		d           Draw
		least, most float64
	}{
		{"zoom", g.Zoom, 0.1, 10}, {"rotation in degrees", g.Rotate, -180, 180},
		{"noise", in.Noise, 0, 1e6}, {"brightness", in.Brightness, 0, 100}, {"offset", in.Offset, -1e6, 1e6},
		{"contrast", in.Contrast, 0, 100}, {"gamma", in.Gamma, 0.2, 5},
	} {
		if err := f.d.check(f.what, f.least, f.most); err != nil {
			return err
		}
	}
	for i, v := range o.Air {
		if err := within(fmt.Sprintf("air of modality %d", i), float64(v), -math.MaxFloat32, math.MaxFloat32); err != nil {
			return err
		}
	}
	return nil
}

// maxVoxels is the largest volume: 1 GiB a modality.
const maxVoxels = 1 << 28

func (o *VolumeOptions) name() string {
	l := newLabel("volume")
	if s := o.Geometry.Size; s != [3]int{} {
		fmt.Fprintf(l, "-%dx%dx%d", s[0], s[1], s[2])
	}
	l.num("flip", o.Geometry.Flip[:]...)
	l.draw("zoom", o.Geometry.Zoom)
	l.draw("rot", o.Geometry.Rotate)
	l.num("shift", o.Geometry.Shift[:]...)
	l.draw("noise", o.Intensity.Noise)
	l.draw("bright", o.Intensity.Brightness)
	l.draw("offset", o.Intensity.Offset)
	l.draw("contrast", o.Intensity.Contrast)
	l.draw("gamma", o.Intensity.Gamma)
	if o.Intensity.Joint {
		l.WriteString("-joint")
	}
	if o.Intensity.All {
		l.WriteString("-all")
	}
	for i, v := range o.Air {
		if v != 0 {
			l.num(fmt.Sprintf("air%d:", i), float64(v))
		}
	}
	return l.name()
}

// Volume returns the stage that varies the volumes of a sample, all of one shape
// D x H x W, and a label map of that shape; a class stays. Volumes are
// interpolated linearly, labels are those of the nearest voxel; outside of the
// volume is air, and class 0. Where nothing but flips, whole shifts and cuts
// happens, values move and are not computed.
//
// A sample whose places have moved has neither Affine nor Location any more: its
// voxels are nowhere in the patient.
func Volume(o VolumeOptions) (preprocess.Stage, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.Air = append([]float32(nil), o.Air...)
	return &volume{o: o, name: o.name()}, nil
}

type volume struct {
	o       VolumeOptions
	name    string
	scratch sync.Pool // *volumeScratch
}

func (st *volume) Name() string { return st.name }

func (st *volume) Apply(ctx context.Context, rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	shape, err := shapeOf(s)
	if err != nil {
		return err
	}
	if shape != [3]int{} {
		if err := st.vary(ctx, rng, s, shape); err != nil {
			return err
		}
	}
	s.Definitions = append(s.Definitions, st.name)
	emit(s)
	return nil
}

// vary draws a variation and makes it the sample's.
func (st *volume) vary(ctx context.Context, rng *rand.Rand, s *ingest.Sample, shape [3]int) error {
	sc, _ := st.scratch.Get().(*volumeScratch)
	if sc == nil {
		sc = &volumeScratch{}
	}
	defer st.scratch.Put(sc)
	m := st.o.Geometry.draw(rng, shape)
	sc.changes = resize(sc.changes, len(s.Inputs))
	changed := st.o.Intensity.on() && st.o.Intensity.draw(rng, sc.changes)
	moved := m.moves(shape)
	if moved {
		st.move(sc, m, s, shape)
	}
	for i := range s.Present.All() {
		if !changed {
			break
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		v := s.Inputs[i].Data
		if !moved { // it is not ours yet
			v = st.o.Pool.array(len(v))
			copy(v, s.Inputs[i].Data)
			s.Inputs[i].Data = v
		}
		if sc.spans = append(sc.spans[:0], span{0, len(v)}); !st.o.Intensity.All {
			sc.spans = tissue(sc.spans, v, st.air(s, i))
		}
		sc.changes[i].apply(v, sc.spans)
	}
	return nil
}

// air returns the value around modality i.
func (st *volume) air(s *ingest.Sample, i int) float32 {
	switch {
	case i < len(st.o.Air):
		return st.o.Air[i]
	case st.o.Air == nil && i < len(s.Background):
		return s.Background[i]
	}
	return 0
}

// shapeOf returns the D x H x W of all arrays of s, all 0 where there is none.
func shapeOf(s *ingest.Sample) (shape [3]int, err error) {
	found := false
	check := func(what string, got []int, values int) error {
		n := 1
		for _, d := range got {
			n *= d
		}
		switch {
		case len(got) != 3 || n != values || n == 0 || n > maxVoxels || got[0] > maxSide || got[1] > maxSide || got[2] > maxSide:
			return fault(s, "%s has %d values for the shape %v, want D x H x W", what, values, got)
		case found && [3]int(got) != shape:
			return fault(s, "%s is %v, what came before it %v", what, got, shape)
		}
		found, shape = true, [3]int(got)
		return nil
	}
	for i := range s.Present.All() {
		if i >= len(s.Inputs) {
			return shape, fmt.Errorf("augment: sample %s has %d inputs, none at %d", s.Key, len(s.Inputs), i)
		}
		if err := check(fmt.Sprintf("modality %d", i), s.Inputs[i].Shape, len(s.Inputs[i].Data)); err != nil {
			return shape, err
		}
	}
	if len(s.Target.Shape) > 0 {
		err = check("the target", s.Target.Shape, len(s.Target.Data))
	}
	return shape, err
}
