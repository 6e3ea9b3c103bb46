package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/progress"
	"github.com/lacuna-ml/lacuna/internal/version"
	"github.com/lacuna-ml/lacuna/preprocess"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/missing"
	"github.com/lacuna-ml/lacuna/shards/split"
)

type ingestCmd struct {
	Dataset string `arg:"" help:"A data set of lacuna datasets (brats, avdigits), or phantom."`
	sourceFlags
	Out       string `required:"" placeholder:"DIR" help:"Folder of the new data set."`
	Overwrite bool   `help:"Replace a data set that is there; the old one stays until the new one is whole."`
	recipe
	SplitFile string `group:"Splits and masks" placeholder:"FILE" help:"CSV of fixed splits (columns group or subject, and split), as splits.csv of another data set."`

	Seed    uint64 `default:"1" help:"Seed of every random choice."`
	Workers int    `default:"0" placeholder:"N" help:"Subjects in work at once; 0 for one a core. The output is the same for any number."`
	MaxBad  int    `default:"0" placeholder:"N" help:"Broken subjects to leave out and go on. With more, nothing is written (${default})."`
	JSON    bool   `name:"json" help:"Print the summary as JSON."`
	phantomFlags
}

// sourceFlags say where a data set's files are.
type sourceFlags struct {
	In      []string          `sep:"none" placeholder:"[NAME=]DIR" help:"Folder to read. Give it again for more folders. Where a data set needs several kinds (avdigits: audio=DIR, images=DIR) give each, or one that holds them all."`
	Option  map[string]string `placeholder:"KEY=VALUE" help:"Option of the data set, as lacuna datasets lists them."`
	Release string            `placeholder:"NAME" help:"BraTS release whose label numbers hold, where names don't tell it: short for --option release=NAME."`
	Pairing string            `placeholder:"NAME" help:"Audiovision-MNIST's pairs, paper or full: short for --option pairing=NAME."`
}

func (ingestCmd) Help() string {
	return `Examples:
  lacuna ingest phantom --out data/phantom
      make synthetic brains and digits as files, and shards of them
  lacuna ingest brats --in MICCAI_BraTS_2018_Data_Training --out data/brats --size 80x160x160
      foreground patches for training, a covering grid for val and test
  lacuna ingest avdigits --in audio=free-spoken-digit-dataset --in images=mnist --pairing paper --out data/av
      the 1,500 pairs of the literature

A broken subject never stops the others: all are read, and the broken ones are
listed with their reasons. With more than --max-bad of them no data set is
written. Interrupting leaves no half-made data set.

` + cli.ExitStatus
}

func (c *ingestCmd) Run(a *app) error {
	if c.Dataset == "phantom" {
		return c.runPhantom(a)
	}
	d, err := a.registry.Lookup(c.Dataset)
	if err != nil {
		return cli.Usagef("%w, and phantom", err)
	}
	done, err := c.ingest(a, d, c.sourceFlags, c.Out)
	if err != nil && a.ctx.Err() != nil {
		err = &cli.Error{Code: cli.Failed, Err: errors.New("interrupted; no half-made data set is left")}
	}
	return errors.Join(c.report(a, done), err)
}

// options returns the options that the flags give.
func (f sourceFlags) options(d datasets.Dataset) (map[string]string, error) {
	opts := maps.Clone(f.Option)
	if opts == nil {
		opts = map[string]string{}
	}
	for k, v := range map[string]string{"release": f.Release, "pairing": f.Pairing} {
		if v != "" {
			opts[k] = v
		}
	}
	for k := range opts {
		if !slices.ContainsFunc(d.Options, func(o datasets.Option) bool { return o.Name == k }) {
			return nil, cli.Usagef("%s has no option %q: see lacuna datasets", d.Name, k)
		}
	}
	return opts, nil
}

// open opens the data set at the flags' folders.
func (f sourceFlags) open(ctx context.Context, d datasets.Dataset) (ingest.Source, error) {
	opts, err := f.options(d)
	if err != nil {
		return nil, err
	}
	roots, err := f.folders(d)
	if err != nil {
		return nil, err
	}
	var sources []ingest.Source
	for _, in := range roots {
		src, err := d.Open(ctx, in, opts)
		if err != nil {
			return nil, err
		}
		sources = append(sources, src)
	}
	return datasets.Join(sources...), nil
}

// folder is a directory that knows its own name, which may tell a release.
type folder struct {
	dirFS
	name string
}

// dirFS is all that os.DirFS can do: data sets ask for it, to tell a file from a
// pipe before they open it.
type dirFS interface {
	fs.ReadDirFS
	fs.ReadFileFS
	fs.ReadLinkFS
	fs.StatFS
}

func (f folder) Name() string { return f.name }

