package shards

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// CorruptError says that a data set is not what was written. Everything that a
// reader finds wrong with the files is one; that they can't be opened or read
// at all is not.
type CorruptError struct {
	Path   string // of the file
	Batch  int    // number of the record batch in its file, -1 for the rest
	Offset int64  // where in the file what is wrong begins, -1 where that can't be said
	Err    error
}

func (e *CorruptError) Error() string {
	place := e.Path
	if e.Batch >= 0 {
		place += fmt.Sprintf(": batch %d", e.Batch)
	}
	if e.Offset >= 0 {
		place += fmt.Sprintf(" at byte %d", e.Offset)
	}
	return fmt.Sprintf("%s: %v: make or copy the data set again", place, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

func corrupt(path string, batch int, offset int64, err error) *CorruptError {
	return &CorruptError{path, batch, offset, err}
}

// guard runs f and makes an error of what panics in it: a mapped file that
// became shorter under us is a fault in memory, which would end the program
// otherwise, and a bug in a parser must not.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			err = errors.New("the file became shorter, or can't be read")
		default:
			err = fmt.Errorf("parser failed: %v", p)
		}
	}()
	return f()
}
