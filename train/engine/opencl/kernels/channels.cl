// Channels from one tensor to another: y[n][y0+c] = x[n][x0+c] for c < count.

#ifdef BLOCKED
// Groups are slices of voxels, the blocks of y that channels go to, samples.
KERNEL void channels(global T *y, global const T *x, int y0, int x0, int count, int y_channels, int x_channels, int voxels) {
	int b = y0 / LANES + GROUP(1), n = GROUP(2);
	int from = max(0, y0 - b * LANES), to = min(LANES, y0 + count - b * LANES);
	int shift = x0 - y0 + b * LANES; // from a channel of this block to one of x
	int y_blocks = (y_channels + LANES - 1) / LANES, x_blocks = (x_channels + LANES - 1) / LANES;
	y += (size_t)(n * y_blocks + b) * voxels * LANES;
	x += (size_t)n * x_blocks * voxels * LANES;
	int start = GROUP(0) * SLICE, stop = min(start + SLICE, voxels);
	if (from == 0 && shift % LANES == 0 && (to == LANES || b * LANES + to == y_channels)) {
		x += (size_t)(shift / LANES) * voxels * LANES;
		for (int i = start * LANES + ITEM * V; i < stop * LANES; i += L * V) store(load(x, i), y, i);
		return;
	}
	for (int i = start + ITEM; i < stop; i += L)
		for (int c = from; c < to; c++) {
			int k = c + shift;
			store1(load1(x, ((size_t)(k / LANES) * voxels + i) * LANES + k % LANES), y, (size_t)i * LANES + c);
		}
}
#else
// Groups are chunks of the channels of a sample, samples. A channel has voxels
// values.
KERNEL void channels(global T *y, global const T *x, int y0, int x0, int count, int y_channels, int x_channels, int voxels) {
	size_t n = GROUP(1);
	y += (n * y_channels + y0) * voxels;
	x += (n * x_channels + x0) * voxels;
	int span = count * voxels;
	EACH(i, span) put(get(x, i, span), y, i, span);
}
#endif
