package main

import "fmt"

// poolings are the kernels of max pooling: the forward pass, and the gradient
// where windows overlap and where they do not.
var poolings = []string{"poolMax", "poolAdd", "poolPut"}

// Offsets of the fields of vec.poolCall and vec.PoolTap; a test of vec holds
// them.
const (
	poolN, poolStep, poolTaps, poolCount = 0, 8, 16, 24
	poolY, poolTap, poolX                = 32, 40, 48
	poolTapOff, poolTapID, poolTapSize   = 0, 8, 16
)

// pooling writes a kernel: for each of n outputs, for each of the taps. In
// AVX2 it goes over both halves of an output.
func (a *asm) pooling(kernel string, wide bool) {
	suffix, halves := "AVX2", 2
	if wide {
		suffix, halves = "AVX512", 1
	}
	fmt.Fprintf(a, "\n// %sPlain.\n// func %s%s(a *poolCall)\nTEXT ·%s%s(SB), NOSPLIT, $0-8\n", kernel, kernel, suffix, kernel, suffix)
	a.op("MOVQ", "a+0(FP)", "AX")
	for i, r := range []string{"DX", "R9", "BX", "R8", "DI", "R10", "SI"} {
		a.op("MOVQ", mem(8*i, "AX"), r)
	}
	a.op("TESTQ", "DX", "DX")
	a.op("JZ", "done")
	a.label("output")
	for h := range halves {
		a.op("MOVQ", "BX", "R11")
		a.op("MOVQ", "R8", "CX")
		p := pool{a, wide, 32 * h}
		tap := fmt.Sprintf("tap%d", h)
		if kernel == "poolMax" {
			p.first()
			a.op("JZ", fmt.Sprintf("only%d", h))
		} else {
			p.given()
		}
		a.label(tap)
		p.one(kernel)
		a.op("ADDQ", fmt.Sprintf("$%d", poolTapSize), "R11")
		a.op("DECQ", "CX")
		a.op("JNZ", tap)
		if kernel == "poolMax" {
			a.label(fmt.Sprintf("only%d", h))
			a.op("VMOVUPS", p.reg(0), mem(p.half, "DI"))
			a.op("VMOVUPS", p.reg(1), mem(p.half, "R10"))
		}
	}
	a.op("ADDQ", "$64", "DI")
	a.op("ADDQ", "$64", "R10")
	a.op("ADDQ", "R9", "SI")
	a.op("DECQ", "DX")
	a.op("JNZ", "output")
	a.label("done")
	a.op("VZEROUPPER")
	a.op("RET")
}

// pool writes parts of a kernel of max pooling. Register 0 is the largest value
// or dy, 1 its tap, DI and R10 where they are, SI x, R11 the list of taps.
type pool struct {
	*asm
	wide bool
	half int
}

func (p pool) reg(i int) string {
	if p.wide {
		return z(i)
	}
	return y(i)
}

func (p pool) x() string { return mem(p.half, "SI") + "(R12*1)" }

func (p pool) offset() { p.op("MOVQ", mem(poolTapOff, "R11"), "R12") }

// first takes the value of the first tap, and sets the flags for whether more
// follow.
func (p pool) first() {
	p.offset()
	p.op("VMOVUPS", p.x(), p.reg(0))
	p.op("VBROADCASTSS", mem(poolTapID, "R11"), p.reg(1))
	p.op("ADDQ", fmt.Sprintf("$%d", poolTapSize), "R11")
	p.op("DECQ", "CX")
}

// given loads dy and its tap.
func (p pool) given() {
	p.op("VMOVUPS", mem(p.half, "DI"), p.reg(0))
	p.op("VMOVUPS", mem(p.half, "R10"), p.reg(1))
}

// one does a tap.
func (p pool) one(kernel string) {
	p.offset()
	switch {
	case kernel == "poolMax" && p.wide: // v is not at most the largest, which is no NaN
		p.op("VMOVUPS", p.x(), z(2))
		p.op("VCMPPS", "$7", z(0), z(0), "K2")
		p.op("VCMPPS", "$22", z(0), z(2), "K2", "K1")
		p.op("VMOVAPS", z(2), "K1", z(0))
		p.op("VBROADCASTSS", mem(poolTapID, "R11"), "K1", z(1))
	case kernel == "poolMax":
		p.op("VMOVUPS", p.x(), y(2))
		p.op("VCMPPS", "$7", y(0), y(0), y(3))
		p.op("VCMPPS", "$22", y(0), y(2), y(4))
		p.op("VANDPS", y(3), y(4), y(4))
		p.op("VBROADCASTSS", mem(poolTapID, "R11"), y(5))
		p.op("VBLENDVPS", y(4), y(2), y(0), y(0))
		p.op("VBLENDVPS", y(4), y(5), y(1), y(1))
	case p.wide:
		p.op("VCMPPS.BCST", "$0", mem(poolTapID, "R11"), z(1), "K1")
		if kernel == "poolPut" {
			p.op("VMOVAPS.Z", z(0), "K1", z(2))
		} else {
			p.op("VMOVUPS", p.x(), z(2))
			p.op("VADDPS", z(0), z(2), "K1", z(2))
		}
		p.op("VMOVUPS", z(2), p.x())
	default:
		p.op("VBROADCASTSS", mem(poolTapID, "R11"), y(2))
		p.op("VCMPPS", "$0", y(2), y(1), y(2))
		p.op("VANDPS", y(0), y(2), y(2))
		if kernel == "poolAdd" {
			p.op("VADDPS", p.x(), y(2), y(2))
		}
		p.op("VMOVUPS", y(2), p.x())
	}
}
