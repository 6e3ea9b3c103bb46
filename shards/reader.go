package shards

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// Reader reads a data set. All methods but Close may be called by several
// goroutines at once.
type Reader struct {
	dir      string
	manifest *Manifest
	layout   layout
	schema   *arrow.Schema
	roll     *roll
	files    []*shardFile
	index    [3]index // by split
	cache    cache
}

// index finds the batch that a row of a split is in.
type index struct {
	rows    int64
	starts  []int64 // first row of each batch
	batches []batchID
}

type batchID struct{ file, batch int }

// Query says which samples to read, and in what order.
type Query struct {
	Split   split.Split // required
	Shuffle bool        // else in the order of writing
	Seed    uint64      // of the shuffled order
	Epoch   int         // which shuffled order, from 0
	Skip    int64       // samples of that order to leave out at its beginning: where an interrupted run goes on
}

// Open opens a data set. It checks the manifest, the proof in splits.csv that
// no group stands in two splits, and of every shard the size and all that
// stands around the batches; what is wrong with them is a *[CorruptError].
// Batches are checked when first read. A directory without a manifest is not a
// data set: the error is fs.ErrNotExist.
//
// Where splits are named, only their files are opened at all: the others seem
// empty, and their samples cannot be had from this Reader.
func Open(dir string, only ...split.Split) (*Reader, error) {
	text, err := readSmall(filepath.Join(dir, ManifestName), maxManifest)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("shards: %s is not a data set, or was not finished: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("shards: %w", err)
	}
	m, err := decodeManifest(text)
	if err != nil {
		return nil, corrupt(filepath.Join(dir, ManifestName), -1, -1, err)
	}
	l, err := m.layout()
	if err != nil {
		return nil, corrupt(filepath.Join(dir, ManifestName), -1, -1, err)
	}
	r := &Reader{dir: dir, manifest: m, layout: l, schema: l.schema()}
	r.cache.size = 64 // a few kilobytes each: the arrays are in the file
	if l.compression != None || !canMap {
		r.cache.size = 2
	}
	if err := r.open(only); err != nil {
		_ = r.Close() // nothing was written that it could lose
		return nil, err
	}
	return r, nil
}

// readSmall reads a file of at most limit bytes; that it is longer is a
// CorruptError.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = corrupt(path, -1, limit, fmt.Errorf("longer than %d bytes", limit))
	}
	return b, errors.Join(err, f.Close())
}

// openRegular opens a file, and nothing that could block or never end.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, corrupt(path, -1, -1, errors.New("not a regular file"))
	}
	return os.Open(path)
}

func (r *Reader) open(only []split.Split) error {
	if err := r.openSplits(); err != nil {
		return err
	}
	for _, meta := range r.manifest.Files {
		if len(only) > 0 && !slices.Contains(only, meta.Split) {
			continue
		}
		f, err := r.openShard(meta)
		if err != nil {
			return err
		}
		i := len(r.files)
		r.files = append(r.files, f)
		x := &r.index[meta.Split-split.Train]
		for b, batch := range meta.Batches {
			x.starts, x.batches = append(x.starts, x.rows), append(x.batches, batchID{i, b})
			x.rows += batch.Rows
		}
	}
	return nil
}

func (r *Reader) openSplits() error {
	path := filepath.Join(r.dir, SplitsName)
	b, err := readSmall(path, maxSplitsCSV)
	if errors.Is(err, os.ErrNotExist) {
		return corrupt(path, -1, -1, err)
	}
	if err != nil {
		return fmt.Errorf("shards: %w", err)
	}
	if sumBytes(SplitsName, b) != r.manifest.SplitsFile {
		return corrupt(path, -1, -1, errors.New("its size or checksum is not the manifest's"))
	}
	if r.roll, err = decodeRoll(b); err == nil {
		err = r.roll.prove(r.manifest)
	}
	if err != nil {
		return corrupt(path, -1, -1, err)
	}
	return nil
}

// Close unmaps the files. No other call may be in progress, and the arrays of
// samples that were read must not be used any more.
func (r *Reader) Close() error {
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.close())
	}
	r.files = nil
	return errors.Join(errs...)
}

// Manifest returns what the data set says of itself. It must not be changed.
func (r *Reader) Manifest() *Manifest { return r.manifest }

