package atomicfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/lacuna-ml/lacuna/internal/atomicfile"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, path, text string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != text {
		t.Errorf("%s: got %q, %v, want %q", filepath.Base(path), b, err, text)
	}
}

func entries(t *testing.T, dir string, n int) {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != n {
		t.Errorf("got %v, %v, want %d entries", names, err, n)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, text := range []string{"long old text", "new"} {
		if err := atomicfile.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, path, text)
	}
	entries(t, dir, 1)
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, "d"), nil, 0o600); err == nil {
		t.Error("a file replaced a directory")
	}
	entries(t, dir, 2)
}

func TestDir(t *testing.T) {
	for _, tc := range []struct {
		name    string
		before  func(target string) error
		replace bool
		fails   bool
	}{
		{"new", func(string) error { return nil }, false, false},
		{"empty there", func(d string) error { return os.Mkdir(d, 0o777) }, false, false},
		{"full there", full, false, true},
		{"full there, to be replaced", full, true, false},
		{"leftovers of a killed run", func(d string) error {
			return full(filepath.Join(filepath.Dir(d), ".set.partial"))
		}, false, false},
		{"killed between two renames", func(d string) error {
			return full(filepath.Join(filepath.Dir(d), ".set.old"))
		}, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			parent := t.TempDir()
			target := filepath.Join(parent, "set")
			if err := tc.before(target); err != nil {
				t.Fatal(err)
			}
			d, err := atomicfile.NewDir(target)
			if err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(d.Path(), "f"), "new")
			if err := d.Commit(tc.replace); (err != nil) != tc.fails {
				t.Errorf("Commit: %v", err)
			}
			if err := d.Abort(); err != nil {
				t.Errorf("Abort: %v", err)
			}
			text := "new"
			if tc.fails {
				text = "old"
			}
			want(t, filepath.Join(target, "f"), text)
			entries(t, target, 1)
			entries(t, parent, 1)
		})
	}
}

func full(dir string) error {
	return errors.Join(os.Mkdir(dir, 0o777), os.WriteFile(filepath.Join(dir, "f"), []byte("old"), 0o666))
}

func TestKilledBetweenRenamesIsRestored(t *testing.T) {
	parent := t.TempDir()
	if err := full(filepath.Join(parent, ".set.old")); err != nil {
		t.Fatal(err)
	}
	d, err := atomicfile.NewDir(filepath.Join(parent, "set"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, filepath.Join(parent, "set", "f"), "old")
	if err := d.Abort(); err != nil {
		t.Error(err)
	}
	want(t, filepath.Join(parent, "set", "f"), "old")
}

func TestSymlinkStays(t *testing.T) {
	parent := t.TempDir()
	if err := full(filepath.Join(parent, "real")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(parent, "set")); err != nil {
		t.Skip(err)
	}
	d, err := atomicfile.NewDir(filepath.Join(parent, "set"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(d.Path(), "f"), "new")
	if err := d.Commit(true); err != nil {
		t.Fatal(err)
	}
	want(t, filepath.Join(parent, "real", "f"), "new")
	entries(t, parent, 2)
}

func TestTwoWriters(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no locks")
	}
	target := filepath.Join(t.TempDir(), "set")
	d, err := atomicfile.NewDir(target)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := atomicfile.NewDir(target); !errors.Is(err, atomicfile.ErrBusy) {
		t.Errorf("second writer: got %v, want ErrBusy", err)
	}
	if err := d.Abort(); err != nil {
		t.Fatal(err)
	}
	if d, err = atomicfile.NewDir(target); err != nil {
		t.Fatal(err)
	}
	if err := d.Abort(); err != nil {
		t.Error(err)
	}
	if err := d.Abort(); err != nil {
		t.Errorf("second Abort: %v", err)
	}
	if err := d.Commit(false); err == nil {
		t.Error("Commit after Abort")
	}
}

func ExampleWriteFile() {
	if err := atomicfile.WriteFile("settings.json", []byte("{}\n"), 0o644); err != nil {
		panic(err)
	}
}

func TestWriteThatFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	put(t, path, "old")
	boom := errors.New("boom")
	err := atomicfile.Write(path, 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, "half")
		return errors.Join(err, boom)
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v, want boom", err)
	}
	want(t, path, "old")
	entries(t, dir, 1)
}

func TestRename(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, from, "new")
	put(t, to, "old")
	if err := atomicfile.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	want(t, to, "new")
	entries(t, dir, 1)
	if err := atomicfile.Rename(from, to); err == nil {
		t.Error("no error for a file that is not there")
	}
}

func TestLock(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no locks")
	}
	dir := t.TempDir()
	lock, err := atomicfile.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := atomicfile.Lock(dir); !errors.Is(err, atomicfile.ErrBusy) {
		t.Errorf("second lock: got %v, want ErrBusy", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if lock, err = atomicfile.Lock(dir); err != nil {
		t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
}
