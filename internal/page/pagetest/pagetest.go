// Package pagetest opens pages in a real browser, for tests. Where there is no
// Chromium they are skipped, or fail if LACUNA_FORBID_SKIP is 1.
package pagetest

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

// Check fails the test where a browser finds something wrong with a page: a word
// on the console, where the page's own policy also reports every request that it
// stops, or a page that is wider than a window of 1280 or of 420 pixels.
func Check(t testing.TB, text string) {
	t.Helper()
	if _, console := Open(t, text); console != "" {
		t.Errorf("on the console: %s", console)
	}
	// A browser's window has a least width; a frame has none.
	for _, width := range []string{"1280", "420"} {
		document, console := Open(t, `<title>?</title><iframe id="f" style="border:0;height:900px;width:`+width+`px" srcdoc="`+html.EscapeString(text)+`"
			onload="d = f.contentDocument; document.title = d.title + ': ' + d.documentElement.scrollWidth + ' in ' + f.clientWidth"></iframe>`)
		title := regexp.MustCompile(`<title>.*: (\d+) in (\d+)</title>`).FindStringSubmatch(document)
		if title == nil || title[2] != width || len(title[1]) > len(width) || title[1] > width || console != "" {
			t.Errorf("%s pixels: %q, console %q", width, title, console)
		}
	}
}

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

// Open loads a page and returns its document as it then is, and what it said on
// the console.
func Open(t testing.TB, text string) (document, console string) {
	t.Helper()
	browser := chromium(t)
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
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
