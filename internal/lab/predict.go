package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/checkpoint"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/rundir"
	"github.com/lacuna-ml/lacuna/validate"
)

// predictor is a trained model as a validate.Predictor.
type predictor struct {
	engine engine.Engine
	model  nn.Model
}

func (p predictor) Predict(_ context.Context, batch []*ingest.Sample, _ modality.Mask) ([]ingest.Array, error) {
	t := &autograd.Tape{Engine: p.engine, Frozen: true}
	defer t.Reset()
	inputs, present := make([][]ingest.Array, len(batch)), make([]modality.Mask, len(batch))
	for i, s := range batch {
		inputs[i], present[i] = s.Inputs, s.Present
	}
	b, err := nn.NewBatch(t, inputs, present)
	if err != nil {
		return nil, err
	}
	logits := nn.Predict(t, p.model, b)
	if t.Err() != nil {
		return nil, t.Err()
	}
	shape := logits.Shape()
	values := make([]float32, shape.Len())
	if err := p.engine.Read(values, logits.Value); err != nil {
		return nil, err
	}
	out := make([]ingest.Array, len(batch))
	n := len(values) / len(batch)
	for i := range out {
		out[i] = ingest.Array{Shape: shape[1:], Data: values[i*n:][:n]}
		if len(shape) == 2 {
			validate.Softmax(out[i].Data)
		} else {
			validate.Sigmoid(out[i].Data)
		}
	}
	return out, nil
}

// Judge evaluates a run's last checkpoint.
type Judge struct {
	Registry *datasets.Registry
	Engine   engine.Engine
	Dir      string // the run
	// Data are the shards; "" is where the run had them. Others than it was trained
	// on are taken where the network fits them, which the report says.
	Data  string
	Split split.Split
	// Combos are combinations of modalities ("flair+t2"); none is all.
	Combos []string
	Post   validate.Post
	// OnLabels and OnDone are as in validate.Evaluator, but that label maps are of
	// the widest combination alone; numbers are what the case's own files have for the
	// classes, nil where that is not known.
	OnLabels func(m *validate.LabelMap, numbers []uint8) error
	OnDone   func(ingest.Key)
	// Examples is where pictures of some samples go, in a folder of their own; ""
	// makes none.
	Examples string
	// OnOpen is told how many subjects there will be, once all is found to be there;
	// an error ends the run before any is looked at.
	OnOpen func(subjects int) error
}

// Elsewhere reports whether data are another data set than the run in dir was
// trained on.
func Elsewhere(dir, data string, registry *datasets.Registry, sp split.Split) (bool, error) {
	s, _, err := SpecOf(dir)
	if err != nil {
		return false, err
	}
	d, err := Open(data, registry, sp)
	if err != nil {
		return false, err
	}
	defer d.Close()
	return d.Manifest.ID != s.Manifest, nil
}

// Run returns the report.
func (j Judge) Run(ctx context.Context) (*validate.Report, error) {
	s, info, err := SpecOf(j.Dir)
	if err != nil {
		return nil, err
	}
	given := j.Data != ""
	if !given {
		j.Data = info.Notes[noteData]
	}
	d, err := Open(j.Data, j.Registry, j.Split)
	if err != nil {
		return nil, gone(err, j.Data, "lacuna validate "+quote(j.Dir)+" --data DATA")
	}
	defer d.Close()
	var warnings []string
	switch other := d.Manifest.ID != s.Manifest; {
	case other && !given:
		return nil, fmt.Errorf("%s is not the data set that %s was trained on: its manifest's id is %.12s, that one's %.12s", j.Data, j.Dir, d.Manifest.ID, s.Manifest)
	case other:
		warning, err := j.other(d, s, info)
		if err != nil {
			return nil, &SpecError{fmt.Errorf("%s cannot be judged on %s: %w", j.Dir, j.Data, err)}
		}
		warnings = append(warnings, warning)
	}
	m, err := s.model(j.Engine, d.Set)
	if err != nil {
		return nil, err
	}
	defer m.Params().Free()
	c, origin, err := checkpoint.Load(j.Dir)
	again := "lacuna train --resume --run " + quote(j.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s has no checkpoint yet: %s goes on with it", j.Dir, again)
	case err != nil:
		return nil, fmt.Errorf("%s has no whole checkpoint: %w; what made it, with another --run, begins anew: %s", j.Dir, err, info.Notes[noteCommand])
	case origin.Skipped != nil:
		return nil, fmt.Errorf("the last checkpoint is damaged (%w): %s makes it again", origin.Skipped, again)
	case int(c.State.Step) != s.Train.Steps:
		return nil, fmt.Errorf("%s has made %d of %d steps: %s goes on", j.Dir, c.State.Step, s.Train.Steps, again)
	}
	if err := train.LoadModel(j.Engine, m, c); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(j.Dir, checkpoint.Last), err)
	}
	r, err := s.judge(ctx, j, d, m)
	if err == nil {
		r.Warnings = append(append(warnings, s.unseen(d, r)...), r.Warnings...)
	}
	return r, err
}

