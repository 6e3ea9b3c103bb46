package opencl_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/opencl"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

func Example() {
	e, err := opencl.New(opencl.Options{})
	if err != nil {
		fmt.Println([]float32{5, 7, 9}) // there is no device to compute it
		return
	}
	defer e.Close()
	x, y := e.New(tensor.Shape{3}, tensor.Plain), e.New(tensor.Shape{3}, tensor.Plain)
	e.Write(x, []float32{1, 2, 3})
	e.Write(y, []float32{4, 5, 6})
	e.Add(y, x, y)

	out := make([]float32, 3)
	if err := e.Read(out, y); err != nil {
		panic(err)
	}
	fmt.Println(out)
	// Output: [5 7 9]
}

func mustOpen(t testing.TB, o opencl.Options) engine.Engine {
	t.Helper()
	mustHaveDevice(t)
	e, err := opencl.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() }) // some tests close it themselves
	return e
}

func TestDevicesSayWhatTheyAre(t *testing.T) {
	mustHaveDevice(t)
	all, err := opencl.Devices()
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range all {
		if d.Index != i || d.Name == "" || d.Platform == "" || d.Kind == "" || d.Units < 1 || d.Memory < 1<<20 || !strings.HasPrefix(d.Version, "OpenCL ") {
			t.Errorf("device %d says of itself %+v", i, d)
		}
	}
}

func TestDeviceIsChosenByIndexOrName(t *testing.T) {
	mustHaveDevice(t)
	all, err := opencl.Devices()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"", "0", all[0].Name, strings.ToUpper(all[0].Platform)} {
		e, err := opencl.New(opencl.Options{Device: want})
		if err != nil {
			t.Errorf("device %q: %v", want, err)
			continue
		}
		if !strings.Contains(e.Name(), all[0].Name) && want != "" {
			t.Errorf("device %q is %s, want %s", want, e.Name(), all[0].Name)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{"99", "no such device"} {
		_, err := opencl.New(opencl.Options{Device: want})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), all[0].Name) {
			t.Errorf("device %q: the error %v does not say what was asked for and what there is", want, err)
		}
	}
}

func TestMemoryIsUsedAgain(t *testing.T) {
	e := mustOpen(t, opencl.Options{})
	for range 3 {
		a, b := e.New(tensor.Shape{1000, 1000}, tensor.Plain), e.New(tensor.Shape{1, 17, 4, 4, 4}, tensor.Blocked)
		e.Fill(a, 1)
		e.Free(a)
		e.Free(b)
	}
	m := e.Memory()
	if m.InUse != 0 || m.Peak != 4*(1000*1000+32*64) || m.Held < m.Peak || m.Held > m.Peak*9/8+1024 {
		t.Errorf("memory is %+v", m)
	}
}

func TestSliceOfASlice(t *testing.T) {
	e := mustOpen(t, opencl.Options{})
	whole := e.New(tensor.Shape{4 * engine.Align}, tensor.Plain)
	e.Fill(whole, 1)
	part := e.Slice(e.Slice(whole, engine.Align, tensor.Shape{2 * engine.Align}), engine.Align, tensor.Shape{3})
	e.Fill(part, 2)
	got := make([]float32, 4*engine.Align)
	if err := e.Read(got, whole); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		want := float32(1)
		if i >= 2*engine.Align && i < 2*engine.Align+3 {
			want = 2
		}
		if v != want {
			t.Fatalf("value %d is %v, want %v", i, v, want)
		}
	}
}

// TestErrorsStay asks for more than a tensor may have.
func TestErrorsStay(t *testing.T) {
	e := mustOpen(t, opencl.Options{})
	x := e.New(tensor.Shape{4}, tensor.Plain)
	e.Fill(x, 1)
	e.Free(e.New(tensor.Shape{1 << 31}, tensor.Plain))
	err := e.Wait()
	if err == nil || !strings.Contains(err.Error(), "2147483648 plain") {
		t.Fatalf("a tensor that is too large: %v", err)
	}
	e.Fill(x, 2) // does nothing
	if again := e.Read(make([]float32, 4), x); !errors.Is(again, err) {
		t.Errorf("Read says %v, want what happened first, %v", again, err)
	}
	if again := e.Close(); !errors.Is(again, err) {
		t.Errorf("Close says %v, want what happened first, %v", again, err)
	}
}

