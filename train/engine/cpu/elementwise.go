package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

func (d *device) Fill(y *engine.Tensor, v float32) {
	out := values(y)
	d.each(len(out), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			out[i] = v
		}
	})
}

func (d *device) Copy(y, x *engine.Tensor) {
	check.Copy(y, x)
	switch {
	case y.Layout == x.Layout:
		out, in := values(y), values(x)
		d.each(len(out), 1, func(lo, hi int) { copy(out[lo:hi], in[lo:hi]) })
	case y.Layout == tensor.Blocked:
		d.layouts.ToBlocked(values(y), values(x), x.Shape[0], x.Shape[1], x.Shape.Voxels())
	default:
		d.layouts.ToPlain(values(y), values(x), x.Shape[0], x.Shape[1], x.Shape.Voxels())
	}
}

// zip calls f for parts of up to three slices of a length.
func (d *device) zip(z, x, y *engine.Tensor, f func(z, x, y []float32)) {
	a, b, c := values(z), values(x), values(y)
	d.each(len(a), 1, func(lo, hi int) { f(a[lo:hi], b[lo:hi], c[lo:hi]) })
}

func (d *device) Axpby(y *engine.Tensor, a float32, x *engine.Tensor, b float32) {
	check.Axpby(y, a, x, b)
	d.zip(y, x, y, func(y, x, _ []float32) {
		if b == 0 {
			for i, v := range x {
				y[i] = a * v
			}
			return
		}
		for i, v := range x {
			y[i] = a*v + b*y[i]
		}
	})
}

func (d *device) Add(z, x, y *engine.Tensor) {
	check.Add(z, x, y)
	d.zip(z, x, y, func(z, x, y []float32) {
		for i := range z {
			z[i] = x[i] + y[i]
		}
	})
}

func (d *device) Mul(z, x, y *engine.Tensor) {
	check.Mul(z, x, y)
	d.zip(z, x, y, func(z, x, y []float32) {
		for i := range z {
			z[i] = x[i] * y[i]
		}
	})
}

func (d *device) Map(f engine.Func, y, x *engine.Tensor) {
	check.Map(f, y, x)
	d.zip(y, x, x, func(y, x, _ []float32) {
		for i, v := range x {
			y[i] = apply(f, v)
		}
	})
}

func (d *device) MapGrad(f engine.Func, dx, dy, x, y *engine.Tensor) {
	check.MapGrad(f, dx, dy, x, y)
	p, q, r, s := values(dx), values(dy), values(x), values(y)
	d.each(len(p), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			p[i] = q[i] * slope(f, r[i], s[i])
		}
	})
}

func apply(f engine.Func, x float32) float32 {
	switch f.Kind {
	case engine.Sigmoid:
		return sigmoid(x)
	case engine.GELU:
		return float32(float64(x) / 2 * (1 + math.Erf(float64(x)/math.Sqrt2)))
	}
	if x > 0 {
		return x
	}
	return f.A * x
}

// slope returns f'(x), y being f(x).
func slope(f engine.Func, x, y float32) float32 {
	switch f.Kind {
	case engine.Sigmoid:
		return y * (1 - y)
	case engine.GELU:
		v := float64(x)
		return float32((1+math.Erf(v/math.Sqrt2))/2 + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi))
	}
	if x > 0 {
		return 1
	}
	return f.A
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

func (d *device) Dropout(y, x *engine.Tensor, p float32, seed uint64) {
	check.Dropout(y, x, p, seed)
	out, in, below := values(y), values(x), engine.Threshold(p)
	scale := 1 / (1 - p)
	d.each(len(out), 4, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if engine.Hash(seed, uint32(i)) >= below {
				out[i] = in[i] * scale
			} else {
				out[i] = 0
			}
		}
	})
}
