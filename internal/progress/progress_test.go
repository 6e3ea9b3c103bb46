package progress_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/lacuna-ml/lacuna/internal/progress"
)

func TestPlainLinesSayRateAndTimeLeft(t *testing.T) {
	clock := time.Unix(0, 0)
	var out bytes.Buffer
	b := progress.New(&out, "ingest brats", "case", 40, func() time.Time { return clock })
	for range 20 {
		clock = clock.Add(time.Second)
		b.Add(1)
	}
	want := "ingest brats: 5 of 40 cases, 1.0 cases/s, 35s left\n" +
		"ingest brats: 10 of 40 cases, 1.0 cases/s, 30s left\n" +
		"ingest brats: 15 of 40 cases, 1.0 cases/s, 25s left\n" +
		"ingest brats: 20 of 40 cases, 1.0 cases/s, 20s left\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	b.Done()
	if out.String() != want {
		t.Errorf("Done wrote to what is no terminal: %q", out.String())
	}
}

func TestWorkThatGoesOn(t *testing.T) {
	clock := time.Unix(0, 0)
	var out bytes.Buffer
	b := progress.New(&out, "train", "step", 110, func() time.Time { return clock })
	b.From(90)
	b.Note("loss 0.5")
	for range 20 {
		clock = clock.Add(time.Second)
		b.Add(1)
	}
	want := "train: 95 of 110 steps, 1.0 steps/s, 15s left; loss 0.5\n" +
		"train: 100 of 110 steps, 1.0 steps/s, 10s left; loss 0.5\n" +
		"train: 105 of 110 steps, 1.0 steps/s, 5s left; loss 0.5\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestShortWorkSaysNothing(t *testing.T) {
	var out bytes.Buffer
	b := progress.New(&out, "x", "case", 2, func() time.Time { return time.Unix(0, 0) })
	b.Add(2)
	b.Done()
	if out.Len() > 0 {
		t.Errorf("got %q, want nothing", out.String())
	}
}

func ExampleBar() {
	clock := time.Unix(0, 0)
	bar := progress.New(os.Stdout, "doctor brats", "subject", 12, func() time.Time { return clock })
	defer bar.Done()
	for range 12 {
		clock = clock.Add(2 * time.Second)
		bar.Add(1)
	}
	// Output:
	// doctor brats: 3 of 12 subjects, 0.5 subjects/s, 18s left
	// doctor brats: 6 of 12 subjects, 0.5 subjects/s, 12s left
	// doctor brats: 9 of 12 subjects, 0.5 subjects/s, 6s left
}
