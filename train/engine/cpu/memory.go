package cpu

import (
	"cmp"
	"math"
	"slices"

	"github.com/lacuna-ml/lacuna/train/engine"
)

// memory hands out floats and takes them back. It gets them from the system in
// segments, cuts those into spans, joins spans that are free with free
// neighbours, and gives the smallest that is large enough. Small tensors, many
// of which live long, have segments of their own, so that they do not stand in
// the way of large ones.
type memory struct {
	engine.Memory
	poison bool
	free   [2][]*span // of small ones and of large ones, by size and age
	unused []*span    // that stand for nothing
	spans  int
}

// span is a part of a segment.
type span struct {
	v          []float32
	prev, next *span // neighbours in the segment
	age        int
	large      bool
	free       bool
}

const (
	unit    = 16      // floats; sizes are multiples, so that all begin with a line of the cache
	small   = 1 << 14 // floats that a small tensor has at most
	segment = 1 << 18 // floats of a segment at least
)

// take returns n floats or a few more.
func (m *memory) take(n int) *span {
	n = (max(n, 1) + unit - 1) / unit * unit
	kind := 0
	if n > small {
		kind = 1
	}
	i, _ := slices.BinarySearchFunc(m.free[kind], n, func(s *span, n int) int { return cmp.Compare(len(s.v), n) })
	if i == len(m.free[kind]) {
		i = m.grow(kind, n)
	}
	s := m.free[kind][i]
	m.free[kind] = slices.Delete(m.free[kind], i, i+1)
	s.free = false
	if rest := len(s.v) - n; rest > 0 {
		r := m.span(s.v[n:], s.large)
		r.prev, r.next = s, s.next
		if s.next != nil {
			s.next.prev = r
		}
		s.next, s.v = r, s.v[:n]
		m.insert(r)
	}
	m.InUse += int64(n) * 4
	m.Peak = max(m.Peak, m.InUse)
	if m.poison {
		for i := range s.v {
			s.v[i] = float32(math.NaN())
		}
	}
	return s
}

// grow gets a segment, in proportion to what there is, and returns its place
// among the free.
func (m *memory) grow(kind, n int) int {
	size := max(n, segment)
	if kind == 1 {
		size = max(size, int(m.Held/4)/4/unit*unit)
	}
	v := make([]float32, size)
	advise(v)
	m.Held += int64(size) * 4
	s := m.span(v, kind == 1)
	m.insert(s)
	return slices.Index(m.free[kind], s)
}

// span returns a new span.
func (m *memory) span(v []float32, large bool) *span {
	m.spans++
	if n := len(m.unused); n > 0 {
		s := m.unused[n-1]
		m.unused = m.unused[:n-1]
		*s = span{v: v, age: m.spans, large: large}
		return s
	}
	return &span{v: v, age: m.spans, large: large}
}

// insert adds s to the free.
func (m *memory) insert(s *span) {
	list := &m.free[kindOf(s)]
	i, _ := slices.BinarySearchFunc(*list, s, bySize)
	*list = slices.Insert(*list, i, s)
	s.free = true
}

func (m *memory) remove(s *span) {
	list := &m.free[kindOf(s)]
	i, _ := slices.BinarySearchFunc(*list, s, bySize)
	*list = slices.Delete(*list, i, i+1)
	s.free = false
}

func kindOf(s *span) int {
	if s.large {
		return 1
	}
	return 0
}

func bySize(a, b *span) int {
	return cmp.Or(cmp.Compare(len(a.v), len(b.v)), cmp.Compare(a.age, b.age))
}

// give takes back what take returned.
func (m *memory) give(s *span) {
	m.InUse -= int64(len(s.v)) * 4
	if p := s.prev; p != nil && p.free {
		m.remove(p)
		m.join(p, s)
		s = p
	}
	if n := s.next; n != nil && n.free {
		m.remove(n)
		m.join(s, n)
	}
	m.insert(s)
}

// join makes one span of a and the next, b.
func (m *memory) join(a, b *span) {
	a.v = a.v[:len(a.v)+len(b.v)]
	a.next = b.next
	if b.next != nil {
		b.next.prev = a
	}
	*b = span{}
	m.unused = append(m.unused, b)
}
