// Convolutions for CPUs: a tile of 16 voxels by 16 channels, or of 8 by up to 48,
// stays in vector registers through all channels and taps. Loops over a tile are
// unrolled, or it would not.

#define UNROLL _Pragma("unroll")
#define EACH_OF_TILE(t) UNROLL for (int t = 0; t < LANES; t++)

// MEET adds v, which is in column c of a run of LONG rows STEP apart, to the sums
// of the rows that it meets at the first taps, from acc[row] on, of which the
// weights are u[0], u[1], u[2].
#define MEETS(c, k) ((c) >= (k) && ((c) - (k)) % STEP == 0 && ((c) - (k)) / STEP < LONG)
#define MEET(taps, c, row, u) \
	UNROLL for (int k_ = 0; k_ < taps; k_++) \
		if (MEETS(c, k_)) acc[(row) + ((c) - k_) / STEP] += v * u[k_];

// conv_runs is for kernels of dilation 1 along W, and one block of the
// destination. A tile is RUNS runs of LONG voxels of a phase along W, 16 together,
// STEP apart in the source. What they need of the source is gathered in columns
// for up to three taps at once: column t STEP + k meets row t at tap k of the
// three. The last run of a row ends where the row ends. Groups are tiles, 1, phases
// of samples.
static void __attribute__((always_inline)) conv_runs(PLACE const int RUNS, const int LONG, const int STEP,
	global block *dst, global const block *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 step, int4 phases, int4 pad, int back, int from, int to_channels)
{
	const int COLUMNS = (LONG - 1) * STEP + 3;
	int count_phases = phases.x * phases.y * phases.z, n = GROUP(2) / count_phases, p = GROUP(2) % count_phases;
	int4 phase = (int4)(p / (phases.y * phases.z), p / phases.z % phases.y, p % phases.z, 0);
	int4 range = (size - phase + phases - 1) / phases; // voxels of the phase
	int blocks = (from + LANES - 1) / LANES, voxels = src_size.x * src_size.y * src_size.z, count_taps = taps.x * taps.y * taps.z;
	int per_row = (range.z + LONG - 1) / LONG, last = range.x * range.y * per_row - 1;
	if (GROUP(0) * RUNS > last) return;
	float16 acc[LANES];
	float columns[36 * LANES]; // the most that there are
	char here[36];
	global const float *odd = packed + (size_t)blocks * count_taps * TILE;
	src += (size_t)n * blocks * voxels * LANES;
	dst += (size_t)n * size.x * size.y * size.z * LANES;
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

	float16 start = of_channels(bias, 1, 0, to_channels, 0);
	EACH_OF_TILE(t) acc[t] = start;
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
			int tap = ((b * taps.x + kd) * taps.y + kh) * taps.z + kw + k0 * next_tap;
			global const float *u = packed + (size_t)tap * TILE;
			long next = next_tap * TILE;
			if (padded && odd[b] != 0) { // nothing infinite meets padding
				EACH_OF_TILE(t) for (int k = 0; k < met; k++) {
					int c = t / LONG * COLUMNS + t % LONG * STEP + k;
					if (here[c]) for (int i = 0; i < count; i++) acc[t] += columns[c * LANES + i] * vload16(i, u + k * next);
				}
				continue;
			}
			const float *x = columns;
#define PRODUCT(taps) \
	for (int i = 0; i < count; i++, x++, u += LANES) { \
		float16 w[3]; \
		UNROLL for (int k = 0; k < taps; k++) w[k] = vload16(0, u + k * next); \
		UNROLL for (int r = 0; r < RUNS; r++) UNROLL for (int c = 0; c < COLUMNS - 3 + taps; c++) { \
			float16 v = x[(r * COLUMNS + c) * LANES]; \
			MEET(taps, c, r * LONG, w) \
		} \
	}
			if (met == 3) { PRODUCT(3) }
			else if (met == 2) { PRODUCT(2) }
			else { PRODUCT(1) }
		}
	}
	EACH_OF_TILE(t) {
		int r = t / LONG, d = phase.x + d0[r] * phases.x, h = phase.y + h0[r] * phases.y, w = phase.z + (w0[r] + t % LONG) * phases.z;
		store(acc[t], dst, ((d * size.y + h) * size.z + w) * LANES);
	}
}

#define CONV_RUNS(name, runs, length, step_w) \
	KERNEL void name(global block *dst, global const block *src, global const float *packed, global const float *bias, \
		int4 size, int4 src_size, int4 taps, int4 step, int4 phases, int4 pad, int4 dilation, int back, int from, int to_channels) \
	{ conv_runs(HERE runs, length, step_w, dst, src, packed, bias, size, src_size, taps, step, phases, pad, back, from, to_channels); }
