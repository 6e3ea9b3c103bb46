// Package pipeline runs a function over a sequence on several goroutines and
// keeps the sequence's order.
package pipeline

import (
	"context"
	"iter"
	"sync"
)

type result[T any] struct {
	v   T
	err error
}

// FlatMap calls fn on the values of in, at most workers at a time, and yields
// what each call emits, in the order of in. So the output does not depend on
// scheduling, nor on workers.
//
// The sequence ends after the first error, which comes in its place in the
// order: from in, from fn, or ctx's. When the consumer stops early, FlatMap
// cancels the context it gave fn and returns once every goroutine has ended.
// At most workers values are in memory, each with one output not yet taken.
//
// emit reports whether fn should go on; fn must return soon after a false.
func FlatMap[In, Out any](ctx context.Context, workers int, in iter.Seq2[In, error], fn func(ctx context.Context, v In, emit func(Out) bool) error) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		var wg sync.WaitGroup
		defer wg.Wait()
		fctx, cancel := context.WithCancel(ctx)
		defer cancel() // before wg.Wait

		// One channel per value, in order: the queue is the order, and its
		// capacity with the one being drained is the bound.
		queue := make(chan chan result[Out], max(workers, 1)-1)
		wg.Go(func() {
			defer close(queue)
			for v, inErr := range in {
				out := make(chan result[Out])
				select {
				case queue <- out:
				case <-fctx.Done():
					return
				}
				send := func(r result[Out]) bool {
					select {
					case out <- r:
						return true
					case <-fctx.Done():
						return false
					}
				}
				wg.Go(func() {
					defer close(out)
					err := inErr
					if err == nil {
						err = fn(fctx, v, func(o Out) bool { return send(result[Out]{v: o}) })
					}
					if err != nil {
						send(result[Out]{err: err})
					}
				})
				if inErr != nil {
					return
				}
			}
		})

		for out := range queue {
			for r := range out {
				if !yield(r.v, r.err) || r.err != nil {
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
