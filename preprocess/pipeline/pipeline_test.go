package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lacuna-ml/lacuna/preprocess/pipeline"
)

// count yields 0 to n-1, and then err if there is one.
func count(n int, err error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}

var errTest = errors.New("test")

// each runs the test in a bubble, where a goroutine left behind is a failure
// and time costs nothing, for several numbers of workers.
func each(t *testing.T, f func(t *testing.T, workers int)) {
	for _, workers := range []int{0, 1, 2, 3, 8} {
		t.Run(fmt.Sprintf("%d workers", workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, workers) })
		})
	}
}

func TestOrder(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		// Later values are done sooner.
		fn := func(_ context.Context, v int, emit func(string) bool) error {
			time.Sleep(time.Duration(20-v) * time.Second)
			for i := range v % 4 { // 0 to 3 outputs
				if !emit(fmt.Sprint(v, i)) {
					t.Error("emit says stop")
				}
			}
			return nil
		}
		var got, want []string
		for o, err := range pipeline.FlatMap(t.Context(), workers, count(20, nil), fn) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, o)
		}
		for v := range 20 {
			for i := range v % 4 {
				want = append(want, fmt.Sprint(v, i))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	})
}

func TestBounds(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		var alive, most, working, mostWorking atomic.Int64
		in := func(yield func(int, error) bool) {
			for i := range 30 {
				if n := alive.Add(1); n > most.Load() {
					most.Store(n)
				}
				if !yield(i, nil) {
					return
				}
			}
		}
		fn := func(_ context.Context, v int, emit func(int) bool) error {
			if n := working.Add(1); n > mostWorking.Load() {
				mostWorking.Store(n)
			}
			time.Sleep(time.Second)
			working.Add(-1)
			emit(v)
			return nil
		}
		for range pipeline.FlatMap(t.Context(), workers, in, fn) {
			time.Sleep(time.Duration(1+alive.Load()%3) * time.Second)
			alive.Add(-1) // done with: its only output is taken
		}
		want := int64(1)
		if workers > 1 {
			want = 2 * int64(workers)
		}
		if got := most.Load(); got != want {
			t.Errorf("%d values alive at once, want %d", got, want)
		}
		if got, want := mostWorking.Load(), int64(max(workers, 1)); got != want {
			t.Errorf("%d calls under way at once, want %d", got, want)
		}
	})
}

// A call whose outputs wait for an earlier one must not keep its worker idle.
func TestAnEarlyWorkerGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := func(yield func(int, error) bool) {
			for i := range 8 {
				if !yield(i, nil) {
					return
				}
			}
		}
		fn := func(_ context.Context, v int, emit func(int) bool) error {
			time.Sleep(time.Duration(1+2*(v%2)) * time.Second) // 1 s, 3 s, 1 s, 3 s...
			emit(v)
			return nil
		}
		start := time.Now()
		for range pipeline.FlatMap(t.Context(), 2, in, fn) {
		}
		// 16 s of work for two: 9 s at best with these lengths, 12 in lockstep.
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestWorkersWorkAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for range pipeline.FlatMap(t.Context(), 4, count(40, nil), func(_ context.Context, v int, emit func(int) bool) error {
			time.Sleep(time.Second)
			emit(v)
			return nil
		}) {
		}
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("40 seconds of work took 4 workers %s, want 10s", d)
		}
	})
}

func TestOneWorkerIsTheConsumersGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for o, err := range pipeline.FlatMap(t.Context(), 1, count(3, nil), func(_ context.Context, _ int, emit func(int) bool) error {
		emit(runtime.NumGoroutine())
		return nil
	}) {
		if err != nil || o > before {
			t.Errorf("%d goroutines, %d before (error %v)", o, before, err)
		}
	}
}

func TestFirstErrorInOrder(t *testing.T) {
	errEarly, errLate := errors.New("early in order, late in time"), errors.New("late in order, early in time")
	for _, tc := range []struct {
		name string
		in   iter.Seq2[int, error]
		at   map[int]error
		want error
		outs int
	}{
		{"of fn", count(10, nil), map[int]error{3: errEarly, 4: errLate}, errEarly, 3},
		{"of in", count(5, errTest), nil, errTest, 5},
		{"of fn before that of in", count(4, errTest), map[int]error{2: errEarly}, errEarly, 2},
		{"none", count(6, nil), nil, nil, 6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			each(t, func(t *testing.T, workers int) {
				fn := func(_ context.Context, v int, emit func(int) bool) error {
					time.Sleep(time.Duration(10-v) * time.Second)
					if err := tc.at[v]; err != nil {
						return err
					}
					emit(v)
					return nil
				}
				outs, ends := 0, 0
				for _, err := range pipeline.FlatMap(t.Context(), workers, tc.in, fn) {
					if err == nil {
						outs++
						continue
					}
					if ends++; !errors.Is(err, tc.want) {
						t.Errorf("got %v, want %v", err, tc.want)
					}
				}
				if (ends == 1) != (tc.want != nil) || ends > 1 {
					t.Errorf("%d errors", ends)
				}
				if outs != tc.outs {
					t.Errorf("%d outputs before the end, want %d", outs, tc.outs)
				}
			})
		})
	}
}

