package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// TestCentralDifferences compares the gradients with differences of the
// definition in float64, which knows nothing of gradients. The sum of y dy is
// linear in x, w and the bias, so differences have no error but rounding.
func TestCentralDifferences(t *testing.T) {
	pool := pool.New(1)
	defer pool.Close()
	for i, s := range []Shape{
		{N: 2, Cin: 2, Cout: 3, In: [3]int{2, 3, 4}, Kernel: cube(3), Pad: cube(1)},
		{N: 1, Cin: 1, Cout: 2, In: [3]int{3, 4, 5}, Kernel: cube(2), Stride: cube(2), Pad: cube(1), Dilation: [3]int{1, 2, 1}},
		{N: 1, Cin: 3, Cout: 1, In: [3]int{1, 5, 6}, Kernel: [3]int{1, 3, 5}, Stride: [3]int{1, 1, 2}, Pad: [3]int{0, 2, 1}},
	} {
		for _, l := range isa.Levels() {
			p := newProblem(t, s, rand.New(rand.NewPCG(9, uint64(i))))
			got := p.run(t, pool, l)
			x, w, b := double(p.x), double(p.w), double(p.bias)
			loss := func() float64 {
				sum := 0.0
				for i, v := range p.dy {
					sum += float64(v) * b[i/volume(p.out())%p.Cout]
				}
				visit(p.Shape, func(yi, xi, wi int) { sum += float64(p.dy[yi]) * x[xi] * w[wi] })
				return sum
			}
			for _, of := range []struct {
				name string
				at   []float64
				grad []float32
			}{{"dx", x, got.dx}, {"dw", w, got.dw}, {"db", b, got.db}} {
				for j := range of.at {
					const h = 1e-3
					old := of.at[j]
					of.at[j] = old + h
					up := loss()
					of.at[j] = old - h
					down := loss()
					of.at[j] = old
					// 1e-4: float32 sums of some hundred products of size 1.
					if d := (up - down) / (2 * h); math.Abs(d-float64(of.grad[j])) > 1e-4 {
						t.Fatalf("%v, %v: %s[%d]: got %v, want %v", l, s, of.name, j, of.grad[j], d)
					}
				}
			}
		}
	}
}

func double(v []float32) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = float64(v[i])
	}
	return out
}

// TestNaN puts one NaN into x, then into dy, and demands it in just those
// results that read it: no more, padding being left out and not multiplied by
// zero, and no less.
func TestNaN(t *testing.T) {
	pool := pool.New(2)
	defer pool.Close()
	for _, l := range isa.Levels() {
		for _, row := range named {
			t.Run(fmt.Sprint(l, "/", row.name), func(t *testing.T) {
				p := newProblem(t, row.Shape, rand.New(rand.NewPCG(1, 2)))
				for _, into := range [][]float32{p.x, p.dy} {
					for _, at := range []int{0, len(into) / 2, len(into) - 1} {
						old := into[at]
						into[at] = nan
						got, want := p.run(t, pool, l), p.reference()
						into[at] = old
						var lists [][]float32
						want.each(func(_ string, v []float32) { lists = append(lists, v) })
						i := 0
						got.each(func(name string, v []float32) {
							for j, w := range lists[i] {
								if g := v[j]; (g != g) != (w != w) {
									t.Fatalf("NaN at %d: %s[%d]: got %v, want %v", at, name, j, g, w)
								}
							}
							i++
						})
					}
				}
			})
		}
	}
}

// TestNoAllocations holds that a step after the first allocates nothing.
func TestNoAllocations(t *testing.T) {
	for _, plain := range []bool{false, true} {
		pool := pool.New(2)
		defer pool.Close()
		p := newProblem(t, Shape{N: 1, Cin: 3, Cout: 17, In: cube(9), Kernel: cube(3), Pad: cube(1), PlainInput: plain}, rand.New(rand.NewPCG(1, 2)))
		c, err := New(p.Shape, pool, isa.Best)
		if err != nil {
			t.Fatal(err)
		}
		x, y := make([]float32, c.InputSize()), make([]float32, c.OutputSize())
		dx, work := make([]float32, BlockedSize(1, 3, p.In)), make([]float32, c.WorkSize())
		packed, back := make([]float32, c.PackedSize()), make([]float32, c.PackedBackSize())
		flat := make([]float32, 17*volume(p.In))
		layouts := Converter{Pool: pool}
		step := func() {
			c.Pack(packed, p.w, p.bias)
			c.PackBack(back, p.w, nil)
			c.Forward(y, x, packed)
			c.GradData(dx, y, back)
			c.GradWeights(p.w, p.bias, x, y, work)
			layouts.ToPlain(flat, y, 1, 17, volume(p.In))
			layouts.ToBlocked(y, flat, 1, 17, volume(p.In))
		}
		if n := testing.AllocsPerRun(20, step); n > 0 {
			t.Errorf("plain %v: %v allocations a step, want none", plain, n)
		}
	}
}

