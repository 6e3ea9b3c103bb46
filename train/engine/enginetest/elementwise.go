package enginetest

import (
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// kernels are all of engine.Engine's.
var kernels = []kernel{
	{"Fill", drawFill}, {"Copy", drawCopy}, {"Axpby", drawAxpby}, {"Add", drawAdd}, {"Mul", drawMul},
	{"Map", drawMap}, {"MapGrad", drawMapGrad}, {"Dropout", drawDropout},
	{"Conv", drawConv}, {"ConvGradData", drawConvGradData}, {"ConvGradWeights", drawConvGradWeights},
	{"Norm", drawNorm}, {"NormGrad", drawNormGrad}, {"Running", drawRunning}, {"Frozen", drawFrozen},
	{"MaxPool", drawMaxPool}, {"MaxPoolGrad", drawMaxPoolGrad}, {"Mean", drawMean}, {"MeanGrad", drawMeanGrad},
	{"Upsample", drawUpsample}, {"UpsampleGrad", drawUpsampleGrad}, {"Channels", drawChannels},
	{"MatMul", drawMatMul}, {"SumRows", drawSumRows}, {"Softmax", drawSoftmax}, {"SoftmaxGrad", drawSoftmaxGrad},
	{"LayerNorm", drawLayerNorm}, {"LayerNormGrad", drawLayerNormGrad},
	{"Standardise", drawStandardise}, {"StandardiseGrad", drawStandardiseGrad},
	{"ScaleSamples", drawScaleSamples}, {"DotSamples", drawDotSamples}, {"Gather", drawGather}, {"GatherGrad", drawGatherGrad},
	{"Impute", drawImpute}, {"ImputeGrad", drawImputeGrad},
	{"Distances", drawDistances}, {"DistancesGrad", drawDistancesGrad},
	{"CrossEntropy", drawCrossEntropy}, {"Regions", drawRegions}, {"RegionsGrad", drawRegionsGrad},
	{"SGD", drawSGD}, {"Adam", drawAdam},
}

// result is the size of kernels that round just what they return.
func result(i int, _, out [][]float32) []float64 { return wide(absolute(out)[i]) }

// each returns f(j) for all values of a shape in plain order.
func each(s tensor.Shape, f func(j int) float64) []float64 {
	out := make([]float64, s.Len())
	for j := range out {
		out[j] = f(j)
	}
	return out
}

func abs(v float32) float64 { return math.Abs(float64(v)) }

func drawFill(d draw) call {
	s, l := d.any()
	v := of(d, "value", 0, 1, -2.5, nan)
	return call{
		spec: fmt.Sprint(v),
		args: []arg{output("y", s, l)},
		run:  func(e engine.Engine, t []*engine.Tensor) { e.Fill(t[0], v) },
		size: result,
	}
}

func drawCopy(d draw) call {
	s, l := d.any()
	from := l
	if len(s) == 5 {
		from = d.layout()
	}
	return call{
		args: []arg{output("y", s, l), input("x", s, from, d.values(s.Len()))},
		run:  func(e engine.Engine, t []*engine.Tensor) { e.Copy(t[0], t[1]) },
		size: func(i int, _, _ [][]float32) []float64 { return make([]float64, s.Len()) },
	}
}

func drawAxpby(d draw) call {
	s, l := d.any()
	a, b := of[float32](d, "a", 1, 0.3, -2, 0), of[float32](d, "b", 0, 1, 0.9, -1)
	return call{
		spec: fmt.Sprintf("a = %v, b = %v", a, b),
		args: []arg{updated("y", s, l, d.values(s.Len())), input("x", s, l, d.values(s.Len()))},
		run:  func(e engine.Engine, t []*engine.Tensor) { e.Axpby(t[0], a, t[1], b) },
		size: func(_ int, in, _ [][]float32) []float64 {
			return each(s, func(j int) float64 { return abs(a)*abs(in[1][j]) + abs(b)*abs(in[0][j]) })
		},
	}
}

// ofTwo draws a kernel z = f(x, y).
func ofTwo(d draw, run func(e engine.Engine, z, x, y *engine.Tensor)) call {
	s, l := d.any()
	return call{
		args:    []arg{output("z", s, l), input("x", s, l, d.values(s.Len())), input("y", s, l, d.values(s.Len()))},
		run:     func(e engine.Engine, t []*engine.Tensor) { run(e, t[0], t[1], t[2]) },
		inPlace: [][2]int{{0, 1}, {0, 2}},
		size:    result,
	}
}

func drawAdd(d draw) call { return ofTwo(d, engine.Engine.Add) }

func drawMul(d draw) call { return ofTwo(d, engine.Engine.Mul) }

func (d draw) function() engine.Func {
	return of(d, "function", engine.Func{}, engine.Func{Kind: engine.LeakyReLU, A: 0.01},
		engine.Func{Kind: engine.Sigmoid}, engine.Func{Kind: engine.GELU})
}

// wideValues are normally distributed with a deviation of 4, so that functions
// are seen where they are flat, and some are 0.
func (d draw) wideValues(n int) []float32 {
	out := d.values(n)
	for i := range out {
		out[i] *= 4
		if d.rng.IntN(20) == 0 {
			out[i] = 0
		}
	}
	return out
}

func drawMap(d draw) call {
	s, l := d.any()
	f := d.function()
	return call{
		spec:    fmt.Sprintf("%+v", f),
		args:    []arg{output("y", s, l), input("x", s, l, d.wideValues(s.Len()))},
		run:     func(e engine.Engine, t []*engine.Tensor) { e.Map(f, t[0], t[1]) },
		inPlace: [][2]int{{0, 1}},
		units:   4,
		size: func(_ int, in, out [][]float32) []float64 {
			return each(s, func(j int) float64 {
				switch f.Kind {
				case engine.Sigmoid: // exp(-x) is off by x roundings of x
					return abs(out[0][j]) * (1 + abs(in[1][j]))
				case engine.GELU: // 1 + erf cancels
					return abs(in[1][j])
				default:
					return abs(out[0][j])
				}
			})
		},
	}
}

func drawMapGrad(d draw) call {
	s, l := d.any()
	f := d.function()
	x := d.wideValues(s.Len())
	y := make([]float32, len(x)) // f(x), to a few roundings
	for i, v := range x {
		x := float64(v)
		switch f.Kind {
		case engine.Sigmoid:
			y[i] = float32(1 / (1 + math.Exp(-x)))
		case engine.GELU:
			y[i] = float32(x / 2 * math.Erfc(-x/math.Sqrt2))
		default:
			y[i] = float32(max(x, x*float64(f.A)))
		}
	}
	c := call{
		spec: fmt.Sprintf("%+v", f),
		args: []arg{output("dx", s, l), input("dy", s, l, d.values(s.Len())), input("x", s, l, x), input("y", s, l, y)},
		run: func(e engine.Engine, t []*engine.Tensor) {
			e.MapGrad(f, t[0], t[1], t[2], t[3])
		},
		inPlace: [][2]int{{0, 1}, {0, 2}, {0, 3}},
		units:   4,
		size: func(_ int, in, out [][]float32) []float64 {
			return each(s, func(j int) float64 {
				if f.Kind == engine.LeakyReLU {
					return abs(out[0][j])
				}
				return abs(in[1][j]) * (1 + abs(in[2][j])) // 1 - y and 1 + erf cancel
			})
		},
	}
	c.args[2].noNaN, c.args[3].noNaN = true, true // f' may be had from either
	return c
}

func drawDropout(d draw) call {
	s, l := d.any()
	p := of[float32](d, "p", 0.5, 0, 0.1, 0.9)
	seed := d.rng.Uint64()
	return call{
		spec:    fmt.Sprintf("p = %v, seed %d", p, seed),
		args:    []arg{output("y", s, l), input("x", s, l, d.values(s.Len()))},
		run:     func(e engine.Engine, t []*engine.Tensor) { e.Dropout(t[0], t[1], p, seed) },
		inPlace: [][2]int{{0, 1}},
		size:    result,
	}
}
