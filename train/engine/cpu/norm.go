package cpu

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/vec"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

const lanes = tensor.Lanes

// piece is how many vectors of a group are summed at a time, for a task or a
// part of one: as many as stay in the cache, with what is written.
const piece = 4096

// norm is what the tasks of a normalisation share. A group is the values of 16
// channels that have their statistics side by side: those of a sample per
// Instance, of all samples per Batch. It is cut into pieces, whose statistics
// are joined in order.
type norm struct {
	vec.Unit
	pass  func(k *norm, lo, hi int) // does some pieces, or groups
	items int
	tasks int

	engine.NormSpec
	n, c, blocks, size int
	cuts               int // pieces of a run, that is of a block of a sample
	runs               int // runs of a group

	y, x, res, dx, dy, dres []float32
	stats, gamma, beta      []float32
	dgamma, dbeta           []float32
	moments                 []moments // of the pieces
	mean, scale, shift      []vec.Vector
	affine                  []vec.Affine
	whole                   bool // a piece is a whole group
	sumA, sumB              []float64
}

// moments are two numbers a lane: the mean and the sum of squares about it, or
// the sums that the gradient wants.
type moments [2][lanes]float64

// Do does a task's share of the pieces.
func (k *norm) Do(task, _ int) {
	lo, hi := cut(k.items, k.tasks, task)
	k.pass(k, lo, hi)
}

// begin sets the sizes.
func (k *norm) begin(x *engine.Tensor, s engine.NormSpec) {
	k.NormSpec = s
	k.n, k.c, k.blocks, k.size = x.Shape[0], x.Shape[1], tensor.Blocks(x.Shape[1]), x.Shape.Voxels()
	k.cuts, k.runs = (k.size+piece-1)/piece, 1
	if s.Per == engine.Batch {
		k.runs = k.n
	}
	k.whole = k.cuts*k.runs == 1
	k.moments = grown(k.moments, k.pieces())
}

func (k *norm) pieces() int { return k.n * k.blocks * k.cuts }
func (k *norm) groups() int { return k.n * k.blocks / k.runs }

// count is how many values a statistic is of.
func (k *norm) count() int { return k.runs * k.size }

// end forgets the operands and keeps the scratch memory.
func (k *norm) end() {
	*k = norm{Unit: k.Unit, moments: k.moments, mean: k.mean, scale: k.scale, shift: k.shift, affine: k.affine, sumA: k.sumA, sumB: k.sumB}
}

func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// place returns the group of a piece, and where its floats are. Pieces follow
// each other as in memory.
func (k *norm) place(piece int) (group, lo, hi int) {
	run := piece / k.cuts
	lo, hi = cut(k.size, k.cuts, piece%k.cuts)
	return run % k.groups(), (run*k.size + lo) * lanes, (run*k.size + hi) * lanes
}

// piece returns piece i of a group, of cuts times runs.
func (k *norm) piece(group, i int) int { return (i/k.cuts*k.groups()+group)*k.cuts + i%k.cuts }

// at returns the first channel of a group, where its statistics are, and how
// many of its lanes are channels.
func (k *norm) at(group int) (channel, stat, used int) {
	block := group % k.blocks
	channel = block * lanes
	return channel, 2 * (group/k.blocks*k.c + channel), min(lanes, k.c-channel)
}

// run does all pieces, tasks going over some floats at least.
func (d *device) runNorm(items, floats int, pass func(k *norm, lo, hi int)) {
	k := &d.norm
	k.pass, k.items = pass, items
	k.tasks = min(items, most, 1+floats/worth)
	d.pool.Run(k, k.tasks)
}

