package reference_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// A pass is a forward kernel and what says its gradients.
type pass struct {
	name    string
	in      []part
	out     part
	stats   tensor.Shape // of what the forward kernel keeps, nil for nothing
	forward func(e engine.Engine, b *buffers)
	// backward writes grads, of in, where they are not nil.
	backward func(e engine.Engine, b *buffers)
	// bent writes, to kept, what is to be far from 0, where the forward kernel
	// has a kink; nil if there is none.
	bent func(e engine.Engine, b *buffers)
}

// part is a tensor of a pass.
type part struct {
	shape  tensor.Shape
	layout tensor.Layout
	values func(r *rand.Rand, n int) []float32 // nil is normal
	fixed  bool                                // no gradient is asked for
}

// buffers are the tensors of a pass.
type buffers struct {
	in, grads              []*engine.Tensor
	out, dout, stats, kept *engine.Tensor
}

// The difference quotient is Richardson's of central ones, (8 (f(h) - f(-h)) -
// (f(2h) - f(-2h))) / 12 h, with h = 2^-5: it leaves out h^4 f””'/30, 3e-8 of
// the fifth derivative, which is below 100 for these functions and values of
// about 1. Outputs are rounded to float32: 20 of about 1 make the quotient wrong
// by about sqrt(20) 2^-25 1.5/h = 6e-6. A term forgotten or doubled is some
// 0.01 and more.
const (
	h         = 1.0 / 32
	tolerance = 1e-4
)

func TestGradients(t *testing.T) {
	for _, p := range passes() {
		t.Run(p.name, func(t *testing.T) {
			for seed := range uint64(3) {
				p.check(t, rand.New(rand.NewPCG(seed, 7)))
			}
		})
	}
}

func (p pass) check(t *testing.T, r *rand.Rand) {
	t.Helper()
	e := reference.New()
	b := p.buffers(e, r)
	for p.bent != nil {
		if p.bent(e, b); smallest(t, e, b.kept) > 8*h {
			break
		}
		b = p.buffers(e, r)
	}
	p.forward(e, b)
	weights := normal(r, p.out.shape.Len())
	e.Write(b.dout, weights)
	p.backward(e, b)
	value := func() (sum float64) {
		p.forward(e, b)
		for i, v := range read(t, e, b.out) {
			sum += float64(v) * float64(weights[i])
		}
		return sum
	}
	for k, in := range p.in {
		if in.fixed {
			continue
		}
		grad, x := read(t, e, b.grads[k]), read(t, e, b.in[k])
		for i, at := range x {
			f := func(by float64) float64 {
				x[i] = float32(float64(at) + by*h)
				e.Write(b.in[k], x)
				x[i] = at
				return value()
			}
			want := (8*(f(1)-f(-1)) - (f(2) - f(-2))) / (12 * h)
			if got := float64(grad[i]); !(math.Abs(got-want) <= tolerance*(1+math.Abs(want))) {
				t.Fatalf("gradient %d of input %d (%v %v) is %v, differences say %v", i, k, in.shape, in.layout, got, want)
			}
		}
		e.Write(b.in[k], x)
	}
}

func (p pass) buffers(e engine.Engine, r *rand.Rand) *buffers {
	b := &buffers{out: e.New(p.out.shape, p.out.layout), dout: e.New(p.out.shape, p.out.layout), kept: e.New(p.out.shape, p.out.layout)}
	for _, in := range p.in {
		x := e.New(in.shape, in.layout)
		values := in.values
		if values == nil {
			values = normal
		}
		e.Write(x, values(r, in.shape.Len()))
		b.in = append(b.in, x)
		b.grads = append(b.grads, e.New(in.shape, in.layout))
	}
	if p.stats != nil {
		b.stats = e.New(p.stats, tensor.Plain)
	}
	return b
}

func read(t *testing.T, e engine.Engine, x *engine.Tensor) []float32 {
	t.Helper()
	out := make([]float32, x.Shape.Len())
	if err := e.Read(out, x); err != nil {
		t.Fatal(err)
	}
	return out
}

func smallest(t *testing.T, e engine.Engine, x *engine.Tensor) float64 {
	least := math.Inf(1)
	for _, v := range read(t, e, x) {
		least = min(least, math.Abs(float64(v)))
	}
	return least
}

// normal values are multiples of 2^-10, so that those h beside them are
// exact.
func normal(r *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(math.Round(r.NormFloat64()*1024) / 1024)
	}
	return out
}

