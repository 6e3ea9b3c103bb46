// What the convolutions for GPUs share.

// voxel_of returns voxel j of a range.
static int4 voxel_of(int j, int4 range) {
	return (int4)(j / (range.y * range.z), j / range.z % range.y, j % range.z, 0);
}

// fetch returns channels c to c+3 of a voxel of a sample. Channels of a plain
// source beyond the last are 0.
static float4 fetch(global const float *src, int plain, int c, int voxel, int voxels, int channels) {
	if (!plain) return load((global const block *)src, ((size_t)(c / LANES) * voxels + voxel) * LANES + c % LANES);
	float part[4];
	for (int i = 0; i < 4; i++) part[i] = c + i < channels ? src[(size_t)(c + i) * voxels + voxel] : 0;
	return vload4(0, part);
}

// sample returns where sample n of a source begins.
static global const float *sample(global const float *src, int plain, int n, int voxels, int channels) {
	if (plain) return src + (size_t)n * channels * voxels;
	size_t size = (size_t)(channels + LANES - 1) / LANES * LANES * voxels;
	return (global const float *)((global const block *)src + n * size);
}
