//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	arrow18 "github.com/apache/arrow-go/v18/arrow"
	array18 "github.com/apache/arrow-go/v18/arrow/array"
	ipc18 "github.com/apache/arrow-go/v18/arrow/ipc"
	memory18 "github.com/apache/arrow-go/v18/arrow/memory"
	arrow17 "github.com/apache/arrow/go/v17/arrow"
	array17 "github.com/apache/arrow/go/v17/arrow/array"
	ipc17 "github.com/apache/arrow/go/v17/arrow/ipc"
	memory17 "github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// table is rows of fixed-size lists, which each library writes as record
// batches of so many rows.
type table struct {
	width, batch int
	rows         [][]float32
}

func newTable(rows, width, batch int) table {
	t := table{width: width, batch: batch}
	rng := rand.New(rand.NewPCG(1, 2))
	for range rows {
		v := make([]float32, width)
		for k := range v {
			v[k] = rng.Float32()
		}
		t.rows = append(t.rows, v)
	}
	return t
}

func (t table) bytes() int64 { return 4 * int64(t.width) * int64(len(t.rows)) }

// library is one of those that are compared. open returns functions that read
// batch i of n whole, or one row, and say how many values they saw and their
// sum.
type library struct {
	name  string
	write func(path string, t table) error
	open  func(path string, t table) (opened, error)
}

type opened struct {
	all   func() (float32, error)
	row   func(i int) (float32, error)
	close func() error
}

func libraries() []library {
	return []library{
		{"v17", write17, open17},
		{"v18", write18, func(path string, t table) (opened, error) { return open18(path, t, false) }},
		{"v18 mapped", write18, func(path string, t table) (opened, error) { return open18(path, t, true) }},
		{"lacuna", writeLacuna, openLacuna},
	}
}

// synced makes a file and syncs it, as Lacuna does with its own.
func synced(path string, write func(f *os.File) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

func write17(path string, t table) error {
	typ := arrow17.FixedSizeListOf(int32(t.width), arrow17.PrimitiveTypes.Float32)
	schema := arrow17.NewSchema([]arrow17.Field{{Name: "x", Type: typ}}, nil)
	return synced(path, func(f *os.File) error {
		w, err := ipc17.NewFileWriter(f, ipc17.WithSchema(schema))
		if err != nil {
			return err
		}
		b := array17.NewRecordBuilder(memory17.DefaultAllocator, schema)
		defer b.Release()
		for rows := range slices.Chunk(t.rows, t.batch) {
			list := b.Field(0).(*array17.FixedSizeListBuilder)
			for _, r := range rows {
				list.Append(true)
				list.ValueBuilder().(*array17.Float32Builder).AppendValues(r, nil)
			}
			rec := b.NewRecord()
			err := w.Write(rec)
			rec.Release()
			if err != nil {
				return err
			}
		}
		return w.Close()
	})
}

func write18(path string, t table) error {
	typ := arrow18.FixedSizeListOf(int32(t.width), arrow18.PrimitiveTypes.Float32)
	schema := arrow18.NewSchema([]arrow18.Field{{Name: "x", Type: typ}}, nil)
	return synced(path, func(f *os.File) error {
		w, err := ipc18.NewFileWriter(f, ipc18.WithSchema(schema))
		if err != nil {
			return err
		}
		b := array18.NewRecordBuilder(memory18.DefaultAllocator, schema)
		defer b.Release()
		for rows := range slices.Chunk(t.rows, t.batch) {
			list := b.Field(0).(*array18.FixedSizeListBuilder)
			for _, r := range rows {
				list.Append(true)
				list.ValueBuilder().(*array18.Float32Builder).AppendValues(r, nil)
			}
			rec := b.NewRecordBatch()
			err := w.Write(rec)
			rec.Release()
			if err != nil {
				return err
			}
		}
		return w.Close()
	})
}

func writeLacuna(path string, t table) error {
	shape := []int{t.width}
	w, err := shards.Create(path, shards.Meta{
		Dataset: "d", Modalities: modality.MustSet("x"), Task: shards.Classification, Classes: []string{"a"}, Shapes: [][]int{shape},
	}, shards.Options{Overwrite: true, BatchBytes: int64(t.batch) * (4*int64(t.width) + 512)})
	if err != nil {
		return err
	}
	for i, r := range t.rows {
		s := &ingest.Sample{
			Key: ingest.Key{Dataset: "d", Subject: strconv.Itoa(i)}, Present: 1,
			Inputs: []ingest.Array{{Shape: shape, Data: r}}, Target: ingest.Class(0),
		}
		if err := w.Append(split.Train, s); err != nil {
			return err
		}
	}
	if _, err := w.Commit(); err != nil {
		return err
	}
	return w.Abort()
}

// total adds in eight lanes.
func total(v []float32) float32 {
	var s [8]float32
	for ; len(v) >= 8; v = v[8:] {
		for k := range s {
			s[k] += v[k]
		}
	}
	for _, x := range v {
		s[0] += x
	}
	return s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7]
}