// other errs where a data set that the run was not trained on does not fit it, and
// returns what a reader of the report must know.
func (j Judge) other(d *Data, s Spec, info rundir.Info) (string, error) {
	was, err := j.Registry.Lookup(s.Dataset)
	if err != nil {
		return "", err
	}
	sameRegion := func(a, b datasets.Region) bool { return a.Name == b.Name && slices.Equal(a.Classes, b.Classes) }
	known, told := info.Notes[noteDefinitions]
	now := definitions(d.Manifest)
	switch {
	case !was.Modalities.Equal(d.Set.Modalities) || !slices.Equal(was.Kinds, d.Set.Kinds):
		return "", fmt.Errorf("it has the modalities %v, the run is of %v", d.Set.Modalities.Names(), was.Modalities.Names())
	case was.Task != d.Set.Task || !slices.Equal(was.Classes, d.Set.Classes) || !slices.EqualFunc(was.Regions, d.Set.Regions, sameRegion):
		return "", fmt.Errorf("its task is a %s of %v, the run's a %s of %v", d.Set.Task, d.Set.Classes, was.Task, was.Classes)
	case told && known != now:
		return "", fmt.Errorf("it was prepared by %q, what the run was trained on by %q: ingest it again in that way", now, known)
	}
	warning := fmt.Sprintf("these are predictions for %s of %s (%s, manifest %.12s), which is not the data set that the run was trained on", j.Split, j.Data, d.Set.Name, d.Manifest.ID)
	if !told {
		warning += "; whether both were prepared alike is not known"
	}
	return warning, nil
}

// definitions are the steps by which arrays were prepared, besides how patches
// were laid out.
func definitions(m *shards.Manifest) string {
	steps := slices.DeleteFunc(slices.Clone(m.Definitions), func(d string) bool { return strings.HasPrefix(d, "patch-") })
	return strings.Join(steps, " ")
}

// unseen warns of what the report's combinations have that the run never saw.
func (s Spec) unseen(d *Data, r *validate.Report) []string {
	used, err := d.mask(s.Only)
	if err != nil { // which training would have refused
		return nil
	}
	var list []string
	for _, c := range r.Combos {
		if more := c.Mask &^ used; more != 0 {
			list = append(list, fmt.Sprintf("the run was trained without %s: what is predicted from %s is no better for it", d.Set.Modalities.Format(more), c.Name))
		}
	}
	return list
}

// judge evaluates a model on the opened split.
func (s Spec) judge(ctx context.Context, j Judge, d *Data, m nn.Model) (*validate.Report, error) {
	e, err := s.evaluator(j, d)
	if err != nil {
		return nil, err
	}
	scale, err := s.scale()
	if err != nil {
		return nil, err
	}
	subjects := int(d.Reader.Rows(j.Split))
	if subjects == 0 {
		return nil, errors.New("there is nothing in " + j.Split.String())
	}
	if len(e.Regions) > 0 {
		subjects = d.Manifest.Split(j.Split).Subjects
	}
	if j.OnOpen != nil {
		if err := j.OnOpen(subjects); err != nil {
			return nil, err
		}
	}
	samples := stream{data: d, split: j.Split, only: d.Set.Modalities.Full(), stages: scale}.samples(ctx, 0, 0)
	if len(e.Regions) == 0 {
		r, err := e.Run(ctx, predictor{j.Engine, m}, samples)
		if err != nil || j.Examples == "" {
			return r, err
		}
		g, err := classExamples(ctx, d, shards.Query{Split: j.Split}, r)
		return r, j.show(g, err)
	}
	p := planes{data: d, cases: map[ingest.Key]*plane{}, numbers: map[ingest.Key][]uint8{}}
	if j.Examples != "" {
		p.chosen = []int{0, subjects / 2, subjects - 1}
	}
	if j.Examples != "" || j.OnLabels != nil {
		e.OnLabels = func(m *validate.LabelMap) error {
			p.take(m)
			if j.OnLabels == nil || m.Combo != widest(e.Combos) {
				return nil
			}
			return j.OnLabels(m, p.numbers[m.Key])
		}
	}
	r, err := e.Run(ctx, predictor{j.Engine, m}, p.watch(samples))
	if err != nil || j.Examples == "" {
		return r, err
	}
	g, err := p.gallery(r)
	return r, j.show(g, err)
}

// show writes examples, once they are whole.
func (j Judge) show(g gallery, err error) error {
	if err == nil {
		err = os.MkdirAll(j.Examples, 0o777)
	}
	if err == nil {
		err = g.write(j.Examples)
	}
	return err
}

// evaluator returns what judges a model of the spec.
func (s Spec) evaluator(j Judge, d *Data) (*validate.Evaluator, error) {
	e := &validate.Evaluator{Modalities: d.Set.Modalities, Classes: d.Set.Classes, Post: j.Post, OnDone: j.OnDone, Batch: 64}
	for _, r := range d.Set.Regions {
		e.Regions = append(e.Regions, validate.Region{Name: r.Name, Classes: r.Classes})
	}
	if len(e.Regions) > 0 {
		e.Batch = 2
	}
	used, err := d.mask(s.Only)
	if err != nil {
		return nil, err
	}
	if len(e.Regions) == 0 && (j.OnLabels != nil || j.Post != validate.Post{}) {
		return nil, &SpecError{fmt.Errorf("%s has no label maps: its task is a %s", d.Set.Name, d.Set.Task)}
	}
	for _, name := range j.Combos {
		c, err := d.Set.Modalities.Parse(name)
		if err != nil {
			return nil, &SpecError{err}
		}
		e.Combos = append(e.Combos, c)
	}
	places := slices.Collect(d.Set.Modalities.Combos())
	slices.SortFunc(e.Combos, func(a, b modality.Mask) int { return slices.Index(places, a) - slices.Index(places, b) })
	if e.Combos == nil {
		for c := range d.Set.Modalities.Combos() {
			if c&^used == 0 {
				e.Combos = append(e.Combos, c)
			}
		}
	}
	return e, nil
}
