package conv

import (
	"sync"
	"sync/atomic"
)

// Pool is a number of workers that wait for work. What they compute does not
// depend on how many they are. It runs one thing at a time.
type Pool struct {
	workers int
	wake    []chan struct{}
	done    sync.WaitGroup
	next    atomic.Int64
	tasks   int
	job     job
	conv    conversion // kept here, that it need not be allocated
}

// job is work in independent tasks; a worker does one task at a time.
type job interface{ do(task, worker int) }

// NewPool starts workers, the caller of each pass being one of them. Close
// ends them.
func NewPool(workers int) *Pool {
	p := &Pool{workers: max(1, workers)}
	for w := 1; w < p.workers; w++ {
		wake := make(chan struct{}, 1) // one pass at a time: one message at most
		p.wake = append(p.wake, wake)
		go func() {
			for range wake {
				p.work(w)
				p.done.Done()
			}
		}()
	}
	return p
}

// Close ends the workers. The pool cannot be used any more.
func (p *Pool) Close() {
	for _, w := range p.wake {
		close(w)
	}
	p.wake, p.workers = nil, 1
}

// run does tasks of j and returns when all are done.
func (p *Pool) run(j job, tasks int) {
	p.job, p.tasks = j, tasks
	p.next.Store(0)
	helpers := p.wake[:min(len(p.wake), max(tasks-1, 0))]
	p.done.Add(len(helpers))
	for _, w := range helpers {
		w <- struct{}{}
	}
	p.work(0)
	p.done.Wait()
	p.job = nil
}

func (p *Pool) work(worker int) {
	for {
		i := int(p.next.Add(1)) - 1
		if i >= p.tasks {
			return
		}
		p.job.do(i, worker)
	}
}
