package enginetest

import (
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// A sheet is how values in plain order are divided into sets that share a mean
// and a variance, and what a set's values are scaled by.
type sheet struct {
	sets  int
	set   func(j int) int // of value j
	scale func(j int) int // place of its gamma
	count int             // values of a set
}

func sheetOf(x tensor.Shape, per engine.Per) sheet {
	channel := func(j int) int { return j / x.Voxels() % x[1] }
	if per == engine.Batch {
		return sheet{x[1], channel, channel, x[0] * x.Voxels()}
	}
	return sheet{x[0] * x[1], func(j int) int { return j / x.Voxels() }, channel, x.Voxels()}
}

// sheetOfRows is that of a matrix.
func sheetOfRows(x tensor.Shape) sheet {
	return sheet{x[0], func(j int) int { return j / x[1] }, func(j int) int { return j % x[1] }, x[1]}
}

// sum returns the sum of f over each set.
func (s sheet) sum(n int, f func(j int) float64) []float64 {
	out := make([]float64, s.sets)
	for j := range n {
		out[s.set(j)] += f(j)
	}
	return out
}

// stats returns means and 1/sqrt(var + eps) of x, as a kernel would.
func (s sheet) stats(x []float32, divisor int, eps float64) []float32 {
	mean := s.sum(len(x), func(j int) float64 { return float64(x[j]) / float64(s.count) })
	variance := s.sum(len(x), func(j int) float64 {
		return math.Pow(float64(x[j])-mean[s.set(j)], 2) / float64(divisor)
	})
	var out []float32
	for k := range mean {
		out = append(out, float32(mean[k]), float32(1/math.Sqrt(variance[k]+eps)))
	}
	return out
}

// forward returns the sizes m of what normalising x rounds: of the results, of
// the means and of 1/sqrt. A mean is off by roundings of what it sums, which
// comes out times rstd, so that statistics by sums of squares fail where the
// mean is large.
func (s sheet) forward(x, stats, gamma, beta []float32) (y, m []float64) {
	large := s.sum(len(x), func(j int) float64 { return abs(x[j]) / float64(s.count) })
	for k, v := range large {
		m = append(m, v, abs(stats[2*k+1]))
		large[k] = max(v, abs(stats[2*k])) // of other values, where they are frozen
	}
	for j, v := range x {
		k := s.set(j)
		z := (abs(v)+large[k])*abs(stats[2*k+1])*factor(gamma, s.scale(j), 1) + factor(beta, s.scale(j), 0)
		y = append(y, z)
	}
	return y, m
}

// factor returns |v[i]|, or what stands for it where v is nil.
func factor(v []float32, i int, otherwise float64) float64 {
	if v == nil {
		return otherwise
	}
	return abs(v[i])
}

// backward returns the sizes m of the gradients to x and, by place of gamma,
// to gamma and beta, for gradients dz to what was normalised to h.
func (s sheet) backward(dz, h, rstd, gamma []float64, divisor int) (dx, dgamma, dbeta []float64) {
	dgamma, dbeta = make([]float64, len(gamma)), make([]float64, len(gamma))
	for j := range dz {
		dgamma[s.scale(j)] += dz[j] * h[j]
		dbeta[s.scale(j)] += dz[j]
	}
	scaled := func(j int) float64 { return dz[j] * gamma[s.scale(j)] }
	a := s.sum(len(dz), scaled)
	b := s.sum(len(dz), func(j int) float64 { return scaled(j) * h[j] })
	for j := range dz {
		k := s.set(j)
		dx = append(dx, rstd[k]*(scaled(j)+a[k]/float64(s.count)+h[j]*b[k]/float64(divisor)))
	}
	return dx, dgamma, dbeta
}

// normalised returns |x - mean| rstd and rstd.
func (s sheet) normalised(x, stats []float32) (h, rstd []float64) {
	for k := range s.sets {
		rstd = append(rstd, abs(stats[2*k+1]))
	}
	for j, v := range x {
		k := s.set(j)
		h = append(h, math.Abs(float64(v)-float64(stats[2*k]))*rstd[k])
	}
	return h, rstd
}

// shifted are values whose mean is some deviations from 0.
func (d draw) shifted(n int) []float32 {
	out := d.values(n)
	by, scale := of[float32](d, "mean", 0, 3, -30), of[float32](d, "deviation", 1, 0.01, 0)
	for i := range out {
		out[i] = (out[i] + by) * 2
		if scale != 1 {
			out[i] = by + out[i]*scale
		}
	}
	return out
}

func (d draw) norm() engine.NormSpec {
	return engine.NormSpec{
		Per:    of(d, "per", engine.Instance, engine.Batch),
		Eps:    of[float32](d, "eps", 1e-5, 1e-3),
		Slope:  of[float32](d, "slope", 1, 0, 0.01),
		Frozen: d.bool("frozen"),
	}
}

func (s sheet) shape(x tensor.Shape, per engine.Per) tensor.Shape {
	if per == engine.Batch {
		return tensor.Shape{x[1], 2}
	}
	return tensor.Shape{x[0], x[1], 2}
}

func drawNorm(d draw) call {
	x, s := d.volumes(), d.norm()
	sh := sheetOf(x, s.Per)
	data := d.shifted(x.Len())
	stats := output("stats", sh.shape(x, s.Per), tensor.Plain)
	if s.Frozen {
		stats = input("stats", stats.shape, tensor.Plain, sh.stats(d.shifted(x.Len()), sh.count, float64(s.Eps)))
	}
	gamma, beta, res := absent("gamma"), absent("beta"), absent("res")
	if d.bool("affine") {
		c := tensor.Shape{x[1]}
		gamma, beta = input("gamma", c, tensor.Plain, d.values(x[1])), input("beta", c, tensor.Plain, d.values(x[1]))
	}
	if d.bool("residual") {
		res = input("res", x, tensor.Blocked, d.values(x.Len()))
	}
	return call{
		spec: fmt.Sprintf("%+v", s),
		args: []arg{output("y", x, tensor.Blocked), stats, input("x", x, tensor.Blocked, data), gamma, beta, res},
		run: func(e engine.Engine, t []*engine.Tensor) {
			e.Norm(t[0], t[1], t[2], t[3], t[4], t[5], s)
		},
		terms: sh.count,
		size: func(i int, in, out [][]float32) []float64 {
			y, m := sh.forward(in[2], out[1], in[3], in[4])
			if i == 1 {
				return m
			}
			for j := range y {
				y[j] += factor(in[5], j, 0)
			}
			return y
		},
	}
}

func drawNormGrad(d draw) call {
	x, s := d.volumes(), d.norm()
	sh := sheetOf(x, s.Per)
	data := d.shifted(x.Len())
	stats := sh.stats(data, sh.count, float64(s.Eps))
	c := tensor.Shape{x[1]}
	dgamma, dbeta, dres, gamma := absent("dgamma"), absent("dbeta"), absent("dres"), absent("gamma")
	if d.bool("affine") {
		dgamma, dbeta = output("dgamma", c, tensor.Plain), output("dbeta", c, tensor.Plain)
		gamma = input("gamma", c, tensor.Plain, d.values(x[1]))
	}
	if d.bool("residual") {
		dres = output("dres", x, tensor.Blocked)
	}
	return call{
		spec: fmt.Sprintf("%+v", s),
		args: []arg{
			output("dx", x, tensor.Blocked), dgamma, dbeta, dres,
			input("dy", x, tensor.Blocked, d.values(x.Len())),
			input("y", x, tensor.Blocked, d.values(x.Len())), // just its sign counts
			input("x", x, tensor.Blocked, data),
			input("stats", sh.shape(x, s.Per), tensor.Plain, stats),
			gamma,
		},
		run: func(e engine.Engine, t []*engine.Tensor) {
			e.NormGrad(t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], s)
		},
		terms: sh.count * sh.sets / x[1],
		size: func(i int, in, _ [][]float32) []float64 {
			h, rstd := sh.normalised(in[6], in[7])
			dz := each(x, func(j int) float64 {
				if in[5][j] > 0 {
					return abs(in[4][j])
				}
				return abs(in[4][j]) * float64(s.Slope)
			})
			g := each(c, func(j int) float64 { return factor(in[8], j, 1) })
			dx, dgamma, dbeta := sh.backward(dz, h, rstd, g, sh.count)
			return [][]float64{dx, dgamma, dbeta, dz}[i]
		},
	}
}

