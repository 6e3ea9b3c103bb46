package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

func (d *device) Fill(y *engine.Tensor, v float32) {
	d.job.z, d.job.a = values(y), v
	d.flat((*job).fill)
}

func (j *job) fill(lo, hi int) {
	z := j.z[lo:hi]
	for i := range z[:min(len(z), 256)] {
		z[i] = j.a
	}
	for done := 256; done < len(z); done *= 2 {
		copy(z[done:], z[:done])
	}
}

func (d *device) Copy(y, x *engine.Tensor) {
	check.Copy(y, x)
	switch y.Layout {
	case x.Layout:
		d.job.z, d.job.x = values(y), values(x)
		d.flat((*job).copy)
	case tensor.Blocked:
		d.layouts.ToBlocked(values(y), values(x), x.Shape[0], x.Shape[1], x.Shape.Voxels())
	default:
		d.layouts.ToPlain(values(y), values(x), x.Shape[0], x.Shape[1], x.Shape.Voxels())
	}
}

func (j *job) copy(lo, hi int) { copy(j.z[lo:hi], j.x[lo:hi]) }

func (d *device) Axpby(y *engine.Tensor, a float32, x *engine.Tensor, b float32) {
	check.Axpby(y, a, x, b)
	d.job.z, d.job.x, d.job.a, d.job.b = values(y), values(x), a, b
	if b == 0 {
		d.flat((*job).scale)
	} else {
		d.flat((*job).axpby)
	}
}

func (j *job) scale(lo, hi int) { j.Scale(j.z[lo:hi], j.a, j.x[lo:hi]) }
func (j *job) axpby(lo, hi int) { j.Axpby(j.z[lo:hi], j.a, j.x[lo:hi], j.b) }

func (d *device) Add(z, x, y *engine.Tensor) {
	check.Add(z, x, y)
	d.job.z, d.job.x, d.job.y = values(z), values(x), values(y)
	d.flat((*job).add)
}

func (j *job) add(lo, hi int) { j.Add(j.z[lo:hi], j.x[lo:hi], j.y[lo:hi]) }

func (d *device) Mul(z, x, y *engine.Tensor) {
	check.Mul(z, x, y)
	d.job.z, d.job.x, d.job.y = values(z), values(x), values(y)
	d.flat((*job).mul)
}

func (j *job) mul(lo, hi int) { j.Mul(j.z[lo:hi], j.x[lo:hi], j.y[lo:hi]) }

func (d *device) Map(f engine.Func, y, x *engine.Tensor) {
	check.Map(f, y, x)
	d.job.z, d.job.x, d.job.a = values(y), values(x), f.A
	switch f.Kind {
	case engine.Sigmoid:
		d.flat((*job).sigmoid)
	case engine.GELU:
		d.flat((*job).gelu)
	default:
		d.flat((*job).leaky)
	}
}

func (j *job) sigmoid(lo, hi int) { j.Sigmoid(j.z[lo:hi], j.x[lo:hi]) }
func (j *job) leaky(lo, hi int)   { j.Leaky(j.z[lo:hi], j.x[lo:hi], j.a) }

func (j *job) gelu(lo, hi int) {
	for i := lo; i < hi; i++ {
		x := float64(j.x[i])
		j.z[i] = float32(x / 2 * (1 + math.Erf(x/math.Sqrt2)))
	}
}

func (d *device) MapGrad(f engine.Func, dx, dy, x, y *engine.Tensor) {
	check.MapGrad(f, dx, dy, x, y)
	d.job.z, d.job.w, d.job.x, d.job.y, d.job.a = values(dx), values(dy), values(x), values(y), f.A
	switch f.Kind {
	case engine.Sigmoid:
		d.flat((*job).sigmoidGrad)
	case engine.GELU:
		d.flat((*job).geluGrad)
	default:
		d.flat((*job).leakyGrad)
	}
}

func (j *job) sigmoidGrad(lo, hi int) { j.SigmoidGrad(j.z[lo:hi], j.w[lo:hi], j.y[lo:hi]) }
func (j *job) leakyGrad(lo, hi int)   { j.LeakyGrad(j.z[lo:hi], j.w[lo:hi], j.x[lo:hi], j.a) }

func (j *job) geluGrad(lo, hi int) {
	for i := lo; i < hi; i++ {
		x := float64(j.x[i])
		slope := (1+math.Erf(x/math.Sqrt2))/2 + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
		j.z[i] = j.w[i] * float32(slope)
	}
}

func (d *device) Dropout(y, x *engine.Tensor, p float32, seed uint64) {
	check.Dropout(y, x, p, seed)
	d.job.z, d.job.x, d.job.a, d.job.seed = values(y), values(x), p, seed
	d.flat((*job).dropout)
}

func (j *job) dropout(lo, hi int) {
	j.Dropout(j.z[lo:hi], j.x[lo:hi], j.counter, uint32(lo), j.seed, engine.Threshold(j.a), 1/(1-j.a))
}
