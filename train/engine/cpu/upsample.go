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

// pull says that the gradient of a voxel is a sum over outputs from one on, with
// their weights.
type pull struct {
	from int
	w    []float32
}

// pulls is the transposed of blends: what each of n inputs gets.
func pulls(t []blend, n int) []pull {
	out := make([]pull, n)
	add := func(i, o int, w float32) {
		if w == 0 {
			return
		}
		if len(out[i].w) == 0 {
			out[i].from = o
		}
		out[i].w = append(out[i].w, w)
	}
	for o, b := range t {
		add(b.i, o, b.a)
		add(b.j, o, b.b)
	}
	return out
}

// table is an enlargement along an axis both ways.
type table struct {
	blends []blend
	pulls  []pull
}

// resize is what the tasks of an enlargement share: a task does some planes,
// which are blocks, or channels where tensors are plain.
type resize struct {
	vec.Unit
	tables       map[axis]table
	t            [3]table // along D, H, W
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
		if _, ok := k.tables[x]; !ok {
			blends := x.blends()
			k.tables[x] = table{blends, pulls(blends, x.from)}
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
		k.rows[i] = grown(r, k.out[2]*k.width)
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
			k.shrink(small, large, k.rows[worker])
		} else {
			k.grow(large, small, k.rows[worker])
		}
	}
}

// mix adds w x to the row, or writes it where that is the first.
func (k *resize) mix(row []float32, w float32, x []float32, first bool) {
	if first {
		k.Scale(row, w, x)
	} else {
		k.Axpby(row, w, x, 1)
	}
}

// grow enlarges a plane: each row is a mixture of rows, made wider.
func (k *resize) grow(large, small, row []float32) {
	n, m := k.in[2]*k.width, k.out[2]*k.width
	row = row[:n]
	for d, td := range k.t[0].blends {
		for h, th := range k.t[1].blends {
			first := true
			for _, x := range [2]struct {
				at int
				w  float32
			}{{td.i, td.a}, {td.j, td.b}} {
				for _, y := range [2]struct {
					at int
					w  float32
				}{{th.i, th.a}, {th.j, th.b}} {
					if w := x.w * y.w; w != 0 {
						k.mix(row, w, small[(x.at*k.in[1]+y.at)*n:][:n], first)
						first = false
					}
				}
			}
			k.spread(large[(d*k.out[1]+h)*m:][:m], row)
		}
	}
}

// spread enlarges a row.
func (k *resize) spread(out, row []float32) {
	if k.width == 1 {
		for o, t := range k.t[2].blends {
			v := t.a * row[t.i]
			if t.b != 0 {
				v += t.b * row[t.j]
			}
			out[o] = v
		}
		return
	}
	for o, t := range k.t[2].blends {
		to := out[o*lanes : (o+1)*lanes]
		if t.b == 0 {
			k.Scale(to, t.a, row[t.i*lanes:(t.i+1)*lanes])
		} else {
			k.Blend(to, t.a, row[t.i*lanes:(t.i+1)*lanes], t.b, row[t.j*lanes:(t.j+1)*lanes])
		}
	}
}

// shrink is the transposed of grow.
func (k *resize) shrink(small, large, row []float32) {
	n, m := k.in[2]*k.width, k.out[2]*k.width
	row = row[:m]
	for d, pd := range k.t[0].pulls {
		for h, ph := range k.t[1].pulls {
			for i, wd := range pd.w {
				for j, wh := range ph.w {
					k.mix(row, wd*wh, large[((pd.from+i)*k.out[1]+ph.from+j)*m:][:m], i+j == 0)
				}
			}
			k.gather(small[(d*k.in[1]+h)*n:][:n], row)
		}
	}
}

// gather is the transposed of spread.
func (k *resize) gather(to, row []float32) {
	for i, p := range k.t[2].pulls {
		if k.width == 1 {
			sum := float32(0)
			for j, v := range row[p.from:][:len(p.w)] {
				sum += p.w[j] * v
			}
			to[i] = sum
			continue
		}
		for j, w := range p.w {
			k.mix(to[i*lanes:(i+1)*lanes], w, row[(p.from+j)*lanes:(p.from+j+1)*lanes], j == 0)
		}
	}
}
