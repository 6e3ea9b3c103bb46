package validate

import (
	"context"
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// Predictor is a trained model.
type Predictor interface {
	// Predict returns one array a sample of the batch, in order: for a
	// classification the probabilities of the classes, shape [classes], summing to
	// 1; for a segmentation the probability of each region at each voxel, shape
	// [regions, D, H, W] of a sample of D x H x W. See [Softmax] and [Sigmoid].
	//
	// present is the combination that is evaluated. A sample's own Present is
	// what it has of it, never nothing; Inputs has these arrays alone, and there
	// is no target. The batch has at least one sample. Samples must not be
	// written to; the evaluator reads the result before it calls again, so its
	// memory may be used anew.
	Predict(ctx context.Context, batch []*ingest.Sample, present modality.Mask) ([]ingest.Array, error)
}

// view returns a copy of s with the modalities of keep and nothing to learn the
// answer from. It shares the arrays' memory.
func view(s *ingest.Sample, keep modality.Mask) *ingest.Sample {
	v := *s
	v.Inputs = make([]ingest.Array, len(s.Inputs))
	for i := range keep.All() {
		v.Inputs[i] = s.Inputs[i]
	}
	v.Present = keep
	v.Target = ingest.Labels{}
	v.Subject.Class, v.Subject.Stratum = -1, ""
	return &v
}

// predict calls p and checks what it returns: shape gives the shape wanted for a
// sample.
func predict(ctx context.Context, p Predictor, batch []*ingest.Sample, present modality.Mask, shape func(*ingest.Sample) []int) ([]ingest.Array, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	out, err := p.Predict(ctx, batch, present)
	if err != nil {
		return nil, fmt.Errorf("validate: predicting %s and %d more: %w", batch[0].Key, len(batch)-1, err)
	}
	if len(out) != len(batch) {
		return nil, fmt.Errorf("validate: the predictor returned %d arrays for %d samples", len(out), len(batch))
	}
	for i, a := range out {
		if err := checkProbabilities(a, shape(batch[i])); err != nil {
			return nil, fmt.Errorf("validate: the prediction for %s: %w", batch[i].Key, err)
		}
	}
	return out, nil
}

func checkProbabilities(a ingest.Array, shape []int) error {
	same := len(a.Shape) == len(shape)
	for i := 0; same && i < len(shape); i++ {
		same = a.Shape[i] == shape[i]
	}
	if !same || len(a.Data) != a.Len() {
		return fmt.Errorf("%d values of the shape %v, want %v", len(a.Data), a.Shape, shape)
	}
	for i, v := range a.Data {
		if !(v >= 0 && v <= 1) { // NaN fails too
			return fmt.Errorf("value %d is %g, and no probability", i, v)
		}
	}
	return nil
}

// Softmax turns logits into probabilities that sum to 1, in place.
func Softmax(logits []float32) {
	top := math.Inf(-1)
	for _, v := range logits {
		top = max(top, float64(v))
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - top)
	}
	for i, v := range logits {
		logits[i] = float32(math.Exp(float64(v)-top) / sum)
	}
}

// Sigmoid turns logits into probabilities, each by itself, in place.
func Sigmoid(logits []float32) {
	for i, v := range logits {
		logits[i] = float32(1 / (1 + math.Exp(-float64(v))))
	}
}
