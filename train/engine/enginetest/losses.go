package enginetest

import (
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// targets returns rows of probabilities, as one of a class, as a mixture, or
// all 0.
func (d draw) targets(rows, columns int) []float32 {
	t := make([]float32, rows*columns)
	for r := range rows {
		row := t[r*columns:][:columns]
		switch d.rng.IntN(3) {
		case 0:
			row[d.rng.IntN(columns)] = 1
		case 1:
			for i := range row {
				row[i] = float32(d.rng.Float64() * 2 / float64(columns))
			}
		}
	}
	return t
}

func drawCrossEntropy(d draw) call {
	x := d.matrix()
	scale := of[float32](d, "scale", 1, 0.25)
	return call{
		spec: fmt.Sprintf("scale %v", scale),
		args: []arg{
			output("loss", x[:1], tensor.Plain), output("dx", x, tensor.Plain),
			input("x", x, tensor.Plain, d.logits(x.Len())), input("t", x, tensor.Plain, d.targets(x[0], x[1])),
		},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.CrossEntropy(t[0], t[1], t[2], t[3], scale) },
		terms: x[1],
		units: 4,
		size: func(i int, in, _ [][]float32) []float64 {
			below := fromLargest(in[2], x[1])
			loss, total, exps := make([]float64, x[0]), make([]float64, x[0]), make([]float64, x[0])
			for j, t := range in[3] {
				r := j / x[1]
				total[r] += abs(t)
				loss[r] += abs(t) * (below[j] + math.Log(float64(x[1])) + 1)
				exps[r] += math.Exp(-below[j])
			}
			if i == 0 {
				return loss
			}
			return each(x, func(j int) float64 {
				softmax := math.Exp(-below[j]) / exps[j/x[1]]
				return abs(scale) * (softmax*(1+below[j])*total[j/x[1]] + abs(in[3][j]))
			})
		},
	}
}

// regions draws logits and targets in [0,1] of regions.
func (d draw) regions() (x, t arg) {
	s := d.volumes()
	target := d.some(s.Len(), 0, 1)
	if d.bool("soft targets") {
		target = d.between(s.Len(), 0, 1)
	}
	return input("x", s, tensor.Plain, d.wideValues(s.Len())), input("t", s, tensor.Plain, target)
}

func sigmoid(x float32) float64 { return 1 / (1 + math.Exp(-float64(x))) }

func drawRegions(d draw) call {
	x, t := d.regions()
	s := x.shape
	return call{
		args:  []arg{output("sums", tensor.Shape{s[0], s[1], 4}, tensor.Plain), x, t},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.Regions(t[0], t[1], t[2]) },
		terms: s.Voxels(),
		units: 2,
		size: func(_ int, in, _ [][]float32) []float64 {
			out := make([]float64, s[0]*s[1]*4)
			for j := range s.Len() {
				at, x, t := out[j/s.Voxels()*4:], in[1][j], in[2][j]
				p := sigmoid(x) * (1 + abs(x)) // exp(x) is off by x roundings of x
				at[0] += p * abs(t)
				at[1] += p
				at[2] += abs(t)
				at[3] += abs(x)*(1+abs(t)) + 1
			}
			return out
		},
	}
}

func drawRegionsGrad(d draw) call {
	x, t := d.regions()
	s := x.shape
	coef := tensor.Shape{s[0], s[1], 3}
	return call{
		args: []arg{output("dx", s, tensor.Plain), x, t, input("coef", coef, tensor.Plain, d.values(coef.Len()))},
		run:  func(e engine.Engine, t []*engine.Tensor) { e.RegionsGrad(t[0], t[1], t[2], t[3]) },
		size: func(_ int, in, _ [][]float32) []float64 {
			return each(s, func(j int) float64 {
				k, x, t := in[3][j/s.Voxels()*3:], in[1][j], abs(in[2][j])
				p := sigmoid(x) * (1 + abs(x))
				return (abs(k[0])*t+abs(k[1]))*p + abs(k[2])*(p+t) // 1 - p cancels
			})
		},
		units: 2,
	}
}

// parameters are values, their gradients, and what an optimiser keeps.
func (d draw) parameters() tensor.Shape {
	return tensor.Shape{of(d, "parameters", 1, 5, 16, 17, 1000)}
}

func drawSGD(d draw) call {
	s := d.parameters()
	o := engine.SGDSpec{
		LR: 0.1, Momentum: of[float32](d, "momentum", 0.9, 0), Decay: of[float32](d, "decay", 0, 0.01), Nesterov: d.bool("nesterov"),
	}
	n := s.Len()
	return call{
		spec: fmt.Sprintf("%+v", o),
		args: []arg{
			updated("p", s, tensor.Plain, d.values(n)), updated("v", s, tensor.Plain, d.values(n)),
			input("g", s, tensor.Plain, d.values(n)),
		},
		run: func(e engine.Engine, t []*engine.Tensor) { e.SGD(t[0], t[1], t[2], o) },
		size: func(i int, in, _ [][]float32) []float64 {
			return each(s, func(j int) float64 {
				g := abs(in[2][j]) + abs(o.Decay)*abs(in[0][j])
				v := abs(o.Momentum)*abs(in[1][j]) + g
				if i == 1 {
					return v
				}
				return abs(in[0][j]) + abs(o.LR)*(g+v)
			})
		},
	}
}

func drawAdam(d draw) call {
	s := d.parameters()
	o := engine.AdamSpec{
		LR: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: of[float32](d, "eps", 1e-8, 1e-3),
		Decay: of[float32](d, "decay", 0, 0.01), Decoupled: d.bool("decoupled"), Step: of(d, "step", 1, 2, 1000),
	}
	n := s.Len()
	m, v := d.values(n), d.between(n, 0.01, 1)
	if o.Step == 1 {
		m, v = repeat(0, n), repeat(0, n)
	}
	return call{
		spec: fmt.Sprintf("%+v", o),
		args: []arg{
			updated("p", s, tensor.Plain, d.values(n)), updated("m", s, tensor.Plain, m), updated("v", s, tensor.Plain, v),
			input("g", s, tensor.Plain, d.values(n)),
		},
		run: func(e engine.Engine, t []*engine.Tensor) { e.Adam(t[0], t[1], t[2], t[3], o) },
		size: func(i int, in, out [][]float32) []float64 {
			return each(s, func(j int) float64 {
				p, g := abs(in[0][j]), abs(in[3][j])
				if !o.Decoupled {
					g += abs(o.Decay) * p
				}
				b1, b2 := float64(o.Beta1), float64(o.Beta2)
				m, v := b1*abs(in[1][j])+(1-b1)*g, b2*abs(in[2][j])+(1-b2)*g*g
				if i > 0 {
					return []float64{0, m, v}[i]
				}
				// The step is off as m is, and as the root of v, which may cancel.
				second := float64(out[2][j])
				lr := float64(o.LR) / (1 - math.Pow(b1, float64(o.Step)))
				root := math.Sqrt(second/(1-math.Pow(b2, float64(o.Step)))) + float64(o.Eps)
				return p + lr*m/root*(2+v/second)
			})
		},
	}
}