CONV_RUNS(conv_runs_1x16, 1, 16, 1)
CONV_RUNS(conv_runs_2x8, 2, 8, 1)
CONV_RUNS(conv_runs_4x4, 4, 4, 1)
CONV_RUNS(conv_strides_1x16, 1, 16, 2)
CONV_RUNS(conv_strides_2x8, 2, 8, 2)
CONV_RUNS(conv_strides_4x4, 4, 4, 2)

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

// A tile of conv_voxels and conv_plain_voxels has any VOXELS voxels of a phase of
// the destination: where they are in the source, but for the offset of a tap, and
// in the destination. Voxels beyond the last are the last.
#define VOXELS 8
#define EACH_VOXEL(t) UNROLL for (int t = 0; t < VOXELS; t++)

typedef struct {
	int8 d, h, w;
	int at[VOXELS];
	int left; // voxels that there are, or more
} tile;

static tile locate(PLACE int4 size, int4 step, int4 phases, int4 phase) {
	tile t;
	int4 range = (size - phase + phases - 1) / phases; // voxels of the phase
	int first = GROUP(0) * VOXELS;
	t.left = range.x * range.y * range.z - first;
	if (t.left <= 0) return t; // range may be 0
	int row = first / range.z;
	int8 w = first % range.z + min((int8)(0, 1, 2, 3, 4, 5, 6, 7), t.left - 1), h = row % range.y, d = row / range.y;
	for (int8 over; any(over = w >= range.z); h -= over) w += over * range.z; // true is -1
	for (int8 over; any(over = h >= range.y); d -= over) h += over * range.y;
	t.d = d * step.x;
	t.h = h * step.y;
	t.w = w * step.z;
	d = phase.x + d * phases.x;
	h = phase.y + h * phases.y;
	vstore8(((d * size.y + h) * size.z + phase.z + w * phases.z) * LANES, 0, t.at);
	return t;
}

// FIND_COLUMNS makes x[t] the channels of a block of the source that voxel t of a
// tile needs, zeros where that is padding. In half precision they are turned into
// floats.
#ifdef HALF
#define FIND_COLUMNS(x) \
	float columns[VOXELS][LANES], *x[VOXELS]; \
	EACH_VOXEL(t) { \
		vstore16(at[t] < 0 ? (float16)0 : load(plane, at[t]), 0, columns[t]); \
		x[t] = columns[t]; \
	}
#else
#define FIND_COLUMNS(x) \
	global const float *x[VOXELS]; \
	EACH_VOXEL(t) x[t] = at[t] < 0 ? zeros : plane + at[t];
#endif

