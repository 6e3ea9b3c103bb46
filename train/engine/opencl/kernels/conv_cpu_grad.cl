// Gradients to the weights of convolutions, for CPUs:
//
//	dw[out][in][k] = sum over n, q of dy[n][out][q] x[n][in][q stride - pad + k dilation]
//
// A group has a part of the rows (n, d, h) of dy, slab rows at a time for all
// taps, so that the rows stay in the cache. It keeps its sums in parts, as
// unpack_grad reads them, and adds to them slab by slab. Groups are parts,
// blocks of x, blocks of y. Sums of a tap are 16 channels of x by a vector of
// 16 of y.

#define EACH_SLAB(r0) \
	for (int r0 = (int)((long)rows * GROUP(0) / GROUPS(0)), begin_ = r0, \
		end_ = (int)((long)rows * (GROUP(0) + 1) / GROUPS(0)); r0 < end_; r0 += slab)
#define EACH_ROW_OF_SLAB(r, r0) for (int r = r0; r < min(r0 + slab, end_); r++)
#define FIRST_SLAB(r0) (r0 == begin_)

// source_row returns the row of x, counted in its sample, that tap (kd, kh)
// takes to row r of dy, or -1.
static int source_row(int r, int kd, int kh, int4 size, int4 in, int4 stride, int4 pad, int4 dilation) {
	int d = r / size.y % size.x * stride.x - pad.x + kd * dilation.x;
	int h = r % size.y * stride.y - pad.y + kh * dilation.y;
	return d < 0 || d >= in.x || h < 0 || h >= in.y ? -1 : d * in.y + h;
}

// rows_at returns where row r of dy begins, of blocks of y with size voxels.
static size_t row_of_dy(int r, int4 size) {
	int rows = size.x * size.y;
	return ((size_t)(r / rows * GROUPS(2) + GROUP(2)) * rows + r % rows) * size.z * LANES;
}

// taps_in says which q of a row of size voxels meet the in voxels of x at tap k:
// from .x to below .y.
static int2 taps_in(int k, int size, int in, int stride, int pad, int dilation) {
	int off = k * dilation - pad; // q is at q stride + off
	int low = off >= 0 ? 0 : (-off + stride - 1) / stride;
	int high = off >= in ? 0 : min(size, (in - 1 - off) / stride + 1);
	return (int2)(low, high);
}

// COLUMN_OF makes c the 16 channels of voxel i of a row of x. In half precision
// they are turned into floats together.
#ifdef HALF
#define COLUMN_OF(row, i) float c[LANES]; vstore16(load(row, (i) * LANES), 0, c);
#else
#define COLUMN_OF(row, i) global const float *c = (row) + (i) * LANES;
#endif

#define EIGHT(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7)
#define DECLARE3(i) float16 s##i = 0, t##i = 0, u##i = 0;
#define LOAD3(i) s##i = vload16(i, sums); t##i = vload16(i + LANES, sums); u##i = vload16(i + 2 * LANES, sums);
#define STORE3(i) vstore16(s##i, i, sums); vstore16(t##i, i + LANES, sums); vstore16(u##i, i + 2 * LANES, sums);
#define MEET_S(i) s##i += c[i] * v0;
#define MEET_T(i) t##i += c[i] * v1;
#define MEET_U(i) u##i += c[i] * v2;
#define MEET3(i) { float16 x_ = c[i]; s##i += x_ * v0; t##i += x_ * v1; u##i += x_ * v2; }

// grad_rows is for kernels of 3 along W with stride and dilation 1 there: voxel
// i of x, which is loaded once, meets i + pad, i + pad - 1 and i + pad - 2 of dy.
// A group has 8 channels of x: groups along axis 1 are halves of blocks.
KERNEL void grad_rows(global float *parts, global const block *x, global const block *dy,
	int4 size, int4 in, int4 taps, int4 stride, int4 pad, int4 dilation, int channels_in, int rows, int slab)
{
	int b = GROUP(1) / 2, first = GROUP(1) % 2 * 8, blocks = GROUPS(1) / 2;
	if (b * LANES + first >= channels_in) return;
	parts += (size_t)((GROUP(0) * GROUPS(2) + GROUP(2)) * blocks + b) * taps.x * taps.y * 3 * TILE + first * LANES;
	// Voxels low to below high of x meet three.
	int low = max(0, 2 - pad.z), high = min(in.z, size.z - pad.z);
	EACH_SLAB(r0) for (int kd = 0; kd < taps.x; kd++) for (int kh = 0; kh < taps.y; kh++) {
		global float *sums = parts + (kd * taps.y + kh) * 3 * TILE;
		EIGHT(DECLARE3)
		if (!FIRST_SLAB(r0)) { EIGHT(LOAD3) }
		EACH_ROW_OF_SLAB(r, r0) {
			int from = source_row(r, kd, kh, size, in, stride, pad, dilation);
			if (from < 0) continue;
			int n = r / (size.x * size.y);
			global const block *row = x + ((size_t)(n * blocks + b) * in.x * in.y + from) * in.z * LANES + first;
			global const block *of_y = dy + row_of_dy(r, size);
			for (int i = 0; i < in.z; i++) {
				if (i == low && low < high) { // all that meet three
					float16 v2 = load(of_y, (low + pad.z - 2) * LANES), v1 = load(of_y, (low + pad.z - 1) * LANES);
					for (; i < high; i++) {
						float16 v0 = load(of_y, (i + pad.z) * LANES);
						COLUMN_OF(row, i)
						EIGHT(MEET3)
						v2 = v1;
						v1 = v0;
					}
					if (i == in.z) break;
				}
				int q = i + pad.z;
				COLUMN_OF(row, i)
				if (q >= 0 && q < size.z) { float16 v0 = load(of_y, q * LANES); EIGHT(MEET_S) }
				if (q >= 1 && q < size.z + 1) { float16 v1 = load(of_y, (q - 1) * LANES); EIGHT(MEET_T) }
				if (q >= 2 && q < size.z + 2) { float16 v2 = load(of_y, (q - 2) * LANES); EIGHT(MEET_U) }
			}
		}
		EIGHT(STORE3)
	}
}

