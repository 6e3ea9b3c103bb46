package conv

// ToBlocked writes x, plain [n][c][D][H][W] with size voxels each, in blocks:
// [n][blocks][D][H][W][16]. Channels that pad the last block are zero.
func ToBlocked(p *Pool, dst, x []float32, n, c, size int) { convert(p, dst, x, n, c, size, true) }

// ToPlain is the inverse of ToBlocked.
func ToPlain(p *Pool, dst, x []float32, n, c, size int) { convert(p, x, dst, n, c, size, false) }

// slice is how many voxels a task of a conversion has.
const slice = 4096

// conversion moves voxels between the layouts, either way.
type conversion struct {
	level          level
	blocked, plain []float32
	n, c, size     int
	block          bool // to blocks
}

func convert(p *Pool, blocked, plain []float32, n, c, size int, block bool) {
	atLeast("blocked", len(blocked), n*blocks(c)*Lanes*size)
	atLeast("plain", len(plain), n*c*size)
	if n*c*size == 0 {
		return
	}
	p.conv = conversion{best(), blocked, plain, n, c, size, block}
	p.run(&p.conv, n*blocks(c)*ceilDiv(size, slice))
	p.conv = conversion{}
}

// do converts a slice of the voxels of a block.
func (v *conversion) do(task, _ int) {
	slices := ceilDiv(v.size, slice)
	from := task % slices * slice
	count := min(slice, v.size-from)
	block := task / slices
	n, b := block/blocks(v.c), block%blocks(v.c)
	used := min(Lanes, v.c-b*Lanes)
	blocked := v.blocked[(block*v.size+from)*Lanes:][:count*Lanes]
	plain := v.plain[(n*v.c+b*Lanes)*v.size+from:]
	if v.block && used < Lanes {
		clearPadding(blocked, used)
	}
	// Whole blocks of 8 x 8 by kernel, what is left one by one. 128 voxels of
	// all channels at a time stay in the cache.
	whole := used / 8 * 8
	even := count / 8 * 8
	for i := 0; i < even; i += 128 {
		here := min(128, even-i)
		for ch := 0; ch < whole; ch += 8 {
			x, y := &plain[ch*v.size+i], &blocked[i*Lanes+ch]
			if v.block {
				v.level.transpose(y, 4*Lanes, x, 4*v.size, here/8, 8*4*Lanes, 32)
			} else {
				v.level.transpose(x, 4*v.size, y, 4*Lanes, here/8, 32, 8*4*Lanes)
			}
		}
	}
	for ch := range used {
		first := 0
		if ch < whole {
			first = even
		}
		v.channel(blocked[first*Lanes:], plain[ch*v.size:], first, count, ch)
	}
}

// channel moves voxels first..count of one channel.
func (v *conversion) channel(blocked, plain []float32, first, count, ch int) {
	for i := first; i < count; i++ {
		if v.block {
			blocked[(i-first)*Lanes+ch] = plain[i]
		} else {
			plain[i] = blocked[(i-first)*Lanes+ch]
		}
	}
}
