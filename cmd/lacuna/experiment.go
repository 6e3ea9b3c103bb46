package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
)

type experimentCmd struct {
	Name     string `arg:"" enum:"table1,table2a,table2b,table2,table3,alpha,iwv" help:"table1 (every combination of modalities), table2a, table2b or both as table2 (digits), table3, alpha or iwv (any data set)."`
	Data     string `arg:"" help:"Data set of shards."`
	Preset   string `placeholder:"NAME" help:"What the arms start from: paper or best for digits, small or paper for volumes."`
	Seeds    int    `default:"10" help:"Seeds of every arm, from 1 on."`
	Epochs   int    `placeholder:"N" help:"Passes over the training samples, other than the preset's."`
	Steps    int    `placeholder:"N" help:"Steps, instead of epochs."`
	Parallel int    `placeholder:"N" help:"Runs at once, each on one core; 0 for one a core."`
	Watch    bool   `default:"true" negatable:"" help:"Look at held-out samples once a meta phase, for the curves of their loss and of features that stand in for missing ones."`
	Out      string `placeholder:"DIR" help:"Folder of all runs and of the tables (default: runs/, and the experiment's name)."`
}

func (experimentCmd) Help() string {
	return `Examples:

    lacuna experiment table2 data/av --seeds 10
        all of Table 2: 20 arms, 10 seeds, on all cores, beside the published figures
    lacuna experiment alpha data/phantom/brats --seeds 3 --steps 500
        how much to distil, by Dice over all combinations of modalities

Interrupt it when you like: the same command goes on where it was. Every run
stays in a folder of its own, with its checkpoint and a report, to be looked at.
Tables and charts of all of them are in report.html.

` + cli.ExitStatus
}

func (c *experimentCmd) Run(a *app) error {
	if c.Out == "" {
		c.Out = filepath.Join("runs", c.Name)
	}
	b := lab.Bench{
		Registry: a.registry, Data: c.Data, Preset: c.Preset, Seeds: c.Seeds, Parallel: workers(c.Parallel), Talk: a.stderr, Now: time.Now,
		Open: func() (engine.Engine, error) { return cpu.New(cpu.Options{Workers: 1}), nil },
		Change: func(s *lab.Spec) {
			set(&s.Epochs, c.Epochs, c.Epochs > 0)
			if c.Steps > 0 {
				s.Epochs, s.Train.Steps = 0, c.Steps
			}
		},
		Watch: c.Watch, Command: "lacuna " + lab.CommandLine(a.args),
	}
	var experiments []lab.Teller
	switch c.Name {
	case "table1":
		d, err := lab.Open(c.Data, a.registry, split.Train)
		if err != nil {
			return err
		}
		set := d.Set.Modalities
		if err := d.Close(); err != nil {
			return err
		}
		experiments = []lab.Teller{lab.NewTable1(set)}
	case "table2":
		experiments = []lab.Teller{lab.Table2a(), lab.Table2b()}
	case "table2a":
		experiments = []lab.Teller{lab.Table2a()}
	case "table2b":
		experiments = []lab.Teller{lab.Table2b()}
	case "table3":
		experiments = []lab.Teller{lab.Activations()}
	case "alpha":
		experiments = []lab.Teller{lab.Alphas()}
	case "iwv":
		experiments = []lab.Teller{lab.Importances()}
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
	if _, err := a.stdout.Write(md); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "for people: %s\n", filepath.Join(c.Out, lab.ReportName))
	return nil
}
