package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"text/tabwriter"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/shards"
)

// row is one problem of one subject, as doctor and ingest list it.
type row struct {
	Severity string `json:"severity"` // "error": the subject can't be used; "warning": it can
	Subject  string `json:"subject"`
	ingest.Problem
}

func errorRows(e *ingest.SubjectError) []row {
	rows := make([]row, len(e.Problems))
	for i, p := range e.Problems {
		rows[i] = row{"error", e.Key.Subject, p}
	}
	return rows
}

func warningRows(s *ingest.Sample) []row {
	rows := make([]row, len(s.Warnings))
	for i, p := range s.Warnings {
		rows[i] = row{"warning", s.Key.Subject, p}
	}
	return rows
}

// printRows writes the problems as a table, two lines where there is a fix.
func printRows(w io.Writer, rows []row) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SEVERITY\tSUBJECT\tKIND\tFILE\tPROBLEM")
	for _, r := range rows {
		path := r.Path
		if path == "" {
			path = "-"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", r.Severity, r.Subject, r.Kind, path, r.Reason)
		if r.Fix != "" {
			fmt.Fprintf(tw, "\t\t\t\t-> %s\n", r.Fix)
		}
	}
	_ = tw.Flush() // the writer under it has already failed, and says so
}

func printBad(w io.Writer, bad []*ingest.SubjectError) {
	var rows []row
	for _, e := range bad {
		rows = append(rows, errorRows(e)...)
	}
	printRows(w, rows)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func plural(n int, what string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, what)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// writeLine writes v as one line of JSON.
func writeLine(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// corrupt gives an error about a file's content the exit code for it; one about
// reaching the file keeps its own.
func corrupt(file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	return &cli.Error{Code: cli.Corrupt, Err: fmt.Errorf("%s: %w", file, err)}
}

// report prints what a finished data set holds.
func (c *ingestCmd) report(a *app, out string, m *shards.Manifest, took time.Duration) error {
	var bytes int64
	for _, f := range m.Files {
		bytes += f.Bytes
	}
	if c.JSON {
		return writeLine(a.stdout, struct {
			Out     string             `json:"out"`
			ID      string             `json:"id"`
			Dataset string             `json:"dataset"`
			Splits  []shards.SplitInfo `json:"splits"`
			Bytes   int64              `json:"bytes"`
			Skipped int                `json:"skipped"`
			Seconds float64            `json:"seconds"`
		}{out, m.ID, m.Dataset, m.Splits, bytes, len(m.Quarantine), took.Seconds()})
	}
	fmt.Fprintf(a.stdout, "%s: %s, %s of %s together, in %s\n", out, m.Dataset, plural(len(m.Files), "shard"), byteSize(bytes), seconds(took))
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "split\tsubjects\tgroups\tsamples\tcomplete\t")
	for _, s := range m.Splits {
		var complete int64
		for _, k := range s.Masks {
			if k.Mask == m.Set().Format(m.Set().Full()) {
				complete = k.Samples
			}
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t\n", s.Split, s.Subjects, s.Groups, s.Samples, complete)
	}
	return tw.Flush()
}

func byteSize(n int64) string {
	const mib = 1 << 20
	if n < mib {
		return fmt.Sprintf("%.1f KiB", float64(n)/1024)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/mib)
}

// warnings sums up what was odd with subjects that can be used.
type warnings struct {
	last  ingest.Key // the subject counted last: its patches repeat its warnings
	kinds []string   // in the order met
	n     map[string]int
	first map[string]ingest.Problem
}

func (w *warnings) add(s *ingest.Sample) {
	if s.Subject.Key == w.last {
		return
	}
	w.last = s.Subject.Key
	for _, p := range s.Warnings {
		if w.n == nil {
			w.n, w.first = map[string]int{}, map[string]ingest.Problem{}
		}
		if w.n[p.Kind]++; w.n[p.Kind] == 1 {
			w.kinds = append(w.kinds, p.Kind)
			w.first[p.Kind] = p
		}
	}
}

// print writes a line a kind.
func (w *warnings) print(to io.Writer, dataset string) {
	for _, k := range w.kinds {
		fmt.Fprintf(to, "warning: %s: %s, the first: %s\n", k, plural(w.n[k], "time"), w.first[k])
	}
	if len(w.kinds) > 0 {
		fmt.Fprintf(to, "lacuna doctor %s lists every warning\n", dataset)
	}
}