// folders returns what to open: one set of inputs, or, for a data set with a
// single input, one a folder.
func (f sourceFlags) folders(d datasets.Dataset) ([]map[string]fs.FS, error) {
	in := map[string]fs.FS{}
	var several []map[string]fs.FS
	for _, arg := range f.In {
		names, dir := inputs(d, arg)
		if st, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("--in: %w", err)
		} else if !st.IsDir() {
			return nil, fmt.Errorf("--in: %s is not a folder", dir)
		}
		root := folder{os.DirFS(dir).(dirFS), filepath.Base(filepath.Clean(dir))}
		if len(d.Inputs) == 1 {
			several = append(several, map[string]fs.FS{d.Inputs[0].Name: root})
			continue
		}
		for _, n := range names {
			if in[n] != nil {
				return nil, cli.Usagef("--in gives %s of %s twice", n, d.Name)
			}
			in[n] = root
		}
	}
	if several != nil {
		return several, nil
	}
	for _, i := range d.Inputs {
		if in[i.Name] == nil {
			return nil, cli.Usagef("%s needs --in %s=DIR: %s", d.Name, i.Name, i.Help)
		}
	}
	return []map[string]fs.FS{in}, nil
}

// inputs splits NAME=DIR. Without a name that the data set knows the folder
// serves for every input.
func inputs(d datasets.Dataset, arg string) (names []string, dir string) {
	for _, i := range d.Inputs {
		if dir, ok := strings.CutPrefix(arg, i.Name+"="); ok {
			return []string{i.Name}, dir
		}
		names = append(names, i.Name)
	}
	return names, arg
}

// ingest reads a data set and writes its shards to out. It works on a copy of
// the flags: plan settles what they leave open.
func (c ingestCmd) ingest(a *app, d datasets.Dataset, from sourceFlags, out string) (*summary, error) {
	began := time.Now()
	src, err := from.open(a.ctx, d)
	if err != nil {
		return nil, err
	}
	plan, err := c.plan(a.ctx, d, src)
	if err != nil {
		return nil, err
	}
	meta, err := c.meta(d, from, plan)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(out)), 0o755); err != nil {
		return nil, err
	}
	w, err := shards.Create(out, meta, shards.Options{
		DType: c.DType, Compression: c.Compression, NoTensorTag: !c.TensorTag, Overwrite: c.Overwrite,
	})
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: give another --out, or --overwrite to replace it", err)
	} else if err != nil {
		return nil, err
	}
	defer w.Abort()
	bad, odd, err := c.fill(a, d, src, plan, w)
	if err != nil {
		return nil, err
	}
	odd.print(a.stderr, d.Name)
	if len(bad) > c.MaxBad {
		printBad(a.stderr, bad)
		return nil, &cli.Error{Code: cli.Skipped, Err: fmt.Errorf(
			"%d of %d subjects of %s are broken and --max-bad is %d, so no data set was written: mend them, or go on without them with --max-bad %d",
			len(bad), len(plan.subjects), d.Name, c.MaxBad, len(bad))}
	}
	for _, e := range bad {
		w.Quarantine(e)
	}
	m, err := w.Commit()
	if err != nil {
		return nil, err
	}
	done := newSummary(out, m, time.Since(began))
	if len(bad) > 0 {
		printBad(a.stderr, bad)
		return done, &cli.Error{Code: cli.Skipped, Err: fmt.Errorf("%s is whole but for %d broken subjects, which its manifest lists", out, len(bad))}
	}
	return done, nil
}

// plan is what is decided before any payload is read.
type plan struct {
	subjects []ingest.Subject
	splits   *split.Assignment
	hide     missing.Policy
	stages   func(ingest.Subject) []preprocess.Stage
	names    []string // definition ids, in the order of use
}

// list returns the subjects of a source, at least one.
func list(ctx context.Context, d datasets.Dataset, src ingest.Source) ([]ingest.Subject, error) {
	var subjects []ingest.Subject
	for s, err := range src.Subjects(ctx) {
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, s)
	}
	if len(subjects) == 0 {
		return nil, fmt.Errorf("no subject of %s was found: see lacuna datasets for the layouts", d.Name)
	}
	return subjects, nil
}

func (c *ingestCmd) plan(ctx context.Context, d datasets.Dataset, src ingest.Source) (*plan, error) {
	p := &plan{}
	var err error
	if p.subjects, err = list(ctx, d, src); err != nil {
		return nil, err
	}
	if c.Normalise == autoChoice {
		c.Normalise = "mckd"
	}
	c.settle(p.subjects)
	if p.splits, err = c.assign(p.subjects); err != nil {
		return nil, err
	}
	p.hide, err = missing.Parse(c.Missing, missing.Env{
		Modalities: d.Modalities, Subjects: p.subjects, Assignment: p.splits, Seed: c.Seed,
		Open: func(name string) (io.ReadCloser, error) { return os.Open(filepath.Clean(name)) },
	})
	if err != nil {
		return nil, cli.Usagef("--missing %s: %w", c.Missing, err)
	}
	train, eval, err := c.stages(d)
	if err != nil {
		return nil, err
	}
	p.stages = choose(train, eval, p.splits)
	for _, s := range slices.Concat(train, eval) {
		if !slices.Contains(p.names, s.Name()) {
			p.names = append(p.names, s.Name())
		}
	}
	return p, nil
}

