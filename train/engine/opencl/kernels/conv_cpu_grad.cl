// Gradients to the weights of convolutions, for CPUs:
//
//	dw[out][in][k] = sum over n, q of dy[n][out][q] x[n][in][q stride - pad + k dilation]
//
// A group has a part of the rows (n, d, h) of dy, slab rows at a time for all
// taps, so that the rows stay in the cache. It keeps its sums in parts, as
// unpack_grad reads them, and adds to them slab by slab. In registers are the
// sums of up to three taps along W for 8 channels of x by a block of y, for 8
// channels of y by a block of x, or for one channel of a plain x by a block of y.

#define EACH_SLAB(r0, r1) \
	for (int begin_ = (int)((long)rows * GROUP(0) / GROUPS(0)), end_ = (int)((long)rows * (GROUP(0) + 1) / GROUPS(0)), \
		r0 = begin_, r1 = min(r0 + slab, end_); r0 < end_; r0 = r1, r1 = min(r0 + slab, end_))
#define FIRST_SLAB(r0) (r0 == begin_)

// EACH_ROW_OF_DY is the loop over the rows n, d, h from r0 to below r1.
#define EACH_ROW_OF_DY(r0, r1) \
	for (int r_ = r0, n = r_ / (size.x * size.y), d = r_ / size.y % size.x, h = r_ % size.y; r_ < r1; \
		r_++, h + 1 < size.y ? h++ : (h = 0, d + 1 < size.x ? d++ : (d = 0, n++)))

// EACH_TAPS does f, which is given how many taps there are, for threes of taps
// along W, the last of them being what is left: kw and the next.
#define EACH_TAPS(f, arg) \
	for (int kw = 0; kw < taps.z; kw += 3) { \
		if (taps.z - kw == 1) { f(1, arg) } \
		else if (taps.z - kw == 2) { f(2, arg) } \
		else { f(3, arg) } \
	}

// EACH_SUM is the loop over the vectors of sums of a tap, EACH_TAP that over taps.
// The compiler unrolls loops before it puts functions in place: their lengths must
// be numbers, not arguments.
#define EACH_SUM(i, count) _Pragma("unroll") for (int i = 0; i < count; i++)
#define EACH_TAP(k) _Pragma("unroll") for (int k = 0; k < 3; k++) if (k < TAPS)

// row_of_dy returns where a row of dy begins, dy being that of a block, and so many
// blocks being in a sample.
static global const block *row_of_dy(global const block *dy, int blocks, int n, int d, int h, int4 size) {
	return dy + ((size_t)(n * blocks * size.x + d) * size.y + h) * size.z * LANES;
}

// row_of_x returns which row of a sample of x, (d, h), tap (kd, kh) takes to row
// (d, h) of dy, or -1.
static int row_of_x(int d, int h, int kd, int kh, int4 in, int4 stride, int4 pad, int4 dilation) {
	d = d * stride.x - pad.x + kd * dilation.x;
	h = h * stride.y - pad.y + kh * dilation.y;
	return d < 0 || d >= in.x || h < 0 || h >= in.y ? -1 : d * in.y + h;
}

// meets returns which voxels q of a row of dy tap kw takes from a row of x: from
// .x to below .y.
static int2 meets(int kw, int4 size, int4 in, int4 stride, int4 pad, int4 dilation) {
	int off = kw * dilation.z - pad.z; // from q stride + off
	int low = off >= 0 ? 0 : (-off + stride.z - 1) / stride.z;
	int high = off >= in.z ? 0 : min(size.z, (in.z - 1 - off) / stride.z + 1);
	return (int2)(low, max(low, high));
}

// COLUMN makes c the channels of a voxel of x. In half precision they are turned
// into floats together.
#ifdef HALF
#define COLUMN(c, x) float c[8]; vstore8(vload_half8(0, x), 0, c);
#else
#define COLUMN(c, x) global const float *c = x;
#endif

// MEET_ALL makes met which voxels the taps take, and all of them take those from
// low to below high.
#define MEET_ALL \
	int low = 0, high = size.z; \
	int2 met[3]; \
	EACH_TAP(k) { \
		met[k] = meets(kw + k, size, in, stride, pad, dilation); \
		low = max(low, met[k].x); \
		high = min(high, met[k].y); \
	}

