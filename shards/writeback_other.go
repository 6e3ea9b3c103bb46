//go:build !linux

package shards

// startWriteback does nothing where there is no portable way to ask for it:
// Sync writes it all.
func startWriteback(file, int64, int64) {}
