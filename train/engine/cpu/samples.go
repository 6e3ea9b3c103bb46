package cpu

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// per returns how many floats a sample takes as it is stored.
func per(t *engine.Tensor) int { return len(values(t)) / t.Shape[0] }

// sample returns sample i of v, n floats each.
func sample(v []float32, i, n int) []float32 { return v[i*n : (i+1)*n] }

func (d *device) ScaleSamples(y, x, s *engine.Tensor) {
	check.ScaleSamples(y, x, s)
	d.job.z, d.job.x, d.job.w, d.job.n = values(y), values(x), values(s), per(x)
	d.run(x.Shape[0], per(x), (*job).scaleSamples)
}

func (j *job) scaleSamples(lo, hi int) {
	for p := lo; p < hi; p++ {
		if f := j.w[p%len(j.w)]; f == 0 {
			clear(sample(j.z, p, j.n))
		} else {
			j.Scale(sample(j.z, p, j.n), f, sample(j.x, p, j.n))
		}
	}
}

// padded says how many floats at the end of a sample of t, as stored, are of a
// block that channels do not fill, and how many of its lanes are channels.
func padded(t *engine.Tensor) (floats, used int) {
	if t.Layout == tensor.Plain || t.Shape[1]%lanes == 0 {
		return 0, lanes
	}
	return t.Shape.Voxels() * lanes, t.Shape[1] % lanes
}

// pairs adds, over the values of a sample, x y, or |x - y|^p where p is not 0.
func (j *job) pairs(x, y []float32, padded, used, p int) float64 {
	full := len(x) - padded
	if p == 0 {
		return j.Dot(x[:full], y[:full]) + j.LaneDot(x[full:], y[full:], used)
	}
	return j.Apart(x[:full], y[:full], p) + j.LaneApart(x[full:], y[full:], p, used)
}

func (d *device) DotSamples(out, a, b *engine.Tensor) {
	check.DotSamples(out, a, b)
	d.job.z, d.job.x, d.job.y, d.job.n = values(out), values(a), values(b), per(a)
	d.job.padded, d.job.used = padded(a)
	d.run(a.Shape[0], per(a), (*job).dotSamples)
}

func (j *job) dotSamples(lo, hi int) {
	for p := lo; p < hi; p++ {
		j.z[p] = float32(j.pairs(sample(j.x, p, j.n), sample(j.y, p, j.n), j.padded, j.used, 0))
	}
}

func (d *device) Gather(y, x, index *engine.Tensor) {
	check.Gather(y, x, index)
	d.job.z, d.job.x, d.job.w, d.job.n = values(y), values(x), values(index), per(x)
	d.run(y.Shape[0], per(x), (*job).gather)
}

func (j *job) gather(lo, hi int) {
	for p := lo; p < hi; p++ {
		if k := int(j.w[p]); k >= 0 {
			copy(sample(j.z, p, j.n), sample(j.x, k, j.n))
		} else {
			clear(sample(j.z, p, j.n))
		}
	}
}

func (d *device) GatherGrad(dx, dy, index *engine.Tensor) {
	check.GatherGrad(dx, dy, index)
	d.job.z, d.job.x, d.job.w, d.job.n = values(dx), values(dy), values(index), per(dx)
	d.run(dx.Shape[0], per(dx), (*job).gatherGrad)
}

func (j *job) gatherGrad(lo, hi int) {
	for k := lo; k < hi; k++ {
		to, begun := sample(j.z, k, j.n), false
		for p, from := range j.w {
			switch dy := sample(j.x, p, j.n); {
			case int(from) != k:
			case begun:
				j.Add(to, to, dy)
			default:
				copy(to, dy)
				begun = true
			}
		}
		if !begun {
			clear(to)
		}
	}
}

func (d *device) Impute(y, x, mask *engine.Tensor) {
	check.Impute(y, x, mask)
	d.job.z, d.job.x, d.job.w, d.job.n, d.job.m = values(y), values(x), values(mask), per(x), mask.Shape[1]
	d.run(mask.Shape[0], per(x)*mask.Shape[1], (*job).impute)
}

