package opencl

import (
	"runtime"
	"unsafe"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// transfers are copies of what Write was given that the device may not have
// fetched yet, so that Write need not wait for the kernels before it.
type transfers struct {
	stages []*stage
	next   int
}

// stage is memory of the host that the device reads from.
type stage struct {
	floats []float32
	pin    runtime.Pinner
	event  uintptr // until then; 0 for free
}

// mostStages bounds the copies.
const mostStages = 8

// stage returns free memory of n floats.
func (d *device) stage(n int) *stage {
	var s *stage
	if len(d.stages) < mostStages {
		s = new(stage)
		d.stages = append(d.stages, s)
	} else {
		s = d.stages[d.next%mostStages]
		d.next++
		d.await(s.event, "a copy to the device")
		s.event = 0
	}
	if cap(s.floats) < n {
		s.pin.Unpin()
		s.floats = make([]float32, n)
		s.pin.Pin(&s.floats[0])
	}
	s.floats = s.floats[:n]
	return s
}

func (d *device) closeTransfers() {
	for _, s := range d.stages {
		if s.event != 0 {
			call(d.api.releaseEvent, s.event)
		}
		s.pin.Unpin()
	}
	d.transfers = transfers{}
}

func (d *device) Write(t *engine.Tensor, plain []float32) {
	d.check.Write(t, plain)
	if t.Layout == tensor.Plain {
		d.upload(bufferOf(t), plain)
		return
	}
	b := d.scratch(len(plain))
	d.upload(b, plain)
	d.toBlocked(t, b)
	d.give(b)
}

func (d *device) upload(b *buffer, plain []float32) {
	if d.err != nil || len(plain) == 0 {
		return
	}
	if d.forCPU {
		d.copyIn(b, plain)
		return
	}
	s := d.stage(len(plain))
	copy(s.floats, plain)
	r := call(d.api.enqueueWriteBuffer, d.queue, b.mem, 0, 0, uintptr(4*len(plain)),
		uintptr(unsafe.Pointer(&s.floats[0])), 0, 0, uintptr(unsafe.Pointer(&s.event)))
	if r != 0 {
		d.fail(check(r, "writing %d values", len(plain)))
		return
	}
	d.bound()
}

func (d *device) Read(plain []float32, t *engine.Tensor) error {
	_ = d.check.Read(plain, t)
	b := bufferOf(t)
	if t.Layout == tensor.Blocked {
		b = d.scratch(len(plain))
		d.toPlain(b, t)
		defer d.give(b)
	}
	if d.err != nil || len(plain) == 0 {
		return d.err
	}
	if d.forCPU {
		return d.copyOut(plain, b)
	}
	r := call(d.api.enqueueReadBuffer, d.queue, b.mem, 1, 0, uintptr(4*len(plain)), uintptr(unsafe.Pointer(&plain[0])), 0, 0, 0)
	if r != 0 {
		d.fail(check(r, "reading %v", t))
	}
	return d.err
}
