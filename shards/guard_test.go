//go:build unix

package shards_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lacuna-ml/lacuna/shards"
)

// TestGuard reads a mapped page that is gone.
func TestGuard(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 16); err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, 1<<16, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	sum := byte(0)
	if err := shards.Guard(func() error { sum += b[40000]; return nil }); err == nil {
		t.Errorf("no error, read %d", sum)
	}
	if err := shards.Guard(func() error { panic("bug") }); err == nil {
		t.Error("a panic went unnoticed")
	}
	if err := unix.Munmap(b); err != nil {
		t.Fatal(err)
	}
}