func (d *device) Norm(y, stats, x, gamma, beta, res *engine.Tensor, s engine.NormSpec) {
	check.Norm(y, stats, x, gamma, beta, res, s)
	k := &d.norm
	k.begin(x, s)
	defer k.end()
	k.y, k.x, k.res, k.stats = values(y), values(x), optional(res), values(stats)
	k.gamma, k.beta = optional(gamma), optional(beta)
	k.mean, k.scale, k.shift = grown(k.mean, k.groups()), grown(k.scale, k.groups()), grown(k.shift, k.groups())
	switch {
	case s.Frozen:
		k.finish(0, k.groups())
		d.runNorm(k.pieces(), len(k.x), (*norm).apply)
	case k.whole:
		d.runNorm(k.pieces(), 2*len(k.x), (*norm).both)
	default:
		d.runNorm(k.pieces(), len(k.x), (*norm).measure)
		k.finish(0, k.groups())
		d.runNorm(k.pieces(), len(k.x), (*norm).apply)
	}
}

// measure takes the statistics of pieces.
func (k *norm) measure(lo, hi int) {
	for p := lo; p < hi; p++ {
		_, from, to := k.place(p)
		m := &k.moments[p]
		k.Moments(&m[0], &m[1], k.x[from:to])
	}
}

// finish makes, of the statistics of groups, what apply goes by.
func (k *norm) finish(lo, hi int) {
	for g := lo; g < hi; g++ {
		channel, stat, used := k.at(g)
		if !k.Frozen {
			k.join(g, k.stats[stat:stat+2*used])
		}
		k.centre(g, &k.mean[g])
		for j := range used {
			scale, shift := k.stats[stat+2*j+1], float32(0)
			if k.gamma != nil {
				scale, shift = scale*k.gamma[channel+j], k.beta[channel+j]
			}
			k.scale[g][j], k.shift[g][j] = scale, shift
		}
	}
}

// join writes the statistics of a group.
func (k *norm) join(g int, stats []float32) {
	m := k.moments[k.piece(g, 0)]
	count := 0
	for i := range k.cuts * k.runs {
		p := k.piece(g, i)
		_, from, to := k.place(p)
		n := (to - from) / lanes
		if i > 0 {
			o := &k.moments[p]
			vec.Join(&m[0], &m[1], count, &o[0], &o[1], n)
		}
		count += n
	}
	for j := range len(stats) / 2 {
		stats[2*j] = float32(m[0][j])
		stats[2*j+1] = float32(1 / math.Sqrt(m[1][j]/float64(count)+float64(k.Eps)))
	}
}

// apply normalises pieces.
func (k *norm) apply(lo, hi int) {
	for p := lo; p < hi; p++ {
		g, from, to := k.place(p)
		var res []float32
		if k.res != nil {
			res = k.res[from:to]
		}
		k.Norm(k.y[from:to], k.x[from:to], res, &k.mean[g], &k.scale[g], &k.shift[g], k.Slope)
	}
}

// both does groups of one piece, while they are in the cache.
func (k *norm) both(lo, hi int) {
	for p := lo; p < hi; p++ {
		k.measure(p, p+1)
		k.finish(p, p+1)
		k.apply(p, p+1)
	}
}

func (d *device) NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma *engine.Tensor, s engine.NormSpec) {
	check.NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma, s)
	k := &d.norm
	k.begin(x, s)
	defer k.end()
	k.dx, k.dres, k.dy, k.y, k.x, k.stats = values(dx), optional(dres), values(dy), values(y), values(x), values(stats)
	k.gamma, k.dgamma, k.dbeta = optional(gamma), optional(dgamma), optional(dbeta)
	k.affine = grown(k.affine, k.groups())
	k.sumA, k.sumB = grown(k.sumA, k.groups()*lanes), grown(k.sumB, k.groups()*lanes)
	if k.whole {
		d.runNorm(k.pieces(), 5*len(k.x), (*norm).bothGrad)
	} else {
		d.runNorm(k.pieces(), 3*len(k.x), (*norm).measureGrad)
		k.finishGrad(0, k.groups())
		d.runNorm(k.pieces(), 3*len(k.x), (*norm).applyGrad)
	}
	if k.dgamma != nil {
		k.channels()
	}
}

