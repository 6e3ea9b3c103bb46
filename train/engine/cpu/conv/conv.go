package conv

import (
	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// Conv is a convolution of one shape, its tables made. It is not for
// concurrent use, nor is its pool.
type Conv struct {
	shape    Shape
	level    level
	pool     *pool.Pool
	forward  gather
	backward gather
	weights  weights
	packing  packing
}

// New makes the tables of a convolution, whose passes run on p with
// instructions of a level.
func New(s Shape, p *pool.Pool, use isa.Level) (*Conv, error) {
	l := level(use.Found())
	s, err := s.normal()
	if err != nil {
		return nil, err
	}
	c := &Conv{shape: s, level: l, pool: p}
	workers := make([]*scratch, p.Workers())
	for i := range workers {
		workers[i] = new(scratch)
	}
	block := Lanes
	if s.PlainInput {
		block = 1
	}
	c.forward = gather{level: l, n: s.N, from: s.Cin, to: s.Cout, in: s.In, out: s.out(), kernel: s.Kernel, block: block, scratch: workers}
	c.forward.prepare(forwardSeries(s, 0), forwardSeries(s, 1), forwardSeries(s, 2))
	c.backward = gather{level: l, n: s.N, from: s.Cout, to: s.Cin, in: s.out(), out: s.In, kernel: s.Kernel, block: Lanes, scratch: workers}
	c.backward.prepare(backwardSeries(s, 0), backwardSeries(s, 1), backwardSeries(s, 2))
	c.weights.prepare(s, l, workers)
	rows := max(c.forward.mostRows(), c.backward.mostRows(), c.weights.chunk)
	taps := max(c.forward.mostTaps(), c.backward.mostTaps(), c.weights.chunk, c.weights.rows/c.weights.slabs+1)
	for _, w := range workers {
		w.rows, w.taps = make([]tap, 0, rows), make([]tap, 0, taps)
	}
	return c, nil
}

// Out returns the size of the output.
func (c *Conv) Out() [3]int { return c.shape.out() }

// InputSize returns how many floats x has.
func (c *Conv) InputSize() int {
	if c.shape.PlainInput {
		return c.shape.N * c.shape.Cin * volume(c.shape.In)
	}
	return BlockedSize(c.shape.N, c.shape.Cin, c.shape.In)
}

// OutputSize returns how many floats y and dy have.
func (c *Conv) OutputSize() int { return BlockedSize(c.shape.N, c.shape.Cout, c.shape.out()) }

// PackedSize returns how many floats Pack writes.
func (c *Conv) PackedSize() int { return c.forward.packedSize() }

// PackedBackSize returns how many floats PackBack writes.
func (c *Conv) PackedBackSize() int { return c.backward.packedSize() }

// Pack brings weights w, [Cout][Cin][kd][kh][kw], and the bias, [Cout] or nil,
// into the order in which Forward reads them. Do it once a step.
func (c *Conv) Pack(dst, w, bias []float32) {
	c.pack(&c.forward, dst, w, bias, false)
}

// PackBack is Pack for GradData. The bias is for a transposed convolution
// whose forward pass GradData is; [Cin] or nil, as is right for a gradient.
func (c *Conv) PackBack(dst, w, bias []float32) {
	c.pack(&c.backward, dst, w, bias, true)
}

func (c *Conv) pack(g *gather, dst, w, bias []float32, back bool) {
	atLeast("packed", len(dst), g.packedSize())
	atLeast("weights", len(w), weightsOf(c.shape))
	c.packing = packing{g, dst, w, back}
	c.pool.Run(&c.packing, blocks(g.to)*ceilDiv(g.from, g.block))
	c.packing = packing{}
	padded := dst[g.biasAt:g.packedSize()]
	clear(padded)
	if bias != nil {
		atLeast("bias", len(bias), g.to)
		copy(padded, bias[:g.to])
	}
}

// packing writes packed weights: a task does those from a block of channels to
// another.
type packing struct {
	*gather
	dst, w []float32
	back   bool
}

func (p *packing) Do(task, _ int) {
	k := volume(p.kernel)
	from := ceilDiv(p.from, p.block)
	to0, from0 := task/from*Lanes, task%from*p.block
	dst := p.dst[task*p.block*Lanes*k:][:p.block*Lanes*k]
	rows, used := min(Lanes, p.to-to0), min(p.block, p.from-from0)
	if rows < Lanes || used < p.block {
		clear(dst)
	}
	for i := range used {
		if p.back { // taps are counted from the last
			src := p.w[((from0+i)*p.to+to0)*k:]
			p.level.turn(&dst[(k-1)*p.block*Lanes+i*Lanes], -p.block*Lanes, &src[0], k, rows, k)
			continue
		}
		src := p.w[(to0*p.from+from0+i)*k:]
		p.level.turn(&dst[i*Lanes], p.block*Lanes, &src[0], p.from*k, rows, k)
	}
}

// Forward writes y = w * x + bias, blocked. packed is from Pack.
func (c *Conv) Forward(y, x, packed []float32) {
	atLeast("x", len(x), c.InputSize())
	atLeast("y", len(y), c.OutputSize())
	c.run(&c.forward, y, x, packed)
}

// GradData writes dx, the gradient to x, blocked (even where x is plain).
// packed is from PackBack.
func (c *Conv) GradData(dx, dy, packed []float32) {
	atLeast("dy", len(dy), c.OutputSize())
	atLeast("dx", len(dx), BlockedSize(c.shape.N, c.shape.Cin, c.shape.In))
	c.run(&c.backward, dx, dy, packed)
}

func (c *Conv) run(g *gather, dst, src, packed []float32) {
	atLeast("packed", len(packed), g.packedSize())
	g.dst, g.src, g.packed = dst, src, packed
	c.pool.Run(g, g.tasks())
	g.dst, g.src, g.packed = nil, nil, nil
}