func TestClosedEngineSaysSo(t *testing.T) {
	e := mustOpen(t, opencl.Options{})
	x := e.New(tensor.Shape{4}, tensor.Plain)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e.Fill(x, 1)
	if err := e.Wait(); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a closed engine says %v", err)
	}
}

// TestDroppedEngine drops engines without Close.
func TestDroppedEngine(t *testing.T) {
	mustHaveDevice(t)
	for range 3 {
		e, err := opencl.New(opencl.Options{})
		if err != nil {
			t.Fatal(err)
		}
		e.Write(e.New(tensor.Shape{4}, tensor.Plain), make([]float32, 4))
		runtime.GC()
	}
	runtime.GC()
}

// TestWriteTakesACopy changes what was given to Write while kernels before it
// run.
func TestWriteTakesACopy(t *testing.T) {
	e := mustOpen(t, opencl.Options{})
	x, sum := e.New(tensor.Shape{1 << 16}, tensor.Plain), e.New(tensor.Shape{1 << 16}, tensor.Plain)
	e.Fill(sum, 0)
	values := make([]float32, 1<<16)
	for step := range 50 {
		for i := range values {
			values[i] = float32(step)
		}
		e.Write(x, values)
		e.Add(sum, sum, x)
	}
	if err := e.Read(values, sum); err != nil {
		t.Fatal(err)
	}
	for i, v := range values {
		if v != 49*50/2 {
			t.Fatalf("value %d is %v, want %v", i, v, 49*50/2)
		}
	}
}

// TestLongQueue is of more launches than the queue holds, which must not keep
// memory or events.
func TestLongQueue(t *testing.T) {
	e := mustOpen(t, opencl.Options{})
	x := e.New(tensor.Shape{16}, tensor.Plain)
	e.Fill(x, 0)
	one := e.New(tensor.Shape{16}, tensor.Plain)
	e.Fill(one, 1)
	const launches = 5000
	for range launches {
		e.Add(x, x, one)
	}
	got := make([]float32, 16)
	if err := e.Read(got, x); err != nil {
		t.Fatal(err)
	}
	if got[0] != launches || got[15] != launches {
		t.Errorf("after %d launches: %v", launches, got)
	}
}

// TestOrder mixes calls on a few tensors and their slices, which overlap, so that
// what one call writes last the next may read first, and compares with the same in
// their order.
func TestOrder(t *testing.T) {
	const half, slices, calls = 20000 / engine.Align * engine.Align, 7, 1000
	for _, k := range []opencl.Kernels{opencl.ForCPU, opencl.ForGPU} {
		e := mustOpen(t, opencl.Options{Kernels: k})
		random := rand.New(rand.NewPCG(1, uint64(k)))
		var tensors [3][slices + 1]*engine.Tensor // the last is whole
		var want [3][slices + 1][]float32
		for i := range tensors {
			n := (slices + 1) * half
			x, v := e.New(tensor.Shape{n}, tensor.Plain), make([]float32, n)
			for j := range v {
				v[j] = float32(random.NormFloat64())
			}
			e.Write(x, v)
			tensors[i][slices], want[i][slices] = x, v
			for s := range slices {
				tensors[i][s], want[i][s] = e.Slice(x, s*half, tensor.Shape{2 * half}), v[s*half:(s+2)*half]
			}
		}
		for range calls {
			y, x, s, r := random.IntN(3), random.IntN(2), random.IntN(slices+1), random.IntN(slices)
			x = (y + 1 + x) % 3
			if s == slices {
				r = s
			}
			// A rotation: what is wrong stays.
			e.Axpby(tensors[y][s], 0.8, tensors[x][r], -0.6)
			to, from := want[y][s], want[x][r]
			for n := range to {
				to[n] = 0.8*from[n] - 0.6*to[n]
			}
			if random.IntN(16) == 0 {
				from[random.IntN(len(from))] = 1
				e.Write(tensors[x][r], from)
			}
		}
		for i := range tensors {
			got := make([]float32, len(want[i][slices]))
			if err := e.Read(got, tensors[i][slices]); err != nil {
				t.Fatal(err)
			}
			for n, v := range want[i][slices] {
				// Each rounds as often as it is called for, but not in the same way.
				if !(math.Abs(float64(got[n]-v)) <= 1e-4*max(1, math.Abs(float64(v)))) {
					t.Fatalf("kernels %d, tensor %d, value %d: %v, want %v", k, i, n, got[n], v)
				}
			}
		}
	}
}

