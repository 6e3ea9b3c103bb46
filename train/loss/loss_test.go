package loss_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/loss"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Of two voxels the network is sure, and right, about one region; the other is
// an even chance.
func Example() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	t := autograd.New(e)
	logits := t.Temp([]float32{20, -20, 0, 0}, tensor.Plain, 1, 2, 1, 1, 2)
	target := ingest.Labels{Shape: []int{1, 1, 2}, Data: []uint8{1, 0}}
	l, err := loss.Regions{Classes: [][]uint8{{1, 2}, {2}}}.On(t, logits, []ingest.Labels{target})
	if err != nil {
		panic(err)
	}
	v, err := l.Value()
	if err != nil {
		panic(err)
	}
	fmt.Printf("%.4f\n", v) // Dice (1/3 + 1)/2, and ln 2
	// Output: 1.3598
}

// evaluate puts logits on a device and returns loss and gradient.
func evaluate(t *testing.T, o loss.Objective, values []float32, targets []ingest.Labels, shape ...int) (float64, []float32) {
	t.Helper()
	e := cpu.New(cpu.Options{Workers: 1, Poison: true})
	defer e.Close()
	x, dx := e.New(shape, tensor.Plain), e.New(shape, tensor.Plain)
	e.Write(x, values)
	tape := autograd.New(e)
	l, err := o.On(tape, tape.Leaf(x, dx), targets)
	if err != nil {
		t.Fatal(err)
	}
	v, err := l.Value()
	if err != nil {
		t.Fatal(err)
	}
	if err := tape.Backward(); err != nil {
		t.Fatal(err)
	}
	g := make([]float32, len(values))
	if err := e.Read(g, dx); err != nil {
		t.Fatal(err)
	}
	return v, g
}

// compare compares loss and gradient with f and its central differences, both in
// float64: what is left are roundings of float32.
func compare(t *testing.T, got float64, grad, x []float32, f func(x []float64) float64) {
	t.Helper()
	at := make([]float64, len(x))
	for i, v := range x {
		at[i] = float64(v)
	}
	if want := f(at); math.Abs(got-want) > 1e-5*(1+math.Abs(want)) {
		t.Errorf("loss %v, want %v", got, want)
	}
	const h = 1e-5
	for i := range at {
		was := at[i]
		at[i] = was + h
		up := f(at)
		at[i] = was - h
		want := (up - f(at)) / (2 * h)
		at[i] = was
		if math.Abs(float64(grad[i])-want) > 1e-5*(1+math.Abs(want)) {
			t.Errorf("gradient %d is %v, want %v", i, grad[i], want)
		}
	}
}

func some(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32((i*37)%19)/4 - 2
	}
	return v
}

func TestClasses(t *testing.T) {
	for _, smoothing := range []float64{0, .3} {
		t.Run(fmt.Sprint("smoothing ", smoothing), func(t *testing.T) {
			const n = 4
			labels := []int{2, 0, 3}
			var targets []ingest.Labels
			for _, l := range labels {
				targets = append(targets, ingest.Class(uint8(l)))
			}
			x := some(3 * n)
			v, g := evaluate(t, loss.Classes{N: n, Smoothing: smoothing}, x, targets, 3, n)
			compare(t, v, g, x, func(x []float64) float64 {
				sum := 0.0
				for r, label := range labels {
					total := 0.0
					for k := range n {
						total += math.Exp(x[r*n+k])
					}
					for k := range n {
						p := smoothing / n
						if k == label {
							p += 1 - smoothing
						}
						sum -= p * (x[r*n+k] - math.Log(total)) / 3
					}
				}
				return sum
			})
		})
	}
}

