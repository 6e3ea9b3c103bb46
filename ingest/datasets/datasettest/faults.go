package datasettest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/lacuna-ml/lacuna/ingest"
)

// cancelled checks that a cancelled context stops Subjects and Load.
func (k *kit) cancelled(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := errors.New("stop, says the kit")
	cancel(stop)
	stopped := func(err error) bool {
		_, blamed := errors.AsType[*ingest.SubjectError](err)
		return (errors.Is(err, stop) || errors.Is(err, context.Canceled)) && !blamed
	}
	if _, err := list(ctx, k.src); !stopped(err) {
		k.errorf("Subjects of a cancelled context gave the error %v", err)
	}
	if _, err := k.src.Load(ctx, k.loaded[0].subject); !stopped(err) {
		k.errorf("Load of a cancelled context gave the error %v", err)
	}
}

// broken truncates and removes files of the first subject.
func (k *kit) broken(ctx context.Context) {
	l := k.loaded[0]
	for _, f := range l.sources {
		k.truncated(ctx, l, f.Path)
	}
	for i := range l.present.All() {
		name := k.d.Modalities.Name(i)
		at := slices.IndexFunc(l.sources, func(f ingest.File) bool { return f.Role == name })
		path := l.sources[at].Path
		shared := slices.ContainsFunc(l.sources, func(f ingest.File) bool { return f.Role != name && f.Path == path })
		if shared || k.users(path) > 1 || l.present.Count() < 2 {
			continue // not this modality's own file
		}
		k.missing(ctx, l, i, path)
	}
}

// users counts the loaded subjects that have path among their sources.
func (k *kit) users(path string) int {
	n := 0
	for _, l := range k.loaded {
		if slices.ContainsFunc(l.sources, func(f ingest.File) bool { return f.Path == path }) {
			n++
		}
	}
	return n
}

// truncated cuts the file to six tenths, or to 20 bytes where many subjects
// share it, and expects the subject to fail with its name.
func (k *kit) truncated(ctx context.Context, l loaded, path string) {
	input, name, ok := k.locate(path)
	if !ok {
		return // told already
	}
	info, err := fs.Stat(k.in[input], name)
	if err != nil {
		k.errorf("%w", err)
		return
	}
	size := info.Size() * 6 / 10
	shared := k.users(path) > 1
	if shared {
		size = min(20, info.Size()/2)
	}
	_, err = k.sampleWith(ctx, l.subject, input, &truncatingFS{FS: k.in[input], name: name, size: size})
	subject, blamed := errors.AsType[*ingest.SubjectError](err)
	switch {
	case err == nil:
		k.errorf("%s: %s cut to %d bytes was loaded without an error", l.subject.Key, path, size)
	case !blamed:
		if !shared {
			k.errorf("%s: %s cut to %d bytes: not a SubjectError: %w", l.subject.Key, path, size, err)
		}
	case subject.Key != l.subject.Key:
		k.errorf("%s: %s cut to %d bytes: the error is of subject %s", l.subject.Key, path, size, subject.Key)
	case !slices.ContainsFunc(subject.Problems, func(p ingest.Problem) bool { return p.Path == path }):
		k.errorf("%s: %s cut to %d bytes: no problem names the file: %w", l.subject.Key, path, size, err)
	}
}

var errGone = errors.New("the subject is no longer listed")

// sampleWith opens the data set with one input replaced and loads the subject.
func (k *kit) sampleWith(ctx context.Context, s ingest.Subject, input string, fsys fs.FS) (*ingest.Sample, error) {
	in := maps.Clone(k.in)
	in[input] = fsys
	src, err := k.d.Open(ctx, in, k.opts)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	subjects, err := list(ctx, src)
	if err != nil {
		return nil, fmt.Errorf("listing: %w", err)
	}
	i := slices.IndexFunc(subjects, func(t ingest.Subject) bool { return t.Key == s.Key })
	if i < 0 {
		return nil, errGone
	}
	return src.Load(ctx, subjects[i])
}

// missing hides the file of modality i and expects a cleared bit.
func (k *kit) missing(ctx context.Context, l loaded, i int, path string) {
	input, name, ok := k.locate(path)
	if !ok {
		return
	}
	sample, err := k.sampleWith(ctx, l.subject, input, &hidingFS{FS: k.in[input], name: name})
	// Where the other modalities lie in files that many subjects share, the
	// file may be what the subject is made of; then it may go with it.
	if errors.Is(err, errGone) && slices.ContainsFunc(l.inputs(), func(p string) bool { return k.users(p) > 1 }) {
		return
	}
	if err != nil {
		k.errorf("%s: without %s: %w", l.subject.Key, path, err)
		return
	}
	if want := l.present.Without(i); sample.Present != want {
		k.errorf("%s: without %s the mask is %s, want %s", l.subject.Key, path,
			k.d.Modalities.Format(sample.Present), k.d.Modalities.Format(want))
	}
	if err := sample.Check(k.d.Modalities); err != nil {
		k.errorf("without %s: %w", path, err)
	}
}

// countingFS counts the bytes read of each file.
type countingFS struct {
	fs.FS
	mu    sync.Mutex
	reads map[string]int64
}

func (c *countingFS) snapshot() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.reads)
}

func (c *countingFS) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if d, ok := f.(fs.ReadDirFile); ok {
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return d, nil
		}
	}
	return &readFile{File: f, read: func(p []byte) (int, error) {
		n, err := f.Read(p)
		c.mu.Lock()
		c.reads[name] += int64(n)
		c.mu.Unlock()
		return n, err
	}}, nil
}

// truncatingFS cuts one file short.
type truncatingFS struct {
	fs.FS
	name string
	size int64
}

func (t *truncatingFS) Open(name string) (fs.File, error) {
	f, err := t.FS.Open(name)
	if err != nil || name != t.name {
		return f, err
	}
	return &readFile{File: f, read: io.LimitReader(f, t.size).Read}, nil
}

// readFile is a file with another Read, and without Seek or ReadAt.
type readFile struct {
	fs.File
	read func([]byte) (int, error)
}

func (f *readFile) Read(p []byte) (int, error) { return f.read(p) }

// hidingFS has one file less.
type hidingFS struct {
	fs.FS
	name string
}

func (h *hidingFS) Open(name string) (fs.File, error) {
	if name == h.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return h.FS.Open(name)
}

// ReadDir lists without the hidden file.
func (h *hidingFS) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(h.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == h.name || name+"/"+e.Name() == h.name
	}), err
}
