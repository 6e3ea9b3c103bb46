// Convolutions for GPUs, as products of matrices: voxels by what they need of
// the source, which is gathered in local memory a tap and a block of 16 channels
// at a time, by weights. An item has ROWS voxels by 4 channels in registers, a
// group BLOCKS blocks of channels; both are tuned on the device, neither changes
// the order of a sum.

#define QUADS (4 * BLOCKS)             // items side by side
#define VOXELS (L / QUADS * ROWS)      // voxels of a group
#define FETCHES (VOXELS * 4 / L)       // of a quad of channels, by each item

static int4 voxel_of(int j, int4 range) {
	return (int4)(j / (range.y * range.z), j / range.z % range.y, j % range.z, 0);
}

static int within(int4 v, int4 size) {
	return v.x >= 0 && v.x < size.x && v.y >= 0 && v.y < size.y && v.z >= 0 && v.z < size.z;
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

// conv_tiled is for all windows. Groups are tiles, BLOCKS blocks, phases of
// samples.
KERNEL void conv_tiled(global block *dst, global const float *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 step, int4 phases, int4 pad, int4 dilation, int back, int from, int to_channels, int plain)
{
	local float columns[LANES][VOXELS + 1], weights[LANES][LANES * BLOCKS];
	local int here[VOXELS];
	int count_phases = phases.x * phases.y * phases.z, n = GROUP(2) / count_phases, p = GROUP(2) % count_phases;
	int4 phase = (int4)(p / (phases.y * phases.z), p / phases.z % phases.y, p % phases.z, 0);
	int4 range = (size - phase + phases - 1) / phases;
	int first = GROUP(0) * VOXELS, count = range.x * range.y * range.z;
	if (first >= count) return; // all items of the group
	int blocks = (from + LANES - 1) / LANES, to_blocks = (to_channels + LANES - 1) / LANES;
	int voxels = src_size.x * src_size.y * src_size.z, count_taps = taps.x * taps.y * taps.z;
	global const float *odd = packed + (size_t)to_blocks * blocks * count_taps * TILE;
	src = sample(src, plain, n, voxels, from);

	int4 at[FETCHES]; // the voxels that this item fetches, but for the tap's offset
	for (int f = 0; f < FETCHES; f++) {
		int j = first + f * (L / 4) + ITEM / 4;
		at[f] = j < count ? voxel_of(j, range) * step : (int4)(INT_MIN / 2);
	}
	int quad = ITEM % QUADS, row = ITEM / QUADS * ROWS;
	int to = GROUP(1) * BLOCKS + quad / 4, c = to * LANES + quad % 4 * 4;
	float4 sum[ROWS];
	for (int r = 0; r < ROWS; r++) sum[r] = of_channels(bias, 1, c, to_channels, 0);

	for (int k = 0; k < count_taps; k++) {
		int4 off = (int4)(tap_at(k / (taps.y * taps.z), phase.x, phases.x, pad.x, dilation.x, back),
			tap_at(k / taps.z % taps.y, phase.y, phases.y, pad.y, dilation.y, back),
			tap_at(k % taps.z, phase.z, phases.z, pad.z, dilation.z, back), 0);
		if (off.x == NONE || off.y == NONE || off.z == NONE) continue;
		for (int b = 0; b < blocks; b++) {
			barrier(CLK_LOCAL_MEM_FENCE);
			for (int f = 0; f < FETCHES; f++) {
				int4 v = at[f] + off;
				int in = within(v, src_size), m = f * (L / 4) + ITEM / 4, q = ITEM % 4 * 4;
				float4 x = in ? fetch(src, plain, b * LANES + q, (v.x * src_size.y + v.y) * src_size.z + v.z, voxels, from) : (float4)0;
				columns[q][m] = x.x;
				columns[q + 1][m] = x.y;
				columns[q + 2][m] = x.z;
				columns[q + 3][m] = x.w;
				if (q == 0) here[m] = in;
			}
			int is_odd = 0;
			for (int e = ITEM; e < TILE / 4 * BLOCKS; e += L) {
				int o = min(GROUP(1) * BLOCKS + e / (TILE / 4), to_blocks - 1), i = e % (TILE / 4);
				vstore4(vload4(i, packed + (size_t)((o * blocks + b) * count_taps + k) * TILE), 0,
					&weights[i / 4][e / (TILE / 4) * LANES + i % 4 * 4]);
			}
			for (int o = GROUP(1) * BLOCKS; o < min((GROUP(1) + 1) * BLOCKS, to_blocks); o++)
				is_odd |= odd[(o * blocks + b) * count_taps + k] != 0;
			barrier(CLK_LOCAL_MEM_FENCE);
			int there = min(LANES, from - b * LANES);
			if (is_odd) { // padding must not meet them
				for (int r = 0; r < ROWS; r++)
					if (here[row + r])
						for (int i = 0; i < there; i++) sum[r] += columns[i][row + r] * vload4(quad, weights[i]);
				continue;
			}
			for (int i = 0; i < there; i++) {
				float4 u = vload4(quad, weights[i]);
				for (int r = 0; r < ROWS; r++) sum[r] += columns[i][row + r] * u;
			}
		}
	}
	if (to >= to_blocks) return;
	dst += (size_t)(n * to_blocks + to) * size.x * size.y * size.z * LANES + quad % 4 * 4;
	for (int r = 0; r < ROWS; r++) {
		if (first + row + r >= count) return;
		int4 v = voxel_of(first + row + r, range) * phases + phase;
		store(sum[r], dst, (size_t)((v.x * size.y + v.y) * size.z + v.z) * LANES);
	}
}

#define TAPS (L / 16) // of a group
#define DEEP 16       // voxels at a time

// grad_tiled writes the gradients to the weights, in parts as unpack_grad reads
// them: a group has a part of the voxels of dy, over all samples, and TAPS taps;
// an item 4 x 4 weights of one tap. Groups are parts of tap groups, blocks of x,
// blocks of y.
KERNEL void grad_tiled(global float *parts, global const float *x, global const block *dy,
	int4 size, int4 in, int4 taps, int4 stride, int4 pad, int4 dilation, int channels_in, int plain, int samples, int count_parts)
{
	local float columns[TAPS][DEEP][LANES], of_y[DEEP][LANES];
	local int here[TAPS][DEEP];
	local int4 place[DEEP]; // of voxels of dy in x, but for the tap; .w is the sample, or -1
	int part = GROUP(0) % count_parts, first_tap = GROUP(0) / count_parts * TAPS;
	int voxels = size.x * size.y * size.z, count_taps = taps.x * taps.y * taps.z, in_voxels = in.x * in.y * in.z;
	long whole = (long)samples * voxels;
	int from = (int)(whole * part / count_parts), to = (int)(whole * (part + 1) / count_parts);
	int t = ITEM / 16, i0 = ITEM / 4 % 4 * 4, o0 = ITEM % 4 * 4;
	float4 s0 = 0, s1 = 0, s2 = 0, s3 = 0;
	for (int j = from; j < to; j += DEEP) {
		barrier(CLK_LOCAL_MEM_FENCE);
		if (ITEM < DEEP * 4) {
			int v = ITEM / 4, q = ITEM % 4 * 4, n = (j + v) / voxels, there = j + v < to;
			int4 at = voxel_of((j + v) % voxels, size) * stride - pad;
			at.w = there ? n : -1;
			place[v] = at;
			float4 g = 0;
			if (there) g = load(dy, ((size_t)(n * GROUPS(2) + GROUP(2)) * voxels + (j + v) % voxels) * LANES + q);
			vstore4(g, 0, &of_y[v][q]);
		}
		barrier(CLK_LOCAL_MEM_FENCE);
		for (int e = ITEM; e < TAPS * DEEP * 4; e += L) {
			int q = e % 4 * 4, v = e / 4 % DEEP, tap = e / 4 / DEEP, k = first_tap + tap;
			int4 at = place[v] + (int4)(k / (taps.y * taps.z), k / taps.z % taps.y, k % taps.z, 0) * dilation;
			int is_here = k < count_taps && at.w >= 0 && within(at, in);
			float4 a = 0;
			if (is_here) a = fetch(sample(x, plain, at.w, in_voxels, channels_in), plain, GROUP(1) * LANES + q,
				(at.x * in.y + at.y) * in.z + at.z, in_voxels, channels_in);
			vstore4(a, 0, &columns[tap][v][q]);
			if (q == 0) here[tap][v] = is_here;
		}
		barrier(CLK_LOCAL_MEM_FENCE);
		for (int v = 0; v < DEEP; v++) {
			if (!here[t][v]) continue; // what is not there must not meet a NaN
			float4 a = vload4(0, &columns[t][v][i0]), g = vload4(0, &of_y[v][o0]);
			s0 += a.x * g;
			s1 += a.y * g;
			s2 += a.z * g;
			s3 += a.w * g;
		}
	}
	if (first_tap + t >= count_taps) return;
	parts += ((size_t)((part * GROUPS(2) + GROUP(2)) * GROUPS(1) + GROUP(1)) * count_taps + first_tap + t) * TILE + i0 * LANES + o0;
	vstore4(s0, 0, parts);
	vstore4(s1, 0, parts + LANES);
	vstore4(s2, 0, parts + 2 * LANES);
	vstore4(s3, 0, parts + 3 * LANES);
}