// apart are values at least 5h from each other, and from 0.
func apart(r *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i, k := range r.Perm(n) {
		out[i] = float32((float64(k-n/2) + 0.5) * 6 * h)
	}
	return out
}

// beside are values 3h and more from those of apart.
func beside(r *rand.Rand, n int) []float32 {
	out := apart(r, n)
	for i := range out {
		out[i] += 3 * h
	}
	return out
}

func constant(values ...float32) func(*rand.Rand, int) []float32 {
	return func(*rand.Rand, int) []float32 { return values }
}

func probabilities(r *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = r.Float32()
	}
	return out
}

func blocked(sizes ...int) part { return part{shape: sizes, layout: tensor.Blocked} }

func plain(sizes ...int) part { return part{shape: sizes} }

func (p part) of(values func(*rand.Rand, int) []float32) part { p.values = values; return p }

func (p part) constant() part { p.fixed = true; return p }

func passes() (all []pass) {
	all = append(all, functions()...)
	all = append(all, convolutions()...)
	all = append(all, norms()...)
	all = append(all, resamplings()...)
	all = append(all, rows()...)
	all = append(all, samples()...)
	return append(all, losses()...)
}

func functions() (all []pass) {
	for _, f := range []engine.Func{{}, {A: 0.1}, {Kind: engine.Sigmoid}, {Kind: engine.GELU}} {
		all = append(all, pass{
			name: fmt.Sprintf("Map %+v", f), in: []part{plain(12).of(apart)}, out: plain(12),
			forward:  func(e engine.Engine, b *buffers) { e.Map(f, b.out, b.in[0]) },
			backward: func(e engine.Engine, b *buffers) { e.MapGrad(f, b.grads[0], b.dout, b.in[0], b.out) },
		})
	}
	return append(all, pass{
		name: "Dropout", in: []part{blocked(1, 3, 1, 2, 2)}, out: blocked(1, 3, 1, 2, 2),
		forward:  func(e engine.Engine, b *buffers) { e.Dropout(b.out, b.in[0], 0.4, 5) },
		backward: func(e engine.Engine, b *buffers) { e.Dropout(b.grads[0], b.dout, 0.4, 5) },
	})
}

func convolutions() (all []pass) {
	for _, c := range []struct {
		name     string
		in       [3]int
		channels [2]int
		layout   tensor.Layout
		s        engine.Window
	}{
		{"same", [3]int{2, 3, 2}, [2]int{2, 3}, tensor.Blocked, engine.Cube(3, false)},
		{"image", [3]int{1, 4, 3}, [2]int{1, 2}, tensor.Plain, engine.Cube(3, true)},
		{"stride", [3]int{3, 4, 5}, [2]int{2, 1}, tensor.Blocked, engine.Window{Kernel: [3]int{2, 2, 3}, Stride: [3]int{2, 2, 2}, Pad: [3]int{0, 0, 1}}},
		{"dilation", [3]int{1, 5, 5}, [2]int{1, 1}, tensor.Plain, engine.Window{Kernel: [3]int{1, 2, 3}, Dilation: [3]int{1, 3, 2}, Pad: [3]int{0, 1, 2}, Stride: [3]int{1, 1, 2}}},
		{"halving", [3]int{2, 2, 4}, [2]int{2, 2}, tensor.Blocked, engine.Window{Kernel: [3]int{2, 2, 2}, Stride: [3]int{2, 2, 2}}},
	} {
		out, err := c.s.Out(c.in)
		if err != nil {
			panic(err)
		}
		x := part{shape: tensor.Shape{2, c.channels[0], c.in[0], c.in[1], c.in[2]}, layout: c.layout}
		y := blocked(2, c.channels[1], out[0], out[1], out[2])
		w := plain(c.channels[1], c.channels[0], c.s.Kernel[0], c.s.Kernel[1], c.s.Kernel[2])
		all = append(all, pass{
			name: "Conv " + c.name, in: []part{x, w, plain(c.channels[1])}, out: y,
			forward: func(e engine.Engine, b *buffers) { e.Conv(b.out, b.in[0], b.in[1], b.in[2], c.s) },
			backward: func(e engine.Engine, b *buffers) {
				dx := e.New(x.shape, tensor.Blocked)
				e.ConvGradData(dx, b.dout, b.in[1], nil, c.s)
				e.Copy(b.grads[0], dx)
				e.ConvGradWeights(b.grads[1], b.grads[2], b.in[0], b.dout, c.s)
			},
		}, pass{ // the transposed one takes y to x
			name: "Conv transposed " + c.name, in: []part{y, w, plain(c.channels[0])}, out: blocked(x.shape...),
			forward: func(e engine.Engine, b *buffers) { e.ConvGradData(b.out, b.in[0], b.in[1], b.in[2], c.s) },
			backward: func(e engine.Engine, b *buffers) {
				e.Conv(b.grads[0], b.dout, b.in[1], nil, c.s)
				e.ConvGradWeights(b.grads[1], nil, b.dout, b.in[0], c.s)
				means := e.New(tensor.Shape{2, c.channels[0]}, tensor.Plain)
				e.Mean(means, b.dout)
				e.SumRows(b.grads[2], means)
				e.Axpby(b.grads[2], float32(x.shape.Voxels()), b.grads[2], 0)
			},
		})
	}
	return all
}

