// Products of matrices, for GPUs: a group computes 32 x 32 values from strips of
// 16 in local memory, an item 2 rows by 4 columns.

#define SIDE 32
#define DEPTH 16

// c = alpha op(a) op(b) + bias. Elements of op(a) and op(b) are rows and columns
// apart by their steps. Groups are tiles of columns, of rows, matrices.
KERNEL void matmul(global float *c, global const float *a, global const float *b, global const float *bias,
	int rows, int inner, int columns, int a_row, int a_column, int b_row, int b_column, float alpha)
{
	local float as[DEPTH][SIDE + 1], bs[DEPTH][SIDE];
	int left = GROUP(0) * SIDE, top = GROUP(1) * SIDE;
	int i0 = ITEM / 8 * 2, j0 = ITEM % 8 * 4;
	a += (size_t)GROUP(2) * rows * inner;
	b += (size_t)GROUP(2) * inner * columns;
	c += (size_t)GROUP(2) * rows * columns;
	float4 s0 = 0, s1 = 0;
	for (int k0 = 0; k0 < inner; k0 += DEPTH) {
		for (int e = ITEM; e < DEPTH * SIDE; e += L) {
			// Neighbours in memory go to neighbouring items.
			int k = a_column == 1 ? e % DEPTH : e / SIDE, i = a_column == 1 ? e / DEPTH : e % SIDE;
			as[k][i] = k0 + k < inner && top + i < rows ? a[(size_t)(top + i) * a_row + (size_t)(k0 + k) * a_column] : 0;
			int l = b_row == 1 ? e % DEPTH : e / SIDE, j = b_row == 1 ? e / DEPTH : e % SIDE;
			bs[l][j] = k0 + l < inner && left + j < columns ? b[(size_t)(k0 + l) * b_row + (size_t)(left + j) * b_column] : 0;
		}
		barrier(CLK_LOCAL_MEM_FENCE);
		for (int k = 0; k < min(DEPTH, inner - k0); k++) {
			float4 v = vload4(0, &bs[k][j0]);
			s0 += as[k][i0] * v;
			s1 += as[k][i0 + 1] * v;
		}
		barrier(CLK_LOCAL_MEM_FENCE);
	}
	int j = left + j0;
	if (j >= columns) return;
	float4 add = bias ? get_float(bias, j, columns) : (float4)0;
	if (top + i0 < rows) put_float(alpha * s0 + add, c + (size_t)(top + i0) * columns, j, columns);
	if (top + i0 + 1 < rows) put_float(alpha * s1 + add, c + (size_t)(top + i0 + 1) * columns, j, columns);
}
