package opencl

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

func (d *device) MatMul(c, a, b, bias *engine.Tensor, s engine.MatSpec) {
	d.check.MatMul(c, a, b, bias, s)
	if s.Alpha == 0 {
		s.Alpha = 1
	}
	rank := len(c.Shape)
	m, n := c.Shape[rank-2], c.Shape[rank-1]
	k := a.Shape[rank-1]
	aRow, aColumn := k, 1
	if s.TransA {
		k = a.Shape[rank-2]
		aRow, aColumn = 1, m
	}
	bRow, bColumn := n, 1
	if s.TransB {
		bRow, bColumn = 1, k
	}
	groups := [3]int{over(n, 32), over(m, 32), c.Shape.Len() / (m * n)} // a group's columns and rows as in the kernels
	if d.forCPU {
		groups[0], groups[1] = over(n, tensor.Lanes), over(m, 64)
	}
	d.launch("matmul", tensor.Plain, groups, mem(c), mem(a), mem(b), mem(bias),
		num(m), num(k), num(n), num(aRow), num(aColumn), num(bRow), num(bColumn), real(s.Alpha))
}

// matrix returns the rows and columns of a plain tensor, all but the last index
// being rows.
func matrix(t *engine.Tensor) (rows, columns int) {
	columns = t.Shape[len(t.Shape)-1]
	return t.Shape.Len() / columns, columns
}

// batches returns the groups of a kernel over rows.
func (d *device) batches(rows int) [3]int {
	if d.forCPU {
		return [3]int{over(rows, cpuBatch), 1, 1}
	}
	return [3]int{rows, 1, 1}
}

// columnGroups returns the groups of a kernel in which each item has a vector of
// columns.
func (d *device) columnGroups(columns int) int {
	if d.forCPU {
		return over(columns, tensor.Lanes)
	}
	return over(columns, gpuGroup*gpuVector)
}

// sumPart is how many rows SumRows adds first.
const sumPart = 256

func (d *device) SumRows(s, x *engine.Tensor) {
	d.check.SumRows(s, x)
	r, columns := matrix(x)
	parts := over(r, sumPart)
	if parts == 1 {
		d.launch("sum_rows", tensor.Plain, [3]int{d.columnGroups(columns), 1, 1}, mem(s), mem(x), num(r), num(columns), num(r))
		return
	}
	part := d.scratch(parts * columns)
	d.launch("sum_rows", tensor.Plain, [3]int{d.columnGroups(columns), parts, 1}, buf(part), mem(x), num(r), num(columns), num(sumPart))
	d.launch("sum_rows", tensor.Plain, [3]int{d.columnGroups(columns), 1, 1}, mem(s), buf(part), num(parts), num(columns), num(parts))
	d.give(part)
}

func (d *device) Softmax(y, x *engine.Tensor) {
	d.check.Softmax(y, x)
	r, columns := matrix(x)
	d.launch("softmax", tensor.Plain, d.batches(r), mem(y), mem(x), num(r), num(columns))
}

func (d *device) SoftmaxGrad(dx, dy, y *engine.Tensor) {
	d.check.SoftmaxGrad(dx, dy, y)
	r, columns := matrix(y)
	d.launch("softmax_grad", tensor.Plain, d.batches(r), mem(dx), mem(dy), mem(y), num(r), num(columns))
}

func (d *device) LayerNorm(y, stats, x, gamma, beta *engine.Tensor, eps float32) {
	d.check.LayerNorm(y, stats, x, gamma, beta, eps)
	d.normaliseRows(y, stats, x, gamma, beta, x.Shape[1], eps)
}

func (d *device) normaliseRows(y, stats, x, gamma, beta *engine.Tensor, divisor int, eps float32) {
	r, columns := matrix(x)
	d.launch("normalise_rows", tensor.Plain, d.batches(r), mem(y), mem(stats), mem(x), mem(gamma), mem(beta),
		num(r), num(columns), real(float32(divisor)), real(eps))
}

func (d *device) LayerNormGrad(dx, dgamma, dbeta, dy, x, stats, gamma *engine.Tensor) {
	d.check.LayerNormGrad(dx, dgamma, dbeta, dy, x, stats, gamma)
	r, columns := matrix(x)
	d.launch("layer_norm_grad", tensor.Plain, d.batches(r), mem(dx), mem(dy), mem(x), mem(stats), mem(gamma), num(r), num(columns))
	d.launch("layer_norm_params", tensor.Plain, [3]int{d.columnGroups(columns), 1, 1},
		mem(dgamma), mem(dbeta), mem(dy), mem(x), mem(stats), num(r), num(columns))
}

func (d *device) Standardise(y, stats, w *engine.Tensor, eps float32) {
	d.check.Standardise(y, stats, w, eps)
	d.normaliseRows(y, stats, w, nil, nil, w.Shape[1]-1, eps)
}

func (d *device) StandardiseGrad(dw, dy, y, stats *engine.Tensor) {
	d.check.StandardiseGrad(dw, dy, y, stats)
	r, columns := matrix(y)
	d.launch("standardise_grad", tensor.Plain, d.batches(r), mem(dw), mem(dy), mem(y), mem(stats), num(r), num(columns))
}
