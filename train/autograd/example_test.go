package autograd_test

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// A layer of two classes, and the gradient of its cross-entropy to the weights.
func Example() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	w, dw := e.New(tensor.Shape{2, 3}, tensor.Plain), e.New(tensor.Shape{2, 3}, tensor.Plain)
	e.Fill(w, 0)

	t := autograd.New(e)
	x := t.Temp([]float32{1, 2, 3}, tensor.Plain, 1, 3)
	target := t.Temp([]float32{0, 1}, tensor.Plain, 1, 2)
	l := t.CrossEntropy(t.Linear(x, t.Leaf(w, dw), nil), target.Value, 1)
	loss, err := l.Value()
	if err != nil {
		panic(err)
	}
	if err := t.Backward(); err != nil {
		panic(err)
	}
	grad := make([]float32, 6)
	if err := e.Read(grad, dw); err != nil {
		panic(err)
	}
	fmt.Printf("%.3f %v\n", loss, grad)

	x = t.Temp([]float32{1, 2, 3}, tensor.Plain, 1, 3) // the first went with Backward
	t.Linear(x, t.Const(w), t.Const(w))
	fmt.Println(t.Backward())
	// Output:
	// 0.693 [0.5 1 1.5 -0.5 -1 -1.5]
	// autograd: linear: bias 2x3 does not fit weights 2x3
}