// Rows returns the number of samples in a split, 0 for what is no split.
func (r *Reader) Rows(sp split.Split) int64 {
	if sp < split.Train || sp > split.Test {
		return 0
	}
	return r.index[sp-split.Train].rows
}

// Sample returns sample i of a split, in the order of writing, 0 <= i <
// Rows(sp). See [Reader.Samples] for whose its arrays are.
func (r *Reader) Sample(sp split.Split, i int64) (*ingest.Sample, error) {
	if i < 0 || i >= r.Rows(sp) {
		return nil, fmt.Errorf("shards: %s has no sample %d: it has %d", sp, i, r.Rows(sp))
	}
	if r.files == nil {
		return nil, errors.New("shards: the reader is closed")
	}
	x := &r.index[sp-split.Train]
	k, ok := slices.BinarySearch(x.starts, i)
	if !ok {
		k--
	}
	return r.sample(x.batches[k], int(i-x.starts[k]))
}

func (r *Reader) sample(id batchID, row int) (s *ingest.Sample, err error) {
	f := r.files[id.file]
	err = guard(func() error {
		rec, err := r.batch(id)
		if err == nil {
			s, err = r.layout.row(rec, row)
		}
		return err
	})
	if err == nil {
		return s, nil
	}
	if _, ok := errors.AsType[*os.PathError](err); ok {
		return nil, fmt.Errorf("shards: %w", err)
	}
	return nil, corrupt(f.path, id.batch, f.Batches[id.batch].Offset, err)
}

// batch returns a record batch, checked and decoded.
func (r *Reader) batch(id batchID) (arrow.RecordBatch, error) {
	f := r.files[id.file]
	if err := f.sameSize(); err != nil {
		return nil, err
	}
	if rec := r.cache.get(id); rec != nil {
		return rec, nil
	}
	b := f.Batches[id.batch]
	msg, err := f.checked(id.batch)
	if err != nil {
		return nil, err
	}
	rec, err := decodeBatch(msg, b.Meta, b.Rows, r.layout, r.schema)
	if err != nil {
		return nil, err
	}
	r.cache.put(id, rec)
	return rec, nil
}

// Samples yields the samples that q asks for. The order depends on q and the
// data set alone, and going on at Skip costs the same wherever that is. The
// sequence ends after the first error: a *[CorruptError], the cause of ctx's
// end, or a query that makes no sense.
//
// The Data of inputs and label maps are parts of the mapped file where they are
// stored uncompressed as float32 and uint8. They must not be written to (the
// program would crash), are shared by all who read the same sample, and end
// with Close: who wants to change or keep them clones them. While they are in
// use nobody may truncate the files, which are never changed once written;
// calls of the Reader notice it, but reading Data then crashes.
//
// A shuffled order leads to a random batch for every sample. Where batches are
// compressed each is inflated again: prefer uncompressed sets for training.
func (r *Reader) Samples(ctx context.Context, q Query) iter.Seq2[*ingest.Sample, error] {
	return func(yield func(*ingest.Sample, error) bool) {
		if q.Split < split.Train || q.Split > split.Test || q.Skip < 0 || q.Epoch < 0 {
			yield(nil, fmt.Errorf("shards: query %+v: it needs a split, and no negative number", q))
			return
		}
		n := r.Rows(q.Split)
		o := newOrder(n, q.Seed, uint64(q.Epoch))
		for k := q.Skip; k < n; k++ {
			if ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			i := k
			if q.Shuffle {
				i = int64(o.at(uint64(k)))
			}
			s, err := r.Sample(q.Split, i)
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// cache keeps the batches that were last decoded.
type cache struct {
	size    int
	mu      sync.Mutex
	entries []cacheEntry // the last used at the end
}

type cacheEntry struct {
	id  batchID
	rec arrow.RecordBatch
}

func (c *cache) get(id batchID) arrow.RecordBatch {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, e := range slices.Backward(c.entries) {
		if e.id == id {
			c.entries = append(slices.Delete(c.entries, i, i+1), e)
			return e.rec
		}
	}
	return nil
}

func (c *cache) put(id batchID, rec arrow.RecordBatch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= c.size {
		c.entries = slices.Delete(c.entries, 0, 1)
	}
	c.entries = append(c.entries, cacheEntry{id, rec})
}