// taps_of_slab adds the rows from r0 to below r1 to the sums of TAPS taps, for 8
// channels of x by a block of y, or, where they are SWAPPED, for 8 channels of y by
// a block of x.
static void __attribute__((always_inline)) taps_of_slab(const int TAPS, const int SWAPPED,
	global float *sums, global const block *x, global const block *dy,
	int4 size, int4 in, int4 stride, int4 pad, int4 dilation, int x_blocks, int y_blocks, int r0, int r1, int is_first, int kd, int kh, int kw)
{
	long step = stride.z * LANES, apart = dilation.z * LANES;
	MEET_ALL
	float16 s[3][8];
	EACH_TAP(k) EACH_SUM(i, 8) s[k][i] = is_first ? (float16)0 : vload16(k * LANES + i, sums);
	EACH_ROW_OF_DY(r0, r1) {
		int row = row_of_x(d, h, kd, kh, in, stride, pad, dilation);
		if (row < 0) continue;
		global const block *of_y = row_of_dy(dy, y_blocks, n, d, h, size);
		global const block *of_x = x + (((long)n * x_blocks * in.x * in.y + row) * in.z + kw * dilation.z - pad.z) * LANES;
		for (int q = 0; q < size.z; q++) {
			if (q == low) {
				global const block *at = of_x + q * step;
				for (; q < high; q++, at += step) {
					float16 v[3];
					EACH_TAP(k) v[k] = SWAPPED ? load(at, k * apart) : load(of_y, q * LANES);
					if (SWAPPED) {
						COLUMN(c, of_y + q * LANES)
						EACH_SUM(i, 8) EACH_TAP(k) s[k][i] += c[i] * v[k];
						continue;
					}
					EACH_TAP(k) {
						COLUMN(c, at + k * apart)
						EACH_SUM(i, 8) s[k][i] += c[i] * v[k];
					}
				}
			}
			if (q >= size.z) break;
			EACH_TAP(k) {
				if (q < met[k].x || q >= met[k].y) continue;
				global const block *at_x = of_x + q * step + k * apart, *at_y = of_y + q * LANES;
				float16 v = load(SWAPPED ? at_x : at_y, 0);
				COLUMN(c, SWAPPED ? at_y : at_x)
				EACH_SUM(i, 8) s[k][i] += c[i] * v;
			}
		}
	}
	EACH_TAP(k) EACH_SUM(i, 8) vstore16(s[k][i], k * LANES + i, sums);
}

// grad_taps is for all windows. Groups are parts, 8 channels of x, blocks of y, or
// swapped, 8 channels of y, blocks of x. Of the 8 channels, block b from first on
// is meant.
#define GRAD_TAPS(name, swapped) \
	KERNEL void name(global float *parts, global const block *x, global const block *dy, \
		int4 size, int4 in, int4 taps, int4 stride, int4 pad, int4 dilation, int channels_in, int channels_out, int rows, int slab) \
	{ \
		int b = GROUP(1) / 2, first = GROUP(1) % 2 * 8; \
		int x_blocks = (channels_in + LANES - 1) / LANES, y_blocks = (channels_out + LANES - 1) / LANES; \
		int of_x = swapped ? GROUP(2) : b, of_y = swapped ? b : GROUP(2), blocks = swapped ? y_blocks : x_blocks; \
		parts += (size_t)((GROUP(0) * GROUPS(2) + GROUP(2)) * blocks + b) * taps.x * taps.y * taps.z * TILE + first * LANES; \
		x += (size_t)of_x * in.x * in.y * in.z * LANES + (swapped ? 0 : first); \
		dy += (size_t)of_y * size.x * size.y * size.z * LANES + (swapped ? first : 0); \
		EACH_SLAB(r0, r1) for (int kd = 0; kd < taps.x; kd++) for (int kh = 0; kh < taps.y; kh++) EACH_TAPS(SOME_TAPS, swapped) \
	}
#define SOME_TAPS(TAPS, SWAPPED) \
	taps_of_slab(TAPS, SWAPPED, parts + ((kd * taps.y + kh) * taps.z + kw) * TILE, x, dy, \
		size, in, stride, pad, dilation, x_blocks, y_blocks, r0, r1, FIRST_SLAB(r0), kd, kh, kw);

