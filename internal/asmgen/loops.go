package main

import (
	"math"
	"slices"
)

// f is a number in the code.
func (v *vector) f(name string, x float64) value {
	return v.bits(name, math.Float32bits(float32(x)))
}

func (v *vector) bits(name string, x uint32) value {
	v.lits.add(name, x)
	return value{kind: 'l', mem: "·" + name + "<>(SB)"}
}

// exp is within 2 units in the last place of exp(x): with n = x / ln 2 rounded
// and r = x - n ln 2, it is 2^n times a polynomial of degree 6, that of the
// minimax fit of exp on -ln(2)/2..ln(2)/2. Beyond the range of float32 it is 0
// and 2^127 or so; NaN stays NaN.
func (v *vector) exp(x value) value {
	x = v.inReg(x)
	low := v.f("expLow", -87.3365)
	in := v.max(low, v.min(v.f("expHigh", 88), x))
	n := v.round(v.mul(in, v.f("log2e", math.Log2E)))
	r := v.fnma(n, v.f("ln2High", 0.693359375), in)
	r = v.fnma(n, v.f("ln2Low", -2.12194440e-4), r)
	p := v.f("exp6", 1.9875691500e-4)
	for i, c := range []float64{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		p = v.fma(p, r, v.f([]string{"exp5", "exp4", "exp3", "exp2", "exp1"}[i], c))
	}
	p = v.add(v.fma(v.mul(r, r), p, r), v.f("one", 1))
	p = v.addInt(v.left(v.toInt(n), 23), p)
	// NaN compares as not below.
	return v.keepUnless(v.lt(x, low), p)
}

func (v *vector) keepUnless(m, x value) value {
	if v.wide {
		return v.sel(m, v.zero(), x)
	}
	return v.emit("VANDNPS", x, m)
}

func (v *vector) zero() value { return v.f("zero", 0) }

// sigmoid is 1 / (1 + exp(-x)).
func (v *vector) sigmoid(x value) value {
	one := v.f("one", 1)
	return v.div(v.inReg(one), v.add(v.exp(v.xor(x, v.bits("sign", 1<<31))), one))
}

// softplus is log(1 + exp(-|x|)). With s = e / (2 + e) <= 1/3 it is 2 atanh(s),
// of which the series is summed to s^15: the rest is below 1e-9.
func (v *vector) softplus(x value) value {
	e := v.exp(v.emitOr(x))
	s := v.div(e, v.add(e, v.f("two", 2)))
	q := v.mul(s, s)
	p := v.f("atanh15", 2./15)
	for i := 13; i >= 3; i -= 2 {
		p = v.fma(p, q, v.f("atanh"+[]string{"3", "5", "7", "9", "11", "13"}[(i-3)/2], 2/float64(i)))
	}
	return v.mul(v.fma(p, q, v.f("two", 2)), s)
}

// emitOr is -|x|.
func (v *vector) emitOr(x value) value {
	return v.emit(v.by("VPORD", "VPOR"), v.bits("sign", 1<<31), v.inReg(x))
}

// leaky is x where gate > 0, else slope x.
func (v *vector) leaky(gate, x, slope value) value {
	return v.sel(v.gt(gate, v.zero()), x, v.mul(x, slope))
}

// mix is engine's bijection of 32 bits.
func (v *vector) mix(x value) value {
	x = v.xor(v.right(x, 16), x)
	x = v.mulInt(x, v.bits("mix1", 0x7feb352d))
	x = v.xor(v.right(x, 15), x)
	x = v.mulInt(x, v.bits("mix2", 0x846ca68b))
	return v.xor(v.right(x, 16), x)
}

// loops are the kernels of package vec; their twins say what they compute.
func loops() []loop {
	return slices.Concat(elementwise(), optimisers(), sums(), distances(), norms())
}