func norms() (all []pass) {
	x := blocked(2, 2, 1, 2, 2)
	for _, s := range []engine.NormSpec{
		{Per: engine.Instance, Eps: 1e-3, Slope: 1},
		{Per: engine.Instance, Eps: 1e-3, Slope: 0.1},
		{Per: engine.Batch, Eps: 1e-3, Slope: 0},
		{Per: engine.Batch, Eps: 1e-3, Slope: 0.1, Frozen: true},
		{Per: engine.Instance, Eps: 1e-3, Slope: 1, Frozen: true},
	} {
		stats := tensor.Shape{2, 2, 2}
		if s.Per == engine.Batch {
			stats = tensor.Shape{2, 2}
		}
		norm := func(e engine.Engine, b *buffers, y *engine.Tensor, slope float32) {
			if s.Frozen {
				e.Fill(b.stats, 0.75)
			}
			s.Slope = slope
			e.Norm(y, b.stats, b.in[0], b.in[1], b.in[2], b.in[3], s)
		}
		slope := s.Slope
		p := pass{
			name: fmt.Sprintf("Norm %+v", s), out: x, stats: stats,
			in:      []part{x, plain(2).of(constant(0.5, -1)), plain(2), x},
			forward: func(e engine.Engine, b *buffers) { norm(e, b, b.out, slope) },
			backward: func(e engine.Engine, b *buffers) {
				e.NormGrad(b.grads[0], b.grads[1], b.grads[2], b.grads[3], b.dout, b.out, b.in[0], b.stats, b.in[1], s)
			},
			bent: func(e engine.Engine, b *buffers) { norm(e, b, b.kept, 1) },
		}
		if slope == 1 {
			p.bent = nil
		}
		all = append(all, p)
	}
	bare := engine.NormSpec{Eps: 1e-3, Slope: 1}
	return append(all, pass{
		name: "Norm bare", out: x, stats: tensor.Shape{2, 2, 2}, in: []part{x},
		forward: func(e engine.Engine, b *buffers) { e.Norm(b.out, b.stats, b.in[0], nil, nil, nil, bare) },
		backward: func(e engine.Engine, b *buffers) {
			e.NormGrad(b.grads[0], nil, nil, nil, b.dout, b.out, b.in[0], b.stats, nil, bare)
		},
	}, pass{
		name: "LayerNorm", out: plain(2, 5), stats: tensor.Shape{2, 2}, in: []part{plain(2, 5), plain(5), plain(5)},
		forward: func(e engine.Engine, b *buffers) { e.LayerNorm(b.out, b.stats, b.in[0], b.in[1], b.in[2], 1e-3) },
		backward: func(e engine.Engine, b *buffers) {
			e.LayerNormGrad(b.grads[0], b.grads[1], b.grads[2], b.dout, b.in[0], b.stats, b.in[1])
		},
	}, pass{
		name: "Standardise", out: plain(2, 5), stats: tensor.Shape{2, 2}, in: []part{plain(2, 5)},
		forward:  func(e engine.Engine, b *buffers) { e.Standardise(b.out, b.stats, b.in[0], 1e-3) },
		backward: func(e engine.Engine, b *buffers) { e.StandardiseGrad(b.grads[0], b.dout, b.out, b.stats) },
	})
}

