package reference

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
)

func (*device) CrossEntropy(loss, dx, x, t *engine.Tensor, scale float32) {
	check.CrossEntropy(loss, dx, x, t, scale)
	for r := range rows(x) {
		top, log := logSum(row(x, r))
		sum, total := 0.0, 0.0 // of the loss, of t
		for i, v := range row(t, r) {
			if v != 0 {
				sum -= float64(v) * (float64(row(x, r)[i]) - top - log)
				total += float64(v)
			}
		}
		values(loss)[r] = float32(sum)
		for i, v := range row(t, r) {
			softmax := math.Exp(float64(row(x, r)[i]) - top - log)
			row(dx, r)[i] = float32(float64(scale) * (softmax*total - float64(v)))
			if total == 0 {
				row(dx, r)[i] = 0
			}
		}
	}
}

func (*device) Regions(sums, x, t *engine.Tensor) {
	check.Regions(sums, x, t)
	X, T := volumes(x), volumes(t)
	channels(x, func(n, c int) {
		var sum [4]float64
		size(x).each(func(v voxel) {
			x, t := float64(*X(n, c, v)), float64(*T(n, c, v))
			sum[0] += sigmoid(x) * t
			sum[1] += sigmoid(x)
			sum[2] += t
			sum[3] += max(x, 0) - x*t + math.Log1p(math.Exp(-math.Abs(x)))
		})
		for i, v := range sum {
			values(sums)[4*(n*x.Shape[1]+c)+i] = float32(v)
		}
	})
}

func (*device) RegionsGrad(dx, x, t, coef *engine.Tensor) {
	check.RegionsGrad(dx, x, t, coef)
	DX, X, T := volumes(dx), volumes(x), volumes(t)
	channels(x, func(n, c int) {
		k := 3 * (n*x.Shape[1] + c)
		size(x).each(func(v voxel) {
			t, p := float64(*T(n, c, v)), sigmoid(float64(*X(n, c, v)))
			*DX(n, c, v) = float32((at(coef, k)*t+at(coef, k+1))*p*(1-p) + at(coef, k+2)*(p-t))
		})
	})
}
