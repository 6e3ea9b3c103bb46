package vec

// vectors returns how many x has.
func vectors(x []float32) int {
	if len(x)%Lanes != 0 {
		panic("vec: not whole vectors")
	}
	return len(x) / Lanes
}

// Moments writes, for each lane of at least one vector, the mean and the sum of
// squares about it. Sums are of the deviations from the mean so far, at first
// that of a few vectors: far from 0 as well, their error is small beside them.
func (u Unit) Moments(mean, square *[Lanes]float64, x []float32) {
	const few = 8
	n := vectors(x)
	k := args{n: min(few, n), p: [6]*float32{&x[0]}}
	u.run(totals, &k)
	for j, s := range k.sum[0] {
		k.c[0][j] = s / float32(k.n)
	}
	for i := 0; i < n; i += Most {
		k.n, k.p[0] = min(Most, n-i), &x[i*Lanes]
		u.run(deviations, &k)
		var m, s [Lanes]float64
		for j := range Lanes {
			sum := float64(k.sum[0][j])
			d := sum / float64(k.n)
			m[j], s[j] = float64(k.c[0][j])+d, float64(k.sum[1][j])-d*sum
		}
		if i == 0 {
			*mean, *square = m, s
		} else {
			Join(mean, square, i, &m, &s, k.n)
		}
		for j := range Lanes {
			k.c[0][j] = float32(mean[j])
		}
	}
}

// Join makes, of the means and the sums of squares about them of a values a
// lane, those of a and b others together.
func Join(mean, square *[Lanes]float64, a int, otherMean, otherSquare *[Lanes]float64, b int) {
	share := float64(b) / float64(a+b)
	weight := share * float64(a)
	for j := range Lanes {
		d := otherMean[j] - mean[j]
		mean[j] += d * share
		square[j] += otherSquare[j] + d*d*weight
	}
}

// LaneTotal writes the sum of each lane.
func (u Unit) LaneTotal(sum *[Lanes]float64, x []float32) {
	*sum = [Lanes]float64{}
	var k args
	for i, n := 0, vectors(x); i < n; i += Most {
		k.n, k.p[0] = min(Most, n-i), &x[i*Lanes]
		u.run(totals, &k)
		for j, s := range k.sum[0] {
			sum[j] += float64(s)
		}
	}
}

// Norm writes y = z where z > 0, else slope z, with z = scale (x - mean) +
// shift, plus res unless that is nil.
func (u Unit) Norm(y, x, res []float32, mean, scale, shift *Vector, slope float32) {
	fit(len(y), len(x))
	k := args{n: vectors(x), p: [6]*float32{&y[0], &x[0]}}
	k.c[0], k.c[1], k.c[2], k.c[3] = *scale, *shift, all(slope), *mean
	if res == nil {
		u.run(norm, &k)
		return
	}
	fit(len(y), len(res))
	k.p[2] = &res[0]
	u.run(normAdd, &k)
}

// NormSums adds to a the sum of dz, and to b that of dz (x - mean): dz is dy
// where y > 0, else slope dy.
func (u Unit) NormSums(a, b *[Lanes]float64, dy, y, x []float32, mean *Vector, slope float32) {
	fit(len(dy), len(y), len(x))
	var k args
	k.c[0], k.c[1] = *mean, all(slope)
	for i, n := 0, vectors(x); i < n; i += Most {
		k.n, k.p = min(Most, n-i), [6]*float32{&dy[i*Lanes], &y[i*Lanes], &x[i*Lanes]}
		u.run(normSums, &k)
		for j := range Lanes {
			a[j] += float64(k.sum[0][j])
			b[j] += float64(k.sum[1][j])
		}
	}
}

// Affine is what NormGrad makes of dz and x: A dz + B (x - Mean) + C.
type Affine struct{ A, B, C, Mean Vector }

// NormGrad writes dx by f, with dz as in NormSums, and dz to dres unless that
// is nil.
func (u Unit) NormGrad(dx, dres, dy, y, x []float32, f *Affine, slope float32) {
	fit(len(dx), len(dy), len(y), len(x))
	k := args{n: vectors(x), p: [6]*float32{&dx[0], &dy[0], &y[0], &x[0]}}
	k.c[0], k.c[1], k.c[2], k.c[3], k.c[4] = f.Mean, all(slope), f.A, f.B, f.C
	if dres == nil {
		u.run(normGrad, &k)
		return
	}
	fit(len(dx), len(dres))
	k.p = [6]*float32{&dx[0], &dres[0], &dy[0], &y[0], &x[0]}
	u.run(normGradAdd, &k)
}

// FrozenGrad writes dx = scale dz, with dz as in NormSums, and dz to dres unless
// that is nil.
func (u Unit) FrozenGrad(dx, dres, dy, y []float32, scale *Vector, slope float32) {
	if dres == nil {
		dres = dx // for what is overwritten at once
	}
	fit(len(dx), len(dres), len(dy), len(y))
	k := args{n: vectors(y), p: [6]*float32{&dx[0], &dres[0], &dy[0], &y[0]}}
	k.c[0], k.c[1] = *scale, all(slope)
	u.run(frozenGrad, &k)
}

// PoolTap is a place in a window: how many bytes from its first voxel, and its
// number.
type PoolTap struct {
	Off int
	ID  float32
}

// poolCall is what a kernel of max pooling is given; internal/asmgen knows its
// layout.
type poolCall struct {
	n         int // outputs, side by side
	step      int // bytes from the first input of one to that of the next
	taps      *PoolTap
	count     int // taps, at least one
	y, tap, x *float32
}

// MaxPool writes, for n outputs, the largest of the inputs, the first of equal
// ones and a NaN before all, and the number of its tap. The first input of
// output i is vector i step of x.
func (u Unit) MaxPool(y, tap, x []float32, n, step int, taps []PoolTap) {
	u.poolMax(&poolCall{n, 4 * Lanes * step, &taps[0], len(taps), &y[0], &tap[0], &x[0]})
}

// MaxPoolGrad adds each of n dy to the input whose tap it names; with put,
// windows must not overlap, and the other inputs become 0.
func (u Unit) MaxPoolGrad(dx, dy, tap []float32, n, step int, taps []PoolTap, put bool) {
	k := poolCall{n, 4 * Lanes * step, &taps[0], len(taps), &dy[0], &tap[0], &dx[0]}
	if put {
		u.poolPut(&k)
	} else {
		u.poolAdd(&k)
	}
}