func resamplings() (all []pass) {
	for _, s := range []engine.Window{
		{Kernel: [3]int{2, 2, 2}, Stride: [3]int{2, 2, 2}},
		{Kernel: [3]int{1, 3, 3}, Stride: [3]int{1, 2, 1}, Pad: [3]int{0, 1, 1}},
	} {
		out, err := s.Out([3]int{2, 3, 4})
		if err != nil {
			panic(err)
		}
		y := blocked(1, 2, out[0], out[1], out[2])
		all = append(all, pass{
			name: fmt.Sprintf("MaxPool %+v", s), in: []part{blocked(1, 2, 2, 3, 4).of(apart)}, out: y,
			forward:  func(e engine.Engine, b *buffers) { e.MaxPool(b.out, b.kept, b.in[0], s) },
			backward: func(e engine.Engine, b *buffers) { e.MaxPoolGrad(b.grads[0], b.dout, b.kept, s) },
		})
	}
	for _, linear := range []bool{false, true} {
		all = append(all, pass{
			name: fmt.Sprintf("Upsample linear %v", linear), in: []part{blocked(1, 1, 1, 2, 3)}, out: blocked(1, 1, 2, 6, 3),
			forward:  func(e engine.Engine, b *buffers) { e.Upsample(b.out, b.in[0], linear) },
			backward: func(e engine.Engine, b *buffers) { e.UpsampleGrad(b.grads[0], b.dout, linear) },
		})
	}
	return append(all, pass{
		name: "Mean", in: []part{blocked(2, 3, 1, 2, 2)}, out: plain(2, 3),
		forward:  func(e engine.Engine, b *buffers) { e.Mean(b.out, b.in[0]) },
		backward: func(e engine.Engine, b *buffers) { e.MeanGrad(b.grads[0], b.dout) },
	})
}

func rows() (all []pass) {
	for _, s := range []engine.MatSpec{{}, {TransA: true, Alpha: 0.5}, {TransB: true, Alpha: 2}, {TransA: true, TransB: true}} {
		a, c := plain(2, 3, 4), plain(2, 4, 5)
		if s.TransA {
			a = plain(2, 4, 3)
		}
		if s.TransB {
			c = plain(2, 5, 4)
		}
		all = append(all, pass{
			name: fmt.Sprintf("MatMul %+v", s), in: []part{a, c, plain(5)}, out: plain(2, 3, 5),
			forward: func(e engine.Engine, b *buffers) { e.MatMul(b.out, b.in[0], b.in[1], b.in[2], s) },
			backward: func(e engine.Engine, b *buffers) {
				if s.TransA { // da = b dc', else dc b'
					e.MatMul(b.grads[0], b.in[1], b.dout, nil, engine.MatSpec{TransA: s.TransB, TransB: true, Alpha: s.Alpha})
				} else {
					e.MatMul(b.grads[0], b.dout, b.in[1], nil, engine.MatSpec{TransB: !s.TransB, Alpha: s.Alpha})
				}
				if s.TransB { // db = dc' a, else a' dc
					e.MatMul(b.grads[1], b.dout, b.in[0], nil, engine.MatSpec{TransA: true, TransB: s.TransA, Alpha: s.Alpha})
				} else {
					e.MatMul(b.grads[1], b.in[0], b.dout, nil, engine.MatSpec{TransA: !s.TransA, Alpha: s.Alpha})
				}
				e.SumRows(b.grads[2], e.View(b.dout, tensor.Shape{6, 5}))
			},
		})
	}
	return append(all, pass{
		name: "Softmax", in: []part{plain(2, 2, 4)}, out: plain(2, 2, 4),
		forward:  func(e engine.Engine, b *buffers) { e.Softmax(b.out, b.in[0]) },
		backward: func(e engine.Engine, b *buffers) { e.SoftmaxGrad(b.grads[0], b.dout, b.out) },
	})
}

