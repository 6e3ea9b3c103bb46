package vec

import (
	"math"
	"unsafe"
)

func at(p *float32, off int) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(p), off)) }

// floats returns count floats from off on.
func floats(p *float32, off, count int) []float32 { return unsafe.Slice(at(p, 4*off), count) }

func bits(v uint32) float32 { return math.Float32frombits(v) }

func word(p *uint32) *float32 { return (*float32)(unsafe.Pointer(p)) }

// v is vector i of operand p.
func (a *args) v(p, i int) *Vector { return (*Vector)(unsafe.Pointer(at(a.p[p], i*4*Lanes))) }

// twin is the specification of the loops, and what runs where there is no
// assembly.
func twin(k kernel, a *args) {
	a.sum = [4]Vector{}
	for i := range a.n {
		switch k {
		case scale, shift, leaky, sigmoid, dropout, expRow, norm:
			a.unary(k, i)
		case axpby, blend, add, mul, leakyGrad, sigmoidGrad, regionsGrad, toward1, toward2, normAdd:
			a.binary(k, i)
		case sgd, nesterovStep, adam, adamW:
			a.optimise(k, i)
		case normGrad, normGradAdd, frozenGrad:
			a.normGrad(k, i)
		default:
			a.sums(k, i)
		}
	}
}

// unary writes y = f(x).
func (a *args) unary(k kernel, i int) {
	y, x, c := a.v(0, i), a.v(1, i), &a.c
	for j, x := range x {
		switch k {
		case scale:
			y[j] = c[0][j] * x
		case shift:
			y[j] = c[0][j] * (x - c[1][j])
		case leaky:
			y[j] = slope(x, x, c[0][j])
		case sigmoid:
			y[j] = logistic(x)
		case dropout:
			y[j] = 0
			if kept(a.v(2, i)[j], c[1][j], c[2][j]) >= math.Float32bits(c[3][j]) {
				y[j] = c[0][j] * x
			}
		case expRow:
			y[j] = float32(math.Exp(float64(x - c[0][j])))
			a.sum[0][j] += y[j]
		case norm:
			z := c[0][j]*(x-c[3][j]) + c[1][j]
			y[j] = slope(z, z, c[2][j])
		}
	}
}

// binary writes z = f(x, y), or d = f(d, x, y).
func (a *args) binary(k kernel, i int) {
	z, x, y, c := a.v(0, i), a.v(1, i), a.v(min(2, 1+k.reads(3)), i), &a.c
	for j := range z {
		switch k {
		case axpby:
			z[j] = c[0][j]*x[j] + c[1][j]*z[j]
		case blend:
			z[j] = c[0][j]*x[j] + c[1][j]*y[j]
		case add:
			z[j] = x[j] + y[j]
		case mul:
			z[j] = x[j] * y[j]
		case leakyGrad:
			z[j] = slope(y[j], x[j], c[0][j])
		case sigmoidGrad:
			z[j] = x[j] * (y[j] * (1 - y[j]))
		case regionsGrad:
			p, t := logistic(x[j]), y[j]
			z[j] = (c[0][j]*t+c[1][j])*(p*(1-p)) + c[2][j]*(p-t)
		case toward1:
			switch t := x[j] - y[j]; {
			case t > 0:
				z[j] += c[0][j]
			case t < 0:
				z[j] += c[1][j]
			default: // 0 or NaN
				z[j] += t * c[0][j]
			}
		case toward2:
			z[j] += c[0][j] * (x[j] - y[j])
		case normAdd:
			v := c[0][j]*(x[j]-c[3][j]) + c[1][j] + y[j]
			z[j] = slope(v, v, c[2][j])
		}
	}
}

// optimise changes parameters.
func (a *args) optimise(k kernel, i int) {
	p, c := a.v(0, i), &a.c
	for j := range p {
		if k == adam || k == adamW {
			m, v, g := a.v(1, i), a.v(2, i), a.v(3, i)[j]
			if k == adam {
				g += c[0][j] * p[j]
			}
			m[j] = c[2][j]*m[j] + c[3][j]*g
			v[j] = c[4][j]*v[j] + c[5][j]*(g*g)
			p[j] = c[1][j]*p[j] - c[8][j]*(m[j]/(sqrt(v[j])*c[6][j]+c[7][j]))
			continue
		}
		v, g := a.v(1, i), a.v(2, i)[j]+c[0][j]*p[j]
		v[j] = c[1][j]*v[j] + g
		if k == nesterovStep {
			p[j] += c[2][j] * (c[1][j]*v[j] + g)
		} else {
			p[j] += c[2][j] * v[j]
		}
	}
}

