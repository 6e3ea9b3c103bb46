package reference

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
)

func (*device) ScaleSamples(y, x, s *engine.Tensor) {
	check.ScaleSamples(y, x, s)
	Y, _ := samples(y)
	X, count := samples(x)
	for n := range x.Shape[0] {
		factor := values(s)[n%s.Shape.Len()]
		for i := range count {
			if factor == 0 {
				*Y(n, i) = 0
			} else {
				*Y(n, i) = factor * *X(n, i)
			}
		}
	}
}

func (*device) DotSamples(out, a, b *engine.Tensor) {
	check.DotSamples(out, a, b)
	A, count := samples(a)
	B, _ := samples(b)
	for n := range a.Shape[0] {
		sum := 0.0
		for i := range count {
			sum += float64(*A(n, i)) * float64(*B(n, i))
		}
		values(out)[n] = float32(sum)
	}
}

func (*device) Gather(y, x, index *engine.Tensor) {
	check.Gather(y, x, index)
	Y, count := samples(y)
	X, _ := samples(x)
	for n, k := range values(index) {
		for i := range count {
			*Y(n, i) = 0
			if k >= 0 {
				*Y(n, i) = *X(int(k), i)
			}
		}
	}
}

func (*device) GatherGrad(dx, dy, index *engine.Tensor) {
	check.GatherGrad(dx, dy, index)
	DX, count := samples(dx)
	DY, _ := samples(dy)
	for k := range dx.Shape[0] {
		for i := range count {
			sum := 0.0
			for n, from := range values(index) {
				if int(from) == k {
					sum += float64(*DY(n, i))
				}
			}
			*DX(k, i) = float32(sum)
		}
	}
}

func (*device) Impute(y, x, mask *engine.Tensor) {
	check.Impute(y, x, mask)
	Y, _ := samples(y)
	X, count := samples(x)
	m := mask.Shape[1]
	for b := range mask.Shape[0] {
		for i := range count {
			sum, present := 0.0, 0.0
			for k := b * m; k < (b+1)*m; k++ {
				if at(mask, k) != 0 {
					sum += float64(*X(k, i))
					present++
				}
			}
			for k := b * m; k < (b+1)*m; k++ {
				if at(mask, k) != 0 {
					*Y(k, i) = *X(k, i)
				} else {
					*Y(k, i) = float32(sum / present)
				}
			}
		}
	}
}

func (*device) ImputeGrad(dx, dy, mask *engine.Tensor) {
	check.ImputeGrad(dx, dy, mask)
	DX, _ := samples(dx)
	DY, count := samples(dy)
	m := mask.Shape[1]
	for b := range mask.Shape[0] {
		for i := range count {
			missing, present := 0.0, 0.0 // the sum of dy where missing
			for k := b * m; k < (b+1)*m; k++ {
				if at(mask, k) != 0 {
					present++
				} else {
					missing += float64(*DY(k, i))
				}
			}
			for k := b * m; k < (b+1)*m; k++ {
				if at(mask, k) != 0 {
					*DX(k, i) = float32(float64(*DY(k, i)) + missing/present)
				} else {
					*DX(k, i) = 0
				}
			}
		}
	}
}

// pairs calls f for each pair of a teacher i and a student j of a sample whose
// coefficient is not 0: with their first indices, and that of the coefficient.
func pairs(coef *engine.Tensor, f func(i, j, k int)) {
	m := coef.Shape[1]
	for b := range coef.Shape[0] {
		for i := range m {
			for j := range m {
				if k := (b*m+i)*m + j; at(coef, k) != 0 {
					f(b*m+i, b*m+j, k)
				}
			}
		}
	}
}

func (e *device) Distances(d, f, coef *engine.Tensor, p int) {
	check.Distances(d, f, coef, p)
	e.Fill(d, 0)
	F, count := samples(f)
	pairs(coef, func(i, j, k int) {
		sum := 0.0
		for v := range count {
			sum += math.Pow(math.Abs(float64(*F(i, v))-float64(*F(j, v))), float64(p))
		}
		values(d)[k] = float32(sum / float64(count))
	})
}

func (*device) DistancesGrad(df, f, coef *engine.Tensor, p int) {
	check.DistancesGrad(df, f, coef, p)
	DF, count := samples(df)
	F, _ := samples(f)
	sum := make([]float64, f.Shape.Len())
	pairs(coef, func(i, j, k int) {
		for v := range count {
			diff := float64(*F(j, v)) - float64(*F(i, v))
			if p == 1 {
				diff = sign(diff)
			} else {
				diff *= 2
			}
			sum[j*count+v] += at(coef, k) / float64(count) * diff
		}
	})
	for n := range f.Shape[0] {
		for v := range count {
			*DF(n, v) = float32(sum[n*count+v])
		}
	}
}

// sign returns 1, -1, 0 for 0 and NaN for NaN.
func sign(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	default:
		return v
	}
}
