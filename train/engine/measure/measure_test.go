package measure_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/engine/measure"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

func Example() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	s, err := measure.Device(e, time.Now)
	fmt.Println(s.Conv > 0, s.Copy > 0, err)
	// Output: true true <nil>
}

// clocked is a device whose kernels take the time that they are given.
type clocked struct {
	engine.Check
	now        time.Time
	conv, copy time.Duration
	tensors    int
	err        error
}

func (c *clocked) Name() string             { return "clocked" }
func (c *clocked) Wait() error              { return c.err }
func (c *clocked) Close() error             { return nil }
func (c *clocked) Memory() engine.Memory    { return engine.Memory{} }
func (c *clocked) Free(*engine.Tensor)      { c.tensors-- }
func (c *clocked) Copy(y, x *engine.Tensor) { c.now = c.now.Add(c.copy) }
func (c *clocked) Conv(y, x, w, b *engine.Tensor, s engine.Window) {
	c.Check.Conv(y, x, w, b, s)
	c.now = c.now.Add(c.conv)
}

func (c *clocked) New(s tensor.Shape, l tensor.Layout) *engine.Tensor {
	c.Check.New(s, l)
	c.tensors++
	return &engine.Tensor{Shape: s, Layout: l}
}

func (c *clocked) Slice(t *engine.Tensor, off int, s tensor.Shape) *engine.Tensor { panic("unused") }
func (c *clocked) View(t *engine.Tensor, s tensor.Shape) *engine.Tensor           { panic("unused") }

func TestDevice(t *testing.T) {
	e := &clocked{conv: 9 * time.Millisecond, copy: 30 * time.Microsecond}
	s, err := measure.Device(e, func() time.Time { return e.now })
	if err != nil {
		t.Fatal(err)
	}
	// 32 x 32 x 27 x 2 x 32768 operations, and twice 64 MiB.
	wantConv, wantCopy := 1811939328/9e-3/1e9, 134217728/30e-6/1e9
	if math.Abs(s.Conv/wantConv-1) > 1e-9 || math.Abs(s.Copy/wantCopy-1) > 1e-9 {
		t.Errorf("got %v, want %v and %v", s, wantConv, wantCopy)
	}
	if e.tensors != 0 {
		t.Errorf("%d tensors are left", e.tensors)
	}
}

func TestErrorOfTheDevice(t *testing.T) {
	e := &clocked{err: errors.New("lost")}
	if _, err := measure.Device(e, func() time.Time { return e.now }); !errors.Is(err, e.err) {
		t.Errorf("got %v", err)
	}
	if e.tensors != 0 {
		t.Errorf("%d tensors are left", e.tensors)
	}
}

// TestClockThatStands holds that a measurement ends, whatever the clock does.
func TestClockThatStands(t *testing.T) {
	e := &clocked{}
	if s, err := measure.Device(e, func() time.Time { return e.now }); err != nil || s != (measure.Speed{}) {
		t.Errorf("got %v, %v, want nothing", s, err)
	}
}
