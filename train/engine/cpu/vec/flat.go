package vec

// Scale writes y = a x.
func (u Unit) Scale(y []float32, a float32, x []float32) {
	fit(len(y), len(x))
	if len(y) == 0 {
		return
	}
	k := args{p: [6]*float32{&y[0], &x[0]}}
	k.c[0] = all(a)
	u.flat(scale, &k, len(y))
}

// Shift writes y = a (x - b).
func (u Unit) Shift(y []float32, a float32, x []float32, b float32) {
	fit(len(y), len(x))
	if len(y) == 0 {
		return
	}
	k := args{p: [6]*float32{&y[0], &x[0]}}
	k.c[0], k.c[1] = all(a), all(b)
	u.flat(shift, &k, len(y))
}

// Axpby writes y = a x + b y.
func (u Unit) Axpby(y []float32, a float32, x []float32, b float32) {
	fit(len(y), len(x))
	if len(y) == 0 {
		return
	}
	k := args{p: [6]*float32{&y[0], &x[0]}}
	k.c[0], k.c[1] = all(a), all(b)
	u.flat(axpby, &k, len(y))
}

// Blend writes z = a x + b y.
func (u Unit) Blend(z []float32, a float32, x []float32, b float32, y []float32) {
	k := args{}
	k.c[0], k.c[1] = all(a), all(b)
	u.binary(blend, &k, z, x, y)
}

// Add writes z = x + y.
func (u Unit) Add(z, x, y []float32) { u.binary(add, &args{}, z, x, y) }

// Mul writes z = x y.
func (u Unit) Mul(z, x, y []float32) { u.binary(mul, &args{}, z, x, y) }

func (u Unit) binary(l kernel, k *args, z, x, y []float32) {
	fit(len(z), len(x), len(y))
	if len(z) == 0 {
		return
	}
	k.p = [6]*float32{&z[0], &x[0], &y[0]}
	u.flat(l, k, len(z))
}

// Leaky writes y = x where x > 0, else slope x.
func (u Unit) Leaky(y, x []float32, slope float32) {
	fit(len(y), len(x))
	if len(y) == 0 {
		return
	}
	k := args{p: [6]*float32{&y[0], &x[0]}}
	k.c[0] = all(slope)
	u.flat(leaky, &k, len(y))
}

// LeakyGrad writes dx = dy where x > 0, else slope dy.
func (u Unit) LeakyGrad(dx, dy, x []float32, slope float32) {
	k := args{}
	k.c[0] = all(slope)
	u.binary(leakyGrad, &k, dx, dy, x)
}

// Sigmoid writes y = 1 / (1 + exp(-x)).
func (u Unit) Sigmoid(y, x []float32) {
	fit(len(y), len(x))
	if len(y) == 0 {
		return
	}
	u.flat(sigmoid, &args{p: [6]*float32{&y[0], &x[0]}}, len(y))
}

// SigmoidGrad writes dx = dy y (1 - y).
func (u Unit) SigmoidGrad(dx, dy, y []float32) { u.binary(sigmoidGrad, &args{}, dx, dy, y) }

// Counter returns 0, 1, 2, ... as Dropout wants it, the bits of integers.
func Counter() *[Most * Lanes]uint32 {
	c := new([Most * Lanes]uint32)
	for i := range c {
		c[i] = uint32(i)
	}
	return c
}

// Dropout writes y = scale x where the hash of seed and first + i is at least
// the threshold, else 0. counter is from [Counter].
func (u Unit) Dropout(y, x []float32, counter *[Most * Lanes]uint32, first uint32, seed uint64, threshold uint32, scale float32) {
	fit(len(y), len(x))
	var k args
	k.c[0], k.c[2], k.c[3] = all(scale), all(bits(uint32(seed>>32))), all(bits(threshold))
	for i := 0; i < len(y); i += len(counter) {
		k.p = [6]*float32{&y[i], &x[i], word(&counter[0])}
		k.c[1] = all(bits(first + uint32(i) + uint32(seed)))
		u.flat(dropout, &k, min(len(counter), len(y)-i))
	}
}

// SGD is a step of gradient descent: g += decay p; v = momentum v + g; then
// p -= lr (g + momentum v) with nesterov, else p -= lr v.
func (u Unit) SGD(p, v, g []float32, lr, momentum, decay float32, nesterov bool) {
	k := args{}
	k.c[0], k.c[1], k.c[2] = all(decay), all(momentum), all(-lr)
	l := sgd
	if nesterov {
		l = nesterovStep
	}
	u.binary(l, &k, p, v, g)
}

