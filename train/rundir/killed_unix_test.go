//go:build unix

package rundir_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lacuna-ml/lacuna/train/checkpoint"
	"github.com/lacuna-ml/lacuna/train/rundir"
)

// steps is how long the run of TestKilled is: some 20 children's lives.
const steps = 3000

// TestKilled kills a run at random moments until it is through: its metrics are
// then those of a run that was never stopped. The children are the test itself.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("RUNDIR_TEST_DIR"); dir != "" {
		child(t, dir)
		return
	}
	dir := filepath.Join(t.TempDir(), "run")
	rng := rand.New(rand.NewPCG(3, 4))
	kills := 0
	for ended := false; !ended; {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "RUNDIR_TEST_DIR="+dir)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// A process needs some ms to start.
		timer := time.AfterFunc(10*time.Millisecond+time.Duration(rng.Int64N(int64(100*time.Millisecond))), func() {
			if kills < 20 {
				cmd.Process.Kill()
			}
		})
		err := cmd.Wait()
		timer.Stop()
		switch {
		case err == nil:
			ended = true
		case cmd.ProcessState.Exited():
			t.Fatalf("after %d kills a child failed by itself: %v", kills, err)
		default:
			kills++
		}
	}
	t.Logf("%d kills", kills)
	m, err := rundir.ReadMetrics(dir)
	if err != nil {
		t.Fatal(err)
	}
	loss := m.Series("loss")
	if len(loss.Steps) != steps || kills == 0 {
		t.Fatalf("%d lines, want %d, after %d kills", len(loss.Steps), steps, kills)
	}
	for i, step := range loss.Steps {
		if step != int64(i+1) || loss.Values[i] != lossAt(step) {
			t.Fatalf("line %d is step %d, loss %v", i+1, step, loss.Values[i])
		}
	}
}

func lossAt(step int64) float64 { return 1 / float64(step) }

// child makes the run, or goes on with it, to its end.
func child(t *testing.T, dir string) {
	last := int64(-1)
	r, err := rundir.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		r, err = rundir.Create(dir, config{}, rundir.Info{}, start(0))
	} else if err == nil {
		c, from, err2 := checkpoint.Load(dir)
		switch {
		case err2 == nil:
			last = c.State.Step
			if _, damaged := errors.AsType[*checkpoint.CorruptError](from.Skipped); damaged {
				t.Fatal(from.Skipped)
			}
		case !errors.Is(err2, fs.ErrNotExist):
			t.Fatal(err2)
		}
		err = r.Resume(last, start(1))
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := rundir.ReadMetrics(dir)
	if err != nil {
		t.Fatal(err)
	}
	step := int64(len(m.Series("loss").Steps))
	if step != max(last, 0) {
		t.Fatalf("%d lines behind a checkpoint of step %d", step, last)
	}
	for step < steps {
		step++
		log(t, r, step, lossAt(step))
		if step%7 == 0 {
			if err := r.Sync(); err != nil {
				t.Fatal(err)
			}
			if err := checkpoint.Save(dir, &checkpoint.Checkpoint{State: checkpoint.State{Step: step}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	done(t, r)
}
