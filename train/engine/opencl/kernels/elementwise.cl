// Kernels over the n floats of tensors of one layout, in the order in which they
// are stored.

KERNEL void fill(global T *y, float v, int n) {
	EACH(i, n) put((vec)v, y, i, n);
}

KERNEL void copy(global T *y, global const T *x, int n) {
	EACH(i, n) put(get(x, i, n), y, i, n);
}

// y = a x
KERNEL void scale(global T *y, float a, global const T *x, int n) {
	EACH(i, n) put(a * get(x, i, n), y, i, n);
}

// y = a x + b y
KERNEL void axpby(global T *y, float a, global const T *x, float b, int n) {
	EACH(i, n) put(a * get(x, i, n) + b * get(y, i, n), y, i, n);
}

KERNEL void add(global T *z, global const T *x, global const T *y, int n) {
	EACH(i, n) put(get(x, i, n) + get(y, i, n), z, i, n);
}

KERNEL void mul(global T *z, global const T *x, global const T *y, int n) {
	EACH(i, n) put(get(x, i, n) * get(y, i, n), z, i, n);
}

// x > 0 ? x : a x
KERNEL void leaky(global T *y, global const T *x, float a, int n) {
	EACH(i, n) {
		vec v = get(x, i, n);
		put(select(a * v, v, v > 0), y, i, n);
	}
}

KERNEL void leaky_grad(global T *dx, global const T *dy, global const T *x, float a, int n) {
	EACH(i, n) {
		vec d = get(dy, i, n);
		put(select(a * d, d, get(x, i, n) > 0), dx, i, n);
	}
}

// 1 / (1 + exp(-x))
KERNEL void sigmoid(global T *y, global const T *x, int n) {
	EACH(i, n) put(1 / (1 + exp(-get(x, i, n))), y, i, n);
}

// dx = dy sigmoid(x) sigmoid(-x), from x, which has more digits than what was
// kept of sigmoid(x)
KERNEL void sigmoid_grad(global T *dx, global const T *dy, global const T *x, int n) {
	EACH(i, n) {
		vec e = exp(-fabs(get(x, i, n)));
		put(get(dy, i, n) * e / ((1 + e) * (1 + e)), dx, i, n);
	}
}

// x/2 (1 + erf(x / sqrt 2))
KERNEL void gelu(global T *y, global const T *x, int n) {
	EACH(i, n) {
		vec v = get(x, i, n);
		put(0.5f * v * (1 + erf(v * M_SQRT1_2_F)), y, i, n);
	}
}

// dx = dy ((1 + erf(x / sqrt 2))/2 + x exp(-x x/2) / sqrt(2 pi))
KERNEL void gelu_grad(global T *dx, global const T *dy, global const T *x, int n) {
	EACH(i, n) {
		vec v = get(x, i, n);
		vec slope = 0.5f * (1 + erf(v * M_SQRT1_2_F)) + v * exp(-0.5f * v * v) * 0.3989422804f;
		put(get(dy, i, n) * slope, dx, i, n);
	}
}

static uvec scramble(uvec x) {
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return x ^ x >> 16;
}

// y = x / (1-p) where engine.Hash(seed, i) is at least the threshold, else 0
KERNEL void dropout(global T *y, global const T *x, float keep, uint threshold, uint seed, uint seed_high, int n) {
	EACH(i, n) {
		uvec hash = scramble(scramble(as_uvec(lanes() + i) + seed) ^ seed_high);
		put(select((vec)0, get(x, i, n) * keep, hash >= threshold), y, i, n);
	}
}
