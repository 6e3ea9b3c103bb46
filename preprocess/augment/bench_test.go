package augment_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/preprocess"
	"github.com/lacuna-ml/lacuna/preprocess/augment"
	"github.com/lacuna-ml/lacuna/preprocess/scale"
)

// noise returns an array of normal values; a ball of them in air, where there
// are three axes.
func noise(seed uint64, shape ...int) ingest.Array {
	rng := rand.New(rand.NewPCG(seed, 1))
	a := ingest.Array{Shape: shape}
	a.Data = make([]float32, a.Len())
	for i := range a.Data {
		if len(shape) == 3 {
			r, k := 0.0, i
			for d := 2; d >= 0; d-- {
				c := (float64(k%shape[d])+0.5)/float64(shape[d])*2 - 1
				r += c * c
				k /= shape[d]
			}
			if r > 0.8 {
				continue
			}
		}
		a.Data[i] = float32(rng.NormFloat64())
	}
	return a
}

func brain(seed uint64, mods int, shape ...int) *ingest.Sample {
	s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: "s"}}
	for i := range mods {
		s.Inputs = append(s.Inputs, noise(seed+uint64(i), shape...))
		s.Present = s.Present.With(i)
	}
	s.Target = ingest.Labels{Shape: shape, Data: make([]uint8, len(s.Inputs[0].Data))}
	for i, v := range s.Inputs[0].Data {
		if v > 1 {
			s.Target.Data[i] = uint8(min(v, 3))
		}
	}
	return s
}

func digit(seed uint64, audio ...int) *ingest.Sample {
	return &ingest.Sample{
		Key: ingest.Key{Dataset: "d", Subject: "s"}, RateHz: 8000, Present: 3, Target: ingest.Class(1),
		Inputs: []ingest.Array{noise(seed, 28, 28), noise(seed+1, audio...)},
	}
}

func shallow(s *ingest.Sample) *ingest.Sample {
	c := *s
	c.Inputs = append([]ingest.Array(nil), s.Inputs...)
	c.Definitions = append([]string(nil), s.Definitions...)
	return &c
}

