package lab

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/preprocess"
)

// stages returns the augmentations of training samples, and what every sample
// goes through before the network.
func (s Spec) stages(ctx context.Context, d *Data, only modality.Mask) (augment, scale []preprocess.Stage, err error) {
	switch s.Input {
	case "none":
	case "published":
		scale = append(scale, halves{})
	default:
		return nil, nil, fmt.Errorf("no input scaling %q", s.Input)
	}
	return augment, scale, nil
}

// halves is (x - .5) / .5.
type halves struct{}

func (halves) Name() string { return "halves/1" }

func (halves) Apply(_ context.Context, _ *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	for i, a := range s.Inputs {
		if a.Data == nil {
			continue
		}
		v := make([]float32, len(a.Data))
		for k, x := range a.Data {
			v[k] = 2*x - 1
		}
		s.Inputs[i].Data = v
	}
	emit(s)
	return nil
}
