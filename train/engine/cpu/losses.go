package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
)

func (d *device) CrossEntropy(loss, dx, x, t *engine.Tensor, scale float32) {
	check.CrossEntropy(loss, dx, x, t, scale)
	d.job.z, d.job.y, d.job.x, d.job.w = values(dx), values(loss), values(x), values(t)
	d.job.n, d.job.a = last(x), scale
	d.run(x.Shape[0], 8*last(x), (*job).crossEntropy)
}

func (j *job) crossEntropy(lo, hi int) {
	for r := lo; r < hi; r++ {
		dx, x, t := sample(j.z, r, j.n), sample(j.x, r, j.n), sample(j.w, r, j.n)
		sum, any := 0.0, false
		for _, v := range t {
			sum += float64(v)
			any = any || v != 0
		}
		j.y[r] = 0
		if !any {
			clear(dx)
			continue
		}
		log := j.softmax(dx, x)
		loss := 0.0
		for i, v := range t {
			if v != 0 {
				loss += float64(v) * (log - float64(x[i]))
			}
			dx[i] = j.a * float32(float64(dx[i])*sum-float64(v))
		}
		j.y[r] = float32(loss)
	}
}

// share is how many values of a region a task sums.
const share = 1 << 14

func (d *device) Regions(sums, x, t *engine.Tensor) {
	check.Regions(sums, x, t)
	d.job.x, d.job.y, d.job.n = values(x), values(t), x.Shape.Voxels()
	d.job.m = (d.job.n + share - 1) / share
	regions := x.Shape[0] * x.Shape[1]
	parts := regions * d.job.m
	d.parts = grown(d.parts, parts)
	d.job.parts = d.parts
	m := d.job.m
	d.run(parts, 8*min(share, x.Shape.Voxels()), (*job).regions)
	out := values(sums)
	for r := range regions {
		var s [4]float64
		for _, p := range d.parts[r*m : (r+1)*m] {
			for k, v := range p {
				s[k] += v
			}
		}
		for k, v := range s {
			out[4*r+k] = float32(v)
		}
	}
}

// part returns where the values of part p are.
func (j *job) region(p int) (lo, hi int) {
	lo, hi = cut(j.n, j.m, p%j.m)
	return p/j.m*j.n + lo, p/j.m*j.n + hi
}

func (j *job) regions(lo, hi int) {
	for p := lo; p < hi; p++ {
		from, to := j.region(p)
		j.parts[p] = j.Regions(j.x[from:to], j.y[from:to])
	}
}

func (d *device) RegionsGrad(dx, x, t, coef *engine.Tensor) {
	check.RegionsGrad(dx, x, t, coef)
	d.job.z, d.job.x, d.job.y, d.job.w, d.job.n = values(dx), values(x), values(t), values(coef), x.Shape.Voxels()
	d.job.m = (d.job.n + share - 1) / share
	d.run(x.Shape[0]*x.Shape[1]*d.job.m, 4*min(share, x.Shape.Voxels()), (*job).regionsGrad)
}

func (j *job) regionsGrad(lo, hi int) {
	for p := lo; p < hi; p++ {
		from, to := j.region(p)
		c := sample(j.w, p/j.m, 3)
		j.RegionsGrad(j.z[from:to], j.x[from:to], j.y[from:to], c[0], c[1], c[2])
	}
}

func (d *device) SGD(p, v, g *engine.Tensor, o engine.SGDSpec) {
	check.SGD(p, v, g, o)
	d.job.z, d.job.y, d.job.x, d.job.sgd = values(p), values(v), values(g), o
	d.flat((*job).stepSGD)
}

func (j *job) stepSGD(lo, hi int) {
	o := &j.sgd
	j.SGD(j.z[lo:hi], j.y[lo:hi], j.x[lo:hi], o.LR, o.Momentum, o.Decay, o.Nesterov)
}

func (d *device) Adam(p, m, v, g *engine.Tensor, o engine.AdamSpec) {
	check.Adam(p, m, v, g, o)
	d.job.z, d.job.y, d.job.w, d.job.x = values(p), values(m), values(v), values(g)
	a := &d.job.adam
	a.Beta1, a.Beta2, a.Eps, a.Decay, a.Decoupled = o.Beta1, o.Beta2, o.Eps, o.Decay, o.Decoupled
	a.Shrink = float32(1 - float64(o.LR)*float64(o.Decay))
	a.LR, a.Scale = o.Corrected()
	d.flat((*job).stepAdam)
}

func (j *job) stepAdam(lo, hi int) { j.Adam(j.z[lo:hi], j.y[lo:hi], j.w[lo:hi], j.x[lo:hi], j.adam) }

// softmax writes exp(x - max) / sum, and returns the logarithm of the sum of
// exp(x).
func (j *job) softmax(y, x []float32) float64 {
	top := float32(math.Inf(-1))
	for _, v := range x {
		top = max(top, v)
	}
	sum := 0.0
	for i := 0; i < len(x); i += longest {
		to := min(i+longest, len(x))
		sum += j.Exp(y[i:to], x[i:to], top)
	}
	j.Scale(y, float32(1/sum), y)
	return float64(top) + math.Log(sum)
}
