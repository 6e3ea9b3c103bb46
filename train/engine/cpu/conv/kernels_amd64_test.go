//go:build amd64 && !purego

package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
)

// TestLayoutOfCalls holds what internal/asmgen takes for granted.
func TestLayoutOfCalls(t *testing.T) {
	var c call
	var p tap
	got := []uintptr{unsafe.Offsetof(c.dst), unsafe.Offsetof(c.step), unsafe.Offsetof(c.init), unsafe.Offsetof(c.x),
		unsafe.Offsetof(c.v), unsafe.Offsetof(c.taps), unsafe.Offsetof(c.n), unsafe.Offsetof(c.xi), unsafe.Offsetof(c.xl),
		unsafe.Offsetof(c.left), unsafe.Offsetof(c.right), unsafe.Offsetof(c.xg), unsafe.Offsetof(c.group), unsafe.Offsetof(c.v2), unsafe.Offsetof(c.dst2), unsafe.Offsetof(p.x), unsafe.Offsetof(p.v), unsafe.Offsetof(p.n), unsafe.Sizeof(p)}
	want := []uintptr{0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 0, 8, 16, 24}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// twins runs a kernel and its twin on the same call and compares what they
// leave in dst.
func twins(t *testing.T, c call, dst []float32, products int, fast, twin func(*call)) {
	t.Helper()
	a, b := append([]float32(nil), dst...), append([]float32(nil), dst...)
	c.dst = &a[0]
	fast(&c)
	c.dst = &b[0]
	twin(&c)
	for i := range b {
		if d := math.Abs(float64(a[i] - b[i])); !(d <= 1e-5*math.Sqrt(float64(products)+1)) {
			t.Fatalf("dst[%d]: got %v, want %v", i, a[i], b[i])
		}
	}
}

// randomCall has steps and taps of any size within x and v.
func randomCall(r *rand.Rand, x, v []float32, init *float32) (call, []tap) {
	taps := make([]tap, r.IntN(4))
	for i := range taps {
		taps[i] = tap{4 * r.IntN(200), 4 * r.IntN(200), 1 + r.IntN(17)}
	}
	c := call{step: 64 * (1 + r.IntN(3)), x: &x[0], v: &v[0], n: len(taps), xi: 4 * r.IntN(40), xl: 4 * r.IntN(40)}
	if r.IntN(2) == 0 {
		c.init = init
	}
	if len(taps) > 0 {
		c.taps = &taps[0]
	}
	c.left, c.right = r.IntN(2), r.IntN(2)
	return c, taps
}

func TestKernelsAgainstTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x, v, dst, init := random(r, 8192), random(r, 8192), random(r, 8192), random(r, 2*Lanes)
	for _, known := range isa.Levels() {
		l := level(known)
		for rows := 1; rows <= l.tile(); rows++ {
			t.Run(fmt.Sprint("outer/", l, "/", rows), func(t *testing.T) {
				for range 20 {
					c, _ := randomCall(r, x, v, &init[0])
					twins(t, c, dst, 64, func(c *call) { l.outer(c, rows) }, func(c *call) { outerPlain(c, rows) })
				}
			})
		}
		for rows := 1; rows <= l.pairTile(); rows++ {
			t.Run(fmt.Sprint("pair/", l, "/", rows), func(t *testing.T) {
				for range 20 {
					c, _ := randomCall(r, x, v, &init[0])
					c.v2, c.dst2 = 64*r.IntN(10), 4*Lanes*64
					twins(t, c, dst, 64, func(c *call) { l.pair(c, rows) }, func(c *call) { pairPlain(c, rows) })
				}
			})
		}
		for rows := 1; rows <= l.sweepTile(); rows++ {
			t.Run(fmt.Sprint("sweep/", l, "/", rows), func(t *testing.T) {
				for range 20 {
					c, _ := randomCall(r, x, v, &init[0])
					twins(t, c, dst, 192, func(c *call) { l.sweep(c, rows) }, func(c *call) { sweepPlain(c, rows) })
				}
			})
		}
		for cols := 1; l.patchTile(cols) > 0; cols++ {
			for groups := 1; groups <= l.patchTile(cols); groups++ {
				t.Run(fmt.Sprint("patch/", l, "/", groups, "x", cols), func(t *testing.T) {
					for range 20 {
						c, _ := randomCall(r, x, v, &init[0])
						c.xg, c.group = 4*r.IntN(100), 64*(1+r.IntN(3))
						c.step = c.group * (1 + groups)
						twins(t, c, dst, 64, func(c *call) { l.patch(c, groups, cols) }, func(c *call) { patchPlain(c, groups, cols) })
					}
				})
			}
		}
		if l.sweepTile() > 0 {
			t.Run(fmt.Sprint("weave/", l), func(t *testing.T) {
				for range 100 {
					c, taps := randomCall(r, x, v, nil)
					for i := range taps {
						taps[i].n++
					}
					c.step = 4 * (128 + r.IntN(200))
					twins(t, c, dst, 64, l.weave, weavePlain)
				}
			})
		}
	}
}

func TestTransposeAgainstTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	src := random(r, 4096)
	for _, known := range isa.Levels() {
		l := level(known)
		for range 50 {
			got, want := make([]float32, 4096), make([]float32, 4096)
			ds, ss, n, dn, sn := 4*(8+r.IntN(60)), 4*(8+r.IntN(60)), 1+r.IntN(4), 4*r.IntN(600), 4*r.IntN(600)
			l.transpose(&got[0], ds, &src[0], ss, n, dn, sn)
			transposePlain(&want[0], ds, &src[0], ss, n, dn, sn)
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("%v: float %d: got %v, want %v", l, i, got[i], want[i])
				}
			}
		}
	}
}
