package autograd

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Var is a value on a tape.
type Var struct {
	// Value is on the tape's engine; its contents must not be changed. nil after
	// an operation that did not fit.
	Value *engine.Tensor

	owned bool // Value is the tape's to free
	needs bool // a gradient is wanted
	grad  *engine.Tensor
	into  *engine.Tensor // of a leaf: the caller's tensor for the gradient
	begun bool           // into holds a part of the gradient
	base  *Var           // of a view: whose memory it shares, and whose gradient
}

// Shape returns the shape of v's value.
func (v *Var) Shape() tensor.Shape {
	if v.Value == nil {
		return nil
	}
	return v.Value.Shape
}

// Tape records operations. It is for one goroutine.
type Tape struct {
	Engine engine.Engine
	// Train says that dropout drops and batch norm takes the statistics of the
	// batch.
	Train bool
	// Frozen says that leaves are constants, but for those made by Variable.
	Frozen bool
	// Accumulate says that gradients are added to what leaves' tensors hold.
	Accumulate bool
	// Seed is the seed of dropout; each call on a tape draws differently.
	Seed uint64

	ops    []op
	temps  []*engine.Tensor // freed by Reset: constants, and buffers of layers
	leaves map[*engine.Tensor]*Var
	draws  uint64
	replay bool // this is the second time that the operations are done
	err    error
}

// op is an operation: its output, and what gives the gradient on to its inputs.
// A loss has no output.
type op struct {
	out  *Var
	back func(dy *engine.Tensor)
	held []*engine.Tensor // freed once back has run
}

// New returns an empty tape in training mode.
func New(e engine.Engine) *Tape {
	return &Tape{Engine: e, Train: true}
}

// Err returns the first operation that did not fit.
func (t *Tape) Err() error { return t.err }

// Fail keeps err as Err does, if it is the first: for what layers find wrong.
func (t *Tape) Fail(err error) *Var {
	if t.err == nil {
		t.err = err
	}
	return &Var{}
}

func (t *Tape) failf(format string, args ...any) *Var {
	return t.Fail(fmt.Errorf("autograd: "+format, args...))
}

// Replaying reports whether the operations are done for a second time, for the
// gradient of [Tape.Checkpoint]: what has an effect besides its value, like the
// running statistics of batch norm, must not have it twice.
func (t *Tape) Replaying() bool { return t.replay }

// Const returns a value that needs no gradient. x stays the caller's.
func (t *Tape) Const(x *engine.Tensor) *Var { return &Var{Value: x} }

// Temp returns a constant that the tape frees, with values from the host.
func (t *Tape) Temp(values []float32, l tensor.Layout, shape ...int) *Var {
	x := t.Engine.New(shape, l)
	t.temps = append(t.temps, x)
	t.Engine.Write(x, values)
	return &Var{Value: x}
}

// Parts returns a plain constant that the tape frees, of count parts of equal
// size after each other, which fill writes one by one. Where the size allows it,
// the host needs memory for one alone.
func (t *Tape) Parts(count int, fill func(i int, part []float32), shape ...int) *Var {
	x := t.Buffer(shape...)
	size := x.Shape.Len() / count
	if size%engine.Align != 0 {
		all := make([]float32, x.Shape.Len())
		for i := range count {
			fill(i, all[i*size:][:size])
		}
		t.Engine.Write(x, all)
		return &Var{Value: x}
	}
	part := make([]float32, size)
	for i := range count {
		fill(i, part)
		t.Engine.Write(t.Engine.Slice(x, i*size, tensor.Shape{size}), part)
	}
	return &Var{Value: x}
}

// Buffer returns a plain tensor that the tape frees on Reset.
func (t *Tape) Buffer(shape ...int) *engine.Tensor {
	x := t.Engine.New(shape, tensor.Plain)
	t.temps = append(t.temps, x)
	return x
}

// Leaf returns a parameter: its gradient is written to grad by Backward. The
// same x gives the same Var. On a Frozen tape, and where grad is nil, it is a
// constant.
func (t *Tape) Leaf(x, grad *engine.Tensor) *Var {
	if t.Frozen || grad == nil {
		return t.Const(x)
	}
	return t.Variable(x, grad)
}

// Variable is Leaf on any tape.
func (t *Tape) Variable(x, grad *engine.Tensor) *Var {
	if v := t.leaves[x]; v != nil {
		return v
	}
	if t.leaves == nil {
		t.leaves = map[*engine.Tensor]*Var{}
	}
	v := &Var{Value: x, into: grad, needs: true, begun: t.Accumulate}
	if t.leaves == nil { // a tape needs nothing but its engine
		t.leaves = map[*engine.Tensor]*Var{}
	}
	t.leaves[x] = v
	return v
}

// Stop returns x as a constant: no gradient goes through it.
func (t *Tape) Stop(x *Var) *Var { return &Var{Value: x.Value} }

// bad reports whether an operation can't be done because an earlier one could
// not.
func (t *Tape) bad(vs ...*Var) bool {
	if t.err != nil {
		return true
	}
	for _, v := range vs {
		if v == nil || v.Value == nil {
			t.failf("an operand has no value")
			return true
		}
	}
	return false
}

// result returns a new variable of the given shape, needing a gradient if one
// of from does.
func (t *Tape) result(s tensor.Shape, l tensor.Layout, from ...*Var) *Var {
	y := &Var{Value: t.Engine.New(s, l), owned: true}
	for _, v := range from {
		y.needs = y.needs || v != nil && v.needs
	}
	return y
}

// record notes an operation. Where no gradient is wanted only its output is
// kept, to be freed.
func (t *Tape) record(y *Var, back func(dy *engine.Tensor), held ...*engine.Tensor) *Var {
	if !y.needs {
		back = nil
	}
	t.ops = append(t.ops, op{y, back, held})
	return y
}

