package shards

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/zeebo/xxh3"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// Writer writes a data set. It is not safe for concurrent use. What it writes
// depends on the samples, their order, Meta and Options alone.
//
// In memory are, a split, the samples of one record batch, and of all splits
// together those of the two batches before, until a goroutine has made their
// SHA-256 and statistics. Samples are written from their own arrays; with
// float16 or compression there are copies of three batches, as they are stored.
type Writer struct {
	dir     *atomicfile.Dir
	meta    Meta
	options Options
	enc     *encoder
	parts   [3]*part // by split
	roll    *roll
	seen    map[xxh3.Uint128]struct{} // ids, to refuse a second of a kind
	bad     map[string][]ingest.Problem
	jobs    []job // at most two, in order
	err     error // the first that leaves files unfit
	done    bool
}

// part is a split being written.
type part struct {
	split   split.Split
	rows    []*ingest.Sample // of the next batch
	bytes   int64
	out     *shard
	files   []File
	samples int64
	masks   map[modality.Mask]int64
	stats   []moments // by modality
	labels  [maxClasses]int64
	unknown int64
}

// Create begins a data set that Commit will make visible as dir. The parent
// must exist; dir must not, or be empty, or hold a data set and nothing else
// with Options.Overwrite. What a killed run left beside dir is removed.
func Create(dir string, m Meta, o Options) (*Writer, error) {
	return create(dir, m, o, memory.NewGoAllocator())
}

func create(dir string, m Meta, o Options, mem memory.Allocator) (*Writer, error) {
	o, err := o.validate()
	if err != nil {
		return nil, err
	}
	l, err := m.layout(o)
	if err != nil {
		return nil, fmt.Errorf("shards: %w", err)
	}
	if m.Config, _, err = configBytes(m.Config); err != nil {
		return nil, fmt.Errorf("shards: %w", err)
	}
	for _, s := range append([]string{m.Dataset, m.Tool, m.SplitPolicy, m.MaskPolicy}, m.Definitions...) {
		if !isName(s) {
			return nil, fmt.Errorf("shards: %.80q is not UTF-8 of at most %d bytes without control characters", s, maxText)
		}
	}
	if err := vacant(dir, o.Overwrite); err != nil {
		return nil, err
	}
	d, err := atomicfile.NewDir(dir)
	if err != nil {
		return nil, fmt.Errorf("shards: %w", err)
	}
	w := &Writer{dir: d, meta: m, options: o, enc: newEncoder(l, mem), roll: newRoll(), seen: map[xxh3.Uint128]struct{}{}, bad: map[string][]ingest.Problem{}}
	for i := range w.parts {
		w.parts[i] = &part{split: split.Train + split.Split(i), masks: map[modality.Mask]int64{}, stats: make([]moments, l.mods.Len())}
	}
	return w, nil
}

// vacant reports why dir can't be written to. It refuses a directory with
// anything in it that is not a data set's, since Commit would remove it.
func vacant(dir string, overwrite bool) error {
	names, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(names) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("shards: %w", err)
	}
	for _, n := range names {
		if ours, _ := filepath.Match("*-[0-9][0-9][0-9][0-9][0-9].arrow", n.Name()); !ours && n.Name() != ManifestName && n.Name() != SplitsName {
			return fmt.Errorf("shards: %s has %s in it, which is no part of a data set: name another directory", dir, n.Name())
		}
	}
	if !overwrite {
		return fmt.Errorf("shards: %s holds a data set: %w", dir, os.ErrExist)
	}
	return nil
}

