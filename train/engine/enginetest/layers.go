package enginetest

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// kinds says how a layer of the goldens is made of kernels.
var kinds = map[string]func(r *replay){
	"conv": conv, "transposed": transposed,
	"instance": instance, "batch": batch, "layer norm": layerNorm, "standardise": standardise,
	"max pool": maxPool, "mean": mean, "upsample": upsample,
	"linear": linear, "attention": attention, "function": function,
	"cross-entropy": crossEntropy, "regions": regionsLoss, "distances": distances, "impute": impute,
	"sgd": sgd, "adam": adam,
}

func conv(r *replay) {
	defer r.free()
	for _, x := range []*engine.Tensor{r.in("x"), r.plain("x")} {
		y, dw, db := r.like("y"), r.like("dw"), r.like("db")
		r.e.Conv(y, x, r.in("w"), r.in("b"), r.Spec.Window)
		r.want("y", y)
		r.e.ConvGradWeights(dw, db, x, r.in("dy"), r.Spec.Window)
		r.want("dw", dw)
		r.want("db", db)
	}
	dx := r.like("dx")
	r.e.ConvGradData(dx, r.in("dy"), r.in("w"), nil, r.Spec.Window)
	r.want("dx", dx)
}

func transposed(r *replay) {
	defer r.free()
	y, dx, dw, dy := r.like("y"), r.like("dx"), r.like("dw"), r.in("dy")
	r.e.ConvGradData(y, r.in("x"), r.in("w"), r.in("b"), r.Spec.Window)
	r.want("y", y)
	r.e.Conv(dx, dy, r.in("w"), nil, r.Spec.Window)
	r.want("dx", dx)
	r.e.ConvGradWeights(dw, nil, dy, r.in("x"), r.Spec.Window)
	r.want("dw", dw)

	n, c := dy.Shape[0], dy.Shape[1]
	means, db := r.new(tensor.Plain, n, c), r.like("db")
	r.e.Mean(means, dy)
	r.e.SumRows(db, means)
	r.e.Axpby(db, float32(dy.Shape.Voxels()), db, 0)
	r.want("db", db)
}

func instance(r *replay) {
	s := r.Tensors["x"].Shape
	r.norm(engine.NormSpec{Eps: r.Spec.Eps, Slope: r.Spec.Slope}, r.new(tensor.Plain, s[0], s[1], 2))
}

func batch(r *replay) {
	x := r.Tensors["x"].Shape
	stats := r.new(tensor.Plain, x[1], 2)
	if r.Spec.Frozen {
		r.e.Frozen(stats, r.in("before"), r.Spec.Eps)
	}
	r.norm(engine.NormSpec{Per: engine.Batch, Eps: r.Spec.Eps, Slope: r.Spec.Slope, Frozen: r.Spec.Frozen}, stats)
}

// norm replays a normalisation; of a batch in training the running statistics
// too.
func (r *replay) norm(s engine.NormSpec, stats *engine.Tensor) {
	defer r.free()
	x, y, gamma := r.in("x"), r.like("y"), r.in("gamma")
	r.e.Norm(y, stats, x, gamma, r.in("beta"), r.in("res"), s)
	r.want("y", y)
	if r.has("before") && !s.Frozen {
		running := r.in("before")
		r.e.Running(running, stats, r.Spec.Momentum, s.Eps, x.Shape[0]*x.Shape.Voxels())
		r.want("after", running)
	}
	dx, dgamma, dbeta, dres := r.like("dx"), r.like("dgamma"), r.like("dbeta"), r.like("dres")
	r.e.NormGrad(dx, dgamma, dbeta, dres, r.in("dy"), y, x, stats, gamma, s)
	r.want("dx", dx)
	r.want("dgamma", dgamma)
	r.want("dbeta", dbeta)
	r.want("dres", dres)
}

func layerNorm(r *replay) {
	defer r.free()
	x, y, gamma := r.in("x"), r.like("y"), r.in("gamma")
	stats, dx, dgamma, dbeta := r.new(tensor.Plain, x.Shape[0], 2), r.like("dx"), r.like("dgamma"), r.like("dbeta")
	r.e.LayerNorm(y, stats, x, gamma, r.in("beta"), r.Spec.Eps)
	r.want("y", y)
	r.e.LayerNormGrad(dx, dgamma, dbeta, r.in("dy"), x, stats, gamma)
	r.want("dx", dx)
	r.want("dgamma", dgamma)
	r.want("dbeta", dbeta)
}

func standardise(r *replay) {
	defer r.free()
	y, dx := r.like("y"), r.like("dx")
	stats := r.new(tensor.Plain, y.Shape[0], 2)
	r.e.Standardise(y, stats, r.in("x"), r.Spec.Eps)
	r.want("y", y)
	r.e.StandardiseGrad(dx, r.in("dy"), y, stats)
	r.want("dx", dx)
}

func maxPool(r *replay) {
	defer r.free()
	y, tap, dx := r.like("y"), r.like("tap"), r.like("dx")
	r.e.MaxPool(y, tap, r.in("x"), r.Spec.Window)
	r.want("y", y)
	r.wantExactly("tap", tap)
	r.e.MaxPoolGrad(dx, r.in("dy"), tap, r.Spec.Window)
	r.want("dx", dx)
}

func mean(r *replay) {
	defer r.free()
	y, dx := r.like("y"), r.like("dx")
	r.e.Mean(y, r.in("x"))
	r.want("y", y)
	r.e.MeanGrad(dx, r.in("dy"))
	r.want("dx", dx)
}

