// Conversions between the layouts: plain floats, [n][c][voxel], and blocks,
// [n][block][voxel][16]. Groups are slices of voxels, blocks, samples.

KERNEL void to_blocked(global block *y, global const float *x, int channels, int voxels) {
	int b = GROUP(1), n = GROUP(2);
	global const float *from = x + (size_t)(n * channels + b * LANES) * voxels;
	global block *to = y + (size_t)(n * GROUPS(1) + b) * voxels * LANES;
	int count = min(LANES, channels - b * LANES), i = GROUP(0) * SLICE + ITEM, stop = min((GROUP(0) + 1) * SLICE, voxels);
#if V == 16
	for (; i + LANES <= stop; i += LANES) {
		float16 x[LANES];
		_Pragma("unroll") for (int c = 0; c < LANES; c++) x[c] = c < count ? vload16(0, from + (size_t)c * voxels + i) : (float16)0;
		transpose(x);
		_Pragma("unroll") for (int j = 0; j < LANES; j++) store(x[j], to, (i + j) * LANES);
	}
#endif
	for (; i < stop; i += L) {
		float voxel[LANES];
		for (int c = 0; c < LANES; c++) voxel[c] = c < count ? from[(size_t)c * voxels + i] : 0;
		for (int q = 0; q < Q; q++) store(PASTE(vload, V)(q, voxel), to, i * LANES + q * V);
	}
}

KERNEL void to_plain(global float *y, global const block *x, int channels, int voxels) {
	int b = GROUP(1), n = GROUP(2);
	global float *to = y + (size_t)(n * channels + b * LANES) * voxels;
	global const block *from = x + (size_t)(n * GROUPS(1) + b) * voxels * LANES;
	int count = min(LANES, channels - b * LANES), i = GROUP(0) * SLICE + ITEM, stop = min((GROUP(0) + 1) * SLICE, voxels);
#if V == 16
	for (; i + LANES <= stop; i += LANES) {
		float16 x[LANES];
		_Pragma("unroll") for (int j = 0; j < LANES; j++) x[j] = load(from, (i + j) * LANES);
		transpose(x);
		_Pragma("unroll") for (int c = 0; c < LANES; c++)
			if (c < count) vstore16(x[c], 0, to + (size_t)c * voxels + i);
	}
#endif
	for (; i < stop; i += L) {
		float voxel[LANES];
		for (int q = 0; q < Q; q++) PASTE(vstore, V)(load(from, i * LANES + q * V), q, voxel);
		for (int c = 0; c < count; c++) to[(size_t)c * voxels + i] = voxel[c];
	}
}
