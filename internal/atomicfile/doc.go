// Package atomicfile makes files and directories that appear whole or not at
// all, and that are on the disk when they appear.
//
// A file is written beside its target, synced, renamed over it, and the
// directory that holds both is synced: a rename alone may be lost, or outlive
// the bytes it names, when the machine stops.
//
// A directory is filled under a temporary name beside its target, ".NAME.partial",
// and gets its name at the end. A process that is killed leaves that directory
// behind, and the next [NewDir] of the same target removes it. Two processes
// can't fill the same target at once where the system has file locks.
package atomicfile
