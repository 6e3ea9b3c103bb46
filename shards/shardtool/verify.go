package shardtool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/lacuna-ml/lacuna/shards"
)

// VerifyOptions says how much Verify checks.
type VerifyOptions struct {
	// Deep reads every row after the checksums and counts again what the
	// manifest counts. Without it a data set is good if its bytes are those that
	// were written.
	Deep bool
	JSON bool
	// Now is the clock for the rate; nil leaves the rate out.
	Now func() time.Time
}

type verdict struct {
	Dir      string    `json:"dir"`
	Good     bool      `json:"good"`
	Deep     bool      `json:"deep"`
	Files    int       `json:"files"`
	Batches  int       `json:"batches"`
	Rows     int64     `json:"rows"`
	Bytes    int64     `json:"bytes"`
	MBPerS   float64   `json:"mb_per_s,omitempty"` // 10^6 bytes
	Problems []problem `json:"problems"`
}

// problem is one corruption. Batch and Offset are null where they have no
// meaning.
type problem struct {
	Path   string `json:"path"`
	Batch  *int   `json:"batch"`
	Offset *int64 `json:"offset"`
	Reason string `json:"reason"`
	Fix    string `json:"fix"`
}

// damagedError says that Verify found and listed problems.
type damagedError struct {
	dir string
	n   int
}

func (e *damagedError) Error() string {
	return fmt.Sprintf("%s: the data set is corrupt: %s", e.dir, plural(e.n, "problem", "problems"))
}

// Verify checks the data sets at dirs or below: the manifest and the proof that
// no group stands in two splits, that no shard is missing or astray, and every
// checksum. It lists all that is wrong and returns an error for which
// [IsCorrupt] is true where anything is. What is wrong with the manifest or
// splits.csv keeps it from looking at the shards.
func Verify(ctx context.Context, w io.Writer, dirs []string, o VerifyOptions) error {
	p := &printer{w: w}
	out := []verdict{}
	err := each(ctx, dirs, func(dir string, headings bool) error {
		v, err := verify(ctx, dir, o)
		if err != nil {
			return err
		}
		if o.JSON {
			out = append(out, v)
		} else {
			p.verdict(v)
		}
		if !v.Good {
			return &damagedError{dir, len(v.Problems)}
		}
		return p.err
	})
	if o.JSON {
		return errors.Join(err, writeJSON(w, out))
	}
	return err
}

func verify(ctx context.Context, dir string, o VerifyOptions) (v verdict, err error) {
	v = verdict{Dir: dir, Deep: o.Deep, Problems: []problem{}}
	began := now(o.Now)
	r, err := shards.Open(dir)
	if damage, ok := errors.AsType[*shards.CorruptError](err); ok {
		return v, v.closed(ctx, damage)
	}
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for _, f := range r.Manifest().Files {
		v.Files++
		v.Batches += len(f.Batches)
		v.Rows += f.Rows
		v.Bytes += f.Bytes
	}
	check := r.VerifySums
	if o.Deep {
		check = r.Verify
	}
	for e := range check(ctx) {
		v.Problems = append(v.Problems, newProblem(e, r.Manifest()))
	}
	if ctx.Err() != nil {
		return v, context.Cause(ctx)
	}
	v.Good = len(v.Problems) == 0
	if s := now(o.Now).Sub(began).Seconds(); s > 0 {
		v.MBPerS = float64(v.Bytes) / 1e6 / s
	}
	return v, nil
}

// closed fills in what is wrong with a data set that can't be opened.
func (v *verdict) closed(ctx context.Context, first *shards.CorruptError) error {
	if filepath.Ext(first.Path) == ".arrow" {
		m, found, err := shards.Survey(ctx, v.Dir)
		if err != nil {
			return err
		}
		for _, e := range found {
			v.Problems = append(v.Problems, newProblem(e, m))
		}
	}
	if len(v.Problems) == 0 {
		v.Problems = append(v.Problems, newProblem(first, nil))
	}
	return nil
}

func now(clock func() time.Time) time.Time {
	if clock == nil {
		return time.Time{}
	}
	return clock()
}

// newProblem says what is wrong and what to do next. m is nil where the data
// set could not be opened.
func newProblem(e *shards.CorruptError, m *shards.Manifest) problem {
	p := problem{Path: e.Path, Reason: e.Err.Error()}
	if e.Batch >= 0 {
		p.Batch = &e.Batch
	}
	if e.Offset >= 0 {
		p.Offset = &e.Offset
	}
	known := func(f shards.File) bool { return f.Name == filepath.Base(e.Path) }
	switch {
	case filepath.Ext(e.Path) == ".arrow" && m != nil && !slices.ContainsFunc(m.Files, known):
		p.Fix = "move this file away: it is no part of this data set"
	case filepath.Ext(e.Path) == ".arrow":
		p.Fix = "copy this file again from a good copy of the data set, or make the data set again with lacuna ingest"
	default:
		p.Fix = "copy the whole data set again, or make it again with lacuna ingest: nothing in it can be trusted without this file"
	}
	return p
}

func (p *printer) verdict(v verdict) {
	if !v.Good {
		p.printf("corrupt  %s\n", v.Dir)
		for _, problem := range v.Problems {
			p.printf("  %s\n", clean(problem.Path))
			if problem.Batch != nil {
				p.item("  batch", count(*problem.Batch))
			}
			if problem.Offset != nil {
				p.item("  offset", count(*problem.Offset))
			}
			p.item("  reason", clean(problem.Reason))
			p.item("  next", problem.Fix)
		}
		return
	}
	p.printf("good  %s: %d files, %d batches, %d rows, %d bytes: every checksum matches", v.Dir, v.Files, v.Batches, v.Rows, v.Bytes)
	if v.Deep {
		p.printf(", every row reads and counts agree")
	}
	if v.MBPerS > 0 {
		p.printf(" (%.0f MB/s)", v.MBPerS)
	}
	p.printf("\n")
}
