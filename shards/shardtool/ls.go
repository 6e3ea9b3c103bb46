package shardtool

import (
	"context"
	"io"

	"github.com/lacuna-ml/lacuna/shards"
)

type listing struct {
	Dir    string      `json:"dir"`
	Files  []fileLine  `json:"files"`
	Totals []splitLine `json:"totals"`
}

type fileLine struct {
	Name        string `json:"name"`
	Split       string `json:"split"`
	Rows        int64  `json:"rows"`
	Batches     int    `json:"batches"`
	Bytes       int64  `json:"bytes"`
	XXH3        string `json:"xxh3"`
	Compression string `json:"compression"`
}

type splitLine struct {
	Split   string `json:"split"`
	Files   int    `json:"files"`
	Rows    int64  `json:"rows"`
	Batches int    `json:"batches"`
	Bytes   int64  `json:"bytes"`
}

// Ls lists the shard files of the data sets at dirs or below: split, rows,
// record batches, bytes and XXH3 of each, and the totals of each split.
func Ls(ctx context.Context, w io.Writer, dirs []string, asJSON bool) error {
	return tables(ctx, w, dirs, asJSON, newListing, (*printer).listing)
}

func newListing(dir string, m *shards.Manifest) listing {
	l := listing{Dir: dir, Files: []fileLine{}}
	for _, s := range m.Splits {
		l.Totals = append(l.Totals, splitLine{Split: s.Split.String()})
	}
	l.Totals = append(l.Totals, splitLine{Split: "all"})
	all := &l.Totals[len(l.Totals)-1]
	for _, f := range m.Files {
		l.Files = append(l.Files, fileLine{f.Name, f.Split.String(), f.Rows, len(f.Batches), f.Bytes, f.XXH3, m.Compression})
		for i := range l.Totals {
			if t := &l.Totals[i]; t == all || t.Split == f.Split.String() {
				t.Files++
				t.Rows += f.Rows
				t.Batches += len(f.Batches)
				t.Bytes += f.Bytes
			}
		}
	}
	return l
}

func (p *printer) listing(l listing) {
	rows := [][]string{{"FILE", "SPLIT", "ROWS", "BATCHES", "BYTES", "XXH3"}}
	for _, f := range l.Files {
		rows = append(rows, []string{f.Name, f.Split, count(f.Rows), count(f.Batches), count(f.Bytes), f.XXH3})
	}
	p.table(rows)
	p.printf("\n")
	rows = [][]string{{"SPLIT", "FILES", "ROWS", "BATCHES", "BYTES"}}
	for _, t := range l.Totals {
		rows = append(rows, []string{t.Split, count(t.Files), count(t.Rows), count(t.Batches), count(t.Bytes)})
	}
	p.table(rows)
}
