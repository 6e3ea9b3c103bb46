package conv

import (
	"bufio"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// side is a convolution with its tensors, to be timed.
type side struct {
	Shape
	c                  *Conv
	pool               *pool.Pool
	layouts            Converter
	px, py, pdx        []float32 // plain
	x, y, dx           []float32 // in the layout of c; y is dy too
	w, dw, b, db       []float32
	packed, back, work []float32
}

func newSide(s Shape, workers int) (*side, error) {
	pool := pool.New(workers)
	c, err := New(s, pool, isa.Best)
	if err != nil {
		return nil, err
	}
	fill := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(i%17) - 8
		}
		return v
	}
	in, out := s.N*s.Cin*volume(s.In), s.N*s.Cout*volume(c.Out())
	return &side{
		Shape: s, c: c, pool: pool, layouts: Converter{Pool: pool},
		px: fill(in), py: fill(out), pdx: fill(in),
		x: fill(c.InputSize()), y: fill(c.OutputSize()), dx: fill(BlockedSize(s.N, s.Cin, s.In)),
		w: fill(weightsOf(s)), dw: fill(weightsOf(s)), b: fill(s.Cout), db: fill(s.Cout),
		packed: fill(c.PackedSize()), back: fill(c.PackedBackSize()), work: fill(c.WorkSize()),
	}, nil
}

// step does what a step of training does, weights packed anew. As in a network,
// the first layer, whose input is plain, has no use for dx.
func (s *side) step(plain, backward bool) {
	in, out := volume(s.In), volume(s.c.Out())
	x := s.x
	s.c.Pack(s.packed, s.w, s.b)
	if plain && !s.PlainInput {
		s.layouts.ToBlocked(s.x, s.px, s.N, s.Cin, in)
	}
	s.c.Forward(s.y, x, s.packed)
	if plain {
		s.layouts.ToPlain(s.py, s.y, s.N, s.Cout, out)
	}
	if !backward {
		return
	}
	if plain {
		s.layouts.ToBlocked(s.y, s.py, s.N, s.Cout, out)
	}
	s.c.GradWeights(s.dw, s.db, s.x, s.y, s.work)
	if s.PlainInput {
		return
	}
	s.c.PackBack(s.back, s.w, nil)
	s.c.GradData(s.dx, s.y, s.back)
	if plain {
		s.layouts.ToPlain(s.pdx, s.dx, s.N, s.Cin, in)
	}
}

// TestServe times what it is asked for on the standard input, for
// bench/conv_peers.py, which runs it beside another library. A line is 21
// numbers: N, channels in and out; size, kernel, stride, padding, dilation; 1
// for a plain input; workers, 1 for plain layouts all round, 1 for the backward
// pass as well; the answer is the nanoseconds of each of repetitions.
func TestServe(t *testing.T) {
	if os.Getenv("LACUNA_CONV_SERVE") == "" {
		t.Skip("LACUNA_CONV_SERVE is for bench/conv_peers.py")
	}
	in := bufio.NewScanner(os.Stdin)
	var now *side
	var last string
	for in.Scan() {
		var s Shape
		var plainInput, workers, plain, backward, repeat int
		fields := []any{&s.N, &s.Cin, &s.Cout}
		for _, v := range []*[3]int{&s.In, &s.Kernel, &s.Stride, &s.Pad, &s.Dilation} {
			fields = append(fields, &v[0], &v[1], &v[2])
		}
		fields = append(fields, &plainInput, &workers, &plain, &backward, &repeat)
		if _, err := fmt.Sscan(in.Text(), fields...); err != nil {
			t.Fatalf("%q: %v", in.Text(), err)
		}
		s.PlainInput = plainInput == 1
		if key := fmt.Sprint(s, workers); key != last {
			if now != nil {
				now.pool.Close()
			}
			var err error
			if now, err = newSide(s, workers); err != nil {
				t.Fatal(err)
			}
			last = key
		}
		for range repeat {
			start := time.Now()
			now.step(plain == 1, backward == 1)
			fmt.Print(time.Since(start).Nanoseconds(), " ")
		}
		fmt.Println()
	}
}
