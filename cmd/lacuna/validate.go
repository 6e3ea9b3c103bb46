package main

import (
	"bytes"
	"encoding/json"
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
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return err
	}
	var bar *progress.Bar
	j := lab.Judge{Registry: a.registry, Engine: e, Dir: c.Dir, Data: c.Data, Split: sp, Combos: c.Combos,
		OnOpen: func(n int) { bar = progress.New(a.stderr, "validate "+filepath.Base(c.Dir), "subject", n, time.Now) },
		OnDone: func(ingest.Key) { bar.Add(1) },
	}
	if c.NIfTI {
		j.OnLabels = func(m *validate.LabelMap, widest bool) error { return c.labels(m, widest) }
	}
	r, err := j.Run(a.ctx)
	if bar != nil {
		bar.Done()
	}
	if err != nil {
		return err
	}
	if err := c.tables(r); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.stdout, r)
	}
	brief := *r
	brief.Items, brief.Cases = nil, nil
	if err := validate.WriteMarkdown(a.stdout, &brief); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "tables in %s\n", c.Out)
	return nil
}

// tables writes the report's files.
func (c *validateCmd) tables(r *validate.Report) error {
	var md, csv bytes.Buffer
	if err := errors.Join(validate.WriteMarkdown(&md, r), validate.WriteCSV(&csv, r)); err != nil {
		return err
	}
	brief := *r
	brief.Items, brief.Cases = nil, nil // the CSV has them
	text, err := json.MarshalIndent(&brief, "", "  ")
	if err != nil {
		return err
	}
	for name, b := range map[string][]byte{"report.md": md.Bytes(), "predictions.csv": csv.Bytes(), "report.json": append(text, '\n')} {
		if err := atomicfile.WriteFile(filepath.Join(c.Out, name), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// labels writes a label map of the largest combination.
func (c *validateCmd) labels(m *validate.LabelMap, widest bool) error {
	if !widest {
		return nil
	}
	var b bytes.Buffer
	if err := m.EncodeNIfTI(&b, nil); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(c.Out, m.Key.Subject+".nii.gz"), b.Bytes(), 0o666)
}
