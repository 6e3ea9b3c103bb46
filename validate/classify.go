package validate

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/validate/metrics"
)

// classification is a run over samples that are a class each.
type classification struct {
	*Evaluator
	p         Predictor
	report    *Report
	confusion []*metrics.Confusion // by combination
	batch     []*ingest.Sample
	first     []int // of each sample of the batch, its first place in report.Items
}

func (e *Evaluator) classify(ctx context.Context, p Predictor, samples iter.Seq2[*ingest.Sample, error]) (*Report, error) {
	r := &classification{Evaluator: e, p: p, report: &Report{
		Protocol: e.protocol(nil), Modalities: e.Modalities.Names(), Classes: e.Classes, Combos: e.combos(),
	}}
	for range e.Combos {
		r.confusion = append(r.confusion, metrics.NewConfusion(len(e.Classes)))
	}
	for s, err := range samples {
		if err == nil {
			err = r.add(s)
		}
		if err == nil && len(r.batch) == e.Batch {
			err = r.flush(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := r.flush(ctx); err != nil {
		return nil, err
	}
	r.finish()
	return r.report, nil
}

// add takes a sample into the batch, and its places into the report.
func (r *classification) add(s *ingest.Sample) error {
	if err := s.Check(r.Modalities); err != nil {
		return fmt.Errorf("validate: %w", err)
	}
	class := ""
	if s.Target.Known() {
		if len(s.Target.Data) != 1 || int(s.Target.Data[0]) >= len(r.Classes) {
			return fmt.Errorf("validate: the target of %s is %d values, the first of them %d: want one of %d classes", s.Key, len(s.Target.Data), s.Target.Data[0], len(r.Classes))
		}
		class = r.Classes[s.Target.Data[0]]
	} else {
		r.report.Unlabelled++
	}
	r.report.Subjects++
	r.batch = append(r.batch, s)
	r.first = append(r.first, len(r.report.Items))
	for i := range r.report.Combos {
		c := &r.report.Combos[i]
		if seen := c.narrow(s.Present, class != ""); seen != 0 {
			r.report.Items = append(r.report.Items, Item{Key: s.Key.String(), Combo: c.Name, Seen: r.Modalities.Format(seen), Class: class})
		}
	}
	return nil
}

// flush predicts the batch under all combinations.
func (r *classification) flush(ctx context.Context) error {
	for i, combo := range r.Combos {
		var seen []*ingest.Sample
		var of []int // the places in the batch
		for k, s := range r.batch {
			if m := combo & s.Present; m != 0 {
				seen = append(seen, view(s, m))
				of = append(of, k)
			}
		}
		if len(seen) == 0 {
			continue
		}
		if err := r.predict(ctx, i, combo, seen, of); err != nil {
			return err
		}
	}
	for _, s := range r.batch {
		if r.OnDone != nil {
			r.OnDone(s.Key)
		}
	}
	r.batch, r.first = r.batch[:0], r.first[:0]
	return nil
}

// predict predicts what is seen of the samples at the places of under combination
// number i.
func (r *classification) predict(ctx context.Context, i int, combo modality.Mask, seen []*ingest.Sample, of []int) error {
	shape := []int{len(r.Classes)}
	out, err := predict(ctx, r.p, seen, combo, func(*ingest.Sample) []int { return shape })
	if err != nil {
		return err
	}
	for k, a := range out {
		sum, best := 0.0, 0
		for c, v := range a.Data {
			sum += float64(v)
			if v > a.Data[best] {
				best = c
			}
		}
		// A thousand float32 roundings; what is further off was no softmax.
		if math.Abs(sum-1) > 1e-3 {
			return fmt.Errorf("validate: the prediction for %s sums to %g over the classes, and not to 1", seen[k].Key, sum)
		}
		s := r.batch[of[k]]
		at := r.first[of[k]]
		for _, before := range r.Combos[:i] {
			if before&s.Present != 0 {
				at++
			}
		}
		r.report.Items[at].Predicted = r.Classes[best]
		r.report.Items[at].Probability = Number(a.Data[best])
		if s.Target.Known() {
			r.confusion[i].Add(int(s.Target.Data[0]), best)
		}
	}
	return nil
}

// finish makes the scores.
func (r *classification) finish() {
	for i, c := range r.confusion {
		right, n := c.Correct()
		lo, hi := metrics.Wilson(right, n, metrics.Z95)
		out := &Classification{
			N: n, Right: right, Accuracy: Number(float64(right) / float64(n)), Lo: Number(lo), Hi: Number(hi),
			MacroF1: Number(c.MacroF1()), Confusion: c.Rows(),
		}
		for k, name := range r.Classes {
			s := c.Class(k)
			out.Classes = append(out.Classes, ClassScore{name, s.Support, s.Predicted, Number(s.Precision), Number(s.Recall), Number(s.F1)})
		}
		r.report.Combos[i].Classification = out
	}
	r.report.warn("samples")
}
