package reference

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
)

// matrix returns value r, c of matrix n of a tensor of rank 2 or 3, exchanged
// where transposed, and its rows and columns.
func matrix(t *engine.Tensor, transposed bool) (at func(n, r, c int) *float32, rows, columns int) {
	k := len(t.Shape)
	rows, columns = t.Shape[k-2], t.Shape[k-1]
	stored := func(n, r, c int) *float32 { return &values(t)[(n*t.Shape[k-2]+r)*t.Shape[k-1]+c] }
	if !transposed {
		return stored, rows, columns
	}
	return func(n, r, c int) *float32 { return stored(n, c, r) }, columns, rows
}

func (*device) MatMul(c, a, b, bias *engine.Tensor, s engine.MatSpec) {
	check.MatMul(c, a, b, bias, s)
	alpha := float64(s.Alpha)
	if alpha == 0 {
		alpha = 1
	}
	A, _, inner := matrix(a, s.TransA)
	B, _, _ := matrix(b, s.TransB)
	C, rows, columns := matrix(c, false)
	for n := range c.Shape.Len() / rows / columns {
		for i := range rows {
			for j := range columns {
				sum := 0.0
				for k := range inner {
					sum += float64(*A(n, i, k)) * float64(*B(n, k, j))
				}
				*C(n, i, j) = float32(alpha*sum + at(bias, j))
			}
		}
	}
}

func (*device) SumRows(s, x *engine.Tensor) {
	check.SumRows(s, x)
	X, rows, columns := matrix(x, false)
	for j := range columns {
		sum := 0.0
		for i := range rows {
			sum += float64(*X(0, i, j))
		}
		values(s)[j] = float32(sum)
	}
}

// row returns row r, along the last index, of a plain tensor.
func row(t *engine.Tensor, r int) []float32 {
	k := t.Shape[len(t.Shape)-1]
	return values(t)[r*k:][:k]
}

// rows returns how many there are.
func rows(t *engine.Tensor) int { return t.Shape.Len() / t.Shape[len(t.Shape)-1] }

func (*device) Softmax(y, x *engine.Tensor) {
	check.Softmax(y, x)
	for r := range rows(x) {
		top, log := logSum(row(x, r))
		for i, v := range row(x, r) {
			row(y, r)[i] = float32(math.Exp(float64(v) - top - log))
		}
	}
}

// logSum returns the largest value, and the logarithm of the sum of
// exp(x - largest).
func logSum(x []float32) (largest, log float64) {
	largest = math.Inf(-1)
	for _, v := range x {
		largest = max(largest, float64(v))
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - largest)
	}
	return largest, math.Log(sum)
}

func (*device) SoftmaxGrad(dx, dy, y *engine.Tensor) {
	check.SoftmaxGrad(dx, dy, y)
	for r := range rows(y) {
		dot := 0.0
		for i, v := range row(y, r) {
			dot += float64(row(dy, r)[i]) * float64(v)
		}
		for i, v := range row(y, r) {
			row(dx, r)[i] = float32(float64(v) * (float64(row(dy, r)[i]) - dot))
		}
	}
}

// meanVar returns the mean of x, and its squared deviations over divisor.
func meanVar(x []float32, divisor int) (mean, variance float64) {
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		variance += (float64(v) - mean) * (float64(v) - mean) / float64(divisor)
	}
	return mean, variance
}

func (*device) LayerNorm(y, stats, x, gamma, beta *engine.Tensor, eps float32) {
	check.LayerNorm(y, stats, x, gamma, beta, eps)
	for r := range rows(x) {
		mean, variance := meanVar(row(x, r), len(row(x, r)))
		rstd := 1 / math.Sqrt(variance+float64(eps))
		row(stats, r)[0], row(stats, r)[1] = float32(mean), float32(rstd)
		for i, v := range row(x, r) {
			row(y, r)[i] = float32(at(gamma, i)*(float64(v)-mean)*rstd + at(beta, i))
		}
	}
}

func (*device) LayerNormGrad(dx, dgamma, dbeta, dy, x, stats, gamma *engine.Tensor) {
	check.LayerNormGrad(dx, dgamma, dbeta, dy, x, stats, gamma)
	n := float64(x.Shape[1])
	sumDY, sumDYH := make([]float64, x.Shape[1]), make([]float64, x.Shape[1])
	for r := range rows(x) {
		mean, rstd := at(stats, 2*r), at(stats, 2*r+1)
		d := func(i int) float64 { return float64(row(dy, r)[i]) * at(gamma, i) }
		h := func(i int) float64 { return (float64(row(x, r)[i]) - mean) * rstd }
		var a, b float64 // sum of d, of d h
		for i := range row(x, r) {
			a += d(i)
			b += d(i) * h(i)
			sumDY[i] += float64(row(dy, r)[i])
			sumDYH[i] += float64(row(dy, r)[i]) * h(i)
		}
		for i := range row(x, r) {
			row(dx, r)[i] = float32(rstd * (d(i) - a/n - h(i)*b/n))
		}
	}
	for i := range x.Shape[1] {
		values(dgamma)[i], values(dbeta)[i] = float32(sumDYH[i]), float32(sumDY[i])
	}
}

func (*device) Standardise(y, stats, w *engine.Tensor, eps float32) {
	check.Standardise(y, stats, w, eps)
	for r := range rows(w) {
		mean, variance := meanVar(row(w, r), w.Shape[1]-1)
		rstd := 1 / math.Sqrt(variance+float64(eps))
		row(stats, r)[0], row(stats, r)[1] = float32(mean), float32(rstd)
		for i, v := range row(w, r) {
			row(y, r)[i] = float32((float64(v) - mean) * rstd)
		}
	}
}

func (*device) StandardiseGrad(dw, dy, y, stats *engine.Tensor) {
	check.StandardiseGrad(dw, dy, y, stats)
	n := float64(y.Shape[1])
	for r := range rows(y) {
		var a, b float64 // sum of dy, of dy y
		for i, v := range row(dy, r) {
			a += float64(v)
			b += float64(v) * float64(row(y, r)[i])
		}
		for i, v := range row(dy, r) {
			row(dw, r)[i] = float32(at(stats, 2*r+1) * (float64(v) - a/n - float64(row(y, r)[i])*b/(n-1)))
		}
	}
}