// isName reports whether s can stand in a table: text without control
// characters.
func isName(s string) bool {
	return isText(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func groupOf(s *ingest.Sample) string { return cmp.Or(s.Subject.Group, s.Key.Subject) }

// Append adds a sample to a split and takes it over. An error that names the
// sample leaves the writer as it was; any other makes Commit fail.
//
// It errs where the sample contradicts Meta, its id was there before, or its
// subject or group stands in another split. A sample's Background and its
// subject's Class, Domain and Official are not stored.
func (w *Writer) Append(sp split.Split, s *ingest.Sample) error {
	if w.done || w.err != nil {
		return cmp.Or(w.err, errors.New("shards: Append after Commit or Abort"))
	}
	if sp < split.Train || sp > split.Test {
		return fmt.Errorf("shards: sample %s: %s is no split", s.Key, sp)
	}
	if err := w.check(s); err != nil {
		return fmt.Errorf("shards: %w", err)
	}
	id := xxh3.HashString128(s.Key.String())
	if _, ok := w.seen[id]; ok {
		return fmt.Errorf("shards: sample %s was there before", s.Key)
	}
	if err := w.roll.add(s.Key.Subject, entry{groupOf(s), s.Subject.Stratum, sp}); err != nil {
		return fmt.Errorf("shards: sample %s: %w", s.Key, err)
	}
	w.seen[id] = struct{}{}

	p := w.parts[sp-split.Train]
	size := w.enc.size(s)
	// A batch ends where it is full, and at the end of a subject that leaves it
	// at least half full.
	n := len(p.rows)
	full := n > 0 && (p.bytes+size > w.options.BatchBytes ||
		p.bytes >= w.options.BatchBytes/2 && p.rows[n-1].Key.Subject != s.Key.Subject)
	if full {
		if err := w.flush(p); err != nil {
			return err
		}
	}
	p.rows, p.bytes = append(p.rows, s), p.bytes+size
	if p.bytes >= w.options.BatchBytes {
		return w.flush(p)
	}
	return nil
}

// size estimates what a sample takes in a file.
func (e *encoder) size(s *ingest.Sample) int64 {
	n := int64(512) // ids, affine, offsets
	for i, a := range s.Inputs {
		fixed, _ := elements(e.shapes[i])
		n += 4 * max(fixed, int64(len(a.Data)))
	}
	if e.half {
		n /= 2
	}
	fixed, _ := elements(e.target)
	return n + max(fixed, int64(len(s.Target.Data))) + 128*int64(len(s.Sources))
}

func (w *Writer) check(s *ingest.Sample) error {
	if err := s.Check(w.meta.Modalities); err != nil {
		return err
	}
	if s.Key.Dataset != w.meta.Dataset {
		return fmt.Errorf("sample %s: is of data set %q, this is %q", s.Key, s.Key.Dataset, w.meta.Dataset)
	}
	for _, t := range [...]string{s.Key.Subject, s.Key.Part, s.Subject.Group, s.Subject.Stratum} {
		if !isName(t) {
			return fmt.Errorf("sample %.80q: %.80q is not UTF-8 of at most %d bytes without control characters", s.Key, t, maxText)
		}
	}
	if s.RateHz < 0 || s.RateHz > math.MaxInt32 {
		return fmt.Errorf("sample %s: rate of %d Hz", s.Key, s.RateHz)
	}
	for i := range 3 {
		if o, v := s.Location.Offset[i], s.Location.Volume[i]; int(int32(o)) != o || int(int32(v)) != v {
			return fmt.Errorf("sample %s: location %v", s.Key, s.Location)
		}
	}
	if w.enc.size(s) > MaxBatchBytes/2 {
		return fmt.Errorf("sample %s: more than %d bytes: store patches", s.Key, MaxBatchBytes/2)
	}
	for i, a := range s.Inputs {
		if a.Data == nil {
			continue
		}
		if err := w.enc.fits(a.Shape, w.enc.shapes[i]); err != nil {
			return fmt.Errorf("sample %s: %s: %w", s.Key, w.meta.Modalities.Name(i), err)
		}
	}
	return w.checkTarget(s)
}

func (w *Writer) checkTarget(s *ingest.Sample) error {
	if !s.Target.Known() {
		return nil
	}
	if w.meta.Task == Classification {
		if len(s.Target.Shape) != 0 {
			return fmt.Errorf("sample %s: target of shape %v, want a class", s.Key, s.Target.Shape)
		}
	} else if err := w.enc.fits(s.Target.Shape, w.enc.target); err != nil {
		return fmt.Errorf("sample %s: target: %w", s.Key, err)
	}
	if top := slices.Max(s.Target.Data); int(top) >= len(w.meta.Classes) {
		return fmt.Errorf("sample %s: target has value %d, there are %d classes", s.Key, top, len(w.meta.Classes))
	}
	return nil
}

// fits compares a shape with the one of all samples, nil for any.
func (e *encoder) fits(got, want []int) error {
	if _, err := elements(got); err != nil {
		return fmt.Errorf("shape %v: %w", got, err)
	}
	if want == nil && len(got) > 0 {
		return nil
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("shape %v, the data set has %v", got, want)
	}
	return nil
}

// Quarantine records in the manifest that a subject could not be used.
func (w *Writer) Quarantine(e *ingest.SubjectError) {
	problems := slices.Clone(e.Problems)
	for i, p := range problems {
		problems[i] = ingest.Problem{Path: clean(p.Path), Kind: clean(p.Kind), Reason: clean(p.Reason), Fix: clean(p.Fix)}
	}
	name := clean(e.Key.Subject)
	w.bad[name] = append(w.bad[name], problems...)
}

// flush writes the rows of a part as one batch. A goroutine makes the SHA-256
// and the statistics beside it, and may go on while the next batch is written.
func (w *Writer) flush(p *part) (err error) {
	defer func() {
		if err != nil {
			w.err = fmt.Errorf("shards: write %s: %w", p.split, err)
			err = w.err
		}
	}()
	if len(p.rows) == 0 {
		return nil
	}
	if p.out == nil {
		if p.out, err = w.open(fileName(p.split, len(p.files)), p.split); err != nil {
			return err
		}
	}
	rows, out := p.rows, p.out
	p.rows, p.bytes = nil, 0
	msg, err := out.encode(rows)
	if err != nil {
		return err
	}
	t := newTally(rows, w.enc.half)
	w.settle(1) // so that the goroutine need not wait for us, nor memory grow
	w.beside(func() {
		for _, b := range msg.pieces {
			_, _ = out.sum.sha.Write(b) // a hash never errs
		}
		t.work()
	}, func() { p.count(t) })
	err = out.write(msg, len(rows))
	t.work()
	if err == nil && (out.sum.n >= w.options.FileBytes || len(out.meta.Batches) == maxList) {
		err = w.close(p)
	}
	return err
}

// job is what a goroutine does beside the writing of a batch, and what is to
// follow in order.
type job struct {
	done chan struct{} // closed at its end; nothing is sent
	then func()
}

// beside starts a goroutine for f, which begins when the one before has ended.
func (w *Writer) beside(f, then func()) {
	var before chan struct{}
	if n := len(w.jobs); n > 0 {
		before = w.jobs[n-1].done
	}
	j := job{make(chan struct{}), then}
	w.jobs = append(w.jobs, j)
	go func() {
		defer close(j.done)
		if before != nil {
			<-before
		}
		f()
	}()
}

// settle waits until no more than n jobs are left.
func (w *Writer) settle(n int) {
	for len(w.jobs) > n {
		<-w.jobs[0].done
		w.jobs[0].then()
		w.jobs = slices.Delete(w.jobs, 0, 1)
	}
}

// close ends the file of a part. The jobs of its last batches go on while the
// disk is waited for.
func (w *Writer) close(p *part) error {
	out := p.out
	p.out = nil
	tail, err := out.finish()
	w.settle(0)
	_, _ = out.sum.sha.Write(tail)
	out.meta.FileSum = out.sum.sum(out.meta.Name)
	p.files = append(p.files, out.meta)
	return err
}

func (w *Writer) open(name string, sp split.Split) (*shard, error) {
	osFile, err := os.OpenFile(filepath.Join(w.dir.Path(), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	var f file = osFile
	if w.options.wrap != nil {
		f = w.options.wrap(name, f)
	}
	return newShard(f, File{FileSum: FileSum{Name: name}, Split: sp}, w.enc)
}

// Commit writes what is pending, then splits.csv, and the manifest last; syncs
// it all, and gives the directory its name. After an error there is no new data
// set (unless the error says that it is published, and something else failed),
// an old one is as it was, and Abort is still to be called.
func (w *Writer) Commit() (*Manifest, error) {
	if w.done || w.err != nil {
		return nil, cmp.Or(w.err, errors.New("shards: Commit after Commit or Abort"))
	}
	for _, p := range w.parts {
		if err := w.flush(p); err != nil {
			return nil, err
		}
		if p.out != nil {
			if err := w.close(p); err != nil {
				w.err = fmt.Errorf("shards: write %s: %w", p.split, err)
				return nil, w.err
			}
		}
	}
	m, err := w.publish()
	if err != nil {
		w.err = fmt.Errorf("shards: commit: %w", err)
		return nil, w.err
	}
	w.done = true
	return m, nil
}

func (w *Writer) publish() (*Manifest, error) {
	list, err := w.roll.encode()
	if err != nil {
		return nil, err
	}
	m, err := w.manifest(sumBytes(SplitsName, list))
	if err != nil {
		return nil, err
	}
	text, err := m.encode()
	if err != nil {
		return nil, err
	}
	if m, err = decodeManifest(text); err != nil { // what no reader would take must not be published
		return nil, err
	}
	if err := w.put(SplitsName, list); err != nil {
		return nil, err
	}
	if err := w.put(ManifestName, text); err != nil {
		return nil, err
	}
	return m, w.dir.Commit(w.options.Overwrite)
}

// put writes and syncs a small file.
func (w *Writer) put(name string, data []byte) error {
	osFile, err := os.OpenFile(filepath.Join(w.dir.Path(), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	var f file = osFile
	if w.options.wrap != nil {
		f = w.options.wrap(name, f)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (w *Writer) manifest(list FileSum) (*Manifest, error) {
	config, sum, err := configBytes(w.meta.Config)
	if err != nil {
		return nil, err
	}
	m := &Manifest{
		SchemaVersion: SchemaVersion, Dataset: w.meta.Dataset, Task: w.meta.Task, Classes: w.meta.Classes,
		Modalities: w.meta.Modalities.Names(), Shapes: w.enc.shapes, TargetShape: w.enc.target,
		DType: w.options.DType, Compression: w.options.Compression, TensorTag: !w.options.NoTensorTag,
		Tool: w.meta.Tool, Seed: w.meta.Seed, SplitPolicy: w.meta.SplitPolicy, MaskPolicy: w.meta.MaskPolicy,
		Definitions: append([]string{}, w.meta.Definitions...), Config: config, ConfigSHA256: sum,
		SplitsFile: list, Files: []File{}, Quarantine: []Quarantined{},
	}
	for _, p := range w.parts {
		info := p.info(w.meta)
		info.Subjects, info.Groups = w.roll.counts(p.split)
		m.Splits = append(m.Splits, info)
		m.Files = append(m.Files, p.files...)
	}
	for _, name := range slices.Sorted(maps.Keys(w.bad)) {
		m.Quarantine = append(m.Quarantine, Quarantined{name, w.bad[name]})
	}
	return m, nil
}

// Abort removes what was written. After Commit, or a second time, it does
// nothing: defer it.
func (w *Writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	w.settle(0)
	var errs []error
	for _, p := range w.parts {
		if p.out != nil {
			errs = append(errs, p.out.file.Close())
		}
	}
	return errors.Join(append(errs, w.dir.Abort())...)
}
