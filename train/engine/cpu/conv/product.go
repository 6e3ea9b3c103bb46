package conv

import (
	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// Product multiplies matrices, with the kernel that convolutions are made of:
// 16 columns of a product at a time. It is not for concurrent use.
type Product struct {
	Pool  *pool.Pool
	Level isa.Level // of instructions

	level        level
	c, a, b      []float32
	bias         []float32
	s            ProductShape
	panels, cuts int // tasks of a product: panels of 16 columns, cuts of its rows
	scratch      []productScratch
}

// ProductShape describes a batch of products c = alpha op(a) op(b) + bias, each
// matrix by rows: c is Rows x Cols, op(a) Rows x Inner.
type ProductShape struct {
	Batch, Rows, Cols, Inner int
	TransA, TransB           bool // op is the transposed
	Alpha                    float32
}

// productScratch is what a worker needs.
type productScratch struct {
	call  call
	tap   tap
	init  [Lanes]float32
	panel []float32           // 16 columns of op(b), times alpha
	edge  [64 * Lanes]float32 // what falls beyond the last column
}

// tallest is how many rows of a product a task does at most.
const tallest = 256

// Multiply writes the products of a batch, each of which follows the one
// before. bias is one row, or nil.
func (p *Product) Multiply(c, a, b, bias []float32, s ProductShape) {
	atLeast("c", len(c), s.Batch*s.Rows*s.Cols)
	atLeast("a", len(a), s.Batch*s.Rows*s.Inner)
	atLeast("b", len(b), s.Batch*s.Inner*s.Cols)
	p.level = level(p.Level.Found())
	p.c, p.a, p.b, p.bias, p.s = c, a, b, bias, s
	p.panels, p.cuts = blocks(s.Cols), ceilDiv(s.Rows, tallest)
	for len(p.scratch) < p.Pool.Workers() {
		p.scratch = append(p.scratch, productScratch{})
	}
	tasks := s.Batch * p.panels * p.cuts
	if work := s.Batch * s.Rows * p.panels * s.Inner; work < 1<<14 {
		for t := range tasks { // over before another worker were awake
			p.Do(t, 0)
		}
	} else {
		p.Pool.Run(p, tasks)
	}
	p.c, p.a, p.b, p.bias = nil, nil, nil, nil
}

// Do computes some rows of a panel.
func (p *Product) Do(task, worker int) {
	w, s := &p.scratch[worker], &p.s
	cut, panel, n := task%p.cuts, task/p.cuts%p.panels, task/p.cuts/p.panels
	cols := min(Lanes, s.Cols-panel*Lanes)
	p.pack(w, n, panel*Lanes, cols)
	w.init = [Lanes]float32{}
	if p.bias != nil {
		copy(w.init[:], p.bias[panel*Lanes:][:cols])
	}
	lo, hi := cut*s.Rows/p.cuts, (cut+1)*s.Rows/p.cuts
	tiles := ceilDiv(hi-lo, p.level.tile())
	for t := range tiles {
		p.tile(w, n, panel, cols, lo+t*(hi-lo)/tiles, lo+(t+1)*(hi-lo)/tiles)
	}
}

// pack brings columns of op(b) beside each other.
func (p *Product) pack(w *productScratch, n, from, cols int) {
	s := &p.s
	if len(w.panel) < s.Inner*Lanes {
		w.panel = make([]float32, s.Inner*Lanes)
	}
	panel, b := w.panel[:s.Inner*Lanes], p.b[n*s.Inner*s.Cols:][:s.Inner*s.Cols]
	switch {
	case s.TransB:
		if cols < Lanes {
			clear(panel)
		}
		p.level.turn(&panel[0], Lanes, &b[from*s.Inner], s.Inner, cols, s.Inner)
	case cols == Lanes:
		for k := range s.Inner {
			*(*[Lanes]float32)(panel[k*Lanes:]) = *(*[Lanes]float32)(b[k*s.Cols+from:])
		}
	default:
		for k := range s.Inner {
			row := (*[Lanes]float32)(panel[k*Lanes:])
			*row = [Lanes]float32{}
			copy(row[:], b[k*s.Cols+from:][:cols])
		}
	}
	if s.Alpha != 1 {
		for i := range panel {
			panel[i] *= s.Alpha
		}
	}
}

// tile computes rows lo to hi of a panel, as many as the kernel takes.
func (p *Product) tile(w *productScratch, n, panel, cols, lo, hi int) {
	s, c := &p.s, &w.call
	a := p.a[n*s.Rows*s.Inner:]
	first, row, step := lo*s.Inner, s.Inner, 1
	if s.TransA {
		first, row, step = lo, 1, s.Rows
	}
	w.tap = tap{n: s.Inner}
	c.x, c.v, c.taps, c.n, c.init = &a[first], &w.panel[0], &w.tap, 1, &w.init[0]
	c.xi, c.xl = row*4, step*4
	out := p.c[(n*s.Rows+lo)*s.Cols+panel*Lanes:]
	if cols == Lanes {
		c.dst, c.step = &out[0], s.Cols*4
		p.level.outer(c, hi-lo)
		return
	}
	c.dst, c.step = &w.edge[0], Lanes*4
	p.level.outer(c, hi-lo)
	for i := range hi - lo {
		copy(out[i*s.Cols:][:cols], w.edge[i*Lanes:])
	}
}
