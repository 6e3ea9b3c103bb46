package main

import "fmt"

// sweep writes a tile of three taps at distance one. A column of x serves the
// three outputs that see it, so that it is loaded once:
//
//	acc[i] += sum over k < 3, l < n of x[tap.x + 64 (i+k) + 4 l] v[tap.v + 1024 k + 64 l : ][0:16]
//
// in bytes. Column 0 is left out unless c.left, column rows+1 unless c.right:
// they are the padding.
func (a *asm) sweep(rows int) {
	a.text(fmt.Sprintf("sweep%dAVX512", rows), fmt.Sprintf("sweepPlain for %d rows.", rows))
	a.op("MOVQ", "c+0(FP)", "AX")
	a.op("MOVQ", mem(callTaps, "AX"), "BX")
	a.op("MOVQ", mem(callN, "AX"), "CX")
	a.op("MOVQ", mem(callX, "AX"), "R8")
	a.op("MOVQ", mem(callV, "AX"), "R9")
	a.op("MOVQ", mem(callLeft, "AX"), "R10")
	a.op("MOVQ", mem(callRight, "AX"), "R11")
	a.op("MOVQ", mem(callInit, "AX"), "SI")
	a.op("XORQ", "R12", "R12")
	a.op("TESTQ", "SI", "SI")
	a.op("JNZ", "load")
	a.op("MOVQ", mem(callDst, "AX"), "SI")
	a.op("MOVQ", mem(callStep, "AX"), "R12")

	a.label("load")
	for i := range rows {
		a.op("VMOVUPS", "(SI)", z(i))
		a.op("ADDQ", "R12", "SI")
	}
	a.op("TESTQ", "CX", "CX")
	a.op("JZ", "store")

	a.label("tap")
	a.op("MOVQ", mem(tapX, "BX"), "SI")
	a.op("MOVQ", mem(tapV, "BX"), "DX")
	a.op("ADDQ", "R8", "SI")
	a.op("ADDQ", "R9", "DX")
	a.op("MOVQ", mem(tapN, "BX"), "DI")
	a.prefetched()

	a.label("step")
	a.channel(rows)
	a.op("ADDQ", "$4", "SI")
	a.op("ADDQ", "$64", "DX")
	a.op("DECQ", "DI")
	a.op("JNZ", "step")
	a.op("ADDQ", fmt.Sprintf("$%d", tapSize), "BX")
	a.op("DECQ", "CX")
	a.op("JNZ", "tap")

	a.label("store")
	a.op("MOVQ", mem(callDst, "AX"), "SI")
	a.op("MOVQ", mem(callStep, "AX"), "R12")
	for i := range rows {
		a.op("VMOVUPS", z(i), "(SI)")
		a.op("ADDQ", "R12", "SI")
	}
	a.op("VZEROUPPER")
	a.op("RET")
}

// channel writes what a step of sweep does: one l.
func (a *asm) channel(rows int) {
	for k := range 3 {
		a.op("VMOVUPS", mem(1024*k, "DX"), z(29+k))
	}
	// What the next tap reads is asked for now, spread over 16 steps: a fifth
	// of the time went to waiting for it.
	for k := range 3 {
		a.op("PREFETCHT0", fmt.Sprintf("%d(DX)(R13*1)", 1024*k))
	}
	lines := (rows + 2 + 15) / 16
	for i := range lines {
		a.op("PREFETCHT0", mem(64*i, "R12"))
	}
	a.op("ADDQ", fmt.Sprintf("$%d", 64*lines), "R12")
	// Neighbouring columns add to the same rows: they are taken from three
	// parts in turn, so that sums do not wait for each other.
	part := (rows + 2) / 3
	for i := range part {
		for p := range 3 {
			{
				a.column(rows, 1+p*part+i, 26+p, p*part+part)
			}
		}
	}
	a.edge(rows, 0, "R10", "left")
	a.edge(rows, rows+1, "R11", "right")
}

// prefetched sets R12 to the x of the next tap and R13 to the distance of its
// weights; the last tap is followed by itself.
func (a *asm) prefetched() {
	a.op("MOVQ", "BX", "R13")
	a.op("CMPQ", "CX", "$1")
	a.op("JEQ", "follow")
	a.op("ADDQ", fmt.Sprintf("$%d", tapSize), "R13")
	a.label("follow")
	a.op("MOVQ", mem(tapX, "R13"), "R12")
	a.op("MOVQ", mem(tapV, "R13"), "R13")
	a.op("SUBQ", mem(tapV, "BX"), "R13")
	a.op("ADDQ", "R8", "R12")
}

