package phantom_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/datasets/phantom"
)

// sums returns the SHA-256 of every file below dir.
func sums(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	m := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		m[filepath.ToSlash(rel)] = sha256.Sum256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func writeBraTS(t *testing.T, dir string, o phantom.BraTSOptions) string {
	t.Helper()
	if err := phantom.WriteBraTS(t.Context(), dir, o); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeDigits(t *testing.T, dir string, o phantom.DigitOptions) string {
	t.Helper()
	if err := phantom.WriteDigits(t.Context(), dir, o); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSameSeedSameBytes(t *testing.T) {
	small := [3]int{24, 24, 20}
	for name, write := range map[string]func(dir string, seed uint64, n int){
		"brats": func(dir string, seed uint64, n int) {
			writeBraTS(t, dir, phantom.BraTSOptions{Cases: n, Seed: seed, Size: small, MissingRate: 0.3})
		},
		"digits": func(dir string, seed uint64, n int) {
			writeDigits(t, dir, phantom.DigitOptions{Speakers: n, PerDigit: 2, Seed: seed})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dirs := [4]string{t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()}
			write(dirs[0], 5, 4)
			write(dirs[1], 5, 4)
			write(dirs[1], 5, 4) // over itself
			write(dirs[2], 6, 4)
			write(dirs[3], 5, 5)
			a, again, other, more := sums(t, dirs[0]), sums(t, dirs[1]), sums(t, dirs[2]), sums(t, dirs[3])
			if !maps.Equal(a, again) {
				t.Error("the same options gave other files")
			}
			if len(more) <= len(a) {
				t.Errorf("a higher count gave %d files, not more than %d", len(more), len(a))
			}
			for p, s := range a {
				if strings.HasSuffix(p, "labels-idx1-ubyte.gz") && strings.Contains(p, "train") {
					continue // may grow with the count
				}
				if more[p] != s {
					t.Errorf("%s changed with the count", p)
				}
				if strings.HasSuffix(p, ".wav") || strings.HasSuffix(p, "_t1.nii.gz") || strings.HasSuffix(p, "images-idx3-ubyte.gz") {
					if other[p] == s {
						t.Errorf("%s is the same for another seed", p)
					}
				}
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []phantom.BraTSOptions{
		{Cases: -1}, {Cases: 10_001}, {Size: [3]int{64, 64, 15}}, {Size: [3]int{513, 64, 64}}, {MissingRate: -0.1}, {MissingRate: 1.1},
	} {
		dir := t.TempDir()
		if err := phantom.WriteBraTS(t.Context(), dir, o); err == nil || len(sums(t, dir)) > 0 {
			t.Errorf("%+v: got error %v, want one and no files", o, err)
		}
	}
	for _, o := range []phantom.DigitOptions{{Speakers: -1}, {Speakers: 61}, {PerDigit: -1}, {PerDigit: 1001}} {
		dir := t.TempDir()
		if err := phantom.WriteDigits(t.Context(), dir, o); err == nil || len(sums(t, dir)) > 0 {
			t.Errorf("%+v: got error %v, want one and no files", o, err)
		}
	}
}

func TestStrangersAreNotMixedIn(t *testing.T) {
	small := [3]int{16, 16, 16}
	dir := writeBraTS(t, t.TempDir(), phantom.BraTSOptions{Cases: 3, Size: small})
	before := sums(t, dir)
	err := phantom.WriteBraTS(t.Context(), dir, phantom.BraTSOptions{Cases: 2, Size: small, Seed: 9})
	if err == nil || !strings.Contains(err.Error(), "Brats18_PHANTOM_003_1") {
		t.Errorf("got %v, want an error that names the third case", err)
	}
	if !maps.Equal(before, sums(t, dir)) {
		t.Error("files changed all the same")
	}
	// A file that an interrupted run left is no stranger.
	part := filepath.Join(dir, "HGG", "Brats18_PHANTOM_001_1", ".x.part")
	if err := os.WriteFile(part, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	writeBraTS(t, dir, phantom.BraTSOptions{Cases: 3, Size: small})

	dir = writeDigits(t, t.TempDir(), phantom.DigitOptions{Speakers: 2, PerDigit: 1})
	if err := phantom.WriteDigits(t.Context(), dir, phantom.DigitOptions{Speakers: 1, PerDigit: 1}); err == nil || !strings.Contains(err.Error(), "nicolas") {
		t.Errorf("got %v, want an error that names a clip of nicolas", err)
	}
}

func TestCancelledLeavesWholeFilesOnly(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	for name, write := range map[string]func(dir string) error{
		"brats":  func(dir string) error { return phantom.WriteBraTS(ctx, dir, phantom.BraTSOptions{}) },
		"digits": func(dir string) error { return phantom.WriteDigits(ctx, dir, phantom.DigitOptions{}) },
	} {
		dir := t.TempDir()
		if err := write(dir); !errors.Is(err, why) {
			t.Errorf("%s: got %v, want %v", name, err, why)
		}
		if n := len(sums(t, dir)); n != 0 {
			t.Errorf("%s: %d files are there", name, n)
		}
	}
}

func TestUnwritableFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := phantom.WriteBraTS(t.Context(), file, phantom.BraTSOptions{Size: [3]int{16, 16, 16}}); err == nil {
		t.Error("WriteBraTS below a file gave no error")
	}
	if err := phantom.WriteDigits(t.Context(), file, phantom.DigitOptions{}); err == nil {
		t.Error("WriteDigits below a file gave no error")
	}
}

func ExampleWriteBraTS() {
	dir, err := os.MkdirTemp("", "phantom")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := phantom.WriteBraTS(context.Background(), dir, phantom.BraTSOptions{Cases: 4, Size: [3]int{24, 24, 16}}); err != nil {
		fmt.Println(err)
		return
	}
	cases, err := filepath.Glob(filepath.Join(dir, "?GG", "*"))
	if err != nil {
		fmt.Println(err)
		return
	}
	slices.Sort(cases)
	for _, c := range cases {
		fmt.Println(filepath.Base(filepath.Dir(c)), filepath.Base(c))
	}
	// Output:
	// HGG Brats18_PHANTOM_001_1
	// HGG Brats18_PHANTOM_003_1
	// HGG Brats18_PHANTOM_003_2
	// LGG Brats18_PHANTOM_002_1
}
