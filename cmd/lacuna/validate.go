package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/internal/progress"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/validate"
)

type validateCmd struct {
	Dir    string   `arg:"" name:"run" help:"Folder of a finished run."`
	Data   string   `placeholder:"DIR" help:"The shards, where they are not where the run had them."`
	Split  string   `default:"test" enum:"train,val,test" help:"What to judge it on."`
	Combos []string `placeholder:"A+B,..." help:"Combinations of modalities to see, like flair+t2 (default: all)."`
	NIfTI  bool     `name:"nifti" help:"Write each predicted label map of the full combination as NIfTI, in the geometry of the input."`
	Out    string   `placeholder:"DIR" help:"Where the tables go (default: the folder of the run, and the split's name)."`
	JSON   bool     `name:"json" help:"Print the report as JSON."`
	deviceFlags
}

func (validateCmd) Help() string {
	return `Examples:

    lacuna validate runs/digits
        accuracy with its interval for image, sound and both
    lacuna validate runs/brats --combos flair,flair+t2 --nifti
        Dice and HD95 of whole cases, and label maps to look at

Any presence of modalities can be judged; by default all are, 3 for two
modalities and 15 for four. The tables go to the run's folder as Markdown, CSV
and JSON, a line for each sample or case, and into its report.html.

` + cli.ExitStatus
}

func (c *validateCmd) Run(a *app) error {
	e, err := c.open()
	if err != nil {
		return err
	}
	defer e.Close()
	sp, err := split.Parse(c.Split)
	if err != nil {
		return cli.Usagef("%w", err)
	}
	if c.Out == "" {
		c.Out = filepath.Join(c.Dir, c.Split)
	}
	var bar *progress.Bar
	j := lab.Judge{Registry: a.registry, Engine: e, Dir: c.Dir, Data: c.Data, Split: sp, Combos: c.Combos, Examples: c.Out,
		OnOpen: func(n int) { bar = progress.New(a.stderr, "validate "+filepath.Base(c.Dir), "subject", n, time.Now) },
		OnDone: func(ingest.Key) { bar.Add(1) },
	}
	if c.NIfTI {
		j.OnLabels = c.labels
	}
	r, err := j.Run(a.ctx)
	if bar != nil {
		bar.Done()
	}
	if err != nil && errors.Is(err, context.Cause(a.ctx)) {
		return &cli.Error{Code: cli.Failed, Err: errors.New("stopped before the end: no table was written")}
	}
	if err != nil {
		return misused(err)
	}
	if err := errors.Join(lab.WriteTables(c.Out, r), lab.WriteReport(c.Dir, a.registry)); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.stdout, r)
	}
	if err := lab.WriteSummary(a.stdout, r); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "all tables: %s; for people: %s\n", c.Out, filepath.Join(c.Dir, lab.ReportName))
	return nil
}

// labels writes a label map of the largest combination, in the numbers of the
// case's own files.
func (c *validateCmd) labels(m *validate.LabelMap, widest bool, numbers []uint8) error {
	if !widest {
		return nil
	}
	var b bytes.Buffer
	if err := m.EncodeNIfTI(&b, numbers); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(c.Out, m.Key.Subject+".nii.gz"), b.Bytes(), 0o666)
}
