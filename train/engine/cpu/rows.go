package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
)

func (d *device) MatMul(c, a, b, bias *engine.Tensor, s engine.MatSpec) {
	check.MatMul(c, a, b, bias, s)
	r := len(c.Shape)
	m, n := c.Shape[r-2], c.Shape[r-1]
	k := a.Shape[r-1]
	ai, ak, bk, bj := k, 1, n, 1 // steps
	if s.TransA {
		k = a.Shape[r-2]
		ai, ak = 1, m
	}
	if s.TransB {
		bk, bj = 1, k
	}
	if s.Alpha == 0 {
		s.Alpha = 1
	}
	x, y, z, add := values(a), values(b), values(c), optional(bias)
	batch := c.Shape.Len() / max(m*n, 1)
	d.each(batch*m, n*k, func(lo, hi int) {
		for row := lo; row < hi; row++ {
			p, i := row/m, row%m
			for j := range n {
				var sum float64
				for l := range k {
					sum += float64(x[p*m*k+i*ai+l*ak]) * float64(y[p*n*k+l*bk+j*bj])
				}
				v := s.Alpha * float32(sum)
				if add != nil {
					v += add[j]
				}
				z[row*n+j] = v
			}
		}
	})
}

func (d *device) SumRows(s, x *engine.Tensor) {
	check.SumRows(s, x)
	out, in := values(s), values(x)
	rows, cols := x.Shape[0], x.Shape[1]
	d.each(cols, rows, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			sum := 0.0
			for i := range rows {
				sum += float64(in[i*cols+j])
			}
			out[j] = float32(sum)
		}
	})
}

// last returns the last size of t.
func last(t *engine.Tensor) int { return t.Shape[len(t.Shape)-1] }

func (d *device) Softmax(y, x *engine.Tensor) {
	check.Softmax(y, x)
	out, in, cols := values(y), values(x), last(x)
	d.each(len(out)/cols, 8*cols, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			softmax(out[r*cols:(r+1)*cols], in[r*cols:(r+1)*cols])
		}
	})
}

// softmax writes exp(x - max) / sum and returns log of the sum of exp(x).
func softmax(y, x []float32) (log float64) {
	top := float32(math.Inf(-1))
	for _, v := range x {
		top = max(top, v)
	}
	sum := 0.0
	for i, v := range x {
		e := math.Exp(float64(v) - float64(top))
		y[i] = float32(e)
		sum += e
	}
	for i := range y {
		y[i] = float32(float64(y[i]) / sum)
	}
	return float64(top) + math.Log(sum)
}

func (d *device) SoftmaxGrad(dx, dy, y *engine.Tensor) {
	check.SoftmaxGrad(dx, dy, y)
	out, g, p, cols := values(dx), values(dy), values(y), last(y)
	d.each(len(out)/cols, 4*cols, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			o, g, p := out[r*cols:(r+1)*cols], g[r*cols:(r+1)*cols], p[r*cols:(r+1)*cols]
			sum := 0.0
			for i := range o {
				sum += float64(g[i]) * float64(p[i])
			}
			for i := range o {
				o[i] = p[i] * float32(float64(g[i])-sum)
			}
		}
	})
}

// moments returns the mean and the sum of squares about it.
func moments(x []float32) (mean, square float64) {
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		square += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, square
}

func (d *device) LayerNorm(y, stats, x, gamma, beta *engine.Tensor, eps float32) {
	check.LayerNorm(y, stats, x, gamma, beta, eps)
	out, st, in, g, b := values(y), values(stats), values(x), values(gamma), values(beta)
	cols := last(x)
	d.each(len(in)/cols, 4*cols, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row := in[r*cols : (r+1)*cols]
			mean, square := moments(row)
			rstd := 1 / math.Sqrt(square/float64(cols)+float64(eps))
			st[2*r], st[2*r+1] = float32(mean), float32(rstd)
			for i, v := range row {
				out[r*cols+i] = float32((float64(v)-mean)*rstd)*g[i] + b[i]
			}
		}
	})
}

func (d *device) LayerNormGrad(dx, dgamma, dbeta, dy, x, stats, gamma *engine.Tensor) {
	check.LayerNormGrad(dx, dgamma, dbeta, dy, x, stats, gamma)
	out, g, in, st, scale := values(dx), values(dy), values(x), values(stats), values(gamma)
	cols := last(x)
	rows := len(in) / cols
	d.each(rows, 4*cols, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			mean, rstd := st[2*r], st[2*r+1]
			var a, b float64
			for i := r * cols; i < (r+1)*cols; i++ {
				t := float64(g[i] * scale[i-r*cols])
				a += t
				b += t * float64((in[i]-mean)*rstd)
			}
			a, b = a/float64(cols), b/float64(cols)
			for i := r * cols; i < (r+1)*cols; i++ {
				t := g[i] * scale[i-r*cols]
				out[i] = rstd * (t - float32(a) - (in[i]-mean)*rstd*float32(b))
			}
		}
	})
	dg, db := values(dgamma), values(dbeta)
	d.each(cols, 2*rows, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			var a, b float64
			for r := range rows {
				a += float64(g[r*cols+j])
				b += float64(g[r*cols+j]) * float64((in[r*cols+j]-st[2*r])*st[2*r+1])
			}
			db[j], dg[j] = float32(a), float32(b)
		}
	})
}

func (d *device) Standardise(y, stats, w *engine.Tensor, eps float32) {
	check.Standardise(y, stats, w, eps)
	out, st, in := values(y), values(stats), values(w)
	cols := 2 * len(in) / len(st)
	d.each(len(st)/2, 4*cols, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row := in[r*cols : (r+1)*cols]
			mean, square := moments(row)
			rstd := 1 / math.Sqrt(square/float64(cols-1)+float64(eps))
			st[2*r], st[2*r+1] = float32(mean), float32(rstd)
			for i, v := range row {
				out[r*cols+i] = float32((float64(v) - mean) * rstd)
			}
		}
	})
}

func (d *device) StandardiseGrad(dw, dy, y, stats *engine.Tensor) {
	check.StandardiseGrad(dw, dy, y, stats)
	out, g, p, st := values(dw), values(dy), values(y), values(stats)
	cols := 2 * len(p) / len(st)
	d.each(len(st)/2, 4*cols, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			var a, b float64
			for i := r * cols; i < (r+1)*cols; i++ {
				a += float64(g[i])
				b += float64(g[i]) * float64(p[i])
			}
			a, b = a/float64(cols), b/float64(cols-1)
			for i := r * cols; i < (r+1)*cols; i++ {
				out[i] = float32(float64(st[2*r+1]) * (float64(g[i]) - a - float64(p[i])*b))
			}
		}
	})
}