// fill runs the pipeline into w and returns the broken subjects, and the
// warnings of the others.
func (c *ingestCmd) fill(a *app, d datasets.Dataset, src ingest.Source, p *plan, w *shards.Writer) ([]*ingest.SubjectError, *warnings, error) {
	var bad []*ingest.SubjectError
	var odd warnings
	bar := progress.New(a.stderr, "ingest "+d.Name, "subject", len(p.subjects), time.Now)
	defer bar.Done()
	pipe := preprocess.Pipeline{
		Stages: p.stages, Workers: workers(c.Workers), Seed: c.Seed,
		OnError: func(e *ingest.SubjectError) error { bad = append(bad, e); return nil },
		OnDone:  func(ingest.Subject) { bar.Add(1) },
	}
	for s, err := range pipe.Run(a.ctx, src, each(p.subjects)) {
		if err != nil {
			return nil, nil, err
		}
		odd.add(s)
		if len(bad) > c.MaxBad {
			continue // nothing will be committed: read on only to list every broken subject
		}
		sp, ok := p.splits.Of(s.Subject)
		if !ok {
			continue // the list of splits leaves this subject out
		}
		if sp == split.Train { // what val and test lose is the evaluation's business
			hide(s, p.hide)
		}
		if err := w.Append(sp, s); err != nil {
			return nil, nil, err
		}
	}
	return bad, &odd, nil
}

// hide removes the modalities that the policy takes from a sample.
func hide(s *ingest.Sample, policy missing.Policy) {
	keep := policy(s.Key, s.Present)
	for i := range s.Inputs {
		if !keep.Has(i) {
			s.Inputs[i] = ingest.Array{}
		}
	}
	s.Present &= keep
}

func (c *ingestCmd) meta(d datasets.Dataset, from sourceFlags, p *plan) (shards.Meta, error) {
	opts, err := from.options(d)
	if err != nil {
		return shards.Meta{}, err
	}
	config, err := json.Marshal(struct {
		Dataset string            `json:"dataset"`
		Options map[string]string `json:"options,omitempty"`
		Seed    uint64            `json:"seed"`
		recipe
	}{d.Name, opts, c.Seed, c.recipe})
	return shards.Meta{
		Dataset: d.Name, Task: string(d.Task), Modalities: d.Modalities, Classes: d.Classes,
		Shapes: c.shapes(d), TargetShape: c.targetShape(d), Config: config, Seed: c.Seed, Tool: "lacuna " + version.Version,
		Definitions: p.names, SplitPolicy: c.splitPolicy(), MaskPolicy: c.Missing,
	}, err
}

func workers(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

func each(subjects []ingest.Subject) iter.Seq2[ingest.Subject, error] {
	return func(yield func(ingest.Subject, error) bool) {
		for _, s := range subjects {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// assign gives the subjects their splits. A list that is given has the last
// word; it may leave subjects out.
func (c *ingestCmd) assign(subjects []ingest.Subject) (*split.Assignment, error) {
	if c.SplitFile != "" {
		f, err := os.Open(filepath.Clean(c.SplitFile))
		if err != nil {
			return nil, fmt.Errorf("--split-file: %w", err)
		}
		defer f.Close()
		a, err := split.ReadCSV(f, subjects)
		if err != nil {
			return nil, cli.Usagef("--split-file %s: %w", c.SplitFile, err)
		}
		return a, nil
	}
	w, err := c.weights()
	if err != nil {
		return nil, err
	}
	a, err := split.Assign(subjects, split.Plan{Policy: c.Split, Seed: c.Seed, Weights: w})
	if err != nil {
		return nil, cli.Usagef("--split %s: %w", c.Split, err)
	}
	return a, nil
}

// settle replaces the split policy auto: it is the published one where that
// places every subject and tests on subjects whose class is known, as the
// published pairs of Audiovision-MNIST do.
func (c *ingestCmd) settle(subjects []ingest.Subject) {
	if c.Split != autoChoice {
		return
	}
	c.Split = split.Stratified
	for _, s := range subjects {
		if s.Official == "" || s.Class < 0 {
			return
		}
	}
	c.Split = split.Paper
}

func (c *ingestCmd) splitPolicy() string {
	if c.SplitFile != "" {
		return "file"
	}
	return c.Split
}
