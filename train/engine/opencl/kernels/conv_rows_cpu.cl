// One more convolution for CPUs, of values in single precision, where they lie.

// conv_rows is for kernels of 3 along W with dilation 1 and a padding of at most
// 1 there, and rows of at least 16 voxels, STEP apart in the source. A column of
// the source, which is loaded once, meets up to three rows of the tile: column
// t STEP + k meets row t at tap k. Only the first and the last column can lie
// outside. The last tile of a row ends where the row ends, and may have voxels in
// common with the one before. Groups are rows (d, h) of the destination, blocks,
// samples.
static void __attribute__((always_inline)) conv_rows(PLACE const int STEP,
	global float *dst, global const float *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 stride, int4 pad, int4 dilation, int from, int to_channels)
{
	const int LONG = LANES, LAST = 15 * STEP + 2; // column
	int d0 = GROUP(0) / size.y * stride.x - pad.x, h0 = GROUP(0) % size.y * stride.y - pad.y;
	int blocks = (from + LANES - 1) / LANES;
	float16 acc[LANES], start = of_channels(bias, 1, GROUP(1) * LANES, to_channels, 0);
	src += (size_t)GROUP(2) * blocks * src_size.x * src_size.y * src_size.z * LANES;
	dst += ((size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * GROUPS(0) + GROUP(0)) * size.z * LANES;
	for (int next = 0; next < size.z; next += LANES) {
		int w = min(next, size.z - LANES), first = w * STEP - pad.z, left = first >= 0, right = first + LAST < src_size.z;
		EACH_OF_TILE(t) acc[t] = start;
		for (int b = 0; b < blocks; b++) for (int kd = 0; kd < taps.x; kd++) for (int kh = 0; kh < taps.y; kh++) {
			int d = d0 + kd * dilation.x, h = h0 + kh * dilation.y, count = min(LANES, from - b * LANES);
			if (d < 0 || d >= src_size.x || h < 0 || h >= src_size.y) continue;
			global const float *x = src + ((long)((b * src_size.x + d) * src_size.y + h) * src_size.z + first) * LANES;
			global const float *u = packed + (size_t)(((GROUP(1) * blocks + b) * taps.x + kd) * taps.y + kh) * 3 * TILE;
			for (int i = 0; i < count; i++, x++, u += LANES) {
				float16 w3[3] = {vload16(0, u), vload16(0, u + TILE), vload16(0, u + 2 * TILE)};
				if (left) acc[0] += x[0] * w3[0];
				UNROLL for (int c = 1; c < LAST; c++) {
					float16 v = x[c * LANES];
					MEET(3, c, 0, w3)
				}
				if (right) acc[15] += x[LAST * LANES] * w3[2];
			}
		}
		EACH_OF_TILE(t) vstore16(acc[t], w + t, dst);
	}
}

#define CONV_ROWS(name, step) \
	KERNEL void name(global float *dst, global const float *src, global const float *packed, global const float *bias, \
		int4 size, int4 src_size, int4 taps, int4 stride, int4 pad, int4 dilation, int from, int to_channels) \
	{ conv_rows(HERE step, dst, src, packed, bias, size, src_size, taps, stride, pad, dilation, from, to_channels); }
CONV_ROWS(conv_rows_1, 1)
CONV_ROWS(conv_rows_2, 2)
