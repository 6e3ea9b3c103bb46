// Package unet3d is a residual 3-D U-Net over several modalities, of the
// topology of the MCKD paper (Wang et al., "Learnable Cross-modal Knowledge
// Distillation for Multi-modal Learning with Missing Modality", and its
// successor): one encoder for all modalities, which are folded into the batch;
// what stands for a missing modality is imputed at the bottom; and on every
// level the modalities' features are joined, mixed by a 1x1x1 convolution and
// added on the way up. Regions overlap, so each is a sigmoid of its own.
package unet3d

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Options describe the network.
type Options struct {
	Modalities int // required
	Regions    int // default 3
	Width      int // channels of the stem; default 8. Each level down doubles them.
	Depth      int // halvings below the stem; default 3
	// FullStem keeps the input's size in the stem; else it halves H and W, as
	// published, and the output is interpolated.
	FullStem bool
	// Standardise standardises the weights of convolutions, as published.
	Standardise bool
	// Checkpoint keeps no activation inside a level and computes them again for
	// the gradient: about a third more time for less memory. A step on two patches
	// of 80x160x160 of 4 modalities at Width 64 takes 7.6 GiB of tensors without
	// and 4.6 GiB with it, so either fits a card of 24 GB.
	Checkpoint bool
}

const slope = 0.01 // of LeakyReLU

// Net is the network.
type Net struct {
	o      Options
	params *nn.Params

	stem     unit
	down     []residual // level i+1 of i
	bottom   unit       // joins the modalities at the bottom
	up       []*nn.Conv // to level i, from i+1
	mix      []unit     // skips of level i
	after    []residual // on level i, after the skip is added
	classify *nn.Conv
}

// unit is a convolution, a norm and an activation.
type unit struct {
	conv *nn.Conv
	norm *nn.Norm
}

func (u unit) forward(t *autograd.Tape, x, res *autograd.Var) *autograd.Var {
	return u.norm.Forward(t, u.conv.Forward(t, x), res)
}

// alone is a stage without a residual.
func (u unit) alone(t *autograd.Tape, xs []*autograd.Var) *autograd.Var {
	return u.forward(t, xs[0], nil)
}

// residual is act(norm(conv(act(norm(conv(x))))) + shortcut).
type residual struct {
	first, second unit
	shortcut      *unit // nil for x itself
}

func (r residual) forward(t *autograd.Tape, x *autograd.Var) *autograd.Var {
	short := x
	if r.shortcut != nil {
		short = r.shortcut.forward(t, x, nil)
	}
	return r.second.forward(t, r.first.forward(t, x, nil), short)
}

func (r residual) alone(t *autograd.Tape, xs []*autograd.Var) *autograd.Var {
	return r.forward(t, xs[0])
}

// New makes the network on e, its parameters started from the seed.
func New(e engine.Engine, o Options, seed uint64) (*Net, error) {
	if o.Modalities < 1 || o.Modalities > 16 || o.Width < 0 || o.Width > 1024 || o.Depth < 0 || o.Depth > 6 || o.Regions < 0 {
		return nil, fmt.Errorf("unet3d: %+v: want 1 to 16 modalities, width to 1024, depth to 6", o)
	}
	if o.Regions == 0 {
		o.Regions = 3
	}
	if o.Width == 0 {
		o.Width = 8
	}
	if o.Depth == 0 {
		o.Depth = 3
	}
	n := &Net{o: o}
	m := maker{o: o}
	width := func(level int) int { return o.Width << level }
	stem := engine.Cube(3, false)
	if !o.FullStem {
		stem.Stride = [3]int{1, 2, 2}
	}
	n.stem = m.unit("stem", 1, width(0), stem, slope)
	for l := range o.Depth {
		n.down = append(n.down, m.residual(fmt.Sprintf("down%d", l+1), width(l), width(l+1), 2))
	}
	point := engine.Cube(1, false)
	n.bottom = m.unit("bottom", o.Modalities*width(o.Depth), width(o.Depth), point, slope)
	double := engine.Window{Kernel: [3]int{2, 2, 2}, Stride: [3]int{2, 2, 2}}
	for l := range o.Depth {
		n.up = append(n.up, m.b.ConvTransposed(fmt.Sprintf("up%d", l), width(l+1), width(l), double, true))
		n.mix = append(n.mix, m.unit(fmt.Sprintf("mix%d", l), o.Modalities*width(l), width(l), point, slope))
		n.after = append(n.after, m.residual(fmt.Sprintf("after%d", l), width(l), width(l), 1))
	}
	n.classify = m.b.Conv("classify", width(0), o.Regions, point, true)
	var err error
	n.params, err = m.b.Build(e, seed)
	return n, err
}

