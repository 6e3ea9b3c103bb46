package vec_test

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/vec"
)

func Example() {
	u := vec.New(isa.Best)
	x, y := []float32{1, 2, 3}, []float32{10, 20, 30}
	fmt.Println(u.Dot(x, y))
	u.Axpby(y, 2, x, 1)
	fmt.Println(y)
	// Output:
	// 140
	// [12 24 36]
}
