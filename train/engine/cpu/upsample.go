package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/vec"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// blend says that a value is a of voxel i and b of voxel j along an axis; with
// b = 0, j is not read.
type blend struct {
	i, j int
	a, b float32
}

// axis is an enlargement along an axis.
type axis struct {
	from, to int
	linear   bool
}

// blends lists what each output is made of.
func (x axis) blends() []blend {
	out := make([]blend, x.to)
	for o := range out {
		if !x.linear {
			out[o] = blend{i: o * x.from / x.to, a: 1}
			continue
		}
		at := min(max((float64(o)+0.5)*float64(x.from)/float64(x.to)-0.5, 0), float64(x.from-1))
		i := math.Floor(at)
		out[o] = blend{int(i), int(i) + 1, float32(1 - (at - i)), float32(at - i)}
	}
	return out
}

// resize is what the tasks of an enlargement share: a task does some planes,
// which are blocks, or channels where tensors are plain.
type resize struct {
	vec.Unit
	tables       map[axis][]blend
	t            [3][]blend // along D, H, W
	in, out      [3]int
	width        int // values of a voxel, side by side
	small, large []float32
	grad         bool
	items, tasks int
	rows         [][]float32 // of the workers
}

func (d *device) Upsample(y, x *engine.Tensor, linear bool) {
	check.Upsample(y, x, linear)
	d.enlarge(x, y, linear, false)
}

func (d *device) UpsampleGrad(dx, dy *engine.Tensor, linear bool) {
	check.UpsampleGrad(dx, dy, linear)
	d.enlarge(dx, dy, linear, true)
}

func (d *device) enlarge(small, large *engine.Tensor, linear, grad bool) {
	k := &d.resize
	k.in, k.out = [3]int(small.Shape[2:5]), [3]int(large.Shape[2:5])
	for a := range 3 {
		x := axis{k.in[a], k.out[a], linear}
		if k.tables[x] == nil {
			k.tables[x] = x.blends()
		}
		k.t[a] = k.tables[x]
	}
	k.width, k.items = 1, small.Shape[0]*small.Shape[1]
	if small.Layout == tensor.Blocked {
		k.width, k.items = lanes, planes(small)
	}
	k.small, k.large, k.grad = values(small), values(large), grad
	for len(k.rows) < d.pool.Workers() {
		k.rows = append(k.rows, nil)
	}
	for i, r := range k.rows {
		k.rows[i] = grown(r, k.in[2]*k.width)
	}
	k.tasks = min(k.items, most, 1+len(k.large)/worth)
	d.pool.Run(k, k.tasks)
	*k = resize{Unit: k.Unit, tables: k.tables, rows: k.rows}
}

func (k *resize) Do(task, worker int) {
	lo, hi := cut(k.items, k.tasks, task)
	n, m := k.in[0]*k.in[1]*k.in[2]*k.width, k.out[0]*k.out[1]*k.out[2]*k.width
	for p := lo; p < hi; p++ {
		small, large := k.small[p*n:(p+1)*n], k.large[p*m:(p+1)*m]
		if k.grad {
			clear(small)
		}
		line := k.out[2] * k.width
		for d := range k.out[0] {
			for h := range k.out[1] {
				row := large[(d*k.out[1]+h)*line:][:line]
				if k.grad {
					k.gather(k.rows[worker], row)
					k.lines(d, h, func(at []float32, share float32) { k.Axpby(at, share, k.rows[worker], 1) }, small)
				} else {
					first := true
					k.lines(d, h, func(at []float32, share float32) {
						if first {
							k.Scale(k.rows[worker], share, at)
							first = false
							return
						}
						k.Axpby(k.rows[worker], share, at, 1)
					}, small)
					k.spread(row, k.rows[worker])
				}
			}
		}
	}
}

// lines calls f for the rows of the small plane that row d, h of the large one
// is made of, with their shares.
func (k *resize) lines(d, h int, f func(at []float32, share float32), small []float32) {
	td, th := k.t[0][d], k.t[1][h]
	for _, x := range [2][2]float32{{float32(td.i), td.a}, {float32(td.j), td.b}} {
		if x[1] == 0 {
			continue
		}
		for _, y := range [2][2]float32{{float32(th.i), th.a}, {float32(th.j), th.b}} {
			if y[1] != 0 {
				at := (int(x[0])*k.in[1] + int(y[0])) * k.in[2] * k.width
				f(small[at:at+k.in[2]*k.width], x[1]*y[1])
			}
		}
	}
}

// spread enlarges a row.
func (k *resize) spread(out, row []float32) {
	if k.width == 1 {
		for o, t := range k.t[2] {
			v := t.a * row[t.i]
			if t.b != 0 {
				v += t.b * row[t.j]
			}
			out[o] = v
		}
		return
	}
	for o, t := range k.t[2] {
		to, x := (*vec.Vector)(out[o*lanes:]), (*vec.Vector)(row[t.i*lanes:])
		if t.b == 0 {
			for j := range to {
				to[j] = t.a * x[j]
			}
			continue
		}
		y := (*vec.Vector)(row[t.j*lanes:])
		for j := range to {
			to[j] = t.a*x[j] + t.b*y[j]
		}
	}
}

// gather is the transposed of spread.
func (k *resize) gather(row, out []float32) {
	clear(row)
	for o, t := range k.t[2] {
		for j, v := range out[o*k.width : (o+1)*k.width] {
			row[t.i*k.width+j] += t.a * v
			if t.b != 0 {
				row[t.j*k.width+j] += t.b * v
			}
		}
	}
}
