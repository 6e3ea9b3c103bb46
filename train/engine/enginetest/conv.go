package enginetest

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// convolution draws the shapes of a convolution that takes the reference at
// most some milliseconds, and the window.
func (d draw) convolution() (x, y, w tensor.Shape, s engine.Window) {
	in := d.size()
	k := of(d, "kernel", 3, 1, 2, 5, 7)
	for a := range 3 {
		s.Kernel[a] = of(d, "side of the kernel", k, k, k, 1, 3)
		if in[a] == 1 && d.bool("flat") {
			s.Kernel[a] = 1
		}
		s.Stride[a] = of(d, "stride", 1, 0, 2, 3)
		s.Dilation[a] = of(d, "dilation", 0, 1, 1, 2, 3)
		span := max(s.Dilation[a], 1)*(s.Kernel[a]-1) + 1
		s.Pad[a] = of(d, "padding", span/2, 0, 1, s.Kernel[a]-1)
		in[a] = max(in[a], span-2*s.Pad[a])
	}
	n, ci, co := d.batch(), d.channels("channels in"), d.channels("channels out")
	for {
		out, err := s.Out(in)
		if err != nil {
			panic(err)
		}
		x, y = tensor.Shape{n, ci, in[0], in[1], in[2]}, tensor.Shape{n, co, out[0], out[1], out[2]}
		w = tensor.Shape{co, ci, s.Kernel[0], s.Kernel[1], s.Kernel[2]}
		if work := y.Len() * w.Len() / co; work <= 500000 || n == 1 && ci == 1 && co == 1 {
			return x, y, w, s
		}
		sizes := []int{n, ci, co}
		if max(n, ci, co) > max(out[0], out[1], out[2]) {
			halve(sizes)
			n, ci, co = sizes[0], sizes[1], sizes[2]
			continue
		}
		halve(in[:])
		for a := range 3 {
			in[a] = max(in[a], max(s.Dilation[a], 1)*(s.Kernel[a]-1)+1-2*s.Pad[a])
		}
		if [3]int(x[2:]) == in { // the kernel needs it
			halve(sizes)
			n, ci, co = sizes[0], sizes[1], sizes[2]
		}
	}
}

// bias draws a bias of c values, or none.
func (d draw) bias(c int) arg {
	if d.bool("bias") {
		return input("b", tensor.Shape{c}, tensor.Plain, d.values(c))
	}
	return absent("b")
}

func drawConv(d draw) call {
	x, y, w, s := d.convolution()
	return call{
		spec: fmt.Sprintf("%+v", s),
		args: []arg{
			output("y", y, tensor.Blocked),
			input("x", x, d.layout(), d.values(x.Len())),
			input("w", w, tensor.Plain, d.values(w.Len())),
			d.bias(y[1]),
		},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.Conv(t[0], t[1], t[2], t[3], s) },
		terms: w.Len() / w[0],
	}
}

func drawConvGradData(d draw) call {
	x, y, w, s := d.convolution()
	return call{
		spec: fmt.Sprintf("%+v", s),
		args: []arg{
			output("dx", x, tensor.Blocked),
			input("dy", y, tensor.Blocked, d.values(y.Len())),
			input("w", w, tensor.Plain, d.values(w.Len())),
			d.bias(x[1]),
		},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.ConvGradData(t[0], t[1], t[2], t[3], s) },
		terms: w.Len() / w[1],
	}
}

func drawConvGradWeights(d draw) call {
	x, y, w, s := d.convolution()
	db := output("db", tensor.Shape{y[1]}, tensor.Plain)
	if d.bool("no db") {
		db = absent("db")
	}
	c := call{
		spec: fmt.Sprintf("%+v", s),
		args: []arg{
			output("dw", w, tensor.Plain),
			db,
			input("x", x, d.layout(), d.values(x.Len())),
			input("dy", y, tensor.Blocked, d.values(y.Len())),
		},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.ConvGradWeights(t[0], t[1], t[2], t[3], s) },
		terms: y.Len() / y[1],
	}
	if c.args[2].layout == tensor.Plain {
		// A first layer is quicker if a voxel is read beside the border, where
		// there is none, and multiplied by 0. Its data has no NaN, so that one
		// of dy may spread in its channel.
		c.spreads = 3
	}
	return c
}
