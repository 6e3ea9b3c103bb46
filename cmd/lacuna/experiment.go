package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/experiment"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train/engine"
)

type experimentCmd struct {
	Name     string `arg:"" enum:"table1,table2a,table2b,table2,table3,alpha,iwv" help:"table1 (every combination of modalities), table2a, table2b or both as table2 (digits), table3, alpha or iwv (any data set)."`
	Data     string `arg:"" help:"Data set of shards."`
	Preset   string `placeholder:"NAME" help:"What the arms start from: paper or best for digits, small or paper for volumes."`
	Seeds    int    `default:"10" placeholder:"N" help:"Seeds of every arm, from 1 on (${default})."`
	Epochs   *int   `placeholder:"N" xor:"length" help:"Passes over the training samples, other than the preset's."`
	Steps    *int   `placeholder:"N" xor:"length" help:"Steps, instead of epochs."`
	Device   string `default:"cpu" help:"As of lacuna train. On an OpenCL device one run trains at a time."`
	Half     bool   `help:"Keep activations in half precision on an OpenCL device."`
	Parallel int    `placeholder:"N" help:"Runs at once on the CPU, each on one core; 0 for one a core."`
	Watch    bool   `default:"true" negatable:"" help:"Look at held-out samples once a meta phase, or when it would be, for the curves of their loss and of features that stand in for missing ones."`
	Out      string `placeholder:"DIR" help:"Folder of all runs and of the tables (default: runs/, and the experiment's name)."`
	JSON     bool   `name:"json" help:"Print figures, notes and scores as JSON."`
}

func (experimentCmd) Help() string {
	return `Examples:

    lacuna experiment table2 data/av --seeds 10
        all of Table 2: 19 ways of training, 10 seeds, on all cores, beside the
        published figures
    lacuna experiment alpha data/phantom/brats --seeds 3 --steps 500
        how much to distil, by Dice over all combinations of modalities

Interrupt it when you like: the same command goes on where it was. Every run
stays in a folder of its own, with its checkpoint and a report, to be looked at.
Tables and charts of all of them are in report.html, the same as text in report.md,
every score in NAME.csv, and means, deviations, paired differences with p-values
and published figures in NAME-summary.csv, a row each.

` + cli.ExitStatus
}

// check tells what makes no sense before anything is read.
func (c *experimentCmd) check() error {
	switch {
	case c.Seeds < 1:
		return cli.Usagef("--seeds %d: want at least 1", c.Seeds)
	case c.Epochs != nil && *c.Epochs < 1:
		return cli.Usagef("--epochs %d: want at least 1", *c.Epochs)
	case c.Steps != nil && *c.Steps < 1:
		return cli.Usagef("--steps %d: want at least 1", *c.Steps)
	case c.Parallel < 0:
		return cli.Usagef("--parallel %d: want at least 1, or 0 for one a core", c.Parallel)
	}
	return nil
}

// experiments returns those of the name, for the data.
func (c *experimentCmd) experiments(a *app) ([]experiment.Teller, error) {
	d, err := lab.Open(c.Data, a.registry, split.Train)
	if err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	if presets := lab.Presets(d.Set.Task); c.Preset != "" && !slices.Contains(presets, c.Preset) {
		return nil, cli.Usagef("--preset %s: for %s there are %s", c.Preset, d.Set.Name, strings.Join(presets, ", "))
	}
	experiments, err := experiment.Named(c.Name, d.Set)
	if err != nil {
		return nil, cli.Usagef("%w", err)
	}
	return experiments, nil
}

func (c *experimentCmd) Run(a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	experiments, err := c.experiments(a)
	if err != nil {
		return err
	}
	device := deviceFlags{Device: c.Device, Half: c.Half, Workers: 1}
	e, err := device.open(a.stderr) // only to see that there is one
	if err != nil {
		return err
	}
	e.Close()
	if c.Out == "" {
		c.Out = filepath.Join("runs", c.Name)
	}
	parallel := workers(c.Parallel)
	if c.Device != "cpu" {
		parallel = 1
	}
	b := experiment.Bench{
		Registry: a.registry, Data: c.Data, Preset: c.Preset, Seeds: c.Seeds, Parallel: parallel, Talk: a.stderr, Now: time.Now,
		Open: func() (engine.Engine, error) { return device.open(a.stderr) },
		Change: func(s *lab.Spec) {
			if c.Epochs != nil {
				s.Epochs = *c.Epochs
			}
			if c.Steps != nil {
				s.Epochs, s.Train.Steps = 0, *c.Steps
			}
		},
		Watch: c.Watch, Command: "lacuna " + lab.CommandLine(a.args),
	}
	outcomes, err := b.All(a.ctx, c.Out, experiments)
	if err != nil && a.ctx.Err() != nil {
		return &cli.Error{Code: cli.Failed, Err: errors.New("stopped; what is done is kept: the same command goes on")}
	}
	if err != nil {
		return err
	}
	md, err := b.Write(c.Out, outcomes)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.stdout, outcomes)
	}
	if _, err := a.stdout.Write(md); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "for people: %s\n", filepath.Join(c.Out, lab.ReportName))
	return nil
}
