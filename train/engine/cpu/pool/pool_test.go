package pool_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

type spin struct {
	n atomic.Int64
	d time.Duration
}

func (s *spin) Do(task, worker int) {
	s.n.Add(1)
	for t := time.Now(); time.Since(t) < s.d; {
	}
}

func BenchmarkRun(b *testing.B) {
	for _, d := range []time.Duration{0, 2 * time.Microsecond, 10 * time.Microsecond, 50 * time.Microsecond} {
		b.Run(d.String(), func(b *testing.B) {
			p := pool.New(2)
			defer p.Close()
			s := &spin{d: d}
			for b.Loop() {
				p.Run(s, 2)
			}
		})
	}
}
