package shards

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// shardFile is an open shard.
type shardFile struct {
	File
	path string
	f    *os.File
	data []byte // the whole file, where it is mapped
	good []atomic.Bool
}

// openShard opens a shard and checks its size, head and tail.
func (r *Reader) openShard(meta File) (_ *shardFile, err error) {
	path := filepath.Join(r.dir, meta.Name)
	osFile, err := openRegular(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, corrupt(path, -1, -1, err)
	}
	if err != nil {
		return nil, fmt.Errorf("shards: %w", err)
	}
	f := &shardFile{File: meta, path: path, f: osFile, good: make([]atomic.Bool, len(meta.Batches))}
	defer func() {
		if err != nil {
			_ = f.close() // nothing was written that it could lose
		}
	}()
	if err := f.sameSize(); err != nil {
		return nil, corrupt(path, -1, -1, err)
	}
	if canMap && meta.Bytes <= math.MaxInt {
		if f.data, err = mapFile(osFile, meta.Bytes); err != nil {
			return nil, fmt.Errorf("shards: map %s: %w", path, err)
		}
	}
	head, tail, err := frame(r.schema, meta.Batches)
	if err != nil {
		return nil, fmt.Errorf("shards: %s: %w", path, err)
	}
	for _, part := range []struct {
		Region
		want []byte
		what string
	}{{meta.Head, head, "head"}, {meta.Tail, tail, "tail"}} {
		err := guard(func() error { return f.frames(part.Region, part.want) })
		if err != nil {
			return nil, corrupt(path, -1, part.Offset, fmt.Errorf("%s: %w", part.what, err))
		}
	}
	return f, nil
}

// frames checks that a region is what it must be.
func (f *shardFile) frames(r Region, want []byte) error {
	if r.Length != int64(len(want)) {
		return fmt.Errorf("%d bytes, want %d", r.Length, len(want))
	}
	got, err := f.bytes(r.Offset, r.Length)
	if err != nil {
		return err
	}
	if hex64(xxh3.Hash(got)) != r.XXH3 {
		return errors.New("checksum is wrong")
	}
	if !bytes.Equal(got, want) {
		return errors.New("it describes other columns or batches than the manifest")
	}
	return nil
}

// sameSize checks that the file was not cut or extended since.
func (f *shardFile) sameSize() error {
	info, err := f.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != f.Bytes {
		return fmt.Errorf("file has %d bytes, the manifest says %d", info.Size(), f.Bytes)
	}
	return nil
}

// bytes returns a part of the file, which the manifest's check has found to be
// inside.
func (f *shardFile) bytes(offset, n int64) ([]byte, error) {
	if f.data != nil {
		return f.data[offset : offset+n : offset+n], nil
	}
	if n > MaxBatchBytes {
		return nil, fmt.Errorf("%d bytes at once, at most %d", n, MaxBatchBytes)
	}
	b := make([]byte, n)
	_, err := f.f.ReadAt(b, offset)
	return b, err
}

// checked returns the message of a batch, whose checksum is right. That is
// computed once where the bytes stay where they are.
func (f *shardFile) checked(batch int) ([]byte, error) {
	b := f.Batches[batch]
	msg, err := f.bytes(b.Offset, b.Length)
	if err != nil || f.data != nil && f.good[batch].Load() {
		return msg, err
	}
	if sum := hex64(xxh3.Hash(msg)); sum != b.XXH3 {
		return nil, fmt.Errorf("checksum is %s, the manifest says %s", sum, b.XXH3)
	}
	f.good[batch].Store(true)
	return msg, nil
}

func (f *shardFile) close() error {
	var err error
	if f.data != nil {
		err = unmapFile(f.data)
		f.data = nil
	}
	return errors.Join(err, f.f.Close())
}
