package enginetest

import (
	"flag"
	"math"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// halves is the reference with blocked tensors in half precision, as far as
// the host can see: they are rounded when they are written and when they are
// read, and a kernel computes with what was read last.
type halves struct{ engine.Engine }

func (h halves) Write(t *engine.Tensor, plain []float32) {
	h.Engine.Write(t, plain)
	round(t)
}

func (h halves) Read(plain []float32, t *engine.Tensor) error {
	round(t)
	return h.Engine.Read(plain, t)
}

func round(t *engine.Tensor) {
	for i, v := range values(t) {
		if t.Layout == tensor.Blocked {
			values(t)[i] = half(v)
		}
	}
}

// half returns the nearest value of half precision: 11 bits down to 2^-24.
func half(v float32) float32 {
	if v == 0 || math.IsInf(float64(v), 0) || isNaN(v) {
		return v
	}
	_, e := math.Frexp(float64(v))
	unit := math.Ldexp(1, max(e-11, -24))
	return float32(math.RoundToEven(float64(v)/unit) * unit)
}

func TestHalf(t *testing.T) {
	fewer(t)
	open := func() engine.Engine { return halves{reference.New()} }
	Run(t, open, Options{Half: true})
	Golden(t, open, Options{Half: true})
}

// Halves are not floats. Not with fewer draws: some are of layouts, sizes or values
// that half precision has, and in 4 runs of 60 all twenty were.
func TestHalfIsSeen(t *testing.T) {
	for _, name := range []string{"Conv", "Norm", "Upsample", "Mul"} {
		r := &recorder{name: t.Name()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			runOne(r, name, func() engine.Engine { return halves{reference.New()} })
		}()
		if <-done; !r.failed {
			t.Errorf("%s: half precision passed for float32", name)
		}
	}
}

// fewer makes rapid check fewer draws in this test, which others make in full.
func fewer(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	if err := checks.Value.Set("20"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := checks.Value.Set(before); err != nil {
			t.Error(err)
		}
	})
}
