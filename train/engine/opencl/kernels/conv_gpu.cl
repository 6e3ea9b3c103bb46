// Convolutions for GPUs, as products of matrices: voxels by what they need of
// the source, which is gathered in local memory a tap and a block of 16 channels
// at a time, by weights. An item has ROWS voxels by 4 channels in registers, a
// group BLOCKS blocks of channels; both are tuned on the device, neither changes
// the order of a sum.

#define QUADS (4 * BLOCKS)             // items side by side
#define VOXELS (L / QUADS * ROWS)      // voxels of a group
#define FETCHES (VOXELS * 4 / L)       // of a quad of channels, by each item

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
				is_odd |= odd[o * blocks + b] != 0;
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
