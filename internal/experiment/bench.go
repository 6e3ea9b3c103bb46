package experiment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/internal/progress"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/rundir"
	"github.com/lacuna-ml/lacuna/validate"
)

// Experiment is a number of arms, each trained from several seeds.
type Experiment struct {
	Name  string
	Title string
	// Protocol is the name of how its figures are made. The id under which they
	// stand is that of their [Origin].
	Protocol string
	Arms     []Arm
	// Notes are said in the report.
	Notes []string
}

// Arm is one way of training.
type Arm struct {
	Name   string // of its runs' folders: "audio10-mckd"
	Change func(*lab.Spec)
	Combos []string // what it is judged on
}

// Scores are what a run is judged by: a number for each measure, of each
// combination. Accuracy and Dice are in percent, NaN where nothing was judged.
type Scores map[string]map[string]validate.Number

// at returns one of the scores, NaN where it is not there.
func (s Scores) at(measure, combo string) float64 {
	v, ok := s[measure][combo]
	if !ok {
		return math.NaN()
	}
	return float64(v)
}

// Trial is one run of an experiment, and its result.
type Trial struct {
	Arm    string `json:"arm"`
	Seed   uint64 `json:"seed"`
	Spec   string `json:"spec"` // SHA-256 of the run's configuration
	Scores Scores `json:"scores"`
	// Reduced is set where cases lacked a part of a combination and were judged by
	// the rest.
	Reduced bool `json:"reduced,omitempty"`

	dir string // of the run
}

// Bench runs experiments.
type Bench struct {
	Registry *datasets.Registry
	Data     string // the shards
	Dir      string // holds a folder for each run, trials in it
	Preset   string
	Seeds    int
	Parallel int // runs at once, each on one core
	Open     func() (engine.Engine, error)
	Talk     io.Writer
	Now      func() time.Time
	Change   func(*lab.Spec) // of every arm, before its own; may be nil
	Watch    bool            // looks at held-out samples, for curves
	Command  string          // what began it, for the report
}

// runName is the folder of an arm's run from a seed.
func runName(arm string, seed uint64) string { return fmt.Sprintf("%s-seed%d", arm, seed) }

// trialName is the file that says a run is done and judged.
const trialName = "trial.json"

// job is a trial that is to be had.
type job struct {
	arm  Arm
	seed uint64
	spec lab.Spec
	dir  string
}

// jobs lists the trials of an experiment, all arms of one seed after another, so
// that an interrupted one has some seeds whole.
func (b Bench) jobs(ctx context.Context, x Experiment) ([]job, error) {
	d, err := lab.Open(b.Data, b.Registry, split.Train)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var jobs []job
	for seed := range b.Seeds {
		for _, arm := range x.Arms {
			s, err := lab.Preset(b.Preset, d.Set, d.Manifest)
			if err != nil {
				return nil, err
			}
			s.Train.Seed = uint64(seed) + 1
			if b.Change != nil {
				b.Change(&s)
			}
			arm.Change(&s)
			if err := s.Settle(ctx, d); err != nil {
				return nil, err
			}
			jobs = append(jobs, job{arm, s.Train.Seed, s, filepath.Join(b.Dir, runName(arm.Name, s.Train.Seed))})
		}
	}
	return jobs, nil
}

// Teller is an experiment that makes tables of its trials, and draws them. The
// labels are what people call its arms.
type Teller interface {
	Plan() Experiment
	Tell(trials []Trial) Outcome
	plots(trials []Trial) []plot
	armLabels() []string
}

// Plan returns the experiment itself.
func (x Experiment) Plan() Experiment { return x }

// All runs experiments as one, each in a folder of its name below dir.
func (b Bench) All(ctx context.Context, dir string, xs []Teller) ([]Outcome, error) {
	var jobs []job
	counts := make([]int, len(xs))
	what := ""
	for i, x := range xs {
		b.Dir = filepath.Join(dir, x.Plan().Name)
		j, err := b.jobs(ctx, x.Plan())
		if err != nil {
			return nil, err
		}
		counts[i] = len(j)
		jobs = append(jobs, j...)
		what += " " + x.Plan().Name
	}
	trials, err := b.once(ctx, what[1:], jobs)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(xs))
	for i, x := range xs {
		if outcomes[i], err = b.tell(x, trials[:counts[i]]); err != nil {
			return nil, err
		}
		trials = trials[counts[i]:]
	}
	return outcomes, nil
}

// once returns the trials of jobs. Those that are alike but for their names, like
// the upper bound of both halves of Table 2, have one run, that of the first.
func (b Bench) once(ctx context.Context, what string, jobs []job) ([]Trial, error) {
	var todo []job
	of := make([]int, len(jobs)) // the index of its run
	known := map[string]int{}
	for i, j := range jobs {
		key, err := json.Marshal([]any{j.spec, j.arm.Combos})
		if err != nil {
			return nil, err
		}
		k, ok := known[string(key)]
		if !ok {
			k = len(todo)
			known[string(key)] = k
			todo = append(todo, j)
		}
		of[i] = k
	}
	done, err := b.run(ctx, what, todo)
	if err != nil {
		return nil, err
	}
	trials := make([]Trial, len(jobs))
	for i, j := range jobs {
		trials[i] = done[of[i]]
		trials[i].Arm, trials[i].dir = j.arm.Name, todo[of[i]].dir
	}
	return trials, nil
}