func TestLayouts(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	pool := pool.New(3)
	defer pool.Close()
	for _, c := range []int{1, 3, 8, 15, 16, 17, 24, 33} {
		for _, size := range []int{1, 7, 8, 127, 129, 1000, slice, slice + 9} {
			x := random(r, 2*c*size)
			got, check := guarded(2 * blocks(c) * Lanes * size)
			(&Converter{Pool: pool}).ToBlocked(got, x, 2, c, size)
			check(t, "blocked")
			want := toBlocked(x, 2, c, size)
			for i, w := range want {
				if w == w && got[i] != w { // NaN is where no channel is
					t.Fatalf("%d channels of %d: blocked[%d]: got %v, want %v", c, size, i, got[i], w)
				}
			}
			back, check := guarded(len(x))
			(&Converter{Pool: pool}).ToPlain(back, want, 2, c, size)
			check(t, "plain")
			for i := range x {
				if back[i] != x[i] {
					t.Fatalf("%d channels of %d: plain[%d]: got %v, want %v", c, size, i, back[i], x[i])
				}
			}
		}
	}
}

// TestTransposed does a transposed convolution 2x2x2 of stride 2 the way doc.go
// says, against its definition: every input adds w x to the voxels it grows to.
func TestTransposed(t *testing.T) {
	const in, out = 18, 3
	size := [3]int{2, 3, 5}
	big := [3]int{4, 6, 10}
	r := rand.New(rand.NewPCG(3, 3))
	x, w, bias := random(r, in*volume(size)), random(r, in*out*8), random(r, out)
	want := make([]float32, out*volume(big))
	for o := range out {
		for p := range volume(big) {
			d, h, q := p/60, p/10%6, p%10
			sum := float64(bias[o])
			for i := range in {
				sum += float64(x[i*30+(d/2*3+h/2)*5+q/2]) * float64(w[(i*out+o)*8+d%2*4+h%2*2+q%2])
			}
			want[o*volume(big)+p] = float32(sum)
		}
	}
	pool := pool.New(2)
	defer pool.Close()
	for _, l := range isa.Levels() {
		c, err := New(Shape{N: 1, Cin: out, Cout: in, In: big, Kernel: cube(2), Stride: cube(2)}, pool, l)
		if err != nil {
			t.Fatal(err)
		}
		packed := make([]float32, c.PackedBackSize())
		c.PackBack(packed, w, bias)
		y, check := guarded(BlockedSize(1, out, big))
		c.GradData(y, toBlocked(x, 1, in, volume(size)), packed)
		check(t, "y")
		compare(t, l.String(), toPlain(t, "y", y, 1, out, volume(big)), want, in)
	}
}

// TestGOMAXPROCS demands the same bits for any number of processors.
func TestGOMAXPROCS(t *testing.T) {
	p := newProblem(t, Shape{N: 1, Cin: 16, Cout: 17, In: [3]int{5, 9, 30}, Kernel: cube(3), Pad: cube(1)}, rand.New(rand.NewPCG(1, 2)))
	pool := pool.New(4)
	defer pool.Close()
	first := fmt.Sprint(p.run(t, pool, isa.Best))
	for _, n := range []int{1, 2, 5} {
		old := runtime.GOMAXPROCS(n)
		got := fmt.Sprint(p.run(t, pool, isa.Best))
		runtime.GOMAXPROCS(old)
		if got != first {
			t.Errorf("GOMAXPROCS %d: other results", n)
		}
	}
}

func TestBadShapes(t *testing.T) {
	good := Shape{N: 1, Cin: 1, Cout: 1, In: cube(4), Kernel: cube(3)}
	pool := pool.New(1)
	if _, err := New(good, pool, isa.Best); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Shape){
		"no channels":         func(s *Shape) { s.Cin = 0 },
		"no voxels":           func(s *Shape) { s.In[1] = 0 },
		"no kernel":           func(s *Shape) { s.Kernel[0] = 0 },
		"negative padding":    func(s *Shape) { s.Pad[2] = -1 },
		"negative stride":     func(s *Shape) { s.Stride[2] = -1 },
		"kernel beyond input": func(s *Shape) { s.Dilation[1] = 2 },
		"too many":            func(s *Shape) { s.N = most + 1 },
		"too large":           func(s *Shape) { s.N, s.Cin, s.In = most, most, cube(most) },
	} {
		s := good
		spoil(&s)
		if _, err := New(s, pool, isa.Best); err == nil || !strings.HasPrefix(err.Error(), "conv: ") {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
}

func TestShortSlicesPanic(t *testing.T) {
	pool := pool.New(1)
	c, err := New(Shape{N: 1, Cin: 1, Cout: 1, In: cube(4), Kernel: cube(3)}, pool, isa.Best)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "y has 1 floats, want 128") {
			t.Errorf("got %v, want a panic about y", r)
		}
	}()
	c.Forward(make([]float32, 1), make([]float32, c.InputSize()), make([]float32, c.PackedSize()))
}
