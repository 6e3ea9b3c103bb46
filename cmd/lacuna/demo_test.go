package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/page/pagetest"
)

// smallDemo is a demo that takes a second.
func smallDemo(dir string, more ...string) []string {
	return append([]string{"demo", "--out", dir, "--takes", "3", "--epochs", "2", "--seeds", "2"}, more...)
}

func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	first, _ := want(t, cli.Good, smallDemo(dir)...)
	for _, has := range []string{
		"90 synthetic pairs", "trained on", "picture", "whole pairs, parts hidden at random", "sound in 1 pair of 5, distilled (MCKD)",
		"when the sound is taken away", "Importances, learned on held-out pairs: picture 0.", filepath.Join(dir, "report.html"),
	} {
		if !strings.Contains(first, has) {
			t.Errorf("it does not say %q:\n%s", has, first)
		}
	}
	for line := range strings.Lines(first) {
		if len([]rune(line)) > 81 && !strings.Contains(line, dir) && !strings.Contains(line, "told right") && !strings.Contains(line, "Lacuna demo") {
			t.Errorf("a line of %d characters: %s", len([]rune(line)), line)
		}
	}
	text := readText(t, dir, "report.html")
	sections := []string{"What a gap does", "Examples", "How training went", "What next", "How it was made"}
	checkPage(t, text, sections...)
	checkPage(t, readText(t, dir, "digits", "mckd-seed1", "report.html"), "Result on test", "Examples on test", "Training", "How it was made")
	for _, name := range []string{"README.txt", "report.md", "digits.csv", "plots/digits-accuracy.svg", "plots/digits-importance-audio.svg", "plots/digits-generated-l1-audio.svg"} {
		if readText(t, dir, name) == "" {
			t.Errorf("%s is empty", name)
		}
	}

	// Run again it replaces what it made, says the same, and leaves what is not its
	// own alone.
	mine := filepath.Join(dir, "mine.txt")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "digits", "stale"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if again, _ := want(t, cli.Good, smallDemo(dir, "--workers", "1")...); again != first {
		t.Errorf("the second time it says\n%s\nthe first\n%s", again, first)
	}
	if _, err := os.Stat(filepath.Join(dir, "digits", "stale")); err == nil {
		t.Error("something of the first demo is left")
	}
	if readText(t, mine) != "mine" {
		t.Error("a file that is not the demo's is gone")
	}
	pagetest.Check(t, text) // last: it may skip
}

func TestDemoRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "README.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "files"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, stderr := want(t, cli.Failed, smallDemo(dir)...)
	if !strings.Contains(stderr, "not of a demo") {
		t.Errorf("got %q", stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "files")); err != nil {
		t.Errorf("a folder that is not a demo's was touched: %v", err)
	}
	want(t, cli.Usage, "demo", "--out", filepath.Join(dir, "x"), "--seeds", "0")
	want(t, cli.Usage, "demo", "--out", filepath.Join(dir, "x"), "--workers=-1")
}