// TestShapesOfKernelsAgree compares those for a CPU with those for a GPU on a
// layer that is larger than those of the conformance kit.
func TestShapesOfKernelsAgree(t *testing.T) {
	shape := tensor.Shape{2, 24, 6, 20, 36}
	values := make([]float32, shape.Len())
	for i := range values {
		values[i] = float32(math.Sin(float64(i)))
	}
	weights := values[:24*24*27]
	run := func(k opencl.Kernels) []float32 {
		e := mustOpen(t, opencl.Options{Kernels: k})
		x, y, w := e.New(shape, tensor.Blocked), e.New(shape, tensor.Blocked), e.New(tensor.Shape{24, 24, 3, 3, 3}, tensor.Plain)
		stats := e.New(tensor.Shape{2, 24, 2}, tensor.Plain)
		e.Write(x, values)
		e.Write(w, weights)
		e.Conv(y, x, w, nil, engine.Cube(3, false))
		e.Norm(x, stats, y, nil, nil, nil, engine.NormSpec{Eps: 1e-5, Slope: 0.01})
		e.ConvGradData(y, x, w, nil, engine.Cube(3, false))
		out := make([]float32, shape.Len())
		if err := e.Read(out, y); err != nil {
			t.Fatal(err)
		}
		return out
	}
	cpu, gpu := run(opencl.ForCPU), run(opencl.ForGPU)
	for i := range cpu {
		// Sums of 648 terms of size 1 in other orders.
		if d := math.Abs(float64(cpu[i] - gpu[i])); !(d < 1e-3) {
			t.Fatalf("value %d is %v for a CPU, %v for a GPU", i, cpu[i], gpu[i])
		}
	}
}

// TestTuningIsKept runs a convolution in two processes' worth of engines.
func TestTuningIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	convolve := func() []float32 {
		e := mustOpen(t, opencl.Options{Kernels: opencl.ForGPU, CacheDir: dir})
		shape := tensor.Shape{1, 33, 2, 3, 9}
		x, y, w := e.New(shape, tensor.Blocked), e.New(shape, tensor.Blocked), e.New(tensor.Shape{33, 33, 1, 3, 3}, tensor.Plain)
		e.Fill(x, 0.3)
		e.Fill(w, 0.7)
		e.Conv(y, x, w, nil, engine.Cube(3, true))
		out := make([]float32, shape.Len())
		if err := errors.Join(e.Read(out, y), e.Close()); err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := convolve()
	files, err := filepath.Glob(filepath.Join(dir, "opencl-*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the cache has %v, want one file: %v", files, err)
	}
	kept, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"as it is": string(kept), "another choice": strings.NewReplacer("4x1", "8x2", "8x1", "4x2", "4x2", "8x1", "8x2", "4x1").Replace(string(kept)),
		"damaged": "{", "of another program": `{"a": "b"}`, "null": "null",
	} {
		if err := os.WriteFile(files[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if again := convolve(); !slices.Equal(again, first) {
			t.Errorf("%s: other bits", name)
		}
		now, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "pass") && string(now) != text {
			t.Errorf("%s: what was kept was measured again: %s", name, now)
		}
	}
}
