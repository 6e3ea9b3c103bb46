package nifti

import (
	"errors"
	"fmt"
)

// FormatError says that the input is broken, or is no NIfTI file at all.
type FormatError struct {
	Offset int64  // place in the file as inflated, in bytes
	Field  string // field of the header, "voxels", "gzip"; "" for the file as a whole
	Msg    string // what is wrong, and what to do next

	err error
}

func (e *FormatError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("nifti: byte %d: %s", e.Offset, e.Msg)
	}
	return fmt.Sprintf("nifti: %s at byte %d: %s", e.Field, e.Offset, e.Msg)
}

// Unwrap returns the cause where there is one: [io.ErrUnexpectedEOF] for what is
// cut short, [ErrLimit], [fs.ErrNotExist] for a
// missing half of a pair.
func (e *FormatError) Unwrap() error { return e.err }

// UnsupportedError says that the input is sound as far as it was read, and that
// this package does not decode or encode its kind.
type UnsupportedError string

func (e UnsupportedError) Error() string { return "nifti: not supported: " + string(e) }

// ErrLimit is the cause of a FormatError for a header that claims more voxels
// than the caller's limit has room for. The file may be good: raise the limit.
var ErrLimit = errors.New("nifti: volume exceeds the limit")
