package main

import (
	"fmt"
	"slices"
	"strings"
)

// loop is a kernel of package vec: what it does to a vector of 16 floats, over
// and over. It is written once, with the operations of vector below, and turned
// into AVX-512 and AVX2.
type loop struct {
	name   string
	reads  []string // its operands, by number: those that are written, then the others
	writes int      // how many those are
	sums   int      // vectors of args.sum that it writes
	unroll int      // copies of the body in the AVX-512 loop, 0 is 1
	body   func(v *vector)
}

// Offsets of the fields of vec.args; a test of vec holds them.
const (
	argsN, argsP, argsC, argsSum = 0, 8, 64, 64 + 12*64
)

// value is an operand of an instruction: a virtual register, a constant or a
// place in memory.
type value struct {
	kind rune // 'r' register, 'k' mask, 'c' constant, 'l' literal, 'm' memory
	n    int
	mem  string
}

// ins is an instruction whose registers are virtual. Sources are in Go's order;
// dst follows them. With inout, the last source is dst as well.
type ins struct {
	op    string
	src   []value
	dst   value
	inout bool
}

// vector writes the body of a loop.
type vector struct {
	wide   bool // AVX-512
	disp   int  // bytes from the index to this vector
	code   []ins
	next   int
	pinned map[value]int // physical registers of constants and sums
	lits   *literals
	copies int // of the body, each with its own sums
	copy   int
}

// literals are the numbers in the code, kept in read-only data.
type literals struct {
	names []string
	bits  map[string]uint32
}

func (l *literals) add(name string, bits uint32) {
	if _, ok := l.bits[name]; !ok {
		l.names = append(l.names, name)
		l.bits[name] = bits
	}
}

func (v *vector) reg() value {
	v.next++
	return value{kind: 'r', n: v.next}
}

// emit adds an instruction and returns its result.
func (v *vector) emit(op string, src ...value) value {
	d := v.reg()
	v.code = append(v.code, ins{op: op, src: src, dst: d})
	return d
}

// inReg returns x as a register: some operands may be nothing else.
func (v *vector) inReg(x value) value {
	if _, ok := v.pinned[x]; ok || x.kind == 'r' || x.kind == 'k' {
		return x
	}
	return v.emit("VMOVUPS", x)
}

var pointers = []string{"DI", "SI", "R8", "R9", "R10", "R11"}

// mem is operand p in memory.
func (v *vector) mem(p int) value {
	return value{kind: 'm', mem: mem(v.disp, pointers[p]) + "(CX*1)"}
}

func (v *vector) load(p int) value { return v.emit("VMOVUPS", v.mem(p)) }
func (v *vector) store(p int, x value) {
	v.code = append(v.code, ins{"VMOVUPS", []value{x}, v.mem(p), false})
}
func (v *vector) c(i int) value { return value{kind: 'c', n: i} }

func (v *vector) add(x, y value) value { return v.emit("VADDPS", y, v.inReg(x)) }
func (v *vector) sub(x, y value) value { return v.emit("VSUBPS", y, v.inReg(x)) }
func (v *vector) mul(x, y value) value { return v.emit("VMULPS", y, v.inReg(x)) }
func (v *vector) div(x, y value) value { return v.emit("VDIVPS", y, v.inReg(x)) }
func (v *vector) sqrt(x value) value   { return v.emit("VSQRTPS", x) }

// max and min return y where one is NaN.
func (v *vector) max(x, y value) value { return v.emit("VMAXPS", y, v.inReg(x)) }
func (v *vector) min(x, y value) value { return v.emit("VMINPS", y, v.inReg(x)) }

// fma is x y + z, fnma is z - x y.
func (v *vector) fma(x, y, z value) value  { return v.inout("VFMADD231PS", x, y, z) }
func (v *vector) fnma(x, y, z value) value { return v.inout("VFNMADD231PS", x, y, z) }

func (v *vector) inout(op string, x, y, z value) value {
	d := v.reg()
	v.code = append(v.code, ins{op, []value{y, v.inReg(x), z}, d, true})
	return d
}

// sum adds x to sum i.
func (v *vector) sum(i int, x value) {
	s := v.sumReg(i)
	v.code = append(v.code, ins{"VADDPS", []value{x, s}, s, false})
}

// sumOf adds x y to sum i.
func (v *vector) sumOf(i int, x, y value) {
	s := v.sumReg(i)
	v.code = append(v.code, ins{"VFMADD231PS", []value{y, v.inReg(x), s}, s, true})
}

// sumReg is a register that keeps its value from one vector to the next.
func (v *vector) sumReg(i int) value { return value{kind: 'r', n: -1 - i*v.copies - v.copy} }

