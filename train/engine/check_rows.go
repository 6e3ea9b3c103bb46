package engine

import "github.com/lacuna-ml/lacuna/train/tensor"

// MatMul checks shapes and layouts.
func (Check) MatMul(c, a, b, bias *Tensor, s MatSpec) {
	rank("MatMul", "a", a, 2, 3)
	rank("MatMul", "b", b, 2, 3)
	rank("MatMul", "c", c, 2, 3)
	m, k := matrix(a, s.TransA)
	kb, n := matrix(b, s.TransB)
	r := len(a.Shape)
	cm, cn := matrix(c, false)
	if len(b.Shape) != r || len(c.Shape) != r || k != kb || m != cm || n != cn ||
		r == 3 && (b.Shape[0] != a.Shape[0] || c.Shape[0] != a.Shape[0]) {
		refuse("MatMul", "c is %v, a is %v (transposed: %v), b is %v (transposed: %v)", c, a, s.TransA, b, s.TransB)
	}
	optional("MatMul", "bias", bias, n)
	apart("MatMul", c, a, b, bias)
}

// matrix returns the last two sizes, exchanged where transposed.
func matrix(t *Tensor, transposed bool) (rows, columns int) {
	r := len(t.Shape)
	if transposed {
		return t.Shape[r-1], t.Shape[r-2]
	}
	return t.Shape[r-2], t.Shape[r-1]
}

// SumRows checks shapes and layouts.
func (Check) SumRows(s, x *Tensor) {
	rank("SumRows", "x", x, 2, 2)
	want("SumRows", "s", s, tensor.Plain, x.Shape[1])
}

// Softmax checks shapes and layouts.
func (Check) Softmax(y, x *Tensor) {
	rank("Softmax", "x", x, 2, 3)
	alike("Softmax", "y", y, "x", x)
	apart("Softmax", y, x)
}

// SoftmaxGrad checks shapes and layouts.
func (Check) SoftmaxGrad(dx, dy, y *Tensor) {
	rank("SoftmaxGrad", "y", y, 2, 3)
	alike("SoftmaxGrad", "dx", dx, "y", y)
	alike("SoftmaxGrad", "dy", dy, "y", y)
	apart("SoftmaxGrad", dx, dy, y)
}

// LayerNorm checks shapes and layouts.
func (Check) LayerNorm(y, stats, x, gamma, beta *Tensor, eps float32) {
	rank("LayerNorm", "x", x, 2, 2)
	alike("LayerNorm", "y", y, "x", x)
	want("LayerNorm", "stats", stats, tensor.Plain, x.Shape[0], 2)
	want("LayerNorm", "gamma", gamma, tensor.Plain, x.Shape[1])
	want("LayerNorm", "beta", beta, tensor.Plain, x.Shape[1])
	apart("LayerNorm", y, x)
}

// LayerNormGrad checks shapes and layouts.
func (Check) LayerNormGrad(dx, dgamma, dbeta, dy, x, stats, gamma *Tensor) {
	const kernel = "LayerNormGrad"
	rank(kernel, "x", x, 2, 2)
	alike(kernel, "dx", dx, "x", x)
	alike(kernel, "dy", dy, "x", x)
	want(kernel, "stats", stats, tensor.Plain, x.Shape[0], 2)
	want(kernel, "gamma", gamma, tensor.Plain, x.Shape[1])
	want(kernel, "dgamma", dgamma, tensor.Plain, x.Shape[1])
	want(kernel, "dbeta", dbeta, tensor.Plain, x.Shape[1])
	apart(kernel, dx, dy, x)
}

// Standardise checks shapes and layouts, and that rows have an unbiased
// variance.
func (Check) Standardise(y, stats, w *Tensor, eps float32) {
	rank("Standardise", "w", w, 2, 2)
	alike("Standardise", "y", y, "w", w)
	want("Standardise", "stats", stats, tensor.Plain, w.Shape[0], 2)
	varied("Standardise", w)
	apart("Standardise", y, w)
}

// StandardiseGrad checks shapes and layouts.
func (Check) StandardiseGrad(dw, dy, y, stats *Tensor) {
	rank("StandardiseGrad", "y", y, 2, 2)
	alike("StandardiseGrad", "dw", dw, "y", y)
	alike("StandardiseGrad", "dy", dy, "y", y)
	want("StandardiseGrad", "stats", stats, tensor.Plain, y.Shape[0], 2)
	varied("StandardiseGrad", y)
	apart("StandardiseGrad", dw, dy, y)
}

func varied(kernel string, w *Tensor) {
	if w.Shape[1] < 2 {
		refuse(kernel, "rows of %v have no unbiased variance", w)
	}
}

// ScaleSamples checks shapes and layouts, and that s repeats whole times.
func (Check) ScaleSamples(y, x, s *Tensor) {
	samples("ScaleSamples", "x", x)
	alike("ScaleSamples", "y", y, "x", x)
	if s.Layout != tensor.Plain || x.Shape[0]%s.Shape.Len() != 0 {
		refuse("ScaleSamples", "s is %v, x is %v: the samples are no multiple", s, x)
	}
	apart("ScaleSamples", y, x, s)
}

func samples(kernel, name string, t *Tensor) {
	if len(t.Shape) < 1 {
		refuse(kernel, "%s is %v and has no samples", name, t)
	}
}

