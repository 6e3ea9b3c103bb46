package nn_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// TestStartAsPyTorch holds that weights and biases start uniform within
// 1/sqrt(fan in), as PyTorch counts it.
func TestStartAsPyTorch(t *testing.T) {
	e := device(t)
	var b nn.Builder
	w := engine.Window{Kernel: [3]int{2, 3, 3}}
	c, up, l := b.Conv("c", 16, 32, w, true), b.ConvTransposed("up", 16, 32, w, true), b.Linear("l", 288, 64)
	p := built(t, e, &b, 1)
	for _, layer := range []struct {
		name         string
		weight, bias *nn.Param
		shape        tensor.Shape
		fan          float64
	}{
		{"c", c.W, c.B, tensor.Shape{32, 16, 2, 3, 3}, 16 * 18},
		{"up", up.W, up.B, tensor.Shape{16, 32, 2, 3, 3}, 32 * 18}, // by the second size, as of any weights
		{"l", l.W, l.B, tensor.Shape{64, 288}, 288},
	} {
		if layer.weight.Name != layer.name+".weight" || layer.bias.Name != layer.name+".bias" || !layer.weight.Shape.Equal(layer.shape) {
			t.Errorf("%s has the parameters %s %v and %s", layer.name, layer.weight.Name, layer.weight.Shape, layer.bias.Name)
		}
		bound := float32(1 / math.Sqrt(layer.fan))
		v := read(t, p, layer.weight)
		if low, high := slices.Min(v), slices.Max(v); low < -bound || low > -.99*bound || high > bound || high < .99*bound {
			t.Errorf("%s: weights from %v to %v, want almost -%v to %v", layer.name, low, high, bound, bound)
		}
		v = read(t, p, layer.bias)
		if low, high := slices.Min(v), slices.Max(v); low < -bound || high > bound || high-low < bound {
			t.Errorf("%s: biases from %v to %v, want within %v", layer.name, low, high, bound)
		}
	}
	if c := b.Conv("none", 1, 1, w, false); c.B != nil {
		t.Error("a convolution without bias has one")
	}
}