func open17(path string, t table) (opened, error) {
	f, err := os.Open(path)
	if err != nil {
		return opened{}, err
	}
	r, err := ipc17.NewFileReader(f)
	if err != nil {
		return opened{}, err
	}
	values := func(i int) ([]float32, func(), error) {
		rec, err := r.RecordAt(i)
		if err != nil {
			return nil, nil, err
		}
		return rec.Column(0).(*array17.FixedSizeList).ListValues().(*array17.Float32).Float32Values(), rec.Release, nil
	}
	return arrowReads(t, r.NumRecords, values, func() error { return f.Close() }), nil
}

func open18(path string, t table, mapped bool) (opened, error) {
	f, err := os.Open(path)
	if err != nil {
		return opened{}, err
	}
	end := f.Close
	// Without its limits it would be compared with a worse use of it than ours.
	limits := []ipc18.Option{ipc18.WithMetadataSizeLimit(1 << 20), ipc18.WithBodySizeLimit(64 << 20)}
	var r *ipc18.FileReader
	if mapped {
		info, err := f.Stat()
		if err != nil {
			return opened{}, err
		}
		data, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
		if err != nil {
			return opened{}, err
		}
		end = func() error { _ = f.Close(); return syscall.Munmap(data) }
		if r, err = ipc18.NewMappedFileReader(data, limits...); err != nil {
			return opened{}, err
		}
	} else if r, err = ipc18.NewFileReader(f, limits...); err != nil {
		return opened{}, err
	}
	values := func(i int) ([]float32, func(), error) {
		rec, err := r.RecordBatchAt(i)
		if err != nil {
			return nil, nil, err
		}
		return rec.Column(0).(*array18.FixedSizeList).ListValues().(*array18.Float32).Float32Values(), rec.Release, nil
	}
	return arrowReads(t, r.NumRecords, values, end), nil
}

func arrowReads(t table, batches func() int, values func(i int) ([]float32, func(), error), end func() error) opened {
	return opened{
		all: func() (sum float32, err error) {
			for i := range batches() {
				v, release, err := values(i)
				if err != nil {
					return 0, err
				}
				sum += total(v)
				release()
			}
			return sum, nil
		},
		row: func(i int) (float32, error) {
			v, release, err := values(i / t.batch)
			if err != nil {
				return 0, err
			}
			defer release()
			return total(v[i%t.batch*t.width:][:t.width]), nil
		},
		close: end,
	}
}

func openLacuna(path string, _ table) (opened, error) {
	r, err := shards.Open(path)
	if err != nil {
		return opened{}, err
	}
	return opened{
		all: func() (sum float32, err error) {
			for i := range r.Rows(split.Train) {
				s, err := r.Sample(split.Train, i)
				if err != nil {
					return 0, err
				}
				sum += total(s.Inputs[0].Data)
			}
			return sum, nil
		},
		row: func(i int) (float32, error) {
			s, err := r.Sample(split.Train, int64(i))
			if err != nil {
				return 0, err
			}
			return total(s.Inputs[0].Data), nil
		},
		close: r.Close,
	}, nil
}