// give lets write fill the gradient to v, or adds what it writes to what is
// there. write must overwrite all of its tensor.
func (t *Tape) give(v *Var, write func(g *engine.Tensor)) {
	if v == nil || !v.needs {
		return
	}
	g, done := t.part(v)
	write(g)
	done()
}

// pass gives all of the gradient to y on to v, which is of the same shape and
// layout: the tensor itself where v has no part of its gradient yet.
func (t *Tape) pass(v, y *Var) {
	if v.needs && v.base == nil && v.into == nil && v.grad == nil {
		v.grad, y.grad = y.grad, nil
		return
	}
	t.give(v, func(g *engine.Tensor) { t.Engine.Copy(g, y.grad) })
}

// part returns a tensor to write a part of the gradient to v to, and what to
// call once it is written. It is nil for a nil v, and thrown away for one that
// needs no gradient: for kernels that write several at once.
func (t *Tape) part(v *Var) (g *engine.Tensor, done func()) {
	switch {
	case v == nil:
		return nil, func() {}
	case v.needs && v.base != nil:
		g, done = t.part(v.base)
		return t.Engine.View(g, v.Value.Shape), done
	case v.needs && v.into != nil && !v.begun:
		v.begun = true
		return v.into, func() {}
	}
	g = t.Engine.New(v.Value.Shape, v.Value.Layout)
	return g, func() {
		sum := v.grad
		if v.into != nil {
			sum = v.into
		}
		switch {
		case !v.needs:
		case sum == nil:
			v.grad = g
			return
		default:
			t.Engine.Axpby(sum, 1, g, 1)
		}
		t.Engine.Free(g)
	}
}

// Backward gives the sum of the losses on the tape back to its leaves, and
// empties the tape. Leaves that no loss depends on get zeros. After an error it
// does nothing else.
func (t *Tape) Backward() error {
	for t.err == nil && len(t.ops) > 0 {
		t.pop()
	}
	for _, v := range t.leaves {
		if t.err == nil && !v.begun {
			t.Engine.Fill(v.into, 0)
		}
	}
	err := t.err
	t.Reset()
	return err
}

// pop goes back through the last operation.
func (t *Tape) pop() {
	o := t.ops[len(t.ops)-1]
	t.ops[len(t.ops)-1] = op{}
	t.ops = t.ops[:len(t.ops)-1]
	switch {
	case o.back == nil:
	case o.out == nil:
		o.back(nil)
	case o.out.grad != nil:
		o.back(o.out.grad)
	}
	t.free(o)
}

func (t *Tape) free(o op) {
	for _, x := range o.held {
		t.Engine.Free(x)
	}
	if o.out == nil {
		return
	}
	if o.out.grad != nil {
		t.Engine.Free(o.out.grad)
		o.out.grad = nil
	}
	if o.out.owned {
		t.Engine.Free(o.out.Value)
		o.out.owned, o.out.Value = false, nil
	}
}

// Reset empties the tape and frees what it owns. An error is forgotten.
func (t *Tape) Reset() {
	for i, o := range t.ops {
		t.free(o)
		t.ops[i] = op{}
	}
	for _, x := range t.temps {
		t.Engine.Free(x)
	}
	t.ops, t.temps = t.ops[:0], t.temps[:0]
	t.draws, t.err = 0, nil
	t.leaves = nil // and not cleared: an inner tape shares it
}

// Checkpoint does f without keeping what it computes on its way, and does it
// again when the gradient comes by: memory for time, and the same bits. f must
// depend on its arguments and on leaves alone, put no loss on the tape, and
// return values that it computed, no views of others. After an error they have
// no values.
func (t *Tape) Checkpoint(f func(t *Tape, xs []*Var) []*Var, xs ...*Var) []*Var {
	if t.bad(xs...) {
		return f(t, xs) // nothing is done, but there are as many outputs
	}
	draws := t.draws
	once := t.inner(draws)
	defer once.Reset()
	outs, needs := f(once, xs), false
	t.draws = once.draws
	if once.err != nil {
		t.Fail(once.err)
		return outs
	}
	for i, y := range outs {
		if !y.owned {
			t.failf("checkpoint: output %d was not computed inside, is a view or stands twice", i)
			continue
		}
		// It outlives the inner tape.
		outs[i] = &Var{Value: y.Value, owned: true, needs: y.needs}
		y.owned = false
		needs = needs || y.needs
		t.ops = append(t.ops, op{out: outs[i]})
	}
	// The way back lies above the outputs, so that their gradients are whole when
	// it is taken.
	if needs {
		t.ops = append(t.ops, op{back: func(*engine.Tensor) { t.again(f, xs, outs, draws) }})
	}
	return outs
}

// again repeats f with a record and goes back through it.
func (t *Tape) again(f func(t *Tape, xs []*Var) []*Var, xs, outs []*Var, draws uint64) {
	for _, y := range outs { // all that used it is done
		t.Engine.Free(y.Value)
		y.owned, y.Value = false, nil
	}
	sub := t.inner(draws)
	sub.replay = true
	for i, y := range f(sub, xs) {
		y.grad, outs[i].grad = outs[i].grad, nil
	}
	for sub.err == nil && len(sub.ops) > 0 {
		sub.pop()
	}
	if sub.err != nil {
		t.Fail(sub.err)
	}
	sub.Reset()
}

// inner returns an empty tape with the settings and the leaves of t.
func (t *Tape) inner(draws uint64) *Tape {
	if t.leaves == nil {
		t.leaves = map[*engine.Tensor]*Var{}
	}
	s := *t
	s.ops, s.temps, s.draws = nil, nil, draws
	return &s
}