// conv_voxels is for all windows: tiles of 8 voxels by BLOCKS blocks. Groups are
// tiles, BLOCKS blocks each from one on, phases of samples.
static void __attribute__((always_inline)) conv_voxels(PLACE const int BLOCKS,
	global block *dst, global const block *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 step, int4 phases, int4 pad, int4 dilation, int back, int from, int to_channels, int first_block)
{
	int to = first_block + GROUP(1) * BLOCKS, to_blocks = (to_channels + LANES - 1) / LANES;
	int count_phases = phases.x * phases.y * phases.z, n = GROUP(2) / count_phases, p = GROUP(2) % count_phases;
	int4 phase = (int4)(p / (phases.y * phases.z), p / phases.z % phases.y, p % phases.z, 0);
	tile place = locate(HERE size, step, phases, phase);
	if (place.left <= 0) return;
	int blocks = (from + LANES - 1) / LANES, voxels = src_size.x * src_size.y * src_size.z;
	long next_block = (long)blocks * taps.x * taps.y * taps.z * TILE;
	global const float *odd = packed + to_blocks * next_block, *zeros = odd + to_blocks * blocks;
	src += (size_t)n * blocks * voxels * LANES;
	dst += (size_t)(n * to_blocks + to) * size.x * size.y * size.z * LANES;
	float16 acc[3 * VOXELS]; // of the most blocks that there are
#define START(o) \
	if (BLOCKS > o) { \
		float16 start = of_channels(bias, 1, (to + o) * LANES, to_channels, 0); \
		EACH_VOXEL(t) acc[o * VOXELS + t] = start; \
	}
	START(0) START(1) START(2)
	for (int kd = 0; kd < taps.x; kd++) {
		int od = tap_at(kd, phase.x, phases.x, pad.x, dilation.x, back);
		if (od == NONE) continue;
		int8 d = place.d + od, d_in = (d >= 0) & (d < src_size.x);
		for (int kh = 0; kh < taps.y; kh++) {
			int oh = tap_at(kh, phase.y, phases.y, pad.y, dilation.y, back);
			if (oh == NONE) continue;
			int8 h = place.h + oh, h_in = d_in & (h >= 0) & (h < src_size.y);
			for (int kw = 0; kw < taps.z; kw++) {
				int ow = tap_at(kw, phase.z, phases.z, pad.z, dilation.z, back);
				if (ow == NONE) continue;
				int8 w = place.w + ow, in = h_in & (w >= 0) & (w < src_size.z);
				if (!any(in)) continue;
				int at[VOXELS], padded = !all(in);
				vstore8(select((int8)-1, ((d * src_size.y + h) * src_size.z + w) * LANES, in), 0, at);
				for (int b = 0; b < blocks; b++) {
					int count = min(LANES, from - b * LANES), is_odd = 0;
					global const float *u = packed + (size_t)((((to * blocks + b) * taps.x + kd) * taps.y + kh) * taps.z + kw) * TILE;
					global const block *plane = src + (size_t)b * voxels * LANES;
					FIND_COLUMNS(x)
					if (padded)
						for (int o = 0; o < BLOCKS; o++) is_odd |= odd[(to + o) * blocks + b] != 0;
#define PRODUCTS(when) \
	for (int i = 0; i < count; i++, u += LANES) { \
		float16 u0 = vload16(0, u), u1, u2; \
		if (BLOCKS > 1) u1 = vload16(0, u + next_block); \
		if (BLOCKS > 2) u2 = vload16(0, u + 2 * next_block); \
		EACH_VOXEL(t) if (when) { \
			float16 v = x[t][i]; \
			acc[t] += v * u0; \
			if (BLOCKS > 1) acc[VOXELS + t] += v * u1; \
			if (BLOCKS > 2) acc[2 * VOXELS + t] += v * u2; \
		} \
	}
					if (is_odd) PRODUCTS(at[t] >= 0) // nothing infinite meets padding
					else PRODUCTS(1)
				}
			}
		}
	}
	UNROLL for (int t = 0; t < BLOCKS * VOXELS; t++) {
		long o = t / VOXELS * (long)(size.x * size.y * size.z) * LANES;
		if (t % VOXELS < place.left) store(acc[t], dst, o + place.at[t % VOXELS]);
	}
}

#define CONV_VOXELS(name, blocks) \
	KERNEL void name(global block *dst, global const block *src, global const float *packed, global const float *bias, \
		int4 size, int4 src_size, int4 taps, int4 step, int4 phases, int4 pad, int4 dilation, int back, int from, int to_channels, int first_block) \
	{ conv_voxels(HERE blocks, dst, src, packed, bias, size, src_size, taps, step, phases, pad, dilation, back, from, to_channels, first_block); }
CONV_VOXELS(conv_voxels_1, 1)
CONV_VOXELS(conv_voxels_2, 2)
CONV_VOXELS(conv_voxels_3, 3)

// plain_tile writes LONG voxels of a row of the destination, STEP apart in a plain
// source from column first on.
static void __attribute__((always_inline)) plain_tile(const int LONG, const int STEP,
	global block *dst, global const float *src, global const float *packed, float16 start,
	int4 src_size, int4 taps, int4 dilation, int from, int d0, int h0, int first)
{
	float16 acc[LANES];
	EACH_OF_TILE(t) acc[t] = start;
	for (int c = 0; c < from; c++) for (int kd = 0; kd < taps.x; kd++) for (int kh = 0; kh < taps.y; kh++) {
		int d = d0 + kd * dilation.x, h = h0 + kh * dilation.y;
		if (d < 0 || d >= src_size.x || h < 0 || h >= src_size.y) continue;
		global const float *row = src + (((long)c * src_size.x + d) * src_size.y + h) * src_size.z;
		global const float *u = packed + (((size_t)(c / LANES * taps.x + kd) * taps.y + kh) * taps.z * LANES + c % LANES) * LANES;
		for (int kw = 0, w = first; kw < taps.z; kw++, w += dilation.z, u += TILE) {
			float16 v = vload16(0, u);
			if (w >= 0 && w + (LONG - 1) * STEP < src_size.z) {
				EACH_OF_TILE(t) if (t < LONG) acc[t] += row[w + t * STEP] * v;
			} else {
				EACH_OF_TILE(t) if (t < LONG && w + t * STEP >= 0 && w + t * STEP < src_size.z) acc[t] += row[w + t * STEP] * v;
			}
		}
	}
	EACH_OF_TILE(t) if (t < LONG) store(acc[t], dst, t * LANES);
}

