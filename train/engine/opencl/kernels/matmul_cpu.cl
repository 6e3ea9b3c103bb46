// Products of matrices, for CPUs: 8 rows of c by 16 columns stay in registers.

#define DEPTH 256 // rows of op(b) that a group has in order at once
#define HEIGHT 64 // rows of c of a group, as in rows.go

// in_order writes 16 columns of count rows of op(b) next to each other, zeros
// beyond the last column. Elements are row_step and column_step apart in b, one of
// which is 1.
static void in_order(float16 *ordered, global const float *b, int count, int columns, int row_step, int column_step) {
	int k = 0;
	if (column_step == 1)
		for (; k < count; k++) ordered[k] = get_float(b + (size_t)k * row_step, 0, columns);
	for (; k + LANES <= count; k += LANES) {
		float16 x[LANES];
		_Pragma("unroll") for (int j = 0; j < LANES; j++) x[j] = j < columns ? vload16(0, b + k + (size_t)j * column_step) : (float16)0;
		transpose(x);
		_Pragma("unroll") for (int i = 0; i < LANES; i++) ordered[k + i] = x[i];
	}
	for (; k < count; k++) {
		float x[LANES];
		for (int j = 0; j < LANES; j++) x[j] = j < columns ? b[k + (size_t)j * column_step] : 0;
		ordered[k] = vload16(0, x);
	}
}

#define EIGHT_ROWS(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7)
#define BEGIN(i) float16 s##i = k0 == 0 || i >= left ? (float16)0 : get_float(c + (size_t)(row + i) * columns, first, columns);
#define TIMES(i) s##i += at[i][(size_t)k * column_step] * v;
#define RESULT(i) if (i < left) put_float(done ? alpha * s##i + add : s##i, c + (size_t)(row + i) * columns, first, columns);

// c = alpha op(a) op(b) + bias. Elements of op(a) are row_step and column_step
// apart. Groups are blocks of columns, rows by HEIGHT, matrices.
KERNEL void matmul(global float *c, global const float *a, global const float *b, global const float *bias,
	int rows, int inner, int columns, int row_step, int column_step, int b_row_step, int b_column_step, float alpha)
{
	int first = GROUP(0) * LANES;
	a += (size_t)GROUP(2) * rows * inner;
	b += (size_t)GROUP(2) * inner * columns + (size_t)first * b_column_step;
	c += (size_t)GROUP(2) * rows * columns;
	float16 add = bias ? get_float(bias, first, columns) : (float16)0;
	float16 ordered[DEPTH];
	for (int k0 = 0; k0 < inner; k0 += DEPTH) {
		int count = min(DEPTH, inner - k0), done = k0 + DEPTH >= inner;
		in_order(ordered, b + (size_t)k0 * b_row_step, count, columns - first, b_row_step, b_column_step);
		for (int row = GROUP(1) * HEIGHT; row < min((GROUP(1) + 1) * HEIGHT, rows); row += 8) {
			int left = rows - row;
			global const float *at[8]; // rows beyond the last are the last
			for (int i = 0; i < 8; i++) at[i] = a + (size_t)(row + min(i, left - 1)) * row_step + (size_t)k0 * column_step;
			EIGHT_ROWS(BEGIN)
			for (int k = 0; k < count; k++) {
				float16 v = ordered[k];
				EIGHT_ROWS(TIMES)
			}
			EIGHT_ROWS(RESULT)
		}
	}
}
