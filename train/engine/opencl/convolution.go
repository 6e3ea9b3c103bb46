package opencl

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// A pass is a convolution from a source to a destination, see kernels/conv.cl.
type pass struct {
	samples, from, to       int // channels of the source, of the destination
	size, src               [3]int
	taps, step, phases, pad [3]int
	dilation                [3]int
	back                    bool
}

// triple is D, H, W, and 1, by which kernels may divide: PoCL makes a signal of a
// division by 0, even of a lane that nobody reads, which takes a microsecond.
func triple(v [3]int) arg { return quad(v[0], v[1], v[2], 1) }

func volume(v [3]int) int { return v[0] * v[1] * v[2] }

// sizeOf returns D, H, W.
func sizeOf(t *engine.Tensor) [3]int { return [3]int(t.Shape[2:5]) }

var ones = [3]int{1, 1, 1}

func (d *device) Conv(y, x, w, b *engine.Tensor, s engine.Window) {
	d.check.Conv(y, x, w, b, s)
	s = s.Normal()
	p := pass{
		samples: x.Shape[0], from: x.Shape[1], to: y.Shape[1], size: sizeOf(y), src: sizeOf(x),
		taps: s.Kernel, step: s.Stride, phases: ones, pad: s.Pad, dilation: s.Dilation,
	}
	k := volume(s.Kernel)
	packed := d.pack(w, p, p.from*k, k, false)
	d.convolve(y, x, packed, b, p)
	d.give(packed)
}

func (d *device) ConvGradData(dx, dy, w, b *engine.Tensor, s engine.Window) {
	d.check.ConvGradData(dx, dy, w, b, s)
	s = s.Normal()
	p := pass{
		samples: dx.Shape[0], from: dy.Shape[1], to: dx.Shape[1], size: sizeOf(dx), src: sizeOf(dy),
		taps: s.Kernel, step: ones, phases: s.Stride, pad: s.Pad, dilation: s.Dilation, back: true,
	}
	if s.Stride == ones { // a forward pass with the taps in the opposite order
		p.back = false
		for a := range 3 {
			p.pad[a] = s.Dilation[a]*(s.Kernel[a]-1) - s.Pad[a]
		}
	}
	k := volume(s.Kernel)
	packed := d.pack(w, p, k, p.to*k, !p.back)
	d.convolve(dx, dy, packed, b, p)
	d.give(packed)
}

// tile is the number of weights of a tap, of a block by a block.
const tile = tensor.Lanes * tensor.Lanes

// pack returns the weights as the kernels read them.
func (d *device) pack(w *engine.Tensor, p pass, toStep, fromStep int, flip bool) *buffer {
	from, to, k := tensor.Blocks(p.from), tensor.Blocks(p.to), volume(p.taps)
	packed := d.scratch(from*to*(k*tile+1) + tensor.Lanes)
	d.launch("pack", tensor.Blocked, [3]int{from, to, 1},
		buf(packed), mem(w), num(p.to), num(p.from), num(toStep), num(fromStep), num(k), yes(flip))
	return packed
}

// yes is a flag.
func yes(b bool) arg {
	if b {
		return num(1)
	}
	return num(0)
}

func (d *device) convolve(dst, src *engine.Tensor, packed *buffer, b *engine.Tensor, p pass) {
	args := [...]arg{
		mem(dst), mem(src), buf(packed), mem(b),
		triple(p.size), triple(p.src), triple(p.taps), triple(p.step), triple(p.phases), triple(p.pad), triple(p.dilation),
		yes(p.back), num(p.from), num(p.to), yes(src.Layout == tensor.Plain),
	}
	if d.forCPU {
		d.convolveOnCPU(args[:], p, src.Layout == tensor.Plain)
		return
	}
	groups := func(t tiling) [3]int {
		return [3]int{over(p.voxels(), t.voxels()), over(tensor.Blocks(p.to), t.blocks), p.planes()}
	}
	t := d.tuned(problem{p, src.Layout == tensor.Plain}, args[:], groups)
	d.launch(t.kernel, tensor.Blocked, groups(t), args[:]...)
}

// voxels returns how many the largest phase of a sample has.
func (p pass) voxels() int { return p.rows() * over(p.size[2], p.phases[2]) }

// rows returns how many of them there are.
func (p pass) rows() int { return over(p.size[0], p.phases[0]) * over(p.size[1], p.phases[1]) }

// planes returns how many phases all samples have.
func (p pass) planes() int { return p.samples * volume(p.phases) }

func (d *device) ConvGradWeights(dw, db, x, dy *engine.Tensor, s engine.Window) {
	d.check.ConvGradWeights(dw, db, x, dy, s)
	s = s.Normal()
	from, to, size, k := x.Shape[1], dy.Shape[1], sizeOf(dy), volume(s.Kernel)
	in, out, plain := tensor.Blocks(from), tensor.Blocks(to), x.Layout == tensor.Plain
	rows := dy.Shape[0] * size[0] * size[1]
	parts := gradParts(rows, size[2], in*out)
	sums := d.scratch(parts * in * out * k * tile)
	args := [...]arg{
		buf(sums), mem(x), mem(dy), triple(size), triple(sizeOf(x)), triple(s.Kernel), triple(s.Stride), triple(s.Pad), triple(s.Dilation),
		num(from), num(to), num(rows), num(gradSlab(size[2] + sizeOf(x)[2])),
	}
	// Sums are of rows by columns, channels of x by those of y, or the other way.
	row, column, rowStep, columnStep := from, to, k, from*k
	switch {
	case !d.forCPU:
		taps := gpuGroup / 16
		groups := [3]int{parts * over(k, taps), in, out}
		d.launch("grad_tiled", tensor.Blocked, groups, args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7], args[8],
			args[9], yes(plain), num(dy.Shape[0]), num(parts))
	case plain:
		d.launch("grad_plain", tensor.Blocked, [3]int{parts, in, out}, args[:]...)
	case over(to, 8)*in <= over(from, 8)*out: // less to do, or as much and less to read
		d.launch("grad_taps_swapped", tensor.Blocked, [3]int{parts, over(to, 8), in}, args[:]...)
		row, column, rowStep, columnStep = to, from, from*k, k
	default:
		d.launch("grad_taps", tensor.Blocked, [3]int{parts, over(from, 8), out}, args[:]...)
	}
	d.launch("unpack_grad", tensor.Blocked, [3]int{k, tensor.Blocks(row), tensor.Blocks(column)},
		mem(dw), buf(sums), num(parts), num(row), num(column), num(rowStep), num(columnStep))
	d.give(sums)
	if db != nil {
		d.sumChannels(db, dy, dy.Shape[0], 1)
	}
}

// gradParts returns in how many parts a gradient to the weights is summed: for
// about 96 groups, each with at least 512 voxels. It depends on the shape only, and
// so do the bits of the sum.
func gradParts(rows, width, pairs int) int {
	return max(1, min(over(96, pairs), rows*width/512, rows))
}

// gradSlab returns how many rows of so many voxels, of x and dy together, stay
// in the cache of a core.
func gradSlab(width int) int { return max(1, 4096/width) }
