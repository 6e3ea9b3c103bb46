package engine

import "github.com/lacuna-ml/lacuna/train/tensor"

// Conv checks shapes and layouts.
func (Check) Conv(y, x, w, b *Tensor, s Window) {
	blocked("Conv", "y", y)
	convolves("Conv", x, y, w, s)
	optional("Conv", "b", b, y.Shape[1])
	apart("Conv", y, x, w, b)
}

// ConvGradData checks shapes and layouts.
func (Check) ConvGradData(dx, dy, w, b *Tensor, s Window) {
	blocked("ConvGradData", "dx", dx)
	blocked("ConvGradData", "dy", dy)
	convolves("ConvGradData", dx, dy, w, s)
	optional("ConvGradData", "b", b, dx.Shape[1])
	apart("ConvGradData", dx, dy, w, b)
}

// ConvGradWeights checks shapes and layouts.
func (Check) ConvGradWeights(dw, db, x, dy *Tensor, s Window) {
	blocked("ConvGradWeights", "dy", dy)
	convolves("ConvGradWeights", x, dy, dw, s)
	optional("ConvGradWeights", "db", db, dy.Shape[1])
	apart("ConvGradWeights", dw, db, x, dy)
	apart("ConvGradWeights", db, x, dy)
}

// convolves panics unless y has the shape of x convolved with w.
func convolves(kernel string, x, y, w *Tensor, s Window) {
	if len(x.Shape) != 5 {
		refuse(kernel, "the input is %v, want rank 5", x)
	}
	if len(y.Shape) != 5 {
		refuse(kernel, "the output is %v, want rank 5", y)
	}
	want(kernel, "w", w, tensor.Plain, y.Shape[1], x.Shape[1], s.Kernel[0], s.Kernel[1], s.Kernel[2])
	slides(kernel, x, y, y.Shape[1], s)
}

// slides panics unless the window takes the input x to the output y of c
// channels.
func slides(kernel string, x, y *Tensor, c int, s Window) {
	out, err := s.Out([3]int(x.Shape[2:]))
	if err != nil {
		refuse(kernel, "the input is %v, the output %v: %v", x, y, err)
	}
	if y.Shape[0] != x.Shape[0] || y.Shape[1] != c || [3]int(y.Shape[2:]) != out {
		refuse(kernel, "the output is %v for an input of %v, want %v", y, x,
			tensor.Shape{x.Shape[0], c, out[0], out[1], out[2]})
	}
}

// optional panics unless t is nil or plain [c].
func optional(kernel, name string, t *Tensor, c int) {
	if t != nil {
		want(kernel, name, t, tensor.Plain, c)
	}
}

// Norm checks shapes and layouts.
func (Check) Norm(y, stats, x, gamma, beta, res *Tensor, s NormSpec) {
	blocked("Norm", "x", x)
	alike("Norm", "y", y, "x", x)
	if res != nil {
		alike("Norm", "res", res, "x", x)
	}
	statistics("Norm", stats, x, s)
	both("Norm", "gamma", gamma, "beta", beta, x.Shape[1])
	apart("Norm", y, x, res)
}

// NormGrad checks shapes and layouts.
func (Check) NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma *Tensor, s NormSpec) {
	const kernel = "NormGrad"
	blocked(kernel, "x", x)
	alike(kernel, "dx", dx, "x", x)
	alike(kernel, "dy", dy, "x", x)
	alike(kernel, "y", y, "x", x)
	if dres != nil {
		alike(kernel, "dres", dres, "x", x)
	}
	statistics(kernel, stats, x, s)
	both(kernel, "dgamma", dgamma, "dbeta", dbeta, x.Shape[1])
	both(kernel, "gamma", gamma, "dgamma", dgamma, x.Shape[1])
	apart(kernel, dx, dres, dy, y, x)
	apart(kernel, dres, dy, y, x)
}

// statistics panics unless stats is of the shape that a norm of x writes.
func statistics(kernel string, stats, x *Tensor, s NormSpec) {
	switch s.Per {
	case Instance:
		want(kernel, "stats", stats, tensor.Plain, x.Shape[0], x.Shape[1], 2)
	case Batch:
		want(kernel, "stats", stats, tensor.Plain, x.Shape[1], 2)
	default:
		refuse(kernel, "there is no normalisation %d", s.Per)
	}
}

// both panics unless both are nil or both plain [c].
func both(kernel, a string, t *Tensor, b string, u *Tensor, c int) {
	optional(kernel, a, t, c)
	optional(kernel, b, u, c)
	if (t == nil) != (u == nil) {
		refuse(kernel, "of %s and %s one is nil", a, b)
	}
}

