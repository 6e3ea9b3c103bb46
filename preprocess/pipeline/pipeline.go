// Package pipeline runs a function over a sequence on several goroutines and
// keeps the sequence's order.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"
)

// FlatMap calls fn on the values of in, at most workers at a time, and yields
// what each call emits, in the order of in. So the output does not depend on
// scheduling, nor on workers.
//
// The sequence ends after the first error, which comes in its place in the
// order: from in, from fn, or ctx's cause. When the consumer stops early,
// FlatMap cancels the context it gave fn and returns once every goroutine has
// ended. A panic in in or fn becomes a panic of the consumer's goroutine, in
// its place in the order.
//
// At most workers calls of fn are under way, and at most as many have ended
// ahead of their turn; each has up to four outputs not yet taken, and waits with
// more. So a worker that is done early goes on to the next value. With one worker
// or less everything runs on the consumer's goroutine, one output at a time: that
// is one core and no more.
//
// emit reports whether fn should go on; fn must return soon after a false, and
// must not call emit after it has returned or from another goroutine. What fn
// does between two emits waits for the consumer: costly work there should
// precede the first.
func FlatMap[In, Out any](ctx context.Context, workers int, in iter.Seq2[In, error], fn func(ctx context.Context, v In, emit func(Out) bool) error) iter.Seq2[Out, error] {
	if workers <= 1 {
		return serial(ctx, in, fn)
	}
	return parallel(ctx, workers, in, fn)
}

func serial[In, Out any](ctx context.Context, in iter.Seq2[In, error], fn func(context.Context, In, func(Out) bool) error) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		fctx, cancel := context.WithCancel(ctx)
		defer cancel()
		left := false
		emit := func(o Out) bool {
			if left || ctx.Err() != nil {
				return false
			}
			if !yield(o, nil) {
				left = true
				cancel()
			}
			return !left
		}
		for v, err := range in {
			if ctx.Err() != nil {
				break
			}
			if err == nil {
				err = fn(fctx, v, emit)
			}
			if left {
				return
			}
			if err != nil {
				yield(*new(Out), causeOf(ctx, err))
				return
			}
		}
		if ctx.Err() != nil {
			yield(*new(Out), context.Cause(ctx))
		}
	}
}

// result is an output, an error, or a panic on its way to the consumer.
type result[T any] struct {
	v        T
	err      error
	panicked *panicked
}

func parallel[In, Out any](ctx context.Context, workers int, in iter.Seq2[In, error], fn func(context.Context, In, func(Out) bool) error) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		var wg sync.WaitGroup
		defer wg.Wait()
		fctx, cancel := context.WithCancel(ctx)
		defer cancel() // before wg.Wait

		// One channel per value, in order: the queue is the order, and its
		// capacity with the one being drained is the bound. slots bounds the
		// calls under way.
		queue := make(chan chan result[Out], 2*workers-1)
		slots := make(chan struct{}, workers)
		wg.Go(func() {
			defer close(queue)
			feed(fctx, &wg, queue, slots, in, fn)
		})
		for out := range queue {
			for r := range out {
				if r.panicked != nil {
					panic(r.panicked.String())
				}
				if !yield(r.v, causeOf(ctx, r.err)) || r.err != nil {
					return
				}
			}
			if ctx.Err() != nil { // out may have been cut short: yield nothing after it
				break
			}
		}
		if ctx.Err() != nil {
			yield(*new(Out), context.Cause(ctx))
		}
	}
}

// ahead is how many outputs of a call wait for their turn, so that a call with no
// more than these can end and free what it worked on.
const ahead = 4

// feed starts fn on the values of in. It takes a slot and a place in the queue
// before it takes a value, so that no value waits outside the bounds; the place
// left over at the end stays empty.
func feed[In, Out any](ctx context.Context, wg *sync.WaitGroup, queue chan<- chan result[Out], slots chan struct{}, in iter.Seq2[In, error], fn func(context.Context, In, func(Out) bool) error) {
	var out chan result[Out]
	place := func() bool {
		out = nil
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		next := make(chan result[Out], ahead)
		select {
		case queue <- next:
			out = next
		case <-ctx.Done():
		}
		return out != nil
	}
	if !place() {
		return
	}
	p, _ := catch(func() error {
		for v, inErr := range in {
			here := out
			wg.Go(func() {
				defer func() { <-slots }()
				defer close(here)
				p, err := catch(func() error {
					if inErr != nil {
						return inErr
					}
					return fn(ctx, v, func(o Out) bool { return send(ctx, here, result[Out]{v: o}) })
				})
				if p != nil || err != nil {
					send(ctx, here, result[Out]{err: err, panicked: p})
				}
			})
			out = nil
			if inErr != nil || !place() {
				break
			}
		}
		return nil
	})
	if out != nil {
		if p != nil {
			send(ctx, out, result[Out]{panicked: p})
		}
		close(out)
	}
}

// send reports whether the consumer took r.
func send[T any](ctx context.Context, out chan<- result[T], r result[T]) bool {
	if ctx.Err() != nil { // select would toss a coin
		return false
	}
	select {
	case out <- r:
		return true
	case <-ctx.Done():
		return false
	}
}

// panicked is a panic's value and where it happened.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) String() string {
	return fmt.Sprintf("%v\n\nin a worker of pipeline.FlatMap:\n%s", p.value, p.stack)
}

// catch calls f and returns its panic or its error.
func catch(f func() error) (p *panicked, err error) {
	defer func() {
		if v := recover(); v != nil {
			p = &panicked{v, debug.Stack()}
		}
	}()
	return nil, f()
}

// causeOf returns the cause of ctx's end where err is nothing but that end.
func causeOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}
