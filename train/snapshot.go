package train

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lacuna-ml/lacuna/train/checkpoint"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/optim"
)

// Prefixes of the names of a snapshot's tensors.
const (
	modelPrefix = "model/"
	optimPrefix = "optimiser/"
	metaPrefix  = "importance/"
)

// counters is what a snapshot keeps besides tensors and the step.
type counters struct {
	Optimiser int   `json:"optimiser_steps"`
	Meta      int   `json:"importance_steps"`
	Last      State `json:"last"`
}

// Snapshot returns all that a run needs to go on. The caller fills in what it
// knows of configuration and data. It errs where a parameter is no finite number,
// so that what was kept before is not lost to it.
func (t *Trainer) Snapshot() (*checkpoint.Checkpoint, error) {
	c := t.describe()
	if err := t.each(c, func(v []float32, x *engine.Tensor) error { return t.Engine.Read(v, x) }); err != nil {
		return nil, err
	}
	for i, s := range t.importances() {
		copy(c.Tensors[len(c.Tensors)-3+i].Data, s)
	}
	for _, x := range c.Tensors {
		if slices.ContainsFunc(x.Data, func(v float32) bool { return !finite(float64(v)) }) {
			return nil, fmt.Errorf("train: after step %d %s is not finite: training diverges, at learning rate %.3g", t.state.Step, x.Name, t.state.LR)
		}
	}
	per := t.perEpoch()
	c.State = checkpoint.State{
		Step: int64(t.state.Step), Epoch: t.state.Step / per,
		Feeds:      map[string]checkpoint.Position{"train": {Epoch: t.state.Step / per, Skip: int64(t.state.Step % per * t.Config.Batch)}},
		Seeds:      map[string]uint64{"run": t.Config.Seed},
		Modalities: t.Modalities.Names(),
	}
	var err error
	c.State.More, err = json.Marshal(counters{t.Optimiser.Steps(), t.learner.Steps, t.state})
	return c, err
}

// describe returns the tensors of a snapshot, without values.
func (t *Trainer) describe() *checkpoint.Checkpoint {
	c := &checkpoint.Checkpoint{}
	add := func(name string, shape []int) {
		n := 1
		for _, v := range shape {
			n *= v
		}
		c.Tensors = append(c.Tensors, checkpoint.Tensor{Name: name, Shape: shape, Data: make([]float32, n)})
	}
	for p := range t.Model.Params().All() {
		add(modelPrefix+p.Name, p.Shape)
	}
	for _, name := range stateNames(t.Optimiser) {
		add(optimPrefix+name, t.Optimiser.State()[name].Shape)
	}
	for _, name := range [...]string{"u", "adam.m", "adam.v"} {
		add(metaPrefix+name, []int{t.Modalities.Len()})
	}
	return c
}

func stateNames(o optim.Optimiser) []string {
	var names []string
	for name := range o.State() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// each calls f with the device's tensors of a snapshot and their values in it.
func (t *Trainer) each(c *checkpoint.Checkpoint, f func(v []float32, x *engine.Tensor) error) error {
	i := 0
	for p := range t.Model.Params().All() {
		if err := f(c.Tensors[i].Data, p.Value); err != nil {
			return err
		}
		i++
	}
	for _, name := range stateNames(t.Optimiser) {
		if err := f(c.Tensors[i].Data, t.Optimiser.State()[name]); err != nil {
			return err
		}
		i++
	}
	return nil
}

func (t *Trainer) importances() [3][]float32 {
	return [3][]float32{t.learner.U, t.learner.M, t.learner.V}
}

// Restore puts a run, after Start, to where a snapshot was taken. It errs, and
// changes nothing, where the snapshot is of another model or other modalities.
func (t *Trainer) Restore(c *checkpoint.Checkpoint) error {
	if !slices.Equal(c.State.Modalities, t.Modalities.Names()) {
		return fmt.Errorf("train: the checkpoint is of the modalities %v, the data set has %v", c.State.Modalities, t.Modalities.Names())
	}
	var n counters
	if err := json.Unmarshal(c.State.More, &n); err != nil {
		return fmt.Errorf("train: the checkpoint's counters: %w", err)
	}
	mine := t.describe()
	if err := checkpoint.Copy(mine.Tensors, c.Tensors); err != nil {
		return err
	}
	err := t.each(mine, func(v []float32, x *engine.Tensor) error { t.Engine.Write(x, v); return nil })
	if err != nil {
		return err
	}
	for i, s := range t.importances() {
		copy(s, mine.Tensors[len(mine.Tensors)-3+i].Data)
	}
	t.Optimiser.SetSteps(n.Optimiser)
	t.learner.Steps = n.Meta
	t.state = n.Last
	t.state.Step = int(c.State.Step)
	return t.Engine.Wait()
}

// LoadModel puts a checkpoint's parameters into a model, and leaves the rest of
// it.
func LoadModel(e engine.Engine, m nn.Model, c *checkpoint.Checkpoint) error {
	var want []checkpoint.Tensor
	for p := range m.Params().All() {
		want = append(want, checkpoint.Tensor{Name: modelPrefix + p.Name, Shape: p.Shape, Data: make([]float32, p.Shape.Len())})
	}
	if err := checkpoint.Copy(want, c.Under(modelPrefix)); err != nil {
		return err
	}
	i := 0
	for p := range m.Params().All() {
		e.Write(p.Value, want[i].Data)
		i++
	}
	return e.Wait()
}
