package augment

import (
	"math"
	"sync"

	"github.com/lacuna-ml/lacuna/ingest"
)

// Pool lends the arrays that stages write to, and takes them back, so that a
// training run at full speed leaves nothing for the garbage collector. The zero
// Pool is ready to use, by several stages and goroutines at once; a nil one makes
// new arrays. What comes out does not depend on it.
//
// Whoever ends up with a sample owns its arrays, and may keep them, or hand them
// back with Release once nobody needs them any more.
type Pool struct {
	mu     sync.Mutex
	floats map[int][][]float32
	bytes  map[int][][]uint8
}

// A lent array has these marks in its capacity, behind its last value: they tell
// it from all others, and are wiped when it comes back.
const (
	markA = 0x7fe3_1ac5 // as a float32, a NaN that nobody computes
	markB = 0x7ff5_09e7
)

// Release takes back the arrays of s that the pool has lent, and leaves the
// others alone. s and they must not be used any more, nor be shared with anyone.
func (p *Pool) Release(s *ingest.Sample) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range s.Inputs {
		n := len(a.Data)
		if n == 0 || cap(a.Data) != n+2 {
			continue
		}
		if mark := a.Data[n : n+2]; math.Float32bits(mark[0]) == markA && math.Float32bits(mark[1]) == markB {
			mark[0], mark[1] = 0, 0
			p.floats[n] = append(p.floats[n], a.Data)
		}
	}
	if d := s.Target.Data; len(d) > 0 && cap(d) == len(d)+8 {
		if mark := (*[8]uint8)(d[len(d):cap(d)]); *mark == byteMark() {
			*mark = [8]uint8{}
			p.bytes[len(d)] = append(p.bytes[len(d)], d)
		}
	}
}

func byteMark() [8]uint8 { return [8]uint8{0xfa, 0x31, 0x1a, 0xc5, 0xfb, 0x50, 0x09, 0xe7} }

// array returns n values to be written, whatever they are now.
func (p *Pool) array(n int) []float32 {
	if p == nil {
		return make([]float32, n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := pop(p.floats, n)
	if !ok {
		if p.floats == nil {
			p.floats = map[int][][]float32{}
		}
		v = make([]float32, n, n+2)
	}
	mark := v[n : n+2]
	mark[0], mark[1] = math.Float32frombits(markA), math.Float32frombits(markB)
	return v
}

// labels is array for a label map.
func (p *Pool) labels(n int) []uint8 {
	if p == nil {
		return make([]uint8, n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := pop(p.bytes, n)
	if !ok {
		if p.bytes == nil {
			p.bytes = map[int][][]uint8{}
		}
		v = make([]uint8, n, n+8)
	}
	*(*[8]uint8)(v[n : n+8]) = byteMark()
	return v
}

func pop[T any](m map[int][][]T, n int) ([]T, bool) {
	list := m[n]
	if len(list) == 0 {
		return nil, false
	}
	v := list[len(list)-1]
	m[n] = list[:len(list)-1]
	return v, true
}
