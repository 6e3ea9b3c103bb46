package augment

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess"
)

// FeatureOptions says how the features of a recording are varied. Their unit is
// the features' own: choose them for standardised ones (package scale), or know
// your numbers. The zero value changes nothing.
type FeatureOptions struct {
	Gain    float64 // added to coefficient 0, uniform between minus and plus this, as a louder clip has it
	Stretch float64 // part by which time runs faster or slower about the middle frame, 0 to 0.9
	Shift   float64 // frames it starts later or earlier, 0 to 10,000
	Noise   float64 // standard deviation of what is added to each value, 0 or more
	// Frames and Coefs mask one run of frames and one of coefficients, of 0 up to
	// so many each (SpecAugment's masks): they get the value Fill.
	Frames, Coefs int
	Fill          float32
	Pool          *Pool // lends the arrays; may be nil
}

func (o *FeatureOptions) validate() error {
	for _, f := range []struct {
		what      string
		v, lo, hi float64
	}{
		{"gain", o.Gain, 0, math.MaxFloat32}, {"stretch", o.Stretch, 0, 0.9}, {"shift in frames", o.Shift, 0, 1e4},
		{"noise", o.Noise, 0, math.MaxFloat32}, {"masked frames", float64(o.Frames), 0, 1e6},
		{"masked coefficients", float64(o.Coefs), 0, 1e6}, {"fill", float64(o.Fill), -math.MaxFloat32, math.MaxFloat32},
	} {
		if err := within(f.what, f.v, f.lo, f.hi); err != nil {
			return err
		}
	}
	return nil
}

func (o *FeatureOptions) name() string {
	l := newLabel("features")
	l.num("gain", o.Gain)
	l.num("stretch", o.Stretch)
	l.num("shift", o.Shift)
	l.num("noise", o.Noise)
	l.num("mask", float64(o.Frames), float64(o.Coefs))
	l.num("fill", float64(o.Fill))
	return l.name()
}

// Features returns the stage that varies the features of modality mod, an array
// of shape [coefficients, frames]: stretched and shifted in time, linearly
// between frames and holding the first and the last beyond them; then gain and
// noise; then masks.
func Features(mod int, o FeatureOptions) (preprocess.Stage, error) {
	if err := checkModality(mod); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &features{mod: mod, o: o, name: o.name()}, nil
}

type features struct {
	mod  int
	o    FeatureOptions
	name string
}

func (st *features) Name() string { return st.name }

func (st *features) Apply(_ context.Context, rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	in, there, err := inputOf(s, st.mod)
	if err != nil {
		return err
	}
	if there {
		if len(in.Shape) != 2 {
			return fault(s, "modality %d has the shape %v, features have coefficients x frames", st.mod, in.Shape)
		}
		s.Inputs[st.mod] = st.vary(rng, in)
	}
	s.Definitions = append(s.Definitions, st.name)
	emit(s)
	return nil
}

// vary draws a variation and returns in so varied.
func (st *features) vary(rng *rand.Rand, in ingest.Array) ingest.Array {
	o := &st.o
	coefs, frames := in.Shape[0], in.Shape[1]
	speed := 1 + either(rng, o.Stretch)
	shift, gain := either(rng, o.Shift), float32(either(rng, o.Gain))
	t0, tn := run(rng, o.Frames, frames)
	c0, cn := run(rng, o.Coefs, coefs)

	out := ingest.Array{Shape: in.Shape, Data: o.Pool.array(len(in.Data))}
	if speed == 1 && shift == 0 {
		copy(out.Data, in.Data)
	} else {
		st.retime(out.Data, in.Data, frames, speed, shift)
	}
	for i, v := range out.Data[:frames] {
		out.Data[i] = v + gain
	}
	if o.Noise > 0 {
		for i := range out.Data {
			out.Data[i] += float32(o.Noise * rng.NormFloat64())
		}
	}
	for c := range coefs {
		row := out.Data[c*frames:][:frames]
		if c < c0 || c >= c0+cn {
			row = row[t0 : t0+tn]
		}
		for i := range row {
			row[i] = st.o.Fill
		}
	}
	return out
}

// run draws a run of 0 to longest of n places.
func run(rng *rand.Rand, longest, n int) (start, length int) {
	length = rng.IntN(min(longest, n) + 1)
	return rng.IntN(n - length + 1), length
}

// retime writes all rows of src, each frames long: frame by frame, for a place
// between two frames is the same for all coefficients.
func (st *features) retime(dst, src []float32, frames int, speed, shift float64) {
	mid := float64(frames-1) / 2
	for f := range frames {
		at := min(max(mid+(float64(f)-mid-shift)*speed, 0), float64(frames-1))
		i := int(at)
		j, t := min(i+1, frames-1), float32(at-float64(i))
		for r := 0; r < len(src); r += frames {
			a, b := src[r+i], src[r+j]
			dst[r+f] = a + t*(b-a)
		}
	}
}
