package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrBusy says that another process is filling the same target.
var ErrBusy = errors.New("another process is writing it")

// Lock locks an existing directory for this process until the result is closed,
// or the process ends. Where another one has it, the error is [ErrBusy]. On
// systems without such locks it only looks whether the directory is there.
func Lock(dir string) (io.Closer, error) {
	f, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("atomicfile: lock %s: %w", dir, err)
	}
	return f, nil
}

// Dir is a directory that is being filled. It is not safe for concurrent use.
type Dir struct {
	target, tmp, old string
	lock             *os.File
	done             bool
}

// NewDir begins a directory that shall become target, whose parent must exist.
// It removes what a killed process left of an earlier attempt. Where another
// process is at it, the error is [ErrBusy].
func NewDir(target string) (*Dir, error) {
	abs, err := filepath.Abs(target)
	if err != nil {
		return nil, fmt.Errorf("atomicfile: %w", err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real // a rename would replace the link and not what it names
	}
	parent, base := filepath.Split(abs)
	if base == "" || base == "." {
		return nil, fmt.Errorf("atomicfile: %s can't be replaced: name a directory below it", target)
	}
	d := &Dir{target: abs, tmp: filepath.Join(parent, "."+base+".partial"), old: filepath.Join(parent, "."+base+".old")}
	if err := d.clean(); err != nil {
		return nil, fmt.Errorf("atomicfile: clear leftovers of %s: %w", target, err)
	}
	if err := os.Mkdir(d.tmp, 0o777); err != nil {
		return nil, fmt.Errorf("atomicfile: %w", err)
	}
	if d.lock, err = lockDir(d.tmp); err != nil {
		return nil, fmt.Errorf("atomicfile: lock %s: %w", d.tmp, err)
	}
	return d, nil
}

// clean removes what an earlier process left, unless it is still alive.
func (d *Dir) clean() error {
	if _, err := os.Lstat(d.tmp); err == nil {
		lock, err := lockDir(d.tmp)
		if err != nil {
			return err
		}
		if err := errors.Join(os.RemoveAll(d.tmp), lock.Close()); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(d.old); err != nil {
		return nil
	}
	// Killed between the two renames of replace, on a system without exchange.
	if _, err := os.Lstat(d.target); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(d.old, d.target)
	}
	return os.RemoveAll(d.old)
}

// Path returns where the files go until Commit.
func (d *Dir) Path() string { return d.tmp }

// Commit syncs the names, gives the directory its own name, and syncs the
// parent. The caller has synced the files. With replace, a directory that bears
// the name already is swapped in one step where the system can (Linux), and
// removed afterwards; without, only an empty one is. After an error the old one
// is in place and Abort is still to be called.
func (d *Dir) Commit(replace bool) error {
	if d.done {
		return errors.New("atomicfile: Commit after Commit or Abort")
	}
	if err := d.publish(replace); err != nil {
		return fmt.Errorf("atomicfile: publish %s: %w", d.target, err)
	}
	d.done = true
	err := syncDir(filepath.Dir(d.target))
	// What is under the temporary names now is the replaced directory.
	if err := errors.Join(err, os.RemoveAll(d.tmp), os.RemoveAll(d.old), d.lock.Close()); err != nil {
		return fmt.Errorf("atomicfile: %s is published, but: %w", d.target, err)
	}
	return nil
}

func (d *Dir) publish(replace bool) error {
	if err := syncDir(d.tmp); err != nil {
		return err
	}
	if _, err := os.Lstat(d.target); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(d.tmp, d.target)
	}
	if !replace {
		// Remove refuses a directory with something in it.
		if err := os.Remove(d.target); err != nil {
			return err
		}
		return os.Rename(d.tmp, d.target)
	}
	err := exchange(d.tmp, d.target)
	if !isUnsupported(err) {
		return err
	}
	if err := os.Rename(d.target, d.old); err != nil {
		return err
	}
	if err := os.Rename(d.tmp, d.target); err != nil {
		return errors.Join(err, os.Rename(d.old, d.target))
	}
	return nil
}

// Abort removes what was written. After Commit, or a second time, it does
// nothing.
func (d *Dir) Abort() error {
	if d.done {
		return nil
	}
	d.done = true
	return errors.Join(os.RemoveAll(d.tmp), d.lock.Close())
}
