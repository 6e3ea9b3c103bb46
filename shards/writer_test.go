package shards_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// faulty fails at one operation of a writer's files.
type faulty struct {
	shards.OutputFile
	left *int
	fail func(f shards.OutputFile, p []byte) (int, error)
}

func (f faulty) step() bool { *f.left--; return *f.left == 0 }

func (f faulty) Write(p []byte) (int, error) {
	if f.step() {
		return f.fail(f.OutputFile, p)
	}
	return f.OutputFile.Write(p)
}

func (f faulty) Sync() error {
	if f.step() {
		_, err := f.fail(f.OutputFile, nil)
		return errors.Join(err, f.OutputFile.Sync())
	}
	return f.OutputFile.Sync()
}

func (f faulty) Close() error {
	err := f.OutputFile.Close()
	if f.step() {
		_, e := f.fail(f.OutputFile, nil)
		return errors.Join(err, e)
	}
	return err
}

func injected(o shards.Options, n int, fail func(shards.OutputFile, []byte) (int, error)) (shards.Options, *int) {
	left := n
	return o.Wrap(func(_ string, f shards.OutputFile) shards.OutputFile { return faulty{f, &left, fail} }), &left
}

// attempt writes a plan and returns the first error.
func attempt(p plan, dir string) error {
	w, err := shards.Create(dir, p.meta, p.options)
	if err != nil {
		return err
	}
	for _, r := range p.rows {
		if err := w.Append(r.split, r.sample); err != nil {
			return errors.Join(err, w.Abort())
		}
	}
	_, err = w.Commit()
	return errors.Join(err, w.Abort())
}

// TestFaults breaks every write, sync and close of a run, one at a time.
func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail func(f shards.OutputFile, p []byte) (int, error)
	}{
		{"disk full", func(shards.OutputFile, []byte) (int, error) { return 0, syscall.ENOSPC }},
		{"short write", func(f shards.OutputFile, p []byte) (int, error) {
			n, err := f.Write(p[:len(p)/2])
			return n, errors.Join(err, syscall.EIO)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "set")
			old := tiny()
			old.write(t, dir)
			before := contents(t, parent)
			for n := 1; ; n++ {
				p := volumes()
				p.options.Overwrite, p.options.BatchBytes = true, 1500
				var left *int
				p.options, left = injected(p.options, n, tc.fail)
				err := attempt(p, dir)
				if *left > 0 {
					if err != nil {
						t.Fatalf("no fault left, yet %v", err)
					}
					if n < 10 {
						t.Errorf("only %d operations: were there any?", n)
					}
					break
				}
				if err == nil {
					t.Fatalf("operation %d failed, and the writer did not", n)
				}
				if d := cmp.Diff(before, contents(t, parent)); d != "" {
					t.Fatalf("operation %d: the old set changed, or something is left: %s", n, d)
				}
			}
			compare(t, dir, volumes())
		})
	}
}

// TestKilled kills a writer at several operations: itself, run again as a child.
func TestKilled(t *testing.T) {
	if n := os.Getenv("SHARDS_TEST_KILL"); n != "" {
		child(t, n)
		return
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "set")
	tiny().write(t, dir)
	before := contents(t, dir)
	for _, n := range []int{1, 2, 5, 9, 12, 14} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "SHARDS_TEST_KILL="+strconv.Itoa(n), "SHARDS_TEST_DIR="+dir)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("operation %d: child ended with %v: %s", n, err, out)
		}
		if d := cmp.Diff(before, contents(t, dir)); d != "" {
			t.Fatalf("operation %d: the old set changed: %s", n, d)
		}
	}
	names := func() (list []string) {
		entries, err := os.ReadDir(parent)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	if got := names(); len(got) != 2 {
		t.Errorf("after a kill there are %v, want the set and leftovers: was anything written?", got)
	}
	p := volumes()
	p.options.Overwrite = true
	p.write(t, dir)
	if got := names(); len(got) != 1 {
		t.Errorf("after a run there are %v, want the set alone", got)
	}
	compare(t, dir, p)
}

func child(t *testing.T, text string) {
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	p := volumes()
	p.options.Overwrite, p.options.BatchBytes = true, 1500
	p.options, _ = injected(p.options, n, func(shards.OutputFile, []byte) (int, error) {
		return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	})
	t.Fatalf("not killed: %v", attempt(p, os.Getenv("SHARDS_TEST_DIR")))
}

func TestSameBytes(t *testing.T) {
	for _, compression := range []string{shards.None, shards.LZ4, shards.ZSTD} {
		for _, set := range []func() plan{volumes, digits} {
			var first map[string][]byte
			for _, procs := range []int{1, 2, 8} {
				p := set()
				p.options.Compression = compression
				dir := filepath.Join(t.TempDir(), fmt.Sprint(procs))
				old := runtime.GOMAXPROCS(procs)
				p.write(t, dir)
				runtime.GOMAXPROCS(old)
				if first == nil {
					first = contents(t, dir)
				} else if d := cmp.Diff(first, contents(t, dir)); d != "" {
					t.Errorf("%s with %d processors: %s", compression, procs, d)
				}
			}
		}
	}
}

