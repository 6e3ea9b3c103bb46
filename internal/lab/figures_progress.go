package lab

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/internal/chart"
	"github.com/lacuna-ml/lacuna/train/rundir"
)

// progressName is the picture of a run that trains.
const progressName = "progress.png"

// unhurried is after how many steps the time between two pictures has doubled.
// Each reads all metrics, some 15 us a step, and takes 60 ms besides: at 10 s that
// is never more than a fortieth of one core.
const unhurried = 10_000

// painter makes progress.png anew from time to time, on a goroutine of its own,
// which reads the metrics file as anyone could, and so shares nothing with the
// run. A picture that can't be made is said, and ends no run. The methods are for
// one goroutine.
type painter struct {
	dir        string
	modalities []string
	talk       io.Writer
	every      time.Duration // 0 paints nothing
	due        time.Time
	done       chan error // of the picture that is being made, or nil
}

// tick is told the time after each step.
func (p *painter) tick(now time.Time, step int) {
	if p.every <= 0 || now.Before(p.due) {
		return
	}
	if p.done != nil {
		select {
		case err := <-p.done:
			p.say(err)
		default:
			return // a slow disk
		}
	}
	p.due = now.Add(p.every + p.every*time.Duration(step)/unhurried)
	p.done = make(chan error, 1) // room for the one result, so that it never waits
	go func(done chan<- error) { done <- paint(p.dir, p.modalities) }(p.done)
}

// end waits for the picture that is being made, and makes the last.
func (p *painter) end() {
	if p.every <= 0 {
		return
	}
	if p.done != nil {
		p.say(<-p.done)
	}
	p.say(paint(p.dir, p.modalities))
}

func (p *painter) say(err error) {
	if err != nil {
		fmt.Fprintf(p.talk, "no %s: %v\n", progressName, err)
	}
}

// paint makes the picture of what has been logged.
func paint(dir string, modalities []string) error {
	m, err := rundir.ReadMetrics(dir)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, progressName), 0o666, func(w io.Writer) error {
		return chart.PNG(w, progressChart(nameOf(dir), m, modalities), 1)
	})
}
