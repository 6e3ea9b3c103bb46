package cpu

import (
	"testing"

	"pgregory.net/rapid"
)

// TestSpans takes and gives back in any order: what is out does not overlap,
// and when all is back, segments are whole again.
func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m memory
		var out []*span
		inUse := int64(0)
		for step := range rapid.IntRange(1, 200).Draw(t, "steps") {
			if len(out) > 0 && rapid.Bool().Draw(t, "give") {
				i := rapid.IntRange(0, len(out)-1).Draw(t, "which")
				for _, v := range out[i].v {
					if v != out[i].v[0] {
						t.Fatalf("step %d: another span was written to", step)
					}
				}
				inUse -= int64(len(out[i].v)) * 4
				m.give(out[i])
				out = append(out[:i], out[i+1:]...)
				continue
			}
			n := rapid.SampledFrom([]int{1, 15, 16, 17, 300, small, small + 1, 3 * small, segment + 5}).Draw(t, "floats")
			s := m.take(n)
			if len(s.v) < n || len(s.v) >= n+unit {
				t.Fatalf("took %d floats of %d", len(s.v), n)
			}
			for i := range s.v {
				s.v[i] = float32(step)
			}
			inUse += int64(len(s.v)) * 4
			out = append(out, s)
			if m.InUse != inUse || m.Peak < inUse || m.Held < inUse {
				t.Fatalf("%+v, with %d in use", m.Memory, inUse)
			}
		}
		for _, s := range out {
			m.give(s)
		}
		held := int64(0)
		for _, list := range m.free {
			for _, s := range list {
				if s.prev != nil || s.next != nil {
					t.Fatal("all is back, and a segment is in parts")
				}
				held += int64(len(s.v)) * 4
			}
		}
		if held != m.Held || m.InUse != 0 {
			t.Fatalf("%d bytes are free; %+v", held, m.Memory)
		}
	})
}

// TestReuse holds that equal rounds need no more than the first, and that
// nothing is allocated for them.
func TestReuse(t *testing.T) {
	var m memory
	round := func() {
		a, b := m.take(1000), m.take(1<<20)
		m.give(a)
		c, d := m.take(1<<19), m.take(50)
		m.give(b)
		e := m.take(1 << 20)
		m.give(d)
		m.give(c)
		m.give(e)
	}
	round()
	held := m.Held
	if n := testing.AllocsPerRun(50, round); n > 0 || m.Held != held {
		t.Errorf("%v allocations a round, and %d bytes held, at first %d", n, m.Held, held)
	}
}
