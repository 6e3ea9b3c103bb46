// Normalisation of blocked tensors. Groups are slices of voxels, blocks of
// channels, samples; sums are taken of slices first and then, always in the same
// order, of what they left.

// EACH_OF_SLICE is the loop over the floats of a slice, a vector at a time; an
// item keeps to the same channels. p is where the slice begins.
#define SLICE_START (((size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * voxels + GROUP(0) * SLICE) * LANES)
#define SLICE_COUNT min(SLICE, voxels - GROUP(0) * SLICE)
#define EACH_OF_SLICE(i) for (int i = ITEM * V, stop_ = SLICE_COUNT * LANES; i < stop_; i += L * V)

// PART is where the results of a slice go: three vectors of 16 channels.
#define PART_FLOATS (3 * LANES)
#define PART ((size_t)((GROUP(2) * GROUPS(1) + GROUP(1)) * GROUPS(0) + GROUP(0)) * PART_FLOATS + ITEM * V)

static void put_part(vec a, vec b, vec c, global float *p) {
	if (ITEM < Q) {
		PASTE(vstore, V)(a, 0, p);
		PASTE(vstore, V)(b, 0, p + LANES);
		PASTE(vstore, V)(c, 0, p + 2 * LANES);
	}
}

// slice_moments writes of each channel of a slice the mean m, as far as a float
// has it, the sum of x - m and the sum of (x - m)^2.
KERNEL void slice_moments(global float *part, global const block *x, int voxels) {
	SHARED(all);
	x += SLICE_START;
	vec sum = 0, rest = 0, squares = 0;
	EACH_STRETCH(i0, 0, SLICE_COUNT * LANES) {
		vec s = 0;
		EACH_OF_STRETCH(i, i0) s += load(x, i);
		sum += s;
	}
	vec mean = group_sum(sum, Q, all) / SLICE_COUNT;
	EACH_STRETCH(i0, 0, SLICE_COUNT * LANES) {
		vec r = 0, s = 0;
		EACH_OF_STRETCH(i, i0) {
			vec d = load(x, i) - mean;
			r += d;
			s += d * d;
		}
		rest += r;
		squares += s;
	}
	rest = group_sum(rest, Q, all);
	put_part(mean, rest, group_sum(squares, Q, all), part + PART);
}

// norm_stats writes mean and 1/sqrt(var + eps) of each channel. Of n_i values in
// slice i, with the means m_i, the rests r_i and the squares s_i, and all seen
// from m_0, so that little is rounded,
//
//	mean = m_0 + c,   c = sum of (r_i + n_i (m_i - m_0)) / n
//	var = sum of (s_i + 2 e_i r_i + n_i e_i^2) / n,   e_i = m_i - m_0 - c
//
// Groups are blocks, and samples, or one for all samples together.
KERNEL void norm_stats(global float *stats, global const float *part, int samples, int slices, int voxels, int channels, float eps) {
	if (ITEM >= Q) return;
	int first = GROUP(1) * samples, c = GROUP(0) * LANES + ITEM * V;
	part += (size_t)(first * GROUPS(0) + GROUP(0)) * slices * PART_FLOATS + ITEM * V;
	size_t next = (size_t)GROUPS(0) * slices * PART_FLOATS; // sample
	vec origin = PASTE(vload, V)(0, part), centre = 0, squares = 0;
	float count = (float)samples * voxels;
	for (int n = 0; n < samples; n++)
		for (int s = 0; s < slices; s++) {
			global const float *p = part + n * next + s * PART_FLOATS;
			float here = min(SLICE, voxels - s * SLICE);
			centre += PASTE(vload, V)(0, p + LANES) + here * (PASTE(vload, V)(0, p) - origin);
		}
	centre /= count;
	for (int n = 0; n < samples; n++)
		for (int s = 0; s < slices; s++) {
			global const float *p = part + n * next + s * PART_FLOATS;
			float here = min(SLICE, voxels - s * SLICE);
			vec e = PASTE(vload, V)(0, p) - origin - centre;
			squares += PASTE(vload, V)(0, p + 2 * LANES) + e * (2 * PASTE(vload, V)(0, p + LANES) + here * e);
		}
	stats += (size_t)GROUP(1) * channels * 2;
	to_channels(origin + centre, stats, 2, c, channels);
	to_channels(1 / sqrt(squares / count + eps), stats + 1, 2, c, channels);
}

// z = gamma (x - mean) rstd + beta + res,   y = z > 0 ? z : slope z
KERNEL void norm(global block *y, global const float *stats, global const block *x, global const float *gamma,
	global const float *beta, global const block *res, int per_sample, int voxels, int channels, float slope)
{
	int c = GROUP(1) * LANES + ITEM % Q * V;
	stats += per_sample ? (size_t)GROUP(2) * channels * 2 : 0;
	vec mean = of_channels(stats, 2, c, channels, 0);
	vec scale = of_channels(stats + 1, 2, c, channels, 0) * of_channels(gamma, 1, c, channels, 1);
	vec shift = of_channels(beta, 1, c, channels, 0);
	size_t start = SLICE_START;
	x += start;
	y += start;
	if (res) res += start;
	EACH_OF_SLICE(i) {
		vec z = (load(x, i) - mean) * scale + shift;
		if (res) z += load(res, i);
		store(select(slope * z, z, z > 0), y, i);
	}
}

