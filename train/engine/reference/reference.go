// Package reference is the specification of a device in code: each kernel of
// [engine.Engine] in the plainest loops, with sums in float64. Other devices
// are compared with it, by package enginetest; it is itself compared with
// central differences and with PyTorch.
//
// It is slow, and strict where a device may be lax: memory is NaN when it is
// new and again when it is freed, what fills up the last block included, and a
// tensor that was freed or returned by another device panics.
package reference

import (
	"math"
	"slices"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

type device struct {
	memory engine.Memory
	owned  map[*engine.Tensor]bool // what New returned and Free has not got back
}

// check refuses what does not fit.
var check engine.Check

// New returns the device.
func New() engine.Engine { return &device{owned: map[*engine.Tensor]bool{}} }

func (*device) Name() string { return "reference, plain loops" }

func (e *device) New(s tensor.Shape, l tensor.Layout) *engine.Tensor {
	check.New(s, l)
	data := make([]float32, tensor.Floats(s, l))
	poison(data)
	t := &engine.Tensor{Shape: slices.Clone(s), Layout: l, Buf: data}
	e.owned[t] = true
	e.memory.InUse += 4 * int64(len(data))
	e.memory.Peak = max(e.memory.Peak, e.memory.InUse)
	e.memory.Held = e.memory.InUse
	return t
}

func (e *device) Free(t *engine.Tensor) {
	if !e.owned[t] {
		panic("reference: Free: " + t.String() + " is not from New, or was freed before")
	}
	delete(e.owned, t)
	poison(values(t))
	e.memory.InUse -= 4 * int64(len(values(t)))
	e.memory.Held = e.memory.InUse
	t.Buf = nil
}

func poison(data []float32) {
	for i := range data {
		data[i] = float32(math.NaN())
	}
}

func (e *device) Slice(t *engine.Tensor, off int, s tensor.Shape) *engine.Tensor {
	check.Slice(t, off, s)
	return &engine.Tensor{Shape: slices.Clone(s), Layout: t.Layout, Buf: values(t)[off : off+s.Len()]}
}

func (e *device) View(t *engine.Tensor, s tensor.Shape) *engine.Tensor {
	check.View(t, s)
	return &engine.Tensor{Shape: slices.Clone(s), Layout: t.Layout, Buf: values(t)}
}

func (e *device) Write(t *engine.Tensor, plain []float32) {
	check.Write(t, plain)
	at := places(t)
	for i, v := range plain {
		values(t)[at(i)] = v
	}
}

func (e *device) Read(plain []float32, t *engine.Tensor) error {
	_ = check.Read(plain, t)
	at := places(t)
	for i := range plain {
		plain[i] = values(t)[at(i)]
	}
	return nil
}

func (*device) Wait() error { return nil }

func (e *device) Memory() engine.Memory { return e.memory }

func (e *device) Close() error {
	for t := range e.owned {
		e.Free(t)
	}
	return nil
}

// values returns the memory of t, in the order of its layout.
func values(t *engine.Tensor) []float32 { return t.Buf.([]float32) }

// places returns where value i in plain order lies in the memory of t. What
// fills up the last block is nowhere.
func places(t *engine.Tensor) func(i int) int {
	if t.Layout == tensor.Plain {
		return func(i int) int { return i }
	}
	c, voxels := t.Shape[1], t.Shape.Voxels()
	return func(i int) int {
		return tensor.Index(t.Shape, t.Layout, i/voxels/c, i/voxels%c, i%voxels)
	}
}

// sample returns value i, in plain order, of sample n.
type sample func(n, i int) *float32

// samples returns the values of t by sample, and how many each has.
func samples(t *engine.Tensor) (at sample, count int) {
	data, place := values(t), places(t)
	count = t.Shape.Len() / t.Shape[0]
	return func(n, i int) *float32 { return &data[place(n*count+i)] }, count
}

// volumes returns the value n, c, d, h, w of a tensor of rank 5, in either
// layout. Weights, [Cout][Cin][kd][kh][kw], are read in the same way.
func volumes(t *engine.Tensor) func(n, c int, v voxel) *float32 {
	data := values(t)
	return func(n, c int, v voxel) *float32 {
		return &data[tensor.Index(t.Shape, t.Layout, n, c, (v[0]*t.Shape[3]+v[1])*t.Shape[4]+v[2])]
	}
}

// voxel is a place d, h, w.
type voxel [3]int

// size returns D, H, W.
func size(t *engine.Tensor) voxel { return voxel(t.Shape[2:]) }

// each calls f for every voxel below the size, in order.
func (size voxel) each(f func(v voxel)) {
	for d := range size[0] {
		for h := range size[1] {
			for w := range size[2] {
				f(voxel{d, h, w})
			}
		}
	}
}

// has reports whether v is a voxel below the size.
func (size voxel) has(v voxel) bool {
	return v[0] >= 0 && v[0] < size[0] && v[1] >= 0 && v[1] < size[1] && v[2] >= 0 && v[2] < size[2]
}
