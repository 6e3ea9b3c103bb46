package conv

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// fence returns n floats that end, or else begin, where a page begins that
// cannot be touched.
func fence(t *testing.T, n int, end bool) []float32 {
	t.Helper()
	page := syscall.Getpagesize()
	size := ceilDiv(4*n, page) * page
	all, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	for _, p := range [][]byte{all[:page], all[page+size:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	at := page
	if end {
		at += size - 4*n
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&all[at])), n)
}

// TestNothingOutside has every tensor end, then begin, at a page that must not
// be touched: a read or write outside is a fault.
func TestNothingOutside(t *testing.T) {
	pool := pool.New(1)
	defer pool.Close()
	for _, l := range isa.Levels() {
		for _, row := range named {
			for _, end := range []bool{true, false} {
				t.Run(fmt.Sprint(l, "/", row.name, "/", end), func(t *testing.T) {
					p := newProblem(t, row.Shape, rand.New(rand.NewPCG(1, 2)))
					c, err := New(p.Shape, pool, l)
					if err != nil {
						t.Fatal(err)
					}
					f := func(n int) []float32 { return fence(t, n, end) }
					x, y, packed, back := f(c.InputSize()), f(c.OutputSize()), f(c.PackedSize()), f(c.PackedBackSize())
					dx, w, work, db := f(BlockedSize(p.N, p.Cin, p.In)), f(len(p.w)), f(c.WorkSize()), f(p.Cout)
					c.Pack(packed, w, db)
					c.PackBack(back, w, nil)
					c.Forward(y, x, packed)
					c.GradData(dx, y, back)
					c.GradWeights(w, db, x, y, work)
					if l == isa.Best.Found() {
						v := f(p.N * p.Cout * volume(p.out()))
						(&Converter{Pool: pool}).ToPlain(v, y, p.N, p.Cout, volume(p.out()))
						(&Converter{Pool: pool}).ToBlocked(y, v, p.N, p.Cout, volume(p.out()))
					}
				})
			}
		}
	}
}
