package opencl

import "github.com/lacuna-ml/lacuna/train/tensor"

// convolveOnCPU launches the kernel of conv_cpu.cl that does a pass best. The
// arguments are those of conv_voxels; conv_voxels and conv_plain_voxels can do
// all. Where one block is written, what a tile reads is worth gathering for three
// taps at once; of two and more, each value that is read meets as many weights.
func (d *device) convolveOnCPU(args []arg, p pass, plain bool) {
	w, blocks := p.size[2], tensor.Blocks(p.to)
	// Rows a little longer than a tile would be computed almost twice.
	long := !p.back && p.taps[2] == 3 && p.dilation[2] == 1 && p.step[2] <= 2 &&
		w >= tensor.Lanes && tensor.Lanes*over(w, tensor.Lanes) <= w+w/2
	forward := func(name string, groups int) {
		d.launch(name, tensor.Blocked, [3]int{groups, blocks, p.samples},
			args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7], args[9], args[10], args[12], args[13])
	}
	switch {
	case plain && p.step[2] <= 2 && w >= 8:
		forward([3]string{1: "conv_plain_1", 2: "conv_plain_2"}[p.step[2]], p.rows())
	case plain:
		forward("conv_plain_voxels", over(p.voxels(), voxelsOfTile))
	case p.taps == ones && p.step == ones && !p.back && p.pad == [3]int{} && p.voxels() >= tensor.Lanes:
		d.launch("conv_points", tensor.Blocked, [3]int{over(p.voxels(), tensor.Lanes), blocks, p.samples},
			args[0], args[1], args[2], args[3], num(p.voxels()), num(p.from), num(p.to))
	case long && 0 <= p.pad[2] && p.pad[2] <= 1 && !d.half:
		forward([3]string{1: "conv_rows_1", 2: "conv_rows_2"}[p.step[2]], p.rows())
	case blocks == 1 && p.dilation == ones && p.step[2] <= 2 && w/p.phases[2] >= 4:
		least, most := w/p.phases[2], over(w, p.phases[2]) // voxels of a row of a phase
		length := longest(least)
		groups := [3]int{over(p.rows()*over(most, length), tensor.Lanes/length), 1, p.planes()}
		d.launch(runs[p.step[2]-1][length/8], tensor.Blocked, groups, args[:14]...)
	default:
		d.convolveVoxels(args, p)
	}
}

// voxelsOfTile is VOXELS of conv_cpu.cl.
const voxelsOfTile = 8

// convolveVoxels launches conv_voxels for blocks of channels in twos, of which
// the last are three where their number is odd.
func (d *device) convolveVoxels(args []arg, p pass) {
	blocks := tensor.Blocks(p.to)
	launch := func(name string, first, count int) {
		groups := [3]int{over(p.voxels(), voxelsOfTile), count, p.planes()}
		d.launch(name, tensor.Blocked, groups, args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7], args[8],
			args[9], args[10], args[11], args[12], args[13], num(first))
	}
	if blocks == 1 {
		launch("conv_voxels_1", 0, 1)
		return
	}
	odd := blocks % 2
	launch("conv_voxels_2", 0, blocks/2-odd)
	launch("conv_voxels_3", blocks-3*odd, odd)
}

// runs are the kernels conv_runs by step, and by how long runs are: 4, 8, 16.
var runs = [2][3]string{
	{"conv_runs_4x4", "conv_runs_2x8", "conv_runs_1x16"},
	{"conv_strides_4x4", "conv_strides_2x8", "conv_strides_1x16"},
}

// longest returns the length of runs, 4, 8 or 16, that rows of so many voxels are
// cut in: the longest that wastes no more than 4.
func longest(voxels int) int {
	length := 4
	for l := 8; l <= tensor.Lanes; l *= 2 {
		if voxels >= l && over(voxels, l)*l <= over(voxels, 4)*4 {
			length = l
		}
	}
	return length
}
