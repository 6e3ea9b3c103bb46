package enginetest

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// pool draws the shapes of a max pool, and the window.
func (d draw) pool() (x, y tensor.Shape, s engine.Window) {
	x = d.volumes()
	for a := range 3 {
		s.Kernel[a] = of(d, "side of the window", 2, 1, 3)
		s.Stride[a] = of(d, "stride", s.Kernel[a], 0, 1, 2, 3)
		s.Pad[a] = of(d, "padding", 0, s.Kernel[a]/2, s.Kernel[a]-1)
		x[2+a] = max(x[2+a], s.Kernel[a]-2*s.Pad[a])
	}
	out, err := s.Out([3]int(x[2:]))
	if err != nil {
		panic(err)
	}
	return x, tensor.Shape{x[0], x[1], out[0], out[1], out[2]}, s
}

func drawMaxPool(d draw) call {
	x, y, s := d.pool()
	data := d.values(x.Len())
	if d.bool("equal values") { // the first of which is to be taken
		data = d.some(x.Len(), -1, 0, 1, -inf, inf)
	}
	return call{
		spec: fmt.Sprintf("%+v", s),
		args: []arg{output("y", y, tensor.Blocked), output("tap", y, tensor.Blocked), input("x", x, tensor.Blocked, data)},
		run:  func(e engine.Engine, t []*engine.Tensor) { e.MaxPool(t[0], t[1], t[2], s) },
		size: func(int, [][]float32, [][]float32) []float64 { return make([]float64, y.Len()) }, // exact
	}
}

func drawMaxPoolGrad(d draw) call {
	x, y, s := d.pool()
	tap := make([]float32, y.Len())
	for j := range tap { // a place of the window that is not in the padding
		q := index(y, j)[2:]
		var k [3]int
		for a := range k {
			first := q[a]*max(s.Stride[a], 1) - s.Pad[a]
			low, high := max(0, -first), min(s.Kernel[a], x[2+a]-first)
			k[a] = low + d.rng.IntN(high-low)
		}
		tap[j] = float32((k[0]*s.Kernel[1]+k[1])*s.Kernel[2] + k[2])
	}
	taps := input("tap", y, tensor.Blocked, tap)
	taps.noNaN = true
	return call{
		spec:  fmt.Sprintf("%+v", s),
		args:  []arg{output("dx", x, tensor.Blocked), input("dy", y, tensor.Blocked, d.values(y.Len())), taps},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.MaxPoolGrad(t[0], t[1], t[2], s) },
		terms: s.Kernel[0] * s.Kernel[1] * s.Kernel[2],
	}
}

func drawMean(d draw) call {
	x := d.volumes()
	return call{
		args:  []arg{output("y", x[:2], tensor.Plain), input("x", x, tensor.Blocked, d.values(x.Len()))},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.Mean(t[0], t[1]) },
		terms: x.Voxels(),
	}
}

func drawMeanGrad(d draw) call {
	x := d.volumes()
	return call{
		args: []arg{output("dx", x, tensor.Blocked), input("dy", x[:2], tensor.Plain, d.values(x[0]*x[1]))},
		run:  func(e engine.Engine, t []*engine.Tensor) { e.MeanGrad(t[0], t[1]) },
	}
}

// enlarged draws a shape and what it is enlarged to.
func (d draw) enlarged() (small, large tensor.Shape) {
	small = d.volumes()
	for {
		large = tensor.Shape{small[0], small[1]}
		for a := range 3 {
			large = append(large, small[2+a]*of(d, "factor", 2, 1, 3, 4))
		}
		if large.Len() < 40000 {
			return small, large
		}
		halve(small[2:])
	}
}

func drawUpsample(d draw) call {
	x, y := d.enlarged()
	l, linear := d.layout(), d.bool("linear")
	return call{
		spec:  fmt.Sprintf("linear %v", linear),
		args:  []arg{output("y", y, l), input("x", x, l, d.values(x.Len()))},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.Upsample(t[0], t[1], linear) },
		terms: 8,
	}
}

func drawUpsampleGrad(d draw) call {
	x, y := d.enlarged()
	l, linear := d.layout(), d.bool("linear")
	return call{
		spec:  fmt.Sprintf("linear %v", linear),
		args:  []arg{output("dx", x, l), input("dy", y, l, d.values(y.Len()))},
		run:   func(e engine.Engine, t []*engine.Tensor) { e.UpsampleGrad(t[0], t[1], linear) },
		terms: 8 * y.Len() / x.Len(),
	}
}

func drawChannels(d draw) call {
	x, l := d.any()
	if len(x) < 2 {
		x = append(x, d.channels("channels"))
	}
	y := append(tensor.Shape{}, x...)
	y[1] = d.channels("channels of y")
	count := 1 + d.below("count", min(x[1], y[1]))
	x0, y0 := d.below("x0", x[1]-count+1), d.below("y0", y[1]-count+1)
	if d.bool("whole blocks") { // where they can be
		x0, y0 = x0/tensor.Lanes*tensor.Lanes, y0/tensor.Lanes*tensor.Lanes
	}
	return call{
		spec: fmt.Sprintf("y0 %d, x0 %d, count %d", y0, x0, count),
		args: []arg{updated("y", y, l, d.values(y.Len())), input("x", x, l, d.values(x.Len()))},
		run:  func(e engine.Engine, t []*engine.Tensor) { e.Channels(t[0], y0, t[1], x0, count) },
		size: func(int, [][]float32, [][]float32) []float64 { return make([]float64, y.Len()) }, // exact
	}
}
