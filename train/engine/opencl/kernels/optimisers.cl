// Steps of optimisers, of n parameters in place.

// g += decay p; v = momentum v + g; p -= lr (g + momentum v), or lr v
KERNEL void sgd(global float *p, global float *v, global const float *g, float lr, float momentum, float decay, int nesterov, int n) {
	EACH(i, n) {
		vec x = get_float(p, i, n);
		vec d = get_float(g, i, n) + decay * x;
		vec u = momentum * get_float(v, i, n) + d;
		put_float(u, v, i, n);
		put_float(x - lr * (nesterov ? d + momentum * u : u), p, i, n);
	}
}

// g += decay p, or where decoupled p -= decay p; m = beta1 m + (1-beta1) g;
// v = beta2 v + (1-beta2) g g; p -= lr m / (sqrt(v) scale + eps), lr and scale
// being corrected for the step
KERNEL void adam(global float *p, global float *m, global float *v, global const float *g,
	float lr, float scale, float beta1, float beta2, float rest1, float rest2, float eps, float decay, int decoupled, int n)
{
	EACH(i, n) {
		vec x = get_float(p, i, n), d = get_float(g, i, n);
		if (decoupled) x -= decay * x;
		else d += decay * x;
		vec a = beta1 * get_float(m, i, n) + rest1 * d;
		vec b = beta2 * get_float(v, i, n) + rest2 * d * d;
		put_float(a, m, i, n);
		put_float(b, v, i, n);
		put_float(x - lr * a / (sqrt(b) * scale + eps), p, i, n);
	}
}
