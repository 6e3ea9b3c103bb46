// Package engine says what a device must be able to compute: [Engine], a list
// of kernels, forward and gradient, over tensors that live on it.
//
// # Contract
//
// The comment of a method is the specification of its kernel. Package reference
// below is the same in plain loops, and package enginetest compares a device
// with it.
//
//   - The first arguments are written, the others read. What is written is
//     overwritten whole, never added to, unless the comment says so.
//   - Shapes and layouts that do not fit are the caller's bug and panic;
//     package autograd checks them first, and says which do not fit.
//   - Elementwise kernels may be given the same tensor to read and to write.
//     Others may not.
//   - A NaN goes where arithmetic takes it, and nowhere else: a kernel never
//     multiplies by zero what it should leave out.
//   - The same call gives the same bits, for any number of cores.
//   - What goes wrong while a kernel runs (a device that is lost, no memory
//     left) is kept, and all later calls do nothing; [Engine.Read] and
//     [Engine.Wait] report it.
//
// An Engine and its tensors are for one goroutine at a time.
package engine

import (
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Buffer is memory of a device.
type Buffer any

// Tensor is an array on a device. Its Shape and Layout must not be changed.
type Tensor struct {
	Shape  tensor.Shape
	Layout tensor.Layout
	Buf    Buffer // the device's business
}

// String returns "2x16x32x64x64 blocked".
func (t *Tensor) String() string { return fmt.Sprintf("%v %v", t.Shape, t.Layout) }

// Align is the number of floats that the offsets given to [Engine.Slice] are
// multiples of.
const Align = 256

// Memory is what the tensors of an engine take, in bytes.
type Memory struct {
	InUse int64 // of tensors that are not freed
	Peak  int64 // the most that InUse was
	Held  int64 // got from the system, the spare included
}

// Engine is a device. In the comments, S is the voxels D x H x W of a tensor of
// rank 5, which is N x C x D x H x W.
type Engine interface {
	// Name says what it is and how it computes: "cpu, AVX-512, 2 workers".
	Name() string
	// New returns a tensor, its values undefined. A device may keep blocked
	// tensors in half precision, plain ones never.
	New(s tensor.Shape, l tensor.Layout) *Tensor
	// Free gives back what New returned. Its memory is used again; other tensors
	// that share it must not be used any more.
	Free(t *Tensor)
	// Slice returns a plain tensor that shares the memory of the plain tensor t
	// from value off on, off being a multiple of [Align]. It is not freed.
	Slice(t *Tensor, off int, s tensor.Shape) *Tensor
	// View returns a tensor of another shape of as many values that shares the
	// memory of t. Plain tensors take any shape; of blocked ones, N x C may
	// become N/k x kC, or the other way, where C (the smaller) is a multiple of
	// 16 or k is 1. It is not freed.
	View(t *Tensor, s tensor.Shape) *Tensor
	// Write copies values from the host, in plain order, whatever t's layout.
	Write(t *Tensor, plain []float32)
	// Read copies values to the host, in plain order. It waits for them.
	Read(plain []float32, t *Tensor) error
	// Wait returns when everything that was asked for is done.
	Wait() error
	// Memory returns what tensors take.
	Memory() Memory
	// Close ends the engine; its tensors are gone.
	Close() error

	Elementwise
	Volumes
	Rows
	Samples
	Losses
	Optimisers
}

// Elementwise kernels take tensors of one shape and one layout.
type Elementwise interface {
	// Fill writes v everywhere.
	Fill(y *Tensor, v float32)
	// Copy writes y = x. Layouts may differ, where the rank is 5.
	Copy(y, x *Tensor)
	// Axpby writes y = a x + b y. With b = 0, y is not read.
	Axpby(y *Tensor, a float32, x *Tensor, b float32)
	// Add writes z = x + y.
	Add(z, x, y *Tensor)
	// Mul writes z = x y.
	Mul(z, x, y *Tensor)
	// Map writes y = f(x).
	Map(f Func, y, x *Tensor)
	// MapGrad writes dx = dy f'(x), y being f(x).
	MapGrad(f Func, dx, dy, x, y *Tensor)
	// Dropout writes y = x / (1-p) where [Keep] says so, else 0. The gradient is
	// the same kernel on dy. i counts the floats of the tensor as it is stored.
	Dropout(y, x *Tensor, p float32, seed uint64)
}

// Volumes are kernels over tensors of rank 5. Unless said otherwise they are
// blocked.
type Volumes interface {
	// Conv writes, w being plain [Cout][Cin][kd][kh][kw] and b plain [Cout] or nil,
	//
	//	y[n][o][q] = b[o] + sum over i, k of w[o][i][k] x[n][i][q stride - pad + k dilation]
	//
	// x may also be plain, for the few channels of a first layer.
	Conv(y, x, w, b *Tensor, s Window)
	// ConvGradData writes the gradient to x of Conv, dx being blocked, plus b per
	// channel of dx, plain [Cin], or nil. With a bias it is the forward pass of a
	// transposed convolution, see [Window.Transposed].
	ConvGradData(dx, dy, w, b *Tensor, s Window)
	// ConvGradWeights writes the gradients to w and b of Conv; db may be nil.
	ConvGradWeights(dw, db, x, dy *Tensor, s Window)

	// Norm normalises, and adds and activates in the same pass:
	//
	//	z = gamma (x - mean) rstd + beta + res,   y = z > 0 ? z : Slope z
	//
	// gamma and beta are plain [C], both nil for 1 and 0. res is like x, nil for
	// 0. mean, and rstd = 1/sqrt(var + Eps) with the biased variance, go to
	// stats: [N][C][2] per Instance, [C][2] per Batch. With s.Frozen they are
	// read from there.
	Norm(y, stats, x, gamma, beta, res *Tensor, s NormSpec)
	// NormGrad writes the gradients to x, gamma, beta (nil where they were nil)
	// and res (nil where it was nil). y is what Norm wrote. With s.Frozen the
	// statistics are constants.
	NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma *Tensor, s NormSpec)
	// Running adds the statistics of a batch, [C][2], of count values a channel,
	// to running means and unbiased variances, [C][2]:
	// running = (1 - momentum) running + momentum of the batch.
	Running(running, stats *Tensor, momentum, eps float32, count int)
	// Frozen turns running means and variances, [C][2], into statistics for a
	// frozen Norm: mean, 1/sqrt(var + eps).
	Frozen(stats, running *Tensor, eps float32)

	// MaxPool writes the largest value of each window, the first of equal ones, a
	// NaN before all, and to tap, which is like y, its place in the window,
	// (kd H + kh) W + kw of the kernel. Padding is never the largest. s.Dilation
	// is 1.
	MaxPool(y, tap, x *Tensor, s Window)
	// MaxPoolGrad writes dx: each dy goes to where its value came from.
	MaxPoolGrad(dx, dy, tap *Tensor, s Window)
	// Mean writes y, plain [N][C], the mean over the voxels of x.
	Mean(y, x *Tensor)
	// MeanGrad writes dx = dy / S in every voxel.
	MeanGrad(dx, dy *Tensor)
	// Upsample enlarges D, H, W of x by whole factors to those of y. Both are of
	// one layout, either. With linear, each axis is interpolated between the
	// centres of voxels (align_corners false), values at the border held; else
	// the nearest value is taken.
	Upsample(y, x *Tensor, linear bool)
	// UpsampleGrad writes dx, the transposed of Upsample.
	UpsampleGrad(dx, dy *Tensor, linear bool)
	// Channels writes y[n][y0+c] = x[n][x0+c] for c < count, and leaves the other
	// channels of y as they are. Both blocked or both plain, of rank 2 or more,
	// with equal sizes but for index 1.
	Channels(y *Tensor, y0 int, x *Tensor, x0, count int)
}