func samples() (all []pass) {
	mask := plain(2, 3).of(constant(1, 0, 0, 1, 0, 1)).constant()
	for _, p := range []int{1, 2} {
		// Teachers are given no gradient. So of four modalities two are but
		// teachers, which are constant, and two but students.
		coef := []float32{
			0, 0, 0.5, 0, 0, 0, -1, 2, 0, 0, 0, 0, 0, 0, 0, 0,
			0, 0, 0, 1.5, 0, 0, -0.5, 1, 0, 0, 0, 0, 0, 0, 0, 0,
		}
		features := func(e engine.Engine, b *buffers) (f *engine.Tensor) {
			f = e.New(tensor.Shape{2, 4, 3}, tensor.Plain)
			e.Channels(f, 0, b.in[1], 0, 2)
			e.Channels(f, 2, b.in[0], 0, 2)
			return e.View(f, tensor.Shape{8, 3})
		}
		all = append(all, pass{
			name: fmt.Sprintf("Distances p = %d", p),
			in: []part{
				plain(2, 2, 3).of(apart), plain(2, 2, 3).of(beside).constant(),
				plain(2, 4, 4).of(constant(coef...)).constant(),
			},
			out: plain(2), // of each sample the sum of coef d
			forward: func(e engine.Engine, b *buffers) {
				d := e.New(tensor.Shape{2, 4, 4}, tensor.Plain)
				e.Distances(d, features(e, b), b.in[2], p)
				e.DotSamples(b.out, d, b.in[2])
			},
			backward: func(e engine.Engine, b *buffers) {
				df, scaled := e.New(tensor.Shape{8, 3}, tensor.Plain), e.New(tensor.Shape{2, 4, 3}, tensor.Plain)
				e.DistancesGrad(df, features(e, b), b.in[2], p)
				e.ScaleSamples(scaled, e.View(df, scaled.Shape), b.dout)
				e.Channels(b.grads[0], 0, scaled, 2, 2)
			},
		})
	}
	return append(all, pass{
		name: "Impute", in: []part{plain(6, 4), mask}, out: plain(6, 4),
		forward:  func(e engine.Engine, b *buffers) { e.Impute(b.out, b.in[0], b.in[1]) },
		backward: func(e engine.Engine, b *buffers) { e.ImputeGrad(b.grads[0], b.dout, b.in[1]) },
	}, pass{
		name: "Gather", in: []part{plain(3, 4), plain(5).of(constant(2, -1, 0, 2, 2)).constant()}, out: plain(5, 4),
		forward:  func(e engine.Engine, b *buffers) { e.Gather(b.out, b.in[0], b.in[1]) },
		backward: func(e engine.Engine, b *buffers) { e.GatherGrad(b.grads[0], b.dout, b.in[1]) },
	}, pass{
		name: "ScaleSamples", in: []part{plain(6, 4), plain(3)}, out: plain(6, 4),
		forward: func(e engine.Engine, b *buffers) { e.ScaleSamples(b.out, b.in[0], b.in[1]) },
		backward: func(e engine.Engine, b *buffers) {
			e.ScaleSamples(b.grads[0], b.dout, b.in[1])
			dots := e.New(tensor.Shape{6}, tensor.Plain)
			e.DotSamples(dots, b.dout, b.in[0])
			e.SumRows(b.grads[1], e.View(dots, tensor.Shape{2, 3}))
		},
	})
}

func losses() []pass {
	return []pass{{
		name: "CrossEntropy", in: []part{plain(3, 4), plain(3, 4).of(probabilities).constant()}, out: plain(3),
		forward: func(e engine.Engine, b *buffers) {
			dx := e.New(tensor.Shape{3, 4}, tensor.Plain)
			e.CrossEntropy(b.out, dx, b.in[0], b.in[1], 1)
		},
		backward: func(e engine.Engine, b *buffers) { // a row of dx times that of dout
			loss, dx := e.New(tensor.Shape{3}, tensor.Plain), e.New(tensor.Shape{3, 4}, tensor.Plain)
			e.CrossEntropy(loss, dx, b.in[0], b.in[1], 0.5)
			e.Axpby(dx, 2, dx, 0)
			e.ScaleSamples(b.grads[0], dx, b.dout)
		},
	}, {
		name: "Regions", in: []part{plain(2, 1, 1, 2, 3), plain(2, 1, 1, 2, 3).of(probabilities).constant()}, out: plain(2, 1, 4),
		forward: func(e engine.Engine, b *buffers) { e.Regions(b.out, b.in[0], b.in[1]) },
		backward: func(e engine.Engine, b *buffers) {
			// dout is of the four sums; that of t has no gradient.
			coef := e.New(tensor.Shape{2, 1, 3}, tensor.Plain)
			from, to := e.View(b.dout, tensor.Shape{2, 4}), e.View(coef, tensor.Shape{2, 3})
			e.Channels(to, 0, from, 0, 2)
			e.Channels(to, 2, from, 3, 1)
			e.RegionsGrad(b.grads[0], b.in[0], b.in[1], coef)
		},
	}}
}
