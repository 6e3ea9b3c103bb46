package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	Data   string   `placeholder:"DIR" help:"The shards, where they are not where the run had them, or another data set of the same kind, also without labels."`
	Split  string   `default:"test" enum:"train,val,test" help:"What to judge it on."`
	Combos []string `placeholder:"A+B,..." help:"Combinations of modalities to see, like flair+t2 (default: all)."`
	Post   bool     `name:"post-process" help:"Clean predicted label maps as MCKD does: a part of fewer than 2000 voxels, and than a tenth of the case's largest, becomes background; where a case has fewer than 500 voxels of the innermost region (enhancing tumour), they become what is around them (MCKD also drops parts by their height, which this does not). The tables say so."`
	NIfTI  bool     `name:"nifti" help:"Write the label map of each case as predicted from the widest combination that is judged, as NIfTI in the geometry of the input, beside the tables."`
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
    lacuna validate runs/brats --data data/clinic --nifti
        predictions for other cases, in the folder on-clinic-test of the run

Any presence of modalities can be judged; by default all are, 3 for two
modalities and 15 for four. The tables go to the run's folder as Markdown, CSV
and JSON, a line for each sample or case, and into its report.html. Tables of
other data than the run was trained on, and those that --out puts elsewhere, are
not in that page.

` + cli.ExitStatus
}

func (c *validateCmd) Run(a *app) error {
	e, err := c.open(a.stderr)
	if err != nil {
		return err
	}
	defer e.Close()
	sp, err := split.Parse(c.Split)
	if err != nil {
		return cli.Usagef("%w", err)
	}
	own, err := c.place(a, sp)
	if err != nil {
		return err
	}
	var bar *progress.Bar
	j := lab.Judge{Registry: a.registry, Engine: e, Dir: c.Dir, Data: c.Data, Split: sp, Combos: c.Combos, Examples: c.Out,
		OnOpen: func(n int) error {
			bar = progress.New(a.stderr, "validate "+filepath.Base(c.Dir), "subject", n, time.Now)
			if err := writable(c.Out); err != nil || !own {
				return err
			}
			return writable(c.Dir)
		},
		OnDone: func(ingest.Key) { bar.Add(1) },
	}
	if c.Post {
		j.Post = validate.Post{MinPart: 2000, MinInner: 500}
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
	if err := lab.WriteTables(c.Out, r); err != nil {
		return err
	}
	where := "all tables: " + c.Out
	if c.NIfTI {
		widest := slices.MaxFunc(r.Combos, func(a, b validate.Combo) int { return a.Mask.Count() - b.Mask.Count() })
		where += ", and label maps as predicted from " + widest.Name
	}
	if own {
		if err := lab.WriteReport(c.Dir, a.registry); err != nil {
			return err
		}
		where += "; for people: " + filepath.Join(c.Dir, lab.ReportName)
	}
	if c.JSON {
		return writeJSON(a.stdout, r)
	}
	if err := lab.WriteSummary(a.stdout, r); err != nil {
		return err
	}
	fmt.Fprintln(a.stderr, where)
	return nil
}

// place settles where the tables go, and reports whether the run's page is about
// them.
func (c *validateCmd) place(a *app, sp split.Split) (own bool, err error) {
	if c.Out != "" {
		return false, nil
	}
	c.Out = filepath.Join(c.Dir, c.Split)
	if c.Data == "" {
		return true, nil
	}
	other, err := lab.Elsewhere(c.Dir, c.Data, a.registry, sp)
	if err != nil || !other {
		return true, err
	}
	abs, err := filepath.Abs(c.Data)
	c.Out = filepath.Join(c.Dir, "on-"+filepath.Base(abs)+"-"+c.Split)
	return false, err
}

// writable errs where no file can be made in dir, or in what there is of its path.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".lacuna-*")
	if err == nil {
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if up := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && up != dir {
		return writable(up)
	}
	return err
}

// labels writes a label map, in the numbers of the case's own files.
func (c *validateCmd) labels(m *validate.LabelMap, numbers []uint8) error {
	var b bytes.Buffer
	if err := m.EncodeNIfTI(&b, numbers); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(c.Out, m.Key.Subject+".nii.gz"), b.Bytes(), 0o666)
}