GRAD_TAPS(grad_taps, 0)
GRAD_TAPS(grad_taps_swapped, 1)

#define EACH_TAP_OF_ROWS(a, k) _Pragma("unroll") for (int a = 0; a < 3; a++) if (a < ROWS) EACH_TAP(k)

// plain_taps_of_slab is taps_of_slab for one channel of a plain x, and for TAPS
// taps of each of ROWS, 1 or 3, next to each other along H: a voxel of dy, which is
// loaded once, meets up to nine of x. Sums are of every other voxel, so that they
// wait less for each other.
static void __attribute__((always_inline)) plain_taps_of_slab(PLACE const int TAPS, const int ROWS,
	global float *sums, global const float *x, global const block *dy,
	int4 size, int4 in, int4 taps, int4 stride, int4 pad, int4 dilation, int channels_in, int r0, int r1, int is_first, int kd, int kh, int kw)
{
	long step = stride.z, apart = dilation.z, rows_apart = dilation.y * in.z;
	MEET_ALL
	float16 s[3][3][2];
	EACH_TAP_OF_ROWS(a, k) s[a][k][0] = s[a][k][1] = 0;
	EACH_ROW_OF_DY(r0, r1) {
		int row[3], all = apart == 1; // all rows are there, and taps next to each other
		for (int a = 0; a < ROWS; a++) {
			row[a] = row_of_x(d, h, kd, kh + a, in, stride, pad, dilation);
			all &= row[a] >= 0;
		}
		global const block *of_y = row_of_dy(dy, GROUPS(2), n, d, h, size);
		global const float *sample = x + (size_t)n * channels_in * in.x * in.y * in.z;
		for (int q = 0; q < size.z; q++) {
			if (all && q == low) {
				global const float *at = sample + (long)row[0] * in.z + q * step + kw * apart - pad.z;
				global const float *from[3] = {at, at + rows_apart, at + 2 * rows_apart};
				for (long i = 0; q + 1 < high; q += 2)
					EACH_SUM(j, 2) {
						float16 y = load(of_y, (q + j) * LANES);
						EACH_TAP_OF_ROWS(a, k) s[a][k][j] += from[a][i + k] * y;
						i += step;
					}
			}
			if (q >= size.z) break;
			float16 y = load(of_y, q * LANES);
			EACH_TAP_OF_ROWS(a, k)
				if (row[a] >= 0 && q >= met[k].x && q < met[k].y) s[a][k][0] += sample[(long)row[a] * in.z + q * step + (kw + k) * apart - pad.z] * y;
		}
	}
	EACH_TAP_OF_ROWS(a, k) {
		float16 sum = s[a][k][0] + s[a][k][1];
		int at = (a * taps.z + k) * LANES;
		vstore16(is_first ? sum : sum + vload16(at, sums), at, sums);
	}
}

// grad_plain is for a plain x, a channel at a time.
KERNEL void grad_plain(global float *parts, global const float *x, global const block *dy,
	int4 size, int4 in, int4 taps, int4 stride, int4 pad, int4 dilation, int channels_in, int channels_out, int rows, int slab)
{
	int count = min(LANES, channels_in - GROUP(1) * LANES), voxels = in.x * in.y * in.z;
	parts += (size_t)((GROUP(0) * GROUPS(2) + GROUP(2)) * GROUPS(1) + GROUP(1)) * taps.x * taps.y * taps.z * TILE;
	x += (size_t)GROUP(1) * LANES * voxels;
	dy += (size_t)GROUP(2) * size.x * size.y * size.z * LANES;
#define PLAIN_TAPS(TAPS, ROWS) \
	plain_taps_of_slab(HERE TAPS, ROWS, parts + ((kd * taps.y + kh) * taps.z + kw) * TILE + i * LANES, x + (size_t)i * voxels, dy, \
		size, in, taps, stride, pad, dilation, channels_in, r0, r1, FIRST_SLAB(r0), kd, kh, kw);
	EACH_SLAB(r0, r1) for (int i = 0; i < count; i++) for (int kd = 0; kd < taps.x; kd++) {
		int kh = 0;
		for (; kh + 2 < taps.y; kh += 3) EACH_TAPS(PLAIN_TAPS, 3)
		for (; kh < taps.y; kh++) EACH_TAPS(PLAIN_TAPS, 1)
	}
}
