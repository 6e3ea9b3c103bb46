//go:build !amd64 || purego

package conv

func (l level) tile() int { return portableTile }

func (l level) outer(c *call, rows int) { outerPortable(c, rows) }

func (l level) pairTile() int { return 0 }

func (l level) pair(c *call, rows int) { pairPlain(c, rows) }

func (l level) sweepTile() int { return 0 }

func (l level) sweep(c *call, rows int) { sweepPlain(c, rows) }

func (l level) patchTile(int) int { return 0 }

func (l level) patch(c *call, groups, cols int) { patchPlain(c, groups, cols) }

func (l level) weave(c *call) { weavePlain(c) }

func (l level) transpose(dst *float32, dstStep int, src *float32, srcStep int, n, dstNext, srcNext int) {
	transposePlain(dst, dstStep, src, srcStep, n, dstNext, srcNext)
}
