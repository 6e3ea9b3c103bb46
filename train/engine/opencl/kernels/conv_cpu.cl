// Convolutions for CPUs: a tile of 16 voxels by 16 channels stays in 16 vector
// registers through all channels and taps. Loops over a tile are unrolled, or it
// would not.

#define UNROLL _Pragma("unroll")
#define EACH_OF_TILE(t) UNROLL for (int t = 0; t < LANES; t++)

// MEET adds v, which is in column c of a run of LONG rows STEP apart, to the sums
// of the rows that it meets at the first taps, from acc[row] on, of which the
// weights are u[0], u[1], u[2].
#define MEETS(c, k) ((c) >= (k) && ((c) - (k)) % STEP == 0 && ((c) - (k)) / STEP < LONG)
#define MEET(taps, c, row, u) \
	UNROLL for (int k_ = 0; k_ < taps; k_++) \
		if (MEETS(c, k_)) acc[(row) + ((c) - k_) / STEP] += v * u[k_];

// conv_rows is for kernels of 3 along W with dilation 1 and a padding of at most
// 1 there, and rows of at least 16 voxels, STEP apart in the source. A column of
// the source, which is loaded once, meets up to three rows of the tile: column
// t STEP + k meets row t at tap k. Only the first and the last column can lie
// outside. The last tile of a row ends where the row ends, and may have voxels in
// common with the one before. Groups are rows (d, h) of the destination, blocks,
// samples.
#ifndef HALF
static void __attribute__((always_inline)) conv_rows(const int STEP,
	global float *dst, global const float *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 stride, int4 pad, int4 dilation, int from, int to_channels)
{
	const int LONG = LANES, LAST = 15 * STEP + 2; // column
	int d0 = GROUP(0) / size.y * stride.x - pad.x, h0 = GROUP(0) % size.y * stride.y - pad.y;
	int blocks = (from + LANES - 1) / LANES;
	float16 acc[LANES], start = of_channels(bias, 1, GROUP(1) * LANES, to_channels, 0);
	src += (size_t)GROUP(2) * blocks * src_size.x * src_size.y * src_size.z * LANES;
	dst += ((size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * GROUPS(0) + GROUP(0)) * size.z * LANES;
	for (int next = 0; next < size.z; next += LANES) {
		int w = min(next, size.z - LANES), first = w * STEP - pad.z, left = first >= 0, right = first + LAST < src_size.z;
		EACH_OF_TILE(t) acc[t] = start;
		for (int b = 0; b < blocks; b++) for (int kd = 0; kd < taps.x; kd++) for (int kh = 0; kh < taps.y; kh++) {
			int d = d0 + kd * dilation.x, h = h0 + kh * dilation.y, count = min(LANES, from - b * LANES);
			if (d < 0 || d >= src_size.x || h < 0 || h >= src_size.y) continue;
			global const float *x = src + ((long)((b * src_size.x + d) * src_size.y + h) * src_size.z + first) * LANES;
			global const float *u = packed + (size_t)(((GROUP(1) * blocks + b) * taps.x + kd) * taps.y + kh) * 3 * TILE;
			for (int i = 0; i < count; i++, x++, u += LANES) {
				float16 w3[3] = {vload16(0, u), vload16(0, u + TILE), vload16(0, u + 2 * TILE)};
				if (left) acc[0] += x[0] * w3[0];
				UNROLL for (int c = 1; c < LAST; c++) {
					float16 v = x[c * LANES];
					MEET(3, c, 0, w3)
				}
				if (right) acc[15] += x[LAST * LANES] * w3[2];
			}
		}
		EACH_OF_TILE(t) vstore16(acc[t], w + t, dst);
	}
}

#define CONV_ROWS(name, step) \
	KERNEL void name(global float *dst, global const float *src, global const float *packed, global const float *bias, \
		int4 size, int4 src_size, int4 taps, int4 stride, int4 pad, int4 dilation, int from, int to_channels) \
	{ conv_rows(step, dst, src, packed, bias, size, src_size, taps, stride, pad, dilation, from, to_channels); }
CONV_ROWS(conv_rows_1, 1)
CONV_ROWS(conv_rows_2, 2)
#endif

// ODD_TAPS adds to a tile the products of taps whose weights are not all finite,
// without what is padding: row t at tap k is at column place + k, which is there
// where here says so, and has the weights from at(k) on.
#define ODD_TAPS(place, taps, at) \
	EACH_OF_TILE(t) for (int k = 0; k < taps; k++) { \
		int c = place + k; \
		if (here[c]) for (int i = 0; i < count; i++) acc[t] += columns[c * LANES + i] * vload16(i, at); \
	}

// conv_runs is for kernels of dilation 1 along W. A tile is RUNS runs of LONG
// voxels of a phase along W, STEP apart in the source, by BLOCKS blocks, 16 vectors
// together. What they need of the source is gathered in columns for up to three
// taps at once: column t STEP + k meets row t at tap k of the three. The last run
// of a row ends where the row ends. Groups are tiles, BLOCKS blocks each from one
// on, phases of samples.
static void __attribute__((always_inline)) conv_runs(const int BLOCKS, const int RUNS, const int LONG, const int STEP,
	global block *dst, global const block *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 step, int4 phases, int4 pad, int back, int from, int to_channels, int first_block)
{
	const int COLUMNS = (LONG - 1) * STEP + 3, ROWS = RUNS * LONG;
	int to = first_block + GROUP(1) * BLOCKS, to_blocks = (to_channels + LANES - 1) / LANES;
	int count_phases = phases.x * phases.y * phases.z, n = GROUP(2) / count_phases, p = GROUP(2) % count_phases;
	int4 phase = (int4)(p / (phases.y * phases.z), p / phases.z % phases.y, p % phases.z, 0);
	int4 range = (size - phase + phases - 1) / phases; // voxels of the phase
	int blocks = (from + LANES - 1) / LANES, voxels = src_size.x * src_size.y * src_size.z, count_taps = taps.x * taps.y * taps.z;
	int per_row = (range.z + LONG - 1) / LONG, last = range.x * range.y * per_row - 1;
	if (GROUP(0) * RUNS > last) return;
	float16 acc[LANES];
	float columns[36 * LANES]; // the most that there are
	char here[36];
	global const float *odd = packed + (size_t)to_blocks * blocks * count_taps * TILE;
	src += (size_t)n * blocks * voxels * LANES;
	dst += (size_t)(n * to_blocks + to) * size.x * size.y * size.z * LANES;
	int d0[4], h0[4], w0[4]; // where runs begin
	for (int r = 0; r < RUNS; r++) {
		int run = min(GROUP(0) * RUNS + r, last), row = run / per_row;
		d0[r] = row / range.y;
		h0[r] = row % range.y;
		w0[r] = min(run % per_row * LONG, range.z - LONG);
	}
	// The taps along W that meet the phase lie one voxel apart in the source: from
	// tap kw on, which has the least offset, every next_tap.
	int next_tap = back ? -phases.z : 1, kw = back ? taps.z - 1 : 0;
	while (kw >= 0 && tap_at(kw, phase.z, phases.z, pad.z, 1, back) == NONE) kw--;
	int along_w = kw < 0 ? 0 : back ? kw / phases.z + 1 : taps.z;
	int least = kw < 0 ? 0 : tap_at(kw, phase.z, phases.z, pad.z, 1, back);

	float16 start = of_channels(bias, 1, to * LANES, to_channels, 0);
	UNROLL for (int t = 0; t < ROWS; t++) acc[t] = start;
	if (BLOCKS == 2) {
		start = of_channels(bias, 1, (to + 1) * LANES, to_channels, 0);
		UNROLL for (int t = ROWS; t < LANES; t++) acc[t] = start;
	}
	for (int kd = 0; kd < taps.x; kd++) for (int kh = 0; kh < taps.y; kh++) {
		int od = tap_at(kd, phase.x, phases.x, pad.x, 1, back), oh = tap_at(kh, phase.y, phases.y, pad.y, 1, back);
		if (od == NONE || oh == NONE) continue;
		for (int k0 = 0; k0 < along_w; k0 += 3) for (int b = 0; b < blocks; b++) {
			int met = min(3, along_w - k0), need = COLUMNS - 3 + met;
			int count = min(LANES, from - b * LANES), there = 0, padded = 0;
			for (int r = 0; r < RUNS; r++) {
				int d = d0[r] * step.x + od, h = h0[r] * step.y + oh, first = w0[r] * STEP + least + k0;
				int in = d >= 0 && d < src_size.x && h >= 0 && h < src_size.y;
				int low = in ? clamp(-first, 0, need) : need, high = in ? clamp(src_size.z - first, low, need) : need;
				global const block *row = src + ((long)((b * src_size.x + d) * src_size.y + h) * src_size.z + first) * LANES;
				float *to = columns + r * COLUMNS * LANES;
				for (int c = 0; c < low; c++) vstore16((float16)0, c, to);
				for (int c = low; c < high; c++) vstore16(load(row, c * LANES), c, to);
				for (int c = high; c < need; c++) vstore16((float16)0, c, to);
				for (int c = 0; c < need; c++) here[r * COLUMNS + c] = c >= low && c < high;
				there |= in;
				padded |= low > 0 || high < need;
			}
			if (!there) continue;
			int tap = (((to * blocks + b) * taps.x + kd) * taps.y + kh) * taps.z + kw + k0 * next_tap;
			global const float *u = packed + (size_t)tap * TILE;
			long next = next_tap * TILE, next_block = (long)blocks * count_taps * TILE;
			int is_odd = odd[to * blocks + b] != 0;
			if (BLOCKS == 2) is_odd |= odd[(to + 1) * blocks + b] != 0;
			if (padded && is_odd) {
				ODD_TAPS(t % ROWS / LONG * COLUMNS + t % LONG * STEP, met, u + t / ROWS * next_block + k * next)
				continue;
			}
			const float *x = columns;
#define PRODUCT(taps) \
	for (int i = 0; i < count; i++, x++, u += LANES) { \
		float16 w0[3], w1[3]; \
		UNROLL for (int k = 0; k < taps; k++) { \
			w0[k] = vload16(0, u + k * next); \
			if (BLOCKS == 2) w1[k] = vload16(0, u + k * next + next_block); \
		} \
		UNROLL for (int r = 0; r < RUNS; r++) UNROLL for (int c = 0; c < COLUMNS - 3 + taps; c++) { \
			float16 v = x[(r * COLUMNS + c) * LANES]; \
			MEET(taps, c, r * LONG, w0) \
			if (BLOCKS == 2) { MEET(taps, c, ROWS + r * LONG, w1) } \
		} \
	}
			if (met == 3) { PRODUCT(3) }
			else if (met == 2) { PRODUCT(2) }
			else { PRODUCT(1) }
		}
	}
	EACH_OF_TILE(t) {
		int r = t % ROWS / LONG, d = phase.x + d0[r] * phases.x, h = phase.y + h0[r] * phases.y, w = phase.z + (w0[r] + t % LONG) * phases.z;
		store(acc[t], dst, ((size_t)t / ROWS * size.x * size.y * size.z + (d * size.y + h) * size.z + w) * LANES);
	}
}

#define CONV_RUNS(name, blocks, runs, length, step_w) \
	KERNEL void name(global block *dst, global const block *src, global const float *packed, global const float *bias, \
		int4 size, int4 src_size, int4 taps, int4 step, int4 phases, int4 pad, int4 dilation, int back, int from, int to_channels, int first_block) \
	{ conv_runs(blocks, runs, length, step_w, dst, src, packed, bias, size, src_size, taps, step, phases, pad, back, from, to_channels, first_block); }
CONV_RUNS(conv_runs_1x16, 1, 1, 16, 1)
CONV_RUNS(conv_runs_2x8, 1, 2, 8, 1)
CONV_RUNS(conv_runs_4x4, 1, 4, 4, 1)
CONV_RUNS(conv_strides_1x16, 1, 1, 16, 2)
CONV_RUNS(conv_strides_2x8, 1, 2, 8, 2)
CONV_RUNS(conv_strides_4x4, 1, 4, 4, 2)
CONV_RUNS(conv_runs_1x8x2, 2, 1, 8, 1)
CONV_RUNS(conv_runs_2x4x2, 2, 2, 4, 1)
CONV_RUNS(conv_strides_1x8x2, 2, 1, 8, 2)
CONV_RUNS(conv_strides_2x4x2, 2, 2, 4, 2)

// conv_points is for kernels of one voxel with stride 1 and no padding: tiles are
// any 16 voxels, the last 16 ending where the sample ends. Groups are tiles,
// blocks, samples.
KERNEL void conv_points(global block *dst, global const block *src, global const float *packed, global const float *bias,
	int voxels, int from, int to_channels)
{
	int first = min(GROUP(0) * LANES, voxels - LANES), blocks = (from + LANES - 1) / LANES;
	float16 acc[LANES], start = of_channels(bias, 1, GROUP(1) * LANES, to_channels, 0);
	EACH_OF_TILE(t) acc[t] = start;
	for (int b = 0; b < blocks; b++) {
		global const block *x = src + ((size_t)(GROUP(2) * blocks + b) * voxels + first) * LANES;
		global const float *u = packed + (GROUP(1) * blocks + b) * TILE;
#ifdef HALF
		float columns[TILE], *c = columns;
		EACH_OF_TILE(t) vstore16(load(x, t * LANES), t, columns);
#else
		global const float *c = x;
#endif
		for (int i = 0; i < min(LANES, from - b * LANES); i++, c++) {
			float16 v = vload16(i, u);
			EACH_OF_TILE(t) acc[t] += c[t * LANES] * v;
		}
	}
	dst += ((size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * voxels + first) * LANES;
	EACH_OF_TILE(t) store(acc[t], dst, t * LANES);
}

// A tile of conv_voxels and conv_plain_voxels has any 16 voxels of a phase of the
// destination: where its rows are in the source, but for the offset of a tap,
// and in the destination. Rows beyond the last voxel are the last.
typedef struct {
	int16 d, h, w;
	int at[LANES];
	int left; // rows that there are, or more
} tile;

static tile locate(int4 size, int4 step, int4 phases, int4 phase) {
	tile t;
	int4 range = (size - phase + phases - 1) / phases; // voxels of the phase
	int j = GROUP(0) * LANES, at[3][LANES];
	t.left = range.x * range.y * range.z - j;
	if (t.left <= 0) return t;
	int d = j / (range.y * range.z), h = j / range.z % range.y, w = j % range.z;
	for (int i = 0; i < LANES; i++) {
		at[0][i] = d * step.x;
		at[1][i] = h * step.y;
		at[2][i] = w * step.z;
		t.at[i] = (((phase.x + d * phases.x) * size.y + phase.y + h * phases.y) * size.z + phase.z + w * phases.z) * LANES;
		if (i + 1 < t.left && ++w == range.z) {
			w = 0;
			if (++h == range.y) {
				h = 0;
				d++;
			}
		}
	}
	t.d = vload16(0, at[0]);
	t.h = vload16(0, at[1]);
	t.w = vload16(0, at[2]);
	return t;
}

// conv_voxels is for all windows; what a tap needs of the source is gathered.
// Groups are tiles, blocks, phases of samples.
KERNEL void conv_voxels(global block *dst, global const block *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 step, int4 phases, int4 pad, int4 dilation, int back, int from, int to_channels)
{
	int count_phases = phases.x * phases.y * phases.z, n = GROUP(2) / count_phases, p = GROUP(2) % count_phases;
	int4 phase = (int4)(p / (phases.y * phases.z), p / phases.z % phases.y, p % phases.z, 0);
	tile place = locate(size, step, phases, phase);
	if (place.left <= 0) return;
	int blocks = (from + LANES - 1) / LANES, voxels = src_size.x * src_size.y * src_size.z;
	global const float *odd = packed + (size_t)GROUPS(1) * blocks * taps.x * taps.y * taps.z * TILE;
	src += (size_t)n * blocks * voxels * LANES;
	dst += (size_t)(n * GROUPS(1) + GROUP(1)) * size.x * size.y * size.z * LANES;
	float16 acc[LANES], start = of_channels(bias, 1, GROUP(1) * LANES, to_channels, 0);
	EACH_OF_TILE(t) acc[t] = start;
	for (int kd = 0; kd < taps.x; kd++) {
		int od = tap_at(kd, phase.x, phases.x, pad.x, dilation.x, back);
		if (od == NONE) continue;
		int16 d = place.d + od, d_in = (d >= 0) & (d < src_size.x);
		for (int kh = 0; kh < taps.y; kh++) {
			int oh = tap_at(kh, phase.y, phases.y, pad.y, dilation.y, back);
			if (oh == NONE) continue;
			int16 h = place.h + oh, h_in = d_in & (h >= 0) & (h < src_size.y);
			for (int kw = 0; kw < taps.z; kw++) {
				int ow = tap_at(kw, phase.z, phases.z, pad.z, dilation.z, back);
				if (ow == NONE) continue;
				int16 w = place.w + ow, in = h_in & (w >= 0) & (w < src_size.z);
				if (!any(in)) continue;
				int at[LANES], padded = !all(in);
				vstore16(select((int16)-1, ((d * src_size.y + h) * src_size.z + w) * LANES, in), 0, at);
				for (int b = 0; b < blocks; b++) {
					int count = min(LANES, from - b * LANES);
					int tap = (((GROUP(1) * blocks + b) * taps.x + kd) * taps.y + kh) * taps.z + kw;
					global const float *weights = packed + (size_t)tap * TILE;
					global const block *plane = src + (size_t)b * voxels * LANES;
					float columns[LANES * LANES];
					for (int t = 0; t < LANES; t++) vstore16(at[t] < 0 ? (float16)0 : load(plane, at[t]), t, columns);
					if (padded && odd[GROUP(1) * blocks + b] != 0) {
						char here[LANES];
						for (int t = 0; t < LANES; t++) here[t] = at[t] >= 0;
						ODD_TAPS(t, 1, weights)
						continue;
					}
					const float *x = columns;
					for (int i = 0; i < count; i++, x++) {
						float16 u = vload16(i, weights);
						EACH_OF_TILE(t) acc[t] += x[t * LANES] * u;
					}
				}
			}
		}
	}
	for (int t = 0; t < LANES; t++)
		if (t < place.left) store(acc[t], dst, place.at[t]);
}

// conv_plain_rows is the forward pass from a plain tensor for kernels of 3 along
// W with dilation 1, a channel at a time, in tiles of 16 voxels along W. Groups
// are rows (d, h), blocks, samples.
static void __attribute__((always_inline)) conv_plain_rows(const int STEP,
	global block *dst, global const float *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 stride, int4 pad, int4 dilation, int from, int to_channels)
{
	const int COLUMNS = 15 * STEP + 3;
	int d0 = GROUP(0) / size.y * stride.x - pad.x, h0 = GROUP(0) % size.y * stride.y - pad.y;
	int blocks = (from + LANES - 1) / LANES, count_taps = taps.x * taps.y * 3;
	float16 acc[LANES], start = of_channels(bias, 1, GROUP(1) * LANES, to_channels, 0);
	float columns[33];
	global const float *odd = packed + (size_t)GROUPS(1) * blocks * count_taps * TILE;
	src += (size_t)GROUP(2) * from * src_size.x * src_size.y * src_size.z;
	dst += ((size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * GROUPS(0) + GROUP(0)) * size.z * LANES;
	for (int next = 0; next < size.z; next += LANES) {
		int w = min(next, size.z - LANES), first = w * STEP - pad.z;
		int low = clamp(-first, 0, COLUMNS), high = clamp(src_size.z - first, low, COLUMNS);
		EACH_OF_TILE(t) acc[t] = start;
		for (int c = 0; c < from; c++) for (int kd = 0; kd < taps.x; kd++) for (int kh = 0; kh < taps.y; kh++) {
			int d = d0 + kd * dilation.x, h = h0 + kh * dilation.y;
			if (d < 0 || d >= src_size.x || h < 0 || h >= src_size.y) continue;
			global const float *row = src + ((long)(c * src_size.x + d) * src_size.y + h) * src_size.z + first;
			for (int i = 0; i < low; i++) columns[i] = 0;
			for (int i = low; i < high; i++) columns[i] = row[i];
			for (int i = high; i < COLUMNS; i++) columns[i] = 0;
			int tap = (GROUP(1) * blocks + c / LANES) * count_taps + (kd * taps.y + kh) * 3;
			global const float *u = packed + (size_t)tap * TILE + c % LANES * LANES;
			float16 u0 = vload16(0, u), u1 = vload16(0, u + TILE), u2 = vload16(0, u + 2 * TILE);
			if (high - low < COLUMNS && odd[GROUP(1) * blocks + c / LANES] != 0) {
				for (int t = 0; t < LANES; t++) for (int k = 0; k < 3; k++)
					if (t * STEP + k >= low && t * STEP + k < high) acc[t] += columns[t * STEP + k] * vload16(0, u + k * TILE);
				continue;
			}
			EACH_OF_TILE(t) {
				acc[t] += columns[t * STEP] * u0;
				acc[t] += columns[t * STEP + 1] * u1;
				acc[t] += columns[t * STEP + 2] * u2;
			}
		}
		EACH_OF_TILE(t) store(acc[t], dst, (w + t) * LANES);
	}
}

#define CONV_PLAIN(name, step) \
	KERNEL void name(global block *dst, global const float *src, global const float *packed, global const float *bias, \
		int4 size, int4 src_size, int4 taps, int4 stride, int4 pad, int4 dilation, int from, int to_channels) \
	{ conv_plain_rows(step, dst, src, packed, bias, size, src_size, taps, stride, pad, dilation, from, to_channels); }
CONV_PLAIN(conv_plain_1, 1)
CONV_PLAIN(conv_plain_2, 2)

// conv_plain_voxels is that for all windows. Groups are tiles, blocks, samples.
KERNEL void conv_plain_voxels(global block *dst, global const float *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 step, int4 pad, int4 dilation, int from, int to_channels)
{
	tile place = locate(size, step, (int4)1, (int4)0);
	int blocks = (from + LANES - 1) / LANES, voxels = src_size.x * src_size.y * src_size.z;
	int count_taps = taps.x * taps.y * taps.z;
	global const float *odd = packed + (size_t)GROUPS(1) * blocks * count_taps * TILE;
	src += (size_t)GROUP(2) * from * voxels;
	dst += (size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * size.x * size.y * size.z * LANES;
	float16 acc[LANES], start = of_channels(bias, 1, GROUP(1) * LANES, to_channels, 0);
	EACH_OF_TILE(t) acc[t] = start;
	for (int k = 0; k < count_taps; k++) {
		int16 d = place.d + (k / (taps.y * taps.z) * dilation.x - pad.x);
		int16 h = place.h + (k / taps.z % taps.y * dilation.y - pad.y);
		int16 w = place.w + (k % taps.z * dilation.z - pad.z);
		int16 in = (d >= 0) & (d < src_size.x) & (h >= 0) & (h < src_size.y) & (w >= 0) & (w < src_size.z);
		if (!any(in)) continue;
		int at[LANES], padded = !all(in);
		vstore16(select((int16)-1, (d * src_size.y + h) * src_size.z + w, in), 0, at);
		for (int c = 0; c < from; c++) {
			int tap = (GROUP(1) * blocks + c / LANES) * count_taps + k;
			float16 u = vload16(c % LANES, packed + (size_t)tap * TILE);
			global const float *plane = src + (size_t)c * voxels;
			float column[LANES];
			for (int t = 0; t < LANES; t++) column[t] = at[t] < 0 ? 0 : plane[at[t]];
			if (padded && odd[GROUP(1) * blocks + c / LANES] != 0) {
				for (int t = 0; t < LANES; t++)
					if (at[t] >= 0) acc[t] += column[t] * u;
				continue;
			}
			EACH_OF_TILE(t) acc[t] += column[t] * u;
		}
	}
	for (int t = 0; t < LANES; t++)
		if (t < place.left) store(acc[t], dst, place.at[t]);
}