func must(t testing.TB, st preprocess.Stage, err error) preprocess.Stage {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// always is a Draw that is made.
func always(lo, hi float64) augment.Draw { return augment.Draw{P: 1, Lo: lo, Hi: hi} }

// BenchmarkPresets runs whole chains as a training feed does, on one core: an rng
// from seed, key and name a stage, standardisation, augmentation, and the arrays
// back to the pool.
func BenchmarkPresets(b *testing.B) {
	var pool augment.Pool
	preset := func(name string, mods ...string) []preprocess.Stage {
		stages, err := augment.Preset(name, modality.MustSet(mods...), &pool)
		if err != nil {
			b.Fatal(err)
		}
		return stages
	}
	digits := preset("digits", "image", "audio")
	sc := scale.Scale{Modality: 1}
	for range 20 {
		sc.Mean, sc.SD = append(sc.Mean, 1), append(sc.SD, 2)
	}
	st, err := sc.Stage()
	standard := must(b, st, err)
	for _, bc := range []struct {
		name   string
		stages []preprocess.Stage
		s      *ingest.Sample
	}{
		{"digits 28x28 and 20x20", append([]preprocess.Stage{standard}, digits...), digit(1, 20, 20)},
		{"digits 28x28 and clip", digits, digit(1, 3500)},
		{"brats 4x32x64x64", preset("brats", "flair", "t1", "t1ce", "t2"), brain(1, 4, 32, 64, 64)},
		{"brats 4x32x32x32", preset("brats", "flair", "t1", "t1ce", "t2"), brain(1, 4, 32, 32, 32)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			n := uint64(0)
			for b.Loop() {
				s := shallow(bc.s)
				for _, st := range bc.stages {
					err := st.Apply(context.Background(), preprocess.Rand(n, s.Key, st.Name()), s, func(out *ingest.Sample) bool { s = out; return true })
					if err != nil {
						b.Fatal(err)
					}
				}
				pool.Release(s)
				n++
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

// BenchmarkStages runs each stage over samples whose arrays a pool takes back, on
// one core.
func BenchmarkStages(b *testing.B) {
	var pool augment.Pool
	image := func(o augment.ImageOptions) preprocess.Stage {
		o.Pool = &pool
		st, err := augment.Image(0, o)
		return must(b, st, err)
	}
	volume := func(o augment.VolumeOptions) preprocess.Stage {
		o.Pool = &pool
		st, err := augment.Volume(o)
		return must(b, st, err)
	}
	wave, err := augment.Wave(1, augment.WaveOptions{Speed: 0.1, Shift: 50 * time.Millisecond, Tilt: 0.3, Noise: always(10, 40), GainDB: 6, Pool: &pool})
	must(b, wave, err)
	features, err := augment.Features(1, augment.FeatureOptions{Gain: 0.5, Stretch: 0.1, Shift: 2, Noise: 0.1, Frames: 3, Coefs: 3, Pool: &pool})
	must(b, features, err)
	intensity := augment.Intensity{Noise: always(0.01, 0.1), Brightness: always(0.8, 1.2), Offset: always(-0.1, 0.1), Contrast: always(0.7, 1.3), Gamma: always(0.7, 1.5)}
	everywhere := intensity
	everywhere.All = true
	geometry := augment.Geometry{Flip: [3]float64{0.5, 0.5, 0.5}, Zoom: always(0.9, 1.1), Rotate: always(-15, 15), Shift: [3]float64{2, 4, 4}}
	for _, bc := range []struct {
		name  string
		stage preprocess.Stage
		s     *ingest.Sample
	}{
		{"image 28x28 affine", image(augment.ImageOptions{RotateDeg: 10, Scale: 0.1, Shift: 2}), digit(1, 20, 20)},
		{"image 28x28 affine elastic", image(augment.ImageOptions{RotateDeg: 10, Scale: 0.1, Shift: 2, Elastic: 1}), digit(1, 20, 20)},
		{"wave 3500", wave, digit(1, 3500)},
		{"features 20x20", features, digit(1, 20, 20)},
		{"volume 4x32x64x64 flips", volume(augment.VolumeOptions{Geometry: augment.Geometry{Flip: geometry.Flip}}), brain(1, 4, 32, 64, 64)},
		{"volume 4x32x64x64 zoom", volume(augment.VolumeOptions{Geometry: augment.Geometry{Zoom: geometry.Zoom}}), brain(1, 4, 32, 64, 64)},
		{"volume 4x32x64x64 geometry", volume(augment.VolumeOptions{Geometry: geometry}), brain(1, 4, 32, 64, 64)},
		{"volume 4x32x64x64 noise", volume(augment.VolumeOptions{Intensity: augment.Intensity{Noise: intensity.Noise}}), brain(1, 4, 32, 64, 64)},
		{"volume 4x32x64x64 gamma", volume(augment.VolumeOptions{Intensity: augment.Intensity{Gamma: intensity.Gamma}}), brain(1, 4, 32, 64, 64)},
		{"volume 4x32x64x64 intensity", volume(augment.VolumeOptions{Intensity: intensity}), brain(1, 4, 32, 64, 64)},
		{"volume 4x32x64x64 all", volume(augment.VolumeOptions{Geometry: geometry, Intensity: intensity}), brain(1, 4, 32, 64, 64)},
		{"volume 4x32x64x64 all, no air", volume(augment.VolumeOptions{Geometry: geometry, Intensity: everywhere}), brain(1, 4, 32, 64, 64)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			bytes := 0
			for _, a := range bc.s.Inputs {
				bytes += 4 * len(a.Data)
			}
			if len(bc.s.Inputs) > 2 {
				b.SetBytes(int64(bytes))
			}
			b.ReportAllocs()
			for b.Loop() {
				err := bc.stage.Apply(context.Background(), rng, shallow(bc.s), func(out *ingest.Sample) bool { pool.Release(out); return true })
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
