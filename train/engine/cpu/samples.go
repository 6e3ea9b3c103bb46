package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// per returns how many floats a sample takes as it is stored.
func per(t *engine.Tensor) int { return len(values(t)) / t.Shape[0] }

// kept returns, for the runs of floats of a sample of t, a function that says
// whether float i is a value and not padding.
func kept(t *engine.Tensor) func(i int) bool {
	if t.Layout == tensor.Plain {
		return func(int) bool { return true }
	}
	size, c := t.Shape.Voxels()*lanes, t.Shape[1]
	return func(i int) bool { return i/size*lanes+i%lanes < c }
}

func (d *device) ScaleSamples(y, x, s *engine.Tensor) {
	check.ScaleSamples(y, x, s)
	out, in, by, n := values(y), values(x), values(s), per(x)
	d.each(x.Shape[0], n, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			f := by[p%len(by)]
			if f == 0 {
				clear(out[p*n : (p+1)*n])
				continue
			}
			for i := p * n; i < (p+1)*n; i++ {
				out[i] = f * in[i]
			}
		}
	})
}

func (d *device) DotSamples(out, a, b *engine.Tensor) {
	check.DotSamples(out, a, b)
	to, x, y, n, ok := values(out), values(a), values(b), per(a), kept(a)
	d.each(a.Shape[0], n, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			sum := 0.0
			for i := range n {
				if ok(i) {
					sum += float64(x[p*n+i]) * float64(y[p*n+i])
				}
			}
			to[p] = float32(sum)
		}
	})
}

func (d *device) Gather(y, x, index *engine.Tensor) {
	check.Gather(y, x, index)
	out, in, from, n := values(y), values(x), values(index), per(y)
	d.each(y.Shape[0], n, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			to := out[p*n : (p+1)*n]
			if k := int(from[p]); k >= 0 {
				copy(to, in[k*n:])
			} else {
				clear(to)
			}
		}
	})
}

func (d *device) GatherGrad(dx, dy, index *engine.Tensor) {
	check.GatherGrad(dx, dy, index)
	out, in, from, n := values(dx), values(dy), values(index), per(dx)
	d.each(dx.Shape[0], n, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			to, begun := out[k*n:(k+1)*n], false
			for p, f := range from {
				switch {
				case int(f) != k:
				case !begun:
					copy(to, in[p*n:(p+1)*n])
					begun = true
				default:
					for i, v := range in[p*n : (p+1)*n] {
						to[i] += v
					}
				}
			}
			if !begun {
				clear(to)
			}
		}
	})
}

func (d *device) Impute(y, x, mask *engine.Tensor) {
	check.Impute(y, x, mask)
	out, in, has, n := values(y), values(x), values(mask), per(x)
	batch, m := mask.Shape[0], mask.Shape[1]
	d.each(batch*n, m, func(lo, hi int) {
		for q := lo; q < hi; q++ {
			b, i := q/n, q%n
			var sum, count float32
			for k := range m {
				if has[b*m+k] != 0 {
					sum += in[(b*m+k)*n+i]
					count++
				}
			}
			for k := range m {
				at := (b*m+k)*n + i
				if has[b*m+k] != 0 {
					out[at] = in[at]
				} else {
					out[at] = sum / count
				}
			}
		}
	})
}

func (d *device) ImputeGrad(dx, dy, mask *engine.Tensor) {
	check.ImputeGrad(dx, dy, mask)
	out, in, has, n := values(dx), values(dy), values(mask), per(dx)
	batch, m := mask.Shape[0], mask.Shape[1]
	d.each(batch*n, m, func(lo, hi int) {
		for q := lo; q < hi; q++ {
			b, i := q/n, q%n
			var lost, count float32
			for k := range m {
				if has[b*m+k] != 0 {
					count++
				} else {
					lost += in[(b*m+k)*n+i]
				}
			}
			for k := range m {
				at := (b*m+k)*n + i
				if has[b*m+k] != 0 {
					out[at] = in[at] + lost/count
				} else {
					out[at] = 0
				}
			}
		}
	})
}

func (d *device) Distances(dist, f, coef *engine.Tensor, p int) {
	check.Distances(dist, f, coef, p)
	out, in, cf, n, ok := values(dist), values(f), values(coef), per(f), kept(f)
	m := coef.Shape[1]
	elements := float64(f.Shape.Len() / f.Shape[0])
	d.each(len(cf), n, func(lo, hi int) {
		for q := lo; q < hi; q++ {
			out[q] = 0
			if cf[q] == 0 {
				continue
			}
			a, b := in[q/m*n:], in[(q/m/m*m+q%m)*n:]
			sum := 0.0
			for i := range n {
				if t := float64(a[i]) - float64(b[i]); !ok(i) {
					continue
				} else if p == 1 {
					sum += math.Abs(t)
				} else {
					sum += t * t
				}
			}
			out[q] = float32(sum / elements)
		}
	})
}

func (d *device) DistancesGrad(df, f, coef *engine.Tensor, p int) {
	check.DistancesGrad(df, f, coef, p)
	out, in, cf, n := values(df), values(f), values(coef), per(f)
	m := coef.Shape[1]
	elements := float32(f.Shape.Len() / f.Shape[0])
	d.each(f.Shape[0], m*n, func(lo, hi int) {
		for q := lo; q < hi; q++ {
			b, j := q/m, q%m
			dst, mine := out[q*n:(q+1)*n], in[q*n:(q+1)*n]
			clear(dst)
			for i := range m {
				c := cf[(b*m+i)*m+j] / elements
				if c == 0 {
					continue
				}
				for k, v := range in[(b*m+i)*n : (b*m+i+1)*n] {
					t := mine[k] - v
					if p == 2 {
						t *= 2
					} else if t > 0 {
						t = 1
					} else if t < 0 {
						t = -1
					}
					dst[k] += c * t
				}
			}
		}
	})
}
