package reference

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
)

// channels calls f for each sample and channel.
func channels(t *engine.Tensor, f func(n, c int)) {
	for n := range t.Shape[0] {
		for c := range t.Shape[1] {
			f(n, c)
		}
	}
}

func (*device) MaxPool(y, tap, x *engine.Tensor, s engine.Window) {
	check.MaxPool(y, tap, x, s)
	Y, Tap, X := volumes(y), volumes(tap), volumes(x)
	channels(y, func(n, c int) {
		size(y).each(func(q voxel) { *Tap(n, c, q) = -1 }) // none yet
		windows(y, x, s, func(q, k, p voxel) {
			v, best := *X(n, c, p), *Y(n, c, q)
			if *Tap(n, c, q) < 0 || v > best || isNaN(v) && !isNaN(best) {
				*Y(n, c, q) = v
				*Tap(n, c, q) = float32((k[0]*s.Kernel[1]+k[1])*s.Kernel[2] + k[2])
			}
		})
	})
}

func isNaN(v float32) bool { return math.IsNaN(float64(v)) }

func (*device) MaxPoolGrad(dx, dy, tap *engine.Tensor, s engine.Window) {
	check.MaxPoolGrad(dx, dy, tap, s)
	DX, DY, Tap := volumes(dx), volumes(dy), volumes(tap)
	channels(dx, func(n, c int) {
		sum := sums(dx, 0)
		windows(dy, dx, s, func(q, k, p voxel) {
			if int(*Tap(n, c, q)) == (k[0]*s.Kernel[1]+k[1])*s.Kernel[2]+k[2] {
				*sum(p) += float64(*DY(n, c, q))
			}
		})
		size(dx).each(func(p voxel) { *DX(n, c, p) = float32(*sum(p)) })
	})
}

func (*device) Mean(y, x *engine.Tensor) {
	check.Mean(y, x)
	X := volumes(x)
	channels(x, func(n, c int) {
		sum := 0.0
		size(x).each(func(v voxel) { sum += float64(*X(n, c, v)) })
		values(y)[n*x.Shape[1]+c] = float32(sum / float64(x.Shape.Voxels()))
	})
}

func (*device) MeanGrad(dx, dy *engine.Tensor) {
	check.MeanGrad(dx, dy)
	DX := volumes(dx)
	channels(dx, func(n, c int) {
		d := at(dy, n*dx.Shape[1]+c) / float64(dx.Shape.Voxels())
		size(dx).each(func(v voxel) { *DX(n, c, v) = float32(d) })
	})
}

// shares calls f for each voxel q of the large, and each voxel p of the small
// that has a share in it, not 0.
func shares(large, small *engine.Tensor, linear bool, f func(q, p voxel, share float64)) {
	size(large).each(func(q voxel) {
		var low voxel
		var high [3]float64 // the share of low + 1; low has the rest
		for a := range 3 {
			low[a], high[a] = between(q[a], size(large)[a]/size(small)[a], size(small)[a], linear)
		}
		voxel{2, 2, 2}.each(func(k voxel) {
			p, share := low, 1.0
			for a := range 3 {
				p[a] += k[a]
				share *= [2]float64{1 - high[a], high[a]}[k[a]]
			}
			if share != 0 {
				f(q, p, share)
			}
		})
	})
}

// between returns the neighbours low and low + 1 of q on an axis that is
// enlarged from in voxels by the factor, by the share of the upper one.
func between(q, factor, in int, linear bool) (low int, high float64) {
	if !linear {
		return q / factor, 0
	}
	at := (float64(q)+0.5)/float64(factor) - 0.5
	at = min(max(at, 0), float64(in-1)) // values at the border are held
	return int(at), at - math.Floor(at)
}

func (*device) Upsample(y, x *engine.Tensor, linear bool) {
	check.Upsample(y, x, linear)
	Y, X := volumes(y), volumes(x)
	channels(x, func(n, c int) {
		sum := sums(y, 0)
		shares(y, x, linear, func(q, p voxel, share float64) { *sum(q) += share * float64(*X(n, c, p)) })
		size(y).each(func(q voxel) { *Y(n, c, q) = float32(*sum(q)) })
	})
}

func (*device) UpsampleGrad(dx, dy *engine.Tensor, linear bool) {
	check.UpsampleGrad(dx, dy, linear)
	DX, DY := volumes(dx), volumes(dy)
	channels(dx, func(n, c int) {
		sum := sums(dx, 0)
		shares(dy, dx, linear, func(q, p voxel, share float64) { *sum(p) += share * float64(*DY(n, c, q)) })
		size(dx).each(func(p voxel) { *DX(n, c, p) = float32(*sum(p)) })
	})
}

func (*device) Channels(y *engine.Tensor, y0 int, x *engine.Tensor, x0, count int) {
	check.Channels(y, y0, x, x0, count)
	Y, _ := samples(y)
	X, perSample := samples(x)
	inner := perSample / x.Shape[1]
	for n := range x.Shape[0] {
		for i := range count * inner {
			*Y(n, y0*inner+i) = *X(n, x0*inner+i)
		}
	}
}
