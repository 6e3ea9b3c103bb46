package rundir_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/train/rundir"
)

type config struct {
	Epochs int     `json:"epochs"`
	Rate   float64 `json:"rate"`
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func start(hours int) rundir.Start {
	return rundir.Start{At: noon.Add(time.Duration(hours) * time.Hour), Tool: "0.1.0", Device: "cpu, AVX2, 2 workers"}
}

func create(t testing.TB, dir string) *rundir.Run {
	t.Helper()
	r, err := rundir.Create(dir, config{60, 1e-3}, rundir.Info{
		Manifest: "f00d", Seeds: map[string]uint64{"weights": 1<<64 - 1}, Notes: map[string]string{"revision": "abc"},
	}, start(0))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func reopen(t testing.TB, dir string, step int64) *rundir.Run {
	t.Helper()
	r, err := rundir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Resume(step, start(1)); err != nil {
		t.Fatal(err)
	}
	return r
}

func log(t testing.TB, r *rundir.Run, step int64, value float64) {
	t.Helper()
	if err := r.Log(step, map[string]float64{"loss": value}); err != nil {
		t.Fatal(err)
	}
}

func done(t testing.TB, r *rundir.Run) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func metrics(t testing.TB, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, rundir.MetricsName))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCreateAndOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "a")
	r := create(t, dir)
	log(t, r, 0, 2.5)
	done(t, r)
	done(t, r) // a second time

	r, err := rundir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Log(1, nil); err == nil {
		t.Error("Log before Resume")
	}
	var c config
	if err := r.Config(&c); err != nil || c != (config{60, 1e-3}) {
		t.Errorf("config: got %v, %v", c, err)
	}
	if err := r.Config(&struct{}{}); err == nil || !strings.Contains(err.Error(), "epochs") {
		t.Errorf("a key without a place: got %v", err)
	}
	if err := r.Resume(0, start(1)); err != nil {
		t.Fatal(err)
	}
	if err := r.Resume(0, start(1)); err == nil {
		t.Error("Resume twice")
	}
	done(t, r)
	info, err := rundir.ReadInfo(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, second := start(0), start(1)
	first.Step = -1
	want := rundir.Info{
		SchemaVersion: 1, Manifest: "f00d", Config: info.Config,
		Seeds: map[string]uint64{"weights": 1<<64 - 1}, Notes: map[string]string{"revision": "abc"},
		Starts: []rundir.Start{first, second},
	}
	if d := cmp.Diff(want, info); d != "" || len(info.Config) != 64 {
		t.Errorf("info: -want +got %s", d)
	}
	if d := cmp.Diff(info, r.Info()); d != "" {
		t.Errorf("in memory and on disk: %s", d)
	}
}

func TestCreateRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		want       error
	}{
		{"a run", rundir.InfoName, rundir.ErrExists},
		{"something else", "thesis.tex", rundir.ErrNotEmpty},
		{"killed in Create", rundir.ConfigName, nil},
		{"killed in Create, later", "." + rundir.InfoName + ".partial", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, tc.file), []byte("{}"), 0o666); err != nil {
				t.Fatal(err)
			}
			r, err := rundir.Create(dir, config{}, rundir.Info{}, start(0))
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if err == nil {
				done(t, r)
			}
		})
	}
	if _, err := rundir.Create(t.TempDir(), func() {}, rundir.Info{}, start(0)); err == nil {
		t.Error("a function as the configuration")
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, file, old, new, want string
	}{
		{"config changed", rundir.ConfigName, "60", "61", "was changed since"},
		{"other schema", rundir.InfoName, `"schema_version": 1`, `"schema_version": 2`, "schema version 2, this program reads 1"},
		{"no JSON", rundir.InfoName, "{", "[", "run.json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			done(t, create(t, dir))
			path := filepath.Join(dir, tc.file)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(b), tc.old, tc.new, 1)), 0o666); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the lock must not stay
				if _, err := rundir.Open(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v, want %q in it", err, tc.want)
				}
			}
		})
	}
	if _, err := rundir.Open(t.TempDir()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "is no run") {
		t.Errorf("no run: got %v", err)
	}
}

func TestOneWriter(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no locks")
	}
	dir := t.TempDir()
	r := create(t, dir)
	if _, err := rundir.Open(dir); !errors.Is(err, atomicfile.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	if _, err := rundir.ReadInfo(dir); err != nil {
		t.Errorf("to look needs no lock: %v", err)
	}
	done(t, r)
	done(t, reopen(t, dir, -1))
}

