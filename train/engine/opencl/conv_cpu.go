package opencl

import "github.com/lacuna-ml/lacuna/train/tensor"

// convolveOnCPU launches the kernel of conv_cpu.cl that does a pass best. The
// arguments are those of conv_voxels; conv_voxels and conv_plain_voxels can do
// all.
func (d *device) convolveOnCPU(args []arg, p pass, plain bool) {
	w, blocks := p.size[2], tensor.Blocks(p.to)
	// Rows a little longer than a tile would be computed almost twice.
	long := !p.back && p.taps[2] == 3 && p.dilation[2] == 1 && p.step[2] <= 2 &&
		w >= tensor.Lanes && tensor.Lanes*over(w, tensor.Lanes) <= w+w/2
	forward := func(name string, groups int) {
		d.launch(name, tensor.Blocked, [3]int{groups, blocks, p.samples},
			args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7], args[9], args[10], args[12], args[13])
	}
	tiles := over(p.voxels(), tensor.Lanes)
	switch {
	case plain && long:
		forward([3]string{1: "conv_plain_1", 2: "conv_plain_2"}[p.step[2]], p.rows())
	case plain:
		forward("conv_plain_voxels", tiles)
	case p.taps == ones && p.step == ones && !p.back && p.pad == [3]int{} && p.voxels() >= tensor.Lanes:
		d.launch("conv_points", tensor.Blocked, [3]int{tiles, blocks, p.samples},
			args[0], args[1], args[2], args[3], num(p.voxels()), num(p.from), num(p.to))
	case long && 0 <= p.pad[2] && p.pad[2] <= 1 && !d.half:
		forward([3]string{1: "conv_rows_1", 2: "conv_rows_2"}[p.step[2]], p.rows())
	case p.dilation == ones && p.step[2] <= 2 && w/p.phases[2] >= 4:
		d.convolveRuns(args, p)
	default:
		d.launch("conv_voxels", tensor.Blocked, [3]int{tiles, blocks, p.planes()}, args[:14]...)
	}
}

// runs are the kernels conv_runs by step, and by how long runs are: 4, 8, 16 for
// one block, 4, 8 for two.
var runs = [2]struct{ one, two [3]string }{
	{[3]string{"conv_runs_4x4", "conv_runs_2x8", "conv_runs_1x16"}, [3]string{"conv_runs_2x4x2", "conv_runs_1x8x2"}},
	{[3]string{"conv_strides_4x4", "conv_strides_2x8", "conv_strides_1x16"}, [3]string{"conv_strides_2x4x2", "conv_strides_1x8x2"}},
}

// convolveRuns launches conv_runs for blocks of channels in twos, and for the one
// that is left.
func (d *device) convolveRuns(args []arg, p pass) {
	least, most := p.size[2]/p.phases[2], over(p.size[2], p.phases[2]) // of voxels of a row of a phase
	names, blocks := runs[p.step[2]-1], tensor.Blocks(p.to)
	launch := func(name string, length, voxels, first, count int) {
		groups := [3]int{over(p.rows()*over(most, length), voxels/length), count, p.planes()}
		d.launch(name, tensor.Blocked, groups, args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7], args[8],
			args[9], args[10], args[11], args[12], args[13], num(first))
	}
	if blocks >= 2 {
		length := longest(least, 8)
		launch(names.two[length/8], length, 8, 0, blocks/2)
	}
	if blocks%2 == 1 {
		length := longest(least, 16)
		launch(names.one[length/8], length, 16, blocks-1, 1)
	}
}

// longest returns the length of runs, 4, 8 or 16 and not above most, that rows
// of so many voxels are cut in: the longest that wastes no more than 4.
func longest(voxels, most int) int {
	length := 4
	for l := 8; l <= most; l *= 2 {
		if voxels >= l && over(voxels, l)*l <= over(voxels, 4)*4 {
			length = l
		}
	}
	return length
}
