package progress_test

import (
	"bytes"
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

func TestShortWorkSaysNothing(t *testing.T) {
	var out bytes.Buffer
	b := progress.New(&out, "x", "case", 2, time.Now)
	b.Add(2)
	b.Done()
	if out.Len() > 0 {
		t.Errorf("got %q, want nothing", out.String())
	}
}
