package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile replaces the file at path by data, with the permissions perm before
// umask. After an error the old file, if any, is as it was.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return Write(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write is [WriteFile] for what write writes.
func Write(path string, perm fs.FileMode, write func(w io.Writer) error) error {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".partial")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return fmt.Errorf("atomicfile: %w", err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return fmt.Errorf("atomicfile: write %s: %w", path, errors.Join(err, os.Remove(tmp)))
	}
	// From here the new file is there; only its durability is in doubt.
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("atomicfile: %w", err)
	}
	return nil
}

// Rename gives the file at from the name to, in the same directory, which it
// syncs. It replaces what bears that name.
func Rename(from, to string) error {
	err := os.Rename(from, to)
	if err == nil {
		err = syncDir(filepath.Dir(to))
	}
	if err != nil {
		return fmt.Errorf("atomicfile: %w", err)
	}
	return nil
}

// syncDir makes the names in a directory durable. Systems that can't sync a
// directory are taken to need no such thing.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if isUnsupported(err) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
