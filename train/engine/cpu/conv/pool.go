package conv

import "sync"

// Pool is a number of workers that wait for work. What they compute does not
// depend on how many they are. It runs one pass at a time.
type Pool struct {
	workers int
	wake    []chan struct{}
	ended   sync.WaitGroup
	conv    conversion // kept here, that it need not be allocated

	mu    sync.Mutex
	done  sync.Cond // left became 0
	job   job
	tasks int
	next  int // the first task that nobody has taken
	left  int // tasks that are not finished
}

// job is work in independent tasks; a worker does one task at a time.
type job interface{ do(task, worker int) }

// NewPool starts workers, the caller of each pass being one of them. Close
// ends them.
func NewPool(workers int) *Pool {
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

// Close ends the workers and waits for them. The pool cannot be used any more.
func (p *Pool) Close() {
	for _, w := range p.wake {
		close(w)
	}
	p.wake = nil
	p.ended.Wait()
}

// run does tasks of j and returns when all are finished. It does not wait for
// workers that come too late to do any.
func (p *Pool) run(j job, tasks int) {
	p.mu.Lock()
	p.job, p.tasks, p.next, p.left = j, tasks, 0, tasks
	p.mu.Unlock()
	for _, w := range p.wake[:min(len(p.wake), max(tasks-1, 0))] {
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
// the next pass: it takes job and number together.
func (p *Pool) work(worker int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.next < p.tasks {
		j, task := p.job, p.next
		p.next++
		p.mu.Unlock()
		j.do(task, worker)
		p.mu.Lock()
		if p.left--; p.left == 0 {
			p.done.Signal()
		}
	}
}
