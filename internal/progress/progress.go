// Package progress shows how far long work is: a bar with rate and time left on
// a terminal, plain lines elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// every is how far apart plain lines are: often enough to see that it lives,
// seldom enough for a log.
const every = 5 * time.Second

// Bar counts finished items. The zero Bar shows nothing.
type Bar struct {
	bar   *progressbar.ProgressBar // on a terminal
	w     io.Writer                // elsewhere
	what  string
	unit  string
	total int
	done  int
	now   func() time.Time
	start time.Time
	last  time.Time
}

// New returns a bar for total items of the given unit ("case"), on w: a bar
// where w is a terminal, else a line at most every five seconds. what says what
// is being done ("ingest brats").
func New(w io.Writer, what, unit string, total int, now func() time.Time) *Bar {
	b := &Bar{what: what, unit: unit, total: total, now: now, start: now()}
	b.last = b.start
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(f),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetItsString(unit+"s"),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetElapsedTime(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetWidth(30),
		)
	} else {
		b.w = w
	}
	return b
}

// Add counts n more finished items.
func (b *Bar) Add(n int) {
	b.done += n
	switch {
	case b.bar != nil:
		_ = b.bar.Add(n) // a bar that can't be drawn does not stop the work
	case b.w != nil:
		if now := b.now(); now.Sub(b.last) >= every && b.done < b.total {
			b.last = now
			fmt.Fprintln(b.w, b.line(now))
		}
	}
}

func (b *Bar) line(now time.Time) string {
	spent := now.Sub(b.start)
	rate := float64(b.done) / spent.Seconds()
	left := time.Duration(float64(b.total-b.done) / rate * float64(time.Second))
	return fmt.Sprintf("%s: %d of %d %ss, %.1f %ss/s, %s left",
		b.what, b.done, b.total, b.unit, rate, b.unit, left.Round(time.Second))
}

// Done clears the bar and returns how long the work took.
func (b *Bar) Done() time.Duration {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
	return b.now().Sub(b.start)
}
