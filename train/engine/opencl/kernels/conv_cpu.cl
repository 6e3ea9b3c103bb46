// Convolutions for CPUs: a tile of 16 voxels by 16 channels stays in 16 vector
// registers through all channels and taps.

#define TILE_ROWS(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)
#define BEGIN(t) float16 a##t = start;
#define STORE(t) if (t < left) store(a##t, to, t * LANES);
#define SAVE(t) vstore16(a##t, t, acc);
#define RESTORE(t) a##t = vload16(t, acc);

// odd_taps adds the products of taps taps, whose weights are not all finite, to
// a tile, the voxels of padding left out: row t of tap k is at column t + k of
// src, which is there where here says so.
static void odd_taps(float *acc, const float *src, const char *here, global const float *w, int count, int taps) {
	for (int t = 0; t < LANES; t++)
		for (int k = 0; k < taps; k++)
			if (here[t + k])
				for (int i = 0; i < count; i++) {
					float16 sum = vload16(t, acc) + src[(t + k) * LANES + i] * vload16(k * LANES + i, w);
					vstore16(sum, t, acc);
				}
}

// SWEEP adds three taps at distance one to a tile: column j of src, which is
// loaded once, meets rows j, j-1 and j-2.
#define COLUMN(src, j, p0, p1, p2) { \
	float16 b = src[(j) * LANES + i]; \
	a##p0 += b * u0; \
	a##p1 += b * u1; \
	a##p2 += b * u2; \
}
#define SWEEP(src) \
	for (int i = 0; i < count; i++) { \
		float16 u0 = vload16(i, weights), u1 = vload16(LANES + i, weights), u2 = vload16(2 * LANES + i, weights); \
		{ float16 b = src[i]; a0 += b * u0; } \
		{ float16 b = src[LANES + i]; a1 += b * u0; a0 += b * u1; } \
		COLUMN(src, 2, 2, 1, 0) COLUMN(src, 3, 3, 2, 1) COLUMN(src, 4, 4, 3, 2) COLUMN(src, 5, 5, 4, 3) \
		COLUMN(src, 6, 6, 5, 4) COLUMN(src, 7, 7, 6, 5) COLUMN(src, 8, 8, 7, 6) COLUMN(src, 9, 9, 8, 7) \
		COLUMN(src, 10, 10, 9, 8) COLUMN(src, 11, 11, 10, 9) COLUMN(src, 12, 12, 11, 10) COLUMN(src, 13, 13, 12, 11) \
		COLUMN(src, 14, 14, 13, 12) COLUMN(src, 15, 15, 14, 13) \
		{ float16 b = src[16 * LANES + i]; a15 += b * u1; a14 += b * u2; } \
		{ float16 b = src[17 * LANES + i]; a15 += b * u2; } \
	}

