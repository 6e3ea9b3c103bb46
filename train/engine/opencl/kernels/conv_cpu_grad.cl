// Gradients to the weights of convolutions, for CPUs:
//
//	dw[out][in][k] = sum over n, q of dy[n][out][q] x[n][in][q stride - pad + k dilation]
//
// A group has a part of the rows (n, d, h) of dy, slab rows at a time for all
// taps, so that the rows stay in the cache. It keeps its sums in parts, as
// unpack_grad reads them, and adds to them slab by slab. In registers are the
// sums of three taps along W, for 8 channels of x, or 4 voxels of one channel,
// by a vector of 16 channels of y.

#define EACH_SLAB(r0) \
	for (int r0 = (int)((long)rows * GROUP(0) / GROUPS(0)), begin_ = r0, \
		end_ = (int)((long)rows * (GROUP(0) + 1) / GROUPS(0)); r0 < end_; r0 += slab)
#define FIRST_SLAB(r0) (r0 == begin_)

// EACH_ROW_OF_SLAB is the loop over the rows n, d, h of a slab.
#define EACH_ROW_OF_SLAB(r0) \
	for (int r_ = r0, n = r_ / (size.x * size.y), d = r_ / size.y % size.x, h = r_ % size.y; r_ < min(r0 + slab, end_); \
		r_++, h + 1 < size.y ? h++ : (h = 0, d + 1 < size.x ? d++ : (d = 0, n++)))

// EACH_TAPS is the loop over threes of taps along W: kd, kh, and kw and the next.
#define EACH_TAPS \
	for (int kd = 0; kd < taps.x; kd++) for (int kh = 0; kh < taps.y; kh++) for (int kw = 0; kw < taps.z; kw += 3)

// EACH_SUM is the loop over the vectors of sums of a tap.
#define EACH_SUM(i, count) _Pragma("unroll") for (int i = 0; i < count; i++)
#define EACH_TAP(k) _Pragma("unroll") for (int k = 0; k < 3; k++)

// row_of_dy returns where a row of dy begins, of blocks of y.
static global const block *row_of_dy(global const block *dy, int n, int d, int h, int4 size) {
	return dy + ((size_t)((n * GROUPS(2) + GROUP(2)) * size.x + d) * size.y + h) * size.z * LANES;
}

// row_of_x returns which row of a sample of x, (d, h), tap (kd, kh) takes to row
// (d, h) of dy, or -1.
static int row_of_x(int d, int h, int kd, int kh, int4 in, int4 stride, int4 pad, int4 dilation) {
	d = d * stride.x - pad.x + kd * dilation.x;
	h = h * stride.y - pad.y + kh * dilation.y;
	return d < 0 || d >= in.x || h < 0 || h >= in.y ? -1 : d * in.y + h;
}

// meets returns which voxels q of a row of dy tap kw takes from a row of x: from
// .x to below .y, none for a tap that there is not.
static int2 meets(int kw, int4 size, int4 in, int4 taps, int4 stride, int4 pad, int4 dilation) {
	int off = kw * dilation.z - pad.z; // from q stride + off
	int low = off >= 0 ? 0 : (-off + stride.z - 1) / stride.z;
	int high = kw >= taps.z || off >= in.z ? 0 : min(size.z, (in.z - 1 - off) / stride.z + 1);
	return (int2)(low, max(low, high));
}

// COLUMN makes c the channels of a voxel of x. In half precision they are turned
// into floats together.
#ifdef HALF
#define COLUMN(c, x) float c[8]; vstore8(vload_half8(0, x), 0, c);
#else
#define COLUMN(c, x) global const float *c = x;
#endif

