// Package progress shows how far long work is, at which rate and for how much
// longer: a bar on a terminal, plain lines elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

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
	first int      // done before this bar: they say nothing of its rate
	notes []string // after the numbers, the most important first
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

// Note sets what is said after the numbers from the next output on, the most
// important first: what a terminal has no room for is left out.
func (b *Bar) Note(parts ...string) { b.notes = parts }

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

// draw returns the line with a bar before it, as far as the terminal has room:
// each part is there whole or not at all. How far it is and how long it will take
// come first, then the notes in their order, the rate, the name, and the bar.
func (b *Bar) draw(now time.Time) string {
	count, rate, left := b.numbers(now)
	parts := append([]string{b.what + ": ", count, ", " + rate, ", " + left}, b.notes...)
	order := []int{1, 3}
	for i := range b.notes {
		parts[4+i] = "; " + parts[4+i]
		order = append(order, 4+i)
	}
	room := b.width - 1
	shown := make([]bool, len(parts))
	for _, i := range append(order, 2, 0) {
		if n := utf8.RuneCountInString(parts[i]); n <= room {
			shown[i] = true
			room -= n
		} else if i == 1 {
			return "" // nothing makes sense without it
		}
	}
	var line strings.Builder
	if cells := min(16, room-3); cells >= 4 { // fewer say nothing
		full := cells * min(b.done, b.total) / max(b.total, 1)
		fmt.Fprintf(&line, "[%s%s] ", strings.Repeat("#", full), strings.Repeat(".", cells-full))
	}
	for i, p := range parts {
		if shown[i] {
			line.WriteString(p)
		}
	}
	return line.String()
}

// line returns "ingest brats: 3 of 12 cases, 2.9 cases/s, 3s left".
func (b *Bar) line(now time.Time) string {
	count, rate, left := b.numbers(now)
	text := fmt.Sprintf("%s: %s, %s, %s", b.what, count, rate, left)
	return strings.Join(append([]string{text}, b.notes...), "; ")
}

func (b *Bar) numbers(now time.Time) (count, rate, left string) {
	perSecond := float64(b.done-b.first) / max(now.Sub(b.start).Seconds(), 1e-3)
	wait := time.Duration(float64(b.total-b.done) / perSecond * float64(time.Second))
	units := b.unit + "s"
	if b.total == 1 {
		units = b.unit
	}
	return fmt.Sprintf("%d of %d %s", b.done, b.total, units), fmt.Sprintf("%.1f %ss/s", perSecond, b.unit), wait.Round(time.Second).String() + " left"
}

// Done removes the bar from the terminal.
func (b *Bar) Done() {
	if b.width > 0 && b.done > 0 {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