func TestNothingLeaks(t *testing.T) {
	for _, compression := range []string{shards.None, shards.LZ4, shards.ZSTD} {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		p := volumes()
		p.options.Compression = compression
		w, err := shards.CreateWith(filepath.Join(t.TempDir(), "set"), p.meta, p.options, mem)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.rows {
			if err := w.Append(r.split, r.sample); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		mem.AssertSize(t, 0)
	}
}

func TestAppendRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		edit       func(s *ingest.Sample)
	}{
		{"shape", "the data set has [2 3 4]", func(s *ingest.Sample) { s.Inputs[0].Shape = []int{4, 3, 2} }},
		{"mask", "the mask says", func(s *ingest.Sample) { s.Present = 7 }},
		{"label", "there are 3 classes", func(s *ingest.Sample) { s.Target.Data[5] = 3 }},
		{"target shape", "target: shape", func(s *ingest.Sample) { s.Target.Shape = []int{24} }},
		{"other data set", "data set", func(s *ingest.Sample) { s.Key.Dataset = "x" }},
		{"line break", "control", func(s *ingest.Sample) { s.Subject.Group = "a\nb" }},
		{"no text", "UTF-8", func(s *ingest.Sample) { s.Key.Part = "\xff" }},
		{"twice", "before", func(s *ingest.Sample) { *s = *volumes().rows[1].sample }},
		{"group elsewhere", "patient-2", func(s *ingest.Sample) { s.Key.Subject, s.Subject.Group = "new", "patient-2" }},
		{"group of the subject changed", "before it was", func(s *ingest.Sample) { s.Subject.Group = "other" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := volumes()
			w, err := shards.Create(filepath.Join(t.TempDir(), "set"), p.meta, p.options)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range append(p.rows[:3:3], p.rows[11]) {
				if err := w.Append(r.split, r.sample); err != nil {
					t.Fatal(err)
				}
			}
			bad := volumes().rows[3].sample
			tc.edit(bad)
			if err := w.Append(split.Train, bad); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
			// The writer is as it was.
			if err := w.Append(split.Train, volumes().rows[3].sample); err != nil {
				t.Error(err)
			}
			if m, err := w.Commit(); err != nil || m.Split(split.Train).Samples != 4 {
				t.Errorf("Commit: %v", err)
			}
		})
	}
}

func TestCreateRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		edit       func(p *plan)
	}{
		{"a column's name", "rename", func(p *plan) { p.meta.Modalities = modality.MustSet("flair", "target", "t2") }},
		{"a shape column's name", "rename", func(p *plan) { p.meta.Modalities = modality.MustSet("flair", "flair_shape", "t2") }},
		{"task", "task", func(p *plan) { p.meta.Task = "detection" }},
		{"no classes", "classes", func(p *plan) { p.meta.Classes = nil }},
		{"shapes", "shapes for", func(p *plan) { p.meta.Shapes = p.meta.Shapes[:2] }},
		{"negative dimension", "dimension -1", func(p *plan) { p.meta.Shapes[0] = []int{-1, -1, 1} }},
		{"huge", "more than", func(p *plan) { p.meta.Shapes[0] = []int{1 << 30, 1 << 30, 1 << 30} }},
		{"config", "not JSON", func(p *plan) { p.meta.Config = []byte("{") }},
		{"type", "float64", func(p *plan) { p.options.DType = "float64" }},
		{"compression", "gzip", func(p *plan) { p.options.Compression = "gzip" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			parent := t.TempDir()
			p := volumes()
			tc.edit(&p)
			if _, err := shards.Create(filepath.Join(parent, "set"), p.meta, p.options); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
			if left := contents(t, parent); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

func TestCreateKeepsWhatIsThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	p := volumes()
	p.write(t, dir)
	if _, err := shards.Create(dir, p.meta, p.options); err == nil {
		t.Error("created over a data set unasked")
	}
	p.options.Overwrite = true
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := shards.Create(dir, p.meta, p.options); err == nil {
		t.Error("would overwrite a file that is no data set's")
	}
	if err := os.Remove(filepath.Join(dir, "thesis.tex")); err != nil {
		t.Fatal(err)
	}
	w, err := shards.Create(dir, p.meta, p.options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shards.Create(dir, p.meta, p.options); err == nil {
		t.Error("two writers of one set")
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	compare(t, dir, volumes())
}

func TestAbortAfterCommit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	volumes().write(t, dir) // defers Abort
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "..", ".set.partial")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("temporary directory: %v", err)
	}
}

func TestFloat16Overflow(t *testing.T) {
	p := volumes()
	p.options.DType = shards.Float16
	p.rows[0].sample.Inputs[1].Data[3] = 65520
	err := attempt(p, filepath.Join(t.TempDir(), "set"))
	if err == nil || !strings.Contains(err.Error(), "brats/case-00/fg-0: t1: value 3 is 65520") {
		t.Errorf("got %v", err)
	}
}

func TestQuarantine(t *testing.T) {
	p := volumes()
	dir := filepath.Join(t.TempDir(), "set")
	w, err := shards.Create(dir, p.meta, p.options)
	if err != nil {
		t.Fatal(err)
	}
	problem := ingest.Problem{Path: "b.nii", Kind: "truncated", Reason: "ends at byte 3"}
	w.Quarantine(&ingest.SubjectError{Key: ingest.Key{Dataset: "brats", Subject: "zz"}, Problems: []ingest.Problem{problem}})
	w.Quarantine(&ingest.SubjectError{Key: ingest.Key{Dataset: "brats", Subject: "aa"}, Problems: []ingest.Problem{problem}})
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	q := open(t, dir).Manifest().Quarantine
	if len(q) != 2 || q[0].Subject != "aa" || q[1].Problems[0] != problem {
		t.Errorf("got %+v", q)
	}
}