// TestRegions compares with the formula of the package's comment, voxel by
// voxel.
func TestRegions(t *testing.T) {
	const samples, voxels = 2, 2 * 2 * 3
	classes := [][]uint8{{3}, {1, 2, 3}, {1, 3}}
	var targets []ingest.Labels
	for n := range samples {
		l := ingest.Labels{Shape: []int{2, 2, 3}, Data: make([]uint8, voxels)}
		for i := range l.Data {
			l.Data[i] = uint8((i*5 + n) % 4 * (1 - n)) // the second sample has no region at all
		}
		targets = append(targets, l)
	}
	x := some(samples * 3 * voxels)
	x[5], x[40] = 90, -90 // sure of itself, and nothing overflows
	v, g := evaluate(t, loss.Regions{Classes: classes}, x, targets, samples, 3, 2, 2, 3)
	compare(t, v, g, x, func(x []float64) float64 {
		dice, bce := 0.0, 0.0
		for n, target := range targets {
			for c := range classes {
				var both, p, y float64
				for i, l := range target.Data {
					in := 0.0
					for _, k := range classes[c] {
						if l == k {
							in = 1
						}
					}
					z := x[(n*3+c)*voxels+i]
					s := 1 / (1 + math.Exp(-z))
					both, p, y = both+s*in, p+s, y+in
					bce += (math.Max(z, 0) - z*in + math.Log1p(math.Exp(-math.Abs(z)))) / samples / voxels
				}
				dice += (1 - 2*both/(p+y+1)) / samples / 3
			}
		}
		return dice + bce
	})
}

func TestErrors(t *testing.T) {
	volume := ingest.Labels{Shape: []int{1, 2, 2}, Data: make([]uint8, 4)}
	regions := loss.Regions{Classes: [][]uint8{{1}, {2}}}
	for _, c := range []struct {
		name    string
		o       loss.Objective
		targets []ingest.Labels
		shape   []int
		want    string
	}{
		{"a class too high", loss.Classes{N: 3}, []ingest.Labels{ingest.Class(2), ingest.Class(3)}, []int{2, 3}, "sample 1"},
		{"no class", loss.Classes{N: 3}, []ingest.Labels{{}}, []int{1, 3}, "sample 0"},
		{"a map for a class", loss.Classes{N: 3}, []ingest.Labels{volume}, []int{1, 3}, "sample 0"},
		{"too many logits", loss.Classes{N: 3}, []ingest.Labels{ingest.Class(1)}, []int{2, 3}, "1x3 does not fit logits 2x3"},
		{"a class for regions", regions, []ingest.Labels{ingest.Class(1)}, []int{1, 2, 1, 2, 2}, "sample 0"},
		{"samples", regions, []ingest.Labels{volume, volume}, []int{1, 2, 1, 2, 2}, "1x2x1x2x2"},
		{"regions", regions, []ingest.Labels{volume}, []int{1, 3, 1, 2, 2}, "1x3x1x2x2"},
		{"logits of a class", regions, []ingest.Labels{volume}, []int{1, 2}, "1x2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := cpu.New(cpu.Options{Workers: 1})
			defer e.Close()
			tape := autograd.New(e)
			x := tape.Buffer(c.shape...)
			e.Fill(x, 0)
			l, err := c.o.On(tape, tape.Const(x), c.targets)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
			if v, _ := l.Value(); v != 0 {
				t.Errorf("a loss of %v", v)
			}
		})
	}
}

// A network that failed to build is the error that is reported, not its logits.
func TestFailedTape(t *testing.T) {
	e := cpu.New(cpu.Options{Workers: 1})
	defer e.Close()
	for name, o := range map[string]loss.Objective{"classes": loss.Classes{N: 2}, "regions": loss.Regions{Classes: [][]uint8{{1}}}} {
		tape := autograd.New(e)
		logits := tape.View(tape.Const(tape.Buffer(2, 3)), 5)
		if _, err := o.On(tape, logits, []ingest.Labels{ingest.Class(1)}); err == nil || !strings.Contains(err.Error(), "view") {
			t.Errorf("%s: error %v", name, err)
		}
		tape.Reset()
	}
}
