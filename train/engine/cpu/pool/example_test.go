package pool_test

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// squares writes the square of each task's number.
type squares []int

func (s squares) Do(task, _ int) { s[task] = task * task }

func Example() {
	p := pool.New(2)
	defer p.Close()
	s := make(squares, 5)
	p.Run(s, len(s))
	fmt.Println(s)
	// Output: [0 1 4 9 16]
}
