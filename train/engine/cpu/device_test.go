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
	want := engine.Memory{InUse: 64 + 768, Peak: 64 + 768, Held: 64 + 768}
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
