//go:build unix

package checkpoint_test

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
)

// TestKilled has a process that saves without a pause kill itself at random
// moments, from another thread, and goes on from what it left. The process is the
// test itself, run again.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("CHECKPOINT_TEST_DIR"); dir != "" {
		saveForEver(t, dir)
		return
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	step := int64(0)
	for round, moved := 0, 0; moved < 8; round++ {
		if round == 200 {
			t.Fatalf("only %d of %d processes saved anything", moved, round)
		}
		kill(t, dir, time.Duration(rng.Int64N(int64(40*time.Millisecond))))
		c, from, err := checkpoint.Load(dir)
		if errors.Is(err, fs.ErrNotExist) && step == 0 {
			continue // killed before the first one
		}
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if _, corrupt := errors.AsType[*checkpoint.CorruptError](from.Skipped); corrupt {
			t.Fatalf("round %d: a file under its own name was not whole: %v", round, from.Skipped)
		}
		if c.State.Step < step {
			t.Fatalf("round %d: step %d, before it was %d", round, c.State.Step, step)
		}
		if c.State.Step > step {
			moved++
		}
		step = c.State.Step
		mustBe(t, c, at(step))
	}
	save(t, dir, step+1)
	if names, err := filepath.Glob(filepath.Join(dir, "next*")); err != nil || len(names) > 0 {
		t.Errorf("left over: %v, %v", names, err)
	}
}

func kill(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "CHECKPOINT_TEST_DIR="+dir, "CHECKPOINT_TEST_AFTER="+after.String())
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the process ended with %v: %s", err, out)
	}
}

func saveForEver(t *testing.T, dir string) {
	after, err := time.ParseDuration(os.Getenv("CHECKPOINT_TEST_AFTER"))
	if err != nil {
		t.Fatal(err)
	}
	step := int64(0)
	if c, _, err := checkpoint.Load(dir); err == nil {
		step = c.State.Step
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	time.AfterFunc(after, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
	for {
		step++
		save(t, dir, step)
	}
}
