//go:build !race

package opencl_test

import (
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/opencl"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// The race detector allocates by itself: not under it.
func TestLaunchesDoNotAllocate(t *testing.T) {
	e := mustOpen(t, opencl.Options{})
	shape := tensor.Shape{1, 16, 4, 4, 4}
	x, y, w := e.New(shape, tensor.Blocked), e.New(shape, tensor.Blocked), e.New(tensor.Shape{16, 16, 3, 3, 3}, tensor.Plain)
	stats := e.New(tensor.Shape{1, 16, 2}, tensor.Plain)
	e.Fill(x, 1)
	e.Fill(w, 1)
	step := func() {
		e.Conv(y, x, w, nil, engine.Cube(3, false))
		e.Norm(x, stats, y, nil, nil, nil, engine.NormSpec{Eps: 1e-5})
		e.ConvGradWeights(w, nil, x, y, engine.Cube(3, false))
		e.Add(x, x, y)
	}
	step()
	if n := testing.AllocsPerRun(100, step); n > 0.5 {
		t.Errorf("four calls allocate %v times", n)
	}
}
