package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
)

func (d *device) CrossEntropy(loss, dx, x, t *engine.Tensor, scale float32) {
	check.CrossEntropy(loss, dx, x, t, scale)
	out, g, in, target, cols := values(loss), values(dx), values(x), values(t), last(x)
	d.each(len(out), 8*cols, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			out[r] = crossEntropy(g[r*cols:(r+1)*cols], in[r*cols:(r+1)*cols], target[r*cols:(r+1)*cols], scale)
		}
	})
}

func crossEntropy(dx, x, t []float32, scale float32) float32 {
	sum, any := 0.0, false
	for _, v := range t {
		sum += float64(v)
		any = any || v != 0
	}
	if !any {
		clear(dx)
		return 0
	}
	log := softmax(dx, x)
	loss := 0.0
	for i, v := range t {
		if v != 0 {
			loss += float64(v) * (log - float64(x[i]))
		}
		dx[i] = scale * float32(float64(dx[i])*sum-float64(v))
	}
	return float32(loss)
}

func (d *device) Regions(sums, x, t *engine.Tensor) {
	check.Regions(sums, x, t)
	out, in, target := values(sums), values(x), values(t)
	size := x.Shape.Voxels()
	d.each(len(in)/size, 16*size, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			var s [4]float64
			for i := r * size; i < (r+1)*size; i++ {
				x, t := float64(in[i]), float64(target[i])
				p := 1 / (1 + math.Exp(-x))
				s[0] += p * t
				s[1] += p
				s[2] += t
				s[3] += max(x, 0) - x*t + math.Log1p(math.Exp(-math.Abs(x)))
			}
			for k, v := range s {
				out[4*r+k] = float32(v)
			}
		}
	})
}

func (d *device) RegionsGrad(dx, x, t, coef *engine.Tensor) {
	check.RegionsGrad(dx, x, t, coef)
	out, in, target, cf := values(dx), values(x), values(t), values(coef)
	size := x.Shape.Voxels()
	d.each(len(in)/size, 8*size, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			a, b, c := cf[3*r], cf[3*r+1], cf[3*r+2]
			for i := r * size; i < (r+1)*size; i++ {
				p, t := sigmoid(in[i]), target[i]
				out[i] = (a*t+b)*p*(1-p) + c*(p-t)
			}
		}
	})
}

func (d *device) SGD(p, v, g *engine.Tensor, o engine.SGDSpec) {
	check.SGD(p, v, g, o)
	w, speed, grad := values(p), values(v), values(g)
	d.each(len(w), 2, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			g := grad[i] + o.Decay*w[i]
			speed[i] = o.Momentum*speed[i] + g
			if o.Nesterov {
				w[i] -= o.LR * (g + o.Momentum*speed[i])
			} else {
				w[i] -= o.LR * speed[i]
			}
		}
	})
}

func (d *device) Adam(p, m, v, g *engine.Tensor, o engine.AdamSpec) {
	check.Adam(p, m, v, g, o)
	w, first, second, grad := values(p), values(m), values(v), values(g)
	lr, scale := o.Corrected()
	d.each(len(w), 4, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			g := grad[i]
			if o.Decoupled {
				w[i] -= o.LR * o.Decay * w[i]
			} else {
				g += o.Decay * w[i]
			}
			first[i] = o.Beta1*first[i] + (1-o.Beta1)*g
			second[i] = o.Beta2*second[i] + (1-o.Beta2)*g*g
			w[i] -= lr * first[i] / (float32(math.Sqrt(float64(second[i])))*scale + o.Eps)
		}
	})
}
