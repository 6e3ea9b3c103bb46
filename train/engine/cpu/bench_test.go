package cpu_test

import (
	"fmt"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// layer is a convolution of one of the two networks of train/models.
type layer struct {
	name         string
	n, cin, cout int
	in           [3]int
	w            engine.Window
	plain        bool // its input
}

func flat(k, stride, pad int) engine.Window {
	return engine.Window{Kernel: [3]int{1, k, k}, Stride: [3]int{1, stride, stride}, Pad: [3]int{0, pad, pad}}
}

func cubic(k, stride, pad int) engine.Window {
	return engine.Window{Kernel: [3]int{k, k, k}, Stride: [3]int{stride, stride, stride}, Pad: [3]int{pad, pad, pad}}
}

var layers = []layer{
	{"image.conv1", 32, 1, 5, [3]int{1, 28, 28}, flat(5, 1, 0), true},
	{"image.conv2", 32, 5, 10, [3]int{1, 12, 12}, flat(5, 1, 0), false},
	{"sound.conv1", 32, 1, 32, [3]int{1, 20, 20}, flat(2, 1, 0), true},
	{"sound.conv2", 32, 32, 48, [3]int{1, 19, 19}, flat(2, 1, 0), false},
	{"sound.conv3", 32, 48, 20, [3]int{1, 18, 18}, flat(2, 1, 0), false},
	{"stem", 8, 1, 8, [3]int{32, 64, 64}, engine.Window{Kernel: [3]int{3, 3, 3}, Stride: [3]int{1, 2, 2}, Pad: [3]int{1, 1, 1}}, true},
	{"down1.1", 8, 8, 16, [3]int{32, 32, 32}, cubic(3, 2, 1), false},
	{"down1.2", 8, 16, 16, [3]int{16, 16, 16}, cubic(3, 1, 1), false},
	{"down1.short", 8, 8, 16, [3]int{32, 32, 32}, cubic(1, 2, 0), false},
	{"down2.2", 8, 32, 32, [3]int{8, 8, 8}, cubic(3, 1, 1), false},
	{"down3.2", 8, 64, 64, [3]int{4, 4, 4}, cubic(3, 1, 1), false},
	{"mix0", 2, 32, 8, [3]int{32, 32, 32}, cubic(1, 1, 0), false},
	{"up0", 2, 8, 16, [3]int{32, 32, 32}, cubic(2, 2, 0), false},
	{"after0.1", 2, 8, 8, [3]int{32, 32, 32}, cubic(3, 1, 1), false},
	{"16 at 64", 1, 16, 16, [3]int{64, 64, 64}, cubic(3, 1, 1), false},
	{"32 at 32", 1, 32, 32, [3]int{32, 32, 32}, cubic(3, 1, 1), false},
}

// device is an engine whose tensors are full of ordinary numbers.
type device struct{ engine.Engine }

func (d device) blocked(s ...int) *engine.Tensor { return d.full(s, tensor.Blocked) }
func (d device) plain(s ...int) *engine.Tensor   { return d.full(s, tensor.Plain) }

func (d device) full(s tensor.Shape, l tensor.Layout) *engine.Tensor {
	t := d.New(s, l)
	d.Fill(t, 0)
	v := make([]float32, s.Len())
	for i := range v {
		v[i] = float32(i*7919%101)/50 - 1
	}
	d.Write(t, v)
	return t
}

func shape(n, c int, size [3]int) []int { return []int{n, c, size[0], size[1], size[2]} }

// BenchmarkConvolutions times the passes of the layers.
func BenchmarkConvolutions(b *testing.B) {
	for _, workers := range []int{1, 2} {
		e := device{cpu.New(cpu.Options{Workers: workers})}
		for _, l := range layers {
			out, err := l.w.Out(l.in)
			if err != nil {
				b.Fatal(err)
			}
			x := e.blocked(shape(l.n, l.cin, l.in)...)
			dx := e.New(x.Shape, tensor.Blocked)
			if l.plain {
				x = e.plain(shape(l.n, l.cin, l.in)...)
			}
			y := e.blocked(shape(l.n, l.cout, out)...)
			w := e.plain(shape(l.cout, l.cin, l.w.Kernel)...)
			dw, bias := e.New(w.Shape, tensor.Plain), e.plain(l.cout)
			flop := 2 * float64(w.Shape.Len()) * float64(l.n*y.Shape.Voxels())
			pass := func(name string, f func()) {
				b.Run(fmt.Sprintf("%s/%s/%d", l.name, name, workers), func(b *testing.B) {
					for b.Loop() {
						f()
					}
					b.ReportMetric(flop*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
				})
			}
			pass("forward", func() { e.Conv(y, x, w, bias, l.w) })
			pass("weights", func() { e.ConvGradWeights(dw, bias, x, y, l.w) })
			if !l.plain {
				pass("data", func() { e.ConvGradData(dx, y, w, nil, l.w) })
			}
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkKernels times what else the networks are made of, at their sizes.
func BenchmarkKernels(b *testing.B) {
	for _, workers := range []int{1, 2} {
		e := device{cpu.New(cpu.Options{Workers: workers})}
		for _, k := range kernels(e) {
			b.Run(fmt.Sprintf("%s/%d", k.name, workers), func(b *testing.B) {
				for b.Loop() {
					k.f()
				}
				b.ReportMetric(k.floats*4*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GB/s")
			})
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

type kernel struct {
	name   string
	floats float64 // that it must read and write
	f      func()
}

func kernels(e device) []kernel {
	sound, volume := []int{32, 48, 1, 18, 18}, []int{8, 16, 32, 32, 32}
	var all []kernel
	add := func(name string, floats int, f func()) { all = append(all, kernel{name, float64(floats), f}) }
	for _, c := range []struct {
		name string
		s    tensor.Shape
		spec engine.NormSpec
	}{
		{"sound", sound, engine.NormSpec{Per: engine.Batch, Eps: 1e-5}},
		{"volume", volume, engine.NormSpec{Eps: 1e-5, Slope: .01}},
		{"small", []int{8, 64, 4, 4, 4}, engine.NormSpec{Eps: 1e-5, Slope: .01}},
	} {
		n := tensor.Floats(c.s, tensor.Blocked)
		x, y, dy, dx, res := e.blocked(c.s...), e.blocked(c.s...), e.blocked(c.s...), e.blocked(c.s...), e.blocked(c.s...)
		stats := e.plain(c.s[0], c.s[1], 2)
		if c.spec.Per == engine.Batch {
			stats = e.plain(c.s[1], 2)
		}
		gamma, beta, dgamma, dbeta := e.plain(c.s[1]), e.plain(c.s[1]), e.plain(c.s[1]), e.plain(c.s[1])
		add("norm/"+c.name, 3*n, func() { e.Norm(y, stats, x, gamma, beta, nil, c.spec) })
		add("normAdd/"+c.name, 4*n, func() { e.Norm(y, stats, x, gamma, beta, res, c.spec) })
		add("normGrad/"+c.name, 7*n, func() { e.NormGrad(dx, dgamma, dbeta, nil, dy, y, x, stats, gamma, c.spec) })
		add("add/"+c.name, 3*n, func() { e.Add(dx, x, y) })
		add("dropout/"+c.name, 2*n, func() { e.Dropout(dx, x, .5, 1) })
		add("relu/"+c.name, 2*n, func() { e.Map(engine.Func{}, dx, x) })
		add("sigmoid/"+c.name, 2*n, func() { e.Map(engine.Func{Kind: engine.Sigmoid}, dx, x) })
		p := e.plain(c.s...)
		add("toPlain/"+c.name, 2*n, func() { e.Copy(p, x) })
		add("toBlocked/"+c.name, 2*n, func() { e.Copy(dx, p) })
	}
	pool := func(name string, s tensor.Shape, w engine.Window) {
		out, err := w.Out([3]int(s[2:]))
		if err != nil {
			panic(err)
		}
		x, dx := e.blocked(s...), e.blocked(s...)
		y, dy, tap := e.blocked(shape(s[0], s[1], out)...), e.blocked(shape(s[0], s[1], out)...), e.blocked(shape(s[0], s[1], out)...)
		n := tensor.Floats(s, tensor.Blocked) + 2*tensor.Floats(y.Shape, tensor.Blocked)
		add("pool/"+name, n, func() { e.MaxPool(y, tap, x, w) })
		add("poolGrad/"+name, n, func() { e.MaxPoolGrad(dx, dy, tap, w) })
	}
	pool("image", []int{32, 5, 1, 24, 24}, flat(2, 2, 0))
	pool("sound", []int{32, 20, 1, 17, 17}, flat(2, 4, 0))
	pool("volume", volume, cubic(3, 2, 1))
	return append(all, plainKernels(e)...)
}

func plainKernels(e device) []kernel {
	var all []kernel
	add := func(name string, floats int, f func()) { all = append(all, kernel{name, float64(floats), f}) }
	for _, m := range [][3]int{{32, 320, 160}, {160, 32, 320}, {32, 64, 10}, {512, 512, 512}} {
		a, b, c := e.plain(m[0], m[1]), e.plain(m[1], m[2]), e.plain(m[0], m[2])
		bt := e.plain(m[2], m[1])
		add(fmt.Sprintf("matmul/%v", m), m[0]*m[1]*m[2]/2, func() { e.MatMul(c, a, b, nil, engine.MatSpec{}) }) // GB/s is GFLOP/s
		add(fmt.Sprintf("matmulT/%v", m), m[0]*m[1]*m[2]/2, func() { e.MatMul(c, a, bt, nil, engine.MatSpec{TransB: true}) })
	}
	const params = 85000
	p, m, v, g := e.plain(params), e.plain(params), e.plain(params), e.plain(params)
	add("adam", 7*params, func() { e.Adam(p, m, v, g, engine.AdamSpec{LR: 1e-3, Beta1: .9, Beta2: .999, Eps: 1e-8, Step: 1}) })
	x, t, d := e.plain(2, 3, 32, 64, 64), e.plain(2, 3, 32, 64, 64), e.plain(2, 3, 32, 64, 64)
	small, sums, coef := e.plain(2, 3, 32, 32, 32), e.plain(2, 3, 4), e.plain(2, 3, 3)
	n := x.Shape.Len()
	add("regions", 2*n, func() { e.Regions(sums, x, t) })
	add("regionsGrad", 3*n, func() { e.RegionsGrad(d, x, t, coef) })
	add("upsample", n+n/4, func() { e.Upsample(d, small, true) })
	add("upsampleGrad", n+n/4, func() { e.UpsampleGrad(small, d, true) })
	logits, target, loss, dl := e.plain(32, 10), e.plain(32, 10), e.plain(32), e.plain(32, 10)
	add("crossEntropy", 3*320, func() { e.CrossEntropy(loss, dl, logits, target, 1) })
	return all
}
