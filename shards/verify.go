package shards

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/zeebo/xxh3"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// Verify yields everything that is wrong with the data set beyond what Open
// has checked: files that do not belong, checksums, and then row by row whether
// samples are sound, belong where splits.csv has them, and add up to the
// manifest's counts and statistics. It yields nothing about what ctx's end kept
// it from: look at ctx.Err.
func (r *Reader) Verify(ctx context.Context) iter.Seq[*CorruptError] {
	return func(yield func(*CorruptError) bool) {
		sound := true
		for e := range r.VerifySums(ctx) {
			sound = false
			if !yield(e) {
				return
			}
		}
		// Rows behind a wrong checksum are not looked at: it says enough.
		if sound {
			r.verifyRows(ctx, yield)
		}
	}
}

// VerifySums is the quick part of [Reader.Verify]: files that do not belong,
// and every checksum of every shard.
func (r *Reader) VerifySums(ctx context.Context) iter.Seq[*CorruptError] {
	return func(yield func(*CorruptError) bool) {
		for _, e := range r.strays() {
			if !yield(e) {
				return
			}
		}
		for _, f := range r.files {
			for _, e := range f.verify(ctx) {
				if !yield(e) {
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// strays returns the files that a foreign reader might take for shards.
func (r *Reader) strays() []*CorruptError {
	names, err := os.ReadDir(r.dir)
	if err != nil {
		return []*CorruptError{corrupt(r.dir, -1, -1, err)}
	}
	var found []*CorruptError
	for _, n := range names {
		if filepath.Ext(n.Name()) == ".arrow" && !slices.ContainsFunc(r.manifest.Files, func(f File) bool { return f.Name == n.Name() }) {
			found = append(found, corrupt(filepath.Join(r.dir, n.Name()), -1, -1, errors.New("the manifest knows no such shard")))
		}
	}
	return found
}

// Survey returns all that is wrong with the shards of a data set that Open
// refuses for one of them, so that one broken shard does not hide the others:
// sizes and checksums. Its error is that of a manifest that can't be read, which
// is not theirs, or ctx's.
func Survey(ctx context.Context, dir string) (*Manifest, []*CorruptError, error) {
	text, err := readSmall(filepath.Join(dir, ManifestName), maxManifest)
	if err != nil {
		return nil, nil, fmt.Errorf("shards: %w", err)
	}
	m, err := decodeManifest(text)
	if err != nil {
		return nil, nil, corrupt(filepath.Join(dir, ManifestName), -1, -1, err)
	}
	var found []*CorruptError
	for _, meta := range m.Files {
		f := &shardFile{File: meta, path: filepath.Join(dir, meta.Name)}
		if f.f, err = openRegular(f.path); err != nil {
			bad, ok := errors.AsType[*CorruptError](err)
			if !ok {
				bad = corrupt(f.path, -1, -1, err)
			}
			found = append(found, bad)
			continue
		}
		found = append(found, f.verify(ctx)...)
		_ = f.close() // nothing was written that it could lose
		if ctx.Err() != nil {
			return m, found, context.Cause(ctx)
		}
	}
	return m, found, nil
}

// verify compares the checksums of batches and of the whole file. Of a file of
// another size it looks at what is there.
func (f *shardFile) verify(ctx context.Context) []*CorruptError {
	whole, sha := xxh3.New(), sha256.New()
	add := func(r Region) (bad error) {
		return guard(func() error {
			region := xxh3.New()
			// In pieces, for the sake of memory where files are not mapped.
			for at, end := r.Offset, r.Offset+r.Length; at < end && ctx.Err() == nil; at += 1 << 20 {
				b, err := f.bytes(at, min(1<<20, end-at))
				if err != nil {
					return err
				}
				for _, h := range []interface{ Write([]byte) (int, error) }{region, whole, sha} {
					_, _ = h.Write(b) // a hash never errs
				}
			}
			if sum := hex64(region.Sum64()); sum != r.XXH3 && ctx.Err() == nil {
				return fmt.Errorf("checksum is %s, the manifest says %s", sum, r.XXH3)
			}
			return nil
		})
	}
	info, err := f.f.Stat()
	if err != nil {
		return []*CorruptError{corrupt(f.path, -1, -1, err)}
	}
	var found []*CorruptError
	if size := info.Size(); size != f.Bytes {
		found = append(found, corrupt(f.path, -1, min(size, f.Bytes), f.sameSize()))
	}
	note := func(batch int, r Region) {
		if r.Offset+r.Length > info.Size() { // where it is cut off, the size says so
			return
		}
		if err := add(r); err != nil {
			found = append(found, corrupt(f.path, batch, r.Offset, err))
		}
	}
	note(-1, f.Head)
	for i, b := range f.Batches {
		note(i, b.Region)
	}
	note(-1, f.Tail)
	if ctx.Err() != nil {
		return found
	}
	if hex64(whole.Sum64()) != f.XXH3 || hex.EncodeToString(sha.Sum(nil)) != f.SHA256 {
		if len(found) == 0 {
			found = append(found, corrupt(f.path, -1, -1, errors.New("the whole file's XXH3 or SHA-256 is not the manifest's")))
		}
	}
	return found
}

// verifyRows reads every row and counts again.
func (r *Reader) verifyRows(ctx context.Context, yield func(*CorruptError) bool) {
	ids, subjects := map[xxh3.Uint128]struct{}{}, map[string]bool{}
	for sp := split.Train; sp <= split.Test; sp++ {
		p := &part{split: sp, masks: map[modality.Mask]int64{}, stats: make([]moments, r.layout.mods.Len())}
		sound := true
		x := r.index[sp-split.Train]
		for _, id := range x.batches {
			f := r.files[id.file]
			for row := range int(f.Batches[id.batch].Rows) {
				if ctx.Err() != nil {
					return
				}
				err := r.verifyRow(id, row, p, ids, subjects)
				if err == nil {
					continue
				}
				sound = false
				if !yield(corrupt(f.path, id.batch, f.Batches[id.batch].Offset, fmt.Errorf("row %d: %w", row, err))) {
					return
				}
			}
		}
		if err := p.agrees(r, r.manifest.Split(sp)); err != nil && sound {
			if !yield(corrupt(filepath.Join(r.dir, ManifestName), -1, -1, fmt.Errorf("%s: %w", sp, err))) {
				return
			}
		}
	}
	if len(subjects) != len(r.roll.subjects) {
		yield(corrupt(filepath.Join(r.dir, SplitsName), -1, -1, fmt.Errorf("it lists %d subjects, the shards have %d", len(r.roll.subjects), len(subjects))))
	}
}

// verifyRow adds a row to the counts.
func (r *Reader) verifyRow(id batchID, row int, p *part, ids map[xxh3.Uint128]struct{}, subjects map[string]bool) error {
	s, err := r.sample(id, row)
	if err != nil {
		return err
	}
	return guard(func() error {
		rec, err := r.batch(id)
		if err != nil {
			return err
		}
		name, sp := rec.Column(colID).(*array.String).Value(row), rec.Column(colSplit).(*array.String).Value(row)
		sum := xxh3.HashString128(name)
		if _, twice := ids[sum]; twice || name != s.Key.String() {
			return fmt.Errorf("id %.200q of sample %s: it stands twice, or is not the sample's", name, s.Key)
		}
		ids[sum] = struct{}{}
		want, ok := r.roll.subjects[s.Key.Subject]
		got := entry{s.Subject.Group, s.Subject.Stratum, p.split}
		if !ok || want != got || sp != p.split.String() || s.Key.Dataset != r.manifest.Dataset {
			return fmt.Errorf("sample %s: group %q, stratum %q, split %q: not what %s or the manifest has", s.Key, got.group, got.stratum, sp, SplitsName)
		}
		for _, v := range s.Target.Data {
			if int(v) >= len(r.layout.classes) {
				return fmt.Errorf("sample %s: target has value %d, there are %d classes", s.Key, v, len(r.layout.classes))
			}
		}
		subjects[s.Key.Subject] = true
		t := newTally([]*ingest.Sample{s}, false)
		t.work()
		p.count(t)
		return nil
	})
}

// agrees compares what was counted with what the manifest says.
func (p *part) agrees(r *Reader, want SplitInfo) error {
	got := p.info(Meta{Modalities: r.layout.mods, Classes: r.layout.classes})
	got.Subjects, got.Groups = want.Subjects, want.Groups // proved on Open
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("counted %+v, the manifest says %+v", got, want)
	}
	return nil
}