// Rows are kernels over plain tensors of rank 2 or 3.
type Rows interface {
	// MatMul writes c = Alpha op(a) op(b) + bias, op being the transposed where
	// the spec says so. Rank 2, or 3 with one product for each first index. bias
	// is [columns of c] or nil.
	MatMul(c, a, b, bias *Tensor, s MatSpec)
	// SumRows writes s[j] = sum over i of x[i][j], x of rank 2.
	SumRows(s, x *Tensor)
	// Softmax writes y = exp(x - max) / sum over the last index.
	Softmax(y, x *Tensor)
	// SoftmaxGrad writes dx = y (dy - sum of dy y).
	SoftmaxGrad(dx, dy, y *Tensor)
	// LayerNorm normalises each row of x, [R][C], by its mean and biased
	// variance, scales by gamma [C] and adds beta [C]. stats is [R][2].
	LayerNorm(y, stats, x, gamma, beta *Tensor, eps float32)
	// LayerNormGrad writes its gradients.
	LayerNormGrad(dx, dgamma, dbeta, dy, x, stats, gamma *Tensor)
	// Standardise normalises each row of w, [R][K], as weights are: y = (w -
	// mean) rstd with rstd = 1/sqrt(var + eps), var unbiased. stats is [R][2].
	Standardise(y, stats, w *Tensor, eps float32)
	// StandardiseGrad writes dw.
	StandardiseGrad(dw, dy, y, stats *Tensor)
}

