package main

import "fmt"

// bases hold x + 5 xi k for k = 0, 1, ...: with indices xi, 3 xi and scales 1,
// 2, 4 five rows are reached from each.
var bases = []string{"SI", "R8", "R12", "R13", "R15", "AX"}

const reach = 5

// row is the address of row i of x where cols of them are reached from a base.
func row(i, cols int) string {
	return "(" + bases[i/cols] + ")" + []string{"", "(R9*1)", "(R9*2)", "(R10*1)", "(R9*4)"}[i%cols]
}

// tile is the rows of a call. Those of a patch fall in groups, each with its
// own base: pixels of several lines. A pair has two vectors to each row.
type tile struct {
	rows, cols int
	patch      bool
	pair       bool
}

// outer writes the function for a tile of rows:
//
//	acc[i] = init, or dst[i] where that is nil;  for each tap, for each l < n:
//	acc[i][0:16] += x[tap.x + i xi + l xl] v[tap.v + 16 l : ][0:16]
//
// or, for a patch, x[tap.x + i/cols xg + i%cols xi + l xl]. A pair does the same
// for another v and dst, v2 and dst2 bytes further. load and store move row i of
// a tile, step does one l.
func (a *asm) outer(name, twin string, t tile, load func(i int, from string), store func(i int, to string), step func()) {
	used := bases[:(t.rows+t.cols-1)/t.cols]
	a.enter(name, twin, t)

	a.label("load")
	a.each(t, load)
	a.op("TESTQ", "CX", "CX")
	a.op("JZ", "store")

	a.label("tap")
	a.op("MOVQ", "c+0(FP)", "AX")
	if t.patch {
		a.op("MOVQ", mem(callXG, "AX"), "DI")
	}
	a.op("MOVQ", mem(callX, "AX"), "SI")
	a.op("MOVQ", mem(callV, "AX"), "DX")
	a.op("ADDQ", mem(tapX, "BX"), "SI")
	a.op("ADDQ", mem(tapV, "BX"), "DX")
	for k := 1; k < len(used); k++ {
		if t.patch {
			a.op("LEAQ", "("+used[k-1]+")(DI*1)", used[k])
			continue
		}
		a.op("LEAQ", "("+used[k-1]+")(R9*4)", used[k])
		a.op("ADDQ", "R9", used[k])
	}
	a.op("MOVQ", mem(tapN, "BX"), "DI")

	a.label("step")
	step()
	for _, b := range used {
		a.op("ADDQ", "R11", b)
	}
	a.op("ADDQ", "$64", "DX")
	a.op("DECQ", "DI")
	a.op("JNZ", "step")
	a.op("ADDQ", fmt.Sprintf("$%d", tapSize), "BX")
	a.op("DECQ", "CX")
	a.op("JNZ", "tap")

	a.label("store")
	a.op("MOVQ", "c+0(FP)", "AX")
	a.destination(t)
	a.each(t, store)
	a.op("VZEROUPPER")
	a.op("RET")
}

// enter begins the function: it loads what every tap needs, and where the rows
// start from.
func (a *asm) enter(name, twin string, t tile) {
	a.text(name, twin)
	a.op("MOVQ", "c+0(FP)", "AX")
	a.op("MOVQ", mem(callTaps, "AX"), "BX")
	a.op("MOVQ", mem(callN, "AX"), "CX")
	a.op("MOVQ", mem(callXI, "AX"), "R9")
	a.op("MOVQ", mem(callXL, "AX"), "R11")
	a.op("LEAQ", "(R9)(R9*2)", "R10")
	a.op("MOVQ", mem(callInit, "AX"), "SI")
	a.op("XORQ", "R8", "R8")
	a.op("XORQ", "R12", "R12")
	if t.pair {
		a.op("MOVQ", mem(callV2, "AX"), "R13")
		a.op("MOVQ", "$64", "R15") // from one init to the other
	}
	a.op("TESTQ", "SI", "SI")
	a.op("JNZ", "load")
	a.destination(t)
}

// destination loads dst and its steps.
func (a *asm) destination(t tile) {
	a.op("MOVQ", mem(callDst, "AX"), "SI")
	a.op("MOVQ", mem(callStep, "AX"), "R8")
	if t.patch {
		a.op("MOVQ", mem(callGroup, "AX"), "R12")
	}
	if t.pair {
		a.op("MOVQ", mem(callDst2, "AX"), "R15")
	}
}