// BenchmarkArrow writes and reads 256 rows of 131,072 float32s, 16 a batch
// (134 MB), with arrow v17, v18 and Lacuna in turn, and reports medians. All
// sync what they write; Lacuna also makes checksums and statistics, and checks
// a batch when it first reads it. v17 runs on the flatbuffers release of v18.
func BenchmarkArrow(b *testing.B) {
	t := newTable(256, 131072, 16)
	figures := map[string][]float64{}
	note := func(name string, v float64) { figures[name] = append(figures[name], v) }
	root := b.TempDir()
	rng := rand.New(rand.NewPCG(3, 4))
	for b.Loop() {
		for _, l := range libraries() {
			path := filepath.Join(root, l.name)
			must(b, os.RemoveAll(path))
			start := time.Now()
			must(b, l.write(path, t))
			note(l.name+"/write MB/s", float64(t.bytes())/1e6/time.Since(start).Seconds())
			r, err := l.open(path, t)
			must(b, err)
			for _, pass := range []string{"first read", "read"} {
				start = time.Now()
				_, err = r.all()
				must(b, err)
				note(l.name+"/"+pass+"+sum MB/s", float64(t.bytes())/1e6/time.Since(start).Seconds())
			}
			for range 20 {
				i := rng.IntN(len(t.rows))
				start = time.Now()
				_, err = r.row(i)
				must(b, err)
				note(l.name+"/row us", float64(time.Since(start).Nanoseconds())/1e3)
			}
			must(b, r.close())
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, kind := range []string{"write MB/s", "first read+sum MB/s", "read+sum MB/s", "row us"} {
		line := fmt.Sprintf("%-20s", kind)
		for _, l := range libraries() {
			v := figures[l.name+"/"+kind]
			slices.Sort(v)
			line += fmt.Sprintf(" | %s %.0f", l.name, v[len(v)/2])
		}
		b.Log(line)
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// TestArrowCorrupt flips single bits of a small file and reads it whole. Each
// library runs in a child with 4 GB of addresses, since neither a limit nor
// recover stops what v17 and v18 allocate for some files; the child is started
// again behind the flip that ended it.
func TestArrowCorrupt(t *testing.T) {
	if name := os.Getenv("ARROW_CORRUPT"); name != "" {
		corruptChild(t, name)
		return
	}
	const flips = 2000
	t.Logf("%-12s %8s %8s %8s %8s", "of "+strconv.Itoa(flips), "error", "panic", "killed", "accepted")
	for _, l := range libraries() {
		count := map[byte]int{}
		for done := 0; done < flips; {
			cmd := exec.Command(os.Args[0], "-test.run=^TestArrowCorrupt$")
			cmd.Env = append(os.Environ(), "ARROW_CORRUPT="+l.name, fmt.Sprintf("ARROW_FROM=%d", done), fmt.Sprintf("ARROW_TO=%d", flips))
			out, err := cmd.Output()
			seen := 0
			for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
				if v, ok := strings.CutPrefix(sc.Text(), "flip: "); ok {
					count[v[0]]++
					seen++
				}
			}
			if done += seen; done < flips {
				if err == nil {
					t.Fatalf("%s: child ended after %d flips: %s", l.name, done, out)
				}
				count['k']++
				done++
			}
		}
		t.Logf("%-12s %8d %8d %8d %8d", l.name, count['e'], count['p'], count['k'], count['a'])
		if l.name == "lacuna" && count['e'] != flips {
			t.Error("lacuna did not find every flip")
		}
	}
}

func corruptChild(t *testing.T, name string) {
	must(t, syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: 4 << 30, Max: 4 << 30}))
	from, err := strconv.Atoi(os.Getenv("ARROW_FROM"))
	must(t, err)
	to, err := strconv.Atoi(os.Getenv("ARROW_TO"))
	must(t, err)
	all := libraries()
	l := all[slices.IndexFunc(all, func(l library) bool { return l.name == name })]
	tab := newTable(8, 16, 4)
	path := filepath.Join(t.TempDir(), "set")
	must(t, l.write(path, tab))
	file := path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		file = filepath.Join(path, "train-00000.arrow")
	}
	good, err := os.ReadFile(file)
	must(t, err)
	for i := from; i < to; i++ {
		bit := rand.New(rand.NewPCG(9, uint64(i))).IntN(8 * len(good))
		bad := slices.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		must(t, os.WriteFile(file, bad, 0o666))
		fmt.Printf("flip: %c\n", outcome(l, path, tab))
	}
}

// outcome reads a file that may be corrupt: e for an error, p for a panic, a
// where nothing was noticed.
func outcome(l library, path string, t table) (verdict rune) {
	defer func() {
		if recover() != nil {
			verdict = 'p'
		}
	}()
	r, err := l.open(path, t)
	if err != nil {
		return 'e'
	}
	_, err = r.all()
	if e := r.close(); err != nil || e != nil {
		return 'e'
	}
	return 'a'
}
