package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/experiment"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
)

type demoCmd struct {
	Out     string `default:"demo" placeholder:"DIR" help:"Folder of all that it makes (${default}). What an earlier demo made there is replaced; anything else is left alone, and a folder of something else is refused."`
	Takes   int    `default:"12" placeholder:"N" help:"Clips of each digit and speaker to make (${default}): 30 N pairs."`
	Epochs  int    `default:"40" placeholder:"N" help:"Passes over the training pairs (${default})."`
	Seeds   int    `default:"3" placeholder:"N" help:"Seeds of each way of training (${default})."`
	Workers int    `placeholder:"N" help:"Runs at once, each on one core; 0 for one a core. Results do not depend on it."`
}

func (demoCmd) Help() string {
	return `Examples:

    lacuna demo
        synthetic digits from files to a report, in some ten seconds
    lacuna demo --seeds 10 --out /tmp/demo
        the same with smaller errors

It makes written and spoken digits as files, ingests them into shards, trains
networks on whole pairs and on pairs whose sound is mostly missing, judges them
with each part missing, and writes report.html. The same command prints the same.

` + cli.ExitStatus
}

// demoMark is the file that says a folder is a demo's, and demoMade all that a
// demo makes there.
const demoMark = "README.txt"

var demoMade = []string{"files", "avdigits", "digits", "digits.csv", "plots", "report.md", lab.ReportName, demoMark}

const demoReadme = `Made by lacuna demo, which replaces it when it is run again.

report.html   what came out: open it in a browser
report.md     the same as text; digits.csv and plots/ for other programs
files/        synthetic digits: images as MNIST has them, sounds as FSDD has them
avdigits/     shards of them: lacuna shards info avdigits
digits/       the runs, a folder each: configuration, metrics, checkpoint, report
`

func (c *demoCmd) Run(a *app) error {
	if c.Takes < 1 || c.Epochs < 1 || c.Seeds < 1 {
		return cli.Usagef("--takes, --epochs and --seeds must be at least 1")
	}
	if c.Workers < 0 {
		return cli.Usagef("--workers %d: want a number of runs, or 0 for one a core", c.Workers)
	}
	if err := c.clear(); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "Lacuna demo: %d synthetic pairs of a written and a spoken digit; some lose their sound.\n\n", 30*c.Takes)
	data := filepath.Join(c.Out, "avdigits")
	args := []string{"ingest", "phantom", "--out", c.Out, "--kinds", "avdigits", "--takes", strconv.Itoa(c.Takes), "--mfcc", "dense20"}
	if code := run(a.ctx, args, io.Discard, a.stderr); code != cli.Good {
		return &cli.Error{Code: code, Err: fmt.Errorf("lacuna %s failed", lab.CommandLine(args))}
	}
	b := experiment.Bench{
		Registry: a.registry, Data: data, Seeds: c.Seeds, Parallel: workers(c.Workers), Talk: a.stderr, Now: time.Now,
		Open:   func() (engine.Engine, error) { return cpu.New(cpu.Options{Workers: 1}), nil },
		Change: func(s *lab.Spec) { s.Epochs = c.Epochs },
		Watch:  true, Command: "lacuna " + lab.CommandLine(a.args),
	}
	outcomes, err := b.All(a.ctx, c.Out, []experiment.Teller{experiment.NewDemo()})
	if err != nil && a.ctx.Err() != nil {
		return &cli.Error{Code: cli.Failed, Err: errors.New("stopped; the same command begins anew")}
	}
	if err != nil {
		return err
	}
	if err := c.show(a, outcomes[0]); err != nil {
		return err
	}
	if _, err := b.Write(c.Out, outcomes); err != nil {
		return err
	}
	return b.Demonstrate(c.Out, outcomes[0], a.stdout)
}

// show makes examples of one run, and its report with them.
func (c *demoCmd) show(a *app, o experiment.Outcome) error {
	e := cpu.New(cpu.Options{Workers: workers(c.Workers)})
	defer e.Close()
	dir := filepath.Join(c.Out, o.Experiment.Name, experiment.DemoShown+"-seed1")
	j := lab.Judge{Registry: a.registry, Engine: e, Dir: dir, Split: split.Test, Examples: filepath.Join(dir, split.Test.String())}
	if _, err := j.Run(a.ctx); err != nil {
		return err
	}
	return lab.WriteReport(dir, a.registry)
}

// clear makes the folder, and removes what an earlier demo left in it.
func (c *demoCmd) clear() error {
	list, err := os.ReadDir(c.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	mark := filepath.Join(c.Out, demoMark)
	if len(list) > 0 {
		text, err := os.ReadFile(mark)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.HasPrefix(string(text), demoReadme[:20]) {
			return fmt.Errorf("%s is not empty, and not of a demo: give another --out", c.Out)
		}
		if err != nil {
			return err
		}
		for _, name := range demoMade { // the mark last
			if err := os.RemoveAll(filepath.Join(c.Out, name)); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return err
	}
	return atomicfile.WriteFile(mark, []byte(demoReadme), 0o666)
}