// each moves all rows of dst.
func (a *asm) each(t tile, move func(i int, at string)) {
	if t.patch {
		a.op("MOVQ", "SI", "DI")
	}
	for i := range t.rows {
		if t.patch && i > 0 && i%t.cols == 0 {
			a.op("ADDQ", "R12", "DI")
			a.op("MOVQ", "DI", "SI")
		}
		move(i, "SI")
		a.op("ADDQ", "R8", "SI")
	}
}

// patches lists groups and columns of the patches there are.
func patches() [][2]int {
	var all [][2]int
	for cols := 1; cols <= reach; cols++ {
		for groups := 1; groups <= len(bases) && groups*cols <= outer512; groups++ {
			all = append(all, [2]int{groups, cols})
		}
	}
	return all
}

func avx512() string {
	a := new(asm)
	header(a)
	full := func(name, twin string, t tile) {
		a.outer(name, twin, t,
			func(i int, from string) { a.op("VMOVUPS", mem(0, from), z(i)) },
			func(i int, to string) { a.op("VMOVUPS", z(i), mem(0, to)) },
			func() {
				a.op("VMOVUPS", "(DX)", z(28))
				for i := range t.rows {
					a.op("VFMADD231PS.BCST", row(i, t.cols), z(28), z(i))
				}
			})
	}
	for rows := 1; rows <= outer512; rows++ {
		full(fmt.Sprintf("outer%dAVX512", rows), fmt.Sprintf("outerPlain for %d rows.", rows), tile{rows: rows, cols: reach})
	}
	for rows := 1; rows <= pair512; rows++ {
		a.pair(rows)
	}
	for _, p := range patches() {
		full(fmt.Sprintf("patch%dx%dAVX512", p[0], p[1]), fmt.Sprintf("patchPlain for %d groups of %d.", p[0], p[1]), tile{rows: p[0] * p[1], cols: p[1], patch: true})
	}
	for rows := 1; rows <= sweep512; rows++ {
		a.sweep(rows)
	}
	a.weave()
	return a.String()
}

// pair writes the kernel for rows of two vectors: half the loads of x.
func (a *asm) pair(rows int) {
	t := tile{rows: rows, cols: reach, pair: true}
	other := func(p string) string { return "(" + p + ")(R15*1)" }
	a.outer(fmt.Sprintf("pair%dAVX512", rows), fmt.Sprintf("pairPlain for %d rows.", rows), t,
		func(i int, from string) {
			a.op("VMOVUPS", mem(0, from), z(i))
			a.op("VMOVUPS", other(from), z(pair512+i))
		},
		func(i int, to string) {
			a.op("VMOVUPS", z(i), mem(0, to))
			a.op("VMOVUPS", z(pair512+i), other(to))
		},
		func() {
			a.op("VMOVUPS", "(DX)", z(28))
			a.op("VMOVUPS", "(DX)(R13*1)", z(29))
			for i := range rows {
				x := z(30 + i%2)
				a.op("VBROADCASTSS", row(i, t.cols), x)
				a.op("VFMADD231PS", z(28), x, z(i))
				a.op("VFMADD231PS", z(29), x, z(pair512+i))
			}
		})
}

func avx2() string {
	a := new(asm)
	header(a)
	for rows := 1; rows <= outer256; rows++ {
		t := tile{rows: rows, cols: reach}
		a.outer(fmt.Sprintf("outer%dAVX2", rows), fmt.Sprintf("outerPlain for %d rows.", rows), t,
			func(i int, from string) {
				a.op("VMOVUPS", mem(0, from), y(2*i))
				a.op("VMOVUPS", mem(32, from), y(2*i+1))
			},
			func(i int, to string) {
				a.op("VMOVUPS", y(2*i), mem(0, to))
				a.op("VMOVUPS", y(2*i+1), mem(32, to))
			},
			func() {
				a.op("VMOVUPS", "(DX)", y(12))
				a.op("VMOVUPS", "32(DX)", y(13))
				for i := range rows {
					x := y(14 + i%2)
					a.op("VBROADCASTSS", row(i, t.cols), x)
					a.op("VFMADD231PS", y(12), x, y(2*i))
					a.op("VFMADD231PS", y(13), x, y(2*i+1))
				}
			})
	}
	a.transpose()
	return a.String()
}
