package conv

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// TestProduct compares products of many shapes with their definition; what lies
// beyond a matrix is NaN.
func TestProduct(t *testing.T) {
	pool := pool.New(3)
	defer pool.Close()
	for _, l := range isa.Levels() {
		p := Product{Pool: pool, Level: l}
		r := rand.New(rand.NewPCG(1, 2))
		for range 150 {
			s := ProductShape{
				Batch: pick(r, 1, 1, 3), Rows: pick(r, 1, 2, 7, 28, 29, 57, 300), Cols: pick(r, 1, 5, 16, 17, 32, 65),
				Inner: pick(r, 1, 2, 15, 16, 40), TransA: r.IntN(2) == 0, TransB: r.IntN(2) == 0, Alpha: []float32{1, -0.5}[r.IntN(2)],
			}
			a, b := fenced(r, s.Batch*s.Rows*s.Inner), fenced(r, s.Batch*s.Inner*s.Cols)
			var bias []float32
			if r.IntN(2) == 0 {
				bias = fenced(r, s.Cols)
			}
			got, check := guarded(s.Batch * s.Rows * s.Cols)
			p.Multiply(got, a, b, bias, s)
			check(t, "c")
			compare(t, fmt.Sprintf("%v, %+v: c", l, s), got, product(a, b, bias, s), s.Inner)
		}
	}
}

// fenced returns random values between NaNs.
func fenced(r *rand.Rand, n int) []float32 {
	v, _ := guarded(n)
	copy(v, random(r, n))
	return v
}

func product(a, b, bias []float32, s ProductShape) []float32 {
	var out []float32
	for n := range s.Batch {
		for i := range s.Rows {
			for j := range s.Cols {
				sum := 0.0
				for k := range s.Inner {
					x, y := (n*s.Rows+i)*s.Inner+k, (n*s.Inner+k)*s.Cols+j
					if s.TransA {
						x = (n*s.Inner+k)*s.Rows + i
					}
					if s.TransB {
						y = (n*s.Cols+j)*s.Inner + k
					}
					sum += float64(a[x]) * float64(b[y])
				}
				sum *= float64(s.Alpha)
				if bias != nil {
					sum += float64(bias[j])
				}
				out = append(out, float32(sum))
			}
		}
	}
	return out
}
