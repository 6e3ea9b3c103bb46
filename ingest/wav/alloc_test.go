package wav_test

import "runtime"

// allocated returns the bytes that f allocates, freed or not.
func allocated(f func()) uint64 {
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	f()
	runtime.ReadMemStats(&b)
	return b.TotalAlloc - a.TotalAlloc
}

// allocBound is what a decode of a file of n bytes may allocate: a read block
// (16 KiB), a first array of samples (64 KiB), the header's buffer and errors
// (5 KiB or so), and arrays that double up to four bytes a sample of one byte,
// all of which are counted: 4 x (2 + 1 + 1/2 + ...) a byte.
func allocBound(n int) uint64 { return 96<<10 + 16*uint64(n) }
