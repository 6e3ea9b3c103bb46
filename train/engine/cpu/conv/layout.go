package conv

import (
	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// Converter moves volumes between the layouts. It is not for concurrent use.
type Converter struct {
	Pool  *pool.Pool
	Level isa.Level  // of instructions
	job   conversion // kept here, that it need not be allocated
}

// ToBlocked writes x, plain [n][c][D][H][W] with size voxels each, in blocks:
// [n][blocks][D][H][W][16]. Lanes that are no channel are left alone.
func (c *Converter) ToBlocked(dst, x []float32, n, channels, size int) {
	c.convert(dst, x, n, channels, size, true)
}

// ToPlain is the inverse of ToBlocked.
func (c *Converter) ToPlain(dst, x []float32, n, channels, size int) {
	c.convert(x, dst, n, channels, size, false)
}

// slice is how many voxels a task of a conversion has.
const slice = 4096

// conversion moves voxels between the layouts, either way.
type conversion struct {
	level          level
	blocked, plain []float32
	n, c, size     int
	block          bool // to blocks
}

func (v *Converter) convert(blocked, plain []float32, n, c, size int, block bool) {
	atLeast("blocked", len(blocked), n*blocks(c)*Lanes*size)
	atLeast("plain", len(plain), n*c*size)
	if n*c*size == 0 {
		return
	}
	v.job = conversion{level(v.Level.Found()), blocked, plain, n, c, size, block}
	v.Pool.Run(&v.job, n*blocks(c)*ceilDiv(size, slice))
	v.job = conversion{}
}

// Do converts a slice of the voxels of a block.
func (v *conversion) Do(task, _ int) {
	slices := ceilDiv(v.size, slice)
	from := task % slices * slice
	count := min(slice, v.size-from)
	block := task / slices
	n, b := block/blocks(v.c), block%blocks(v.c)
	used := min(Lanes, v.c-b*Lanes)
	blocked := v.blocked[(block*v.size+from)*Lanes:][:count*Lanes]
	plain := v.plain[(n*v.c+b*Lanes)*v.size+from:]
	// Of 128 voxels all channels stay in the cache.
	for i := 0; i < count; i += 128 {
		here := min(128, count-i)
		if v.block {
			v.level.turn(&blocked[i*Lanes], Lanes, &plain[i], v.size, used, here)
		} else {
			v.level.turn(&plain[i], v.size, &blocked[i*Lanes], Lanes, here, used)
		}
	}
}

// turn writes dst[j][i] = src[i][j] for i < rows, j < cols; rows are srcStep
// and dstStep floats apart. Whole blocks of 8 x 8 are for the kernel, which goes
// along the longer side: 8 rows that lie a power of two apart share few lines of
// the cache, 16 would drive each other out.
func (l level) turn(dst *float32, dstStep int, src *float32, srcStep, rows, cols int) {
	r, c := rows/8*8, cols/8*8
	switch {
	case r == 0 || c == 0:
		r, c = 0, 0
	case r <= c:
		for i := 0; i < r; i += 8 {
			l.transpose(at(dst, 4*i), 4*dstStep, at(src, 4*i*srcStep), 4*srcStep, c/8, 32*dstStep, 32)
		}
	default:
		for j := 0; j < c; j += 8 {
			l.transpose(at(dst, 4*j*dstStep), 4*dstStep, at(src, 4*j), 4*srcStep, r/8, 32, 32*srcStep)
		}
	}
	for i := range rows {
		first := c
		if i >= r {
			first = 0
		}
		for j := first; j < cols; j++ {
			*at(dst, 4*(j*dstStep+i)) = *at(src, 4*(i*srcStep+j))
		}
	}
}
