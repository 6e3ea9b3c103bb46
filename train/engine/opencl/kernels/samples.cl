// Kernels that treat the samples of tensors of one layout alike. A sample has
// span floats, as they are stored. Groups are chunks of a sample, samples.

// y[n] = s[n mod repeat] x[n], zeros where s is 0
KERNEL void scale_samples(global T *y, global const T *x, global const float *s, int repeat, int span) {
	size_t n = GROUP(1);
	float factor = s[n % repeat];
	x += n * span;
	y += n * span;
	EACH(i, span) put(factor == 0 ? (vec)0 : factor * get(x, i, span), y, i, span);
}

// y[n] = x[index[n]], zeros where that is negative
KERNEL void gather(global T *y, global const T *x, global const float *index, int span) {
	size_t n = GROUP(1);
	int k = (int)index[n];
	x += (size_t)max(k, 0) * span;
	y += n * span;
	EACH(i, span) put(k < 0 ? (vec)0 : get(x, i, span), y, i, span);
}

// dx[k] = sum of dy[n] over index[n] = k
KERNEL void gather_grad(global T *dx, global const T *dy, global const float *index, int span, int samples) {
	int k = GROUP(1), first = samples, last = -1;
	for (int n = 0; n < samples; n++)
		if ((int)index[n] == k) {
			first = min(first, n);
			last = n;
		}
	dx += (size_t)k * span;
	EACH(i, span) {
		vec sum = 0;
		for (int n = first; n <= last; n++)
			if ((int)index[n] == k) sum += get(dy + (size_t)n * span, i, span);
		put(sum, dx, i, span);
	}
}

// y[b][m] = x[b][m] where mask[b][m] is not 0, else the mean of those that are.
// Groups are chunks, batches b of modalities.
KERNEL void impute(global T *y, global const T *x, global const float *mask, int modalities, int span) {
	size_t b = GROUP(1) * modalities;
	mask += b;
	x += b * span;
	y += b * span;
	float present = 0;
	for (int m = 0; m < modalities; m++) present += mask[m] != 0;
	EACH(i, span) {
		vec sum = 0;
		for (int m = 0; m < modalities; m++)
			if (mask[m] != 0) sum += get(x + (size_t)m * span, i, span);
		sum /= present;
		for (int m = 0; m < modalities; m++)
			put(mask[m] != 0 ? get(x + (size_t)m * span, i, span) : sum, y + (size_t)m * span, i, span);
	}
}

// dx[b][m] = dy[b][m] + sum of dy where mask is 0 / number of those where it is
// not, and 0 where mask[b][m] is 0
KERNEL void impute_grad(global T *dx, global const T *dy, global const float *mask, int modalities, int span) {
	size_t b = GROUP(1) * modalities;
	mask += b;
	dx += b * span;
	dy += b * span;
	float present = 0;
	for (int m = 0; m < modalities; m++) present += mask[m] != 0;
	EACH(i, span) {
		vec missing = 0;
		for (int m = 0; m < modalities; m++)
			if (mask[m] == 0) missing += get(dy + (size_t)m * span, i, span);
		missing /= present;
		for (int m = 0; m < modalities; m++)
			put(mask[m] != 0 ? get(dy + (size_t)m * span, i, span) + missing : (vec)0, dx + (size_t)m * span, i, span);
	}
}

// The sums below are of planes of a sample: blocks of 16 channels, the last of
// which has channels that count for nothing, or the whole sample where it is
// plain. Groups are parts of a plane, planes, sums.

// EACH_STRETCH_OF_PART is the loop over a part of a plane of n floats.
#define PART_START (GROUP(0) * SLICE * LANES)
#define EACH_STRETCH_OF_PART(i0, n) EACH_STRETCH(i0, PART_START, min(PART_START + SLICE * LANES, n))

// counts says which of the floats at i of plane p count.
static ivec counts(int i, int p, int n, int channels) {
#ifdef BLOCKED
	return p * LANES + (i % LANES + lanes()) < channels;
#else
	return i + lanes() < n;
#endif
}

#define SUM_PART ((size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * GROUPS(0) + GROUP(0))

// part = sum of a b
KERNEL void part_dots(global float *part, global const T *a, global const T *b, int plane, int channels) {
	SHARED(all);
	size_t start = (size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * plane;
	a += start;
	b += start;
	vec sum = 0;
	EACH_STRETCH_OF_PART(i0, plane) {
		vec s = 0;
		EACH_OF_STRETCH(i, i0)
			s += select((vec)0, get(a, i, plane) * get(b, i, plane), counts(i, GROUP(1), plane, channels));
		sum += s;
	}
	sum = group_sum(sum, 1, all);
	if (ITEM == 0) part[SUM_PART] = total(sum);
}

// part = sum of |f[b][i] - f[b][j]|^p, p being 1 or 2, of those b, i, j of which
// coef is not 0. Groups are parts of a plane, planes, (b M + i) M + j.
KERNEL void part_distances(global float *part, global const T *f, global const float *coef,
	int modalities, int p, int plane, int channels)
{
	SHARED(all);
	int k = GROUP(2), j = k % modalities, i = k / modalities % modalities, b = k / modalities / modalities;
	if (coef[k] == 0) return;
	global const T *x = f + ((size_t)(b * modalities + i) * GROUPS(1) + GROUP(1)) * plane;
	global const T *y = f + ((size_t)(b * modalities + j) * GROUPS(1) + GROUP(1)) * plane;
	vec sum = 0;
	EACH_STRETCH_OF_PART(e0, plane) {
		vec s = 0;
		EACH_OF_STRETCH(e, e0) {
			vec d = get(x, e, plane) - get(y, e, plane);
			s += select((vec)0, p == 1 ? fabs(d) : d * d, counts(e, GROUP(1), plane, channels));
		}
		sum += s;
	}
	sum = group_sum(sum, 1, all);
	if (ITEM == 0) part[SUM_PART] = total(sum);
}

// y[n] = factor times the sum of count parts, 0 where coef is there and 0. Groups
// are n.
KERNEL void sum_parts(global float *y, global const float *part, global const float *coef, int count, float factor) {
	SHARED(all);
	int n = GROUP(0);
	if (coef && coef[n] == 0) {
		if (ITEM == 0) y[n] = 0;
		return;
	}
	part += (size_t)n * count;
	vec sum = 0;
	for (int i = ITEM * V; i < count; i += L * V) sum += get_float(part, i, count);
	sum = group_sum(sum, 1, all);
	if (ITEM == 0) y[n] = factor * total(sum);
}

// df[b][j] = sum over i of coef[b][i][j] factor times sign(d), or 2 d where p is
// 2, with d = f[b][j] - f[b][i]. Groups are chunks, b M + j.
KERNEL void distances_grad(global T *df, global const T *f, global const float *coef,
	int modalities, int p, float factor, int span)
{
	int j = GROUP(1) % modalities, b = GROUP(1) / modalities;
	f += (size_t)b * modalities * span;
	df += (size_t)GROUP(1) * span;
	coef += b * modalities * modalities + j;
	EACH(e, span) {
		vec sum = 0, y = get(f + (size_t)j * span, e, span);
		for (int i = 0; i < modalities; i++) {
			float c = coef[i * modalities];
			if (c == 0) continue;
			vec d = y - get(f + (size_t)i * span, e, span);
			vec sign = select(to_vec((d < 0) - (d > 0)), d, isnan(d)); // true is -1
			sum += c * factor * (p == 1 ? sign : 2 * d);
		}
		put(sum, df, e, span);
	}
}
