package distill_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Two modalities, the first of which is three times as important.
func Example() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	t := autograd.New(e)
	features := t.Temp([]float32{1, 2, 3, 4}, tensor.Plain, 2, 2) // one sample: (1, 2) and (3, 4)
	u := []float32{float32(math.Log(3)), 0}
	o := distill.Options{Alpha: .1}
	l := o.On(t, features, u, []modality.Mask{0b11})
	v, err := l.Value()
	if err != nil {
		panic(err)
	}
	fmt.Printf("weights %.2f, loss %.4f\n", o.Weights(u), v) // 0.1 (3 + 1/3) 2
	// Output: weights [0.75 0.25], loss 0.6667
}

var activations = []string{"", distill.Softmax, distill.ReLU, distill.Sigmoid, distill.Raw}

func TestWeights(t *testing.T) {
	u := []float32{1, -1, 0}
	for activation, want := range map[string][]float64{
		"":              {.66524096, .09003057, .24472847},
		distill.Softmax: {.66524096, .09003057, .24472847},
		distill.ReLU:    {1, 0, 0},
		distill.Sigmoid: {.73105858, .26894142, .5},
		distill.Raw:     {1, -1, 0},
	} {
		got := distill.Options{Activation: activation}.Weights(u)
		if !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-8 }) {
			t.Errorf("%q: weights %v, want %v", activation, got, want)
		}
	}
	if got := (distill.Options{}).Weights([]float32{1000, 999}); math.Abs(got[0]-1/(1+math.Exp(-1))) > 1e-8 {
		t.Errorf("large importances have the weights %v", got)
	}
}

// TestCoefficients holds that a pair has the coefficient alpha/B w_i/w_j where
// both are present (method: ordered pairs, teacher first), else 0.
func TestCoefficients(t *testing.T) {
	u := []float32{1, .5, 2}
	present := []modality.Mask{0b111, 0b101, 0b010}
	for _, activation := range activations {
		o := distill.Options{Alpha: .1, Activation: activation}
		w, coef := o.Weights(u), o.Coefficients(u, present)
		for b, mask := range present {
			for i := range 3 {
				for j := range 3 {
					want := 0.0
					if i != j && mask.Has(i) && mask.Has(j) {
						want = .1 / 3 * w[i] / w[j]
					}
					if got := float64(coef[(b*3+i)*3+j]); math.Abs(got-want) > 1e-7 {
						t.Errorf("%q: sample %d, teacher %d, student %d: %v, want %v", activation, b, i, j, got, want)
					}
				}
			}
		}
	}
}

func TestRatio(t *testing.T) {
	w := []float64{.8, .1, 0, -.2}
	for _, c := range []struct {
		clamp float64
		i, j  int
		want  float64
	}{
		{0, 0, 1, 8}, {0, 1, 0, .125}, {0, 0, 2, .8e6}, {0, 0, 3, -4},
		{2, 0, 1, 2}, {2, 1, 0, .5}, {10, 0, 1, 8},
	} {
		if got := (distill.Options{Clamp: c.clamp}).Ratio(w, c.i, c.j); math.Abs(got-c.want) > 1e-9*math.Abs(c.want) {
			t.Errorf("clamp %v: w[%d]/w[%d] = %v, want %v", c.clamp, c.i, c.j, got, c.want)
		}
	}
}