func drawRunning(d draw) call {
	c := d.channels("channels")
	s := tensor.Shape{c, 2}
	momentum, count := of[float32](d, "momentum", 0.1, 0.9, 1), of(d, "count", 2, 3, 1000)
	const eps = 1e-5
	running, stats := d.values(2*c), d.values(2*c)
	for k := range c {
		running[2*k+1] = float32(abs(running[2*k+1]))
		stats[2*k+1] = float32(1 / math.Sqrt(abs(stats[2*k+1])+eps))
	}
	return call{
		spec: fmt.Sprintf("momentum %v, count %d", momentum, count),
		args: []arg{updated("running", s, tensor.Plain, running), input("stats", s, tensor.Plain, stats)},
		run:  func(e engine.Engine, t []*engine.Tensor) { e.Running(t[0], t[1], momentum, eps, count) },
		size: func(_ int, in, _ [][]float32) []float64 {
			return each(s, func(j int) float64 {
				batch := abs(in[1][j])
				if j%2 == 1 { // var = 1/rstd^2 - eps
					batch = (1/(batch*batch) + eps) * float64(count) / float64(count-1)
				}
				return abs(in[0][j]) + float64(momentum)*batch
			})
		},
	}
}

func drawFrozen(d draw) call {
	c := d.channels("channels")
	s := tensor.Shape{c, 2}
	eps := of[float32](d, "eps", 1e-5, 1e-3)
	return call{
		spec: fmt.Sprintf("eps %v", eps),
		args: []arg{output("stats", s, tensor.Plain), input("running", s, tensor.Plain, d.between(2*c, 0, 2))},
		run:  func(e engine.Engine, t []*engine.Tensor) { e.Frozen(t[0], t[1], eps) },
		size: result,
	}
}