// centre writes the means that a group's values are taken from.
func (k *norm) centre(g int, mean *vec.Vector) {
	_, stat, used := k.at(g)
	for j := range used {
		mean[j] = k.stats[stat+2*j]
	}
}

// measureGrad sums dz and dz (x - mean) of pieces.
func (k *norm) measureGrad(lo, hi int) {
	for p := lo; p < hi; p++ {
		g, from, to := k.place(p)
		var mean vec.Vector
		k.centre(g, &mean)
		m := &k.moments[p]
		*m = moments{}
		k.NormSums(&m[0], &m[1], k.dy[from:to], k.y[from:to], k.x[from:to], &mean, k.Slope)
	}
}

// finishGrad makes, of the sums of groups, what applyGrad goes by:
//
//	dx = gamma rstd (dz - mean of dz - h mean of dz h),  h = (x - mean) rstd
func (k *norm) finishGrad(lo, hi int) {
	for g := lo; g < hi; g++ {
		channel, stat, used := k.at(g)
		m := k.moments[k.piece(g, 0)]
		for i := 1; i < k.cuts*k.runs; i++ {
			o := &k.moments[k.piece(g, i)]
			for j := range used {
				m[0][j] += o[0][j]
				m[1][j] += o[1][j]
			}
		}
		f := &k.affine[g]
		k.centre(g, &f.Mean)
		for j := range used {
			rstd := float64(k.stats[stat+2*j+1])
			a := rstd
			if k.gamma != nil {
				a *= float64(k.gamma[channel+j])
			}
			k.sumA[g*lanes+j], k.sumB[g*lanes+j] = m[0][j], m[1][j]*rstd
			f.A[j] = float32(a)
			f.B[j] = float32(-a * m[1][j] * rstd * rstd / float64(k.count()))
			f.C[j] = float32(-a * m[0][j] / float64(k.count()))
		}
	}
}

// applyGrad writes dx and dres of pieces.
func (k *norm) applyGrad(lo, hi int) {
	for p := lo; p < hi; p++ {
		g, from, to := k.place(p)
		var dres []float32
		if k.dres != nil {
			dres = k.dres[from:to]
		}
		if k.Frozen {
			k.FrozenGrad(k.dx[from:to], dres, k.dy[from:to], k.y[from:to], &k.affine[g].A, k.Slope)
		} else {
			k.NormGrad(k.dx[from:to], dres, k.dy[from:to], k.y[from:to], k.x[from:to], &k.affine[g], k.Slope)
		}
	}
}

// bothGrad does groups of one piece, while they are in the cache.
func (k *norm) bothGrad(lo, hi int) {
	for p := lo; p < hi; p++ {
		k.measureGrad(p, p+1)
		k.finishGrad(p, p+1)
		k.applyGrad(p, p+1)
	}
}

// channels adds the sums of the samples.
func (k *norm) channels() {
	for c := range k.c {
		var a, b float64
		for g := c / lanes; g < k.groups(); g += k.blocks {
			a += k.sumA[g*lanes+c%lanes]
			b += k.sumB[g*lanes+c%lanes]
		}
		k.dbeta[c], k.dgamma[c] = float32(a), float32(b)
	}
}

func (d *device) Running(running, stats *engine.Tensor, momentum, eps float32, count int) {
	check.Running(running, stats, momentum, eps, count)
	r, s := values(running), values(stats)
	for i := 0; i < len(r); i += 2 {
		rstd := float64(s[i+1])
		v := (1/(rstd*rstd) - float64(eps)) * float64(count) / float64(count-1)
		r[i] = (1-momentum)*r[i] + momentum*s[i]
		r[i+1] = (1-momentum)*r[i+1] + momentum*float32(v)
	}
}

func (d *device) Frozen(stats, running *engine.Tensor, eps float32) {
	check.Frozen(stats, running, eps)
	r, s := values(running), values(stats)
	for i := 0; i < len(r); i += 2 {
		s[i], s[i+1] = r[i], float32(1/math.Sqrt(float64(r[i+1])+float64(eps)))
	}
}
