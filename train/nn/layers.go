package nn

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine"
)

func leaf(t *autograd.Tape, p *Param) *autograd.Var {
	if p == nil {
		return nil
	}
	return t.Leaf(p.Value, p.Grad)
}

// Conv is a convolution, transposed where so made.
type Conv struct {
	W, B       *Param // B may be nil
	Window     engine.Window
	Transposed bool
	// Standardise says that weights are standardised per output channel before
	// use.
	Standardise bool
}

// Conv adds a convolution with PyTorch's start. Its parameters are name.weight
// and, with bias, name.bias.
func (b *Builder) Conv(name string, in, out int, w engine.Window, bias bool) *Conv {
	fan := in * w.Kernel[0] * w.Kernel[1] * w.Kernel[2]
	c := &Conv{W: b.Param(name+".weight", FanIn(fan), out, in, w.Kernel[0], w.Kernel[1], w.Kernel[2]), Window: w}
	if bias {
		c.B = b.Param(name+".bias", FanIn(fan), out)
	}
	return c
}

// ConvTransposed adds a transposed convolution with PyTorch's start.
func (b *Builder) ConvTransposed(name string, in, out int, w engine.Window, bias bool) *Conv {
	fan := out * w.Kernel[0] * w.Kernel[1] * w.Kernel[2] // PyTorch's fan in of such weights
	c := &Conv{W: b.Param(name+".weight", FanIn(fan), in, out, w.Kernel[0], w.Kernel[1], w.Kernel[2]), Window: w, Transposed: true}
	if bias {
		c.B = b.Param(name+".bias", FanIn(fan), out)
	}
	return c
}

// weightEps is what keeps standardised weights finite.
const weightEps = 1e-12

// Forward convolves x.
func (c *Conv) Forward(t *autograd.Tape, x *autograd.Var) *autograd.Var {
	w := leaf(t, c.W)
	if c.Standardise {
		w = t.Standardise(w, weightEps)
	}
	if c.Transposed {
		return t.ConvTransposed(x, w, leaf(t, c.B), c.Window)
	}
	return t.Conv(x, w, leaf(t, c.B), c.Window)
}

// Linear is x w' + b.
type Linear struct{ W, B *Param }

// Linear adds a linear layer with PyTorch's start.
func (b *Builder) Linear(name string, in, out int) *Linear {
	return &Linear{b.Param(name+".weight", FanIn(in), out, in), b.Param(name+".bias", FanIn(in), out)}
}

// Forward maps rows of x.
func (l *Linear) Forward(t *autograd.Tape, x *autograd.Var) *autograd.Var {
	return t.Linear(x, leaf(t, l.W), leaf(t, l.B))
}

// Norm is instance or batch norm, with an activation.
type Norm struct {
	Gamma, Beta *Param
	Running     *Param // batch norm's means and unbiased variances, [C][2]
	Spec        engine.NormSpec
	Momentum    float32
}

// normEps and normMomentum are PyTorch's.
const (
	normEps      = 1e-5
	normMomentum = 0.1
)

// InstanceNorm adds an affine instance norm, followed by LeakyReLU of the slope
// (1 for none).
func (b *Builder) InstanceNorm(name string, c int, slope float32) *Norm {
	return &Norm{
		Gamma: b.Param(name+".weight", Constant(1), c), Beta: b.Param(name+".bias", Constant(0), c),
		Spec: engine.NormSpec{Per: engine.Instance, Eps: normEps, Slope: slope},
	}
}

// BatchNorm adds an affine batch norm with running statistics, likewise.
func (b *Builder) BatchNorm(name string, c int, slope float32) *Norm {
	start := func(p []float32) {
		for i := range p {
			p[i] = float32(i % 2) // mean 0, variance 1
		}
	}
	return &Norm{
		Gamma: b.Param(name+".weight", Constant(1), c), Beta: b.Param(name+".bias", Constant(0), c),
		Running: b.Kept(name+".running", fixed(start), c, 2), Momentum: normMomentum,
		Spec: engine.NormSpec{Per: engine.Batch, Eps: normEps, Slope: slope},
	}
}

// Forward normalises x, adds res where it is not nil, and activates. Batch norm
// takes the running statistics in evaluation, and moves them in training.
func (n *Norm) Forward(t *autograd.Tape, x, res *autograd.Var) *autograd.Var {
	s := n.Spec
	if n.Running == nil {
		y, _ := t.Norm(x, leaf(t, n.Gamma), leaf(t, n.Beta), res, nil, s)
		return y
	}
	if !t.Train {
		s.Frozen = true
		stats := t.Buffer(n.Running.Shape...)
		t.Engine.Frozen(stats, n.Running.Value, s.Eps)
		y, _ := t.Norm(x, leaf(t, n.Gamma), leaf(t, n.Beta), res, stats, s)
		return y
	}
	y, stats := t.Norm(x, leaf(t, n.Gamma), leaf(t, n.Beta), res, nil, s)
	if t.Err() == nil && !t.Replaying() {
		count := x.Shape()[0] * x.Shape().Voxels()
		if count < 2 {
			return t.Fail(fmt.Errorf("nn: batch norm in training of one value a channel, %v", x.Shape()))
		}
		t.Engine.Running(n.Running.Value, stats, n.Momentum, s.Eps, count)
	}
	return y
}
