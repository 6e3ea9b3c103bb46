package conv

import (
	"unsafe"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
)

// level is the set of instructions that the kernels use.
type level isa.Level

func (l level) String() string { return isa.Level(l).String() }

// call is what a kernel is given; internal/asmgen knows its layout. Steps and
// offsets are in bytes.
type call struct {
	dst  *float32 // rows of 16 accumulators
	step int      // from one row of dst to the next
	init *float32 // 16 values that every row starts from; nil: what dst holds
	x, v *float32
	taps *tap
	n    int // taps
	xi   int // from one row to the next, in x
	xl   int // from one product of a tap to the next, in x

	left, right int // sweep and weave: not 0 where the outermost column exists
	xg, group   int // patch: from one group of rows to the next, in x and in dst
	v2, dst2    int // pair: from v and dst to the other ones
}

// tap is a run of n outer products that add to all rows of a call.
type tap struct{ x, v, n int }

func at(p *float32, off int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), off))
}

func lanesAt(p *float32, off int) *[Lanes]float32 {
	return (*[Lanes]float32)(unsafe.Add(unsafe.Pointer(p), off))
}

func (c *call) list() []tap { return unsafe.Slice(c.taps, c.n) }

// The functions named Plain are the specification of the kernels.

// outerPlain sums outer products of a column of x and a vector of v:
//
//	acc[i] = init, or dst[i] where that is nil;  for each tap, for each l < n:
//	acc[i][0:16] += x[tap.x + i xi + l xl] v[tap.v + 16 l : ][0:16]
func outerPlain(c *call, rows int) {
	for i := range rows {
		acc := lanesAt(c.dst, i*c.step)
		if c.init != nil {
			*acc = *lanesAt(c.init, 0)
		}
		for _, t := range c.list() {
			for l := range t.n {
				x, v := *at(c.x, t.x+i*c.xi+l*c.xl), lanesAt(c.v, t.v+l*4*Lanes)
				for j := range acc {
					acc[j] += x * v[j]
				}
			}
		}
	}
}

// patchPlain is outerPlain for groups of rows: row j of group i is at dst + i
// group + j step, and reads x[tap.x + i xg + j xi + l xl].
func patchPlain(c *call, groups, cols int) {
	for i := range groups {
		one := *c
		one.dst, one.x = at(c.dst, i*c.group), at(c.x, i*c.xg)
		outerPlain(&one, cols)
	}
}

// pairPlain is outerPlain twice, for two vectors of weights: the other ones are
// v2 and dst2 bytes further, init 64.
func pairPlain(c *call, rows int) {
	outerPlain(c, rows)
	other := *c
	other.dst, other.v = at(c.dst, c.dst2), at(c.v, c.v2)
	if c.init != nil {
		other.init = at(c.init, 64)
	}
	outerPlain(&other, rows)
}

// sweepPlain is outerPlain for three taps at distance one, that is 64 bytes:
//
//	acc[i] += x[tap.x + 64 (i+k) + 4 l] v[tap.v + 1024 k + 64 l : ][0:16], k < 3
//
// in bytes. Column 0 is left out unless c.left, column rows+1 unless c.right.
func sweepPlain(c *call, rows int) {
	for i := range rows {
		acc := lanesAt(c.dst, i*c.step)
		if c.init != nil {
			*acc = *lanesAt(c.init, 0)
		}
		for _, t := range c.list() {
			for k := range 3 {
				if i+k == 0 && c.left == 0 || i+k == rows+1 && c.right == 0 {
					continue
				}
				for l := range t.n {
					x, v := *at(c.x, t.x+64*(i+k)+4*l), lanesAt(c.v, t.v+1024*k+64*l)
					for j := range acc {
						acc[j] += x * v[j]
					}
				}
			}
		}
	}
}

// weavePlain is the gradient of three taps at distance one and 8 channels:
//
//	acc[k][i] += x[tap.x + 64 (j+k) + 4 i] v[tap.v + 64 j : ][0:16], k < 3, j < n
//
// in bytes, for n of at least 2. dst holds acc[k][i] at k step + 64 i. Columns
// 0 and n+1 of x count only with c.left and c.right.
func weavePlain(c *call) {
	for k := range 3 {
		for i := range 8 {
			acc := lanesAt(c.dst, k*c.step+64*i)
			for _, t := range c.list() {
				for j := range t.n {
					if j+k == 0 && c.left == 0 || j+k == t.n+1 && c.right == 0 {
						continue
					}
					x, v := *at(c.x, t.x+64*(j+k)+4*i), lanesAt(c.v, t.v+64*j)
					for q := range acc {
						acc[q] += x * v[q]
					}
				}
			}
		}
	}
}

// transposePlain writes dst[j][i] = src[i][j] for n blocks of 8 x 8 floats,
// which are srcNext and dstNext bytes apart.
func transposePlain(dst *float32, dstStep int, src *float32, srcStep int, n, dstNext, srcNext int) {
	for b := range n {
		for i := range 8 {
			for j := range 8 {
				*at(dst, b*dstNext+j*dstStep+4*i) = *at(src, b*srcNext+i*srcStep+4*j)
			}
		}
	}
}

// portableTile is how many rows outerPortable takes.
const portableTile = 8

// outerPortable is outerPlain with accumulators in registers, 2 rows by 4
// lanes at a time.
func outerPortable(c *call, rows int) {
	i := 0
	for ; i+2 <= rows; i += 2 {
		for q := 0; q < Lanes; q += 4 {
			c.portable2x4(i, 4*q)
		}
	}
	if i < rows {
		rest := *c
		rest.dst, rest.x = at(c.dst, i*c.step), at(c.x, i*c.xi)
		outerPlain(&rest, 1)
	}
}

func (c *call) portable2x4(i, lane int) {
	a := (*[4]float32)(unsafe.Add(unsafe.Pointer(c.dst), i*c.step+lane))
	b := (*[4]float32)(unsafe.Add(unsafe.Pointer(c.dst), (i+1)*c.step+lane))
	if c.init != nil {
		*a = *(*[4]float32)(unsafe.Add(unsafe.Pointer(c.init), lane))
		*b = *a
	}
	a0, a1, a2, a3 := a[0], a[1], a[2], a[3]
	b0, b1, b2, b3 := b[0], b[1], b[2], b[3]
	for _, t := range c.list() {
		x := unsafe.Add(unsafe.Pointer(c.x), t.x+i*c.xi)
		v := unsafe.Add(unsafe.Pointer(c.v), t.v+lane)
		for l := range t.n {
			y, z := *(*float32)(unsafe.Add(x, l*c.xl)), *(*float32)(unsafe.Add(x, l*c.xl+c.xi))
			w := (*[4]float32)(unsafe.Add(v, l*4*Lanes))
			a0 += y * w[0]
			a1 += y * w[1]
			a2 += y * w[2]
			a3 += y * w[3]
			b0 += z * w[0]
			b1 += z * w[1]
			b2 += z * w[2]
			b3 += z * w[3]
		}
	}
	*a, *b = [4]float32{a0, a1, a2, a3}, [4]float32{b0, b1, b2, b3}
}
