//go:build unix

package avdigits_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
)

// plainFS has no methods but Open, as a wrapper has that knows no others.
type plainFS struct{ fs.FS }

func TestNamesThatAreNoFiles(t *testing.T) {
	const clip, images = "7_theo_0.wav", "train-images-idx3-ubyte.gz"
	fifo := func(p string) error { return syscall.Mkfifo(p, 0o644) }
	dangling := func(p string) error { return os.Symlink("../.git/annex/objects/x", p) }
	folder := func(p string) error { return os.Mkdir(p, 0o755) }
	for _, tc := range []struct {
		name string
		file string
		make func(p string) error
		kind string
		says string
	}{
		{"pipe for a clip", clip, fifo, "not-a-file", "is a named pipe, not a file"},
		{"pipe for images", images, fifo, "not-a-file", "is a named pipe, not a file"},
		{"folder for a clip", clip, folder, "not-a-file", "is a folder, not a file"},
		{"clip linked to a folder", clip, func(p string) error { return os.Symlink("/", p) }, "not-a-file", "is a folder"},
		{"clip linked to nothing", clip, dangling, "link", "never fetched"},
		{"images linked to nothing", images, dangling, "link", "never fetched"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			tree := mnist(20)
			tree[clip] = &fstest.MapFile{Data: tone()}
			if err := os.CopyFS(dir, tree); err != nil {
				t.Fatal(err)
			}
			p := filepath.Join(dir, tc.file)
			if err := errors.Join(os.Remove(p), tc.make(p)); err != nil {
				t.Fatal(err)
			}
			for _, fsys := range []fs.FS{os.DirFS(dir), plainFS{os.DirFS(dir)}} {
				done := make(chan error, 1)
				go func() {
					_, err := openWith(t, fsys, fsys, "full").Load(t.Context(), subject("7_theo_0"))
					done <- err
				}()
				var err error
				select {
				case err = <-done:
				case <-time.After(20 * time.Second): // it waits for the writer of the pipe
					t.Fatal("it hangs")
				}
				bad, ok := errors.AsType[*ingest.SubjectError](err)
				if !ok || len(bad.Problems) != 1 || bad.Problems[0].Kind != tc.kind || bad.Problems[0].Path != tc.file || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("%T: got %v, want %s of kind %s", fsys, err, tc.says, tc.kind)
				}
			}
		})
	}
}

func TestLabelsThatAreAPipe(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "7_theo_0.wav"), tone(), 0o644), syscall.Mkfifo(filepath.Join(dir, "train-labels-idx1-ubyte"), 0o644)); err != nil {
		t.Fatal(err)
	}
	src := openWith(t, os.DirFS(dir), os.DirFS(dir), "full")
	for _, err := range src.Subjects(t.Context()) {
		if err == nil || !strings.Contains(err.Error(), "train-labels-idx1-ubyte: is a named pipe") {
			t.Errorf("got %v, want an error on the pipe", err)
		}
	}
}
