package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/progress"
	"github.com/lacuna-ml/lacuna/preprocess/pipeline"
)

type doctorCmd struct {
	Dataset string `arg:"" help:"A data set of lacuna datasets (brats, avdigits)."`
	sourceFlags
	Workers int  `default:"0" placeholder:"N" help:"Subjects in work at once; 0 for one a core."`
	JSON    bool `name:"json" help:"Print the table as JSON."`
}

func (doctorCmd) Help() string {
	return `Examples:
  lacuna doctor brats --in MICCAI_BraTS_2018_Data_Training
  lacuna doctor avdigits --in audio=recordings --in images=mnist --json | jq '.rows[].kind'

Every file of every subject is read to its end. Errors make a subject unusable;
warnings do not. Nothing is written.

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
	found, err := c.examine(a, d.Name, src)
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
		return &cli.Error{Code: cli.Corrupt, Err: fmt.Errorf("%s can't be used as they are", plural(found.Subjects-found.Good, "subject"))}
	}
	return err
}

func (c *doctorCmd) examine(a *app, name string, src ingest.Source) (*checkup, error) {
	var subjects []ingest.Subject
	for s, err := range src.Subjects(a.ctx) {
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, s)
	}
	if len(subjects) == 0 {
		return nil, fmt.Errorf("no subject of %s was found: see lacuna datasets for the layouts", name)
	}
	found := &checkup{Dataset: name, Subjects: len(subjects), Rows: []row{}}
	bar := progress.New(a.stderr, "doctor "+name, "subject", len(subjects), time.Now)
	defer bar.Done()
	type outcome struct {
		rows []row
		bad  bool
	}
	look := func(ctx context.Context, s ingest.Subject, emit func(outcome) bool) error {
		sample, err := src.Load(ctx, s)
		if broken, ok := errors.AsType[*ingest.SubjectError](err); ok {
			emit(outcome{errorRows(broken), true})
			return nil
		}
		if err != nil {
			return err
		}
		emit(outcome{warningRows(sample), false})
		return nil
	}
	for o, err := range pipeline.FlatMap(a.ctx, workers(c.Workers), each(subjects), look) {
		if err != nil {
			return nil, err
		}
		if o.bad {
			found.Errors += len(o.rows)
		} else {
			found.Good++
			found.Warnings += len(o.rows)
		}
		found.Rows = append(found.Rows, o.rows...)
		bar.Add(1)
	}
	return found, nil
}
