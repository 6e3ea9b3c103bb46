// Losses, of plain tensors. EACH_ROW and EACH_COLUMN are of rows.cl.

// loss = -sum of t log softmax(x),   dx = scale (softmax(x) sum(t) - t); where t
// is 0 it counts nothing, and a row of zeros has no gradient.
KERNEL void cross_entropy(global float *loss, global float *dx, global const float *x, global const float *t,
	float scale, int rows, int columns)
{
	SHARED(all);
	EACH_ROW(r, rows) {
		size_t row = (size_t)r * columns;
		vec best = -INFINITY, sum = 0, whole = 0, cost = 0;
		EACH_COLUMN(i) best = fmax(best, select((vec)-INFINITY, get_float(x + row, i, columns), inside(i)));
		float top = largest(group_max(best, all));
		EACH_COLUMN(i) sum += select((vec)0, exp(get_float(x + row, i, columns) - top), inside(i));
		float e = total(group_sum(sum, 1, all)), log_e = log(e);
		EACH_COLUMN(i) {
			vec p = get_float(t + row, i, columns);
			whole += p;
			cost += select((vec)0, p * (log_e - (get_float(x + row, i, columns) - top)), p != 0);
		}
		float2 sums = row_sums(whole, cost, all);
		EACH_COLUMN(i) {
			vec g = exp(get_float(x + row, i, columns) - top) / e * sums.x - get_float(t + row, i, columns);
			put_float(sums.x == 0 ? (vec)0 : scale * g, dx + row, i, columns);
		}
		if (ITEM == 0) loss[r] = sums.y;
	}
}

// regions writes four sums over a slice of the voxels of a channel, with
// p = sigmoid(x): p t, p, t, max(x,0) - x t + log(1 + exp(-|x|)). Groups are
// slices, channels of samples.
KERNEL void regions(global float *part, global const float *x, global const float *t, int voxels) {
	SHARED(all);
	size_t plane = (size_t)GROUP(1) * voxels;
	int start = GROUP(0) * SLICE * LANES, stop = min(start + SLICE * LANES, voxels);
	vec both = 0, of_p = 0, of_t = 0, cost = 0;
	EACH_STRETCH(i0, start, stop) {
		vec both_ = 0, of_p_ = 0, of_t_ = 0, cost_ = 0;
		EACH_OF_STRETCH(i, i0) {
			vec a = get_float(x + plane, i, voxels), b = get_float(t + plane, i, voxels);
			ivec here = i + lanes() < voxels;
			vec e = exp(-fabs(a));
			vec p = select(e, (vec)1, a > 0) / (1 + e);
			both_ += p * b;
			of_p_ += select((vec)0, p, here);
			of_t_ += b;
			cost_ += select((vec)0, select((vec)0, a, a > 0) - a * b + log(1 + e), here);
		}
		both += both_;
		of_p += of_p_;
		of_t += of_t_;
		cost += cost_;
	}
	float4 sums = (float4)(total(group_sum(both, 1, all)), total(group_sum(of_p, 1, all)),
		total(group_sum(of_t, 1, all)), total(group_sum(cost, 1, all)));
	if (ITEM == 0) vstore4(sums, GROUP(1) * GROUPS(0) + GROUP(0), part);
}

// region_sums adds the sums of slices. Groups are channels of samples.
KERNEL void region_sums(global float *sums, global const float *part, int slices) {
	if (ITEM > 0) return;
	float4 sum = 0;
	for (int s = 0; s < slices; s++) sum += vload4(GROUP(0) * slices + s, part);
	vstore4(sum, GROUP(0), sums);
}

// dx = (coef0 t + coef1) p (1-p) + coef2 (p - t). Groups are chunks, channels of
// samples.
KERNEL void regions_grad(global float *dx, global const float *x, global const float *t, global const float *coef, int voxels) {
	size_t plane = (size_t)GROUP(1) * voxels;
	float3 c = vload3(GROUP(1), coef);
	EACH(i, voxels) {
		vec a = get_float(x + plane, i, voxels), b = get_float(t + plane, i, voxels);
		vec e = exp(-fabs(a));
		vec p = select(e, (vec)1, a > 0) / (1 + e);
		put_float((c.x * b + c.y) * (e / ((1 + e) * (1 + e))) + c.z * (p - b), dx + plane, i, voxels);
	}
}