// Samples are kernels that treat each first index n alike, whatever the shape
// behind it and whatever the layout. Modalities are folded into the batch: with
// B samples of M modalities, n = b M + m.
type Samples interface {
	// ScaleSamples writes y[n] = s[n mod len(s)] x[n]; zeros where s is 0,
	// whatever x holds.
	ScaleSamples(y, x, s *Tensor)
	// DotSamples writes out[n] = sum of a[n] b[n]; out is plain [N].
	DotSamples(out, a, b *Tensor)
	// Gather writes y[n] = x[index[n]], zeros where index[n] is negative. index is
	// plain [N of y], its values whole. Shapes agree but for the first index.
	Gather(y, x, index *Tensor)
	// GatherGrad writes dx[k] = the sum, in order of n, of dy[n] over index[n] = k.
	GatherGrad(dx, dy, index *Tensor)
	// Impute writes y[b][m] = x[b][m] where mask[b][m] is not 0, else the mean of
	// x[b][k] over all k where it is. mask is plain [B][M], no row all 0.
	Impute(y, x, mask *Tensor)
	// ImputeGrad writes dx: dy[b][m] plus the mean's share of what is missing
	// where mask is not 0, else 0.
	ImputeGrad(dx, dy, mask *Tensor)
	// Distances writes d[b][i][j] = mean over elements of |f[b][i] - f[b][j]|^p
	// with p = 1 or 2, where coef[b][i][j] is not 0; else 0. d and coef are plain
	// [B][M][M].
	Distances(d, f, coef *Tensor, p int)
	// DistancesGrad writes the gradient of the sum of coef d to f as students:
	//
	//	df[b][j] = sum over i of coef[b][i][j] / elements  sign(f[b][j] - f[b][i])       p = 1
	//	df[b][j] = sum over i of coef[b][i][j] / elements  2 (f[b][j] - f[b][i])         p = 2
	//
	// with sign(0) = 0. The teacher i gets none.
	DistancesGrad(df, f, coef *Tensor, p int)
}

// Losses are kernels that end a network.
type Losses interface {
	// CrossEntropy writes, for rows of logits x and of target probabilities t,
	// both [R][C], loss[r] = -sum over c of t log softmax(x), and
	// dx = scale (softmax(x) sum(t) - t). A row of zeros in t counts nothing.
	CrossEntropy(loss, dx, x, t *Tensor, scale float32)
	// Regions writes sums over the voxels of plain logits x and targets t in
	// [0,1], both N x C x D x H x W, with p = sigmoid(x): sums[n][c] is
	//
	//	sum of p t,  sum of p,  sum of t,  sum of max(x,0) - x t + log(1 + exp(-|x|))
	Regions(sums, x, t *Tensor)
	// RegionsGrad writes dx = (coef0 t + coef1) p (1-p) + coef2 (p - t), coef
	// being plain [N][C][3].
	RegionsGrad(dx, x, t, coef *Tensor)
}

// Optimisers change plain tensors of equal length in place. g is not changed.
type Optimisers interface {
	// SGD is PyTorch's: g += Decay p; v = Momentum v + g; then p -= LR (g +
	// Momentum v) with Nesterov, else p -= LR v.
	SGD(p, v, g *Tensor, o SGDSpec)
	// Adam is PyTorch's: g += Decay p, or p -= LR Decay p first where Decoupled
	// (AdamW); m = Beta1 m + (1-Beta1) g; v = Beta2 v + (1-Beta2) g g;
	// p -= LR/(1-Beta1^Step) m / (sqrt(v/(1-Beta2^Step)) + Eps).
	Adam(p, m, v, g *Tensor, o AdamSpec)
}

