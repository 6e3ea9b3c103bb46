package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// A terminal can't be had in a test, so the bar is told that it is on one.
func TestBarOnATerminal(t *testing.T) {
	clock := time.Unix(0, 0)
	var out bytes.Buffer
	b := New(&out, "doctor brats", "case", 8, func() time.Time { return clock })
	b.width = 60
	clock = clock.Add(50 * time.Millisecond)
	b.Add(1) // too soon to draw
	if out.Len() > 0 {
		t.Errorf("drawn after 50 ms: %q", out.String())
	}
	clock = clock.Add(1950 * time.Millisecond)
	b.Add(1)
	want := "\r[####............] doctor brats: 2 of 8 cases, 1.0 cases/s, 6s left"[:60] + "\x1b[K"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
	out.Reset()
	b.Add(6)
	if !strings.Contains(out.String(), strings.Repeat("#", 16)) {
		t.Errorf("the last item does not fill the bar: %q", out.String())
	}
	out.Reset()
	b.Done()
	if out.String() != "\r\x1b[K" {
		t.Errorf("Done left %q", out.String())
	}
}
