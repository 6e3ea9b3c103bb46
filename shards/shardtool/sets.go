package shardtool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/shards"
)

// maxDepth is how far below a given directory data sets are looked for.
const maxDepth = 3

// notWholeError is a directory with shards that no manifest makes a data set.
type notWholeError struct {
	dir   string
	files int
}

func (e *notWholeError) Error() string {
	return fmt.Sprintf("%s holds %d .arrow files and no %s, so it is not a whole data set: its writing was interrupted, or the manifest is lost; make it again with lacuna ingest, or bring the manifest back",
		e.dir, e.files, shards.ManifestName)
}

// IsCorrupt reports whether err says that data are damaged or not whole, as
// opposed to not found or not readable.
func IsCorrupt(err error) bool {
	_, corrupt := errors.AsType[*shards.CorruptError](err)
	_, damaged := errors.AsType[*damagedError](err)
	_, notWhole := errors.AsType[*notWholeError](err)
	return corrupt || damaged || notWhole
}

// find returns the data sets at dir or below, in the order of their paths.
// Directories whose names begin with a dot are left out: a data set that is
// being written has such a name.
func find(dir string) ([]string, error) {
	dir = filepath.Clean(dir)
	st, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("%s is not a directory: name the one that holds %s", dir, shards.ManifestName)
	}
	var sets []string
	var notWhole []error
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if rel != "." && (strings.HasPrefix(d.Name(), ".") || strings.Count(filepath.ToSlash(rel), "/") >= maxDepth) {
			return fs.SkipDir
		}
		if _, err := os.Lstat(filepath.Join(p, shards.ManifestName)); err == nil {
			sets = append(sets, p)
			return fs.SkipDir
		}
		if n := countShards(p); n > 0 {
			notWhole = append(notWhole, &notWholeError{p, n})
		}
		return nil
	})
	if err == nil && len(sets)+len(notWhole) == 0 {
		err = fmt.Errorf("no data set in %s: neither it nor a directory down to %d levels below holds %s", dir, maxDepth, shards.ManifestName)
	}
	return sets, errors.Join(append(notWhole, err)...)
}

func countShards(dir string) int {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0 // WalkDir reports it
	}
	n := 0
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".arrow") {
			n++
		}
	}
	return n
}

// each calls fn for every data set at dirs or below, and returns the errors of
// all. headings tells fn whether there is more than one.
func each(ctx context.Context, dirs []string, fn func(dir string, headings bool) error) error {
	var sets []string
	var errs []error
	for _, d := range dirs {
		found, err := find(d)
		if err != nil {
			errs = append(errs, err)
		}
		for _, f := range found {
			if !slices.Contains(sets, f) {
				sets = append(sets, f)
			}
		}
	}
	for _, dir := range sets {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := fn(dir, len(sets) > 1); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// eachOpen is each with the data sets opened, which proves their manifests.
func eachOpen(ctx context.Context, dirs []string, fn func(dir string, headings bool, r *shards.Reader) error) error {
	return each(ctx, dirs, func(dir string, headings bool) (err error) {
		r, err := shards.Open(dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		return fn(dir, headings, r)
	})
}

// tables is the frame of the functions whose answer is in the manifest: build
// makes it, text writes it for people.
func tables[T any](ctx context.Context, w io.Writer, dirs []string, asJSON bool, build func(dir string, m *shards.Manifest) T, text func(p *printer, t T)) error {
	out := []T{}
	p := &printer{w: w}
	err := eachOpen(ctx, dirs, func(dir string, headings bool, r *shards.Reader) error {
		t := build(dir, r.Manifest())
		if asJSON {
			out = append(out, t)
			return nil
		}
		if headings {
			p.heading(dir)
		}
		text(p, t)
		return p.err
	})
	if asJSON {
		return errors.Join(err, writeJSON(w, out))
	}
	return err
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