// conv_rows is for kernels of 3 along W with stride and dilation 1 there. A
// group is a row of the destination. Groups are rows (d, h), blocks, samples.
KERNEL void conv_rows(global block *dst, global const block *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 stride, int4 pad, int4 dilation, int from, int to_channels)
{
	int d0 = GROUP(0) / size.y * stride.x - pad.x, h0 = GROUP(0) % size.y * stride.y - pad.y;
	int blocks = (from + LANES - 1) / LANES;
	float16 start = of_channels(bias, 1, GROUP(1) * LANES, to_channels, 0);
	global const float *odd = packed + (size_t)GROUPS(1) * blocks * taps.x * taps.y * 3 * TILE;
	src += (size_t)GROUP(2) * blocks * src_size.x * src_size.y * src_size.z * LANES;
	dst += ((size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * GROUPS(0) + GROUP(0)) * size.z * LANES;
	for (int w = 0; w < size.z; w += LANES) {
		int first = w - pad.z; // column 0
		int whole = first >= 0 && first + LANES + 2 <= src_size.z;
		TILE_ROWS(BEGIN)
		for (int b = 0; b < blocks; b++) {
			int count = min(LANES, from - b * LANES);
			for (int kd = 0; kd < taps.x; kd++) {
				int d = d0 + kd * dilation.x;
				if (d < 0 || d >= src_size.x) continue;
				for (int kh = 0; kh < taps.y; kh++) {
					int h = h0 + kh * dilation.y;
					if (h < 0 || h >= src_size.y) continue;
					global const block *row = src + ((size_t)(b * src_size.x + d) * src_size.y + h) * src_size.z * LANES;
					int tap = (((GROUP(1) * blocks + b) * taps.x + kd) * taps.y + kh) * 3;
					global const float *weights = packed + (size_t)tap * TILE;
#ifndef HALF
					if (whole) {
						global const float *columns = row + first * LANES;
						SWEEP(columns)
						continue;
					}
#endif
					float columns[(LANES + 2) * LANES];
					for (int j = 0; j < LANES + 2; j++) {
						int c = first + j;
						vstore16(c < 0 || c >= src_size.z ? (float16)0 : load(row, c * LANES), j, columns);
					}
					if (!whole && odd[tap] + odd[tap + 1] + odd[tap + 2] != 0) {
						float acc[LANES * LANES];
						char here[LANES + 2];
						for (int j = 0; j < LANES + 2; j++) here[j] = first + j >= 0 && first + j < src_size.z;
						TILE_ROWS(SAVE)
						odd_taps(acc, columns, here, weights, count, 3);
						TILE_ROWS(RESTORE)
						continue;
					}
					SWEEP(columns)
				}
			}
		}
		global block *to = dst + w * LANES;
		int left = size.z - w;
		TILE_ROWS(STORE)
	}
}

// A tile of conv_voxels and conv_plain has any 16 voxels of a phase of the
// destination: where its rows are in the source, but for the offset of a tap,
// and in the destination. Rows beyond the last voxel are the last.
typedef struct {
	int16 d, h, w;
	int place[LANES];
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
		t.place[i] = (((phase.x + d * phases.x) * size.y + phase.y + h * phases.y) * size.z + phase.z + w * phases.z) * LANES;
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

#define SCATTER(t) if (t < here.left) store(a##t, dst, here.place[t]);

// PRODUCT adds a tap to a tile: row t of columns meets row t.
#define ROW_PRODUCT(t) a##t += columns[t * LANES + i] * u;
#define PRODUCT for (int i = 0; i < count; i++) { float16 u = vload16(i, weights); TILE_ROWS(ROW_PRODUCT) }

// conv_voxels is for all windows; what a tap needs of the source is gathered.
// Groups are tiles, blocks, phases of samples.
KERNEL void conv_voxels(global block *dst, global const block *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 step, int4 phases, int4 pad, int4 dilation, int back, int from, int to_channels)
{
	int count_phases = phases.x * phases.y * phases.z, n = GROUP(2) / count_phases, p = GROUP(2) % count_phases;
	int4 phase = (int4)(p / (phases.y * phases.z), p / phases.z % phases.y, p % phases.z, 0);
	tile here = locate(size, step, phases, phase);
	if (here.left <= 0) return;
	int blocks = (from + LANES - 1) / LANES, voxels = src_size.x * src_size.y * src_size.z;
	global const float *odd = packed + (size_t)GROUPS(1) * blocks * taps.x * taps.y * taps.z * TILE;
	src += (size_t)n * blocks * voxels * LANES;
	dst += (size_t)(n * GROUPS(1) + GROUP(1)) * size.x * size.y * size.z * LANES;
	float16 start = of_channels(bias, 1, GROUP(1) * LANES, to_channels, 0);
	TILE_ROWS(BEGIN)
	for (int kd = 0; kd < taps.x; kd++) {
		int od = tap_at(kd, phase.x, phases.x, pad.x, dilation.x, back);
		if (od == NONE) continue;
		int16 d = here.d + od, d_in = d >= 0 & d < src_size.x;
		for (int kh = 0; kh < taps.y; kh++) {
			int oh = tap_at(kh, phase.y, phases.y, pad.y, dilation.y, back);
			if (oh == NONE) continue;
			int16 h = here.h + oh, h_in = d_in & h >= 0 & h < src_size.y;
			for (int kw = 0; kw < taps.z; kw++) {
				int ow = tap_at(kw, phase.z, phases.z, pad.z, dilation.z, back);
				if (ow == NONE) continue;
				int16 w = here.w + ow, in = h_in & w >= 0 & w < src_size.z;
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
					if (padded && odd[tap] != 0) {
						float acc[LANES * LANES];
						char there[LANES];
						for (int t = 0; t < LANES; t++) there[t] = at[t] >= 0;
						TILE_ROWS(SAVE)
						odd_taps(acc, columns, there, weights, count, 1);
						TILE_ROWS(RESTORE)
						continue;
					}
					PRODUCT
				}
			}
		}
	}
	TILE_ROWS(SCATTER)
}

// conv_plain is the forward pass from a plain tensor, a channel at a time.
// Groups are tiles, blocks, samples.
#define SCALAR_PRODUCT(t) a##t += column[t] * u;
#define SCALAR_PRODUCT_IN(t) if (at[t] >= 0) a##t += column[t] * u;
KERNEL void conv_plain(global block *dst, global const float *src, global const float *packed, global const float *bias,
	int4 size, int4 src_size, int4 taps, int4 step, int4 pad, int4 dilation, int from, int to_channels)
{
	tile here = locate(size, step, (int4)1, (int4)0);
	int blocks = (from + LANES - 1) / LANES, voxels = src_size.x * src_size.y * src_size.z;
	int count_taps = taps.x * taps.y * taps.z;
	global const float *odd = packed + (size_t)GROUPS(1) * blocks * count_taps * TILE;
	src += (size_t)GROUP(2) * from * voxels;
	dst += (size_t)(GROUP(2) * GROUPS(1) + GROUP(1)) * size.x * size.y * size.z * LANES;
	float16 start = of_channels(bias, 1, GROUP(1) * LANES, to_channels, 0);
	TILE_ROWS(BEGIN)
	for (int k = 0; k < count_taps; k++) {
		int16 d = here.d + (k / (taps.y * taps.z) * dilation.x - pad.x);
		int16 h = here.h + (k / taps.z % taps.y * dilation.y - pad.y);
		int16 w = here.w + (k % taps.z * dilation.z - pad.z);
		int16 in = d >= 0 & d < src_size.x & h >= 0 & h < src_size.y & w >= 0 & w < src_size.z;
		if (!any(in)) continue;
		int at[LANES], padded = !all(in);
		vstore16(select((int16)-1, (d * src_size.y + h) * src_size.z + w, in), 0, at);
		for (int c = 0; c < from; c++) {
			int tap = (GROUP(1) * blocks + c / LANES) * count_taps + k;
			float16 u = vload16(c % LANES, packed + (size_t)tap * TILE);
			global const float *plane = src + (size_t)c * voxels;
			float column[LANES];
			for (int t = 0; t < LANES; t++) column[t] = at[t] < 0 ? 0 : plane[at[t]];
			if (padded && odd[tap] != 0) {
				TILE_ROWS(SCALAR_PRODUCT_IN)
			} else {
				TILE_ROWS(SCALAR_PRODUCT)
			}
		}
	}
	TILE_ROWS(SCATTER)
}