// TestStandardise holds that a convolution with standardised weights does not
// see what they are scaled by, nor what is added to all of an output channel.
func TestStandardise(t *testing.T) {
	e := device(t)
	var b nn.Builder
	c := b.Conv("c", 2, 2, engine.Cube(3, true), false)
	c.Standardise = true
	p := built(t, e, &b, 1)
	forward := func() []float32 {
		tape := autograd.New(e)
		defer tape.Reset()
		x := make([]float32, 2*4*4)
		for i := range x {
			x[i] = float32(i%7) - 3
		}
		y := c.Forward(tape, tape.Temp(x, tensor.Plain, 1, 2, 1, 4, 4))
		out := make([]float32, 32)
		if tape.Err() != nil {
			t.Fatal(tape.Err())
		}
		if err := e.Read(out, y.Value); err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := forward()
	w := read(t, p, c.W)
	for i := range w {
		w[i] = 3*w[i] + float32(i/18)
	}
	p.Write(c.W, w)
	for i, v := range forward() {
		if math.Abs(float64(v-want[i])) > 1e-4 { // roundings of values of about 10
			t.Errorf("output %d is %v, was %v", i, v, want[i])
		}
	}
	c.Standardise = false
	if slices.Equal(forward(), want) {
		t.Error("standardising changes nothing")
	}
}

// normed does a batch norm of one channel and returns what it gives.
func normed(t *testing.T, tape *autograd.Tape, n *nn.Norm, x ...float32) []float32 {
	t.Helper()
	defer tape.Reset()
	y := n.Forward(tape, tape.Temp(x, tensor.Plain, len(x), 1, 1, 1, 1), nil)
	if tape.Err() != nil {
		t.Fatal(tape.Err())
	}
	out := make([]float32, len(x))
	if err := tape.Engine.Read(out, y.Value); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestBatchNorm follows the running statistics by PyTorch's rule: they begin as
// 0 and 1, and move by a tenth towards the batch's mean and unbiased variance.
func TestBatchNorm(t *testing.T) {
	e := device(t)
	var b nn.Builder
	n := b.BatchNorm("n", 1, 1)
	p := built(t, e, &b, 1)
	tape := autograd.New(e)
	batch := []float32{1, 2, 3, 6} // mean 3, unbiased variance 14/3, biased 14/4

	out := normed(t, tape, n, batch...)
	if want := float32(-2 / math.Sqrt(14.0/4+1e-5)); math.Abs(float64(out[0]-want)) > 1e-6 {
		t.Errorf("in training 1 becomes %v, want %v", out[0], want)
	}
	check := func(what string, mean, variance float64) {
		t.Helper()
		got := read(t, p, n.Running)
		if math.Abs(float64(got[0])-mean) > 1e-6 || math.Abs(float64(got[1])-variance) > 1e-6 {
			t.Errorf("%s: running statistics %v, want %v and %v", what, got, mean, variance)
		}
	}
	mean, variance := .3, .9+.1*14/3
	check("after one batch", mean, variance)

	tape.Train = false
	out = normed(t, tape, n, 5)
	if want := (5 - mean) / math.Sqrt(variance+1e-5); math.Abs(float64(out[0])-want) > 1e-5 {
		t.Errorf("in evaluation 5 becomes %v, want %v", out[0], want)
	}
	check("after evaluation", mean, variance)

	// A checkpoint computes twice and counts once.
	tape.Train = true
	x := tape.Temp(batch, tensor.Plain, 4, 1, 1, 1, 1)
	y := tape.Checkpoint(func(t *autograd.Tape, xs []*autograd.Var) []*autograd.Var {
		return []*autograd.Var{n.Forward(t, xs[0], nil)}
	}, x)[0]
	target := tape.Temp([]float32{0, 1, 0, 0}, tensor.Plain, 1, 4).Value
	tape.CrossEntropy(tape.View(tape.Rows(y), 1, 4), target, 1)
	if err := tape.Backward(); err != nil {
		t.Fatal(err)
	}
	check("after a checkpoint", .9*mean+.3, .9*variance+.1*14/3)
	if g := make([]float32, 1); e.Read(g, n.Gamma.Grad) != nil || g[0] == 0 {
		t.Errorf("gradient of gamma is %v", g)
	}
}

// The variance of a single value is no error of the program, but of the batch.
func TestBatchNormOfOneValue(t *testing.T) {
	e := device(t)
	var b nn.Builder
	n := b.BatchNorm("n", 1, 1)
	built(t, e, &b, 1)
	tape := autograd.New(e)
	n.Forward(tape, tape.Temp([]float32{1}, tensor.Plain, 1, 1, 1, 1, 1), nil)
	if err := tape.Err(); err == nil || !strings.Contains(err.Error(), "1x1x1x1x1") {
		t.Errorf("error %v", err)
	}
	tape.Reset()
}

// TestInstanceNorm holds that it adds the residual before it activates, and
// keeps nothing.
func TestInstanceNorm(t *testing.T) {
	e := device(t)
	var b nn.Builder
	n := b.InstanceNorm("n", 1, .1)
	built(t, e, &b, 1)
	tape := autograd.New(e)
	defer tape.Reset()
	x := tape.Temp([]float32{-1, 1}, tensor.Plain, 1, 1, 1, 1, 2)
	res := tape.Temp([]float32{-1, 3}, tensor.Plain, 1, 1, 1, 1, 2)
	y := n.Forward(tape, x, res)
	if tape.Err() != nil {
		t.Fatal(tape.Err())
	}
	out := make([]float32, 2)
	if err := e.Read(out, y.Value); err != nil {
		t.Fatal(err)
	}
	if math.Abs(float64(out[0])+.2) > 1e-4 || math.Abs(float64(out[1])-4) > 1e-4 {
		t.Errorf("got %v, want -0.2 and 4", out)
	}
	if n.Running != nil {
		t.Error("an instance norm has running statistics")
	}
}
