package shards_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// TestGolden pins the bytes of version 1: a new Arrow library, or a change of
// ours, must not make stored data sets unreadable.
func TestGolden(t *testing.T) {
	dir := filepath.Join("testdata", "golden")
	p := digits()
	p.rows = p.rows[:6]
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		p.write(t, dir)
	}
	compare(t, dir, p)
	again := filepath.Join(t.TempDir(), "set")
	p.write(t, again)
	if d := cmp.Diff(contents(t, dir), contents(t, again)); d != "" {
		t.Errorf("bytes differ from version 1's: %s", d)
	}
}
