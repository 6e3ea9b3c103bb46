package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
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

func warningRows(subject string, problems []ingest.Problem) []row {
	rows := make([]row, len(problems))
	for i, p := range problems {
		rows[i] = row{"warning", subject, p}
	}
	return rows
}

// printRows writes the problems as a table, two lines where there is a fix.
func printRows(w io.Writer, rows []row) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SEVERITY\tSUBJECT\tKIND\tFILE\tPROBLEM")
	for _, r := range grouped(rows) {
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

// grouped puts rows that say the same of one file into one, which names the
// first subject and counts the others.
func grouped(rows []row) []row {
	var out []row
	n := map[row]int{}
	for _, r := range rows {
		said := r
		said.Subject = ""
		if n[said]++; n[said] == 1 {
			out = append(out, r)
		}
	}
	for i, r := range out {
		said := r
		said.Subject = ""
		if more := n[said] - 1; more > 0 {
			out[i].Subject = fmt.Sprintf("%s and %d more", r.Subject, more)
		}
	}
	return out
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

// summary is what a finished data set holds.
type summary struct {
	Out     string             `json:"out"`
	ID      string             `json:"id"`
	Dataset string             `json:"dataset"`
	Splits  []shards.SplitInfo `json:"splits"`
	Files   int                `json:"files"`
	Bytes   int64              `json:"bytes"`
	Skipped int                `json:"skipped"` // subjects in quarantine
	Seconds float64            `json:"seconds"`

	complete string // the mask with every modality
}

func newSummary(out string, m *shards.Manifest, took time.Duration) *summary {
	s := &summary{
		Out: out, ID: m.ID, Dataset: m.Dataset, Splits: m.Splits, Files: len(m.Files),
		Skipped: len(m.Quarantine), Seconds: took.Seconds(), complete: m.Set().Format(m.Set().Full()),
	}
	for _, f := range m.Files {
		s.Bytes += f.Bytes
	}
	return s
}

// report prints what was made: a JSON array, or a table each.
func (c *ingestCmd) report(a *app, made ...*summary) error {
	made = slices.DeleteFunc(made, func(s *summary) bool { return s == nil })
	if c.JSON {
		if len(made) == 0 {
			return nil
		}
		return writeJSON(a.stdout, made)
	}
	for _, s := range made {
		if err := s.print(a.stdout); err != nil {
			return err
		}
		for _, sp := range s.Splits {
			if sp.Samples == 0 {
				fmt.Fprintf(a.stderr, "warning: %s: %s is empty\n", s.Out, sp.Split)
			}
		}
	}
	return nil
}

func (s *summary) print(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s, %s of %s together, in %.1f s\n", s.Out, s.Dataset, plural(s.Files, "shard"), byteSize(s.Bytes), s.Seconds)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "split\tsubjects\tgroups\tsamples\tcomplete\t")
	for _, sp := range s.Splits {
		var complete int64
		for _, k := range sp.Masks {
			if k.Mask == s.complete {
				complete = k.Samples
			}
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t\n", sp.Split, sp.Subjects, sp.Groups, sp.Samples, complete)
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

	copies copies
}

func (w *warnings) add(s *ingest.Sample) {
	if s.Subject.Key == w.last {
		return
	}
	w.last = s.Subject.Key
	for _, p := range slices.Concat(s.Warnings, w.copies.add(s)) {
		if w.n == nil {
			w.n, w.first = map[string]int{}, map[string]ingest.Problem{}
		}
		if w.n[p.Kind]++; w.n[p.Kind] == 1 {
			w.kinds = append(w.kinds, p.Kind)
			w.first[p.Kind] = p
		}
	}
}

// copies finds subjects that have a file of another one, byte for byte, under
// another name: names alone would put them into different splits.
type copies struct {
	last ingest.Key // the subject looked at last
	seen map[[sha256.Size]byte]copied
}

// copied is where a file was first met.
type copied struct{ subject, path string }

// add returns what is odd about a subject's files, one problem for each subject
// that it shares files with. Label maps don't count: two may well be all zero.
func (c *copies) add(s *ingest.Sample) (odd []ingest.Problem) {
	if s.Subject.Key == c.last {
		return nil
	}
	c.last = s.Subject.Key
	if c.seen == nil {
		c.seen = map[[sha256.Size]byte]copied{}
	}
	told := map[string]bool{}
	for _, f := range s.Sources {
		if f.Role == "target" {
			continue
		}
		first, ok := c.seen[f.SHA256]
		if !ok {
			c.seen[f.SHA256] = copied{s.Subject.Key.Subject, f.Path}
			continue
		}
		if first.path == f.Path || first.subject == s.Subject.Key.Subject || told[first.subject] {
			continue // a file that holds many subjects' data, or modalities
		}
		told[first.subject] = true
		odd = append(odd, ingest.Problem{Path: f.Path, Kind: "copy",
			Reason: fmt.Sprintf("is byte for byte %s of %s", first.path, first.subject),
			Fix:    "remove one of the subjects, lest it be learnt from and tested on"})
	}
	return odd
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

// regular reports why path is no file that can be read to its end: opening a
// named pipe would wait for ever.
func regular(path string) error {
	st, err := os.Stat(path)
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", path)
	}
	return err
}
