package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
)

// TestLayouts holds what internal/asmgen takes for granted.
func TestLayouts(t *testing.T) {
	var a args
	var c poolCall
	var p PoolTap
	got := []uintptr{unsafe.Offsetof(a.n), unsafe.Offsetof(a.p), unsafe.Offsetof(a.c), unsafe.Offsetof(a.sum),
		unsafe.Offsetof(c.n), unsafe.Offsetof(c.step), unsafe.Offsetof(c.taps), unsafe.Offsetof(c.count),
		unsafe.Offsetof(c.y), unsafe.Offsetof(c.tap), unsafe.Offsetof(c.x),
		unsafe.Offsetof(p.Off), unsafe.Offsetof(p.ID), unsafe.Sizeof(p)}
	want := []uintptr{0, 8, 64, 64 + 12*64, 0, 8, 16, 24, 32, 40, 48, 0, 8, 16}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func random(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// TestLoopsAgainstTwin runs every loop on random operands at each level, of any
// number of vectors, and compares what it leaves in memory and in its sums.
func TestLoopsAgainstTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, l := range isa.Levels() {
		for k := range lastKernel {
			for n := range 12 {
				var got, want args
				operands, _ := k.operands()
				var mem [2][][]float32
				for i := range operands {
					v := random(r, (n+2)*Lanes)
					if (k == adam || k == adamW) && i == 2 {
						for j := range v {
							v[j] *= v[j]
						}
					}
					mem[0], mem[1] = append(mem[0], append([]float32(nil), v...)), append(mem[1], v)
					got.p[i], want.p[i] = &mem[0][i][Lanes], &mem[1][i][Lanes]
				}
				for i := range got.c {
					copy(got.c[i][:], random(r, Lanes))
					if k == adam || k == adamW {
						for j := range got.c[i] {
							got.c[i][j] *= got.c[i][j]
						}
					}
				}
				got.n, want.n, want.c = n, n, got.c
				New(l).run(k, &got)
				twin(k, &want)
				for i := range operands {
					compare(t, fmt.Sprintf("%v, loop %d of %d vectors, operand %d", l, k, n, i), mem[0][i], mem[1][i])
				}
				for i := range got.sum {
					if i < loopSums(k) {
						compare(t, fmt.Sprintf("%v, loop %d of %d vectors, sum %d", l, k, n, i), got.sum[i][:], want.sum[i][:])
					}
				}
			}
		}
	}
}

const lastKernel = frozenGrad + 1

func loopSums(k kernel) int {
	switch k {
	case regions:
		return 4
	case normSums, deviations:
		return 2
	case expRow, totals, dot, apart1, apart2:
		return 1
	}
	return 0
}

// compare allows for some operations of size 1 with other roundings.
func compare(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if d := math.Abs(float64(got[i] - w)); !(d <= 4e-6*(1+math.Abs(float64(w)))) && (got[i] == got[i] || w == w) {
			t.Fatalf("%s: float %d: got %v, want %v", what, i, got[i], w)
		}
	}
}

// TestFunctions compares exp, sigmoid and the loss of regions with float64, far
// out too.
func TestFunctions(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := []float32{0, -0.5, 1, 10, -20, 50, -80, -87, -87.2, -88, -100, 87, -1e30, -inf, nan, 1e-8, -1e-8, 3, 0.34, -0.35}
	zero := make([]float32, len(x))
	for _, l := range isa.Levels() {
		u, y := New(l), make([]float32, len(x))
		u.Exp(y, x, 0)
		for i, x := range x {
			want := math.Exp(float64(x))
			if want < 1.2e-38 {
				want = 0 // below, float32 may say 0
			}
			if d := math.Abs(float64(y[i]) - want); !(d <= 2.5e-7*want+1.2e-38) && x == x || x != x && y[i] == y[i] {
				t.Errorf("%v: exp(%v): got %v, want %v", l, x, y[i], want)
			}
		}
		u.Sigmoid(y, x)
		for i, x := range x {
			want := 1 / (1 + math.Exp(-float64(x)))
			if d := math.Abs(float64(y[i]) - want); !(d <= 3e-7*want+1e-37) && x == x || x != x && y[i] == y[i] {
				t.Errorf("%v: sigmoid(%v): got %v, want %v", l, x, y[i], want)
			}
		}
		for i, x := range x {
			s := u.Regions(x1(x), zero[:1])
			want := math.Max(float64(x), 0) + math.Log1p(math.Exp(-math.Abs(float64(x))))
			if d := math.Abs(s[3] - want); !(d <= 3e-7*want+1e-37) && x == x && x > -inf || x != x && s[3] == s[3] {
				t.Errorf("%v: softplus(%v) (%d): got %v, want %v", l, x, i, s[3], want)
			}
		}
	}
}

func x1(v float32) []float32 { return []float32{v} }

