package enginetest

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
	"pgregory.net/rapid"
)

// A call is one use of a kernel, ready to be run on any device.
type call struct {
	spec string // the parameters, for messages
	args []arg
	run  func(e engine.Engine, t []*engine.Tensor) // t by args

	// terms is the number of terms of a sum, and units how many times the usual
	// tolerance is allowed (0 is 1).
	terms int
	units float64
	// size returns, for the output args[i], the size m of what is rounded: see
	// the package's comment. in and out are the values of all args before and
	// after. Where it is nil, that is the result of run for absolute values.
	size func(i int, in, out [][]float32) []float64
	// inPlace are pairs of an output and an input that may be one tensor.
	inPlace [][2]int
	// spreads is an input, N x C x D x H x W, of which a NaN in channel c may reach
	// all that is written of first index c; 0 for none (which is never an input).
	spreads int
}

// An arg is a tensor given to a kernel.
type arg struct {
	name    string
	shape   tensor.Shape // nil where the tensor is nil
	layout  tensor.Layout
	data    []float32 // values before the call; nil for an output, which is NaN
	written bool
	noNaN   bool // no NaN is tried here: a device may compute with it or with another input
}

func (a arg) String() string {
	if a.shape == nil {
		return a.name + " nil"
	}
	return fmt.Sprintf("%s %v %v", a.name, a.shape, a.layout)
}

func (c call) String() string {
	parts := make([]string, len(c.args))
	for i, a := range c.args {
		parts[i] = a.String()
	}
	return c.spec + " of " + strings.Join(parts, ", ")
}

// input, output and updated return what a kernel reads, writes, or both.
func input(name string, s tensor.Shape, l tensor.Layout, data []float32) arg {
	return arg{name: name, shape: s, layout: l, data: data}
}

func output(name string, s tensor.Shape, l tensor.Layout) arg {
	return arg{name: name, shape: s, layout: l, written: true}
}

func updated(name string, s tensor.Shape, l tensor.Layout, data []float32) arg {
	return arg{name: name, shape: s, layout: l, data: data, written: true}
}

// absent is a tensor that is nil.
func absent(name string) arg { return arg{name: name} }

// data returns the values of all args before the call, nil for outputs.
func (c call) data() [][]float32 {
	in := make([][]float32, len(c.args))
	for i, a := range c.args {
		in[i] = a.data
	}
	return in
}

// on runs the call on a device with the values given, and returns those that
// the device held before and after. alias is a pair of args that are one
// tensor. Plain tensors are sliced from larger ones where guarded.
func (c call) on(t rapid.TB, e engine.Engine, data [][]float32, guarded bool, alias ...[2]int) (in, out [][]float32) {
	t.Helper()
	tensors := make([]*engine.Tensor, len(c.args))
	whole := make([]*engine.Tensor, len(c.args)) // to be freed
	for i, a := range c.args {
		if a.shape != nil {
			whole[i], tensors[i] = place(e, a, data[i], guarded)
		}
	}
	in = readAll(t, e, tensors)
	seen := slices.Clone(tensors)
	for _, p := range alias {
		seen[p[0]] = tensors[p[1]]
	}
	c.run(e, seen)
	out = readAll(t, e, seen)
	for i, a := range c.args {
		if a.shape == nil {
			continue
		}
		if !a.written && !aliased(alias, i) && !sameBits(in[i], out[i]) {
			t.Fatalf("%v: %s is only to be read, and was changed", c, a.name)
		}
		if whole[i] != tensors[i] {
			guards(t, e, c, a, whole[i])
		}
		e.Free(whole[i])
	}
	return in, out
}

func aliased(alias [][2]int, i int) bool {
	return slices.ContainsFunc(alias, func(p [2]int) bool { return p[1] == i })
}

// place returns a tensor that holds the values, NaN where there are none, and
// what is to be freed in the end.
func place(e engine.Engine, a arg, data []float32, guarded bool) (whole, t *engine.Tensor) {
	if a.layout == tensor.Blocked { // of memory that was NaN, where the device uses it again
		full := slices.Clone(a.shape)
		full[1] = tensor.Blocks(a.shape[1]) * tensor.Lanes
		old := e.New(full, tensor.Blocked)
		e.Fill(old, nan)
		e.Free(old)
	}
	switch {
	case guarded && a.layout == tensor.Plain:
		whole = e.New(tensor.Shape{a.shape.Len() + 2*engine.Align}, tensor.Plain)
		e.Fill(whole, nan)
		t = e.Slice(whole, engine.Align, a.shape)
	default:
		whole = e.New(a.shape, a.layout)
		t = whole
	}
	if data == nil {
		data = repeat(nan, a.shape.Len())
	}
	e.Write(t, data)
	return whole, t
}

// guards fails where something beside the slice of a was written.
func guards(t rapid.TB, e engine.Engine, c call, a arg, whole *engine.Tensor) {
	t.Helper()
	v := read(t, e, whole)
	for i, x := range v {
		if (i < engine.Align || i >= engine.Align+a.shape.Len()) && !isNaN(x) {
			t.Fatalf("%v: value %d of %s was written: it is not of the slice", c, i-engine.Align, a.name)
		}
	}
}

func readAll(t rapid.TB, e engine.Engine, tensors []*engine.Tensor) [][]float32 {
	t.Helper()
	out := make([][]float32, len(tensors))
	for i, x := range tensors {
		if x != nil {
			out[i] = read(t, e, x)
		}
	}
	return out
}

func read(t rapid.TB, e engine.Engine, x *engine.Tensor) []float32 {
	t.Helper()
	out := repeat(0, x.Shape.Len())
	if err := e.Read(out, x); err != nil {
		t.Fatalf("%s: Read of %v: %v", e.Name(), x, err)
	}
	return out
}

var nan, inf = float32(math.NaN()), float32(math.Inf(1))

func isNaN(v float32) bool { return v != v }

func repeat(v float32, n int) []float32 { return slices.Repeat([]float32{v}, n) }

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool {
		return math.Float32bits(x) == math.Float32bits(y) || isNaN(x) && isNaN(y)
	})
}
