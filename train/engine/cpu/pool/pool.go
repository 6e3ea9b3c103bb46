// Package pool provides a number of workers that share the tasks of one piece
// of work after the other. What a task computes may depend on its number and on
// nothing else, so that results do not depend on how many workers there are.
package pool

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Pool is a number of workers that wait for work. It runs one job at a time.
type Pool struct {
	workers int
	patient int // how often one looks for work, or for its end, before it sleeps
	others  []*worker
	ended   sync.WaitGroup
	closed  atomic.Bool
	jobs    atomic.Uint32 // how many there were
	left    atomic.Int64  // tasks that are not finished

	mu     sync.Mutex
	done   sync.Cond // left became 0
	job    Job
	shares []share // of the workers: tasks that nobody has taken
}

// share is a range of tasks. A worker takes those of its own in order: what it
// wrote for the last job is near it when the next one reads the same. Then it
// takes the last ones of others.
type share struct{ next, end int }

// worker is one besides the caller of Run.
type worker struct {
	asleep atomic.Bool
	wake   chan struct{} // of one place: whoever takes asleep away may send, once
}

// Job is work in independent tasks, counted from 0; a worker, counted from 0
// too, does one task at a time.
type Job interface{ Do(task, worker int) }

// patience is some 50 us: waking a sleeping worker takes about 10, and the
// kernels of a network mostly follow each other faster.
const patience = 1 << 16

// New starts workers, the caller of each [Pool.Run] being one of them. Close
// ends them.
func New(workers int) *Pool {
	p := &Pool{workers: max(1, workers), shares: make([]share, max(1, workers))}
	if p.workers <= runtime.GOMAXPROCS(0) {
		p.patient = patience
	}
	p.done.L = &p.mu
	for i := 1; i < p.workers; i++ {
		w := &worker{wake: make(chan struct{}, 1)}
		p.others = append(p.others, w)
		p.ended.Go(func() { p.serve(w, i) })
	}
	return p
}

// Workers returns how many there are, the caller included.
func (p *Pool) Workers() int { return p.workers }

// Close ends the workers and waits for them. The pool cannot be used any more.
func (p *Pool) Close() {
	p.closed.Store(true)
	p.call(len(p.others))
	p.ended.Wait()
}

// call tells some workers to look.
func (p *Pool) call(n int) {
	p.jobs.Add(1)
	for _, w := range p.others[:n] {
		if w.asleep.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
}

// Run does tasks of j and returns when all are finished. It does not wait for
// workers that come too late to do any.
func (p *Pool) Run(j Job, tasks int) {
	if tasks <= 1 || p.workers == 1 {
		for t := range tasks {
			j.Do(t, 0)
		}
		return
	}
	p.mu.Lock()
	p.job = j
	for w := range p.shares {
		p.shares[w] = share{w * tasks / p.workers, (w + 1) * tasks / p.workers}
	}
	p.left.Store(int64(tasks))
	p.mu.Unlock()
	p.call(min(len(p.others), tasks-1))
	p.work(0)
	for i := 0; i < p.patient && p.left.Load() > 0; i++ {
	}
	p.mu.Lock()
	for p.left.Load() > 0 {
		p.done.Wait()
	}
	p.job = nil
	p.mu.Unlock()
}

// serve works whenever there is a job.
func (p *Pool) serve(w *worker, number int) {
	for !p.closed.Load() {
		seen := p.jobs.Load()
		p.work(number)
		for i := 0; i < p.patient && p.jobs.Load() == seen; i++ {
		}
		if p.jobs.Load() != seen {
			continue
		}
		w.asleep.Store(true)
		if p.jobs.Load() != seen && w.asleep.CompareAndSwap(true, false) {
			continue // it came in between, and nobody sends
		}
		<-w.wake
	}
}

// work does tasks until none is left to take. A late worker may find those of
// the next job: it takes job and number together.
func (p *Pool) work(worker int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		task, ok := p.take(worker)
		if !ok {
			return
		}
		j := p.job
		p.mu.Unlock()
		j.Do(task, worker)
		p.mu.Lock()
		if p.left.Add(-1) == 0 {
			p.done.Signal()
		}
	}
}

// take returns a task: the next of the worker's, or the last of whoever has the
// most left.
func (p *Pool) take(worker int) (task int, ok bool) {
	if s := &p.shares[worker]; s.next < s.end {
		s.next++
		return s.next - 1, true
	}
	most := &p.shares[0]
	for w := range p.shares {
		if s := &p.shares[w]; s.end-s.next > most.end-most.next {
			most = s
		}
	}
	if most.next == most.end {
		return 0, false
	}
	most.end--
	return most.end, true
}
