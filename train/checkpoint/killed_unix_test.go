//go:build unix

package checkpoint_test

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
)

// TestKilled kills a process that saves without a pause, at random moments, and
// goes on from what it left: the test itself, run again as a child.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("CHECKPOINT_TEST_DIR"); dir != "" {
		saveForEver(t, dir)
		return
	}
	dir := t.TempDir()
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	rng := rand.New(rand.NewPCG(1, 2))
	step, moved := int64(0), 0
	for round := range rounds {
		// A process needs some ms to start; then a save takes well under 10.
		kill(t, dir, 10*time.Millisecond+time.Duration(rng.Int64N(int64(60*time.Millisecond))))
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
	if moved < rounds/4 {
		t.Errorf("only %d of %d children saved anything", moved, rounds)
	}
	save(t, dir, step+1)
	if names, err := filepath.Glob(filepath.Join(dir, "next*")); err != nil || len(names) > 0 {
		t.Errorf("left over: %v, %v", names, err)
	}
}

func kill(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "CHECKPOINT_TEST_DIR="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
}

func saveForEver(t *testing.T, dir string) {
	step := int64(0)
	if c, _, err := checkpoint.Load(dir); err == nil {
		step = c.State.Step
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for {
		step++
		save(t, dir, step)
	}
}