// column adds column j, where it is one of 1..rows, by way of register x.
func (a *asm) column(rows, j, x, last int) {
	if j > min(rows, last) {
		return
	}
	a.op("VBROADCASTSS", mem(64*j, "SI"), z(x))
	for k := range 3 {
		if i := j - k; i >= 0 && i < rows {
			a.op("VFMADD231PS", z(29+k), z(x), z(i))
		}
	}
}

// edge adds column j, seen by one row, unless flag is 0.
func (a *asm) edge(rows, j int, flag, name string) {
	a.op("TESTQ", flag, flag)
	a.op("JZ", name)
	if j == 0 {
		a.op("VFMADD231PS.BCST", mem(0, "SI"), z(29), z(0))
	} else {
		a.op("VFMADD231PS.BCST", mem(64*j, "SI"), z(31), z(rows-1))
	}
	a.label(name)
}

// weave writes the gradient of three taps at distance one and 8 channels. A
// column of x meets the three dy that saw it:
//
//	acc[k][i] += sum over j of x[tap.x + 64 (j+k) + 4 i] v[tap.v + 64 j : ][0:16]
//
// in bytes, for j < tap.n, which is at least 2. dst holds acc[k][i] at
// k step + 64 i. Columns 0 and n+1 count only with c.left and c.right.
func (a *asm) weave() {
	a.text("weaveAVX512", "weavePlain.")
	a.op("MOVQ", "c+0(FP)", "AX")
	a.woven(false)
	a.op("MOVQ", mem(callTaps, "AX"), "BX")
	a.op("MOVQ", mem(callN, "AX"), "CX")
	a.op("MOVQ", mem(callX, "AX"), "R8")
	a.op("MOVQ", mem(callV, "AX"), "R9")
	a.op("MOVQ", mem(callLeft, "AX"), "R10")
	a.op("MOVQ", mem(callRight, "AX"), "R11")
	a.op("TESTQ", "CX", "CX")
	a.op("JZ", "store")

	a.label("tap")
	a.op("MOVQ", mem(tapX, "BX"), "SI")
	a.op("MOVQ", mem(tapV, "BX"), "DX")
	a.op("ADDQ", "R8", "SI")
	a.op("ADDQ", "R9", "DX")
	a.op("MOVQ", mem(tapN, "BX"), "DI")
	a.op("TESTQ", "R10", "R10")
	a.op("JNZ", "left")
	a.op("ADDQ", "$64", "SI")
	a.op("ADDQ", "$64", "DX")
	a.op("JMP", "second")
	a.label("left")
	a.weaveColumn(0, 0)
	a.label("second")
	a.weaveColumn(0, 1)
	a.op("SUBQ", "$2", "DI")
	a.op("JZ", "last")
	a.label("step")
	a.weaveColumn(0, 2)
	a.op("DECQ", "DI")
	a.op("JNZ", "step")
	a.label("last")
	a.weaveColumn(1, 2)
	a.op("TESTQ", "R11", "R11")
	a.op("JZ", "next")
	a.weaveColumn(2, 2)
	a.label("next")
	a.op("ADDQ", fmt.Sprintf("$%d", tapSize), "BX")
	a.op("DECQ", "CX")
	a.op("JNZ", "tap")

	a.label("store")
	a.woven(true)
	a.op("VZEROUPPER")
	a.op("RET")
}

// acc is the accumulator of tap k and channel i of weave.
func acc(k, i int) string { return z(8*k + i) }

// woven loads or stores the accumulators of weave.
func (a *asm) woven(store bool) {
	a.op("MOVQ", mem(callDst, "AX"), "SI")
	for k := range 3 {
		for i := range 8 {
			if store {
				a.op("VMOVUPS", acc(k, i), mem(64*i, "SI"))
			} else {
				a.op("VMOVUPS", mem(64*i, "SI"), acc(k, i))
			}
		}
		a.op("ADDQ", mem(callStep, "AX"), "SI")
	}
}

// weaveColumn does a column for the taps from..to; dy[j-k] is in Z24+k.
func (a *asm) weaveColumn(from, to int) {
	for k := from; k <= to; k++ {
		a.op("VMOVUPS", mem(-64*k, "DX"), z(24+k))
	}
	for i := range 8 {
		x := z(27 + i%4)
		a.op("VBROADCASTSS", mem(4*i, "SI"), x)
		for k := from; k <= to; k++ {
			a.op("VFMADD231PS", z(24+k), x, acc(k, i))
		}
	}
	a.op("ADDQ", "$64", "SI")
	a.op("ADDQ", "$64", "DX")
}
