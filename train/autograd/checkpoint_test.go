package autograd_test

import (
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine"
)

// within does f as it is or in a checkpoint.
func within(checkpoint bool, t *autograd.Tape, f build, xs ...*autograd.Var) []*autograd.Var {
	if !checkpoint {
		return f(t, xs)
	}
	return t.Checkpoint(f, xs...)
}

// TestCheckpoint holds that a checkpoint changes no bit of a value or of a
// gradient, and gives all memory back.
func TestCheckpoint(t *testing.T) {
	leaves := []leaf{plain(3, 3), plain(3, 3), plain(3)}
	cases := []struct {
		name string
		f    func(checkpoint bool) build
	}{
		{"two outputs, dropout before, inside and after", func(checkpoint bool) build {
			return func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
				y := t.Dropout(x[0], .3)
				ys := within(checkpoint, t, mixed, y, x[1], x[2])
				return []*autograd.Var{t.Dropout(t.Add(ys[0], y), .3), ys[1]}
			}
		}},
		{"an input used before and after", func(checkpoint bool) build {
			return func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
				y := t.Scale(x[0], 1.1)
				z := within(checkpoint, t, mixed, y, x[1], x[2])
				return []*autograd.Var{t.Mul(z[0], y), t.Mul(y, y), t.Linear(z[1], x[1], x[2])}
			}
		}},
		{"leaves inside alone", func(checkpoint bool) build {
			return func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
				c := t.Const(x[0].Value)
				return within(checkpoint, t, func(t *autograd.Tape, c []*autograd.Var) []*autograd.Var {
					return mixed(t, []*autograd.Var{c[0], x[1], x[2]})
				}, c)
			}
		}},
		{"an output of no use, and one that needs no gradient", func(checkpoint bool) build {
			return func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
				ys := within(checkpoint, t, func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
					ys := mixed(t, x)
					return append(ys, t.Scale(t.Stop(ys[0]), 2))
				}, x...)
				return []*autograd.Var{t.Mul(ys[2], ys[1])}
			}
		}},
		{"one in another", func(checkpoint bool) build {
			return func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
				return within(checkpoint, t, func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
					y := t.Dropout(x[0], .2)
					ys := within(checkpoint, t, mixed, y, x[1], x[2])
					return []*autograd.Var{t.Mul(ys[0], t.Dropout(ys[1], .2))}
				}, x...)
			}
		}},
		{"constants inside", func(checkpoint bool) build {
			return func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
				return within(checkpoint, t, func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
					return []*autograd.Var{t.Gather(mixed(t, x)[0], []int{2, 0, -1, 2})}
				}, x...)
			}
		}},
		{"a view as an input, and of an output", func(checkpoint bool) build {
			return func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
				v := t.View(t.View(t.Scale(x[0], 2), 9), 3, 3)
				ys := within(checkpoint, t, mixed, v, x[1], x[2])
				return []*autograd.Var{t.Mul(t.View(ys[0], 9), t.View(v, 9))}
			}
		}},
		{"nothing needs a gradient", func(checkpoint bool) build {
			return func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
				ys := within(checkpoint, t, mixed, t.Stop(x[0]), t.Stop(x[1]), t.Stop(x[2]))
				return []*autograd.Var{t.Mul(ys[0], x[0])}
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var values, gradients [2][][]float32
			for k, checkpoint := range []bool{false, true} {
				b := newTestBench(leaves...)
				used := b.eng.Memory().InUse
				for _, y := range c.f(checkpoint)(b.tape, b.vars()) {
					values[k] = append(values[k], b.read(t, y.Value))
				}
				b.tape.Reset()
				gradients[k] = b.gradients(t, c.f(checkpoint))
				if now := b.eng.Memory().InUse; now != used {
					t.Errorf("checkpoint %v: %d bytes are in use, before it were %d", checkpoint, now, used)
				}
			}
			if !slices.EqualFunc(values[0], values[1], slices.Equal[[]float32]) {
				t.Errorf("values %v, without checkpoint %v", values[1], values[0])
			}
			if !slices.EqualFunc(gradients[0], gradients[1], slices.Equal[[]float32]) {
				t.Errorf("gradients %v, without checkpoint %v", gradients[1], gradients[0])
			}
		})
	}
}

// A variable inside gets its gradient on a frozen tape too.
func TestCheckpointOfAVariable(t *testing.T) {
	var got [2][]float32
	for k, checkpoint := range []bool{false, true} {
		b := newTestBench(plain(4, 3), plain(2))
		b.tape.Frozen = true
		y := within(checkpoint, b.tape, func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
			return []*autograd.Var{t.Gate(x[0], t.Variable(b.values[1], b.grads[1]))}
		}, b.tape.Const(b.values[0]))[0]
		b.tape.Probe(y, weights(12))
		if err := b.tape.Backward(); err != nil {
			t.Fatal(err)
		}
		got[k] = b.read(t, b.grads[1])
	}
	if !slices.Equal(got[0], got[1]) {
		t.Errorf("gradient %v, without checkpoint %v", got[1], got[0])
	}
}

// TestReplaying holds that f is told when it is done again, and is done again
// only where a gradient comes by.
func TestReplaying(t *testing.T) {
	for _, frozen := range []bool{false, true} {
		b := newTestBench(plain(2, 3))
		b.tape.Frozen = frozen
		var calls []bool
		y := b.tape.Checkpoint(func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
			calls = append(calls, t.Replaying())
			return []*autograd.Var{t.Map(x[0], engine.Func{Kind: engine.Sigmoid})}
		}, b.vars()...)[0]
		b.tape.Probe(y, weights(6))
		if err := b.tape.Backward(); err != nil {
			t.Fatal(err)
		}
		want := []bool{false, true}
		if frozen {
			want = want[:1]
		}
		if !slices.Equal(calls, want) {
			t.Errorf("frozen %v: Replaying said %v, want %v", frozen, calls, want)
		}
	}
}

// TestCheckpointMemory holds that what is computed inside is not kept, and that
// on the way back only that of one is there at a time.
func TestCheckpointMemory(t *testing.T) {
	const size, depth = 1000, 8
	var used, peak [2]int64
	for k, checkpoint := range []bool{false, true} {
		b := newTestBench(plain(size))
		y := b.vars()[0]
		before := b.eng.Memory().InUse
		for range 3 {
			y = within(checkpoint, b.tape, func(t *autograd.Tape, x []*autograd.Var) []*autograd.Var {
				y := x[0]
				for range depth {
					y = t.Map(y, engine.Func{Kind: engine.Sigmoid})
				}
				return []*autograd.Var{y}
			}, y)[0]
		}
		used[k] = (b.eng.Memory().InUse - before) / size / 4
		b.tape.Probe(y, weights(size))
		if err := b.tape.Backward(); err != nil {
			t.Fatal(err)
		}
		peak[k] = (b.eng.Memory().Peak - before) / size / 4
	}
	if used != [2]int64{3 * depth, 3} {
		t.Errorf("%d values are kept without checkpoints, %d with: want %d and 3", used[0], used[1], 3*depth)
	}
	// All values and two gradients; two outputs, the values of one checkpoint, and
	// two gradients.
	if peak != [2]int64{3*depth + 2, 2 + depth + 2} {
		t.Errorf("at most %d values are there without checkpoints, %d with: want %d and %d", peak[0], peak[1], 3*depth+2, depth+4)
	}
}
