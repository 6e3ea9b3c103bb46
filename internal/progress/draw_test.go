package progress

import (
	"bytes"
	"io"
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
	want := "\r[##......] doctor brats: 2 of 8 cases, 1.0 cases/s, 6s left\x1b[K" // the bar takes what is left
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
	out.Reset()
	b.Add(6)
	if !strings.Contains(out.String(), "[########]") {
		t.Errorf("the last item does not fill the bar: %q", out.String())
	}
	out.Reset()
	b.Done()
	if out.String() != "\r\x1b[K" {
		t.Errorf("Done left %q", out.String())
	}
}

// TestNoPartIsCut: what there is no room for is left out, the least important
// first.
func TestNoPartIsCut(t *testing.T) {
	clock := time.Unix(0, 0)
	b := New(io.Discard, "train runs-é", "step", 1680, func() time.Time { return clock })
	b.done = 900
	b.Note("loss 0.234+0.0123", "i .55 a .45", "lr 0.001", "890 samples/s", "wait 0.1%")
	clock = clock.Add(33 * time.Second)
	for _, tt := range []struct {
		width int
		want  string
	}{
		{200, "[########........] train runs-é: 900 of 1680 steps, 27.3 steps/s, 29s left; loss 0.234+0.0123; i .55 a .45; lr 0.001; 890 samples/s; wait 0.1%"},
		{140, "[######.......] train runs-é: 900 of 1680 steps, 27.3 steps/s, 29s left; loss 0.234+0.0123; i .55 a .45; lr 0.001; 890 samples/s; wait 0.1%"},
		{120, "[###....] 900 of 1680 steps, 27.3 steps/s, 29s left; loss 0.234+0.0123; i .55 a .45; lr 0.001; 890 samples/s; wait 0.1%"},
		{80, "[###....] 900 of 1680 steps, 29s left; loss 0.234+0.0123; i .55 a .45; lr 0.001"},
		{60, "900 of 1680 steps, 29s left; loss 0.234+0.0123; i .55 a .45"},
		{30, "900 of 1680 steps, 29s left"},
		{20, "900 of 1680 steps"},
		{10, ""},
		{1, ""},
	} {
		b.width = tt.width
		if got := b.draw(clock); got != tt.want {
			t.Errorf("%d columns: got  %q\nwant %q", tt.width, got, tt.want)
		}
	}
}