// slice_grads writes the sums over a slice of dz = dy (y > 0 ? 1 : slope) and of
// dz h, h being (x - mean) rstd.
KERNEL void slice_grads(global float *part, global const block *dy, global const block *y, global const block *x,
	global const float *stats, int per_sample, int voxels, int channels, float slope)
{
	SHARED(all);
	int c = GROUP(1) * LANES + ITEM % Q * V;
	stats += per_sample ? (size_t)GROUP(2) * channels * 2 : 0;
	vec mean = of_channels(stats, 2, c, channels, 0), rstd = of_channels(stats + 1, 2, c, channels, 0);
	size_t start = SLICE_START;
	x += start;
	y += start;
	dy += start;
	vec sum = 0, dot = 0;
	EACH_STRETCH(i0, 0, SLICE_COUNT * LANES) {
		vec a = 0, b = 0;
		EACH_OF_STRETCH(i, i0) {
			vec d = load(dy, i);
			d = select(slope * d, d, load(y, i) > 0);
			a += d;
			b += d * (load(x, i) - mean);
		}
		sum += a;
		dot += b;
	}
	sum = group_sum(sum, Q, all);
	put_part(sum, group_sum(dot, Q, all) * rstd, 0, part + PART);
}

// norm_sums adds the sums of slices: [group 1][block][2][16].
KERNEL void norm_sums(global float *sums, global const float *part, int samples, int slices) {
	if (ITEM >= Q) return;
	int b = GROUP(0), first = GROUP(1) * samples;
	vec sum = 0, dot = 0;
	for (int n = first; n < first + samples; n++)
		for (int s = 0; s < slices; s++) {
			global const float *p = part + (size_t)((n * GROUPS(0) + b) * slices + s) * PART_FLOATS + ITEM * V;
			sum += PASTE(vload, V)(0, p);
			dot += PASTE(vload, V)(0, p + LANES);
		}
	put_part(sum, dot, 0, sums + (size_t)(GROUP(1) * GROUPS(0) + b) * PART_FLOATS + ITEM * V);
}

// norm_params adds them over samples to the gradients of gamma and beta. Groups
// are blocks.
KERNEL void norm_params(global float *dgamma, global float *dbeta, global const float *sums, int samples, int channels) {
	if (ITEM >= Q) return;
	vec sum = 0, dot = 0;
	for (int n = 0; n < samples; n++) {
		global const float *p = sums + (size_t)(n * GROUPS(0) + GROUP(0)) * PART_FLOATS + ITEM * V;
		sum += PASTE(vload, V)(0, p);
		dot += PASTE(vload, V)(0, p + LANES);
	}
	int c = GROUP(0) * LANES + ITEM * V;
	to_channels(dot, dgamma, 1, c, channels);
	to_channels(sum, dbeta, 1, c, channels);
}

// dres = dz,   dx = gamma rstd (dz - mean of dz - h mean of dz h); with sums nil,
// dx = gamma rstd dz
KERNEL void norm_grad(global block *dx, global block *dres, global const block *dy, global const block *y,
	global const block *x, global const float *stats, global const float *gamma, global const float *sums,
	int per_sample, int voxels, int channels, float slope, float count)
{
	int c = GROUP(1) * LANES + ITEM % Q * V;
	stats += per_sample ? (size_t)GROUP(2) * channels * 2 : 0;
	vec mean = of_channels(stats, 2, c, channels, 0), rstd = of_channels(stats + 1, 2, c, channels, 0);
	vec scale = rstd * of_channels(gamma, 1, c, channels, 1);
	vec sum = 0, dot = 0;
	if (sums) {
		sums += (size_t)((per_sample ? GROUP(2) : 0) * GROUPS(1) + GROUP(1)) * PART_FLOATS + ITEM % Q * V;
		sum = PASTE(vload, V)(0, sums) / count;
		dot = PASTE(vload, V)(0, sums + LANES) / count * rstd;
	}
	size_t start = SLICE_START;
	x += start;
	y += start;
	dy += start;
	dx += start;
	if (dres) dres += start;
	EACH_OF_SLICE(i) {
		vec d = load(dy, i);
		d = select(slope * d, d, load(y, i) > 0);
		if (dres) store(d, dres, i);
		if (sums) d -= sum + (load(x, i) - mean) * dot;
		store(scale * d, dx, i);
	}
}

// slice_sums writes the sum of each channel over a slice.
KERNEL void slice_sums(global float *part, global const block *x, int voxels) {
	SHARED(all);
	x += SLICE_START;
	vec sum = 0;
	EACH_STRETCH(i0, 0, SLICE_COUNT * LANES) {
		vec s = 0;
		EACH_OF_STRETCH(i, i0) s += load(x, i);
		sum += s;
	}
	put_part(group_sum(sum, Q, all), 0, 0, part + PART);
}

// channel_sums adds them, times a factor. Groups are blocks, and samples, or one
// for all samples together.
KERNEL void channel_sums(global float *y, global const float *part, int samples, int slices, int channels, float factor) {
	if (ITEM >= Q) return;
	int b = GROUP(0), first = GROUP(1) * samples;
	vec sum = 0;
	for (int n = first; n < first + samples; n++)
		for (int s = 0; s < slices; s++)
			sum += PASTE(vload, V)(0, part + (size_t)((n * GROUPS(0) + b) * slices + s) * PART_FLOATS + ITEM * V);
	to_channels(sum * factor, y + (size_t)GROUP(1) * channels, 1, b * LANES + ITEM * V, channels);
}

// dx = factor dy in every voxel
KERNEL void mean_grad(global block *dx, global const float *dy, int voxels, int channels, float factor) {
	int c = GROUP(1) * LANES + ITEM % Q * V;
	vec d = factor * of_channels(dy + (size_t)GROUP(2) * channels, 1, c, channels, 0);
	dx += SLICE_START;
	EACH_OF_SLICE(i) store(d, dx, i);
}
