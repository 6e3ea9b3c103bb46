package opencl

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// buffer is memory of the device, or a part of another's.
type buffer struct {
	mem   uintptr // cl_mem, or the address of shared virtual memory, which kernels for CPUs use
	bytes int     // asked for
	class int     // got
	free  bool    // in the pool

	parts map[part]*buffer // that Slice made; they end with it
	root  *buffer          // whose part it is, from byte off on; nil for its own
	off   int

	own, ofParts uses // by jobs
	tangled      bool // some of its parts overlap
}

// part is a stretch of a buffer, in bytes.
type part struct{ off, bytes int }

// memory keeps what tensors gave back, by size, for the next of the size. The
// queue runs in order, so that a buffer may be used again as soon as the last
// kernel that uses it is in the queue.
type memory struct {
	pool map[int][]*buffer
	all  map[*buffer]struct{}
	use  engine.Memory

	changes int // of all
}

// mostFloats bounds a tensor, so that an int of a kernel holds any index.
const mostFloats = math.MaxInt32 - 1<<16

// class rounds a size up to one of eight between powers of two, so that the next
// tensor of about the size can have the memory, too.
func class(bytes int) int {
	bytes = max(bytes, 1024)
	step := 1 << (bits.Len(uint(bytes-1)) - 4)
	return (bytes + step - 1) / step * step
}

// take returns a buffer of at least so many bytes, or nil and keeps why.
func (d *device) take(bytes int) *buffer {
	if d.err != nil {
		return &buffer{bytes: bytes}
	}
	c := class(bytes)
	if list := d.pool[c]; len(list) > 0 {
		b := list[len(list)-1]
		d.pool[c] = list[:len(list)-1]
		b.free, b.bytes = false, bytes
		return b
	}
	return d.allocate(bytes)
}

// allocate is take without the pool.
func (d *device) allocate(bytes int) *buffer {
	c := class(bytes)
	b := &buffer{bytes: bytes, class: c}
	if d.err != nil {
		return b
	}
	var s status
	if int64(c) > d.info.maxAlloc && d.info.maxAlloc > 0 {
		s = allocationFailure
	} else if b.mem, s = d.create(c); s == allocationFailure || s == outOfResources || s == outOfHostMemory {
		d.trim()
		b.mem, s = d.create(c)
	}
	if s != 0 {
		d.fail(fmt.Errorf("opencl: %d MiB more on %v, which has %d MiB, %d in use: %w",
			c>>20, d.info, d.info.Memory>>20, d.use.InUse>>20, s))
		return b
	}
	if d.all == nil {
		d.all, d.pool = map[*buffer]struct{}{}, map[int][]*buffer{}
	}
	d.all[b] = struct{}{}
	d.changes++
	d.use.Held += int64(c)
	return b
}

func (d *device) create(bytes int) (mem uintptr, s status) {
	if d.forCPU {
		if mem = call(d.api.svmAlloc, d.ctx, memReadWrite|memFineGrain, uintptr(bytes), 64); mem == 0 {
			return 0, allocationFailure
		}
		return mem, 0
	}
	mem = call(d.api.createBuffer, d.ctx, memReadWrite, uintptr(bytes), 0, uintptr(unsafe.Pointer(&s)))
	return mem, s
}

// give puts a buffer in the pool.
func (d *device) give(b *buffer) {
	if b.free {
		panic("opencl: freed twice")
	}
	if b.mem != 0 {
		b.free = true
		d.pool[b.class] = append(d.pool[b.class], b)
	}
}

// trim gives the pool's memory back to the system, which waits for the kernels
// that use it.
func (d *device) trim() {
	if err := d.Wait(); err != nil {
		return
	}
	for c, list := range d.pool {
		for _, b := range list {
			d.release(b)
		}
		delete(d.pool, c)
	}
}

func (d *device) release(b *buffer) {
	if d.forCPU {
		call(d.api.svmFree, d.ctx, b.mem)
	} else {
		for _, p := range b.parts {
			call(d.api.releaseMemObject, p.mem)
		}
		call(d.api.releaseMemObject, b.mem)
		for _, k := range d.kernels {
			*k.set = [mostArgs]arg{} // another buffer may get the name
		}
	}
	d.use.Held -= int64(b.class)
	delete(d.all, b)
	d.changes++
}

func (d *device) closeMemory() {
	for b := range d.all {
		d.release(b)
	}
	d.memory = memory{}
}

// size returns how many bytes a tensor takes.
func (d *device) size(s tensor.Shape, l tensor.Layout) int {
	n := tensor.Floats(s, l)
	if n > mostFloats {
		d.fail(fmt.Errorf("opencl: %v %v: a tensor of more than %d floats", s, l, mostFloats))
	}
	if d.half && l == tensor.Blocked {
		return 2 * n
	}
	return 4 * n
}

func (d *device) New(s tensor.Shape, l tensor.Layout) *engine.Tensor {
	d.check.New(s, l)
	b := d.take(d.size(s, l))
	d.use.InUse += int64(b.bytes)
	d.use.Peak = max(d.use.Peak, d.use.InUse)
	return &engine.Tensor{Shape: slices.Clone(s), Layout: l, Buf: b}
}

func (d *device) Free(t *engine.Tensor) {
	b := bufferOf(t)
	if b.root != nil {
		panic(fmt.Sprintf("opencl: %v is a slice and not freed", t))
	}
	d.use.InUse -= int64(b.bytes)
	d.give(b)
}

// scratch is a buffer of floats for the kernels of one call.
func (d *device) scratch(floats int) *buffer { return d.take(4 * floats) }

func bufferOf(t *engine.Tensor) *buffer {
	b, ok := t.Buf.(*buffer)
	if !ok || b.free || b.root != nil && b.root.free {
		panic(fmt.Sprintf("opencl: %v is no tensor of this engine, or freed", t))
	}
	return b
}

func (d *device) Slice(t *engine.Tensor, off int, s tensor.Shape) *engine.Tensor {
	d.check.Slice(t, off, s)
	return &engine.Tensor{Shape: slices.Clone(s), Layout: tensor.Plain, Buf: d.part(bufferOf(t), part{4 * off, 4 * s.Len()})}
}

// part returns a part of a buffer. A part has no parts: its own are its root's.
func (d *device) part(b *buffer, p part) *buffer {
	if b.root != nil {
		p.off += b.off
		b = b.root
	}
	if q := b.parts[p]; q != nil {
		return q
	}
	q := &buffer{bytes: p.bytes, root: b, off: p.off}
	for other := range b.parts {
		b.tangled = b.tangled || other.off < p.off+p.bytes && p.off < other.off+other.bytes
	}
	switch {
	case d.err != nil:
	case d.forCPU:
		q.mem = b.mem + uintptr(p.off)
	default:
		var s status
		region := [2]uintptr{uintptr(p.off), uintptr(p.bytes)}
		q.mem = call(d.api.createSubBuffer, b.mem, memReadWrite, bufferRegion, uintptr(unsafe.Pointer(&region)), uintptr(unsafe.Pointer(&s)))
		if s != 0 {
			d.fail(fmt.Errorf("opencl: part of a buffer: %w", s))
		}
	}
	if b.parts == nil {
		b.parts = map[part]*buffer{}
	}
	b.parts[p] = q
	return q
}

func (d *device) View(t *engine.Tensor, s tensor.Shape) *engine.Tensor {
	d.check.View(t, s)
	return &engine.Tensor{Shape: slices.Clone(s), Layout: t.Layout, Buf: t.Buf}
}

func (d *device) Memory() engine.Memory { return d.use }
