// Products of matrices, for CPUs: 8 rows of c by 16 columns stay in registers.

// pack_matrix writes op(b), of inner rows, as [block of 16 columns][row][16],
// zeros beyond the last column. Elements are row_step and column_step apart in
// b, one of which is 1. Groups are blocks, matrices.
KERNEL void pack_matrix(global float *packed, global const float *b, int inner, int columns, int row_step, int column_step) {
	b += (size_t)GROUP(1) * inner * columns;
	packed += (size_t)(GROUP(1) * GROUPS(0) + GROUP(0)) * inner * LANES;
	int first = GROUP(0) * LANES, count = min(LANES, columns - first), k = 0;
	if (column_step == 1)
		for (; k < inner; k++) vstore16(get_float(b + (size_t)k * row_step, first, columns), k, packed);
	for (; k + LANES <= inner; k += LANES) {
		float16 x[LANES];
		_Pragma("unroll") for (int j = 0; j < LANES; j++) x[j] = j < count ? vload16(0, b + k + (size_t)(first + j) * column_step) : (float16)0;
		transpose(x);
		_Pragma("unroll") for (int i = 0; i < LANES; i++) vstore16(x[i], k + i, packed);
	}
	for (; k < inner; k++)
		for (int j = 0; j < LANES; j++) packed[k * LANES + j] = j < count ? b[k + (size_t)(first + j) * column_step] : 0;
}

#define EIGHT_ROWS(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7)
#define ZERO(i) float16 s##i = 0;
#define TIMES(i) s##i += at[i][(size_t)k * column_step] * v;
#define RESULT(i) if (i < left) put_float(alpha * s##i + add, c + (size_t)(row + i) * columns, first, columns);

// c = alpha op(a) b + bias. Elements of op(a) are row_step and column_step
// apart. Groups are blocks of columns, eights of rows, matrices.
KERNEL void matmul(global float *c, global const float *a, global const float *packed, global const float *bias,
	int rows, int inner, int columns, int row_step, int column_step, float alpha)
{
	int first = GROUP(0) * LANES, row = GROUP(1) * 8, left = rows - row;
	a += (size_t)GROUP(2) * rows * inner;
	c += (size_t)GROUP(2) * rows * columns;
	packed += (size_t)(GROUP(2) * GROUPS(0) + GROUP(0)) * inner * LANES;
	float16 add = bias ? get_float(bias, first, columns) : (float16)0;
	global const float *at[8]; // rows beyond the last are the last
	for (int i = 0; i < 8; i++) at[i] = a + (size_t)(row + min(i, left - 1)) * row_step;
	EIGHT_ROWS(ZERO)
	for (int k = 0; k < inner; k++) {
		float16 v = vload16(k, packed);
		EIGHT_ROWS(TIMES)
	}
	EIGHT_ROWS(RESULT)
}
