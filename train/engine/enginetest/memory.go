package enginetest

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
	"pgregory.net/rapid"
)

// memories are the checks of what is not a kernel.
var memories = []struct {
	name  string
	check func(t rapid.TB, b *bench)
}{
	{"WriteRead", checkWriteRead},
	{"View", checkView},
	{"Slice", checkSlice},
	{"Order", checkOrder},
	{"Memory", checkMemory},
	{"BadShapes", checkBadShapes},
}

// counted returns n values that tell where they are: whole numbers that half
// precision holds, with the special ones first.
func counted(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(i%2000 + 1)
	}
	copy(out, []float32{nan, inf, -inf, float32(math.Copysign(0, -1)), 0})
	return out
}

// expect fails where t does not hold the values, bit by bit.
func (b *bench) expect(t rapid.TB, what string, x *engine.Tensor, want []float32) {
	t.Helper()
	got := read(t, b.device, x)
	for i := range want {
		if !sameBits(got[i:i+1], want[i:i+1]) {
			t.Fatalf("%s: %v: value %v is %v, want %v", what, x, index(x.Shape, i), got[i], want[i])
		}
	}
}

func checkWriteRead(t rapid.TB, b *bench) {
	for _, s := range []tensor.Shape{{}, {1}, {7}, {3, 5}, {2, 3, 4}, {1, 1, 1, 1, 1}, {2, 5, 1, 3, 2}, {1, 16, 2, 1, 3}, {3, 33, 2, 2, 1}} {
		for _, l := range []tensor.Layout{tensor.Plain, tensor.Blocked} {
			if l == tensor.Blocked && len(s) != 5 {
				continue
			}
			x, other := b.device.New(s, l), b.device.New(s, l)
			if !x.Shape.Equal(s) || x.Layout != l {
				t.Fatalf("New(%v, %v) returned %v", s, l, x)
			}
			want := counted(s.Len())
			b.device.Write(x, want)
			b.device.Write(other, repeat(1, s.Len()))
			b.expect(t, "Write and Read", x, want)
			b.device.Free(x)
			b.device.Free(other)
		}
	}
}

func checkView(t rapid.TB, b *bench) {
	for _, c := range []struct {
		of, as tensor.Shape
		l      tensor.Layout
	}{
		{tensor.Shape{2, 3, 4}, tensor.Shape{6, 4}, tensor.Plain},
		{tensor.Shape{2, 3, 4}, tensor.Shape{24}, tensor.Plain},
		{tensor.Shape{5}, tensor.Shape{1, 5, 1, 1, 1}, tensor.Plain},
		{tensor.Shape{4, 16, 1, 2, 3}, tensor.Shape{2, 32, 1, 2, 3}, tensor.Blocked},
		{tensor.Shape{2, 64, 1, 2, 3}, tensor.Shape{8, 16, 1, 2, 3}, tensor.Blocked},
		{tensor.Shape{6, 32, 2, 1, 1}, tensor.Shape{2, 96, 2, 1, 1}, tensor.Blocked},
	} {
		x := b.device.New(c.of, c.l)
		want := counted(c.of.Len())
		b.device.Write(x, want)
		v := b.device.View(x, c.as)
		b.expect(t, "View", v, want)
		slices.Reverse(want)
		b.device.Write(v, want)
		b.expect(t, "written through a View", x, want)
		b.device.Free(x)
	}
}

func checkSlice(t rapid.TB, b *bench) {
	const n = 3*engine.Align + 10
	x := b.device.New(tensor.Shape{n}, tensor.Plain)
	want := counted(n)
	b.device.Write(x, want)
	last := b.device.Slice(x, 3*engine.Align, tensor.Shape{2, 5})
	middle := b.device.Slice(x, engine.Align, tensor.Shape{engine.Align, 2})
	inner := b.device.Slice(middle, engine.Align, tensor.Shape{3})
	b.expect(t, "Slice", last, want[3*engine.Align:])
	b.expect(t, "Slice", middle, want[engine.Align:3*engine.Align])
	b.device.Write(inner, []float32{-1, -2, -3})
	copy(want[2*engine.Align:], []float32{-1, -2, -3})
	b.device.Fill(last, -4)
	copy(want[3*engine.Align:], repeat(-4, 10))
	b.expect(t, "written through a Slice", x, want)
	b.device.Free(x)
}