// normGrad writes dx = c2 dz + c3 (x - c0) + c4, and dz to operand 1 of
// normGradAdd; with frozenGrad, dx = c0 dz.
func (a *args) normGrad(k kernel, i int) {
	if k == frozenGrad {
		dx, dres, dy, y := a.v(0, i), a.v(1, i), a.v(2, i), a.v(3, i)
		for j := range dx {
			dres[j] = slope(y[j], dy[j], a.c[1][j])
			dx[j] = a.c[0][j] * dres[j]
		}
		return
	}
	first := 1
	if k == normGradAdd {
		first = 2
	}
	dx, dy, y, x, c := a.v(0, i), a.v(first, i), a.v(first+1, i), a.v(first+2, i), &a.c
	for j := range dx {
		dz := slope(y[j], dy[j], c[1][j])
		if k == normGradAdd {
			a.v(1, i)[j] = dz
		}
		dx[j] = c[2][j]*dz + (c[3][j]*(x[j]-c[0][j]) + c[4][j])
	}
}

// sums adds to the sums of the lanes.
func (a *args) sums(k kernel, i int) {
	x, c, sum := a.v(0, i), &a.c, &a.sum
	y := x
	if k.reads(2) == 1 {
		y = a.v(1, i)
	}
	for j, x := range x {
		switch y := y[j]; k {
		case totals:
			sum[0][j] += x
		case deviations:
			d := x - c[0][j]
			sum[0][j] += d
			sum[1][j] += d * d
		case dot:
			sum[0][j] += x * y
		case apart1:
			sum[0][j] += float32(math.Abs(float64(x - y)))
		case apart2:
			sum[0][j] += (x - y) * (x - y)
		case regions:
			p := logistic(x)
			sum[0][j] += p * y
			sum[1][j] += p
			sum[2][j] += y
			sum[3][j] += max(x, 0) - x*y + float32(math.Log1p(math.Exp(-math.Abs(float64(x)))))
		case normSums:
			dz := slope(y, x, c[1][j])
			sum[0][j] += dz
			sum[1][j] += dz * (a.v(2, i)[j] - c[0][j])
		}
	}
}

// reads returns 1 if a loop has n operands at least, else 0.
func (k kernel) reads(n int) int {
	if all, _ := k.operands(); all >= n {
		return 1
	}
	return 0
}

// slope is x where gate > 0, else s x.
func slope(gate, x, s float32) float32 {
	if gate > 0 {
		return x
	}
	return s * x
}

func logistic(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// kept is the hash of a counter that dropout compares, see engine.Hash.
func kept(counter, base, high float32) uint32 {
	h := mix(math.Float32bits(counter) + math.Float32bits(base))
	return mix(h ^ math.Float32bits(high))
}

func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x7feb352d
	x ^= x >> 15
	x *= 0x846ca68b
	return x ^ x>>16
}

// poolMaxPlain is the specification of MaxPool.
func poolMaxPlain(a *poolCall) {
	taps := unsafe.Slice(a.taps, a.count)
	for i := range a.n {
		y, tap := vectorAt(a.y, i*4*Lanes), vectorAt(a.tap, i*4*Lanes)
		for k, t := range taps {
			for j, v := range vectorAt(a.x, i*a.step+t.Off) {
				if k == 0 || v > y[j] || v != v && y[j] == y[j] {
					y[j], tap[j] = v, t.ID
				}
			}
		}
	}
}

// poolAddPlain is the specification of MaxPoolGrad.
func poolAddPlain(a *poolCall) {
	for i := range a.n {
		dy, tap := vectorAt(a.y, i*4*Lanes), vectorAt(a.tap, i*4*Lanes)
		for _, t := range unsafe.Slice(a.taps, a.count) {
			dx := vectorAt(a.x, i*a.step+t.Off)
			for j := range dx {
				if tap[j] == t.ID {
					dx[j] += dy[j]
				}
			}
		}
	}
}

// poolPutPlain is the specification of MaxPoolGrad with put.
func poolPutPlain(a *poolCall) {
	for i := range a.n {
		dy, tap := vectorAt(a.y, i*4*Lanes), vectorAt(a.tap, i*4*Lanes)
		for _, t := range unsafe.Slice(a.taps, a.count) {
			dx := vectorAt(a.x, i*a.step+t.Off)
			for j := range dx {
				dx[j] = 0
				if tap[j] == t.ID {
					dx[j] = dy[j]
				}
			}
		}
	}
}

func vectorAt(p *float32, off int) *Vector { return (*Vector)(unsafe.Pointer(at(p, off))) }