// What fn gave before its error still comes.
func TestOutputsBeforeAnError(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		var got []int
		var last error
		for o, err := range pipeline.FlatMap(t.Context(), workers, count(3, nil), func(_ context.Context, v int, emit func(int) bool) error {
			emit(v)
			if v == 1 {
				return errTest
			}
			return nil
		}) {
			if last = err; err == nil {
				got = append(got, o)
			}
		}
		if !slices.Equal(got, []int{0, 1}) || !errors.Is(last, errTest) {
			t.Errorf("got %v, then %v", got, last)
		}
	})
}

func TestCancel(t *testing.T) {
	cause := errors.New("the power is gone")
	each(t, func(t *testing.T, workers int) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		go func() {
			time.Sleep(5500 * time.Millisecond)
			cancel(cause)
		}()
		outs, ends := 0, 0
		for o, err := range pipeline.FlatMap(ctx, workers, count(100, nil), func(ctx context.Context, v int, emit func(int) bool) error {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return fmt.Errorf("value %d: %w", v, ctx.Err())
			}
			emit(v)
			return nil
		}) {
			if err != nil {
				if ends++; !errors.Is(err, cause) {
					t.Errorf("got %v, want %v", err, cause)
				}
				continue
			}
			if o != outs {
				t.Errorf("output %d after %d outputs", o, outs)
			}
			outs++
		}
		if ends != 1 || outs < 5 || outs > 5*max(workers, 1) {
			t.Errorf("%d outputs and %d errors", outs, ends)
		}
	})
}

// A consumer that cancels and leaves at once is not called again.
func TestCancelAndBreak(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range pipeline.FlatMap(ctx, workers, count(9, nil), func(_ context.Context, v int, emit func(int) bool) error {
			emit(v)
			return nil
		}) {
			cancel()
			break
		}
	})
}

// Nor is one that leaves called by a function that does not listen to emit.
func TestDeafFunction(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		for range pipeline.FlatMap(t.Context(), workers, count(9, nil), func(_ context.Context, v int, emit func(int) bool) error {
			for range 3 {
				emit(v)
			}
			return errTest
		}) {
			break
		}
	})
}

func TestCancelledBeforehand(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		n := 0
		for o, err := range pipeline.FlatMap(ctx, workers, count(9, nil), func(ctx context.Context, v int, emit func(int) bool) error {
			emit(v)
			return ctx.Err()
		}) {
			if n++; err == nil || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, %v", o, err)
			}
		}
		if n != 1 {
			t.Errorf("%d results, want the one error", n)
		}
	})
}

// The bubble fails where a goroutine outlives the loop.
func TestEarlyBreakLeaksNothing(t *testing.T) {
	each(t, func(t *testing.T, workers int) {
		var running atomic.Int64
		stopped := false
		in := func(yield func(int, error) bool) {
			defer func() { stopped = true }()
			for i := 0; yield(i, nil); i++ {
			}
		}
		fn := func(ctx context.Context, v int, emit func(int) bool) error {
			running.Add(1)
			defer running.Add(-1)
			for emit(v) {
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
			return nil
		}
		n := 0
		for range pipeline.FlatMap(t.Context(), workers, in, fn) {
			if n++; n == 3 {
				break
			}
		}
		if r := running.Load(); r != 0 || !stopped {
			t.Errorf("after the loop %d calls run, in has ended: %v", r, stopped)
		}
	})
}

func TestPanicsReachTheConsumer(t *testing.T) {
	bad := func(yield func(int, error) bool) {
		if yield(0, nil) {
			panic("boom of in")
		}
	}
	for _, tc := range []struct {
		name string
		in   iter.Seq2[int, error]
		fn   func(v int)
		want string
	}{
		{"in fn", count(9, nil), func(v int) {
			if v == 2 {
				panic("boom of fn")
			}
		}, "boom of fn"},
		{"in in", bad, func(int) {}, "boom of in"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			each(t, func(t *testing.T, workers int) {
				defer func() {
					if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), tc.want) {
						t.Errorf("recovered %v, want %q", v, tc.want)
					}
				}()
				for range pipeline.FlatMap(t.Context(), workers, tc.in, func(_ context.Context, v int, emit func(int) bool) error {
					tc.fn(v)
					emit(v)
					return nil
				}) {
				}
			})
		})
	}
}

func ExampleFlatMap() {
	words := func(_ context.Context, line string, emit func(string) bool) error {
		for w := range strings.FieldsSeq(line) {
			if !emit(w) {
				break
			}
		}
		return nil
	}
	lines := func(yield func(string, error) bool) {
		_ = yield("a b", nil) && yield("", nil) && yield("c", nil)
	}
	for w, err := range pipeline.FlatMap(context.Background(), 4, lines, words) {
		fmt.Println(w, err)
	}
	// Output:
	// a <nil>
	// b <nil>
	// c <nil>
}