// checkOrder asks for much at once: what is asked first is done first, and
// what the host gives may be changed by it at once.
func checkOrder(t rapid.TB, b *bench) {
	e, s := b.device, tensor.Shape{1, 17, 3, 5, 7}
	x, y, sum := e.New(s, tensor.Blocked), e.New(s, tensor.Blocked), e.New(s, tensor.Plain)
	e.Fill(sum, 0)
	host := make([]float32, s.Len())
	for i := range 20 {
		for j := range host {
			host[j] = float32(i)
		}
		e.Write(x, host)
		for j := range host {
			host[j] = nan
		}
		e.Axpby(y, 2, x, 0)
		p := e.New(s, tensor.Plain)
		e.Copy(p, y)
		e.Axpby(sum, 1, p, 1)
		e.Free(p)
	}
	if err := e.Wait(); err != nil {
		t.Fatalf("Wait: %v", err)
	}
	b.expect(t, "twenty rounds", sum, repeat(2*190, s.Len()))
	for _, x := range []*engine.Tensor{x, y, sum} {
		e.Free(x)
	}
}

func checkMemory(t rapid.TB, b *bench) {
	e := b.device
	if m := e.Memory(); m.InUse != 0 {
		t.Fatalf("a new engine: %+v", m)
	}
	shapes := []tensor.Shape{{1, 16, 8, 8, 8}, {2, 5, 3, 3, 3}, {1, 1, 1, 1, 1}, {4, 33, 5, 6, 7}}
	round := func() engine.Memory {
		var all []*engine.Tensor
		var floats int64
		for _, s := range shapes {
			all = append(all, e.New(s, tensor.Blocked), e.New(s, tensor.Plain))
			floats += int64(s.Len()) // at least; a half takes 2 bytes
		}
		m := e.Memory()
		if m.InUse < 2*floats || m.Peak < m.InUse || m.Held < m.InUse {
			t.Fatalf("with %d values in use: %+v", 2*floats, m)
		}
		for _, x := range all {
			e.Free(x)
		}
		if after := e.Memory(); after.InUse != 0 || after.Peak != m.Peak {
			t.Fatalf("%+v, and when all was freed %+v", m, after)
		}
		return m
	}
	first := round()
	for range 3 {
		if again := round(); again != first {
			t.Fatalf("the first time %+v, when the memory is used again %+v", first, again)
		}
	}
}

func checkBadShapes(t rapid.TB, b *bench) {
	e := b.device
	plain := e.New(tensor.Shape{2, 3}, tensor.Plain)
	large := e.New(tensor.Shape{2 * engine.Align}, tensor.Plain)
	five := e.New(tensor.Shape{2, 5, 1, 1, 2}, tensor.Blocked)
	for _, c := range []struct {
		name string
		call func()
		says []string
	}{
		{"New of size 0", func() { e.New(tensor.Shape{2, 0}, tensor.Plain) }, []string{"New", "2x0"}},
		{"New blocked of rank 2", func() { e.New(tensor.Shape{2, 3}, tensor.Blocked) }, []string{"New", "2x3"}},
		{"View of another length", func() { e.View(plain, tensor.Shape{7}) }, []string{"View", "2x3", "7"}},
		{"View across blocks", func() { e.View(five, tensor.Shape{1, 10, 1, 1, 2}) }, []string{"View", "2x5x1x1x2", "1x10x1x1x2"}},
		{"Slice beyond the end", func() { e.Slice(large, engine.Align, tensor.Shape{engine.Align, 2}) }, []string{"Slice", "512", "256x2"}},
		{"Slice not aligned", func() { e.Slice(large, 1, tensor.Shape{2, 2}) }, []string{"Slice", "512", "2x2"}},
		{"Slice of blocks", func() { e.Slice(five, 0, tensor.Shape{1}) }, []string{"Slice", "2x5x1x1x2"}},
		{"Write too few", func() { e.Write(plain, make([]float32, 5)) }, []string{"Write", "5", "2x3"}},
		{"Read too many", func() { _ = e.Read(make([]float32, 7), plain) }, []string{"Read", "7", "2x3"}},
	} {
		message := func() (m string) {
			defer func() {
				if r := recover(); r != nil {
					m = fmt.Sprint(r)
				}
			}()
			c.call()
			return ""
		}()
		for _, part := range c.says {
			if !strings.Contains(message, part) {
				t.Errorf("%s: the panic is %q, want one that says %q", c.name, message, c.says)
			}
		}
	}
	for _, x := range []*engine.Tensor{plain, large, five} {
		e.Free(x)
	}
}