func (v *vector) cmp(predicate string, x, y value) value {
	return v.mask("VCMPPS", value{kind: 'm', mem: "$" + predicate}, y, v.inReg(x))
}

func (v *vector) mask(op string, src ...value) value {
	d := v.reg()
	if v.wide {
		d.kind = 'k'
	}
	v.code = append(v.code, ins{op: op, src: src, dst: d})
	return d
}

// gt is x > y, lt is x < y: no where one is NaN.
func (v *vector) gt(x, y value) value { return v.cmp("30", x, y) }
func (v *vector) lt(x, y value) value { return v.cmp("17", x, y) }

// sel is x where the mask says so, else y.
func (v *vector) sel(m, x, y value) value {
	if v.wide {
		return v.emit("VBLENDMPS", x, v.inReg(y), m)
	}
	return v.emit("VBLENDVPS", m, x, v.inReg(y))
}

// keep is x where the mask says so, else 0.
func (v *vector) keep(m, x value) value {
	if v.wide {
		return v.emit("VMOVAPS.Z", v.inReg(x), m)
	}
	return v.emit("VANDPS", x, m)
}

// Operations on the bits.

func (v *vector) by(wide, narrow string) string {
	if v.wide {
		return wide
	}
	return narrow
}

func (v *vector) imm(op string, n int, x value) value {
	return v.emit(op, value{kind: 'm', mem: fmt.Sprintf("$%d", n)}, v.inReg(x))
}

func (v *vector) xor(x, y value) value       { return v.emit(v.by("VPXORD", "VPXOR"), y, v.inReg(x)) }
func (v *vector) and(x, y value) value       { return v.emit(v.by("VPANDD", "VPAND"), y, v.inReg(x)) }
func (v *vector) addInt(x, y value) value    { return v.emit("VPADDD", y, v.inReg(x)) }
func (v *vector) mulInt(x, y value) value    { return v.emit("VPMULLD", y, v.inReg(x)) }
func (v *vector) right(x value, n int) value { return v.imm("VPSRLD", n, x) }
func (v *vector) left(x value, n int) value  { return v.imm("VPSLLD", n, x) }
func (v *vector) toInt(x value) value        { return v.emit("VCVTPS2DQ", x) }
func (v *vector) round(x value) value        { return v.imm(v.by("VRNDSCALEPS", "VROUNDPS"), 0, x) }

// atLeast compares unsigned integers.
func (v *vector) atLeast(x, y value) value {
	return v.mask("VPCMPEQD", v.emit("VPMAXUD", y, v.inReg(x)), v.inReg(x))
}

// allocate gives virtual registers physical ones and writes the code.
func (v *vector) allocate(a *asm) {
	last := v.lastUses()
	used := map[rune][]bool{'r': make([]bool, 16), 'k': make([]bool, 8)}
	if v.wide {
		used['r'] = make([]bool, 32)
	}
	used['k'][0] = true // K0 is no mask
	for _, p := range v.pinned {
		used['r'][p] = true
	}
	where := map[value]int{}
	take := func(x value) int {
		p := slices.Index(used[x.kind], false)
		if p < 0 {
			panic("asmgen: no register left")
		}
		used[x.kind][p], where[x] = true, p
		return p
	}
	for i, c := range v.code {
		if _, ok := v.pinned[c.dst]; c.inout && !ok {
			z := c.src[len(c.src)-1]
			if p, ok := where[z]; ok && last[z] == i {
				delete(where, z)
				where[c.dst] = p
			} else {
				a.op("VMOVUPS", v.name(z, where), v.physical('r', take(c.dst)))
			}
		}
		var args []any
		for j, s := range c.src {
			if !c.inout || j < len(c.src)-1 {
				args = append(args, v.name(s, where))
			}
		}
		for _, s := range c.src {
			if p, ok := where[s]; ok && last[s] == i {
				used[s.kind][p] = false
				delete(where, s)
			}
		}
		if _, ok := v.pinned[c.dst]; c.dst.kind != 'm' && !ok && !c.inout {
			take(c.dst)
		}
		a.op(c.op, append(args, v.name(c.dst, where))...)
		if p, ok := where[c.dst]; ok && last[c.dst] == i {
			used[c.dst.kind][p] = false
			delete(where, c.dst)
		}
	}
}

// lastUses returns the last instruction that has each value.
func (v *vector) lastUses() map[value]int {
	last := map[value]int{}
	for i, c := range v.code {
		for _, s := range c.src {
			last[s] = i
		}
		if c.dst.kind != 'm' {
			last[c.dst] = max(last[c.dst], i)
		}
	}
	return last
}

