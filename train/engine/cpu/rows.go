package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/conv"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/vec"
)

// longest is how many floats are summed at a time.
const longest = vec.Most * vec.Lanes

// last returns the last size of t.
func last(t *engine.Tensor) int { return t.Shape[len(t.Shape)-1] }

func (d *device) MatMul(c, a, b, bias *engine.Tensor, s engine.MatSpec) {
	check.MatMul(c, a, b, bias, s)
	r := len(c.Shape)
	shape := conv.ProductShape{Batch: 1, Rows: c.Shape[r-2], Cols: c.Shape[r-1], Inner: a.Shape[r-1], TransA: s.TransA, TransB: s.TransB, Alpha: s.Alpha}
	if r == 3 {
		shape.Batch = c.Shape[0]
	}
	if s.TransA {
		shape.Inner = a.Shape[r-2]
	}
	if s.Alpha == 0 {
		shape.Alpha = 1
	}
	d.product.Multiply(values(c), values(a), values(b), optional(bias), shape)
}

func (d *device) SumRows(s, x *engine.Tensor) {
	check.SumRows(s, x)
	d.job.z, d.job.x, d.job.n, d.job.m = values(s), values(x), x.Shape[1], x.Shape[0]
	d.run((x.Shape[1]+strip-1)/strip, min(strip, x.Shape[1])*x.Shape[0], (*job).sumRows)
}

// strip is how many columns a task sums, a few rows of them in float32.
const strip = 256

func (j *job) sumRows(lo, hi int) {
	const few = 64
	for s := lo; s < hi; s++ {
		from, to := s*strip, min((s+1)*strip, j.n)
		var sum [strip]float64
		var part [strip]float32
		p := part[:to-from]
		for r := range j.m {
			row := j.x[r*j.n+from : r*j.n+to]
			if r%few == 0 {
				copy(p, row)
			} else {
				j.Add(p, p, row)
			}
			if r%few == few-1 || r == j.m-1 {
				for i, v := range p {
					sum[i] += float64(v)
				}
			}
		}
		for i := range p {
			j.z[from+i] = float32(sum[i])
		}
	}
}

func (d *device) Softmax(y, x *engine.Tensor) {
	check.Softmax(y, x)
	d.job.z, d.job.x, d.job.n = values(y), values(x), last(x)
	d.run(x.Shape.Len()/last(x), 8*last(x), (*job).softmaxRows)
}

func (j *job) softmaxRows(lo, hi int) {
	for r := lo; r < hi; r++ {
		j.softmax(sample(j.z, r, j.n), sample(j.x, r, j.n))
	}
}

func (d *device) SoftmaxGrad(dx, dy, y *engine.Tensor) {
	check.SoftmaxGrad(dx, dy, y)
	d.job.z, d.job.x, d.job.y, d.job.n = values(dx), values(dy), values(y), last(y)
	d.run(y.Shape.Len()/last(y), 2*last(y), (*job).softmaxGrad)
}

func (j *job) softmaxGrad(lo, hi int) {
	for r := lo; r < hi; r++ {
		dx, dy, y := sample(j.z, r, j.n), sample(j.x, r, j.n), sample(j.y, r, j.n)
		dot := j.Dot(dy, y)
		for i, v := range y {
			dx[i] = float32(float64(v) * (float64(dy[i]) - dot))
		}
	}
}

// moments returns the mean of x and the sum of squares about it.
func (j *job) moments(x []float32) (mean, square float64) {
	mean = j.Total(x) / float64(len(x))
	centre := float32(mean)
	square = j.Squares(x, centre)
	off := mean - float64(centre)
	return mean, square - off*off*float64(len(x))
}

func (d *device) LayerNorm(y, stats, x, gamma, beta *engine.Tensor, eps float32) {
	check.LayerNorm(y, stats, x, gamma, beta, eps)
	d.job.z, d.job.v, d.job.x, d.job.w, d.job.y = values(y), values(stats), values(x), values(gamma), values(beta)
	d.job.n, d.job.a = last(x), eps
	d.run(x.Shape[0], 4*last(x), (*job).layerNorm)
}

