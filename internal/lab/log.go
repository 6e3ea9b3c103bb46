package lab

import (
	"context"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lacuna-ml/lacuna/train"
	"github.com/lacuna-ml/lacuna/train/meta"
	"github.com/lacuna-ml/lacuna/train/rundir"
	"github.com/lacuna-ml/lacuna/train/tbevents"
)

// The names of metrics that are in no chart.
const (
	metricEpoch = "epoch"         // from 0
	metricUses  = "held_out_uses" // of held-out samples by meta-learning, so far
)

// log writes the metrics of a run.
type log struct {
	run    *rundir.Run
	t      *train.Trainer
	events *tbevents.Writer // nil without
	file   *os.File         // of events
	now    func() time.Time
	told   int // State.HeldOut when the ratios were last written; negative: never
}

// log returns the writer of metrics, and of event files where they are asked
// for: one a start, in the folder tensorboard.
func (j *Job) log(r *rundir.Run, t *train.Trainer) (*log, error) {
	l := &log{run: r, t: t, told: -1}
	if s := t.State(); s.Step > 0 {
		l.told = s.HeldOut
	}
	if !j.Events {
		return l, nil
	}
	dir := r.Path("tensorboard")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, tbevents.FileName(len(r.Info().Starts)-1)))
	if err != nil {
		return nil, err
	}
	w, err := tbevents.NewWriter(f, j.Now())
	if err == nil && t.State().Step > 0 {
		err = w.Restart(j.Now(), int64(t.State().Step)+1)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	l.events, l.file, l.now = w, f, j.Now
	return l, nil
}

func (l *log) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func (l *log) write(step int, values map[string]float64) error {
	if err := l.run.Log(int64(step), values); err != nil || l.events == nil {
		return err
	}
	for _, tag := range slices.Sorted(maps.Keys(values)) {
		if err := l.events.Scalar(l.now(), int64(step), tag, float32(values[tag])); err != nil {
			return err
		}
	}
	return nil
}

func (l *log) step(s train.State) error {
	v := map[string]float64{metricEpoch: float64(s.Epoch), MetricTask: s.Loss, metricLR: s.LR}
	if l.t.Config.Distill.Alpha > 0 {
		v[metricDistil] = s.Distil
		l.ratios(v, s)
	}
	if l.t.Config.Meta.Kind != meta.Off {
		v[metricMeta], v[metricUses] = s.MetaLoss, float64(s.HeldOut)
		for i, w := range s.Weights {
			v[MetricImportance+l.t.Modalities.Name(i)] = w
			v[MetricRaw+l.t.Modalities.Name(i)] = float64(s.U[i])
		}
	}
	if s.Busy > 0 {
		v[metricRate] = float64(s.Samples) / s.Busy.Seconds()
		v[metricWait] = s.Wait.Seconds() / s.Busy.Seconds()
	}
	return l.write(s.Step, v)
}

// ratios adds those of the weights, which nothing bounds, after each phase that
// may have changed them.
func (l *log) ratios(v map[string]float64, s train.State) {
	if s.HeldOut == l.told {
		return
	}
	l.told = s.HeldOut
	for i := range s.Weights {
		for j := range s.Weights {
			if i != j {
				v[metricRatio+l.t.Modalities.Name(i)+"/"+l.t.Modalities.Name(j)] = l.t.Config.Distill.Ratio(s.Weights, i, j)
			}
		}
	}
}

// watch logs what the held-out samples tell, for curves: their loss, and how well
// the features of modality m would be stood in for.
func (l *log) watch(ctx context.Context, s train.State, m int) error {
	loss, err := l.t.HeldOut(ctx)
	if err != nil {
		return err
	}
	v := map[string]float64{MetricHeldOut: loss}
	if name := l.t.Modalities.Name(m); l.t.Modalities.Len() > 1 {
		l1, cosine, err := l.t.Generated(ctx, m)
		if err != nil {
			return err
		}
		if !math.IsNaN(l1) { // of samples that have all
			v[MetricL1+name], v[MetricCosine+name] = l1, cosine
		}
	}
	return l.write(s.Step, v)
}