// tell makes the tables of an experiment, and its charts, some of which are of the
// metrics of its runs.
func (b Bench) tell(x Teller, trials []Trial) (Outcome, error) {
	o := x.Tell(trials)
	o.plots = x.plots(trials)
	s, info, err := lab.SpecOf(trials[0].dir)
	if err != nil {
		return o, err
	}
	d, err := lab.Open(b.Data, b.Registry, split.Train)
	if err != nil {
		return o, err
	}
	defer d.Close()
	if o.Origin, err = newOrigin(x.Plan().Protocol, s, info, d, b.Seeds); err != nil {
		return o, err
	}
	c, err := newCourses(x, trials, d.Set.Modalities.Names())
	if err != nil {
		return o, err
	}
	o.courses = c.plots()
	return o, nil
}

// run trains and judges what has not been yet, and returns the trials of jobs.
func (b Bench) run(ctx context.Context, what string, jobs []job) ([]Trial, error) {
	trials := make([]Trial, len(jobs))
	var todo []int
	for i, j := range jobs {
		done, err := b.had(j, &trials[i])
		if err != nil {
			return nil, err
		}
		if !done {
			todo = append(todo, i)
		}
	}
	bar := progress.New(b.Talk, what, "run", len(jobs), b.Now)
	bar.From(len(jobs) - len(todo))
	defer bar.Done()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := 0
	for range max(b.Parallel, 1) {
		wg.Go(func() {
			for {
				mu.Lock()
				k := next
				next++
				mu.Unlock()
				if k >= len(todo) || ctx.Err() != nil {
					return
				}
				i := todo[k]
				t, err := b.trial(ctx, jobs[i])
				if err != nil {
					cancel(fmt.Errorf("%s, seed %d: %w", jobs[i].arm.Name, jobs[i].seed, err))
					return
				}
				mu.Lock()
				trials[i] = t
				bar.Add(1)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return trials, nil
}

// had reads the trial of a job that is done, and errs where the folder has a run
// of another configuration.
func (b Bench) had(j job, t *Trial) (done bool, err error) {
	s, _, err := lab.SpecOf(j.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	want, err := json.Marshal(j.spec)
	if err != nil {
		return false, err
	}
	if got, err := json.Marshal(s); err != nil || string(got) != string(want) {
		return false, fmt.Errorf("%s is a run of another configuration: give another --out", j.dir)
	}
	text, err := os.ReadFile(filepath.Join(j.dir, trialName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, t)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", filepath.Join(j.dir, trialName), err)
	}
	return true, nil
}

// trial trains one run, or goes on with it, and judges it.
func (b Bench) trial(ctx context.Context, j job) (Trial, error) {
	t := Trial{Arm: j.arm.Name, Seed: j.seed}
	e, err := b.Open()
	if err != nil {
		return t, err
	}
	defer e.Close()
	dir := j.dir
	run := &lab.Job{Registry: b.Registry, Data: b.Data, Dir: dir, Engine: e, Talk: io.Discard, Quiet: true, Now: b.Now, Every: time.Minute,
		Watch: b.Watch, Command: b.Command}
	if _, err = rundir.ReadInfo(dir); errors.Is(err, fs.ErrNotExist) {
		_, err = run.New(ctx, func(*lab.Data) (lab.Spec, error) { return j.spec, nil })
	} else if err == nil {
		_, err = run.Resume(ctx) // makes no step where all are done
	}
	if err != nil {
		return t, err
	}
	r, err := lab.Judge{Registry: b.Registry, Engine: e, Dir: dir, Split: split.Test, Combos: j.arm.Combos}.Run(ctx)
	if err != nil {
		return t, err
	}
	info, err := rundir.ReadInfo(dir)
	if err != nil {
		return t, err
	}
	if err := errors.Join(lab.WriteTables(filepath.Join(dir, split.Test.String()), r), lab.WriteReport(dir, b.Registry)); err != nil {
		return t, err
	}
	t.Spec, t.Scores = info.Config, scores(r)
	t.Reduced = slices.ContainsFunc(r.Combos, func(c validate.Combo) bool { return c.Reduced > 0 && c.Whole() > 0 })
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return t, err
	}
	return t, atomicfile.WriteFile(filepath.Join(dir, trialName), append(text, '\n'), 0o666)
}

// scores takes the figures of a report. A combination that no case has all of has
// none: what was judged there is a smaller one.
func scores(r *validate.Report) Scores {
	out := Scores{}
	put := func(measure string, c validate.Combo, v validate.Number) {
		if out[measure] == nil {
			out[measure] = map[string]validate.Number{}
		}
		if c.Reduced > 0 && c.Whole() == 0 {
			v = validate.Number(math.NaN())
		}
		out[measure][c.Name] = 100 * v
	}
	for _, c := range r.Combos {
		if c.Classification != nil {
			put("accuracy", c, c.Classification.Accuracy)
		}
		for _, g := range c.Regions {
			put("Dice "+g.Name, c, g.Dice.Mean)
		}
	}
	return out
}

// Of returns the scores of an arm by seed.
func Of(trials []Trial, arm, measure, combo string) []float64 {
	var v []float64
	for _, t := range trials {
		if t.Arm == arm {
			v = append(v, t.Scores.at(measure, combo))
		}
	}
	return v
}

// Measures returns the names of what trials are judged by, sorted.
func Measures(trials []Trial) []string {
	var names []string
	for _, t := range trials {
		for m := range t.Scores {
			if !slices.Contains(names, m) {
				names = append(names, m)
			}
		}
	}
	slices.Sort(names)
	return names
}
