package reference

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
)

// normalised calls f for each set of values that share a mean and a variance:
// channel c of samples from to below to, and where their statistics lie.
func normalised(x *engine.Tensor, per engine.Per, f func(c, from, to, stat int)) {
	for c := range x.Shape[1] {
		if per == engine.Batch {
			f(c, 0, x.Shape[0], 2*c)
			continue
		}
		for n := range x.Shape[0] {
			f(c, n, n+1, 2*(n*x.Shape[1]+c))
		}
	}
}

// over calls f for each voxel of samples from to below to.
func over(x *engine.Tensor, from, to int, f func(n int, v voxel)) {
	for n := from; n < to; n++ {
		size(x).each(func(v voxel) { f(n, v) })
	}
}

func (*device) Norm(y, stats, x, gamma, beta, res *engine.Tensor, s engine.NormSpec) {
	check.Norm(y, stats, x, gamma, beta, res, s)
	Y, X, stat := volumes(y), volumes(x), values(stats)
	normalised(x, s.Per, func(c, from, to, k int) {
		mean, rstd := float64(stat[k]), float64(stat[k+1])
		if !s.Frozen {
			mean, rstd = moments(x, c, from, to, s.Eps)
			stat[k], stat[k+1] = float32(mean), float32(rstd)
		}
		g, b := scale(gamma, c), at(beta, c)
		over(x, from, to, func(n int, v voxel) {
			z := g*(float64(*X(n, c, v))-mean)*rstd + b
			if res != nil {
				z += float64(*volumes(res)(n, c, v))
			}
			*Y(n, c, v) = float32(leaky(float64(s.Slope), z) * z)
		})
	})
}

// moments returns the mean and 1/sqrt(var + eps) of a channel of some samples.
func moments(x *engine.Tensor, c, from, to int, eps float32) (mean, rstd float64) {
	X, count := volumes(x), float64((to-from)*x.Shape.Voxels())
	over(x, from, to, func(n int, v voxel) { mean += float64(*X(n, c, v)) / count })
	variance := 0.0
	over(x, from, to, func(n int, v voxel) {
		d := float64(*X(n, c, v)) - mean
		variance += d * d / count
	})
	return mean, 1 / math.Sqrt(variance+float64(eps))
}

// scale returns gamma of a channel, 1 where there is none.
func scale(gamma *engine.Tensor, c int) float64 {
	if gamma == nil {
		return 1
	}
	return at(gamma, c)
}

func (*device) NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma *engine.Tensor, s engine.NormSpec) {
	check.NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma, s)
	DX, DY, Y, X, stat := volumes(dx), volumes(dy), volumes(y), volumes(x), values(stats)
	sumDZ, sumDZH := make([]float64, x.Shape[1]), make([]float64, x.Shape[1])
	normalised(x, s.Per, func(c, from, to, k int) {
		mean, rstd := float64(stat[k]), float64(stat[k+1])
		dz := func(n int, v voxel) float64 {
			return float64(*DY(n, c, v)) * leaky(float64(s.Slope), float64(*Y(n, c, v)))
		}
		h := func(n int, v voxel) float64 { return (float64(*X(n, c, v)) - mean) * rstd }
		var a, b float64 // sum of dz, of dz h
		over(x, from, to, func(n int, v voxel) {
			a += dz(n, v)
			b += dz(n, v) * h(n, v)
		})
		sumDZ[c] += a
		sumDZH[c] += b
		count := float64((to - from) * x.Shape.Voxels())
		over(x, from, to, func(n int, v voxel) {
			d := dz(n, v)
			if dres != nil {
				*volumes(dres)(n, c, v) = float32(d)
			}
			if !s.Frozen { // mean and rstd are functions of x as well
				d -= a/count + h(n, v)*b/count
			}
			*DX(n, c, v) = float32(scale(gamma, c) * rstd * d)
		})
	})
	for c := range x.Shape[1] {
		if dgamma != nil {
			values(dgamma)[c], values(dbeta)[c] = float32(sumDZH[c]), float32(sumDZ[c])
		}
	}
}

func (*device) Running(running, stats *engine.Tensor, momentum, eps float32, count int) {
	check.Running(running, stats, momentum, eps, count)
	R, m, n := values(running), float64(momentum), float64(count)
	for c := range running.Shape[0] {
		mean, rstd := at(stats, 2*c), at(stats, 2*c+1)
		variance := (1/(rstd*rstd) - float64(eps)) * n / (n - 1)
		R[2*c] = float32((1-m)*float64(R[2*c]) + m*mean)
		R[2*c+1] = float32((1-m)*float64(R[2*c+1]) + m*variance)
	}
}

func (*device) Frozen(stats, running *engine.Tensor, eps float32) {
	check.Frozen(stats, running, eps)
	for c := range running.Shape[0] {
		values(stats)[2*c] = values(running)[2*c]
		values(stats)[2*c+1] = float32(1 / math.Sqrt(at(running, 2*c+1)+float64(eps)))
	}
}