func drawLayerNorm(d draw) call {
	x := tensor.Shape{of(d, "rows", 1, 2, 5, 17), of(d, "columns", 1, 2, 16, 17, 130)}
	eps := of[float32](d, "eps", 1e-5, 1e-3)
	c := tensor.Shape{x[1]}
	sh := sheetOfRows(x)
	return call{
		spec: fmt.Sprintf("eps %v", eps),
		args: []arg{
			output("y", x, tensor.Plain), output("stats", tensor.Shape{x[0], 2}, tensor.Plain),
			input("x", x, tensor.Plain, d.shifted(x.Len())),
			input("gamma", c, tensor.Plain, d.values(x[1])), input("beta", c, tensor.Plain, d.values(x[1])),
		},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.LayerNorm(t[0], t[1], t[2], t[3], t[4], eps) },
		terms: x[1],
		size: func(i int, in, out [][]float32) []float64 {
			y, m := sh.forward(in[2], out[1], in[3], in[4])
			return [][]float64{y, m}[i]
		},
	}
}

func drawLayerNormGrad(d draw) call {
	x := tensor.Shape{of(d, "rows", 1, 2, 5, 17), of(d, "columns", 1, 2, 16, 17, 130)}
	c := tensor.Shape{x[1]}
	sh := sheetOfRows(x)
	data := d.shifted(x.Len())
	return call{
		args: []arg{
			output("dx", x, tensor.Plain), output("dgamma", c, tensor.Plain), output("dbeta", c, tensor.Plain),
			input("dy", x, tensor.Plain, d.values(x.Len())),
			input("x", x, tensor.Plain, data),
			input("stats", tensor.Shape{x[0], 2}, tensor.Plain, sh.stats(data, x[1], 1e-5)),
			input("gamma", c, tensor.Plain, d.values(x[1])),
		},
		run: func(e engine.Engine, t []*engine.Tensor) {
			e.LayerNormGrad(t[0], t[1], t[2], t[3], t[4], t[5], t[6])
		},
		terms: max(x[0], x[1]),
		size: func(i int, in, _ [][]float32) []float64 {
			h, rstd := sh.normalised(in[4], in[5])
			dx, dgamma, dbeta := sh.backward(wide(absolute(in)[3]), h, rstd, wide(absolute(in)[6]), x[1])
			return [][]float64{dx, dgamma, dbeta}[i]
		},
	}
}

func drawStandardise(d draw) call {
	w := tensor.Shape{of(d, "rows", 1, 2, 5, 17), of(d, "columns", 2, 3, 16, 27, 130)}
	eps := of[float32](d, "eps", 1e-5, 1e-3)
	sh := sheetOfRows(w)
	return call{
		spec: fmt.Sprintf("eps %v", eps),
		args: []arg{
			output("y", w, tensor.Plain), output("stats", tensor.Shape{w[0], 2}, tensor.Plain),
			input("w", w, tensor.Plain, d.shifted(w.Len())),
		},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.Standardise(t[0], t[1], t[2], eps) },
		terms: w[1],
		size: func(i int, in, out [][]float32) []float64 {
			y, m := sh.forward(in[2], out[1], nil, nil)
			return [][]float64{y, m}[i]
		},
	}
}

func drawStandardiseGrad(d draw) call {
	w := tensor.Shape{of(d, "rows", 1, 2, 5, 17), of(d, "columns", 2, 3, 16, 27, 130)}
	sh := sheetOfRows(w)
	return call{
		args: []arg{
			output("dw", w, tensor.Plain), input("dy", w, tensor.Plain, d.values(w.Len())),
			input("y", w, tensor.Plain, d.values(w.Len())),
			input("stats", tensor.Shape{w[0], 2}, tensor.Plain, d.between(2*w[0], 0.1, 10)),
		},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.StandardiseGrad(t[0], t[1], t[2], t[3]) },
		terms: w[1],
		size: func(_ int, in, _ [][]float32) []float64 {
			_, rstd := sh.normalised(nil, in[3])
			dw, _, _ := sh.backward(wide(absolute(in)[1]), wide(absolute(in)[2]), rstd, each(w[1:], func(int) float64 { return 1 }), w[1]-1)
			return dw
		},
	}
}
