package cpu_test

import (
	"fmt"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// TestMemory holds that what is freed is used again, and counted.
func TestMemory(t *testing.T) {
	e := cpu.New(cpu.Options{Workers: 1})
	defer e.Close()
	a, b := e.New(tensor.Shape{3, 5}, tensor.Plain), e.New(tensor.Shape{2, 1, 1, 2, 3}, tensor.Blocked)
	const segment = 1 << 20 // the least that is got from the system
	want := engine.Memory{InUse: 64 + 768, Peak: 64 + 768, Held: segment}
	if got := e.Memory(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	e.Free(a)
	e.Free(b)
	e.New(tensor.Shape{16}, tensor.Plain)
	want.InUse = 64
	if got := e.Memory(); got != want {
		t.Errorf("after Free: got %+v, want %+v", got, want)
	}
}

// TestNoAllocations holds that no kernel of the networks allocates once it has
// run, with workers that share it, and a new tensor no more than its header.
func TestNoAllocations(t *testing.T) {
	e := device{cpu.New(cpu.Options{Workers: 2})}
	defer e.Close()
	for _, k := range kernels(e) {
		if n := testing.AllocsPerRun(2, k.f); n > 0 {
			t.Errorf("%s: %v allocations, want none", k.name, n)
		}
	}
	for _, l := range layers[:8] {
		out, err := l.w.Out(l.in)
		if err != nil {
			t.Fatal(err)
		}
		x, y := e.blocked(shape(l.n, l.cin, l.in)...), e.blocked(shape(l.n, l.cout, out)...)
		w, b := e.plain(shape(l.cout, l.cin, l.w.Kernel)...), e.plain(l.cout)
		if n := testing.AllocsPerRun(2, func() {
			e.Conv(y, x, w, b, l.w)
			e.ConvGradData(x, y, w, nil, l.w)
			e.ConvGradWeights(w, b, x, y, l.w)
		}); n > 0 {
			t.Errorf("%s: %v allocations, want none", l.name, n)
		}
	}
	s := tensor.Shape{2, 3, 4, 5, 6}
	if n := testing.AllocsPerRun(10, func() { e.Free(e.New(s, tensor.Blocked)) }); n > 1 {
		t.Errorf("a new tensor: %v allocations, want 1", n)
	}
}

// Example multiplies two matrices.
func Example() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	a, c := e.New(tensor.Shape{2, 2}, tensor.Plain), e.New(tensor.Shape{2, 2}, tensor.Plain)
	e.Write(a, []float32{1, 2, 3, 4})
	e.MatMul(c, a, a, nil, engine.MatSpec{})
	out := make([]float32, 4)
	if err := e.Read(out, c); err != nil {
		panic(err)
	}
	fmt.Println(out)
	// Output: [7 10 15 22]
}
