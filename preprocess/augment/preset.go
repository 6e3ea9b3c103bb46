package augment

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/preprocess"
)

// Presets returns the names that [Preset] knows.
func Presets() []string { return []string{"digits", "brats"} }

// Preset returns the stages of a named augmentation for samples of the given
// modalities, with arrays lent by pool, which may be nil. It errs for a name or
// modalities that it doesn't know.
//
//   - "digits", for modalities named image and audio: "augment-digits-image/1"
//     is turned by up to 10 degrees, scaled by up to 10 %, shifted by up to 2
//     pixels, and held at its border, so that it may stand before or after a
//     normalisation. "augment-digits-audio/1" takes recordings ([n]) or features
//     ([coefficients, frames]), which must be standardised (package scale). On
//     held-out real digits the first is worth a point and a half at 450 training
//     pairs, the second a point at 50 and nothing from 200 on.
//   - "brats", for whatever volumes: "augment-brats/1" mirrors each axis of every
//     other sample, zooms half of them by 0.9 to 1.1 and turns a fifth by up to
//     15 degrees, and changes intensities with the probabilities of nnU-Net.
func Preset(name string, mods modality.Set, pool *Pool) ([]preprocess.Stage, error) {
	switch name {
	case "digits":
		return digits(mods, pool)
	case "brats":
		st, err := Volume(brats(pool))
		if err != nil {
			return nil, err
		}
		return []preprocess.Stage{named{"augment-brats/1", st}}, nil
	}
	return nil, fmt.Errorf("augment: preset %q is not one of %s", name, strings.Join(Presets(), ", "))
}

func brats(pool *Pool) VolumeOptions {
	return VolumeOptions{
		Geometry: Geometry{
			Flip:   [3]float64{0.5, 0.5, 0.5},
			Zoom:   Draw{0.5, 0.9, 1.1},
			Rotate: Draw{0.2, -15, 15},
		},
		Intensity: Intensity{
			Noise:      Draw{0.1, 0, 0.3},
			Brightness: Draw{0.15, 0.75, 1.25},
			Offset:     Draw{0.15, -0.2, 0.2},
			Contrast:   Draw{0.15, 0.75, 1.25},
			Gamma:      Draw{0.15, 0.7, 1.5},
		},
		Pool: pool,
	}
}

func digits(mods modality.Set, pool *Pool) ([]preprocess.Stage, error) {
	var stages []preprocess.Stage
	if i := mods.Index("image"); i >= 0 {
		st, err := Image(i, ImageOptions{RotateDeg: 10, Scale: 0.1, Shift: 2, Hold: true, Pool: pool})
		if err != nil {
			return nil, err
		}
		stages = append(stages, named{"augment-digits-image/1", st})
	}
	if i := mods.Index("audio"); i >= 0 {
		w, err := Wave(i, WaveOptions{
			Speed: 0.08, Shift: 20 * time.Millisecond, Tilt: 0.3, Noise: Draw{0.5, 15, 40}, GainDB: 6, Stretch: true, Pool: pool,
		})
		if err != nil {
			return nil, err
		}
		f, err := Features(i, FeatureOptions{Gain: 0.3, Stretch: 0.1, Shift: 1, Noise: 0.1, Frames: 2, Coefs: 2, Pool: pool})
		if err != nil {
			return nil, err
		}
		stages = append(stages, named{"augment-digits-audio/1", sound{i, w, f}})
	}
	if len(stages) == 0 {
		return nil, fmt.Errorf("augment: preset digits needs a modality image or audio, not %s", mods.Format(mods.Full()))
	}
	return stages, nil
}

// sound is two stages, of which the number of axes chooses.
type sound struct {
	mod            int
	wave, features preprocess.Stage
}

func (st sound) Name() string { return st.wave.Name() + "|" + st.features.Name() }

func (st sound) Apply(ctx context.Context, rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	if st.mod < len(s.Inputs) && len(s.Inputs[st.mod].Shape) == 1 {
		return st.wave.Apply(ctx, rng, s, emit)
	}
	return st.features.Apply(ctx, rng, s, emit)
}

// named is a stage under another name.
type named struct {
	name  string
	stage preprocess.Stage
}

func (st named) Name() string { return st.name }

func (st named) Apply(ctx context.Context, rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	return st.stage.Apply(ctx, rng, s, func(out *ingest.Sample) bool {
		out.Definitions[len(out.Definitions)-1] = st.name
		return emit(out)
	})
}
