package main

import "fmt"

// transpose writes dst[j][i] = src[i][j] for blocks of 8 x 8 floats, n of them,
// srcNext and dstNext bytes apart; rows are srcStep and dstStep bytes apart.
func (a *asm) transpose() {
	a.WriteString("\n// transposePlain.\n")
	a.WriteString("// func transposeAVX2(dst *float32, dstStep int, src *float32, srcStep int, n, dstNext, srcNext int)\n")
	a.WriteString("TEXT ·transposeAVX2(SB), NOSPLIT, $0-56\n")
	for i, r := range []string{"DI", "R8", "SI", "R9", "CX", "R10", "R11"} {
		name := []string{"dst", "dstStep", "src", "srcStep", "n", "dstNext", "srcNext"}[i]
		a.op("MOVQ", fmt.Sprintf("%s+%d(FP)", name, 8*i), r)
	}
	a.op("LEAQ", "(R8)(R8*2)", "R12") // 3 steps of dst
	a.op("LEAQ", "(R9)(R9*2)", "R13") // 3 steps of src
	a.label("block")
	at := func(base, base4, step, step3 string, i int) string {
		b := []string{base, base4}[i/4]
		return "(" + b + ")" + []string{"", "(" + step + "*1)", "(" + step + "*2)", "(" + step3 + "*1)"}[i%4]
	}
	a.op("LEAQ", "(SI)(R9*4)", "AX")
	a.op("LEAQ", "(DI)(R8*4)", "BX")
	// Rows i and i+4 share a register: halves 0..3 in Y0..Y3, 4..7 in Y4..Y7.
	for i := range 4 {
		a.op("VMOVUPS", at("SI", "AX", "R9", "R13", i), fmt.Sprintf("X%d", i))
		a.op("VINSERTF128", "$1", at("SI", "AX", "R9", "R13", i+4), y(i), y(i))
	}
	for i := range 4 {
		src := func(r int) string { return "16" + at("SI", "AX", "R9", "R13", r) }
		a.op("VMOVUPS", src(i), fmt.Sprintf("X%d", i+4))
		a.op("VINSERTF128", "$1", src(i+4), y(i+4), y(i+4))
	}
	for h := 0; h < 8; h += 4 {
		a.op("VUNPCKLPS", y(h+1), y(h), y(8))
		a.op("VUNPCKHPS", y(h+1), y(h), y(9))
		a.op("VUNPCKLPS", y(h+3), y(h+2), y(10))
		a.op("VUNPCKHPS", y(h+3), y(h+2), y(11))
		a.op("VUNPCKLPD", y(10), y(8), y(12))
		a.op("VUNPCKHPD", y(10), y(8), y(13))
		a.op("VUNPCKLPD", y(11), y(9), y(14))
		a.op("VUNPCKHPD", y(11), y(9), y(15))
		for j := range 4 {
			a.op("VMOVUPS", y(12+j), at("DI", "BX", "R8", "R12", h+j))
		}
	}
	a.op("ADDQ", "R10", "DI")
	a.op("ADDQ", "R11", "SI")
	a.op("DECQ", "CX")
	a.op("JNZ", "block")
	a.op("VZEROUPPER")
	a.op("RET")
}
