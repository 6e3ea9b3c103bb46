package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// blend says that a value is a of voxel i and b of voxel j along an axis.
type blend struct {
	i, j int
	a, b float32
}

// blends lists, for n outputs of m inputs, what each is made of.
func blends(n, m int, linear bool) []blend {
	out := make([]blend, n)
	for o := range out {
		at := (float64(o)+0.5)*float64(m)/float64(n) - 0.5
		if !linear {
			out[o] = blend{o * m / n, o * m / n, 1, 0}
			continue
		}
		at = max(at, 0)
		i := int(math.Floor(at))
		t := float32(at - float64(i))
		out[o] = blend{i, min(i+1, m-1), 1 - t, t}
		if i+1 >= m || t == 0 {
			out[o] = blend{i, i, 1, 0}
		}
	}
	return out
}

// resize is an enlargement: its tables, and how many values lie side by side.
type resize struct {
	in, out [3]int
	t       [3][]blend
	width   int // values of a voxel
	planes  int
}

func resizeOf(small, large *engine.Tensor, linear bool) resize {
	r := resize{in: [3]int(small.Shape[2:5]), out: [3]int(large.Shape[2:5])}
	for a := range 3 {
		r.t[a] = blends(r.out[a], r.in[a], linear)
	}
	r.width, r.planes = 1, small.Shape[0]*small.Shape[1]
	if small.Layout == tensor.Blocked {
		r.width, r.planes = lanes, planes(small)
	}
	return r
}

// corners calls f for each output voxel and each input it is made of.
func (r *resize) corners(f func(o, i int, weight float32)) {
	o := 0
	for _, td := range r.t[0] {
		for _, th := range r.t[1] {
			for _, tw := range r.t[2] {
				for k := range 8 {
					id, wd := td.side(k >> 2)
					ih, wh := th.side(k >> 1 & 1)
					iw, ww := tw.side(k & 1)
					if w := wd * wh * ww; w != 0 {
						f(o, (id*r.in[1]+ih)*r.in[2]+iw, w)
					}
				}
				o++
			}
		}
	}
}

func (b blend) side(k int) (int, float32) {
	if k == 0 {
		return b.i, b.a
	}
	return b.j, b.b
}

func (d *device) Upsample(y, x *engine.Tensor, linear bool) {
	check.Upsample(y, x, linear)
	r := resizeOf(x, y, linear)
	r.apply(d, values(y), values(x), func(dst, src []float32) {
		r.corners(func(o, i int, w float32) { addTo(dst[o*r.width:(o+1)*r.width], src[i*r.width:], w) })
	}, x.Shape.Voxels(), y.Shape.Voxels())
}

func (d *device) UpsampleGrad(dx, dy *engine.Tensor, linear bool) {
	check.UpsampleGrad(dx, dy, linear)
	r := resizeOf(dx, dy, linear)
	r.apply(d, values(dx), values(dy), func(dst, src []float32) {
		r.corners(func(o, i int, w float32) { addTo(dst[i*r.width:(i+1)*r.width], src[o*r.width:], w) })
	}, dy.Shape.Voxels(), dx.Shape.Voxels())
}

func (r *resize) apply(d *device, dst, src []float32, f func(dst, src []float32), from, to int) {
	from, to = from*r.width, to*r.width
	d.each(r.planes, max(from, to)*8, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			clear(dst[p*to : (p+1)*to])
			f(dst[p*to:(p+1)*to], src[p*from:(p+1)*from])
		}
	})
}

func addTo(dst, x []float32, w float32) {
	for j := range dst {
		dst[j] += w * x[j]
	}
}

func (d *device) Channels(y *engine.Tensor, y0 int, x *engine.Tensor, x0, count int) {
	check.Channels(y, y0, x, x0, count)
	out, in := values(y), values(x)
	if y.Layout == tensor.Plain {
		size := x.Shape[2:].Len()
		d.each(x.Shape[0], count*size, func(lo, hi int) {
			for n := lo; n < hi; n++ {
				copy(out[(n*y.Shape[1]+y0)*size:][:count*size], in[(n*x.Shape[1]+x0)*size:])
			}
		})
		return
	}
	size := x.Shape.Voxels()
	d.each(x.Shape[0], count*size, func(lo, hi int) {
		for n := lo; n < hi; n++ {
			for c := range count {
				from := in[tensor.Index(x.Shape, x.Layout, n, x0+c, 0):]
				to := out[tensor.Index(y.Shape, y.Layout, n, y0+c, 0):]
				for v := range size {
					to[v*lanes] = from[v*lanes]
				}
			}
		}
	})
}
