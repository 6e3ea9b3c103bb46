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

KERNEL void enlarge(global T *y, global const T *x, int4 small, int4 factor, int linear) {
	int plane = GROUP(2) * GROUPS(1) + GROUP(1), wide = small.z * factor.z, high = small.y * factor.y;
	float4 inverse = 1 / convert_float4(factor);
	between d = at(GROUP(0) / high, factor.x, inverse.x, small.x, linear);
	between h = at(GROUP(0) % high, factor.y, inverse.y, small.y, linear);
	x += (size_t)plane * small.x * small.y * small.z * CELL;
	y += ((size_t)plane * GROUPS(0) + GROUP(0)) * wide * CELL;
	// The rows of x that this one lies between.
	int count = 0, row[4];
	float of_row[4];
	for (int k = 0; k < 4; k++) {
		float share = d.share[k >> 1] * h.share[k & 1];
		if (share == 0) continue;
		row[count] = ((d.low + (k >> 1)) * small.y + h.low + (k & 1)) * small.z;
		of_row[count++] = share;
	}
	for (int i = ITEM; i < wide * CELLS; i += L) {
		between w = at(i / CELLS, factor.z, inverse.z, small.z, linear);
		cell sum = 0;
		for (int k = 0; k < count; k++) {
			int voxel = (row[k] + w.low) * CELLS + i % CELLS;
			sum += of_row[k] * w.share[0] * cell_get(x, voxel);
			if (w.share[1] != 0) sum += of_row[k] * w.share[1] * cell_get(x, voxel + CELLS);
		}
		cell_put(sum, y, i);
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
