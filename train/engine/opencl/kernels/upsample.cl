// Upsampling of D, H, W by whole factors, of either layout. Groups are rows
// (d, h), planes, samples.

// Along an axis of size voxels, enlarged by factor, voxel q lies at
// (2q + 1 - factor) / (2 factor) of the smaller volume, between voxels low and
// low + 1, which have their shares in it; beyond the outermost centres the value
// is held. Nearest has but one.
typedef struct {
	int low;
	float share[2];
} between;

// over divides a q below 2^21 by a factor, of which it is given the inverse.
static int over(int q, float inverse) { return (int)((q + 0.5f) * inverse); }

static between at(int q, int factor, float inverse, int size, int linear) {
	int low = over(q, inverse), place = 2 * (q - low * factor) + 1 - factor; // from low on, in halves of large voxels
	if (!linear) return (between){low, {1, 0}};
	if (place < 0) {
		low--;
		place += 2 * factor;
	}
	if (low < 0) return (between){0, {1, 0}};
	float high = low == size - 1 ? 0 : place * (0.5f * inverse);
	return (between){low, {1 - high, high}};
}

// Values go along D and H first, to rows that are as wide as before, and then
// along W. Groups are rows of the large volume.
KERNEL void enlarge_rows(global float *rows, global const T *x, int4 small, int4 factor, int linear) {
	int plane = GROUP(2) * GROUPS(1) + GROUP(1), high = small.y * factor.y, n = small.z * CELL;
	between d = at(GROUP(0) / high, factor.x, 1.0f / factor.x, small.x, linear);
	between h = at(GROUP(0) % high, factor.y, 1.0f / factor.y, small.y, linear);
	x += (size_t)plane * small.x * small.y * n;
	rows += ((size_t)plane * GROUPS(0) + GROUP(0)) * n;
	for (int i = ITEM * V; i < n; i += L * V) {
		vec sum = 0;
		for (int k = 0; k < 4; k++) {
			float share = d.share[k >> 1] * h.share[k & 1];
			if (share != 0) sum += share * get(x + (size_t)((d.low + (k >> 1)) * small.y + h.low + (k & 1)) * n, i, n);
		}
		put_float(sum, rows, i, n);
	}
}

KERNEL void enlarge(global T *y, global const float *rows, int4 small, int4 factor, int linear) {
	size_t row = (size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * GROUPS(0) + GROUP(0);
	float inverse = 1.0f / factor.z;
	y += row * small.z * factor.z * CELL;
	rows += row * small.z * CELL;
	for (int i = ITEM; i < small.z * factor.z * CELLS; i += L) {
		between w = at(i / CELLS, factor.z, inverse, small.z, linear);
		cell v = w.share[0] * float_cell(rows, w.low * CELLS + i % CELLS);
		if (w.share[1] != 0) v += w.share[1] * float_cell(rows, (w.low + 1) * CELLS + i % CELLS);
		cell_put(v, y, i);
	}
}

// Small voxel p has its largest shares in the large voxels of its own place and
// those around: it touches voxels from touched.x to below touched.y, and share_of is its
// share in voxel q of those.
static int2 touched(int p, int factor, int size, int linear) {
	if (!linear) return (int2)(p * factor, (p + 1) * factor);
	return (int2)(max(0, (p - 1) * factor + (factor + 1) / 2), min(size * factor, (p + 1) * factor + factor / 2));
}

static float share_of(int q, int p, int factor, float inverse, int size, int linear) {
	int away = 2 * (q - p * factor) + 1 - factor; // in halves of large voxels
	return !linear || p == 0 && away < 0 || p == size - 1 && away > 0 ? 1 : 1 - abs(away) * (0.5f * inverse);
}

// The gradient goes along D and H first, to rows that are still wide, and then
// along W. Groups are rows of the small volume.
KERNEL void enlarge_grad_rows(global float *rows, global const T *dy, int4 small, int4 factor, int linear) {
	int plane = GROUP(2) * GROUPS(1) + GROUP(1), high = small.y * factor.y, n = small.z * factor.z * CELL;
	float4 inverse = 1 / convert_float4(factor);
	int pd = GROUP(0) / small.y, ph = GROUP(0) % small.y;
	int2 ds = touched(pd, factor.x, small.x, linear), hs = touched(ph, factor.y, small.y, linear);
	rows += ((size_t)plane * GROUPS(0) + GROUP(0)) * n;
	dy += (size_t)plane * small.x * factor.x * high * n;
	for (int i = ITEM * V; i < n; i += L * V) {
		vec sum = 0;
		for (int d = ds.x; d < ds.y; d++) {
			float of_d = share_of(d, pd, factor.x, inverse.x, small.x, linear);
			for (int h = hs.x; h < hs.y; h++)
				sum += of_d * share_of(h, ph, factor.y, inverse.y, small.y, linear) * get(dy + (size_t)(d * high + h) * n, i, n);
		}
		put_float(sum, rows, i, n);
	}
}

KERNEL void enlarge_grad(global T *dx, global const float *rows, int4 small, int4 factor, int linear) {
	size_t row = (size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * GROUPS(0) + GROUP(0);
	float inverse = 1.0f / factor.z;
	dx += row * small.z * CELL;
	rows += row * small.z * factor.z * CELL;
	for (int i = ITEM; i < small.z * CELLS; i += L) {
		int p = i / CELLS;
		int2 ws = touched(p, factor.z, small.z, linear);
		cell sum = 0;
		for (int w = ws.x; w < ws.y; w++)
			sum += share_of(w, p, factor.z, inverse, small.z, linear) * float_cell(rows, w * CELLS + i % CELLS);
		cell_put(sum, dx, i);
	}
}
