//go:build !unix || solaris || illumos || aix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
)

// lockDir only opens: two processes must not fill the same target.
func lockDir(path string) (*os.File, error) { return os.Open(path) }

// isUnsupported: Windows refuses to sync a directory as a matter of permission.
func isUnsupported(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission)
}