// grad_taps is for all windows: a voxel of dy, which is loaded once, meets three
// of x. Groups along axis 1 are 8 channels of x.
KERNEL void grad_taps(global float *parts, global const block *x, global const block *dy,
	int4 size, int4 in, int4 taps, int4 stride, int4 pad, int4 dilation, int channels_in, int rows, int slab)
{
	int b = GROUP(1) / 2, first = GROUP(1) % 2 * 8, blocks = (channels_in + LANES - 1) / LANES;
	long step = stride.z * LANES, apart = dilation.z * LANES;
	parts += (size_t)((GROUP(0) * GROUPS(2) + GROUP(2)) * blocks + b) * taps.x * taps.y * taps.z * TILE + first * LANES;
	EACH_SLAB(r0) EACH_TAPS {
		global float *sums = parts + ((kd * taps.y + kh) * taps.z + kw) * TILE;
		int there = min(3, taps.z - kw), low = 0, high = size.z; // all three are met from low to high
		int2 met[3];
		EACH_TAP(k) {
			met[k] = meets(kw + k, size, in, taps, stride, pad, dilation);
			low = max(low, met[k].x);
			high = min(high, met[k].y);
		}
		float16 s[3][8];
		EACH_TAP(k) EACH_SUM(i, 8) s[k][i] = FIRST_SLAB(r0) || k >= there ? (float16)0 : vload16(k * LANES + i, sums);
		EACH_ROW_OF_SLAB(r0) {
			int row = row_of_x(d, h, kd, kh, in, stride, pad, dilation);
			if (row < 0) continue;
			global const block *of_y = row_of_dy(dy, n, d, h, size);
			global const block *of_x = x + (((long)(n * blocks + b) * in.x * in.y + row) * in.z + kw * dilation.z - pad.z) * LANES + first;
			for (int q = 0; q < size.z; q++) {
				if (q == low) {
					global const block *at = of_x + q * step;
					for (; q < high; q++, at += step) {
						float16 y = load(of_y, q * LANES);
						EACH_TAP(k) {
							COLUMN(c, at + k * apart)
							EACH_SUM(i, 8) s[k][i] += c[i] * y;
						}
					}
				}
				if (q >= size.z) break;
				float16 y = load(of_y, q * LANES);
				EACH_TAP(k) {
					if (q < met[k].x || q >= met[k].y) continue;
					COLUMN(c, of_x + q * step + k * apart)
					EACH_SUM(i, 8) s[k][i] += c[i] * y;
				}
			}
		}
		EACH_TAP(k) if (k < there) EACH_SUM(i, 8) vstore16(s[k][i], k * LANES + i, sums);
	}
}

// grad_plain is for a plain x, a channel at a time, with sums of every fourth
// voxel that do not wait for each other.
KERNEL void grad_plain(global float *parts, global const float *x, global const block *dy,
	int4 size, int4 in, int4 taps, int4 stride, int4 pad, int4 dilation, int channels_in, int rows, int slab)
{
	long step = stride.z, apart = dilation.z;
	int count = min(LANES, channels_in - GROUP(1) * LANES), voxels = in.x * in.y * in.z;
	parts += (size_t)((GROUP(0) * GROUPS(2) + GROUP(2)) * GROUPS(1) + GROUP(1)) * taps.x * taps.y * taps.z * TILE;
	x += (size_t)GROUP(1) * LANES * voxels;
	EACH_SLAB(r0) EACH_TAPS for (int i = 0; i < count; i++) {
		global float *sums = parts + ((kd * taps.y + kh) * taps.z + kw) * TILE + i * LANES;
		int low = 0, high = size.z;
		int2 met[3];
		EACH_TAP(k) {
			met[k] = meets(kw + k, size, in, taps, stride, pad, dilation);
			low = max(low, met[k].x);
			high = min(high, met[k].y);
		}
		high = low + max(0, high - low) / 4 * 4;
		float16 s[3][4];
		EACH_TAP(k) EACH_SUM(j, 4) s[k][j] = 0;
		EACH_ROW_OF_SLAB(r0) {
			int row = row_of_x(d, h, kd, kh, in, stride, pad, dilation);
			if (row < 0) continue;
			global const block *of_y = row_of_dy(dy, n, d, h, size);
			global const float *of_x = x + (long)(n * channels_in + i) * voxels + row * in.z + kw * dilation.z - pad.z;
			for (int q = 0; q < size.z; q++) {
				if (q == low) {
					global const float *at = of_x + q * step;
					for (; q < high; q += 4)
						EACH_SUM(j, 4) {
							float16 y = load(of_y, (q + j) * LANES);
							EACH_TAP(k) s[k][j] += at[k * apart] * y;
							at += step;
						}
				}
				if (q >= size.z) break;
				float16 y = load(of_y, q * LANES);
				EACH_TAP(k) if (q >= met[k].x && q < met[k].y) s[k][0] += of_x[q * step + k * apart] * y;
			}
		}
		EACH_TAP(k) if (kw + k < taps.z) {
			float16 sum = (s[k][0] + s[k][1]) + (s[k][2] + s[k][3]);
			vstore16(FIRST_SLAB(r0) ? sum : sum + vload16(k * LANES, sums), k * LANES, sums);
		}
	}
}
