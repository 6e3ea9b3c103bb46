package conv

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// levels are those of this machine.
func cube(n int) [3]int { return [3]int{n, n, n} }

var named = []struct {
	name string
	Shape
}{
	{"3x3x3 as in a U-Net", Shape{N: 2, Cin: 16, Cout: 16, In: [3]int{3, 5, 30}, Kernel: cube(3), Pad: cube(1)}},
	{"17 to 33 channels", Shape{N: 1, Cin: 17, Cout: 33, In: [3]int{2, 3, 7}, Kernel: cube(3), Pad: cube(1)}},
	{"no padding", Shape{N: 1, Cin: 16, Cout: 16, In: [3]int{3, 4, 29}, Kernel: cube(3)}},
	{"padding of the whole kernel", Shape{N: 1, Cin: 3, Cout: 16, In: [3]int{2, 3, 9}, Kernel: cube(3), Pad: cube(2)}},
	{"padding beyond the kernel", Shape{N: 1, Cin: 3, Cout: 2, In: [3]int{1, 2, 3}, Kernel: cube(2), Pad: cube(4)}},
	{"one voxel", Shape{N: 1, Cin: 1, Cout: 1, In: cube(1), Kernel: cube(1)}},
	{"one voxel, 3x3x3", Shape{N: 3, Cin: 16, Cout: 17, In: cube(1), Kernel: cube(3), Pad: cube(1)}},
	{"two voxels", Shape{N: 1, Cin: 16, Cout: 16, In: cube(2), Kernel: cube(3), Pad: cube(1)}},
	{"short lines", Shape{N: 2, Cin: 17, Cout: 16, In: [3]int{3, 7, 4}, Kernel: cube(3), Pad: cube(1)}},
	{"short lines, stride 2", Shape{N: 1, Cin: 16, Cout: 16, In: [3]int{3, 13, 9}, Kernel: cube(3), Stride: cube(2), Pad: cube(1)}},
	{"1x1x1", Shape{N: 2, Cin: 33, Cout: 16, In: [3]int{2, 3, 31}, Kernel: cube(1)}},
	{"2x2x2 stride 2", Shape{N: 1, Cin: 16, Cout: 32, In: [3]int{4, 6, 10}, Kernel: cube(2), Stride: cube(2)}},
	{"2x2x2 stride 2, odd", Shape{N: 1, Cin: 16, Cout: 3, In: [3]int{5, 3, 9}, Kernel: cube(2), Stride: cube(2)}},
	{"3x3x3 stride 2", Shape{N: 1, Cin: 16, Cout: 16, In: [3]int{5, 6, 13}, Kernel: cube(3), Stride: cube(2), Pad: cube(1)}},
	{"1x1x1 stride 3: inputs that nothing reads", Shape{N: 1, Cin: 3, Cout: 16, In: [3]int{4, 5, 8}, Kernel: cube(1), Stride: cube(3)}},
	{"3x3x3 dilation 2", Shape{N: 1, Cin: 16, Cout: 17, In: [3]int{5, 6, 33}, Kernel: cube(3), Pad: cube(2), Dilation: cube(2)}},
	{"dilation 2 stride 3", Shape{N: 1, Cin: 3, Cout: 16, In: [3]int{6, 7, 19}, Kernel: cube(3), Stride: cube(3), Pad: cube(1), Dilation: cube(2)}},
	{"2-D 5x5", Shape{N: 3, Cin: 16, Cout: 32, In: [3]int{1, 10, 10}, Kernel: [3]int{1, 5, 5}, Pad: [3]int{0, 2, 2}}},
	{"2-D 7x7 stride 2", Shape{N: 1, Cin: 3, Cout: 16, In: [3]int{1, 15, 29}, Kernel: [3]int{1, 7, 7}, Stride: [3]int{1, 2, 2}, Pad: [3]int{0, 3, 3}}},
	{"2-D 28x28 of one channel", Shape{N: 2, Cin: 1, Cout: 32, In: [3]int{1, 28, 28}, Kernel: [3]int{1, 3, 3}, PlainInput: true}},
	{"four modalities, plain", Shape{N: 2, Cin: 4, Cout: 16, In: [3]int{3, 4, 31}, Kernel: cube(3), Pad: cube(1), PlainInput: true}},
	{"plain, stride 2", Shape{N: 1, Cin: 2, Cout: 17, In: [3]int{5, 5, 21}, Kernel: cube(3), Stride: cube(2), Pad: cube(1), PlainInput: true}},
	{"plain, dilation 2, stride 2", Shape{N: 1, Cin: 3, Cout: 8, In: [3]int{5, 6, 12}, Kernel: cube(3), Stride: cube(2), Pad: cube(2), Dilation: cube(2), PlainInput: true}},
	{"plain 7x7x7", Shape{N: 1, Cin: 2, Cout: 8, In: [3]int{3, 4, 9}, Kernel: cube(7), Pad: cube(3), PlainInput: true}},
	{"plain, 1x1x1", Shape{N: 1, Cin: 4, Cout: 3, In: [3]int{2, 2, 40}, Kernel: cube(1), PlainInput: true}},
}