// Running checks shapes, and that the batch has an unbiased variance.
func (Check) Running(running, stats *Tensor, momentum, eps float32, count int) {
	rank("Running", "running", running, 2, 2)
	want("Running", "running", running, tensor.Plain, running.Shape[0], 2)
	alike("Running", "stats", stats, "running", running)
	apart("Running", running, stats)
	if count < 2 {
		refuse("Running", "%d values a channel have no unbiased variance", count)
	}
}

// Frozen checks shapes.
func (Check) Frozen(stats, running *Tensor, eps float32) {
	rank("Frozen", "running", running, 2, 2)
	want("Frozen", "running", running, tensor.Plain, running.Shape[0], 2)
	alike("Frozen", "stats", stats, "running", running)
	apart("Frozen", stats, running)
}

// MaxPool checks shapes and layouts, and that no window lies in the padding.
func (Check) MaxPool(y, tap, x *Tensor, s Window) {
	blocked("MaxPool", "x", x)
	blocked("MaxPool", "y", y)
	alike("MaxPool", "tap", tap, "y", y)
	slides("MaxPool", x, y, x.Shape[1], s)
	pools("MaxPool", s)
	apart("MaxPool", y, tap, x)
	apart("MaxPool", tap, x)
}

// MaxPoolGrad checks shapes and layouts.
func (Check) MaxPoolGrad(dx, dy, tap *Tensor, s Window) {
	blocked("MaxPoolGrad", "dx", dx)
	blocked("MaxPoolGrad", "dy", dy)
	alike("MaxPoolGrad", "tap", tap, "dy", dy)
	slides("MaxPoolGrad", dx, dy, dx.Shape[1], s)
	pools("MaxPoolGrad", s)
	apart("MaxPoolGrad", dx, dy, tap)
}

func pools(kernel string, s Window) {
	for a := range 3 {
		if s.Normal().Dilation[a] != 1 {
			refuse(kernel, "the window's dilation is %v, want 1", s.Dilation)
		}
		if s.Pad[a] >= s.Kernel[a] {
			refuse(kernel, "a window of %v would lie wholly in a padding of %v", s.Kernel, s.Pad)
		}
	}
}

// Mean checks shapes and layouts.
func (Check) Mean(y, x *Tensor) {
	blocked("Mean", "x", x)
	want("Mean", "y", y, tensor.Plain, x.Shape[0], x.Shape[1])
}

// MeanGrad checks shapes and layouts.
func (Check) MeanGrad(dx, dy *Tensor) {
	blocked("MeanGrad", "dx", dx)
	want("MeanGrad", "dy", dy, tensor.Plain, dx.Shape[0], dx.Shape[1])
}

// Upsample checks shapes and layouts.
func (Check) Upsample(y, x *Tensor, linear bool) {
	enlarges("Upsample", y, x)
	apart("Upsample", y, x)
}

// UpsampleGrad checks shapes and layouts.
func (Check) UpsampleGrad(dx, dy *Tensor, linear bool) {
	enlarges("UpsampleGrad", dy, dx)
	apart("UpsampleGrad", dx, dy)
}

// enlarges panics unless large is small by whole factors.
func enlarges(kernel string, large, small *Tensor) {
	l, s := large.Shape, small.Shape
	ok := large.Layout == small.Layout && len(l) == 5 && len(s) == 5 && l[0] == s[0] && l[1] == s[1]
	for a := 2; ok && a < 5; a++ {
		ok = l[a]%s[a] == 0
	}
	if !ok {
		refuse(kernel, "%v is not %v enlarged by whole factors", large, small)
	}
}

// Channels checks shapes, layouts and ranges.
func (Check) Channels(y *Tensor, y0 int, x *Tensor, x0, count int) {
	ok := y.Layout == x.Layout && len(y.Shape) == len(x.Shape) && len(y.Shape) >= 2
	for a := 0; ok && a < len(y.Shape); a++ {
		ok = a == 1 || y.Shape[a] == x.Shape[a]
	}
	if !ok {
		refuse("Channels", "y is %v, x is %v: they may differ in index 1 alone", y, x)
	}
	if count < 1 || y0 < 0 || x0 < 0 || y0+count > y.Shape[1] || x0+count > x.Shape[1] {
		refuse("Channels", "%d channels from %d on of %v to %d on of %v", count, x0, x, y0, y)
	}
	apart("Channels", y, x)
}
