package conv_test

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/conv"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// A 3x3 box filter of an image, and what each pixel weighs in the result.
func Example() {
	pool := pool.New(2)
	defer pool.Close()
	c, err := conv.New(conv.Shape{
		N: 1, Cin: 1, Cout: 1,
		In: [3]int{1, 3, 4}, Kernel: [3]int{1, 3, 3}, Pad: [3]int{0, 1, 1},
	}, pool, isa.Best)
	if err != nil {
		fmt.Println(err)
		return
	}
	image := []float32{
		1, 2, 3, 4,
		5, 6, 7, 8,
		9, 10, 11, 12,
	}
	w := []float32{1, 1, 1, 1, 1, 1, 1, 1, 1}

	x, y := make([]float32, c.InputSize()), make([]float32, c.OutputSize())
	layouts := conv.Converter{Pool: pool}
	layouts.ToBlocked(x, image, 1, 1, len(image))
	packed := make([]float32, c.PackedSize())
	c.Pack(packed, w, nil)
	c.Forward(y, x, packed)
	out := make([]float32, len(image))
	layouts.ToPlain(out, y, 1, 1, len(out))
	fmt.Println(out)

	dw, db := make([]float32, len(w)), make([]float32, 1)
	c.GradWeights(dw, db, x, x, make([]float32, c.WorkSize())) // as if dy were x
	fmt.Println(dw[4], db[0])
	// Output:
	// [14 24 30 22 33 54 63 45 30 48 54 38]
	// 650 78
}
