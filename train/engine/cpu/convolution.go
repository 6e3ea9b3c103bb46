package cpu

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/conv"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// shapes is how many convolutions are kept. Their tables are small, but those
// who give every volume another size would fill the memory with them.
const shapes = 512

// of returns the convolution from x to y.
func (d *device) of(x, y *engine.Tensor, s engine.Window) *conv.Conv {
	s = s.Normal()
	shape := conv.Shape{
		N: x.Shape[0], Cin: x.Shape[1], Cout: y.Shape[1], In: [3]int(x.Shape[2:5]),
		Kernel: s.Kernel, Stride: s.Stride, Pad: s.Pad, Dilation: s.Dilation,
		PlainInput: x.Layout == tensor.Plain,
	}
	if c := d.convs[shape]; c != nil {
		return c
	}
	c, err := conv.New(shape, d.pool, d.o.Level)
	if err != nil {
		panic(err)
	}
	if c.Out() != [3]int(y.Shape[2:5]) || x.Shape[0] != y.Shape[0] {
		panic(fmt.Sprintf("cpu: a convolution of %v with %+v is not %v", x, s, y))
	}
	if len(d.convs) == shapes {
		clear(d.convs)
	}
	d.convs[shape] = c
	return c
}

func optional(t *engine.Tensor) []float32 {
	if t == nil {
		return nil
	}
	return values(t)
}

func (d *device) Conv(y, x, w, b *engine.Tensor, s engine.Window) {
	check.Conv(y, x, w, b, s)
	c := d.of(x, y, s)
	packed := d.mem.take(c.PackedSize())
	c.Pack(packed.v, values(w), optional(b))
	c.Forward(values(y), values(x), packed.v)
	d.mem.give(packed)
}

func (d *device) ConvGradData(dx, dy, w, b *engine.Tensor, s engine.Window) {
	check.ConvGradData(dx, dy, w, b, s)
	c := d.of(dx, dy, s)
	packed := d.mem.take(c.PackedBackSize())
	c.PackBack(packed.v, values(w), optional(b))
	c.GradData(values(dx), values(dy), packed.v)
	d.mem.give(packed)
}

func (d *device) ConvGradWeights(dw, db, x, dy *engine.Tensor, s engine.Window) {
	check.ConvGradWeights(dw, db, x, dy, s)
	c := d.of(x, dy, s)
	work := d.mem.take(c.WorkSize())
	c.GradWeights(values(dw), optional(db), values(x), values(dy), work.v)
	d.mem.give(work)
}
