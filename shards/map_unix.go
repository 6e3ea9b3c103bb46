//go:build unix

package shards

import (
	"os"

	"golang.org/x/sys/unix"
)

// canMap says whether files are mapped, or read piece by piece.
const canMap = true

func mapFile(f *os.File, size int64) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
}

func unmapFile(b []byte) error { return unix.Munmap(b) }
