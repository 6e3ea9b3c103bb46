// Package measure measures how fast a device is, in about a second: so that who
// starts a run sees what the device gives, and not what its name promises.
package measure

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Speed is how fast a device is.
type Speed struct {
	Conv float64 // GFLOP/s of a convolution, 3x3x3 from 32 to 32 channels at 32^3 voxels
	Copy float64 // GB/s of a copy of 64 MiB, what is read and what is written counted
}

// String returns "212 GFLOP/s of a 3-D convolution, 18.3 GB/s of a copy".
func (s Speed) String() string {
	return fmt.Sprintf("%.3g GFLOP/s of a 3-D convolution, %.3g GB/s of a copy", s.Conv, s.Copy)
}

// window is how long each kernel is run; what follows bounds the launches,
// whatever the clock says.
const (
	window      = 400 * time.Millisecond
	mostBatches = 4096
	mostInBatch = 256
)

// Device measures e by the clock now. What else runs on the machine slows it
// down: of the batches of launches that it times, the fastest counts. It needs
// 137 MB on the device and frees them.
func Device(e engine.Engine, now func() time.Time) (Speed, error) {
	shape := tensor.Shape{1, 32, 32, 32, 32}
	w := engine.Cube(3, false)
	weights := tensor.Shape{32, 32, 3, 3, 3}
	flop := 2 * float64(weights.Len()*shape.Voxels())
	var s Speed
	var errConv, errCopy error
	with(e, shape, tensor.Blocked, func(x, y *engine.Tensor) {
		k := e.New(weights, tensor.Plain)
		defer e.Free(k)
		e.Fill(x, 0.5)
		e.Fill(k, 1.0/1024)
		s.Conv, errConv = rate(e, now, flop, func() { e.Conv(y, x, k, nil, w) })
	})
	const size = 1 << 24 // floats
	with(e, tensor.Shape{size}, tensor.Plain, func(x, y *engine.Tensor) {
		e.Fill(x, 1)
		s.Copy, errCopy = rate(e, now, 8*size, func() { e.Copy(y, x) })
	})
	return s, errors.Join(errConv, errCopy)
}

// with calls f with two tensors.
func with(e engine.Engine, s tensor.Shape, l tensor.Layout, f func(x, y *engine.Tensor)) {
	x, y := e.New(s, l), e.New(s, l)
	defer e.Free(x)
	defer e.Free(y)
	f(x, y)
}

// rate returns how many units of 10^9 of work a second do does, in the best of
// batches of launches, each long enough for the clock.
func rate(e engine.Engine, now func() time.Time, work float64, do func()) (float64, error) {
	batch := func(n int) (time.Duration, error) {
		start := now()
		for range n {
			do()
		}
		err := e.Wait()
		return now().Sub(start), err
	}
	if _, err := batch(1); err != nil { // drivers compile kernels when they are first used
		return 0, err
	}
	best, n := 0.0, 1
	start := now()
	for i := 0; i < mostBatches && now().Sub(start) < window; i++ {
		took, err := batch(n)
		if err != nil {
			return 0, err
		}
		if took > 0 {
			best = math.Max(best, float64(n)*work/float64(took.Nanoseconds()))
		}
		if took < window/20 {
			n = min(2*n, mostInBatch)
		}
	}
	return best, nil
}
