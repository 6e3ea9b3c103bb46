package phantom

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeFile makes the file at path with what write gives, whole or not at all.
// It isn't synced: a phantom that a power cut took is made again by its seed.
func writeFile(path string, write func(io.Writer) error) (err error) {
	part := filepath.Join(filepath.Dir(path), partName(filepath.Base(path)))
	f, err := os.Create(part)
	if err != nil {
		return fmt.Errorf("phantom: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("phantom: writing %s: %w", path, err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("phantom: %w", err)
	}
	return nil
}

// partName is the name of a file that isn't whole yet. It begins with a dot, so
// that no data set takes it for its own.
func partName(base string) string { return "." + base + ".part" }

// checkLeftovers errs where a file lies below one of the folders of root that
// isn't one of planned (slash-separated, from root): then another phantom, or
// something dear to somebody, is there, and a mixture would be neither.
func checkLeftovers(root string, folders []string, planned map[string]bool) error {
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(p string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			base := d.Name()
			if planned[rel] || strings.HasPrefix(base, ".") && strings.HasSuffix(base, ".part") {
				return nil
			}
			return fmt.Errorf("%s holds %s, which isn't of this phantom; choose an empty folder, or remove %s", root, rel, filepath.Join(root, folder))
		})
		if err != nil {
			return fmt.Errorf("phantom: %w", err)
		}
	}
	return nil
}