func elementwise() []loop {
	return []loop{
		{name: "scale", reads: []string{"y", "x"}, writes: 1, unroll: 2, body: func(v *vector) {
			v.store(0, v.mul(v.load(1), v.c(0)))
		}},
		{name: "shift", reads: []string{"y", "x"}, writes: 1, unroll: 2, body: func(v *vector) {
			v.store(0, v.mul(v.sub(v.load(1), v.c(1)), v.c(0)))
		}},
		{name: "axpby", reads: []string{"y", "x"}, writes: 1, unroll: 2, body: func(v *vector) {
			v.store(0, v.fma(v.load(1), v.c(0), v.mul(v.load(0), v.c(1))))
		}},
		{name: "blend", reads: []string{"z", "x", "y"}, writes: 1, unroll: 2, body: func(v *vector) {
			v.store(0, v.fma(v.load(1), v.c(0), v.mul(v.load(2), v.c(1))))
		}},
		{name: "add", reads: []string{"z", "x", "y"}, writes: 1, unroll: 2, body: func(v *vector) {
			v.store(0, v.add(v.load(1), v.mem(2)))
		}},
		{name: "mul", reads: []string{"z", "x", "y"}, writes: 1, unroll: 2, body: func(v *vector) {
			v.store(0, v.mul(v.load(1), v.mem(2)))
		}},
		{name: "leaky", reads: []string{"y", "x"}, writes: 1, unroll: 2, body: func(v *vector) {
			x := v.load(1)
			v.store(0, v.leaky(x, x, v.c(0)))
		}},
		{name: "leakyGrad", reads: []string{"dx", "dy", "x"}, writes: 1, unroll: 2, body: func(v *vector) {
			v.store(0, v.leaky(v.load(2), v.load(1), v.c(0)))
		}},
		{name: "sigmoid", reads: []string{"y", "x"}, writes: 1, body: func(v *vector) {
			v.store(0, v.sigmoid(v.load(1)))
		}},
		{name: "sigmoidGrad", reads: []string{"dx", "dy", "y"}, writes: 1, unroll: 2, body: func(v *vector) {
			y := v.load(2)
			v.store(0, v.mul(v.mul(v.sub(v.inReg(v.f("one", 1)), y), y), v.mem(1)))
		}},
		{name: "dropout", reads: []string{"y", "x", "counter"}, writes: 1, body: func(v *vector) {
			h := v.addInt(v.load(2), v.c(1))
			h = v.mix(v.xor(v.mix(h), v.c(2)))
			v.store(0, v.keep(v.atLeast(h, v.c(3)), v.mul(v.load(1), v.c(0))))
		}},
		{name: "regionsGrad", reads: []string{"dx", "x", "t"}, writes: 1, body: func(v *vector) {
			p, t := v.sigmoid(v.load(1)), v.load(2)
			q := v.mul(v.fma(t, v.c(0), v.c(1)), v.mul(p, v.sub(v.inReg(v.f("one", 1)), p)))
			v.store(0, v.fma(v.sub(p, t), v.c(2), q))
		}},
	}
}

func optimisers() []loop {
	return []loop{
		{name: "sgd", reads: []string{"p", "v", "g"}, writes: 2, body: func(v *vector) {
			p, speed, _ := v.momentum()
			v.store(0, v.fma(speed, v.c(2), p))
		}},
		{name: "nesterovStep", reads: []string{"p", "v", "g"}, writes: 2, body: func(v *vector) {
			p, speed, g := v.momentum()
			v.store(0, v.fma(v.fma(speed, v.c(1), g), v.c(2), p))
		}},
		{name: "adam", reads: []string{"p", "m", "v", "g"}, writes: 3, body: func(v *vector) {
			p := v.load(0)
			v.adam(v.mul(p, v.c(1)), v.fma(p, v.c(0), v.load(3)))
		}},
		{name: "adamW", reads: []string{"p", "m", "v", "g"}, writes: 3, body: func(v *vector) {
			v.adam(v.mul(v.load(0), v.c(1)), v.load(3))
		}},
	}
}

func sums() []loop {
	return []loop{
		{name: "regions", reads: []string{"x", "t"}, sums: 4, body: func(v *vector) {
			x, t := v.load(0), v.load(1)
			p := v.sigmoid(x)
			v.sumOf(0, p, t)
			v.sum(1, p)
			v.sum(2, t)
			// max returns its second where one is NaN.
			v.sum(3, v.add(v.fnma(x, t, v.max(v.zero(), x)), v.softplus(x)))
		}},
		{name: "expRow", reads: []string{"y", "x"}, writes: 1, sums: 1, body: func(v *vector) {
			e := v.exp(v.sub(v.load(1), v.c(0)))
			v.store(0, e)
			v.sum(0, e)
		}},
		{name: "totals", reads: []string{"x"}, sums: 1, unroll: 4, body: func(v *vector) {
			v.sum(0, v.mem(0))
		}},
		{name: "deviations", reads: []string{"x"}, sums: 2, unroll: 4, body: func(v *vector) {
			d := v.sub(v.load(0), v.c(0))
			v.sum(0, d)
			v.sumOf(1, d, d)
		}},
		{name: "dot", reads: []string{"x", "y"}, sums: 1, unroll: 4, body: func(v *vector) {
			v.sumOf(0, v.load(0), v.mem(1))
		}},
	}
}

