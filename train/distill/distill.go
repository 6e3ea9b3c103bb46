// Package distill provides the importance of modalities and the loss by which
// the important ones teach the others.
package distill

import (
	"fmt"
	"math"
	"slices"

	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Activations by which raw importances u become weights w.
const (
	Softmax = "softmax" // exp(u) / sum of exp(u)
	ReLU    = "relu"    // max(u, 0)
	Sigmoid = "sigmoid" // 1 / (1 + exp(-u))
	Raw     = "raw"     // u
)

// Options describe the loss. The zero Options distils nothing.
type Options struct {
	// Alpha scales the loss: 0.1 as published.
	Alpha float64 `json:"alpha"`
	// L2 takes the mean square of differences rather than the mean magnitude.
	L2 bool `json:"l2"`
	// Activation is one of the above; "" is Softmax.
	Activation string `json:"activation"`
	// Clamp bounds the ratio of two weights to 1/Clamp..Clamp; 0 does not.
	Clamp float64 `json:"clamp,omitempty"`
}

// Check reports what makes no sense.
func (o Options) Check() error {
	switch o.Activation {
	case "", Softmax, ReLU, Sigmoid, Raw:
	default:
		return fmt.Errorf("distill: no activation %q: want softmax, relu, sigmoid or raw", o.Activation)
	}
	if !(o.Alpha >= 0) || o.Clamp != 0 && !(o.Clamp >= 1) {
		return fmt.Errorf("distill: alpha %g, clamp %g: want alpha not negative, clamp 0 or at least 1", o.Alpha, o.Clamp)
	}
	return nil
}

// Weights returns the importance weights of raw importances u.
func (o Options) Weights(u []float32) []float64 {
	w := make([]float64, len(u))
	top := 0.0 // cancels, and keeps exp finite
	if len(u) > 0 {
		top = float64(slices.Max(u))
	}
	sum := 0.0
	for i, v := range u {
		x := float64(v)
		switch o.Activation {
		case ReLU:
			x = math.Max(x, 0)
		case Sigmoid:
			x = 1 / (1 + math.Exp(-x))
		case Raw:
		default:
			x = math.Exp(x - top)
		}
		w[i] = x
		sum += x
	}
	if o.Activation == "" || o.Activation == Softmax {
		for i := range w {
			w[i] /= sum
		}
	}
	return w
}

// floor keeps the ratio of weights finite where an activation may give 0.
const floor = 1e-6

// Ratio returns the weight of teacher i over that of student j.
func (o Options) Ratio(w []float64, i, j int) float64 {
	below := w[j]
	if math.Abs(below) < floor {
		below = math.Copysign(floor, below)
	}
	r := w[i] / below
	if o.Clamp > 0 {
		r = math.Min(math.Max(r, 1/o.Clamp), o.Clamp)
	}
	return r
}

// Coefficients returns Alpha / B times the ratio of weights for every ordered
// pair of modalities that a sample has, [B][M][M], teacher first; 0 for the
// others. The weights are constants to the loss.
func (o Options) Coefficients(u []float32, present []modality.Mask) []float32 {
	m := len(u)
	w := o.Weights(u)
	coef := make([]float32, len(present)*m*m)
	for b, mask := range present {
		for i := range mask.All() {
			for j := range mask.All() {
				if i != j {
					coef[(b*m+i)*m+j] = float32(o.Alpha / float64(len(present)) * o.Ratio(w, i, j))
				}
			}
		}
	}
	return coef
}

// On puts on the tape
//
//	Alpha mean over samples of sum over present i != j of w_i/w_j mean|sg(f_i) - f_j|
//
// for features [B M]... before they are imputed; with L2, the mean of squares.
// Those of missing modalities may be anything.
func (o Options) On(t *autograd.Tape, features *autograd.Var, u []float32, present []modality.Mask) autograd.Loss {
	for b, mask := range present {
		if mask>>len(u) != 0 {
			t.Fail(fmt.Errorf("distill: sample %d of the batch has modalities %b, there are %d importances", b, mask, len(u)))
			return autograd.Loss{}
		}
	}
	power := 1
	if o.L2 {
		power = 2
	}
	coef := t.Temp(o.Coefficients(u, present), tensor.Plain, len(present), len(u), len(u)).Value
	l, _ := t.Distances(features, coef, power)
	return l
}

// Chain returns the derivative by the raw importances u of a function of the
// weights times scale, whose derivative by those is dw.
func (o Options) Chain(u, dw []float32, scale float64) []float64 {
	w := o.Weights(u)
	du := make([]float64, len(u))
	switch o.Activation {
	case "", Softmax:
		dot := 0.0
		for i := range w {
			dot += w[i] * float64(dw[i])
		}
		for i := range du {
			du[i] = scale * w[i] * (float64(dw[i]) - dot)
		}
	default:
		for i := range du {
			du[i] = scale * float64(dw[i]) * o.slope(float64(u[i]), w[i])
		}
	}
	return du
}

// slope returns dw/du of an activation that takes each importance alone.
func (o Options) slope(u, w float64) float64 {
	switch {
	case o.Activation == Sigmoid:
		return w * (1 - w)
	case o.Activation == ReLU && u <= 0:
		return 0
	}
	return 1
}

// ChainRatios returns the derivative by u of a function of the ratios w_i/w_j,
// whose derivative by those is dr, [M][M], teacher first. A clamped ratio is a
// constant.
func (o Options) ChainRatios(u []float32, dr []float64) []float64 {
	m, w := len(u), o.Weights(u)
	free := o
	free.Clamp = 0
	du := make([]float64, m)
	for i := range m {
		for j := range m {
			r := free.Ratio(w, i, j)
			if i == j || r != o.Ratio(w, i, j) {
				continue
			}
			// d(w_i/w_j) = r (dw_i/w_i - dw_j/w_j), and for softmax dw/w is du less
			// the same for all.
			a, b := r, r
			if o.Activation != "" && o.Activation != Softmax {
				under := math.Copysign(math.Max(math.Abs(w[j]), floor), w[j])
				a, b = o.slope(float64(u[i]), w[i])/under, r*o.slope(float64(u[j]), w[j])/under
				if math.Abs(w[j]) < floor {
					b = 0
				}
			}
			du[i] += dr[i*m+j] * a
			du[j] -= dr[i*m+j] * b
		}
	}
	return du
}
