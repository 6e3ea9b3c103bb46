package opencl

import (
	"errors"
	"math"
	"runtime"
	"unsafe"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// errClosed is what an engine that was closed says.
var errClosed = errors.New("opencl: the engine is closed")

// kernel is a function of a program.
type kernel struct {
	id    uintptr
	name  string
	items int            // of a work-group
	set   *[mostArgs]arg // what its arguments are

	// Of a job.
	kind   int32
	access [mostArgs]access
}

// mostArgs bounds the arguments of a kernel.
const mostArgs = 16

// kernelName names a kernel. Those that take tensors of either layout are there
// twice, as blocked tensors may be in half precision.
type kernelName struct {
	name   string
	layout tensor.Layout
}

// arg is an argument of a kernel: a buffer, a number of 4 bytes, or four.
type arg struct {
	size uintptr
	bits [2]uint64
	of   *buffer // nil for a number
}

func buf(b *buffer) arg {
	return arg{size: unsafe.Sizeof(uintptr(0)), bits: [2]uint64{uint64(b.mem)}, of: b}
}
func num(v int) arg        { return natural(uint32(int32(v))) }
func real(v float32) arg   { return natural(math.Float32bits(v)) }
func natural(v uint32) arg { return arg{size: 4, bits: [2]uint64{uint64(v)}} }

// quad is an int4.
func quad(a, b, c, d int) arg {
	v := [4]int32{int32(a), int32(b), int32(c), int32(d)}
	return arg{size: 16, bits: *(*[2]uint64)(unsafe.Pointer(&v))}
}

// mem is a tensor's buffer, a null pointer for no tensor.
func mem(t *engine.Tensor) arg {
	if t == nil {
		return arg{size: unsafe.Sizeof(uintptr(0))}
	}
	return buf(bufferOf(t))
}

// launches are what is in the queue.
type launches struct {
	frame     *frame
	frames    runtime.Pinner
	count     int
	marker    uintptr // an event, behind the launches before the last mark
	newMarker uintptr
}

// frame is memory that OpenCL reads arguments from: pinned, so that launching a
// kernel allocates nothing.
type frame struct {
	value        [2]uint64 // of an argument
	global, here [3]uintptr
	args         [9]uintptr // of the function called
	event        uintptr    // of a launch that is measured
}

func at[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

const (
	// flushEvery is how many kernels wait for the driver to send them.
	flushEvery = 32
	// markEvery bounds the queue: at most twice as many kernels are in it.
	markEvery = 1024
)

// launch enqueues groups of a kernel, or adds them to the jobs.
func (d *device) launch(name string, l tensor.Layout, groups [3]int, args ...arg) {
	if d.err != nil {
		return
	}
	k, ok := d.kernels[kernelName{name, l}]
	if !ok {
		panic("opencl: no kernel " + name)
	}
	if d.forCPU {
		d.submit(k, groups, args)
		return
	}
	d.enqueue(d.queue, k, groups, 0, args)
}

// enqueue enqueues groups of a kernel on a queue; the event, where it is not 0,
// is where its own goes.
func (d *device) enqueue(queue uintptr, k kernel, groups [3]int, event uintptr, args []arg) {
	if groups[0]*groups[1]*groups[2] == 0 {
		return
	}
	f := d.frame
	for i, a := range args {
		if k.set[i] == a {
			continue // an argument stays, and setting it takes time
		}
		f.value = a.bits
		f.args = [9]uintptr{k.id, uintptr(i), a.size, at(&f.value)}
		if r := callWith(d.api.setKernelArg, f.args[:4]); r != 0 {
			d.fail(check(r, "argument %d of %s", i, k.name))
			return
		}
		k.set[i] = a
	}
	f.global = [3]uintptr{uintptr(groups[0] * k.items), uintptr(groups[1]), uintptr(groups[2])}
	f.here = [3]uintptr{uintptr(k.items), 1, 1}
	f.args = [9]uintptr{queue, k.id, 3, 0, at(&f.global), at(&f.here), 0, 0, event}
	if r := callWith(d.api.enqueueNDRangeKernel, f.args[:]); r != 0 {
		d.fail(check(r, "%s of %v groups of %d", k.name, groups, k.items))
		return
	}
	d.bound()
}

// bound keeps the queue short: a driver keeps something for each kernel in it.
func (d *device) bound() {
	d.count++
	if d.count%flushEvery == 0 {
		call(d.api.flush, d.queue)
	}
	if d.count%markEvery != 0 {
		return
	}
	if err := check(call(d.api.enqueueMarker, d.queue, 0, 0, uintptr(unsafe.Pointer(&d.newMarker))), "marker"); err != nil {
		d.fail(err)
		return
	}
	d.await(d.marker, "the queue")
	d.marker = d.newMarker
}

// await waits for an event and releases it; 0 is none.
func (d *device) await(event uintptr, what string) {
	if event == 0 {
		return
	}
	if r := call(d.api.waitForEvents, 1, uintptr(unsafe.Pointer(&event))); r != 0 {
		d.fail(check(r, "waiting for %s", what))
	}
	call(d.api.releaseEvent, event)
}

func (d *device) openLaunches() {
	d.frame = new(frame)
	d.frames.Pin(d.frame)
}

func (d *device) closeLaunches() {
	if d.marker != 0 {
		call(d.api.releaseEvent, d.marker)
	}
	d.frames.Unpin()
	d.launches = launches{}
}

// over returns how many groups of per cover n.
func over(n, per int) int { return (n + per - 1) / per }
