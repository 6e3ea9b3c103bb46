//go:build unix

package rundir_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lacuna-ml/lacuna/train/checkpoint"
	"github.com/lacuna-ml/lacuna/train/rundir"
)

// steps is how long the run of TestKilled is: much longer than a process lives.
const steps = 800

// TestKilled makes a run whose process kills itself at random moments, from
// another thread, a number of times: its metrics are then those of a run that was
// never stopped. The process is the test itself, run again.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("RUNDIR_TEST_DIR"); dir != "" {
		child(t, dir)
		return
	}
	dir := filepath.Join(t.TempDir(), "run")
	rng := rand.New(rand.NewPCG(3, 4))
	kills := 0
	for round := 0; ; round++ {
		after := time.Duration(rng.Int64N(int64(30 * time.Millisecond)))
		switch round {
		case 0:
			after = 0
		case 15:
			after = time.Hour
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "RUNDIR_TEST_DIR="+dir, "RUNDIR_TEST_AFTER="+after.String())
		out, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("after %d kills the process ended with %v: %s", kills, err, out)
		}
		kills++
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
	after, err := time.ParseDuration(os.Getenv("RUNDIR_TEST_AFTER"))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(after, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
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
