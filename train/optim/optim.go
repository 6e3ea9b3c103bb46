// Package optim provides optimisers, which change all parameters of a model in
// one kernel, and schedules of the learning rate.
package optim

import (
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Optimiser changes a parameter by its gradient, of equal length.
type Optimiser interface {
	// Step changes p with learning rate lr.
	Step(p, g *engine.Tensor, lr float64)
	// State returns what a checkpoint keeps by name, besides the number of steps.
	State() map[string]*engine.Tensor
	// Steps returns how many steps were made, and SetSteps sets it.
	Steps() int
	SetSteps(n int)
}

// Options describe an optimiser.
type Options struct {
	Kind     string  `json:"kind"`     // "adam" (coupled L2), "adamw" or "sgd"
	Decay    float64 `json:"decay"`    // of weights: coupled for sgd, as L2
	Momentum float64 `json:"momentum"` // of sgd, with Nesterov
}

// New returns an optimiser for n values on e. Adam's constants are those of its
// paper: 0.9, 0.999, 1e-8.
func New(e engine.Engine, n int, o Options) (Optimiser, error) {
	if !(o.Decay >= 0) || !(o.Momentum >= 0 && o.Momentum < 1) {
		return nil, fmt.Errorf("optim: decay %g, momentum %g: want decay not negative, momentum 0 to below 1", o.Decay, o.Momentum)
	}
	zero := func() *engine.Tensor {
		x := e.New(tensor.Shape{n}, tensor.Plain)
		e.Fill(x, 0)
		return x
	}
	switch o.Kind {
	case "adam", "adamw":
		return &adam{e: e, m: zero(), v: zero(), spec: engine.AdamSpec{
			Beta1: .9, Beta2: .999, Eps: 1e-8, Decay: float32(o.Decay), Decoupled: o.Kind == "adamw"}}, nil
	case "sgd":
		return &sgd{e: e, v: zero(), spec: engine.SGDSpec{Momentum: float32(o.Momentum), Decay: float32(o.Decay), Nesterov: o.Momentum != 0}}, nil
	}
	return nil, fmt.Errorf("optim: no optimiser %q: want adam, adamw or sgd", o.Kind)
}

type adam struct {
	e    engine.Engine
	m, v *engine.Tensor
	spec engine.AdamSpec
}

func (a *adam) Step(p, g *engine.Tensor, lr float64) {
	a.spec.Step++
	a.spec.LR = float32(lr)
	a.e.Adam(p, a.m, a.v, g, a.spec)
}

func (a *adam) State() map[string]*engine.Tensor {
	return map[string]*engine.Tensor{"adam.m": a.m, "adam.v": a.v}
}
func (a *adam) Steps() int     { return a.spec.Step }
func (a *adam) SetSteps(n int) { a.spec.Step = n }

type sgd struct {
	e     engine.Engine
	v     *engine.Tensor
	spec  engine.SGDSpec
	steps int
}

func (s *sgd) Step(p, g *engine.Tensor, lr float64) {
	s.steps++
	s.spec.LR = float32(lr)
	s.e.SGD(p, s.v, g, s.spec)
}

func (s *sgd) State() map[string]*engine.Tensor { return map[string]*engine.Tensor{"sgd.v": s.v} }
func (s *sgd) Steps() int                       { return s.steps }
func (s *sgd) SetSteps(n int)                   { s.steps = n }

// Schedule is a learning rate over a run.
type Schedule struct {
	Kind string  `json:"kind"` // "constant", "poly", "cosine" or "step"
	LR   float64 `json:"lr"`   // at the start
	// Power is of poly; Every and Factor are of step: every so many epochs the
	// rate is multiplied.
	Power  float64 `json:"power,omitempty"`
	Every  int     `json:"every,omitempty"`
	Factor float64 `json:"factor,omitempty"`
	// Warm is for how many steps the rate rises linearly from 0.
	Warm int `json:"warm,omitempty"`
}

// Check reports what makes no sense.
func (s Schedule) Check() error {
	ok := false
	switch s.Kind {
	case "constant", "cosine":
		ok = true
	case "poly":
		ok = s.Power > 0
	case "step":
		ok = s.Every > 0 && s.Factor > 0
	}
	if !ok || !(s.LR > 0) || s.Warm < 0 {
		return fmt.Errorf("optim: schedule %+v: want constant, cosine, poly with a power, or step with every and factor; lr above 0", s)
	}
	return nil
}

// At returns the rate at a step, counted from 0, of a run of total steps, in
// the given epoch.
func (s Schedule) At(step, total, epoch int) float64 {
	part := float64(step) / math.Max(float64(total), 1)
	lr := s.LR
	switch s.Kind {
	case "poly":
		lr *= math.Pow(math.Max(1-part, 0), s.Power)
	case "cosine":
		lr *= (1 + math.Cos(math.Pi*math.Min(part, 1))) / 2
	case "step":
		lr *= math.Pow(s.Factor, float64(epoch/s.Every))
	}
	if step < s.Warm {
		lr *= float64(step+1) / float64(s.Warm)
	}
	return lr
}
