package opencl_test

import (
	"fmt"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/opencl"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// BenchmarkConv times the passes of layers of a 3-D U-Net.
func BenchmarkConv(b *testing.B) {
	e := mustOpen(b, opencl.Options{})
	for _, s := range []struct {
		n, in, out, size, kernel, stride int
	}{
		{1, 16, 16, 64, 3, 1},
		{1, 32, 32, 32, 3, 1},
		{2, 8, 8, 32, 3, 1},
		{8, 16, 16, 16, 3, 1},
		{8, 32, 32, 8, 3, 1},
		{8, 64, 64, 4, 3, 1},
		{8, 8, 16, 32, 3, 2},
		{8, 16, 32, 16, 3, 2},
		{2, 32, 8, 32, 1, 1},
		{2, 16, 8, 32, 2, 2},
		{8, 16, 16, 20, 3, 1},
		{1, 16, 16, 32, 5, 1},
	} {
		b.Run(fmt.Sprintf("%dx%d-%d,%d^3,k%ds%d", s.n, s.in, s.out, s.size, s.kernel, s.stride), func(b *testing.B) {
			w := engine.Cube(s.kernel, false)
			if s.kernel == 2 {
				w.Pad = [3]int{}
			}
			w.Stride = [3]int{s.stride, s.stride, s.stride}
			passes(b, e, s.n, s.in, s.out, s.size, tensor.Blocked, w)
		})
	}
	for _, s := range []struct{ in, out, size, kernel int }{{32, 48, 10, 5}, {32, 32, 20, 5}, {16, 32, 28, 3}} {
		b.Run(fmt.Sprintf("32x%d-%d,%d^2,k%d", s.in, s.out, s.size, s.kernel), func(b *testing.B) {
			passesOf(b, e, 32, s.in, s.out, [3]int{1, s.size, s.size}, tensor.Blocked, engine.Cube(s.kernel, true))
		})
	}
	b.Run("plain,8x1-8,64^3,k3s2", func(b *testing.B) {
		w := engine.Cube(3, false)
		w.Stride = [3]int{2, 2, 2}
		passes(b, e, 8, 1, 8, 64, tensor.Plain, w)
	})
}

func passes(b *testing.B, e engine.Engine, n, in, out, size int, l tensor.Layout, w engine.Window) {
	passesOf(b, e, n, in, out, [3]int{size, size, size}, l, w)
}

func passesOf(b *testing.B, e engine.Engine, n, in, out int, size [3]int, l tensor.Layout, w engine.Window) {
	o, err := w.Out(size)
	if err != nil {
		b.Fatal(err)
	}
	x, y := e.New(tensor.Shape{n, in, size[0], size[1], size[2]}, l), e.New(tensor.Shape{n, out, o[0], o[1], o[2]}, tensor.Blocked)
	weights := e.New(tensor.Shape{out, in, w.Kernel[0], w.Kernel[1], w.Kernel[2]}, tensor.Plain)
	for _, t := range []*engine.Tensor{x, y, weights} {
		e.Fill(t, 0.01)
		defer e.Free(t)
	}
	flop := 2 * float64(n*o[0]*o[1]*o[2]) * float64(weights.Shape.Len())
	for _, pass := range []struct {
		name string
		do   func()
	}{
		{"forward", func() { e.Conv(y, x, weights, nil, w) }},
		{"data", func() { e.ConvGradData(x, y, weights, nil, w) }},
		{"weights", func() { e.ConvGradWeights(weights, nil, x, y, w) }},
	} {
		if pass.name == "data" && l == tensor.Plain {
			continue
		}
		b.Run(pass.name, func(b *testing.B) {
			for _, t := range []*engine.Tensor{x, y, weights} {
				e.Fill(t, 0.01)
			}
			pass.do() // the driver compiles it
			if err := e.Wait(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				pass.do()
				if err := e.Wait(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(flop*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