func (v *vector) physical(kind rune, p int) string {
	switch {
	case kind == 'k':
		return fmt.Sprintf("K%d", p)
	case v.wide:
		return z(p)
	}
	return y(p)
}

// name is how an instruction calls an operand.
func (v *vector) name(x value, where map[value]int) string {
	if p, ok := v.pinned[x]; ok {
		return v.physical('r', p)
	}
	switch x.kind {
	case 'm':
		return x.mem
	case 'c':
		return mem(argsC+64*x.n+v.disp%64, "AX")
	case 'l':
		return x.mem
	}
	return v.physical(x.kind, where[x])
}

// width is how many bytes an instruction moves.
func (v *vector) width() int {
	if v.wide {
		return 64
	}
	return 32
}

// write writes the function of a loop at a level.
func (l loop) write(a *asm, wide bool, lits *literals) {
	name := l.name + "AVX2"
	if wide {
		name = l.name + "AVX512"
	}
	fmt.Fprintf(a, "\n// The twin is case %s.\n// func %s(a *args)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", l.name, name, name)
	copies := 2 // the halves of a vector
	if wide {
		copies = max(1, l.unroll)
	}
	pinned := l.pin(wide, copies, lits)
	a.op("MOVQ", "a+0(FP)", "AX")
	for i := range l.reads {
		a.op("MOVQ", mem(argsP+8*i, "AX"), pointers[i])
	}
	v := &vector{wide: wide, pinned: pinned, copies: copies}
	for _, x := range sorted(pinned) {
		switch x.kind {
		case 'c':
			a.op("VMOVUPS", mem(argsC+64*x.n, "AX"), v.name(x, nil))
		case 'l':
			a.op("VBROADCASTSS", x.mem, v.name(x, nil))
		case 'r':
			a.op(v.by("VPXORD", "VPXOR"), v.name(x, nil), v.name(x, nil), v.name(x, nil))
		}
	}
	a.op("XORQ", "CX", "CX")
	a.op("MOVQ", mem(argsN, "AX"), "DX")
	a.op("SHLQ", "$6", "DX")
	if !wide {
		copies = 1
	}
	if copies > 1 {
		a.op("LEAQ", fmt.Sprintf("-%d(DX)", 64*copies), "BX")
		a.op("CMPQ", "CX", "BX")
		a.op("JGT", "rest")
		a.label("loop")
		l.bodies(a, wide, pinned, copies, lits)
		a.op("ADDQ", fmt.Sprintf("$%d", 64*copies), "CX")
		a.op("CMPQ", "CX", "BX")
		a.op("JLE", "loop")
	}
	a.label("rest")
	a.op("CMPQ", "CX", "DX")
	a.op("JGE", "done")
	a.label("one")
	l.bodies(a, wide, pinned, 1, lits)
	a.op("ADDQ", "$64", "CX")
	a.op("CMPQ", "CX", "DX")
	a.op("JLT", "one")
	a.label("done")
	for i := range l.sums {
		l.storeSum(a, v, i)
	}
	a.op("VZEROUPPER")
	a.op("RET")
}

// bodies writes the body for consecutive vectors, or the halves of one.
func (l loop) bodies(a *asm, wide bool, pinned map[value]int, n int, lits *literals) {
	halves, copies := 1, max(1, l.unroll)
	if !wide {
		halves, copies = 2, 2
	}
	for c := range n * halves {
		v := &vector{wide: wide, pinned: pinned, lits: lits, copies: copies, copy: c, disp: 64 / halves * c}
		l.body(v)
		v.allocate(a)
	}
}

// pin chooses registers for sums and, in AVX-512, for constants.
func (l loop) pin(wide bool, copies int, lits *literals) map[value]int {
	pinned := map[value]int{}
	top := 16
	if wide {
		top = 32
	}
	for i := range l.sums * copies {
		top--
		pinned[value{kind: 'r', n: -1 - i}] = top
	}
	if !wide {
		return pinned
	}
	dry := &vector{wide: true, lits: lits, copies: copies}
	l.body(dry)
	for _, c := range dry.code {
		for _, s := range c.src {
			if _, ok := pinned[s]; !ok && top > temporaries && (s.kind == 'c' || s.kind == 'l') {
				top--
				pinned[s] = top
			}
		}
	}
	return pinned
}

// temporaries is how many registers are left for what a body computes.
const temporaries = 12

// sorted lists what is pinned, from the highest register.
func sorted(pinned map[value]int) []value {
	var all []value
	for x := range pinned {
		all = append(all, x)
	}
	slices.SortFunc(all, func(x, y value) int { return pinned[y] - pinned[x] })
	return all
}

