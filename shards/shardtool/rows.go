package shardtool

import (
	"context"
	"fmt"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// Rows says which rows of a data set are meant. The zero Rows means all.
type Rows struct {
	N     int    // the first so many, 0 for all
	Split string // train, val or test; "" for all, in this order
	// ID keeps a row by its id ("brats/case/part", or without the data set's
	// name), or every row of a subject. "" keeps all.
	ID string
}

func (q Rows) splits() ([]split.Split, error) {
	if q.N < 0 {
		return nil, fmt.Errorf("%d rows: want 1 or more, or 0 for all", q.N)
	}
	if q.Split == "" {
		return []split.Split{split.Train, split.Val, split.Test}, nil
	}
	sp, err := split.Parse(q.Split)
	return []split.Split{sp}, err
}

func (q Rows) match(k ingest.Key) bool {
	if q.ID == "" || q.ID == k.String() || q.ID == k.Subject || q.ID == k.Dataset+"/"+k.Subject {
		return true
	}
	return k.Part != "" && q.ID == k.Subject+"/"+k.Part
}

// walk calls fn for the rows of one data set, in the order of the files. It
// returns how many there were.
func (q Rows) walk(ctx context.Context, r *shards.Reader, fn func(sp split.Split, s *ingest.Sample) error) (n int, err error) {
	splits, err := q.splits()
	if err != nil {
		return 0, err
	}
	for _, sp := range splits {
		for s, err := range r.Samples(ctx, shards.Query{Split: sp}) {
			if err != nil {
				return n, err
			}
			if !q.match(s.Key) {
				continue
			}
			if err := fn(sp, s); err != nil {
				return n, err
			}
			if n++; n == q.N {
				return n, nil
			}
		}
	}
	return n, nil
}

// all calls fn for the rows of the data sets at dirs or below. A row that is
// asked for by its id must be in one of them. p, where there is one, gets the
// headings.
func (q Rows) all(ctx context.Context, dirs []string, p *printer, fn func(m *shards.Manifest, sp split.Split, s *ingest.Sample) error) error {
	if _, err := q.splits(); err != nil {
		return err
	}
	total := 0
	err := eachOpen(ctx, dirs, func(dir string, headings bool, r *shards.Reader) error {
		m, told := r.Manifest(), !headings || p == nil
		n, err := q.walk(ctx, r, func(sp split.Split, s *ingest.Sample) error {
			if !told {
				p.heading(dir)
				told = true
			}
			return fn(m, sp, s)
		})
		total += n
		return err
	})
	if err == nil && total == 0 && q.ID != "" {
		where := "any split"
		if q.Split != "" {
			where = "split " + q.Split
		}
		return fmt.Errorf("no row with id or subject %q in %s: cat lists ids", q.ID, where)
	}
	return err
}
