// Package pool provides a number of workers that share the tasks of one piece
// of work after the other. What a task computes may depend on its number and on
// nothing else, so that results do not depend on how many workers there are.
package pool

import "sync"

// Pool is a number of workers that wait for work. It runs one job at a time.
type Pool struct {
	workers int
	wake    []chan struct{}
	ended   sync.WaitGroup

	mu    sync.Mutex
	done  sync.Cond // left became 0
	job   Job
	tasks int
	next  int // the first task that nobody has taken
	left  int // tasks that are not finished
}

// Job is work in independent tasks, counted from 0; a worker, counted from 0
// too, does one task at a time.
type Job interface{ Do(task, worker int) }

// New starts workers, the caller of each [Pool.Run] being one of them. Close
// ends them.
func New(workers int) *Pool {
	p := &Pool{workers: max(1, workers)}
	p.done.L = &p.mu
	for w := 1; w < p.workers; w++ {
		wake := make(chan struct{}, 1) // a worker that was told to look need not be told again
		p.wake = append(p.wake, wake)
		p.ended.Go(func() {
			for range wake {
				p.work(w)
			}
		})
	}
	return p
}

// Workers returns how many there are, the caller included.
func (p *Pool) Workers() int { return p.workers }

// Close ends the workers and waits for them. The pool cannot be used any more.
func (p *Pool) Close() {
	for _, w := range p.wake {
		close(w)
	}
	p.wake = nil
	p.ended.Wait()
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
	p.job, p.tasks, p.next, p.left = j, tasks, 0, tasks
	p.mu.Unlock()
	for _, w := range p.wake[:min(len(p.wake), tasks-1)] {
		select {
		case w <- struct{}{}:
		default: // it has not looked since it was last told to
		}
	}
	p.work(0)
	p.mu.Lock()
	for p.left > 0 {
		p.done.Wait()
	}
	p.job = nil
	p.mu.Unlock()
}

// work does tasks until none is left to take. A late worker may find those of
// the next job: it takes job and number together.
func (p *Pool) work(worker int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.next < p.tasks {
		j, task := p.job, p.next
		p.next++
		p.mu.Unlock()
		j.Do(task, worker)
		p.mu.Lock()
		if p.left--; p.left == 0 {
			p.done.Signal()
		}
	}
}