func distances() []loop {
	return []loop{
		{name: "apart1", reads: []string{"x", "y"}, sums: 1, unroll: 4, body: func(v *vector) {
			v.sum(0, v.and(v.sub(v.load(0), v.mem(1)), v.bits("magnitude", 1<<31-1)))
		}},
		{name: "apart2", reads: []string{"x", "y"}, sums: 1, unroll: 4, body: func(v *vector) {
			d := v.sub(v.load(0), v.mem(1))
			v.sumOf(0, d, d)
		}},
		{name: "toward1", reads: []string{"d", "x", "y"}, writes: 1, body: func(v *vector) {
			t := v.sub(v.load(1), v.mem(2))
			zero := v.zero()
			s := v.sel(v.gt(t, zero), v.c(0), v.mul(t, v.c(0))) // 0 stays 0, NaN NaN
			s = v.sel(v.lt(t, zero), v.c(1), s)
			v.store(0, v.add(s, v.mem(0)))
		}},
		{name: "toward2", reads: []string{"d", "x", "y"}, writes: 1, body: func(v *vector) {
			v.store(0, v.fma(v.sub(v.load(1), v.mem(2)), v.c(0), v.load(0)))
		}},
	}
}

func norms() []loop {
	return []loop{
		{name: "norm", reads: []string{"y", "x"}, writes: 1, unroll: 2, body: func(v *vector) {
			z := v.fma(v.sub(v.load(1), v.c(3)), v.c(0), v.c(1))
			v.store(0, v.leaky(z, z, v.c(2)))
		}},
		{name: "normAdd", reads: []string{"y", "x", "res"}, writes: 1, unroll: 2, body: func(v *vector) {
			z := v.add(v.fma(v.sub(v.load(1), v.c(3)), v.c(0), v.c(1)), v.mem(2))
			v.store(0, v.leaky(z, z, v.c(2)))
		}},
		{name: "normSums", reads: []string{"dy", "y", "x"}, sums: 2, unroll: 2, body: func(v *vector) {
			dz := v.leaky(v.load(1), v.load(0), v.c(1))
			v.sum(0, dz)
			v.sumOf(1, dz, v.sub(v.load(2), v.c(0)))
		}},
		{name: "normGrad", reads: []string{"dx", "dy", "y", "x"}, writes: 1, unroll: 2, body: func(v *vector) {
			v.normGrad(false)
		}},
		{name: "normGradAdd", reads: []string{"dx", "dres", "dy", "y", "x"}, writes: 2, unroll: 2, body: func(v *vector) {
			v.normGrad(true)
		}},
		{name: "frozenGrad", reads: []string{"dx", "dres", "dy", "y"}, writes: 2, unroll: 2, body: func(v *vector) {
			dz := v.leaky(v.load(3), v.load(2), v.c(1))
			v.store(1, dz)
			v.store(0, v.mul(dz, v.c(0)))
		}},
	}
}

// momentum is what both kinds of SGD do at first.
func (v *vector) momentum() (p, speed, g value) {
	p = v.load(0)
	g = v.fma(p, v.c(0), v.load(2))
	speed = v.fma(v.load(1), v.c(1), g)
	v.store(1, speed)
	return p, speed, g
}

// adam is a step, what decays having been seen to.
func (v *vector) adam(p, g value) {
	first := v.fma(v.load(1), v.c(2), v.mul(g, v.c(3)))
	second := v.fma(v.load(2), v.c(4), v.mul(v.mul(g, g), v.c(5)))
	v.store(1, first)
	v.store(2, second)
	under := v.fma(v.sqrt(second), v.c(6), v.c(7))
	v.store(0, v.fnma(v.c(8), v.div(first, under), p))
}

// normGrad is c[2] dz + c[3] (x - c[0]) + c[4]; with res, dz goes to operand 1.
func (v *vector) normGrad(res bool) {
	first := 1
	if res {
		first = 2
	}
	dz := v.leaky(v.load(first+1), v.load(first), v.c(1))
	if res {
		v.store(1, dz)
	}
	d := v.sub(v.load(first+2), v.c(0))
	v.store(0, v.fma(dz, v.c(2), v.fma(d, v.c(3), v.c(4))))
}
