package main

import "fmt"

// bases hold x + 5 xi k for k = 0, 1, ...: with indices xi, 3 xi and scales 1,
// 2, 4 five rows are reached from each.
var bases = []string{"SI", "R8", "R12", "R13", "R15", "AX"}

// row is the address of row i of x.
func row(i int) string {
	return "(" + bases[i/5] + ")" + []string{"", "(R9*1)", "(R9*2)", "(R10*1)", "(R9*4)"}[i%5]
}

// outer writes the function for a tile of rows:
//
//	acc[i] = init, or dst[i] where that is nil;  for each tap, for each l < n:
//	acc[i][0:16] += x[tap.x + i xi + l xl] v[tap.v + 16 l : ][0:16]
//
// load and store move row i of a tile, step does one l.
func (a *asm) outer(name string, rows int, load func(i int, from string), store func(i int, to string), step func()) {
	a.text(name, fmt.Sprintf("outerPlain for %d rows.", rows))
	used := bases[:(rows+4)/5]
	a.op("MOVQ", "c+0(FP)", "AX")
	a.op("MOVQ", mem(callTaps, "AX"), "BX")
	a.op("MOVQ", mem(callN, "AX"), "CX")
	a.op("MOVQ", mem(callXI, "AX"), "R9")
	a.op("MOVQ", mem(callXL, "AX"), "R11")
	a.op("LEAQ", "(R9)(R9*2)", "R10")
	a.op("MOVQ", mem(callInit, "AX"), "SI")
	a.op("XORQ", "R8", "R8")
	a.op("TESTQ", "SI", "SI")
	a.op("JNZ", "load")
	a.op("MOVQ", mem(callDst, "AX"), "SI")
	a.op("MOVQ", mem(callStep, "AX"), "R8")

	a.label("load")
	for i := range rows {
		load(i, "SI")
		a.op("ADDQ", "R8", "SI")
	}
	a.op("TESTQ", "CX", "CX")
	a.op("JZ", "store")

	a.label("tap")
	a.op("MOVQ", "c+0(FP)", "AX")
	a.op("MOVQ", mem(callX, "AX"), "SI")
	a.op("MOVQ", mem(callV, "AX"), "DX")
	a.op("ADDQ", mem(tapX, "BX"), "SI")
	a.op("ADDQ", mem(tapV, "BX"), "DX")
	a.op("MOVQ", mem(tapN, "BX"), "DI")
	for k := 1; k < len(used); k++ {
		a.op("LEAQ", "("+used[k-1]+")(R9*4)", used[k])
		a.op("ADDQ", "R9", used[k])
	}

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
	a.op("MOVQ", mem(callDst, "AX"), "SI")
	a.op("MOVQ", mem(callStep, "AX"), "R8")
	for i := range rows {
		store(i, "SI")
		a.op("ADDQ", "R8", "SI")
	}
	a.op("VZEROUPPER")
	a.op("RET")
}

func avx512() string {
	a := new(asm)
	header(a)
	for rows := 1; rows <= outer512; rows++ {
		a.outer(fmt.Sprintf("outer%dAVX512", rows), rows,
			func(i int, from string) { a.op("VMOVUPS", mem(0, from), z(i)) },
			func(i int, to string) { a.op("VMOVUPS", z(i), mem(0, to)) },
			func() {
				a.op("VMOVUPS", "(DX)", z(28))
				for i := range rows {
					a.op("VFMADD231PS.BCST", row(i), z(28), z(i))
				}
			})
	}
	for rows := 1; rows <= sweep512; rows++ {
		a.sweep(rows)
	}
	a.weave()
	return a.String()
}

func avx2() string {
	a := new(asm)
	header(a)
	for rows := 1; rows <= outer256; rows++ {
		a.outer(fmt.Sprintf("outer%dAVX2", rows), rows,
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
					a.op("VBROADCASTSS", row(i), x)
					a.op("VFMADD231PS", y(12), x, y(2*i))
					a.op("VFMADD231PS", y(13), x, y(2*i+1))
				}
			})
	}
	a.transpose()
	return a.String()
}