// conv_plain_rows is the forward pass from a plain tensor, a channel at a time,
// to rows of at least 8 voxels, in tiles of 16 and 8. The last ends where the row
// ends, and may have voxels in common with the one before. Groups are rows (d, h),
// blocks, samples.
static void __attribute__((always_inline)) conv_plain_rows(PLACE const int STEP,
	global block *dst, global const float *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 stride, int4 pad, int4 dilation, int from, int to_channels)
{
	int d0 = GROUP(0) / size.y * stride.x - pad.x, h0 = GROUP(0) % size.y * stride.y - pad.y;
	float16 start = of_channels(bias, 1, GROUP(1) * LANES, to_channels, 0);
	packed += (size_t)GROUP(1) * ((from + LANES - 1) / LANES) * taps.x * taps.y * taps.z * TILE;
	src += (size_t)GROUP(2) * from * src_size.x * src_size.y * src_size.z;
	dst += ((size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * GROUPS(0) + GROUP(0)) * size.z * LANES;
	for (int next = 0; next < size.z;) {
		int length = size.z < 16 || next + 8 >= size.z ? 8 : 16, w = min(next, size.z - length), first = w * STEP - pad.z;
		if (length == 8) plain_tile(8, STEP, dst + w * LANES, src, packed, start, src_size, taps, dilation, from, d0, h0, first);
		else plain_tile(16, STEP, dst + w * LANES, src, packed, start, src_size, taps, dilation, from, d0, h0, first);
		next += length;
	}
}

#define CONV_PLAIN(name, step) \
	KERNEL void name(global block *dst, global const float *src, global const float *packed, global const float *bias, \
		int4 size, int4 src_size, int4 taps, int4 stride, int4 pad, int4 dilation, int from, int to_channels) \
	{ conv_plain_rows(HERE step, dst, src, packed, bias, size, src_size, taps, stride, pad, dilation, from, to_channels); }
CONV_PLAIN(conv_plain_1, 1)
CONV_PLAIN(conv_plain_2, 2)

// conv_plain_voxels is that for all windows. Groups are tiles, blocks, samples.
KERNEL void conv_plain_voxels(global block *dst, global const float *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 step, int4 pad, int4 dilation, int from, int to_channels)
{
	tile place = locate(HERE size, step, (int4)1, (int4)0);
	int blocks = (from + LANES - 1) / LANES, voxels = src_size.x * src_size.y * src_size.z;
	int count_taps = taps.x * taps.y * taps.z;
	global const float *odd = packed + (size_t)GROUPS(1) * blocks * count_taps * TILE;
	src += (size_t)GROUP(2) * from * voxels;
	dst += (size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * size.x * size.y * size.z * LANES;
	float16 acc[VOXELS], start = of_channels(bias, 1, GROUP(1) * LANES, to_channels, 0);
	EACH_VOXEL(t) acc[t] = start;
	int8 d0 = place.d - pad.x, h0 = place.h - pad.y, w0 = place.w - pad.z;
	int8 d1 = d0 + (taps.x - 1) * dilation.x, h1 = h0 + (taps.y - 1) * dilation.y, w1 = w0 + (taps.z - 1) * dilation.z;
	int padded = any((d0 < 0) | (h0 < 0) | (w0 < 0) | (d1 >= src_size.x) | (h1 >= src_size.y) | (w1 >= src_size.z));
	int at[VOXELS];
	vstore8((d0 * src_size.y + h0) * src_size.z + w0, 0, at);
	for (int c = 0; c < from; c++, src += voxels) {
		global const float *u = packed + (size_t)((GROUP(1) * blocks + c / LANES) * count_taps) * TILE + c % LANES * LANES;
		global const float *x[VOXELS];
		EACH_VOXEL(t) x[t] = src + at[t];
		for (int kd = 0; kd < taps.x; kd++) for (int kh = 0; kh < taps.y; kh++) for (int kw = 0; kw < taps.z; kw++, u += TILE) {
			long k = (kd * dilation.x * src_size.y + kh * dilation.y) * src_size.z + kw * dilation.z;
			float16 v = vload16(0, u);
			if (!padded) {
				EACH_VOXEL(t) acc[t] += x[t][k] * v;
				continue;
			}
			int8 d = d0 + kd * dilation.x, h = h0 + kh * dilation.y, w = w0 + kw * dilation.z;
			int8 in = (d >= 0) & (d < src_size.x) & (h >= 0) & (h < src_size.y) & (w >= 0) & (w < src_size.z);
			int here[VOXELS];
			vstore8(in, 0, here);
			for (int t = 0; t < VOXELS; t++) if (here[t]) acc[t] += x[t][k] * v;
		}
	}
	EACH_VOXEL(t) if (t < place.left) store(acc[t], dst, place.at[t]);
}
