package opencl

import (
	"unsafe"

	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Kernels for CPUs are not launched one by one: calls make a list of jobs, and one
// launch does all of it, see kernels/jobs.cl. What jobs use is shared virtual
// memory, which has the same addresses for the host.

// jobs are the lists, one of which is being filled.
type jobs struct {
	run     kernel
	lists   [mostLists]list
	number  int       // of the list that is being filled, counted from 0
	pending int       // jobs in it
	limit   int       // as many are launched
	first   int       // number of its first job, jobs being counted from 1
	spare   []*buffer // to copy from, which no job does
	known   int       // of how many allocations and releases the driver knows
}

const (
	mostJobs = 64 // of a list
	// fewJobs are those of the first list after the device was waited for, which
	// soon has something to do; the lists after it are twice as long each.
	fewJobs   = 8
	mostLists = 8 // that were launched and may not be done, or are being filled
)

// list is the jobs of a launch.
type list struct {
	memory *buffer
	event  uintptr   // of the launch; 0 where it is done, or not launched
	copied []*buffer // what its jobs copy from
}

// record is job of kernels/jobs.cl. Its counters have lines of the cache to
// themselves.
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

func (l *list) records() []record {
	return unsafe.Slice((*record)(pointer(l.memory.mem)), mostJobs)
}

// pointer is one to memory that is not Go's.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

// floatsOf is a buffer's memory for the host, which must know that no job uses it.
func (b *buffer) floatsOf(n int) []float32 {
	return unsafe.Slice((*float32)(pointer(b.mem)), n)
}

// openJobs has the driver compile, too, which PoCL does at the first launch.
func (d *device) openJobs() error {
	d.first, d.limit = 1, fewJobs
	for i := range d.lists {
		d.lists[i].memory = d.allocate(mostJobs * int(unsafe.Sizeof(record{})))
	}
	d.launch("fill", tensor.Plain, ones, buf(d.lists[1].memory), real(0), num(0)) // of nothing
	return d.Wait()
}

func (d *device) closeJobs() {
	for i := range d.lists {
		d.recycle(&d.lists[i])
	}
	d.jobs = jobs{}
}

// submit adds groups of a kernel to the list, and launches it where it is full.
func (d *device) submit(k kernel, groups [3]int, args []arg) {
	if volume(groups) == 0 {
		return
	}
	number, needs := d.first+d.pending, 0
	r := &d.lists[d.number%mostLists].records()[d.pending]
	for i, a := range args {
		r.args[i] = a.bits
		if a.of != nil {
			needs = max(needs, a.of.last(k.access[i]))
		}
	}
	for i, a := range args {
		if a.of != nil {
			a.of.usedBy(number, k.access[i])
		}
	}
	r.kind, r.taken, r.done = k.kind, 0, 0
	r.groups = [3]int32{int32(groups[0]), int32(groups[1]), int32(groups[2])}
	r.needs = int32(max(needs-d.first, -1))
	d.pending++
	if d.pending == d.limit {
		d.launchJobs()
		d.limit = min(2*d.limit, mostJobs)
	}
}

// launchJobs launches the list, and begins another.
func (d *device) launchJobs() {
	if d.pending == 0 || d.err != nil {
		return
	}
	d.tellMemory()
	l, f := &d.lists[d.number%mostLists], d.frame
	for i, a := range [...]arg{buf(l.memory), num(d.pending)} {
		f.value = a.bits
		f.args = [9]uintptr{d.run.id, uintptr(i), a.size, at(&f.value)}
		d.fail(check(callWith(d.api.setKernelArg, f.args[:4]), "argument %d of %d jobs", i, d.pending))
	}
	f.global, f.here, f.event = [3]uintptr{uintptr(d.info.Units), 1, 1}, [3]uintptr{1, 1, 1}, 0
	f.args = [9]uintptr{d.queue, d.run.id, 3, 0, at(&f.global), at(&f.here), 0, 0, at(&f.event)}
	d.fail(check(callWith(d.api.enqueueNDRangeKernel, f.args[:]), "%d jobs", d.pending))
	d.fail(check(call(d.api.flush, d.queue), "%d jobs", d.pending))
	l.event = f.event
	d.first += d.pending
	d.number++
	d.pending = 0
	d.recycle(&d.lists[d.number%mostLists])
}

// recycle waits for a list.
func (d *device) recycle(l *list) {
	d.await(l.event, "jobs")
	l.event = 0
	d.spare = append(d.spare, l.copied...)
	l.copied = l.copied[:0]
}

// tellMemory names to the driver the memory that jobs may use, which it does not
// see among the arguments.
func (d *device) tellMemory() {
	if d.known == d.changes {
		return
	}
	d.known = d.changes
	list := make([]uintptr, 0, len(d.all))
	for b := range d.all {
		list = append(list, b.mem)
	}
	d.fail(check(call(d.api.setKernelExecInfo, d.run.id, kernelPointers, unsafe.Sizeof(list[0])*uintptr(len(list)), uintptr(unsafe.Pointer(&list[0]))),
		"the memory of jobs"))
}

// copyIn writes plain values to a buffer, after the jobs before.
func (d *device) copyIn(b *buffer, plain []float32) {
	from := d.unused(4 * len(plain))
	if d.err != nil {
		return
	}
	copy(from.floatsOf(len(plain)), plain)
	l := &d.lists[d.number%mostLists]
	l.copied = append(l.copied, from)
	d.launch("copy", tensor.Plain, [3]int{d.chunks(len(plain)), 1, 1}, buf(b), buf(from), num(len(plain)))
}

// unused returns memory of at least so many bytes that no job uses: the pool's may be
// used by some that are not done.
func (d *device) unused(bytes int) *buffer {
	for i, b := range d.spare {
		if b.class >= bytes {
			d.spare = append(d.spare[:i], d.spare[i+1:]...)
			return b
		}
	}
	return d.allocate(bytes)
}

// copyOut reads plain values of a buffer, after all jobs.
func (d *device) copyOut(plain []float32, b *buffer) error {
	err := d.Wait()
	if err == nil {
		copy(plain, b.floatsOf(len(plain)))
	}
	return err
}

// access is what a kernel does with an argument.
type access uint8

const (
	isNumber access = iota
	reads           // a buffer
	writes          // one that it may read, too
)

// uses says which jobs, by number, were the last to read and to write memory; 0
// for none.
type uses struct{ read, written int }

// before returns the last job that must be done before an access.
func (u uses) before(a access) int {
	if a == writes {
		return max(u.read, u.written)
	}
	return u.written
}

func (u *uses) by(job int, a access) {
	if a == writes {
		u.written = job
	} else {
		u.read = job
	}
}

// last returns the last job that must be done before an access to the buffer: those
// to a part do not wait for those to other parts, unless parts overlap.
func (b *buffer) last(a access) int {
	n := b.own.before(a)
	switch {
	case b.root == nil:
		n = max(n, b.ofParts.before(a))
	case b.root.tangled:
		n = max(n, b.root.own.before(a), b.root.ofParts.before(a))
	default:
		n = max(n, b.root.own.before(a))
	}
	return n
}

// usedBy says that a job has access to the buffer.
func (b *buffer) usedBy(job int, a access) {
	b.own.by(job, a)
	if b.root != nil {
		b.root.ofParts.by(job, a)
	}
}
