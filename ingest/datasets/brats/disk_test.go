//go:build unix

package brats_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
)

// plainFS has no methods but Open, as a wrapper has that knows no others.
type plainFS struct{ fs.FS }

// within fails where do takes longer than any of these files can: it waits for
// the writer of a pipe.
func within(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it hangs")
	}
}

// onDisk writes a tree into a new folder.
func onDisk(t *testing.T, tree fstest.MapFS) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, tree); err != nil {
		t.Fatal(err)
	}
	return dir
}

// replace puts what link makes in the place of a file.
func replace(t *testing.T, make func(p string) error) func(p string) {
	return func(p string) {
		if err := os.RemoveAll(p); err != nil {
			t.Fatal(err)
		}
		if err := make(p); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNamesThatAreNoFiles(t *testing.T) {
	nifti := encode(t, "gz", smallDim, lps, ramp(24, 3)).Data
	folderOf := func(names ...string) func(p string) {
		return replace(t, func(p string) error {
			err := os.Mkdir(p, 0o755)
			for _, n := range names {
				if err == nil {
					err = os.WriteFile(filepath.Join(p, n), nifti, 0o644)
				}
			}
			return err
		})
	}
	rename := func(ends ...string) func(p string) {
		return func(p string) {
			b, err := os.ReadFile(p)
			if err == nil {
				err = os.Remove(p)
			}
			for _, end := range ends {
				if err == nil {
					err = os.WriteFile(strings.TrimSuffix(p, ".nii.gz")+end, b, 0o644)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	fifo := replace(t, func(p string) error { return syscall.Mkfifo(p, 0o644) })
	dangling := replace(t, func(p string) error { return os.Symlink("../.git/annex/objects/x", p) })
	for _, tc := range []struct {
		name    string
		file    string
		change  func(p string)
		problem string
		warning string
		says    string
	}{
		{"named pipe", "c_t1.nii.gz", fifo, "not-a-file", "", "is a named pipe, not a file"},
		{"named pipe for labels", "c_seg.nii.gz", fifo, "not-a-file", "", "is a named pipe"},
		{"link to a device", "c_t1.nii.gz", replace(t, func(p string) error { return os.Symlink("/dev/zero", p) }), "not-a-file", "", "is a device"},
		{"link to nothing", "c_t1.nii.gz", dangling, "link", "", "the data was never fetched"},
		{"labels linked to nothing", "c_seg.nii.gz", dangling, "link", "", "git-annex"},
		{"link to itself", "c_t1.nii.gz", replace(t, func(p string) error { return os.Symlink(filepath.Base(p), p) }), "read", "", ""},
		{"folder with one file, as on Kaggle", "c_t1.nii.gz", folderOf("x.nii.gz", "x.txt"), "", "not-a-file", "x.nii.gz, is used"},
		{"empty folder", "c_t1.nii.gz", folderOf(), "not-a-file", "", "0 NIfTI files"},
		{"folder with two", "c_t1.nii.gz", folderOf("a.nii.gz", "b.nii.gz"), "not-a-file", "", "2 NIfTI files"},
		{"folder for labels", "c_seg.nii.gz", folderOf(), "not-a-file", "", "is a folder"},
		{"a pair", "c_t1.nii.gz", rename(".hdr", ".img"), "unsupported", "", "half of a .hdr/.img pair"},
		{"a compressed pair", "c_seg.nii.gz", rename(".img.gz"), "unsupported", "", "convert the pair"},
		{"a pair beside its conversion", "c_t1.nii.gz", rename(".nii.gz", ".hdr", ".img"), "", "", ""},
		{"named after another case", "c_t1.nii.gz", func(p string) {
			if err := os.Rename(p, filepath.Join(filepath.Dir(p), "good_t1.nii.gz")); err != nil {
				t.Fatal(err)
			}
		}, "", "name", `named after "good", the case's other files after "c"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := onDisk(t, goodCase(t))
			tc.change(filepath.Join(dir, "c", tc.file))
			for _, fsys := range []fs.FS{os.DirFS(dir), plainFS{os.DirFS(dir)}} {
				if _, plain := fsys.(plainFS); plain && strings.HasPrefix(tc.name, "link to a device") {
					continue // Stat may be an Open there, so links are followed
				}
				var s *ingest.Sample
				var err error
				within(t, func() { s, err = loadOnly(t, fsys) })
				var want []string
				if tc.problem != "" {
					want = []string{tc.problem}
				}
				if got := kinds(t, err); !slices.Equal(got, want) {
					t.Fatalf("%T: got %v (%v), want %v", fsys, got, err, want)
				}
				if err != nil {
					if !strings.Contains(err.Error(), tc.says) {
						t.Errorf("got %v, want %q in it", err, tc.says)
					}
					continue
				}
				want = nil
				if tc.warning != "" {
					want = []string{tc.warning}
				}
				if got := problemKinds(s.Warnings); !slices.Equal(got, want) || s.Present.Count() != 4 {
					t.Fatalf("got %v and %d modalities, want %v and 4", s.Warnings, s.Present.Count(), want)
				}
				if len(s.Warnings) > 0 && !strings.Contains(s.Warnings[0].String(), tc.says) {
					t.Errorf("got %v, want %q in it", s.Warnings[0], tc.says)
				}
			}
		})
	}
}

func TestLinkedFolders(t *testing.T) {
	link := func(t *testing.T, target, name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		make func(t *testing.T, dir string)
		want string
	}{
		{"to itself", func(t *testing.T, dir string) { link(t, ".", filepath.Join(dir, "c/loop")) }, "c"},
		{"root to itself", func(t *testing.T, dir string) { link(t, ".", filepath.Join(dir, "a")) }, "c"},
		{"to the folder above", func(t *testing.T, dir string) { link(t, "..", filepath.Join(dir, "c/up")) }, "c"},
		{"a case by another name, met first", func(t *testing.T, dir string) { link(t, "c", filepath.Join(dir, "a")) }, "c"},
		{"a case from deeper, met first", func(t *testing.T, dir string) { link(t, "../c", filepath.Join(dir, "a/b")) }, "c"},
		{"a case outside", func(t *testing.T, dir string) {
			link(t, filepath.Join(onDisk(t, goodCase(t)), "c"), filepath.Join(dir, "d"))
		}, "c d"},
		{"a case outside, twice", func(t *testing.T, dir string) {
			other := filepath.Join(onDisk(t, goodCase(t)), "c")
			link(t, other, filepath.Join(dir, "d"))
			link(t, other, filepath.Join(dir, "e"))
		}, "c d"},
		{"a folder of cases outside", func(t *testing.T, dir string) {
			tree := fstest.MapFS{}
			addCase(t, tree, "x", five("x", ".nii.gz"))
			link(t, onDisk(t, tree), filepath.Join(dir, "more"))
		}, "c x"},
		{"an empty case outside", func(t *testing.T, dir string) { link(t, t.TempDir(), filepath.Join(dir, "BraTS2021_00001")) }, "BraTS2021_00001 c"},
		{"a case linked to nothing", func(t *testing.T, dir string) { link(t, "nowhere", filepath.Join(dir, "BraTS2021_00001")) }, "BraTS2021_00001 c"},
		{"a folder of linked files", func(t *testing.T, dir string) {
			for _, m := range []string{"flair", "seg"} {
				link(t, filepath.Join(dir, "c/c_"+m+".nii.gz"), filepath.Join(dir, "d/d_"+m+".nii.gz"))
			}
		}, "c d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := onDisk(t, goodCase(t))
			tc.make(t, dir)
			src := mustOpen(t, os.DirFS(dir))
			var got []string
			for _, s := range subjects(t, src) {
				got = append(got, s.Key.Subject)
				empty := s.Key.Subject == "BraTS2021_00001"
				if _, err := src.Load(t.Context(), s); (err != nil) != empty {
					t.Errorf("%s: got error %v", s.Key, err)
				}
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("got %v, want %s", got, tc.want)
			}
		})
	}
}

func TestTableOfNamesThatIsAPipe(t *testing.T) {
	dir := onDisk(t, goodCase(t))
	if err := syscall.Mkfifo(filepath.Join(dir, "name_mapping.csv"), 0o644); err != nil {
		t.Fatal(err)
	}
	src := mustOpen(t, os.DirFS(dir))
	within(t, func() {
		for _, err := range src.Subjects(t.Context()) {
			if err == nil || !strings.Contains(err.Error(), "named pipe") {
				t.Errorf("got %v, want an error on the pipe", err)
			}
		}
	})
}
