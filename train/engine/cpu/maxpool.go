package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// planes returns how many blocks of 16 channels there are.
func planes(t *engine.Tensor) int { return t.Shape[0] * tensor.Blocks(t.Shape[1]) }

// window calls f for each output and each of its inputs, by voxel, and its place
// in the window.
func window(s engine.Window, in, out [3]int, f func(o, i, tap int)) {
	o := 0
	for od := range out[0] {
		for oh := range out[1] {
			for ow := range out[2] {
				tap := 0
				for kd := range s.Kernel[0] {
					for kh := range s.Kernel[1] {
						for kw := range s.Kernel[2] {
							id, ih, iw := od*s.Stride[0]-s.Pad[0]+kd, oh*s.Stride[1]-s.Pad[1]+kh, ow*s.Stride[2]-s.Pad[2]+kw
							if uint(id) < uint(in[0]) && uint(ih) < uint(in[1]) && uint(iw) < uint(in[2]) {
								f(o, (id*in[1]+ih)*in[2]+iw, tap)
							}
							tap++
						}
					}
				}
				o++
			}
		}
	}
}

func (d *device) MaxPool(y, tap, x *engine.Tensor, s engine.Window) {
	check.MaxPool(y, tap, x, s)
	s = s.Normal()
	in, out := [3]int(x.Shape[2:5]), [3]int(y.Shape[2:5])
	src, dst, taps := values(x), values(y), values(tap)
	n, m := x.Shape.Voxels()*lanes, y.Shape.Voxels()*lanes
	d.each(planes(x), n, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			src, dst, taps := src[p*n:(p+1)*n], dst[p*m:(p+1)*m], taps[p*m:(p+1)*m]
			for i := range dst {
				dst[i], taps[i] = float32(math.Inf(-1)), -1
			}
			window(s, in, out, func(o, i, tap int) {
				for j, v := range src[i*lanes : (i+1)*lanes] {
					at := o*lanes + j
					if now := dst[at]; v > now || v != v && now == now || taps[at] < 0 {
						dst[at], taps[at] = v, float32(tap)
					}
				}
			})
		}
	})
}

func (d *device) MaxPoolGrad(dx, dy, tap *engine.Tensor, s engine.Window) {
	check.MaxPoolGrad(dx, dy, tap, s)
	s = s.Normal()
	in, out := [3]int(dx.Shape[2:5]), [3]int(dy.Shape[2:5])
	src, dst, taps := values(dy), values(dx), values(tap)
	n, m := dx.Shape.Voxels()*lanes, dy.Shape.Voxels()*lanes
	d.each(planes(dx), n, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			src, dst, taps := src[p*m:(p+1)*m], dst[p*n:(p+1)*n], taps[p*m:(p+1)*m]
			clear(dst)
			window(s, in, out, func(o, i, tap int) {
				for j, v := range src[o*lanes : (o+1)*lanes] {
					if taps[o*lanes+j] == float32(tap) {
						dst[i*lanes+j] += v
					}
				}
			})
		}
	})
}

func (d *device) Mean(y, x *engine.Tensor) {
	check.Mean(y, x)
	size, c := x.Shape.Voxels(), x.Shape[1]
	in, out := values(x), values(y)
	d.each(planes(x), size*lanes, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			var sum [lanes]float64
			for i := p * size * lanes; i < (p+1)*size*lanes; i += lanes {
				for j, v := range in[i : i+lanes] {
					sum[j] += float64(v)
				}
			}
			n, b := p/tensor.Blocks(c), p%tensor.Blocks(c)
			for j := range min(lanes, c-b*lanes) {
				out[n*c+b*lanes+j] = float32(sum[j] / float64(size))
			}
		}
	})
}

func (d *device) MeanGrad(dx, dy *engine.Tensor) {
	check.MeanGrad(dx, dy)
	size, c := dx.Shape.Voxels(), dx.Shape[1]
	out, in := values(dx), values(dy)
	d.each(planes(dx), size*lanes, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			var v [lanes]float32
			n, b := p/tensor.Blocks(c), p%tensor.Blocks(c)
			for j := range min(lanes, c-b*lanes) {
				v[j] = in[n*c+b*lanes+j] / float32(size)
			}
			for i := p * size * lanes; i < (p+1)*size*lanes; i += lanes {
				copy(out[i:i+lanes], v[:])
			}
		}
	})
}
