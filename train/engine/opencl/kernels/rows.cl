// Kernels over the rows of plain matrices. A group has BATCH rows, one after the
// other; its items share a row.

#define EACH_ROW(r, rows) for (int r = GROUP(0) * BATCH, last_ = min(r + BATCH, rows); r < last_; r++)
#define EACH_COLUMN(i) for (int i = ITEM * V; i < columns; i += L * V)

// inside says which of the values at i there are.
#define inside(i) ((i) + lanes() < columns)

// Two sums over a row of columns values.
static float2 row_sums(vec a, vec b, local vec *all) {
	float x = total(group_sum(a, 1, all));
	return (float2)(x, total(group_sum(b, 1, all)));
}

// y = exp(x - max) / sum
KERNEL void softmax(global float *y, global const float *x, int rows, int columns) {
	SHARED(all);
	EACH_ROW(r, rows) {
		global const float *from = x + (size_t)r * columns;
		global float *to = y + (size_t)r * columns;
		vec best = -INFINITY, sum = 0;
		EACH_COLUMN(i) best = fmax(best, select((vec)-INFINITY, get_float(from, i, columns), inside(i)));
		float top = largest(group_max(best, all));
		EACH_COLUMN(i) {
			vec e = exp(get_float(from, i, columns) - top);
			sum += select((vec)0, e, inside(i));
		}
		float whole = total(group_sum(sum, 1, all));
		EACH_COLUMN(i) put_float(exp(get_float(from, i, columns) - top) / whole, to, i, columns);
	}
}

// dx = y (dy - sum of dy y)
KERNEL void softmax_grad(global float *dx, global const float *dy, global const float *y, int rows, int columns) {
	SHARED(all);
	EACH_ROW(r, rows) {
		size_t row = (size_t)r * columns;
		vec sum = 0;
		EACH_COLUMN(i) sum += get_float(dy + row, i, columns) * get_float(y + row, i, columns);
		float dot = total(group_sum(sum, 1, all));
		EACH_COLUMN(i) put_float(get_float(y + row, i, columns) * (get_float(dy + row, i, columns) - dot), dx + row, i, columns);
	}
}

// y = gamma (x - mean) rstd + beta, rstd = 1/sqrt(sum of squares / divisor + eps);
// gamma and beta nil for 1 and 0. stats are mean and rstd.
KERNEL void normalise_rows(global float *y, global float *stats, global const float *x, global const float *gamma,
	global const float *beta, int rows, int columns, float divisor, float eps)
{
	SHARED(all);
	EACH_ROW(r, rows) {
		size_t row = (size_t)r * columns;
		vec sum = 0, squares = 0;
		EACH_COLUMN(i) sum += get_float(x + row, i, columns);
		float mean = total(group_sum(sum, 1, all)) / columns;
		EACH_COLUMN(i) {
			vec d = get_float(x + row, i, columns) - mean;
			squares += select((vec)0, d * d, inside(i));
		}
		float rstd = 1 / sqrt(total(group_sum(squares, 1, all)) / divisor + eps);
		EACH_COLUMN(i) {
			vec z = (get_float(x + row, i, columns) - mean) * rstd;
			if (gamma) z = z * get_float(gamma, i, columns) + get_float(beta, i, columns);
			put_float(z, y + row, i, columns);
		}
		if (ITEM == 0) {
			stats[2 * r] = mean;
			stats[2 * r + 1] = rstd;
		}
	}
}

// With d = gamma dy and h = (x - mean) rstd: dx = rstd (d - mean of d - h mean of d h)
KERNEL void layer_norm_grad(global float *dx, global const float *dy, global const float *x, global const float *stats,
	global const float *gamma, int rows, int columns)
{
	SHARED(all);
	EACH_ROW(r, rows) {
		size_t row = (size_t)r * columns;
		float mean = stats[2 * r], rstd = stats[2 * r + 1];
		vec sum = 0, dot = 0;
		EACH_COLUMN(i) {
			vec d = get_float(dy + row, i, columns) * get_float(gamma, i, columns);
			sum += d;
			dot += d * (get_float(x + row, i, columns) - mean) * rstd;
		}
		float2 means = row_sums(sum, dot, all) / columns;
		EACH_COLUMN(i) {
			vec d = get_float(dy + row, i, columns) * get_float(gamma, i, columns);
			vec h = (get_float(x + row, i, columns) - mean) * rstd;
			put_float(rstd * (d - means.x - h * means.y), dx + row, i, columns);
		}
	}
}

// dgamma = sum over rows of dy h, dbeta = sum of dy. Groups are vectors of
// columns for each item.
KERNEL void layer_norm_params(global float *dgamma, global float *dbeta, global const float *dy, global const float *x,
	global const float *stats, int rows, int columns)
{
	int i = (GROUP(0) * L + ITEM) * V;
	if (i >= columns) return;
	vec sum = 0, dot = 0;
	for (int r = 0; r < rows; r++) {
		vec d = get_float(dy + (size_t)r * columns, i, columns);
		sum += d;
		dot += d * (get_float(x + (size_t)r * columns, i, columns) - stats[2 * r]) * stats[2 * r + 1];
	}
	put_float(dot, dgamma, i, columns);
	put_float(sum, dbeta, i, columns);
}

// dw = rstd (dy - mean of dy - y sum of dy y / (K-1))
KERNEL void standardise_grad(global float *dw, global const float *dy, global const float *y, global const float *stats,
	int rows, int columns)
{
	SHARED(all);
	EACH_ROW(r, rows) {
		size_t row = (size_t)r * columns;
		vec sum = 0, dot = 0;
		EACH_COLUMN(i) {
			vec d = get_float(dy + row, i, columns);
			sum += d;
			dot += d * get_float(y + row, i, columns);
		}
		float2 sums = row_sums(sum, dot, all);
		EACH_COLUMN(i) {
			vec z = get_float(y + row, i, columns) * (sums.y / (columns - 1));
			put_float(stats[2 * r + 1] * (get_float(dy + row, i, columns) - sums.x / columns - z), dw + row, i, columns);
		}
	}
}

// s[part][j] = sum over the rows i of a part, per of them, of x[i][j]. Groups
// are vectors of columns for each item, parts.
KERNEL void sum_rows(global float *s, global const float *x, int rows, int columns, int per) {
	int j = (GROUP(0) * L + ITEM) * V;
	if (j >= columns) return;
	vec sum = 0;
	for (int i = GROUP(1) * per; i < min(rows, (GROUP(1) + 1) * per); i++) sum += get_float(x + (size_t)i * columns, j, columns);
	put_float(sum, s + (size_t)GROUP(1) * columns, j, columns);
}
