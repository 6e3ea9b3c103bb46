package enginetest

import (
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
	"pgregory.net/rapid"
)

// Options say what a device is. The zero value is one of float32.
type Options struct {
	// Half says that blocked tensors are kept in half precision.
	Half bool
	// Same open engines that must give the same bits: the device with other
	// numbers of workers.
	Same []func() engine.Engine
}

// Run checks the device that open returns, a new one each time, as the
// package's comment says. The reference's loops take some ten seconds of one core;
// rapid's flags and -short bound them.
func Run(t *testing.T, open func() engine.Engine, o Options) {
	for _, k := range kernels {
		t.Run(k.name, func(t *testing.T) {
			b := newBench(open, o)
			defer b.close(t)
			rapid.Check(t, func(r *rapid.T) { b.check(r, k) })
		})
	}
	for _, m := range memories {
		t.Run(m.name, func(t *testing.T) {
			b := newBench(open, o)
			defer b.close(t)
			m.check(t, b)
		})
	}
}

// bench is a device beside the reference.
type bench struct {
	device, reference engine.Engine
	same              []engine.Engine
	o                 Options
}

func newBench(open func() engine.Engine, o Options) *bench {
	b := &bench{device: open(), reference: reference.New(), o: o}
	for _, f := range o.Same {
		b.same = append(b.same, f())
	}
	return b
}

func (b *bench) close(t rapid.TB) {
	for _, e := range append(b.same, b.device, b.reference) {
		if err := e.Close(); err != nil {
			t.Errorf("%s: Close: %v", e.Name(), err)
		}
	}
}