// maker adds the parts of the network to a builder.
type maker struct {
	b nn.Builder
	o Options
}

func (m *maker) unit(name string, in, out int, w engine.Window, slope float32) unit {
	c := m.b.Conv(name+".conv", in, out, w, false)
	c.W.Start(nn.FanOut(out * w.Kernel[0] * w.Kernel[1] * w.Kernel[2]))
	c.Standardise = m.o.Standardise && in*w.Kernel[0]*w.Kernel[1]*w.Kernel[2] > 1
	return unit{c, m.b.InstanceNorm(name+".norm", out, slope)}
}

func (m *maker) residual(name string, in, out, stride int) residual {
	first := engine.Cube(3, false)
	first.Stride = [3]int{stride, stride, stride}
	r := residual{first: m.unit(name+".1", in, out, first, slope), second: m.unit(name+".2", out, out, engine.Cube(3, false), slope)}
	if in != out || stride != 1 {
		point := engine.Cube(1, false)
		point.Stride = first.Stride
		u := m.unit(name+".short", in, out, point, 1)
		r.shortcut = &u
	}
	return r
}

// Params returns the network's parameters.
func (n *Net) Params() *nn.Params { return n.params }

// Divisor returns what D, H, W of an input must be multiples of.
func (n *Net) Divisor() [3]int {
	d := 1 << n.o.Depth
	if n.o.FullStem {
		return [3]int{d, d, d}
	}
	return [3]int{d, 2 * d, 2 * d}
}

// stage is a part of the network of one output.
type stage func(t *autograd.Tape, xs []*autograd.Var) *autograd.Var

// level does f, in a checkpoint where the options say so.
func (n *Net) level(t *autograd.Tape, f stage, xs ...*autograd.Var) *autograd.Var {
	if !n.o.Checkpoint {
		return f(t, xs)
	}
	return t.Checkpoint(func(t *autograd.Tape, xs []*autograd.Var) []*autograd.Var {
		return []*autograd.Var{f(t, xs)}
	}, xs...)[0]
}

// Encode returns the features of the bottom, [B M][Width 2^Depth] and voxels,
// and as skips those of each level above, from the top. A missing modality
// counts as a volume of zeros, as published, of which one is encoded for all.
func (n *Net) Encode(t *autograd.Tape, b nn.Batch) nn.Code {
	if b.Modalities() != n.o.Modalities {
		t.Fail(fmt.Errorf("unet3d: %d modalities, the network is for %d", b.Modalities(), n.o.Modalities))
		return nn.Code{}
	}
	places, all := b.Has(0, n.o.Modalities), len(b.Present)*n.o.Modalities
	blank := min(all-len(places), 1)
	x := b.Stack(t, places, blank)
	if s, d := x.Shape(), n.Divisor(); len(s) == 5 && (s[2]%d[0] != 0 || s[3]%d[1] != 0 || s[4]%d[2] != 0) {
		t.Fail(fmt.Errorf("unet3d: patches of %v: D, H, W must be multiples of %v", s[2:], d))
		return nn.Code{}
	}
	index := nn.Spread(places, all, len(places))
	spread := func(x *autograd.Var) *autograd.Var {
		if blank == 0 {
			return x
		}
		return t.Gather(x, index)
	}
	var c nn.Code
	x = n.level(t, n.stem.alone, x)
	for _, r := range n.down {
		c.Skips = append(c.Skips, spread(x))
		x = n.level(t, r.alone, x)
	}
	c.Features = spread(x)
	return c
}

// Decode returns logits B x Regions x D x H x W.
func (n *Net) Decode(t *autograd.Tape, c nn.Code) *autograd.Var {
	if t.Err() != nil || len(c.Skips) != n.o.Depth {
		return t.Fail(fmt.Errorf("unet3d: features of %d levels, the network has %d", len(c.Skips), n.o.Depth))
	}
	x := n.bottom.forward(t, t.Join(c.Features, n.o.Modalities), nil)
	for l := n.o.Depth - 1; l >= 0; l-- {
		x = n.level(t, func(t *autograd.Tape, xs []*autograd.Var) *autograd.Var {
			skip := n.mix[l].forward(t, t.Join(xs[1], n.o.Modalities), nil)
			return n.after[l].forward(t, t.Add(n.up[l].Forward(t, xs[0]), skip))
		}, x, c.Skips[l])
	}
	x = t.To(tensor.Plain, n.classify.Forward(t, x))
	if !n.o.FullStem {
		x = t.Upsample(x, [3]int{1, 2, 2}, true)
	}
	return x
}