// storeSum writes sum i, those of the copies of the body added in order.
func (l loop) storeSum(a *asm, v *vector, i int) {
	at := func(c int) string { return v.name(value{kind: 'r', n: -1 - i*v.copies - c}, nil) }
	if !v.wide { // the copies are the halves
		a.op("VMOVUPS", at(0), mem(argsSum+64*i, "AX"))
		a.op("VMOVUPS", at(1), mem(argsSum+64*i+32, "AX"))
		return
	}
	for c := 1; c < v.copies; c++ {
		a.op("VADDPS", at(c), at(0), at(0))
	}
	a.op("VMOVUPS", at(0), mem(argsSum+64*i, "AX"))
}

// data writes the literals, as often as a register has them.
func (l *literals) data(a *asm, width int) {
	for _, name := range l.names {
		a.WriteByte('\n')
		for i := 0; i < width; i += 4 {
			fmt.Fprintf(a, "DATA ·%s<>+%d(SB)/4, $0x%08x\n", name, i, l.bits[name])
		}
		fmt.Fprintf(a, "GLOBL ·%s<>(SB), RODATA|NOPTR, $%d\n", name, width)
	}
}

// vecFile writes the assembly of package vec for a level.
func vecFile(wide bool) string {
	a, lits := new(asm), &literals{bits: map[string]uint32{}}
	header(a)
	for _, l := range loops() {
		l.write(a, wide, lits)
	}
	for _, k := range poolings {
		a.pooling(k, wide)
	}
	lits.data(a, (&vector{wide: wide}).width())
	return a.String()
}

var suffixes = []string{"AVX512", "AVX2"}

// kernels writes the numbers of the loops, and of their operands.
func kernels(b *strings.Builder) {
	b.WriteString("\nconst (\n")
	for i, l := range loops() {
		fmt.Fprintf(b, "\t%s%s\n", l.name, []string{" kernel = iota", ""}[min(i, 1)])
	}
	b.WriteString(")\n\n// operands returns how many a loop has, and how many of them it writes.\n")
	b.WriteString("func (k kernel) operands() (all, written int) {\n\tv := [...][2]uint8{")
	for _, l := range loops() {
		fmt.Fprintf(b, "{%d, %d}, ", len(l.reads), l.writes)
	}
	b.WriteString("}[k]\n\treturn int(v[0]), int(v[1])\n}\n")
}

// vecStubs writes the declarations, and the choice by level.
func vecStubs() string {
	var b strings.Builder
	b.WriteString("// Code generated by internal/asmgen. DO NOT EDIT.\n\n//go:build amd64 && !purego\n\npackage vec\n")
	b.WriteString("\nimport \"github.com/lacuna-ml/lacuna/train/engine/cpu/isa\"\n")
	kernels(&b)
	b.WriteString("\n// run does the loop k.\nfunc (u Unit) run(k kernel, a *args) {\n\tswitch u.level {\n")
	for _, s := range suffixes {
		fmt.Fprintf(&b, "\tcase isa.%s:\n\t\tswitch k {\n", s)
		for _, l := range loops() {
			fmt.Fprintf(&b, "\t\tcase %s:\n\t\t\t%s%s(a)\n", l.name, l.name, s)
		}
		b.WriteString("\t\t}\n")
	}
	b.WriteString("\tdefault:\n\t\ttwin(k, a)\n\t}\n}\n")
	for _, l := range loops() {
		for _, s := range suffixes {
			fmt.Fprintf(&b, "\n//go:noescape\nfunc %s%s(a *args)\n", l.name, s)
		}
	}
	for _, k := range poolings {
		fmt.Fprintf(&b, "\nfunc (u Unit) %s(a *poolCall) {\n\tswitch u.level {\n", k)
		fmt.Fprintf(&b, "\tcase isa.AVX512:\n\t\t%sAVX512(a)\n\tcase isa.AVX2:\n\t\t%sAVX2(a)\n\tdefault:\n\t\t%sPlain(a)\n\t}\n}\n", k, k, k)
		for _, s := range suffixes {
			fmt.Fprintf(&b, "\n//go:noescape\nfunc %s%s(a *poolCall)\n", k, s)
		}
	}
	return formatted(b.String())
}

// vecOther writes the choice where there is none.
func vecOther() string {
	var b strings.Builder
	b.WriteString("// Code generated by internal/asmgen. DO NOT EDIT.\n\n//go:build !amd64 || purego\n\npackage vec\n")
	kernels(&b)
	b.WriteString("\nfunc (u Unit) run(k kernel, a *args) { twin(k, a) }\n")
	for _, k := range poolings {
		fmt.Fprintf(&b, "\nfunc (u Unit) %s(a *poolCall) { %sPlain(a) }\n", k, k)
	}
	return formatted(b.String())
}
