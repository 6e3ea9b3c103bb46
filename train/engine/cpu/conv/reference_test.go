package conv

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// The definition, in float64 and in plain layouts: y[n][o] at p is the bias
// and the sum over i, k of w[o][i][k] x[n][i] at p stride - pad + k dilation.

// visit calls f for every product of the convolution with the places in y, x, w.
func visit(s Shape, f func(y, x, w int)) {
	out, k := s.out(), s.Kernel
	for n := range s.N {
		for o := range s.Cout {
			for p := range volume(out) {
				at := [3]int{p / out[2] / out[1], p / out[2] % out[1], p % out[2]}
				for i := range s.Cin {
					for t := range volume(k) {
						tap := [3]int{t / k[2] / k[1], t / k[2] % k[1], t % k[2]}
						var q [3]int
						inside := true
						for a := range 3 {
							q[a] = at[a]*s.Stride[a] - s.Pad[a] + tap[a]*s.Dilation[a]
							inside = inside && q[a] >= 0 && q[a] < s.In[a]
						}
						if inside {
							f((n*s.Cout+o)*volume(out)+p, (n*s.Cin+i)*volume(s.In)+(q[0]*s.In[1]+q[1])*s.In[2]+q[2], (o*s.Cin+i)*volume(k)+t)
						}
					}
				}
			}
		}
	}
}

// problem is a convolution with its tensors, plain.
type problem struct {
	Shape
	x, w, bias, dy []float32
}

func random(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

func newProblem(t *testing.T, s Shape, r *rand.Rand) *problem {
	t.Helper()
	s, err := s.normal()
	if err != nil {
		t.Fatal(err)
	}
	return &problem{s, random(r, s.N*s.Cin*volume(s.In)), random(r, weightsOf(s)), random(r, s.Cout), random(r, s.N*s.Cout*volume(s.out()))}
}

// results are what the passes write, plain.
type results struct{ y, dx, dw, db []float32 }

func (r results) each(f func(name string, v []float32)) {
	f("y", r.y)
	f("dx", r.dx)
	f("dw", r.dw)
	f("db", r.db)
}

func (p *problem) reference() results {
	y, dx, dw, db := make([]float64, len(p.dy)), make([]float64, len(p.x)), make([]float64, len(p.w)), make([]float64, p.Cout)
	for i := range y {
		o := i / volume(p.out()) % p.Cout
		y[i] = float64(p.bias[o])
		db[o] += float64(p.dy[i])
	}
	visit(p.Shape, func(yi, xi, wi int) {
		y[yi] += float64(p.x[xi]) * float64(p.w[wi])
		dx[xi] += float64(p.dy[yi]) * float64(p.w[wi])
		dw[wi] += float64(p.dy[yi]) * float64(p.x[xi])
	})
	return results{single(y), single(dx), single(dw), single(db)}
}

func single(v []float64) []float32 {
	out := make([]float32, len(v))
	for i := range v {
		out[i] = float32(v[i])
	}
	return out
}

var nan = float32(math.NaN())

// margin is how many NaNs lie on either side of what a pass reads or writes.
const margin = 8192

// guarded returns n floats, all NaN, between margins of NaN that check looks at.
func guarded(n int) (inner []float32, check func(t *testing.T, what string)) {
	all := make([]float32, n+2*margin)
	for i := range all {
		all[i] = nan
	}
	return all[margin : margin+n : margin+n], func(t *testing.T, what string) {
		t.Helper()
		for i, v := range all {
			if (i < margin || i >= margin+n) && v == v {
				t.Fatalf("%s: float %d of %d was written", what, i-margin, n)
			}
		}
	}
}

// toBlocked is the definition of the layout. Padding is NaN: the passes must
// not look at it.
func toBlocked(x []float32, n, c, size int) []float32 {
	out, _ := guarded(n * blocks(c) * Lanes * size)
	for i, v := range x {
		b, ch, at := i/size/c, i/size%c, i%size
		out[((b*blocks(c)+ch/Lanes)*size+at)*Lanes+ch%Lanes] = v
	}
	return out
}

// toPlain is its inverse.
func toPlain(t *testing.T, what string, x []float32, n, c, size int) []float32 {
	t.Helper()
	out := make([]float32, n*c*size)
	for i, v := range x {
		b, ch := i/Lanes/size/blocks(c), i/Lanes/size%blocks(c)*Lanes+i%Lanes
		if ch < c {
			out[(b*c+ch)*size+i/Lanes%size] = v
		}
	}
	return out
}

// run does all passes with outputs poisoned and inputs between NaNs.
func (p *problem) run(t *testing.T, pool *pool.Pool, l isa.Level) results {
	t.Helper()
	c, err := New(p.Shape, pool, l)
	if err != nil {
		t.Fatal(err)
	}
	x := toBlocked(p.x, p.N, p.Cin, volume(p.In))
	if p.PlainInput {
		x, _ = guarded(len(p.x))
		copy(x, p.x)
	}
	dy := toBlocked(p.dy, p.N, p.Cout, volume(p.out()))
	packed, c1 := guarded(c.PackedSize())
	back, c2 := guarded(c.PackedBackSize())
	work, c3 := guarded(c.WorkSize())
	y, c4 := guarded(c.OutputSize())
	dx, c5 := guarded(BlockedSize(p.N, p.Cin, p.In))
	dw, c6 := guarded(len(p.w))
	db, c7 := guarded(p.Cout)
	c.Pack(packed, p.w, p.bias)
	c.PackBack(back, p.w, nil)
	c.Forward(y, x, packed)
	c.GradData(dx, dy, back)
	c.GradWeights(dw, db, x, dy, work)
	for i, check := range []func(*testing.T, string){c1, c2, c3, c4, c5, c6, c7} {
		check(t, []string{"packed", "packed back", "work", "y", "dx", "dw", "db"}[i])
	}
	return results{
		toPlain(t, "y", y, p.N, p.Cout, volume(p.out())),
		toPlain(t, "dx", dx, p.N, p.Cin, volume(p.In)), dw, db,
	}
}

// compare demands what float32 can give: sums of n products of size 1 err by
// some sqrt(n) units of 2^-24; 1e-5 sqrt(n) leaves 160 of them.
func compare(t *testing.T, what string, got, want []float32, products int) {
	t.Helper()
	bound := 1e-5 * math.Sqrt(float64(products)+1)
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= bound) {
			t.Fatalf("%s[%d]: got %v, want %v within %.1e", what, i, got[i], want[i], bound)
		}
	}
}

func (p *problem) check(t *testing.T, got results) {
	t.Helper()
	want := p.reference()
	k := volume(p.Kernel)
	compare(t, "y", got.y, want.y, p.Cin*k)
	compare(t, "dx", got.dx, want.dx, p.Cout*k)
	compare(t, "dw", got.dw, want.dw, p.N*volume(p.out()))
	compare(t, "db", got.db, want.db, p.N*volume(p.out()))
}