// DotSamples checks shapes and layouts.
func (Check) DotSamples(out, a, b *Tensor) {
	samples("DotSamples", "a", a)
	alike("DotSamples", "b", b, "a", a)
	want("DotSamples", "out", out, tensor.Plain, a.Shape[0])
	apart("DotSamples", out, a, b)
}

// Gather checks shapes and layouts.
func (Check) Gather(y, x, index *Tensor) {
	gathered("Gather", y, x, index)
	apart("Gather", y, x, index)
}

// GatherGrad checks shapes and layouts.
func (Check) GatherGrad(dx, dy, index *Tensor) {
	gathered("GatherGrad", dy, dx, index)
	apart("GatherGrad", dx, dy, index)
}

// gathered panics unless many has the samples that index lists of few.
func gathered(kernel string, many, few, index *Tensor) {
	samples(kernel, "x", few)
	samples(kernel, "y", many)
	if many.Layout != few.Layout || !many.Shape[1:].Equal(few.Shape[1:]) {
		refuse(kernel, "%v beside %v", many, few)
	}
	want(kernel, "index", index, tensor.Plain, many.Shape[0])
}

// Impute checks shapes and layouts.
func (Check) Impute(y, x, mask *Tensor) {
	samples("Impute", "x", x)
	alike("Impute", "y", y, "x", x)
	masks("Impute", mask, x)
	apart("Impute", y, x, mask)
}

// ImputeGrad checks shapes and layouts.
func (Check) ImputeGrad(dx, dy, mask *Tensor) {
	samples("ImputeGrad", "dy", dy)
	alike("ImputeGrad", "dx", dx, "dy", dy)
	masks("ImputeGrad", mask, dy)
	apart("ImputeGrad", dx, dy, mask)
}

func masks(kernel string, mask, x *Tensor) {
	rank(kernel, "mask", mask, 2, 2)
	if mask.Shape.Len() != x.Shape[0] {
		refuse(kernel, "mask is %v for %v", mask, x)
	}
}

// Distances checks shapes and layouts, and that p is 1 or 2.
func (Check) Distances(d, f, coef *Tensor, p int) {
	pairs("Distances", f, coef, p)
	alike("Distances", "d", d, "coef", coef)
	apart("Distances", d, f, coef)
}

// DistancesGrad checks shapes and layouts, and that p is 1 or 2.
func (Check) DistancesGrad(df, f, coef *Tensor, p int) {
	pairs("DistancesGrad", f, coef, p)
	alike("DistancesGrad", "df", df, "f", f)
	apart("DistancesGrad", df, f, coef)
}

func pairs(kernel string, f, coef *Tensor, p int) {
	samples(kernel, "f", f)
	rank(kernel, "coef", coef, 3, 3)
	b, m := coef.Shape[0], coef.Shape[1]
	if coef.Shape[2] != m || f.Shape[0] != b*m {
		refuse(kernel, "coef is %v for %v", coef, f)
	}
	if p != 1 && p != 2 {
		refuse(kernel, "a distance of power %d is not known", p)
	}
}

// CrossEntropy checks shapes and layouts.
func (Check) CrossEntropy(loss, dx, x, t *Tensor, scale float32) {
	rank("CrossEntropy", "x", x, 2, 2)
	alike("CrossEntropy", "t", t, "x", x)
	alike("CrossEntropy", "dx", dx, "x", x)
	want("CrossEntropy", "loss", loss, tensor.Plain, x.Shape[0])
	apart("CrossEntropy", dx, x, t)
}

// Regions checks shapes and layouts.
func (Check) Regions(sums, x, t *Tensor) {
	rank("Regions", "x", x, 5, 5)
	alike("Regions", "t", t, "x", x)
	want("Regions", "sums", sums, tensor.Plain, x.Shape[0], x.Shape[1], 4)
}

// RegionsGrad checks shapes and layouts.
func (Check) RegionsGrad(dx, x, t, coef *Tensor) {
	rank("RegionsGrad", "x", x, 5, 5)
	alike("RegionsGrad", "dx", dx, "x", x)
	alike("RegionsGrad", "t", t, "x", x)
	want("RegionsGrad", "coef", coef, tensor.Plain, x.Shape[0], x.Shape[1], 3)
	apart("RegionsGrad", dx, x, t)
}

// SGD checks layouts and lengths.
func (Check) SGD(p, v, g *Tensor, o SGDSpec) {
	flat("SGD", p, v)
	flat("SGD", p, g)
	apart("SGD", p, v, g)
	apart("SGD", v, g)
}

// Adam checks layouts and lengths, and that steps are counted from 1.
func (Check) Adam(p, m, v, g *Tensor, o AdamSpec) {
	flat("Adam", p, m)
	flat("Adam", p, v)
	flat("Adam", p, g)
	apart("Adam", p, m, v, g)
	apart("Adam", m, v, g)
	apart("Adam", v, g)
	if o.Step < 1 {
		refuse("Adam", "step %d is before the first, 1", o.Step)
	}
}

// flat panics unless both are plain and of one length.
func flat(kernel string, p, t *Tensor) {
	if p.Layout != tensor.Plain || t.Layout != tensor.Plain || p.Shape.Len() != t.Shape.Len() {
		refuse(kernel, "%v beside %v, want plain ones of one length", p, t)
	}
}