#define SIXTEEN(F) EIGHT(F) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)
#define DECLARE1(i) float16 s##i = 0;
#define LOAD1(i) s##i = vload16(i, sums);
#define STORE1(i) vstore16(s##i, i, sums);

// grad_voxels is for all windows, a tap at a time.
KERNEL void grad_voxels(global float *parts, global const block *x, global const block *dy,
	int4 size, int4 in, int4 taps, int4 stride, int4 pad, int4 dilation, int channels_in, int rows, int slab)
{
	int blocks = GROUPS(1), count_taps = taps.x * taps.y * taps.z;
	parts += (size_t)((GROUP(0) * GROUPS(2) + GROUP(2)) * blocks + GROUP(1)) * count_taps * TILE;
	EACH_SLAB(r0) for (int k = 0; k < count_taps; k++) {
		int kd = k / (taps.y * taps.z), kh = k / taps.z % taps.y, kw = k % taps.z;
		int2 range = taps_in(kw, size.z, in.z, stride.z, pad.z, dilation.z);
		global float *sums = parts + k * TILE;
		SIXTEEN(DECLARE1)
		if (!FIRST_SLAB(r0)) { SIXTEEN(LOAD1) }
		EACH_ROW_OF_SLAB(r, r0) {
			int from = source_row(r, kd, kh, size, in, stride, pad, dilation);
			if (from < 0) continue;
			int n = r / (size.x * size.y);
			global const block *row = x + ((size_t)(n * blocks + GROUP(1)) * in.x * in.y + from) * in.z * LANES;
			global const block *of_y = dy + row_of_dy(r, size);
			for (int q = range.x; q < range.y; q++) {
				float16 v0 = load(of_y, q * LANES);
				COLUMN_OF(row, q * stride.z + kw * dilation.z - pad.z)
				SIXTEEN(MEET_S)
			}
		}
		SIXTEEN(STORE1)
	}
}

// grad_plain is for a plain x: eight sums for one channel and tap, so that they
// need not wait for each other.
KERNEL void grad_plain(global float *parts, global const float *x, global const block *dy,
	int4 size, int4 in, int4 taps, int4 stride, int4 pad, int4 dilation, int channels_in, int rows, int slab)
{
	int count_taps = taps.x * taps.y * taps.z, voxels = in.x * in.y * in.z;
	int count = min(LANES, channels_in - GROUP(1) * LANES);
	parts += (size_t)((GROUP(0) * GROUPS(2) + GROUP(2)) * GROUPS(1) + GROUP(1)) * count_taps * TILE;
	EACH_SLAB(r0) for (int k = 0; k < count_taps; k++) for (int i = 0; i < count; i++) {
		int kd = k / (taps.y * taps.z), kh = k / taps.z % taps.y, kw = k % taps.z;
		int2 range = taps_in(kw, size.z, in.z, stride.z, pad.z, dilation.z);
		global float *sums = parts + k * TILE + i * LANES;
		EIGHT(DECLARE1)
		EACH_ROW_OF_SLAB(r, r0) {
			int from = source_row(r, kd, kh, size, in, stride, pad, dilation);
			if (from < 0) continue;
			int n = r / (size.x * size.y), q = range.x;
			global const float *row = x + (size_t)(n * channels_in + GROUP(1) * LANES + i) * voxels + (size_t)from * in.z;
			row += kw * dilation.z - pad.z;
			global const block *of_y = dy + row_of_dy(r, size);
#define MEET_PLAIN(j) s##j += row[(q + j) * stride.z] * load(of_y, (q + j) * LANES);
			for (; q + 8 <= range.y; q += 8) { EIGHT(MEET_PLAIN) }
			for (; q < range.y; q++) s0 += row[q * stride.z] * load(of_y, q * LANES);
		}
		float16 sum = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
		if (!FIRST_SLAB(r0)) sum += vload16(0, sums);
		vstore16(sum, 0, sums);
	}
}
