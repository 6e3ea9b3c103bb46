package page_test

import (
	"os"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/internal/page/pagetest"
)

// TestChromium opens the report in a browser.
func TestChromium(t *testing.T) {
	text := write(t, report(t))
	document, _ := pagetest.Open(t, text)
	if strings.Count(document, "<svg") != 3 {
		t.Errorf("%d charts, want 3", strings.Count(document, "<svg"))
	}
	pagetest.Check(t, text)

	// The test can fail: a picture from elsewhere is stopped and reported.
	_, console := pagetest.Open(t, strings.Replace(text, "<main>", `<main><img src="https://example.invalid/x.png"/>`, 1))
	if !strings.Contains(console, "Content Security Policy") {
		t.Errorf("a request to elsewhere went unnoticed: %q", console)
	}
}

// TestChromiumOnFiles opens the pages that LACUNA_PAGE names.
func TestChromiumOnFiles(t *testing.T) {
	for _, path := range strings.Fields(os.Getenv("LACUNA_PAGE")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pagetest.Check(t, string(text))
	}
}
