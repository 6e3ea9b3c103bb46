//go:build amd64 && !purego

package conv

import "github.com/lacuna-ml/lacuna/train/engine/cpu/isa"

//go:generate go run ../../../../internal/asmgen -out . conv

// tile is the largest number of rows that outer takes.
func (l level) tile() int {
	switch l {
	case level(isa.AVX512):
		return outerTile512
	case level(isa.AVX2):
		return outerTile256
	}
	return portableTile
}

// outer is outerPlain.
func (l level) outer(c *call, rows int) {
	switch l {
	case level(isa.AVX512):
		outerAVX512(c, rows)
	case level(isa.AVX2):
		outerAVX2(c, rows)
	default:
		outerPortable(c, rows)
	}
}

// pairTile is the largest number of rows that pair takes, 0 where there is no
// such kernel.
func (l level) pairTile() int {
	if l == level(isa.AVX512) {
		return pairTile512
	}
	return 0
}

func (l level) pair(c *call, rows int) { pairAVX512(c, rows) }

// sweepTile is the largest number of rows that sweep takes, 0 where there is
// no such kernel; weave goes with it.
func (l level) sweepTile() int {
	if l == level(isa.AVX512) {
		return sweepTile512
	}
	return 0
}

func (l level) sweep(c *call, rows int) { sweepAVX512(c, rows) }

// patchTile is the largest patch, 0 where there is no such kernel.
func (l level) patchTile(cols int) (groups int) {
	if l == level(isa.AVX512) && cols <= patchCols512 {
		return min(patchGroups512, outerTile512/cols)
	}
	return 0
}

func (l level) patch(c *call, groups, cols int) { patchAVX512(c, groups, cols) }

func (l level) weave(c *call) { weaveAVX512(c) }

// transpose is transposePlain.
func (l level) transpose(dst *float32, dstStep int, src *float32, srcStep int, n, dstNext, srcNext int) {
	if l == level(isa.Plain) {
		transposePlain(dst, dstStep, src, srcStep, n, dstNext, srcNext)
		return
	}
	transposeAVX2(dst, dstStep, src, srcStep, n, dstNext, srcNext)
}
