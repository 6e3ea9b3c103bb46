package reference_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// A row of five voxels convolved with (1, 2, 3), with a border of zeros.
func Example() {
	e := reference.New()
	x := e.New(tensor.Shape{1, 1, 1, 1, 5}, tensor.Blocked)
	y := e.New(tensor.Shape{1, 1, 1, 1, 5}, tensor.Blocked)
	w := e.New(tensor.Shape{1, 1, 1, 1, 3}, tensor.Plain)
	e.Write(x, []float32{1, 0, 0, 2, 1})
	e.Write(w, []float32{1, 2, 3})

	e.Conv(y, x, w, nil, engine.Window{Kernel: [3]int{1, 1, 3}, Pad: [3]int{0, 0, 1}})

	out := make([]float32, 5)
	if err := e.Read(out, y); err != nil {
		panic(err)
	}
	fmt.Println(out)
	// Output: [2 1 6 7 4]
}

func TestMemoryIsPoisoned(t *testing.T) {
	e := reference.New()
	x := e.New(tensor.Shape{1, 3, 1, 1, 2}, tensor.Blocked)
	mustBeNaN := func() {
		t.Helper()
		for i, v := range x.Buf.([]float32) {
			if !math.IsNaN(float64(v)) {
				t.Fatalf("float %d is %v", i, v)
			}
		}
	}
	mustBeNaN()
	e.Fill(x, 1)
	view := e.View(x, x.Shape)
	e.Free(x)
	x = view
	mustBeNaN()
	if m := e.Memory(); m.InUse != 0 || m.Peak != 4*2*tensor.Lanes {
		t.Errorf("memory %+v", m)
	}
}

// What fills up the last block is no value: kernels neither read nor write it.
func TestLastBlockStaysPoisoned(t *testing.T) {
	e := reference.New()
	x := e.New(tensor.Shape{1, 3, 1, 1, 1}, tensor.Blocked)
	e.Write(x, []float32{1, 2, 3})
	e.Axpby(x, 2, x, 0)
	for i, v := range x.Buf.([]float32) {
		if i < 3 && v != 2*float32(i+1) || i >= 3 && !math.IsNaN(float64(v)) {
			t.Errorf("float %d is %v", i, v)
		}
	}
}

func TestUseAfterFreePanics(t *testing.T) {
	e := reference.New()
	x := e.New(tensor.Shape{2}, tensor.Plain)
	e.Free(x)
	for name, f := range map[string]func(){
		"free": func() { e.Free(x) },
		"use":  func() { e.Fill(x, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

func TestBadShapesAreNamed(t *testing.T) {
	e := reference.New()
	x, y := e.New(tensor.Shape{2, 3}, tensor.Plain), e.New(tensor.Shape{3, 2}, tensor.Plain)
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "Add") || !strings.Contains(got, "2x3") || !strings.Contains(got, "3x2") {
			t.Errorf("the panic says %q", got)
		}
	}()
	e.Add(x, x, y)
}
