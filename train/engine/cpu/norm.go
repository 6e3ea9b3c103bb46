package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

const lanes = tensor.Lanes

// normal is a normalisation: what its kernels go by.
type normal struct {
	n, c, blocks, size int
	per                engine.Per
}

func normalOf(x *engine.Tensor, per engine.Per) normal {
	return normal{x.Shape[0], x.Shape[1], tensor.Blocks(x.Shape[1]), x.Shape.Voxels(), per}
}

// groups returns how many sets of 16 channels have statistics of their own.
func (g normal) groups() int {
	if g.per == engine.Batch {
		return g.blocks
	}
	return g.n * g.blocks
}

// count is how many values a statistic is of.
func (g normal) count() int {
	if g.per == engine.Batch {
		return g.n * g.size
	}
	return g.size
}

// pieces calls f for each run of voxels of a group.
func (g normal) pieces(group int, f func(off int)) {
	if g.per == engine.Instance {
		f(group * g.size * lanes)
		return
	}
	for n := range g.n {
		f((n*g.blocks + group) * g.size * lanes)
	}
}

// first returns the channel and the statistic that lane 0 of a group has, and
// how many lanes are channels.
func (g normal) first(group int) (channel, stat, used int) {
	b := group % g.blocks
	return b * lanes, group/g.blocks*g.c + b*lanes, min(lanes, g.c-b*lanes)
}

// lanesOf returns 16 of the values of t, or v where it is nil.
func lanesOf(t *engine.Tensor, at, used int, v float32) (out [lanes]float32) {
	for i := range used {
		out[i] = v
		if t != nil {
			out[i] = values(t)[at+i]
		}
	}
	return out
}

func (d *device) Norm(y, stats, x, gamma, beta, res *engine.Tensor, s engine.NormSpec) {
	check.Norm(y, stats, x, gamma, beta, res, s)
	g := normalOf(x, s.Per)
	in, out, st, r := values(x), values(y), values(stats), optional(res)
	d.each(g.groups(), g.count()*lanes, func(lo, hi int) {
		for group := lo; group < hi; group++ {
			c, at, used := g.first(group)
			if !s.Frozen {
				g.statistics(st[2*at:], in, group, used, s.Eps)
			}
			scale, shift := lanesOf(gamma, c, used, 1), lanesOf(beta, c, used, 0)
			for i := range used {
				mean, rstd := st[2*(at+i)], st[2*(at+i)+1]
				scale[i] *= rstd
				shift[i] -= mean * scale[i]
			}
			g.pieces(group, func(off int) {
				for i := off; i < off+g.size*lanes; i += lanes {
					for j := range lanes {
						z := in[i+j]*scale[j] + shift[j]
						if r != nil {
							z += r[i+j]
						}
						if !(z > 0) {
							z *= s.Slope
						}
						out[i+j] = z
					}
				}
			})
		}
	})
}

// statistics writes mean and 1/sqrt(var + eps) of the channels of a group.
func (g normal) statistics(stats, x []float32, group, used int, eps float32) {
	var sum, square [lanes]float64
	g.pieces(group, func(off int) {
		for i := off; i < off+g.size*lanes; i += lanes {
			for j, v := range x[i : i+lanes] {
				sum[j] += float64(v)
			}
		}
	})
	count := float64(g.count())
	for j := range sum {
		sum[j] /= count
	}
	g.pieces(group, func(off int) {
		for i := off; i < off+g.size*lanes; i += lanes {
			for j, v := range x[i : i+lanes] {
				t := float64(v) - sum[j]
				square[j] += t * t
			}
		}
	})
	for j := range used {
		stats[2*j] = float32(sum[j])
		stats[2*j+1] = float32(1 / math.Sqrt(square[j]/count+float64(eps)))
	}
}

func (d *device) NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma *engine.Tensor, s engine.NormSpec) {
	check.NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma, s)
	g := normalOf(x, s.Per)
	sums := d.mem.take(2 * g.groups() * lanes)
	k := normGrad{g, values(dx), optional(dres), values(dy), values(y), values(x), values(stats), sums, s}
	d.each(g.groups(), g.count()*lanes, func(lo, hi int) {
		for group := lo; group < hi; group++ {
			k.group(group, gamma)
		}
	})
	if dgamma != nil {
		k.channels(values(dgamma), values(dbeta))
	}
	d.mem.give(sums)
}

type normGrad struct {
	normal
	dx, dres, dy, y, x, stats, sums []float32
	s                               engine.NormSpec
}

func (k *normGrad) group(group int, gamma *engine.Tensor) {
	c, at, used := k.first(group)
	scale := lanesOf(gamma, c, used, 1)
	var mean, rstd [lanes]float32
	for i := range used {
		mean[i], rstd[i] = k.stats[2*(at+i)], k.stats[2*(at+i)+1]
	}
	var a, b [lanes]float64 // sums of dz, and of dz (x - mean) rstd
	k.pieces(group, func(off int) {
		for i := off; i < off+k.size*lanes; i += lanes {
			for j := range lanes {
				dz := k.dy[i+j]
				if !(k.y[i+j] > 0) {
					dz *= k.s.Slope
				}
				a[j] += float64(dz)
				b[j] += float64(dz) * float64((k.x[i+j]-mean[j])*rstd[j])
			}
		}
	})
	var meanDz, meanDot [lanes]float32
	for j := range lanes {
		k.sums[group*2*lanes+j], k.sums[(group*2+1)*lanes+j] = float32(a[j]), float32(b[j])
		if !k.s.Frozen {
			meanDz[j], meanDot[j] = float32(a[j]/float64(k.count())), float32(b[j]/float64(k.count()))
		}
	}
	k.pieces(group, func(off int) {
		for i := off; i < off+k.size*lanes; i += lanes {
			for j := range lanes {
				dz := k.dy[i+j]
				if !(k.y[i+j] > 0) {
					dz *= k.s.Slope
				}
				if k.dres != nil {
					k.dres[i+j] = dz
				}
				if !k.s.Frozen {
					dz -= meanDz[j] + (k.x[i+j]-mean[j])*rstd[j]*meanDot[j]
				}
				k.dx[i+j] = scale[j] * rstd[j] * dz
			}
		}
	})
}

// channels adds the sums of the samples.
func (k *normGrad) channels(dgamma, dbeta []float32) {
	for c := range k.c {
		var a, b float64
		for group := c / lanes; group < k.groups(); group += k.blocks {
			a += float64(k.sums[group*2*lanes+c%lanes])
			b += float64(k.sums[(group*2+1)*lanes+c%lanes])
		}
		dbeta[c], dgamma[c] = float32(a), float32(b)
	}
}

func (d *device) Running(running, stats *engine.Tensor, momentum, eps float32, count int) {
	check.Running(running, stats, momentum, eps, count)
	r, s := values(running), values(stats)
	for i := 0; i < len(r); i += 2 {
		rstd := float64(s[i+1])
		v := (1/(rstd*rstd) - float64(eps)) * float64(count) / float64(count-1)
		r[i] = (1-momentum)*r[i] + momentum*s[i]
		r[i+1] = (1-momentum)*r[i+1] + momentum*float32(v)
	}
}

func (d *device) Frozen(stats, running *engine.Tensor, eps float32) {
	check.Frozen(stats, running, eps)
	r, s := values(running), values(stats)
	for i := 0; i < len(r); i += 2 {
		s[i], s[i+1] = r[i], float32(1/math.Sqrt(float64(r[i+1])+float64(eps)))
	}
}
