package datasets

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// Errors of names that lead to no file.
var (
	ErrNotFile  = errors.New("not a file")
	ErrDangling = errors.New("is a link to nothing: the data was never fetched")
)

// FetchHint is what to do about ErrDangling.
const FetchHint = "run git-annex get or datalad get where it came from, or repair the link"

// OpenRegular opens a file of a data set, and nothing else: to open a named pipe
// would wait for its writer for ever. The error is [ErrNotFile], [ErrDangling] or
// the file system's.
func OpenRegular(fsys fs.FS, name string) (fs.File, error) {
	mode, err := ownMode(fsys, name)
	if err != nil {
		return nil, err
	}
	if mode&fs.ModeSymlink != 0 {
		info, err := fs.Stat(fsys, name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w (%w)", ErrDangling, err)
		}
		if err != nil {
			return nil, err
		}
		mode = info.Mode()
	}
	if !mode.IsRegular() {
		return nil, fmt.Errorf("is %s, %w", describeMode(mode), ErrNotFile)
	}
	return fsys.Open(name)
}

// ownMode returns the mode of what stands under a name, links not followed. A
// file system that can't tell is asked for the folder: its Stat may be an Open.
func ownMode(fsys fs.FS, name string) (fs.FileMode, error) {
	if l, ok := fsys.(fs.ReadLinkFS); ok {
		info, err := l.Lstat(name)
		if err != nil {
			return 0, err
		}
		return info.Mode(), nil
	}
	entries, err := fs.ReadDir(fsys, path.Dir(name))
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return e.Name() == path.Base(name) })
	if i < 0 {
		return 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return entries[i].Type(), nil
}

// describeMode names what is no regular file.
func describeMode(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "something odd (mode " + m.String() + ")"
}
