package shardtool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/zeebo/xxh3"

	"github.com/lacuna-ml/lacuna/shards"
)

// survey compares every shard of a data set that can't be opened with its
// manifest, so that one broken shard does not hide the others. It is for an
// Open that failed on a shard: the manifest was proved before.
func survey(ctx context.Context, dir string) ([]problem, error) {
	text, err := os.ReadFile(filepath.Join(dir, shards.ManifestName))
	if err != nil {
		return nil, err
	}
	var m shards.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	var found []problem
	for _, f := range m.Files {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		bad, err := surveyFile(ctx, filepath.Join(dir, f.Name), f)
		if err != nil {
			bad = []*shards.CorruptError{{Path: filepath.Join(dir, f.Name), Batch: -1, Offset: -1, Err: err}}
		}
		for _, e := range bad {
			found = append(found, newProblem(e, &m))
		}
	}
	return found, nil
}

func surveyFile(ctx context.Context, path string, f shards.File) (bad []*shards.CorruptError, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if st.Size() != f.Bytes {
		bad = append(bad, &shards.CorruptError{Path: path, Batch: -1, Offset: min(st.Size(), f.Bytes),
			Err: fmt.Errorf("it has %d bytes, the manifest says %d", st.Size(), f.Bytes)})
	}
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	check := func(batch int, g shards.Region) error {
		h := xxh3.New()
		n, err := io.Copy(h, io.NewSectionReader(r, g.Offset, g.Length))
		if err != nil {
			return err
		}
		want, err := strconv.ParseUint(g.XXH3, 16, 64)
		if err != nil {
			return err
		}
		if n == g.Length && h.Sum64() != want { // where it is cut off, the size says so
			bad = append(bad, &shards.CorruptError{Path: path, Batch: batch, Offset: g.Offset,
				Err: fmt.Errorf("checksum is %016x, the manifest says %s", h.Sum64(), g.XXH3)})
		}
		return context.Cause(ctx)
	}
	err = check(-1, f.Head)
	for i, b := range f.Batches {
		if err == nil {
			err = check(i, b.Region)
		}
	}
	if err == nil {
		err = check(-1, f.Tail)
	}
	return bad, err
}