// TestRest demands of flat kernels of every length the same results as of whole
// vectors, and that they touch nothing beyond.
func TestRest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	counter := Counter()
	for _, l := range isa.Levels() {
		u := New(l)
		x, y := random(r, 4096), random(r, 4096)
		for _, f := range []struct {
			name string
			do   func(z, x, y []float32) float64
		}{
			{"add", func(z, x, y []float32) float64 { u.Add(z, x, y); return 0 }},
			{"scale", func(z, x, y []float32) float64 { u.Scale(z, 2, x); return 0 }},
			{"dropout", func(z, x, y []float32) float64 { u.Dropout(z, x, counter, 7, 1<<40+3, 1<<31, 2); return 0 }},
			{"dot", func(z, x, y []float32) float64 { return u.Dot(x, y) }},
			{"apart", func(z, x, y []float32) float64 { return u.Apart(x, y, 1) }},
			{"squares", func(z, x, y []float32) float64 { return u.Squares(x, 0.5) }},
			{"regions", func(z, x, y []float32) float64 { return u.Regions(x, y)[1] }},
			{"exp", func(z, x, y []float32) float64 { return u.Exp(z, x[:min(len(x), Most*Lanes)], 1) }},
		} {
			if f.name == "exp" {
				continue // its slices must be as long as each other
			}
			whole := make([]float32, 4096)
			f.do(whole, x, y)
			sum := 0.0
			for n := 0; n < 70; n++ {
				z := make([]float32, 4096)
				got := f.do(z[:n], x[:n], y[:n])
				for i, v := range z {
					if i < n && v != whole[i] || i >= n && v != 0 {
						t.Fatalf("%v: %s of %d: float %d: got %v, want %v", l, f.name, n, i, v, whole[i])
					}
				}
				if math.Abs(got-sum) > 1e-4 {
					t.Fatalf("%v: %s of %d: got %v, want %v", l, f.name, n, got, sum)
				}
				switch f.name { // of the next length
				case "dot":
					sum += float64(x[n]) * float64(y[n])
				case "apart":
					sum += math.Abs(float64(x[n]) - float64(y[n]))
				case "squares":
					sum += math.Pow(float64(x[n])-0.5, 2)
				case "regions":
					sum += 1 / (1 + math.Exp(-float64(x[n])))
				}
			}
		}
	}
}

// TestMoments compares with float64, at a mean that is large beside the
// deviation; one lane is NaN.
func TestMoments(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, l := range isa.Levels() {
		for _, n := range []int{1, 2, 127, 128, 129, 1000} {
			x := random(r, n*Lanes)
			for i := range x {
				x[i] += 1000 * float32(i%Lanes)
			}
			x[3] = float32(math.NaN())
			var mean, square [Lanes]float64
			New(l).Moments(&mean, &square, x)
			for j := range Lanes {
				var m, s float64
				for i := range n {
					m += float64(x[i*Lanes+j]) / float64(n)
				}
				for i := range n {
					s += math.Pow(float64(x[i*Lanes+j])-m, 2)
				}
				// A centre near 15000 is a float32, so within 5e-4 of the mean.
				if !(math.Abs(mean[j]-m) < 1e-5) && j != 3 || !(math.Abs(square[j]-s) < 1e-5*(1+s)) && j != 3 || j == 3 && mean[j] == mean[j] {
					t.Errorf("%v, %d vectors, lane %d: got %v %v, want %v %v", l, n, j, mean[j], square[j], m, s)
				}
			}
		}
	}
}

// TestPooling compares with the twins, equal values and NaN among them.
func TestPooling(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	taps := []PoolTap{{0, 0}, {64, 1}, {5 * 64, 2}, {6 * 64, 3}}
	for _, l := range isa.Levels() {
		for n := 1; n < 5; n++ {
			for count := 1; count <= len(taps); count++ {
				x := random(r, 20*Lanes)
				for i := range x {
					x[i] = float32(math.Round(float64(x[i])))
					if r.IntN(10) == 0 {
						x[i] = float32(math.NaN())
					}
				}
				y, tap, y2, tap2 := make([]float32, n*Lanes), make([]float32, n*Lanes), make([]float32, n*Lanes), make([]float32, n*Lanes)
				New(l).MaxPool(y, tap, x, n, 2, taps[:count])
				poolMaxPlain(&poolCall{n, 128, &taps[0], count, &y2[0], &tap2[0], &x[0]})
				compare(t, "y", y, y2)
				compare(t, "tap", tap, tap2)
				for _, put := range []bool{false, true} {
					dx, dy := random(r, 20*Lanes), random(r, n*Lanes)
					dx2 := append([]float32(nil), dx...)
					New(l).MaxPoolGrad(dx, dy, tap, n, 2, taps[:count], put)
					c := poolCall{n, 128, &taps[0], count, &dy[0], &tap[0], &dx2[0]}
					if put {
						poolPutPlain(&c)
					} else {
						poolAddPlain(&c)
					}
					compare(t, fmt.Sprint("dx, put ", put), dx, dx2)
				}
			}
		}
	}
}
