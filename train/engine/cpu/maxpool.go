package cpu

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/vec"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// planes returns how many blocks of 16 channels there are.
func planes(t *engine.Tensor) int { return t.Shape[0] * tensor.Blocks(t.Shape[1]) }

// maxPool is what the tasks of a max pool share. A task does some rows of the
// output, or for the gradient some blocks.
type maxPool struct {
	vec.Unit
	s        engine.Window
	in, out  [3]int
	small    []float32 // y or dy
	large    []float32 // x or dx
	tap      []float32
	grad     bool
	disjoint bool // windows do not overlap
	whole    bool // and leave nothing out
	items    int
	tasks    int
	scratch  [][]vec.PoolTap // of the workers
}

func (d *device) MaxPool(y, tap, x *engine.Tensor, s engine.Window) {
	check.MaxPool(y, tap, x, s)
	d.maxPool(y, tap, x, s, false)
}

func (d *device) MaxPoolGrad(dx, dy, tap *engine.Tensor, s engine.Window) {
	check.MaxPoolGrad(dx, dy, tap, s)
	d.maxPool(dy, tap, dx, s, true)
}

func (d *device) maxPool(small, tap, large *engine.Tensor, s engine.Window, grad bool) {
	k := &d.pooling
	k.s, k.in, k.out, k.grad = s.Normal(), [3]int(large.Shape[2:5]), [3]int(small.Shape[2:5]), grad
	k.small, k.tap, k.large = values(small), values(tap), values(large)
	k.disjoint, k.whole = true, true
	for a := range 3 {
		k.disjoint = k.disjoint && k.s.Stride[a] >= k.s.Kernel[a]
		k.whole = k.whole && k.s.Stride[a] == k.s.Kernel[a] && k.s.Pad[a] == 0 && k.in[a] == k.out[a]*k.s.Stride[a]
	}
	for len(k.scratch) < d.pool.Workers() {
		k.scratch = append(k.scratch, nil)
	}
	for i, taps := range k.scratch {
		k.scratch[i] = grown(taps, k.s.Kernel[0]*k.s.Kernel[1]*k.s.Kernel[2])
	}
	k.items = planes(small)
	if !grad {
		k.items *= k.out[0]
	}
	k.tasks = min(k.items, most, 1+(len(k.large)+len(k.small))/worth)
	d.pool.Run(k, k.tasks)
	*k = maxPool{Unit: k.Unit, scratch: k.scratch}
}

func (k *maxPool) Do(task, worker int) {
	lo, hi := cut(k.items, k.tasks, task)
	for i := lo; i < hi; i++ {
		if !k.grad {
			k.plane(i/k.out[0], i%k.out[0], worker)
			continue
		}
		if !k.whole || !k.disjoint {
			n := k.in[0] * k.in[1] * k.in[2] * lanes
			clear(k.large[i*n : (i+1)*n])
		}
		for d := range k.out[0] {
			k.plane(i, d, worker)
		}
	}
}

// plane does plane d of the output of a block, row by row.
func (k *maxPool) plane(block, d, worker int) {
	large := k.large[block*k.in[0]*k.in[1]*k.in[2]*lanes:]
	row := (block*k.out[0] + d) * k.out[1]
	for h := range k.out[1] {
		small, tap := k.small[(row+h)*k.out[2]*lanes:], k.tap[(row+h)*k.out[2]*lanes:]
		for w := 0; w < k.out[2]; {
			taps, x, n := k.taps(k.scratch[worker][:0], d, h, w)
			at := x * lanes
			if k.grad {
				k.MaxPoolGrad(large[at:], small[w*lanes:], tap[w*lanes:], n, k.s.Stride[2], taps, k.disjoint)
			} else {
				k.MaxPool(small[w*lanes:], tap[w*lanes:], large[at:], n, k.s.Stride[2], taps)
			}
			w += n
		}
	}
}

// taps lists the inputs of output d, h, w by their distance from the first one,
// voxel x; n outputs from there on have theirs at the same distances.
func (k *maxPool) taps(taps []vec.PoolTap, d, h, w int) (all []vec.PoolTap, x, n int) {
	s := &k.s
	w0 := w*s.Stride[2] - s.Pad[2]
	from, to := max(0, -w0), min(s.Kernel[2], k.in[2]-w0)
	n = 1
	if from == 0 && to == s.Kernel[2] { // up to where a window reaches over the end
		n = min(k.out[2], (k.in[2]-s.Kernel[2]+s.Pad[2])/s.Stride[2]+1) - w
	}
	for kd := range s.Kernel[0] {
		for kh := range s.Kernel[1] {
			id, ih := d*s.Stride[0]-s.Pad[0]+kd, h*s.Stride[1]-s.Pad[1]+kh
			if uint(id) >= uint(k.in[0]) || uint(ih) >= uint(k.in[1]) {
				continue
			}
			for kw := from; kw < to; kw++ {
				at := (id*k.in[1]+ih)*k.in[2] + w0 + kw
				if len(taps) == 0 {
					x = at
				}
				taps = append(taps, vec.PoolTap{Off: (at - x) * lanes * 4, ID: float32((kd*s.Kernel[1]+kh)*s.Kernel[2] + kw)})
			}
		}
	}
	return taps, x, n
}

func (d *device) Mean(y, x *engine.Tensor) {
	check.Mean(y, x)
	d.job.z, d.job.x, d.job.n, d.job.m = values(y), values(x), x.Shape[1], x.Shape.Voxels()
	d.run(planes(x), x.Shape.Voxels()*lanes, (*job).mean)
}

func (j *job) mean(lo, hi int) {
	var sum [lanes]float64
	for p := lo; p < hi; p++ {
		j.LaneTotal(&sum, j.x[p*j.m*lanes:(p+1)*j.m*lanes])
		out := j.channels(p)
		for i := range out {
			out[i] = float32(sum[i] / float64(j.m))
		}
	}
}

// channels returns where z, plain [N][C], has those of block p; n is C.
func (j *job) channels(p int) []float32 {
	blocks := tensor.Blocks(j.n)
	c := p % blocks * lanes
	return j.z[p/blocks*j.n+c:][:min(lanes, j.n-c)]
}

func (d *device) MeanGrad(dx, dy *engine.Tensor) {
	check.MeanGrad(dx, dy)
	d.job.z, d.job.x, d.job.n, d.job.m = values(dy), values(dx), dx.Shape[1], dx.Shape.Voxels()
	d.run(planes(dx), dx.Shape.Voxels()*lanes, (*job).meanGrad)
}

func (j *job) meanGrad(lo, hi int) {
	for p := lo; p < hi; p++ {
		out := j.x[p*j.m*lanes : (p+1)*j.m*lanes]
		for i, v := range j.channels(p) {
			out[i] = v / float32(j.m)
		}
		for done := lanes; done < len(out); done *= 2 {
			copy(out[done:], out[:done])
		}
	}
}
