package enginetest

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

func drawMatMul(d draw) call {
	side := func(name string) int { return of(d, name, 1, 3, 16, 17, 5, 33, 70) }
	m, k, n := side("rows"), of(d, "inner", 1, 3, 16, 17, 5, 33, 300), side("columns")
	s := engine.MatSpec{TransA: d.bool("a transposed"), TransB: d.bool("b transposed"), Alpha: of[float32](d, "alpha", 0, 1, 0.5)}
	a, b, c := tensor.Shape{m, k}, tensor.Shape{k, n}, tensor.Shape{m, n}
	if s.TransA {
		a = tensor.Shape{k, m}
	}
	if s.TransB {
		b = tensor.Shape{n, k}
	}
	if d.bool("rank 3") {
		batch := tensor.Shape{d.batch()}
		a, b, c = append(batch, a...), append(batch[:1:1], b...), append(batch[:1:1], c...)
	}
	bias := d.bias(n)
	return call{
		spec:  fmt.Sprintf("%+v", s),
		args:  []arg{output("c", c, tensor.Plain), input("a", a, tensor.Plain, d.values(a.Len())), input("b", b, tensor.Plain, d.values(b.Len())), bias},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.MatMul(t[0], t[1], t[2], t[3], s) },
		terms: k,
	}
}

// matrix draws rows and columns.
func (d draw) matrix() tensor.Shape {
	return tensor.Shape{of(d, "rows", 1, 2, 5, 17, 64), of(d, "columns", 1, 2, 10, 16, 17, 130)}
}

func drawSumRows(d draw) call {
	x := d.matrix()
	return call{
		args:  []arg{output("s", x[1:], tensor.Plain), input("x", x, tensor.Plain, d.values(x.Len()))},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.SumRows(t[0], t[1]) },
		terms: x[0],
	}
}

// logits are values between which exp differs by much.
func (d draw) logits(n int) []float32 {
	out := d.values(n)
	by := of[float32](d, "spread of the logits", 1, 10, 60)
	for i := range out {
		out[i] *= by
	}
	return out
}

// fromLargest returns how far each value is below the largest of its row.
func fromLargest(x []float32, columns int) []float64 {
	var out []float64
	for r := 0; r < len(x); r += columns {
		row := x[r : r+columns]
		largest := row[0]
		for _, v := range row {
			largest = max(largest, v)
		}
		for _, v := range row {
			out = append(out, float64(largest)-float64(v))
		}
	}
	return out
}

func drawSoftmax(d draw) call {
	x := d.matrix()
	if d.bool("rank 3") {
		x = append(tensor.Shape{d.batch()}, x...)
	}
	columns := x[len(x)-1]
	return call{
		args:  []arg{output("y", x, tensor.Plain), input("x", x, tensor.Plain, d.logits(x.Len()))},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.Softmax(t[0], t[1]) },
		terms: columns,
		units: 4,
		size: func(_ int, in, out [][]float32) []float64 { // exp(x) is off by x roundings of x
			below := fromLargest(in[1], columns)
			return each(x, func(j int) float64 { return abs(out[0][j]) * (1 + below[j]) })
		},
	}
}

func drawSoftmaxGrad(d draw) call {
	x := d.matrix()
	if d.bool("rank 3") {
		x = append(tensor.Shape{d.batch()}, x...)
	}
	columns := x[len(x)-1]
	return call{
		args: []arg{
			output("dx", x, tensor.Plain),
			input("dy", x, tensor.Plain, d.values(x.Len())), input("y", x, tensor.Plain, d.between(x.Len(), 0, 1)),
		},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.SoftmaxGrad(t[0], t[1], t[2]) },
		terms: columns,
		size: func(_ int, in, _ [][]float32) []float64 {
			dots := make([]float64, x.Len()/columns)
			for j := range in[1] {
				dots[j/columns] += abs(in[1][j]) * abs(in[2][j])
			}
			return each(x, func(j int) float64 { return abs(in[2][j]) * (abs(in[1][j]) + dots[j/columns]) })
		},
	}
}