// Window is how a convolution or a pool moves over D, H, W.
type Window struct {
	Kernel   [3]int
	Stride   [3]int // 0 is 1
	Pad      [3]int // voxels on either side
	Dilation [3]int // 0 is 1
}

// Cube returns the window of a kernel of k voxels each way, or in the plane
// where flat, with stride 1 and the padding that keeps the size of an odd k.
func Cube(k int, flat bool) Window {
	w := Window{Kernel: [3]int{k, k, k}, Pad: [3]int{k / 2, k / 2, k / 2}}
	if flat {
		w.Kernel[0], w.Pad[0] = 1, 0
	}
	return w
}

// Normal returns w with its defaults filled in.
func (w Window) Normal() Window {
	for a := range 3 {
		w.Stride[a], w.Dilation[a] = max(w.Stride[a], 1), max(w.Dilation[a], 1)
	}
	return w
}

// Out returns the size of the output for an input of size in, or what does not
// fit.
func (w Window) Out(in [3]int) (out [3]int, err error) {
	w = w.Normal()
	for a := range 3 {
		span := w.Dilation[a]*(w.Kernel[a]-1) + 1
		if w.Kernel[a] < 1 || w.Pad[a] < 0 || in[a]+2*w.Pad[a] < span {
			return out, fmt.Errorf("a window of %d voxels does not fit %v padded by %v", span, in, w.Pad)
		}
		out[a] = (in[a]+2*w.Pad[a]-span)/w.Stride[a] + 1
	}
	return out, nil
}

// Transposed returns the size of the output of a transposed convolution: the
// largest input that w would take to in.
func (w Window) Transposed(in [3]int) (out [3]int) {
	w = w.Normal()
	for a := range 3 {
		out[a] = (in[a]-1)*w.Stride[a] - 2*w.Pad[a] + w.Dilation[a]*(w.Kernel[a]-1) + 1
	}
	return out
}

// Per says what values share a mean and a variance.
type Per uint8

// The sets of values.
const (
	Instance Per = iota // those of one channel of one sample
	Batch               // those of one channel
)

// NormSpec describes a normalisation.
type NormSpec struct {
	Per    Per
	Eps    float32
	Slope  float32 // of the activation below 0: 1 for none, 0 for ReLU
	Frozen bool    // statistics are given, not taken from x
}

// MatSpec describes a product of matrices.
type MatSpec struct {
	TransA, TransB bool
	Alpha          float32 // 0 is 1
}

// Func is a function of one value.
type Func struct {
	Kind FuncKind
	A    float32
}

// FuncKind names a function.
type FuncKind uint8

// The functions.
const (
	LeakyReLU FuncKind = iota // x > 0 ? x : A x, with gradient A at 0; A = 0 is ReLU
	Sigmoid                   // 1 / (1 + exp(-x))
	GELU                      // x/2 (1 + erf(x/sqrt 2))
)

// SGDSpec are the parameters of a step of SGD.
type SGDSpec struct {
	LR, Momentum, Decay float32
	Nesterov            bool
}

// AdamSpec are the parameters of a step of Adam.
type AdamSpec struct {
	LR, Beta1, Beta2, Eps, Decay float32
	Decoupled                    bool
	Step                         int // from 1
}

// Corrected returns LR/(1-Beta1^Step) and 1/sqrt(1-Beta2^Step).
func (o AdamSpec) Corrected() (lr, scale float32) {
	b1 := 1 - math.Pow(float64(o.Beta1), float64(o.Step))
	b2 := 1 - math.Pow(float64(o.Beta2), float64(o.Step))
	return float32(float64(o.LR) / b1), float32(1 / math.Sqrt(b2))
}

// Keep reports whether dropout with probability p keeps value i of a tensor.
func Keep(seed uint64, i uint32, p float32) bool {
	return Hash(seed, i) >= Threshold(p)
}

// Threshold returns the hashes below which dropout drops.
func Threshold(p float32) uint32 { return uint32(min(float64(p)*(1<<32), 1<<32-1)) }

// Hash returns 32 bits that look random for each i. All devices compute the
// same.
func Hash(seed uint64, i uint32) uint32 {
	x := mix(i + uint32(seed))
	return mix(x ^ uint32(seed>>32))
}

// mix is a bijection of 32 bits in which each bit of the input changes about
// half of those of the output.
func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x7feb352d
	x ^= x >> 15
	x *= 0x846ca68b
	return x ^ x>>16
}