func (j *job) layerNorm(lo, hi int) {
	for r := lo; r < hi; r++ {
		x, y := sample(j.x, r, j.n), sample(j.z, r, j.n)
		mean, square := j.moments(x)
		rstd := 1 / math.Sqrt(square/float64(j.n)+float64(j.a))
		j.v[2*r], j.v[2*r+1] = float32(mean), float32(rstd)
		for i, v := range x {
			y[i] = float32((float64(v)-mean)*rstd)*j.w[i] + j.y[i]
		}
	}
}

func (d *device) LayerNormGrad(dx, dgamma, dbeta, dy, x, stats, gamma *engine.Tensor) {
	check.LayerNormGrad(dx, dgamma, dbeta, dy, x, stats, gamma)
	d.job.z, d.job.y, d.job.x, d.job.v, d.job.w, d.job.n = values(dx), values(dy), values(x), values(stats), values(gamma), last(x)
	d.run(x.Shape[0], 8*last(x), (*job).layerNormRows)
	d.job.z, d.job.w = values(dgamma), values(dbeta)
	d.job.y, d.job.x, d.job.v, d.job.n, d.job.m = values(dy), values(x), values(stats), last(x), x.Shape[0]
	d.run(last(x), 4*x.Shape[0], (*job).layerNormColumns)
}

func (j *job) layerNormRows(lo, hi int) {
	for r := lo; r < hi; r++ {
		mean, rstd := float64(j.v[2*r]), float64(j.v[2*r+1])
		dx, dy, x := sample(j.z, r, j.n), sample(j.y, r, j.n), sample(j.x, r, j.n)
		var a, b float64
		for i, v := range dy {
			t := float64(v) * float64(j.w[i])
			a += t
			b += t * (float64(x[i]) - mean) * rstd
		}
		a, b = a/float64(j.n), b/float64(j.n)
		for i, v := range dy {
			dx[i] = float32(rstd * (float64(v)*float64(j.w[i]) - a - (float64(x[i])-mean)*rstd*b))
		}
	}
}

func (j *job) layerNormColumns(lo, hi int) {
	for c := lo; c < hi; c++ {
		var a, b float64
		for r := range j.m {
			dy := float64(j.y[r*j.n+c])
			a += dy
			b += dy * (float64(j.x[r*j.n+c]) - float64(j.v[2*r])) * float64(j.v[2*r+1])
		}
		j.w[c], j.z[c] = float32(a), float32(b)
	}
}

func (d *device) Standardise(y, stats, w *engine.Tensor, eps float32) {
	check.Standardise(y, stats, w, eps)
	d.job.z, d.job.v, d.job.x, d.job.n, d.job.a = values(y), values(stats), values(w), last(w), eps
	d.run(w.Shape[0], 3*last(w), (*job).standardise)
}

func (j *job) standardise(lo, hi int) {
	for r := lo; r < hi; r++ {
		x := sample(j.x, r, j.n)
		mean, square := j.moments(x)
		rstd := 1 / math.Sqrt(square/float64(j.n-1)+float64(j.a))
		j.v[2*r], j.v[2*r+1] = float32(mean), float32(rstd)
		j.Shift(sample(j.z, r, j.n), float32(rstd), x, float32(mean))
	}
}

func (d *device) StandardiseGrad(dw, dy, y, stats *engine.Tensor) {
	check.StandardiseGrad(dw, dy, y, stats)
	d.job.z, d.job.x, d.job.y, d.job.v, d.job.n = values(dw), values(dy), values(y), values(stats), last(y)
	d.run(y.Shape[0], 4*last(y), (*job).standardiseGrad)
}

func (j *job) standardiseGrad(lo, hi int) {
	for r := lo; r < hi; r++ {
		dw, dy, y := sample(j.z, r, j.n), sample(j.x, r, j.n), sample(j.y, r, j.n)
		a, b := j.Total(dy)/float64(j.n), j.Dot(dy, y)/float64(j.n-1)
		rstd := float64(j.v[2*r+1])
		// rstd (dy - a) - rstd b y
		j.Shift(dw, float32(rstd), dy, float32(a))
		j.Axpby(dw, float32(-rstd*b), y, 1)
	}
}
