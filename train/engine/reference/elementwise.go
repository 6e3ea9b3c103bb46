package reference

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
)

func (*device) Fill(y *engine.Tensor, v float32) {
	every(y, func(i int) { values(y)[i] = v })
}

func (*device) Copy(y, x *engine.Tensor) {
	check.Copy(y, x)
	to, from := places(y), places(x)
	for i := range y.Shape.Len() {
		values(y)[to(i)] = values(x)[from(i)]
	}
}

// every calls f with where each value lies, in tensors like t.
func every(t *engine.Tensor, f func(i int)) {
	at := places(t)
	for i := range t.Shape.Len() {
		f(at(i))
	}
}

func (*device) Axpby(y *engine.Tensor, a float32, x *engine.Tensor, b float32) {
	check.Axpby(y, a, x, b)
	X, Y := values(x), values(y)
	every(y, func(i int) {
		sum := float64(a) * float64(X[i])
		if b != 0 {
			sum += float64(b) * float64(Y[i])
		}
		Y[i] = float32(sum)
	})
}

func (*device) Add(z, x, y *engine.Tensor) {
	check.Add(z, x, y)
	X, Y, Z := values(x), values(y), values(z)
	every(z, func(i int) { Z[i] = X[i] + Y[i] })
}

func (*device) Mul(z, x, y *engine.Tensor) {
	check.Mul(z, x, y)
	X, Y, Z := values(x), values(y), values(z)
	every(z, func(i int) { Z[i] = X[i] * Y[i] })
}

func (*device) Map(f engine.Func, y, x *engine.Tensor) {
	check.Map(f, y, x)
	X, Y := values(x), values(y)
	every(y, func(i int) { Y[i] = float32(function(f, float64(X[i]))) })
}

func (*device) MapGrad(f engine.Func, dx, dy, x, y *engine.Tensor) {
	check.MapGrad(f, dx, dy, x, y)
	X, DX, DY := values(x), values(dx), values(dy)
	every(dx, func(i int) { DX[i] = float32(float64(DY[i]) * derivative(f, float64(X[i]))) })
}

func function(f engine.Func, x float64) float64 {
	switch f.Kind {
	case engine.Sigmoid:
		return sigmoid(x)
	case engine.GELU:
		return x / 2 * (1 + math.Erf(x/math.Sqrt2))
	default:
		return leaky(float64(f.A), x) * x
	}
}

func derivative(f engine.Func, x float64) float64 {
	switch f.Kind {
	case engine.Sigmoid:
		return sigmoid(x) * sigmoid(-x)
	case engine.GELU:
		return (1+math.Erf(x/math.Sqrt2))/2 + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	default:
		return leaky(float64(f.A), x)
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// leaky returns the slope of LeakyReLU at x.
func leaky(slope, x float64) float64 {
	if x > 0 {
		return 1
	}
	return slope
}

func (*device) Dropout(y, x *engine.Tensor, p float32, seed uint64) {
	check.Dropout(y, x, p, seed)
	X, Y := values(x), values(y)
	every(y, func(i int) {
		if engine.Keep(seed, uint32(i), p) {
			Y[i] = float32(float64(X[i]) / (1 - float64(p)))
		} else {
			Y[i] = 0
		}
	})
}