// present returns the masks of sample b, and 1 over how many there are.
func (j *job) present(b int) (mask []float32, share float32) {
	mask = sample(j.w, b, j.m)
	count := 0
	for _, v := range mask {
		if v != 0 {
			count++
		}
	}
	return mask, 1 / float32(count)
}

func (j *job) impute(lo, hi int) {
	for b := lo; b < hi; b++ {
		mask, share := j.present(b)
		var mean []float32 // the first that is missing, made of those that are not
		for k, has := range mask {
			to := sample(j.z, b*j.m+k, j.n)
			switch {
			case has != 0:
				copy(to, sample(j.x, b*j.m+k, j.n))
			case mean != nil:
				copy(to, mean)
			default:
				mean = to
				j.meanOf(to, mask, b, share)
			}
		}
	}
}

// meanOf writes the mean of what is present.
func (j *job) meanOf(to, mask []float32, b int, share float32) {
	begun := false
	for k, has := range mask {
		switch from := sample(j.x, b*j.m+k, j.n); {
		case has == 0:
		case begun:
			j.Axpby(to, share, from, 1)
		default:
			j.Scale(to, share, from)
			begun = true
		}
	}
}

func (d *device) ImputeGrad(dx, dy, mask *engine.Tensor) {
	check.ImputeGrad(dx, dy, mask)
	d.job.z, d.job.x, d.job.w, d.job.n, d.job.m = values(dx), values(dy), values(mask), per(dx), mask.Shape[1]
	d.run(mask.Shape[0], per(dx)*mask.Shape[1], (*job).imputeGrad)
}

func (j *job) imputeGrad(lo, hi int) {
	for b := lo; b < hi; b++ {
		mask, share := j.present(b)
		for k, has := range mask {
			to := sample(j.z, b*j.m+k, j.n)
			if has == 0 {
				clear(to)
				continue
			}
			copy(to, sample(j.x, b*j.m+k, j.n))
			for o, has := range mask {
				if has == 0 {
					j.Axpby(to, share, sample(j.x, b*j.m+o, j.n), 1)
				}
			}
		}
	}
}

func (d *device) Distances(dist, f, coef *engine.Tensor, p int) {
	check.Distances(dist, f, coef, p)
	d.job.z, d.job.x, d.job.w, d.job.n, d.job.m = values(dist), values(f), values(coef), per(f), coef.Shape[1]
	d.job.padded, d.job.used = padded(f)
	d.job.p, d.job.a = p, float32(f.Shape.Len()/f.Shape[0])
	d.run(coef.Shape.Len(), per(f), (*job).distances)
}

func (j *job) distances(lo, hi int) {
	for q := lo; q < hi; q++ {
		j.z[q] = 0
		if j.w[q] != 0 {
			teacher, student := sample(j.x, q/j.m, j.n), sample(j.x, q/j.m/j.m*j.m+q%j.m, j.n)
			j.z[q] = float32(j.pairs(teacher, student, j.padded, j.used, j.p) / float64(j.a))
		}
	}
}

func (d *device) DistancesGrad(df, f, coef *engine.Tensor, p int) {
	check.DistancesGrad(df, f, coef, p)
	d.job.z, d.job.x, d.job.w, d.job.n, d.job.m = values(df), values(f), values(coef), per(f), coef.Shape[1]
	d.job.p, d.job.a = p, float32(f.Shape.Len()/f.Shape[0])
	d.run(f.Shape[0], per(f)*coef.Shape[1], (*job).distancesGrad)
}

func (j *job) distancesGrad(lo, hi int) {
	for q := lo; q < hi; q++ {
		to, student := sample(j.z, q, j.n), sample(j.x, q, j.n)
		clear(to)
		first := q / j.m * j.m
		for i := range j.m {
			if c := j.w[(first+i)*j.m+q%j.m]; c != 0 {
				j.Toward(to, student, sample(j.x, first+i, j.n), c/j.a, j.p)
			}
		}
	}
}
