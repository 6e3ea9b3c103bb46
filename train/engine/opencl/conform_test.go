package opencl_test

import (
	"os"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/enginetest"
	"github.com/lacuna-ml/lacuna/train/engine/opencl"
)

// mustHaveDevice skips a test where there is no device, or fails it where
// LACUNA_FORBID_SKIP is 1.
func mustHaveDevice(t testing.TB) {
	t.Helper()
	all, err := opencl.Devices()
	switch {
	case len(all) > 0:
	case os.Getenv("LACUNA_FORBID_SKIP") == "1":
		t.Fatalf("no OpenCL device (%v), and LACUNA_FORBID_SKIP is set", err)
	default:
		t.Skipf("SKIPPED, nothing of this was tested: no OpenCL device: %v", err)
	}
}

func TestConformance(t *testing.T) {
	mustHaveDevice(t)
	for _, row := range []struct {
		name string
		o    opencl.Options
	}{
		{"for a CPU", opencl.Options{Kernels: opencl.ForCPU}},
		{"for a GPU", opencl.Options{Kernels: opencl.ForGPU}},
		{"for a CPU, half", opencl.Options{Kernels: opencl.ForCPU, Half: true}},
		{"for a GPU, half", opencl.Options{Kernels: opencl.ForGPU, Half: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			open := func() engine.Engine {
				e, err := opencl.New(row.o)
				if err != nil {
					t.Fatal(err)
				}
				return e
			}
			enginetest.Run(t, open, enginetest.Options{Half: row.o.Half})
			enginetest.Golden(t, open, enginetest.Options{Half: row.o.Half})
		})
	}
}