// AdamStep are the parameters of a step of Adam: g += Decay p, or p = Shrink p
// where Decoupled; m = Beta1 m + (1-Beta1) g; v = Beta2 v + (1-Beta2) g g;
// p -= LR m / (sqrt(v) Scale + Eps).
type AdamStep struct {
	Decay, Shrink, Beta1, Beta2, Scale, Eps, LR float32
	Decoupled                                   bool
}

// Adam does a step.
func (u Unit) Adam(p, m, v, g []float32, o AdamStep) {
	fit(len(p), len(m), len(v), len(g))
	if len(p) == 0 {
		return
	}
	k := args{p: [6]*float32{&p[0], &m[0], &v[0], &g[0]}}
	l := adam
	if o.Decoupled {
		l = adamW
	} else {
		o.Shrink = 1
	}
	for i, c := range [...]float32{o.Decay, o.Shrink, o.Beta1, 1 - o.Beta1, o.Beta2, 1 - o.Beta2, o.Scale, o.Eps, o.LR} {
		k.c[i] = all(c)
	}
	u.flat(l, &k, len(p))
}

// RegionsGrad writes dx = (a t + b) p (1-p) + c (p - t) with p = sigmoid(x).
func (u Unit) RegionsGrad(dx, x, t []float32, a, b, c float32) {
	k := args{}
	k.c[0], k.c[1], k.c[2] = all(a), all(b), all(c)
	u.binary(regionsGrad, &k, dx, x, t)
}

// Toward adds the gradient of c |x - y|^p to x, p being 1 or 2, to d: c sign(x -
// y), or 2 c (x - y).
func (u Unit) Toward(d, x, y []float32, c float32, p int) {
	k := args{}
	if p == 2 {
		k.c[0] = all(2 * c)
		u.binary(toward2, &k, d, x, y)
		return
	}
	k.c[0], k.c[1] = all(c), all(-c)
	u.binary(toward1, &k, d, x, y)
}

// Exp writes y = exp(x - top) and returns the sum, of at most Most vectors.
func (u Unit) Exp(y, x []float32, top float32) float64 {
	fit(len(y), len(x))
	if len(y) == 0 {
		return 0
	}
	k := args{p: [6]*float32{&y[0], &x[0]}}
	k.c[0] = all(top)
	u.flat(expRow, &k, len(y))
	return total(&k.sum[0])
}

// Regions returns, with p = sigmoid(x), the sums of p t, p, t and max(x,0) - x t
// + log(1 + exp(-|x|)).
func (u Unit) Regions(x, t []float32) (s [4]float64) {
	fit(len(x), len(t))
	var k args
	for i := 0; i < len(x); i += Most * Lanes {
		k.p[0], k.p[1] = &x[i], &t[i]
		u.flat(regions, &k, min(Most*Lanes, len(x)-i))
		for j := range s {
			s[j] += total(&k.sum[j])
		}
	}
	return s
}

// Total returns the sum of x.
func (u Unit) Total(x []float32) float64 {
	s := 0.0
	var k args
	for i := 0; i < len(x); i += Most * Lanes {
		k.p[0] = &x[i]
		u.flat(totals, &k, min(Most*Lanes, len(x)-i))
		s += total(&k.sum[0])
	}
	return s
}

// Squares returns the sum of (x - mean)^2.
func (u Unit) Squares(x []float32, mean float32) float64 {
	s := 0.0
	var k args
	k.c[0] = all(mean)
	for i := 0; i < len(x); i += Most * Lanes {
		k.p[0] = &x[i]
		u.flat(deviations, &k, min(Most*Lanes, len(x)-i))
		s += total(&k.sum[1])
	}
	return s
}

// Dot returns the sum of x y.
func (u Unit) Dot(x, y []float32) float64 { return u.pairs(dot, x, y, Lanes) }

// Apart returns the sum of |x - y|^p, p being 1 or 2.
func (u Unit) Apart(x, y []float32, p int) float64 { return u.pairs(apart(p), x, y, Lanes) }

func apart(p int) kernel {
	if p == 1 {
		return apart1
	}
	return apart2
}

// LaneDot is Dot of the first lanes of each vector.
func (u Unit) LaneDot(x, y []float32, lanes int) float64 { return u.pairs(dot, x, y, lanes) }

// LaneApart is Apart of the first lanes of each vector.
func (u Unit) LaneApart(x, y []float32, p, lanes int) float64 { return u.pairs(apart(p), x, y, lanes) }

func (u Unit) pairs(l kernel, x, y []float32, lanes int) float64 {
	fit(len(x), len(y))
	s := 0.0
	var k args
	for i := 0; i < len(x); i += Most * Lanes {
		k.p[0], k.p[1] = &x[i], &y[i]
		u.flat(l, &k, min(Most*Lanes, len(x)-i))
		for _, v := range k.sum[0][:lanes] {
			s += float64(v)
		}
	}
	return s
}