func TestResumeCuts(t *testing.T) {
	const lines = "{\"step\":1,\"loss\":1}\n{\"step\":2,\"loss\":2}\n{\"step\":2,\"val\":2}\n{\"step\":3,\"loss\":3}\n"
	until := func(n int) string { return strings.Join(strings.SplitAfter(lines, "\n")[:n], "") }
	for _, tc := range []struct {
		name, file string
		step       int64
		want       string // "": an error
		err        string
	}{
		{"nothing to cut", lines, 3, lines, ""},
		{"a checkpoint beyond", lines, 9, lines, ""},
		{"later steps", lines, 2, until(3), ""},
		{"all", lines, -1, "", ""},
		{"none there", "", 5, "", ""},
		{"half a line", lines + `{"step":4,"lo`, 3, lines, ""},
		{"half a line that is whole JSON", lines + `{"step":4}`, 9, lines, ""},
		{"zeros of a machine that stopped", lines + "\x00\x00\x00\n\x00", 3, lines, ""},
		{"broken behind the step", until(3) + "xx\n" + `{"step":3}` + "\n", 2, until(3), ""},
		{"broken before the step", until(2) + "xx\n" + `{"step":3}` + "\n", 3, "", "line 3, byte 40: no JSON object"},
		{"endless line behind the step", until(1) + strings.Repeat("x", 3<<20) + "\n" + until(1), 1, until(1), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			done(t, create(t, dir))
			if err := os.WriteFile(filepath.Join(dir, rundir.MetricsName), []byte(tc.file), 0o666); err != nil {
				t.Fatal(err)
			}
			r, err := rundir.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			err = r.Resume(tc.step, start(1))
			if tc.err != "" {
				if _, ok := errors.AsType[*rundir.FormatError](err); !ok || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %v, want %q in it", err, tc.err)
				}
				if got := metrics(t, dir); got != tc.file {
					t.Errorf("the file was changed to %q", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := metrics(t, dir); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			log(t, r, 10, 0.5)
			if got, want := metrics(t, dir), tc.want+"{\"step\":10,\"loss\":0.5}\n"; got != want {
				t.Errorf("then got %q, want %q", got, want)
			}
		})
	}
}

func TestLogRefuses(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	log(t, r, 5, 1)
	for _, tc := range []struct {
		name  string
		step  int64
		value string
	}{
		{"a step before", 4, "loss"},
		{"a step below 0", -1, "loss"},
		{"a step that JSON can't tell", 1<<53 + 1, "loss"},
		{"no name", 5, ""},
		{"the step's name", 5, "step"},
		{"no UTF-8", 5, "\xff"},
		{"endless", 5, strings.Repeat("x", 1<<20)},
	} {
		if err := r.Log(tc.step, map[string]float64{tc.value: 1}); err == nil {
			t.Errorf("%s: no error", tc.name)
		}
	}
	log(t, r, 5, 2)
	done(t, r)
	if err := r.Log(6, nil); err == nil {
		t.Error("Log after Close")
	}
	if got, want := metrics(t, dir), "{\"step\":5,\"loss\":1}\n{\"step\":5,\"loss\":2}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// faulty writes half of a line and errs, as long as it is on.
type faulty struct {
	*os.File
	on, stuck *bool
}

var errFull = errors.New("no space left")

func (f faulty) Write(b []byte) (int, error) {
	if *f.on {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, errFull
	}
	return f.File.Write(b)
}

func (f faulty) Truncate(n int64) error {
	if *f.stuck {
		return errors.New("stuck")
	}
	return f.File.Truncate(n)
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	defer r.Close()
	var on, stuck bool
	rundir.Wrap(r, func(f *os.File) rundir.File { return faulty{f, &on, &stuck} })
	log(t, r, 1, 1)
	on = true
	if err := r.Log(2, nil); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
	on = false
	log(t, r, 3, 3)
	want := "{\"step\":1,\"loss\":1}\n{\"step\":3,\"loss\":3}\n"
	if got := metrics(t, dir); got != want {
		t.Errorf("half a line stayed: %q", got)
	}
	// Where half a line can't be removed nothing may follow it.
	on, stuck = true, true
	if err := r.Log(4, nil); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
	on = false
	if err := r.Log(5, nil); !errors.Is(err, errFull) {
		t.Errorf("a line after half a line: %v", err)
	}
	done(t, r)
	done(t, reopen(t, dir, 3))
	if got := metrics(t, dir); got != want {
		t.Errorf("after Resume: %q", got)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	run, err := rundir.Create(filepath.Join(dir, "first"), config{Epochs: 60, Rate: 0.001},
		rundir.Info{Manifest: "f00d", Seeds: map[string]uint64{"weights": 7}},
		rundir.Start{At: noon, Tool: "0.1.0", Device: "cpu"})
	if err != nil {
		panic(err)
	}
	for step := range int64(3) {
		if err := run.Log(step, map[string]float64{"loss": 1 / float64(1+step)}); err != nil {
			panic(err)
		}
	}
	if err := run.Close(); err != nil {
		panic(err)
	}

	m, err := rundir.ReadMetrics(filepath.Join(dir, "first"))
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Names(), m.Series("loss").Steps, m.Series("loss").Values[:2])
	// Output: [loss] [0 1 2] [1 0.5]
}
