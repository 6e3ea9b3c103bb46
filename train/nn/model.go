package nn

import (
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine"
)

// Batch is B samples of M modalities on a device.
type Batch struct {
	// Inputs are by modality, plain [B][1][D][H][W] (D = 1 for images), zeros
	// where the sample lacks it.
	Inputs []*autograd.Var
	// Present says, by sample, which modalities it has; none is empty.
	Present []modality.Mask
	// Mask is Present as 1 and 0, plain [B][M].
	Mask *engine.Tensor
}

// Code is what a model makes of the inputs before it joins the modalities.
type Code struct {
	// Features are one per sample and modality, folded: n = b M + m. Those of
	// missing modalities hold nothing of use until they are imputed.
	Features *autograd.Var
	// Skips are whatever else the model's Decode wants.
	Skips []*autograd.Var
}

// Model is a network over several modalities, any of which may be missing.
// Encode looks at each modality alone and Decode joins them, so that who trains
// it can impute, gate and distil the features between.
type Model interface {
	Encode(t *autograd.Tape, b Batch) Code
	// Decode returns logits: [B][classes], or B x regions x D x H x W.
	Decode(t *autograd.Tape, c Code) *autograd.Var
	Params() *Params
}

// Predict runs a model as it is used: missing features are the mean of those
// present.
func Predict(t *autograd.Tape, m Model, b Batch) *autograd.Var {
	c := m.Encode(t, b)
	c.Features = t.Impute(c.Features, b.Mask)
	return m.Decode(t, c)
}
