package opencl

import "fmt"

// tiling is a size of the tiles of conv_tiled.
type tiling struct {
	rows, blocks int // voxels of an item, blocks of a group
}

// suffix tells the kernels of a tiling from those of others.
func (t tiling) suffix() string { return fmt.Sprintf("/%dx%d", t.rows, t.blocks) }

// voxels returns how many a group has.
func (t tiling) voxels() int { return gpuGroup / (4 * t.blocks) * t.rows }

// tilings returns those to choose from.
func tilings() []tiling {
	var list []tiling
	for _, rows := range []int{4, 8} {
		for _, blocks := range []int{1, 2} {
			list = append(list, tiling{rows, blocks})
		}
	}
	return list
}

func (d *device) tuned(blocks int) tiling {
	return tilings()[min(blocks, 2)-1]
}
