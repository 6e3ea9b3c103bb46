package nn

import (
	"errors"
	"fmt"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Batch is B samples of M modalities.
type Batch struct {
	// Inputs are by sample and modality, on the host. Those that Present lacks
	// are not looked at.
	Inputs [][]ingest.Array
	// Present says, by sample, which modalities the network may see; none is
	// empty.
	Present []modality.Mask
	// Mask is Present as 1 and 0, plain [B][M].
	Mask *engine.Tensor
}

// NewBatch returns a batch, whose mask is the tape's. It errs where a sample
// lacks all modalities, or one that it claims to have.
func NewBatch(t *autograd.Tape, inputs [][]ingest.Array, present []modality.Mask) (Batch, error) {
	b := Batch{Inputs: inputs, Present: present}
	if len(inputs) == 0 || len(inputs) != len(present) {
		return b, fmt.Errorf("nn: a batch of %d samples with %d masks", len(inputs), len(present))
	}
	m := len(inputs[0])
	mask := make([]float32, len(inputs)*m)
	for n, sample := range inputs {
		if present[n] == 0 || len(sample) != m {
			return b, fmt.Errorf("nn: sample %d of the batch has no modality, or %d where others have %d", n, len(sample), m)
		}
		for i := range present[n].All() {
			if i >= m || sample[i].Data == nil {
				return b, fmt.Errorf("nn: sample %d of the batch lacks modality %d, which its mask claims", n, i)
			}
			mask[n*m+i] = 1
		}
	}
	b.Mask = t.Temp(mask, tensor.Plain, len(inputs), m).Value
	return b, t.Err()
}

// Modalities returns M.
func (b Batch) Modalities() int { return len(b.Inputs[0]) }

// Has returns, for the modalities from and before to, the places n = b M + m of
// all pairs of a sample and a modality that it has, in order.
func (b Batch) Has(from, to int) []int {
	var places []int
	for n, p := range b.Present {
		for m := from; m < to; m++ {
			if p.Has(m) {
				places = append(places, n*b.Modalities()+m)
			}
		}
	}
	return places
}

// Stack puts the inputs at places, b M + m, onto the device, plain [n][1][D][H][W],
// followed by blank ones of zeros. All must have one shape, of rank 2 (H, W; D
// is 1) or 3.
func (b Batch) Stack(t *autograd.Tape, places []int, blank int) *autograd.Var {
	if len(places) == 0 {
		return t.Fail(errors.New("nn: no input to stack"))
	}
	at := func(place int) ingest.Array { return b.Inputs[place/b.Modalities()][place%b.Modalities()] }
	first := at(places[0])
	size := first.Len()
	for _, p := range places {
		if a := at(p); !tensor.Shape(a.Shape).Equal(first.Shape) || len(a.Data) != size {
			return t.Fail(fmt.Errorf("nn: an input of %v beside one of %v", tensor.Shape(a.Shape), tensor.Shape(first.Shape)))
		}
	}
	shape := []int{len(places) + blank, 1}
	switch len(first.Shape) {
	case 2:
		shape = append(shape, 1)
	case 3:
	default:
		return t.Fail(fmt.Errorf("nn: an input of shape %v: want H x W or D x H x W", tensor.Shape(first.Shape)))
	}
	return t.Parts(len(places)+blank, func(i int, part []float32) {
		clear(part)
		if i < len(places) {
			copy(part, at(places[i]).Data)
		}
	}, append(shape, first.Shape...)...)
}

// Spread returns, for each of n places, where it stands in places, or other.
func Spread(places []int, n, other int) []int {
	index := make([]int, n)
	for i := range index {
		index[i] = other
	}
	for i, p := range places {
		index[p] = i
	}
	return index
}

// Code is what a model makes of the inputs before it joins the modalities.
type Code struct {
	// Features are one per sample and modality, folded: n = b M + m. Those of
	// missing modalities are nothing to rely on until they are imputed.
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