func upsample(r *replay) {
	defer r.free()
	for _, in := range []func(string) *engine.Tensor{r.in, r.plain} { // what in returns is overwritten
		y, dx := in("y"), in("dx")
		r.e.Fill(y, nan)
		r.e.Upsample(y, in("x"), r.Spec.Linear)
		r.want("y", y)
		r.e.Fill(dx, nan)
		r.e.UpsampleGrad(dx, in("dy"), r.Spec.Linear)
		r.want("dx", dx)
	}
}

func linear(r *replay) {
	defer r.free()
	x, w, dy := r.in("x"), r.in("w"), r.in("dy")
	y, dx, dw, db := r.like("y"), r.like("dx"), r.like("dw"), r.like("db")
	r.e.MatMul(y, x, w, r.in("b"), engine.MatSpec{TransB: true})
	r.want("y", y)
	r.e.MatMul(dx, dy, w, nil, engine.MatSpec{})
	r.want("dx", dx)
	r.e.MatMul(dw, dy, x, nil, engine.MatSpec{TransA: true})
	r.want("dw", dw)
	r.e.SumRows(db, dy)
	r.want("db", db)
}

// attention is y = softmax(scale q k') v.
func attention(r *replay) {
	defer r.free()
	q, k, v, dy := r.in("q"), r.in("k"), r.in("v"), r.in("dy")
	b, n, m := q.Shape[0], q.Shape[1], k.Shape[1]
	scores, p := r.new(tensor.Plain, b, n, m), r.new(tensor.Plain, b, n, m)
	dscores, dp := r.new(tensor.Plain, b, n, m), r.new(tensor.Plain, b, n, m)
	y, dq, dk, dv := r.like("y"), r.like("dq"), r.like("dk"), r.like("dv")
	scale := r.Spec.Scale
	r.e.MatMul(scores, q, k, nil, engine.MatSpec{TransB: true, Alpha: scale})
	r.e.Softmax(p, scores)
	r.e.MatMul(y, p, v, nil, engine.MatSpec{})
	r.want("y", y)
	r.e.MatMul(dv, p, dy, nil, engine.MatSpec{TransA: true})
	r.want("dv", dv)
	r.e.MatMul(dp, dy, v, nil, engine.MatSpec{TransB: true})
	r.e.SoftmaxGrad(dscores, dp, p)
	r.e.MatMul(dq, dscores, k, nil, engine.MatSpec{Alpha: scale})
	r.want("dq", dq)
	r.e.MatMul(dk, dscores, q, nil, engine.MatSpec{TransA: true, Alpha: scale})
	r.want("dk", dk)
}

func function(r *replay) {
	defer r.free()
	f := engine.Func{Kind: r.Spec.Func, A: r.Spec.A}
	x, y, dx := r.in("x"), r.like("y"), r.like("dx")
	r.e.Map(f, y, x)
	r.want("y", y)
	r.e.MapGrad(f, dx, r.in("dy"), x, y)
	r.want("dx", dx)
}

func crossEntropy(r *replay) {
	defer r.free()
	loss, dx := r.like("loss"), r.like("dx")
	r.e.CrossEntropy(loss, dx, r.in("x"), r.in("t"), r.Spec.Scale)
	r.want("loss", loss)
	r.want("dx", dx)
}

func regionsLoss(r *replay) {
	defer r.free()
	sums, dx := r.like("sums"), r.plain("dx")
	r.e.Regions(sums, r.plain("x"), r.plain("t"))
	r.want("sums", sums)
	r.e.Fill(dx, nan)
	r.e.RegionsGrad(dx, r.plain("x"), r.plain("t"), r.in("coef"))
	r.want("dx", dx)
}

func distances(r *replay) {
	defer r.free()
	d, dx := r.like("d"), r.like("dx")
	r.e.Distances(d, r.in("x"), r.in("coef"), r.Spec.P)
	r.want("d", d)
	r.e.DistancesGrad(dx, r.in("x"), r.in("coef"), r.Spec.P)
	r.want("dx", dx)
}

func impute(r *replay) {
	defer r.free()
	y, dx, mask := r.like("y"), r.like("dx"), r.in("mask")
	r.e.Impute(y, r.in("x"), mask)
	r.want("y", y)
	r.e.ImputeGrad(dx, r.in("dy"), mask)
	r.want("dx", dx)
}

func sgd(r *replay) {
	v := r.zeros("p")
	o := engine.SGDSpec{LR: r.Spec.LR, Momentum: r.Spec.Momentum, Decay: r.Spec.Decay, Nesterov: r.Spec.Nesterov}
	r.steps(func(_ int, p, g *engine.Tensor) { r.e.SGD(p, v, g, o) })
}

func adam(r *replay) {
	m, v := r.zeros("p"), r.zeros("p")
	o := engine.AdamSpec{
		LR: r.Spec.LR, Beta1: r.Spec.Beta1, Beta2: r.Spec.Beta2, Eps: r.Spec.Eps,
		Decay: r.Spec.Decay, Decoupled: r.Spec.Decoupled,
	}
	r.steps(func(step int, p, g *engine.Tensor) {
		o.Step = step
		r.e.Adam(p, m, v, g, o)
	})
}

func (r *replay) zeros(like string) *engine.Tensor {
	x := r.like(like)
	r.e.Fill(x, 0)
	return x
}

// steps replays steps of an optimiser, from 1 on.
func (r *replay) steps(step func(i int, p, g *engine.Tensor)) {
	defer r.free()
	p, g := r.in("p"), r.like("p")
	n := p.Shape.Len()
	for i := range r.Tensors["g"].Shape[0] {
		r.e.Write(g, r.golden("g")[i*n:][:n])
		step(i+1, p, g)
		r.wantValues("after", read(r.t, r.e, p), r.golden("after")[i*n:][:n])
	}
}
