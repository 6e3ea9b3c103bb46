// Gradients to the weights of convolutions, for GPUs.

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