// TestLoss compares value and gradient with Eq. 5 of the method, for features of
// which those of missing modalities are NaN. A teacher gets no gradient.
func TestLoss(t *testing.T) {
	const m, size = 3, 4
	u := []float32{.3, -.2, .5}
	present := []modality.Mask{0b111, 0b110, 0b001}
	f := make([]float32, len(present)*m*size)
	for i := range f {
		f[i] = float32((i*29)%31) / 8
		if !present[i/size/m].Has(i / size % m) {
			f[i] = float32(math.NaN())
		}
	}
	for _, l2 := range []bool{false, true} {
		t.Run(fmt.Sprint("L2 ", l2), func(t *testing.T) {
			e := cpu.New(cpu.Options{Workers: 1, Poison: true})
			defer e.Close()
			shape := tensor.Shape{len(present) * m, size}
			x, dx := e.New(shape, tensor.Plain), e.New(shape, tensor.Plain)
			e.Write(x, f)
			tape := autograd.New(e)
			o := distill.Options{Alpha: .1, L2: l2}
			got, err := o.On(tape, tape.Leaf(x, dx), u, present).Value()
			if err != nil {
				t.Fatal(err)
			}
			if err := tape.Backward(); err != nil {
				t.Fatal(err)
			}
			want, grad := 0.0, make([]float64, len(f))
			for b, mask := range present {
				for i := range mask.All() {
					for j := range mask.All() {
						r := .1 / 3 / size * math.Exp(float64(u[i])-float64(u[j]))
						for k := range size {
							at := (b*m+j)*size + k
							d := float64(f[at]) - float64(f[(b*m+i)*size+k])
							switch {
							case i == j:
							case l2:
								want += r * d * d
								grad[at] += r * 2 * d
							default:
								want += r * math.Abs(d)
								grad[at] += r * math.Copysign(1, d)
							}
						}
					}
				}
			}
			if math.Abs(got-want) > 1e-6*(1+want) {
				t.Errorf("loss %v, want %v", got, want)
			}
			g := make([]float32, len(f))
			if err := e.Read(g, dx); err != nil {
				t.Fatal(err)
			}
			for i, v := range g {
				if !(math.Abs(float64(v)-grad[i]) <= 1e-6) {
					t.Errorf("gradient %d is %v, want %v", i, v, grad[i])
				}
			}
		})
	}
}

// TestChains compares the derivatives by importances with central differences.
func TestChains(t *testing.T) {
	u := []float32{.9, .4, 1.3} // ReLU's are above 0
	dw := []float32{.5, -1, 2}
	dr := []float64{0, .5, -1, 2, 0, .3, -.7, 1.1, 0}
	const h, scale = 1.0 / 1024, 3
	for _, o := range []distill.Options{
		{}, {Activation: distill.ReLU}, {Activation: distill.Sigmoid}, {Activation: distill.Raw},
		{Clamp: 1.5}, {Activation: distill.Raw, Clamp: 1.5},
	} {
		t.Run(fmt.Sprintf("%s clamp %v", o.Activation, o.Clamp), func(t *testing.T) {
			weights := func(u []float32) (sum float64) {
				for i, w := range o.Weights(u) {
					sum += scale * w * float64(dw[i])
				}
				return sum
			}
			ratios := func(u []float32) (sum float64) {
				w := o.Weights(u)
				for k, d := range dr {
					if i, j := k/3, k%3; i != j {
						sum += d * o.Ratio(w, i, j)
					}
				}
				return sum
			}
			for name, c := range map[string]struct {
				f   func(u []float32) float64
				got []float64
			}{"weights": {weights, o.Chain(u, dw, scale)}, "ratios": {ratios, o.ChainRatios(u, dr)}} {
				for i, g := range c.got {
					up, down := slices.Clone(u), slices.Clone(u)
					up[i] += h
					down[i] -= h
					want := (c.f(up) - c.f(down)) / (float64(up[i]) - float64(down[i]))
					// h^2/6 times a third derivative of some tens.
					if math.Abs(g-want) > 1e-5*(1+math.Abs(want)) {
						t.Errorf("derivative of %s by importance %d is %v, want %v", name, i, g, want)
					}
				}
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, o := range []distill.Options{{Alpha: -1}, {Alpha: math.NaN()}, {Activation: "tanh"}, {Clamp: .5}, {Clamp: math.NaN()}} {
		if err := o.Check(); err == nil || !strings.HasPrefix(err.Error(), "distill: ") {
			t.Errorf("%+v: error %v", o, err)
		}
	}
	if err := (distill.Options{Alpha: .1, Clamp: 2, Activation: distill.Raw}).Check(); err != nil {
		t.Error(err)
	}
	e := cpu.New(cpu.Options{Workers: 1})
	defer e.Close()
	for name, c := range map[string]struct {
		present []modality.Mask
		want    string
	}{
		"features": {[]modality.Mask{3}, "4x2"},
		"masks":    {[]modality.Mask{3, 7}, "sample 1"},
	} {
		tape := autograd.New(e)
		x := tape.Temp(make([]float32, 8), tensor.Plain, 4, 2)
		l := distill.Options{Alpha: 1}.On(tape, x, []float32{0, 0}, c.present)
		if err := tape.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
		if v, _ := l.Value(); v != 0 {
			t.Errorf("%s: a loss of %v", name, v)
		}
		tape.Reset()
	}
}
