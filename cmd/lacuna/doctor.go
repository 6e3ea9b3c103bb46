package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/progress"
	"github.com/lacuna-ml/lacuna/preprocess"
)

type doctorCmd struct {
	Dataset string `arg:"" help:"A data set of lacuna datasets (brats, avdigits)."`
	sourceFlags
	stageFlags
	Workers int  `default:"0" placeholder:"N" help:"Subjects in work at once; 0 for one a core."`
	JSON    bool `name:"json" help:"Print the table as JSON."`
}

func (doctorCmd) Help() string {
	return `Examples:
  lacuna doctor brats --in MICCAI_BraTS_2018_Data_Training
  lacuna doctor avdigits --in audio=recordings --in images=mnist --json | jq '.rows[].kind'

Every file of every subject is read to its end, and what ingest would do to it is
done, but for patches: give the flags that ingest will get. Errors make a subject
unusable; warnings do not. Nothing is written.

EXIT STATUS
  0 no errors, 1 the data set could not be opened, 2 wrong usage, 3 some subject has an error`
}

// checkup is what doctor found.
type checkup struct {
	Dataset  string `json:"dataset"`
	Subjects int    `json:"subjects"`
	Good     int    `json:"good"`     // without an error; maybe with warnings
	Errors   int    `json:"errors"`   // problems that make a subject unusable
	Warnings int    `json:"warnings"` // problems that do not
	Rows     []row  `json:"rows"`
}

func (c *doctorCmd) Run(a *app) error {
	d, err := a.registry.Lookup(c.Dataset)
	if err != nil {
		return cli.Usagef("%w", err)
	}
	src, err := c.open(a.ctx, d)
	if err != nil {
		return err
	}
	found, err := c.examine(a, d, src)
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(a.stdout, found)
	} else {
		if len(found.Rows) > 0 {
			printRows(a.stdout, found.Rows)
			fmt.Fprintln(a.stdout)
		}
		fmt.Fprintf(a.stdout, "%s: %d of %s good, %s, %s\n", d.Name, found.Good,
			plural(found.Subjects, "subject"), plural(found.Errors, "error"), plural(found.Warnings, "warning"))
	}
	if err == nil && found.Good < found.Subjects {
		return &cli.Error{Code: cli.Corrupt, Err: fmt.Errorf("unusable as found: %s", plural(found.Subjects-found.Good, "subject"))}
	}
	return err
}

func (c *doctorCmd) examine(a *app, d datasets.Dataset, src ingest.Source) (*checkup, error) {
	subjects, err := list(a.ctx, d, src)
	if err != nil {
		return nil, err
	}
	stages, err := c.whole(d)
	if err != nil {
		return nil, err
	}
	found := &checkup{Dataset: d.Name, Subjects: len(subjects), Good: len(subjects), Rows: []row{}}
	bar := progress.New(a.stderr, "doctor "+d.Name, "subject", len(subjects), time.Now)
	defer bar.Done()
	pipe := preprocess.Pipeline{
		Stages: func(ingest.Subject) []preprocess.Stage { return stages }, Workers: workers(c.Workers),
		OnError: func(e *ingest.SubjectError) error {
			found.Good--
			found.Errors += len(e.Problems)
			found.Rows = append(found.Rows, errorRows(e)...)
			return nil
		},
		OnDone: func(ingest.Subject) { bar.Add(1) },
	}
	var same copies
	for s, err := range pipe.Run(a.ctx, src, each(subjects)) {
		if err != nil {
			return nil, err
		}
		rows := warningRows(s.Key.Subject, slices.Concat(s.Warnings, same.add(s)))
		found.Warnings += len(rows)
		found.Rows = append(found.Rows, rows...)
	}
	return found, nil
}
