package cpu

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/vec"
)

// job is what the tasks of a kernel share. There is one a device, so that a
// call of a kernel allocates nothing.
type job struct {
	vec.Unit
	part  func(j *job, lo, hi int) // does some of the items
	items int
	tasks int
	grain int // tasks begin at multiples of it

	z, x, y, w, v []float32 // operands; z is written
	a, b          float32
	n, m, p       int
	padded, used  int
	parts         [][4]float64
	seed          uint64
	counter       *[vec.Most * vec.Lanes]uint32
	adam          vec.AdamStep
	sgd           engine.SGDSpec
}

// Do does a task's share of the items.
func (j *job) Do(task, _ int) {
	units := (j.items + j.grain - 1) / j.grain
	lo, hi := cut(units, j.tasks, task)
	j.part(j, lo*j.grain, min(hi*j.grain, j.items))
}

// cut returns which of n items are a task's.
func cut(n, tasks, task int) (lo, hi int) { return task * n / tasks, (task + 1) * n / tasks }

// worth is how many floats a task goes over at least: with less, it would be
// over before another worker is awake.
const worth = 1 << 15

// most is how many tasks there are at most.
const most = 64

// run does items of d.job, each of which goes over some floats.
func (d *device) run(items, floats int, part func(j *job, lo, hi int)) {
	j := &d.job
	j.part, j.items, j.grain = part, items, 1
	j.tasks = min(items, most, 1+items*floats/worth)
	d.pool.Run(j, j.tasks)
	*j = job{Unit: j.Unit, counter: j.counter}
}

// flat does the floats of a kernel whose operands are as long as z.
func (d *device) flat(part func(j *job, lo, hi int)) {
	j := &d.job
	j.part, j.items, j.grain = part, len(j.z), lanes
	j.tasks = min(most, 1+len(j.z)/worth)
	d.pool.Run(j, j.tasks)
	*j = job{Unit: j.Unit, counter: j.counter}
}
