// Max pooling of blocked tensors. Groups are rows (d, h), blocks, samples. Sizes
// and windows are D, H, W.

// y is the largest value of its window, the first of equal ones, a NaN before
// all; tap is its place, (kd H + kh) W + kw.
KERNEL void max_pool(global block *y, global block *tap, global const block *x,
	int4 out, int4 in, int4 window, int4 stride, int4 pad)
{
	int plane = GROUP(2) * GROUPS(1) + GROUP(1);
	int d0 = GROUP(0) / out.y * stride.x - pad.x, h0 = GROUP(0) % out.y * stride.y - pad.y;
	size_t row = ((size_t)plane * out.x * out.y + GROUP(0)) * out.z * LANES;
	x += (size_t)plane * in.x * in.y * in.z * LANES;
	for (int i = ITEM; i < out.z * Q; i += L) {
		int w0 = i / Q * stride.z - pad.z, c = i % Q * V;
		vec best = -INFINITY, place = -1;
		for (int kd = max(0, -d0); kd < min(window.x, in.x - d0); kd++)
			for (int kh = max(0, -h0); kh < min(window.y, in.y - h0); kh++)
				for (int kw = max(0, -w0); kw < min(window.z, in.z - w0); kw++) {
					vec v = load(x, (((d0 + kd) * in.y + h0 + kh) * in.z + w0 + kw) * LANES + c);
					ivec better = (place < 0) | (v > best) | (isnan(v) & ~isnan(best));
					best = select(best, v, better);
					place = select(place, (vec)(float)((kd * window.y + kh) * window.z + kw), better);
				}
		store(best, y, row + i * V);
		store(place, tap, row + i * V);
	}
}

// dx is the sum of the dy of the windows whose largest value was here.
KERNEL void max_pool_grad(global block *dx, global const block *dy, global const block *tap,
	int4 out, int4 in, int4 window, int4 stride, int4 pad)
{
	int plane = GROUP(2) * GROUPS(1) + GROUP(1);
	int d = GROUP(0) / in.y + pad.x, h = GROUP(0) % in.y + pad.y;
	size_t row = ((size_t)plane * in.x * in.y + GROUP(0)) * in.z * LANES;
	dy += (size_t)plane * out.x * out.y * out.z * LANES;
	tap += (size_t)plane * out.x * out.y * out.z * LANES;
	// The windows are q, in order, with d = q stride + kd and so on.
	int first_d = max(0, (d - window.x + stride.x) / stride.x), last_d = min(out.x - 1, d / stride.x);
	int first_h = max(0, (h - window.y + stride.y) / stride.y), last_h = min(out.y - 1, h / stride.y);
	int first_w = 0, last_w = -1;
	for (int i = ITEM; i < in.z * Q; i += L) {
		int w = i / Q + pad.z, c = i % Q * V;
		while (first_w * stride.z + window.z <= w) first_w++;
		while (last_w + 1 < out.z && (last_w + 1) * stride.z <= w) last_w++;
		vec sum = 0;
		for (int qd = first_d; qd <= last_d; qd++)
			for (int qh = first_h; qh <= last_h; qh++)
				for (int qw = first_w; qw <= last_w; qw++) {
					int at = ((qd * out.y + qh) * out.z + qw) * LANES + c;
					float place = ((d - qd * stride.x) * window.y + h - qh * stride.y) * window.z + w - qw * stride.z;
					sum += select((vec)0, load(dy, at), load(tap, at) == place);
				}
		store(sum, dx, row + i * V);
	}
}
