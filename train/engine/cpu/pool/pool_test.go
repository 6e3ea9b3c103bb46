package pool_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
)

// tally counts how often each task was done, and by two at a time.
type tally struct {
	done  []atomic.Int32
	busy  []atomic.Int32 // by worker
	clash atomic.Int32
	pause time.Duration
}

func newTally(tasks, workers int) *tally {
	return &tally{done: make([]atomic.Int32, tasks), busy: make([]atomic.Int32, workers)}
}

func (j *tally) Do(task, worker int) {
	if j.busy[worker].Add(1) > 1 {
		j.clash.Add(1)
	}
	j.done[task].Add(1)
	time.Sleep(j.pause)
	j.busy[worker].Add(-1)
}

// TestEveryTaskOnce runs jobs of many sizes, one right after the other and with
// pauses in which workers fall asleep.
func TestEveryTaskOnce(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 3, 9} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			p := pool.New(workers)
			defer p.Close()
			for round := range 600 {
				tasks := round % 23
				j := newTally(tasks, p.Workers())
				if round%100 == 0 {
					j.pause = time.Millisecond
				}
				p.Run(j, tasks)
				for i := range j.done {
					if n := j.done[i].Load(); n != 1 {
						t.Fatalf("round %d: task %d of %d was done %d times", round, i, tasks, n)
					}
				}
				if j.clash.Load() > 0 {
					t.Fatal("a worker had two tasks at a time")
				}
				if round%50 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
}

// TestShared demands that tasks which wait for each other are done by two.
func TestShared(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	for range 50 {
		p.Run(meeting{make(chan int)}, 2)
	}
}

type meeting struct{ c chan int }

func (m meeting) Do(task, _ int) {
	if task == 0 {
		m.c <- 1
	} else {
		<-m.c
	}
}

func TestNoAllocations(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	j := newTally(5, 2)
	if n := testing.AllocsPerRun(100, func() { p.Run(j, 5) }); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// work keeps a core busy.
type work int

func (w work) Do(int, int) {
	x := uint32(1)
	for range w {
		x = x*1664525 + 1013904223
	}
	if x == 0 {
		panic("that takes longer")
	}
}

// BenchmarkRun is two tasks on two workers: at best, the time of one.
func BenchmarkRun(b *testing.B) {
	for _, w := range []work{0, 1_000, 10_000, 100_000} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprint(int(w), "/", workers), func(b *testing.B) {
				p := pool.New(workers)
				defer p.Close()
				var j pool.Job = w
				for b.Loop() {
					p.Run(j, 2)
				}
			})
		}
	}
}