func TestAgainstReference(t *testing.T) {
	pool := pool.New(2)
	defer pool.Close()
	for _, l := range isa.Levels() {
		for _, row := range named {
			t.Run(fmt.Sprint(l, "/", row.name), func(t *testing.T) {
				p := newProblem(t, row.Shape, rand.New(rand.NewPCG(1, 2)))
				p.check(t, p.run(t, pool, l))
			})
		}
	}
}

// TestRandomShapes walks through sizes, kernels, strides, paddings and
// dilations that nobody thought of.
func TestRandomShapes(t *testing.T) {
	pool := pool.New(2)
	defer pool.Close()
	count := 120
	if testing.Short() {
		count = 40
	}
	for _, l := range isa.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			for seed := range count {
				r := rand.New(rand.NewPCG(uint64(seed), 3))
				s := randomShape(r)
				if _, err := s.normal(); err != nil {
					continue
				}
				p := newProblem(t, s, r)
				got := p.run(t, pool, l)
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					t.Log(s, s.PlainInput)
					p.check(t, got)
				})
			}
		})
	}
}

func pick(r *rand.Rand, of ...int) int { return of[r.IntN(len(of))] }

func randomShape(r *rand.Rand) Shape {
	s := Shape{N: pick(r, 1, 1, 2, 3), Cin: pick(r, 1, 2, 3, 8, 9, 16, 17, 33), Cout: pick(r, 1, 3, 8, 16, 17, 33), PlainInput: r.IntN(3) == 0}
	k := pick(r, 1, 2, 3, 3, 3, 4, 5, 7)
	for a := range 3 {
		s.In[a] = 1 + r.IntN(5)
		s.Kernel[a], s.Stride[a], s.Pad[a], s.Dilation[a] = min(k, pick(r, 3, 7)), pick(r, 1, 1, 2, 3), r.IntN(k+1), pick(r, 1, 1, 2, 3)
	}
	s.In[2] = pick(r, 1, 2, 3, 7, 25, 26, 27, 28, 29, 33, 53)
	if r.IntN(2) == 0 {
		s.Stride[2], s.Dilation[2], s.Kernel[2] = 1, 1, 3
	}
	if r.IntN(3) == 0 {
		s.In[0], s.Kernel[0], s.Pad[0] = 1, 1, 0
	}
	if s.PlainInput {
		s.Cin = min(s.Cin, 5)
	}
	return s
}

// TestWorkers demands the same bits of any number of workers.
func TestWorkers(t *testing.T) {
	shapes := []Shape{
		{N: 2, Cin: 17, Cout: 33, In: [3]int{9, 10, 11}, Kernel: cube(3), Pad: cube(1)},
		{N: 1, Cin: 16, Cout: 16, In: [3]int{6, 17, 30}, Kernel: cube(3), Stride: cube(2), Pad: cube(1)},
		{N: 1, Cin: 4, Cout: 16, In: [3]int{8, 20, 33}, Kernel: cube(3), Pad: cube(1), PlainInput: true},
	}
	for _, l := range isa.Levels() {
		for i, s := range shapes {
			p := newProblem(t, s, rand.New(rand.NewPCG(4, uint64(i))))
			var first results
			for _, workers := range []int{1, 2, 3, 8} {
				pool := pool.New(workers)
				got := p.run(t, pool, l)
				pool.Close()
				if workers == 1 {
					first = got
				}
				var want [][]float32
				first.each(func(_ string, v []float32) { want = append(want, v) })
				n := 0
				got.each(func(name string, v []float32) {
					if !slices.Equal(v, want[n]) {
						t.Errorf("%v, %v: %s differs between 1 and %d workers", l, s, name, workers)
					}
					n++
				})
			}
		}
	}
}
