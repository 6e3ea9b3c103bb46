package augment

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess"
)

// WaveOptions says how a recording is varied. Numbers without an interval are
// drawn uniformly between minus and plus their field; the zero value changes
// nothing.
type WaveOptions struct {
	Speed  float64       // part by which it runs faster or slower, pitch and all, 0 to 0.5
	Shift  time.Duration // by which it starts later or earlier, in whole samples, 0 to a minute
	Tilt   float64       // 0 to 0.95: x[i] + t*x[i-1], bright for t below 0, dull above, at equal power of white noise
	Noise  Draw          // white noise, so many decibels below the clip's power, -20 to 200
	GainDB float64       // louder or softer, in decibels, 0 to 60
	// Stretch lets the length follow the speed. Else a clip keeps its number of
	// samples: what is missing is 0 and what is too much is cut off.
	Stretch bool
	Pool    *Pool // lends the arrays; may be nil
}

func (o *WaveOptions) validate() error {
	for _, f := range []struct {
		what      string
		v, lo, hi float64
	}{
		{"speed", o.Speed, 0, 0.5}, {"shift in seconds", o.Shift.Seconds(), 0, 60},
		{"tilt", o.Tilt, 0, 0.95}, {"gain in decibels", o.GainDB, 0, 60},
	} {
		if err := within(f.what, f.v, f.lo, f.hi); err != nil {
			return err
		}
	}
	return o.Noise.check("noise in decibels", -20, 200)
}

func (o *WaveOptions) name() string {
	l := newLabel("wave")
	l.num("speed", o.Speed)
	l.num("shift", o.Shift.Seconds())
	l.num("tilt", o.Tilt)
	l.draw("noise", o.Noise)
	l.num("gain", o.GainDB)
	if o.Stretch {
		l.WriteString("-stretch")
	}
	return l.name()
}

// Wave returns the stage that varies the recording of modality mod, an array of
// shape [n] at Sample.RateHz: faster or slower by cubic interpolation
// (Catmull-Rom), shifted, tilted, noise added, louder or softer, in this order.
// Samples may leave -1 to 1: nothing is clipped.
func Wave(mod int, o WaveOptions) (preprocess.Stage, error) {
	if err := checkModality(mod); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &wave{mod: mod, o: o, name: o.name()}, nil
}

type wave struct {
	mod  int
	o    WaveOptions
	name string
}

func (st *wave) Name() string { return st.name }

func (st *wave) Apply(_ context.Context, rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	in, there, err := inputOf(s, st.mod)
	if err != nil {
		return err
	}
	if there {
		if len(in.Shape) != 1 {
			return fault(s, "modality %d has the shape %v, a recording has [n]", st.mod, in.Shape)
		}
		if st.o.Shift > 0 && s.RateHz <= 0 {
			return fault(s, "modality %d has no sampling rate to shift it by", st.mod)
		}
		s.Inputs[st.mod] = st.vary(rng, in.Data, s.RateHz)
	}
	s.Definitions = append(s.Definitions, st.name)
	emit(s)
	return nil
}

// vary draws a variation and returns src so varied.
func (st *wave) vary(rng *rand.Rand, src []float32, rateHz int) ingest.Array {
	o := &st.o
	speed := 1 + either(rng, o.Speed)
	shift := math.Round(either(rng, o.Shift.Seconds()) * float64(rateHz))
	tilt := either(rng, o.Tilt)
	snr, noisy := o.Noise.of(rng)
	gain := math.Pow(10, either(rng, o.GainDB)/20)

	n := len(src)
	if o.Stretch {
		n = int(float64(n-1)/speed) + 1
	}
	dst := o.Pool.array(n)
	if speed == 1 {
		slide(dst, src, int(shift))
	} else {
		retime(dst, src, speed, shift)
	}
	k := 1 / math.Sqrt(1+tilt*tilt)
	a, b, last := float32(k*gain), float32(k*gain*tilt), float32(0)
	var power float64
	for i, x := range dst {
		dst[i] = a*x + b*last
		last = x
		power += float64(dst[i]) * float64(dst[i])
	}
	if noisy {
		sd := math.Sqrt(power/float64(n)) * math.Pow(10, -snr/20)
		for i := range dst {
			dst[i] += float32(sd * rng.NormFloat64())
		}
	}
	return ingest.Array{Shape: []int{n}, Data: dst}
}

// slide copies src to dst, shift samples later, with 0 around it.
func slide(dst, src []float32, shift int) {
	clear(dst)
	switch {
	case shift >= len(dst) || -shift >= len(src): // all of it is out
	case shift >= 0:
		copy(dst[shift:], src)
	default:
		copy(dst, src[-shift:])
	}
}

// retime writes src, starting shift samples later and running at speed, with 0
// around it.
func retime(dst, src []float32, speed, shift float64) {
	tap := func(i int) float32 { // at the ends only
		if i < 0 || i >= len(src) {
			return 0
		}
		return src[i]
	}
	for i := range dst {
		at := (float64(i) - shift) * speed
		k := int(math.Floor(at))
		t := float32(at - float64(k))
		switch {
		case k >= 1 && k+2 < len(src):
			p := src[k-1 : k+3]
			dst[i] = catmullRom(p[0], p[1], p[2], p[3], t)
		case k < -1 || k >= len(src):
			dst[i] = 0
		default:
			dst[i] = catmullRom(tap(k-1), tap(k), tap(k+1), tap(k+2), t)
		}
	}
}

// catmullRom returns the cubic from b (t = 0) to c (t = 1) whose slopes there
// are those of the chords a-c and b-d.
func catmullRom(a, b, c, d, t float32) float32 {
	return b + t/2*(c-a+t*(2*a-5*b+4*c-d+t*(3*(b-c)+d-a)))
}
