// Upsampling of D, H, W by whole factors, of either layout. Groups are rows
// (d, h), planes, samples.

// An axis of size voxels, enlarged by factor: the share of voxel low + 1 in
// voxel q of the larger volume, and that of low, which are interpolated between
// the centres of voxels and held at the border. Nearest has but one.
typedef struct {
	int low;
	float share[2];
} between;

static between at(int q, int factor, int size, int linear) {
	if (!linear) return (between){q / factor, {1, 0}};
	int place = 2 * q + 1 - factor; // (q + 1/2) / factor - 1/2, times 2 factor
	int low = clamp(place / (2 * factor), 0, size - 1);
	float high = place < 0 || low == size - 1 ? 0 : (float)(place - low * 2 * factor) / (2 * factor);
	return (between){low, {1 - high, high}};
}

KERNEL void enlarge(global T *y, global const T *x, int4 small, int4 factor, int linear) {
	int plane = GROUP(2) * GROUPS(1) + GROUP(1), wide = small.z * factor.z;
	int rows = small.y * factor.y;
	between d = at(GROUP(0) / rows, factor.x, small.x, linear), h = at(GROUP(0) % rows, factor.y, small.y, linear);
	x += (size_t)plane * small.x * small.y * small.z * CELLS * (sizeof(cell) / sizeof(float));
	y += ((size_t)plane * GROUPS(0) + GROUP(0)) * wide * CELLS * (sizeof(cell) / sizeof(float));
	for (int i = ITEM; i < wide * CELLS; i += L) {
		between w = at(i / CELLS, factor.z, small.z, linear);
		cell sum = 0;
		for (int k = 0; k < 8; k++) {
			float share = d.share[k >> 2] * h.share[k >> 1 & 1] * w.share[k & 1];
			if (share == 0) continue;
			int voxel = ((d.low + (k >> 2)) * small.y + h.low + (k >> 1 & 1)) * small.z + w.low + (k & 1);
			sum += share * cell_get(x, voxel * CELLS + i % CELLS);
		}
		cell_put(sum, y, i);
	}
}

// share returns that of small voxel p in large voxel q.
static float share(int q, int p, int factor, int size, int linear) {
	between b = at(q, factor, size, linear);
	return p == b.low ? b.share[0] : p == b.low + 1 ? b.share[1] : 0;
}

// first and past are the range of large voxels that small voxel p may have a
// share in.
static int first(int p, int factor, int linear) { return linear ? max(0, (p - 1) * factor) : p * factor; }
static int past(int p, int factor, int size, int linear) {
	return linear ? min(size * factor, (p + 2) * factor) : (p + 1) * factor;
}

KERNEL void enlarge_grad(global T *dx, global const T *dy, int4 small, int4 factor, int linear) {
	int plane = GROUP(2) * GROUPS(1) + GROUP(1), wide = small.z * factor.z, high = small.y * factor.y;
	int pd = GROUP(0) / small.y, ph = GROUP(0) % small.y;
	dx += ((size_t)plane * GROUPS(0) + GROUP(0)) * small.z * CELLS * (sizeof(cell) / sizeof(float));
	dy += (size_t)plane * small.x * factor.x * high * wide * CELLS * (sizeof(cell) / sizeof(float));
	for (int i = ITEM; i < small.z * CELLS; i += L) {
		int pw = i / CELLS;
		cell sum = 0;
		for (int d = first(pd, factor.x, linear); d < past(pd, factor.x, small.x, linear); d++) {
			float of_d = share(d, pd, factor.x, small.x, linear);
			if (of_d == 0) continue;
			for (int h = first(ph, factor.y, linear); h < past(ph, factor.y, small.y, linear); h++) {
				float of_h = of_d * share(h, ph, factor.y, small.y, linear);
				if (of_h == 0) continue;
				for (int w = first(pw, factor.z, linear); w < past(pw, factor.z, small.z, linear); w++) {
					float of_w = of_h * share(w, pw, factor.z, small.z, linear);
					if (of_w == 0) continue;
					sum += of_w * cell_get(dy, ((d * high + h) * wide + w) * CELLS + i % CELLS);
				}
			}
		}
		cell_put(sum, dx, i);
	}
}
