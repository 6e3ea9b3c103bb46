package opencl_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/opencl"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// TestBitsDoNotDependOnCores runs some kernels in processes in which PoCL has
// one, two and five threads, which other drivers take no notice of.
func TestBitsDoNotDependOnCores(t *testing.T) {
	mustHaveDevice(t)
	if os.Getenv("LACUNA_TEST_BITS") != "" {
		fmt.Printf("bits %x\n", bits(t))
		return
	}
	first := ""
	for _, threads := range []string{"1", "2", "5"} {
		line := again(t, "LACUNA_TEST_BITS=1", "POCL_MAX_PTHREAD_COUNT="+threads)
		if !strings.HasPrefix(line, "bits ") {
			t.Fatalf("the process says %s", line)
		}
		if first == "" {
			first = line
		}
		if line != first {
			t.Errorf("%s threads: %s, one: %s", threads, line, first)
		}
	}
}

// again runs the test in a process of its own, with more in its environment, and
// returns the first line that it prints.
func again(t *testing.T, env ...string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// TestNoDriver hides the drivers from the loader, in a process of its own.
func TestNoDriver(t *testing.T) {
	if os.Getenv("LACUNA_TEST_NO_DRIVER") != "" {
		_, err := opencl.New(opencl.Options{})
		fmt.Println(err)
		return
	}
	mustHaveDevice(t)
	if out := again(t, "LACUNA_TEST_NO_DRIVER=1", "OCL_ICD_VENDORS=/nonexistent"); !strings.Contains(out, "no device; install") {
		t.Errorf("without a driver New says %q", out)
	}
}

// bits returns a hash of what kernels that sum write, for both shapes.
func bits(t *testing.T) [32]byte {
	var all []byte
	for _, k := range []opencl.Kernels{opencl.ForCPU, opencl.ForGPU} {
		e := mustOpen(t, opencl.Options{Kernels: k})
		shape, w := tensor.Shape{2, 20, 9, 17, 24}, engine.Cube(3, false)
		x, y, dx := e.New(shape, tensor.Blocked), e.New(shape, tensor.Blocked), e.New(shape, tensor.Blocked)
		weights, dw := e.New(tensor.Shape{20, 20, 3, 3, 3}, tensor.Plain), e.New(tensor.Shape{20, 20, 3, 3, 3}, tensor.Plain)
		stats, gamma, sum := e.New(tensor.Shape{2, 20, 2}, tensor.Plain), e.New(tensor.Shape{20}, tensor.Plain), e.New(tensor.Shape{2}, tensor.Plain)
		db := e.New(tensor.Shape{20}, tensor.Plain)
		values := make([]float32, shape.Len())
		for i := range values {
			values[i] = float32(math.Sin(float64(i)))
		}
		e.Write(x, values)
		e.Write(weights, values[:weights.Shape.Len()])
		e.Fill(gamma, 1.5)
		s := engine.NormSpec{Eps: 1e-5, Slope: 0.01}
		e.Conv(y, x, weights, nil, w)
		e.Norm(dx, stats, y, gamma, gamma, x, s)
		e.ConvGradWeights(dw, db, x, dx, w)
		e.ConvGradData(y, dx, weights, nil, w)
		e.NormGrad(dx, nil, nil, nil, y, x, x, stats, nil, s)
		e.DotSamples(sum, y, dx)
		for _, r := range []*engine.Tensor{y, dx, dw, db, stats, sum} {
			out := make([]float32, r.Shape.Len())
			if err := e.Read(out, r); err != nil {
				t.Fatal(err)
			}
			for _, v := range out {
				all = binary.LittleEndian.AppendUint32(all, math.Float32bits(v))
			}
		}
	}
	return sha256.Sum256(all)
}
