package shards

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// startWriteback asks the system to begin writing a part of a file to the disk.
// It is a hint: whether that fails is what Sync reports.
func startWriteback(f file, offset, n int64) {
	c, ok := f.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SyncFileRange(int(fd), offset, n, unix.SYNC_FILE_RANGE_WRITE)
	})
}
