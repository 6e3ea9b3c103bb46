package opencl

import (
	"fmt"
	"unsafe"
)

// Kernels for CPUs are not launched one by one: see kernels/jobs.cl.

// record is a job, as kernels/jobs.cl has it.
type record struct {
	kind   int32
	groups [3]int32
	needs  int32
	_      [11]int32
	taken  int32
	_      [15]int32
	done   int32
	_      [15]int32
	args   [mostArgs][2]uint64
}

const (
	mostJobs  = 64 // of a launch
	firstJobs = 8
	mostLists = 8  // of jobs that were launched, and may not be done
)

// list is memory for the jobs of a launch.
type list struct {
	memory *buffer
	event  uintptr // of the launch; 0 for none
}

func (l *list) records() []record {
	return unsafe.Slice((*record)(pointer(l.memory.mem)), mostJobs)
}

// pointer is one to memory that is not Go's.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

// jobs are those that wait to be launched.
type jobs struct {
	lists   []*list
	run     kernel
	number  int // of the list that is being filled, counted from the first
	pending int
	soon    int // as many are launched
	first   int // number of the list's first job, jobs being counted from 1 on
}

// access is what a kernel does with an argument.
type access uint8

const (
	value  access = iota // a number
	reads                // a buffer
	writes               // and may read
)

// submit adds groups of a kernel to the list.
func (d *device) submit(k kernel, groups [3]int, args []arg) {
	if groups[0]*groups[1]*groups[2] == 0 {
		return
	}
	j := &d.jobs
	number := j.first + j.pending
	r := &j.lists[j.number%mostLists].records()[j.pending]
	r.kind, r.taken, r.done = k.kind, 0, 0
	r.groups = [3]int32{int32(groups[0]), int32(groups[1]), int32(groups[2])}
	needs := 0
	for i, a := range args {
		r.args[i] = a.bits
		if a.b != nil {
			needs = max(needs, a.b.last(k.access[i]))
		}
	}
	for i, a := range args {
		if a.b != nil {
			a.b.used(number, k.access[i])
		}
	}
	r.needs = int32(needs - j.first)
	j.pending++
	if j.pending == j.soon {
		d.launchJobs()
		j.soon = min(2*j.soon, mostJobs)
	}
}

// launchJobs launches the list.
func (d *device) launchJobs() {
	j := &d.jobs
	if j.pending == 0 || d.err != nil {
		return
	}
	l := j.lists[j.number%mostLists]
	d.await(l.event, "kernels")
	l.event = 0
	f := d.frame
	for i, v := range [...]arg{{8, [2]uint64{uint64(l.memory.mem)}, nil}, num(j.pending)} {
		f.value = v.bits
		f.args = [9]uintptr{j.run.id, uintptr(i), v.size, at(&f.value)}
		if r := callWith(d.api.setKernelArg, f.args[:4]); r != 0 {
			d.fail(check(r, "argument %d of the kernels", i))
			return
		}
	}
	f.global, f.here, f.event = [3]uintptr{uintptr(d.info.Units), 1, 1}, ones3, 0
	f.args = [9]uintptr{d.queue, j.run.id, 3, 0, at(&f.global), at(&f.here), 0, 0, at(&f.event)}
	if r := callWith(d.api.enqueueNDRangeKernel, f.args[:]); r != 0 {
		d.fail(check(r, "%d kernels", j.pending))
		return
	}
	l.event = f.event
	call(d.api.flush, d.queue)
	j.first += j.pending
	j.number++
	j.pending = 0
	next := j.lists[j.number%mostLists]
	d.await(next.event, "kernels")
	next.event = 0
}

// awaitList waits for the jobs of a list.
func (d *device) awaitList(number int) {
	if number == d.jobs.number {
		d.launchJobs()
	}
	if number+mostLists <= d.jobs.number {
		return // another has its place
	}
	l := d.jobs.lists[number%mostLists]
	d.await(l.event, "kernels")
	l.event = 0
}

var ones3 = [3]uintptr{1, 1, 1}

func (d *device) openJobs() error {
	d.jobs.first, d.jobs.soon = 1, mostJobs
	for range mostLists {
		d.jobs.lists = append(d.jobs.lists, &list{memory: d.take(mostJobs * int(unsafe.Sizeof(record{})))})
	}
	if d.err != nil {
		return fmt.Errorf("opencl: jobs: %w", d.err)
	}
	return nil
}

func (d *device) closeJobs() {
	for _, l := range d.jobs.lists {
		d.await(l.event, "kernels")
	}
	d.jobs = jobs{}
}

// uses says which jobs, by number, were the last to read and to write memory.
type uses struct{ reads, writes int }

// last returns the last job that one which needs the buffer so must come after.
func (b *buffer) last(a access) int {
	n := b.own.before(a)
	switch r := b.root; {
	case r == nil:
		n = max(n, b.ofParts.before(a))
	case r.tangled:
		n = max(n, r.own.before(a), r.ofParts.before(a))
	default:
		n = max(n, r.own.before(a))
	}
	return n
}

func (u uses) before(a access) int {
	if a == writes {
		return max(u.reads, u.writes)
	}
	return u.writes
}

// used says that a job needs the buffer.
func (b *buffer) used(job int, a access) {
	b.own.by(job, a)
	if b.root != nil {
		b.root.ofParts.by(job, a)
	}
}

func (u *uses) by(job int, a access) {
	if a == writes {
		u.writes = job
	} else {
		u.reads = job
	}
}
