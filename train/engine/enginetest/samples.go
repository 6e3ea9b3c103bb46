package enginetest

import (
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
	"pgregory.net/rapid"
)

// folded draws b samples of m modalities, folded into the first index of x.
func (d draw) folded() (b, m int, x tensor.Shape, l tensor.Layout) {
	x, l = d.any()
	b, m = of(d, "samples", 1, 2, 3), of(d, "modalities", 2, 1, 4)
	x[0] = b * m
	return b, m, x, l
}

func drawScaleSamples(d draw) call {
	b, m, x, l := d.folded()
	n := of(d, "factors", m, b*m, 1)
	return call{
		args: []arg{
			output("y", x, l), input("x", x, l, d.values(x.Len())),
			input("s", tensor.Shape{n}, tensor.Plain, d.some(n, 0, 1, 0.3, -2)),
		},
		run: func(e engine.Engine, t []*engine.Tensor) { e.ScaleSamples(t[0], t[1], t[2]) },
	}
}

func drawDotSamples(d draw) call {
	_, _, x, l := d.folded()
	return call{
		args: []arg{
			output("out", x[:1], tensor.Plain),
			input("a", x, l, d.values(x.Len())), input("b", x, l, d.values(x.Len())),
		},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.DotSamples(t[0], t[1], t[2]) },
		terms: x.Len() / x[0],
	}
}

// gathered draws the samples few, and the many that index makes of them.
func (d draw) gathered() (few, many tensor.Shape, l tensor.Layout, index arg) {
	few, l = d.any()
	many = append(tensor.Shape{}, few...)
	many[0] = rapid.IntRange(1, 7).Draw(d.t, "gathered")
	of := make([]float32, many[0])
	for n := range of {
		of[n] = float32(d.rng.IntN(few[0]+1) - 1)
	}
	index = input("index", many[:1], tensor.Plain, of)
	index.noNaN = true
	return few, many, l, index
}

func drawGather(d draw) call {
	x, y, l, index := d.gathered()
	return call{
		args: []arg{output("y", y, l), input("x", x, l, d.values(x.Len())), index},
		run:  func(e engine.Engine, t []*engine.Tensor) { e.Gather(t[0], t[1], t[2]) },
		size: func(int, [][]float32, [][]float32) []float64 { return make([]float64, y.Len()) }, // exact
	}
}

func drawGatherGrad(d draw) call {
	x, y, l, index := d.gathered()
	return call{
		args:  []arg{output("dx", x, l), input("dy", y, l, d.values(y.Len())), index},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.GatherGrad(t[0], t[1], t[2]) },
		terms: y[0],
		size: func(_ int, in, _ [][]float32) []float64 {
			out, row := make([]float64, x.Len()), x.Len()/x[0]
			for j, v := range in[1] {
				if k := int(in[2][j/row]); k >= 0 {
					out[k*row+j%row] += abs(v)
				}
			}
			return out
		},
	}
}

// masks returns b rows of m values 0 or 1, none of 0 alone.
func (d draw) masks(b, m int) arg {
	mask := d.some(b*m, 0, 1)
	for r := range b {
		mask[r*m+d.rng.IntN(m)] = 1
	}
	return input("mask", tensor.Shape{b, m}, tensor.Plain, mask)
}

func drawImpute(d draw) call {
	b, m, x, l := d.folded()
	return call{
		args:  []arg{output("y", x, l), input("x", x, l, d.values(x.Len())), d.masks(b, m)},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.Impute(t[0], t[1], t[2]) },
		terms: m,
	}
}

func drawImputeGrad(d draw) call {
	b, m, x, l := d.folded()
	return call{
		args:  []arg{output("dx", x, l), input("dy", x, l, d.values(x.Len())), d.masks(b, m)},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.ImputeGrad(t[0], t[1], t[2]) },
		terms: m,
	}
}

// features are values of which some are equal.
func (d draw) features(n int) []float32 {
	if d.bool("equal features") {
		return d.some(n, -1, 0, 0.7)
	}
	return d.values(n)
}

func drawDistances(d draw) call {
	b, m, x, l := d.folded()
	p := of(d, "p", 1, 2)
	pairs := tensor.Shape{b, m, m}
	return call{
		spec: fmt.Sprintf("p = %d", p),
		args: []arg{
			output("d", pairs, tensor.Plain), input("f", x, l, d.features(x.Len())),
			input("coef", pairs, tensor.Plain, d.some(pairs.Len(), 0, 0.5, -1.5)),
		},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.Distances(t[0], t[1], t[2], p) },
		terms: x.Len() / x[0],
		size:  result,
	}
}

func drawDistancesGrad(d draw) call {
	b, m, x, l := d.folded()
	p := of(d, "p", 1, 2)
	pairs := tensor.Shape{b, m, m}
	count := x.Len() / x[0]
	return call{
		spec: fmt.Sprintf("p = %d", p),
		args: []arg{
			output("df", x, l), input("f", x, l, d.features(x.Len())),
			input("coef", pairs, tensor.Plain, d.some(pairs.Len(), 0, 0.5, -1.5)),
		},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.DistancesGrad(t[0], t[1], t[2], p) },
		terms: m,
		size: func(_ int, in, _ [][]float32) []float64 {
			f, coef := in[1], in[2]
			return each(x, func(at int) float64 {
				n, v, sum := at/count, at%count, 0.0
				for i := n / m * m; i < (n/m+1)*m; i++ {
					diff := 1.0
					if p == 2 {
						diff = 2 * math.Abs(float64(f[at])-float64(f[i*count+v]))
					}
					sum += abs(coef[i*m+n%m]) / float64(count) * diff
				}
				return sum
			})
		},
	}
}
