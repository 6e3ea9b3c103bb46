package page_test

import (
	"bytes"
	"context"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// chromium returns a browser's path. The test is skipped where there is none, or
// fails where LACUNA_FORBID_SKIP is 1.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("LACUNA_FORBID_SKIP") == "1" {
		t.Fatal("no chromium, and LACUNA_FORBID_SKIP=1")
	}
	t.Skip("no chromium")
	return ""
}

// open loads a page and returns its document as it then is, and what it said on
// the console.
func open(t testing.TB, text string) (document, console string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium(t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
		"--enable-logging=stderr", "--window-size=1400,900", "--dump-dom", "file://"+path)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, "CONSOLE") {
			console += line
		}
	}
	return stdout.String(), console
}

// TestChromium opens the report: nothing on the console, where the policy also
// reports every request that it stops, and no line wider than the window.
func TestChromium(t *testing.T) {
	text := write(t, report(t))
	document, console := open(t, text)
	if console != "" {
		t.Errorf("on the console: %s", console)
	}
	if strings.Count(document, "<svg") != 3 {
		t.Errorf("%d charts, want 3", strings.Count(document, "<svg"))
	}

	// The test can fail: a picture from elsewhere is stopped and reported.
	_, console = open(t, strings.Replace(text, "<main>", `<main><img src="https://example.invalid/x.png"/>`, 1))
	if !strings.Contains(console, "Content Security Policy") {
		t.Errorf("a request to elsewhere went unnoticed: %q", console)
	}

	// A browser's window has a least width; a frame has none.
	for _, width := range []string{"1280", "420"} {
		document, console = open(t, `<title>?</title><iframe id="f" style="border:0;height:900px;width:`+width+`px" srcdoc="`+html.EscapeString(text)+`"
			onload="d = f.contentDocument; document.title = d.title + ': ' + d.documentElement.scrollWidth + ' in ' + f.clientWidth"></iframe>`)
		title := regexp.MustCompile(`<title>.*: (\d+) in (\d+)</title>`).FindStringSubmatch(document)
		if title == nil || title[2] != width || len(title[1]) > len(width) || title[1] > width || console != "" {
			t.Errorf("%s pixels: %q, console %q", width, title, console)
		}
	}
}
