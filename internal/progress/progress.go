// Package progress shows how far long work is, at which rate and for how much
// longer: a bar on a terminal, plain lines elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// How often a bar is drawn, and a line is written: often enough to see that it
// lives, seldom enough for a log.
const (
	redraw = 100 * time.Millisecond
	every  = 5 * time.Second
)

// Bar counts finished items.
type Bar struct {
	w     io.Writer
	width int // columns of the terminal, 0 for plain lines
	what  string
	unit  string
	total int
	done  int
	first int    // done before this bar: they say nothing of its rate
	note  string // after the numbers
	now   func() time.Time
	start time.Time
	last  time.Time // of the last output
}

// New returns a bar for total items of the given unit ("case"), on w: a bar
// where w is a terminal, else a line at most every five seconds. what says what
// is being done ("ingest brats").
func New(w io.Writer, what, unit string, total int, now func() time.Time) *Bar {
	b := &Bar{w: w, what: what, unit: unit, total: total, now: now, start: now()}
	b.last = b.start
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b.width = 80
		if cols, _, err := term.GetSize(int(f.Fd())); err == nil && cols > 0 {
			b.width = cols
		}
	}
	return b
}

// From says that n items were done before, by an earlier process.
func (b *Bar) From(n int) { b.done, b.first = n, n }

// Note sets what is said after the numbers from the next output on.
func (b *Bar) Note(text string) { b.note = text }

// Add counts n more finished items.
func (b *Bar) Add(n int) {
	b.done += n
	now := b.now()
	switch since := now.Sub(b.last); {
	case b.width > 0 && (since >= redraw || b.done >= b.total):
		fmt.Fprintf(b.w, "\r%s\x1b[K", b.draw(now))
	case b.width == 0 && since >= every && b.done < b.total:
		fmt.Fprintln(b.w, b.line(now))
	default:
		return
	}
	b.last = now
}

// draw returns the line with a bar before its numbers, cut to the terminal.
func (b *Bar) draw(now time.Time) string {
	const cells = 16 // leaves room for the numbers in 80 columns
	full := cells * min(b.done, b.total) / max(b.total, 1)
	text := fmt.Sprintf("[%s%s] %s", strings.Repeat("#", full), strings.Repeat(".", cells-full), b.line(now))
	return text[:min(len(text), b.width-1)]
}

// line returns "ingest brats: 3 of 12 cases, 2.9 cases/s, 3s left".
func (b *Bar) line(now time.Time) string {
	rate := float64(b.done-b.first) / max(now.Sub(b.start).Seconds(), 1e-3)
	left := time.Duration(float64(b.total-b.done) / rate * float64(time.Second))
	text := fmt.Sprintf("%s: %d of %d %ss, %.1f %ss/s, %s left",
		b.what, b.done, b.total, b.unit, rate, b.unit, left.Round(time.Second))
	if b.note != "" {
		text += "; " + b.note
	}
	return text
}

// Done removes the bar from the terminal.
func (b *Bar) Done() {
	if b.width > 0 && b.done > 0 {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
