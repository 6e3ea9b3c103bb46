package validate

import (
	"context"
	"fmt"
	"iter"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/preprocess/patch"
	"github.com/lacuna-ml/lacuna/validate/metrics"
)

// segmentation is a run over samples that are volumes or patches of them.
type segmentation struct {
	*Evaluator
	p       Predictor
	brushes []brush
	within  [][256]bool // by region, whether it has a class
	report  *Report
	scores  [][]float64 // Dice, then HD95, of each region, by combination
	// Masks of the case at hand.
	pred, truth []bool
	holed, flat int // cases with voxels that no patch has, and without a geometry
}

func (e *Evaluator) segment(ctx context.Context, p Predictor, samples iter.Seq2[*ingest.Sample, error]) (*Report, error) {
	brushes, err := brushes(e.Regions, len(e.Classes))
	if err != nil {
		return nil, err
	}
	r := &segmentation{Evaluator: e, p: p, brushes: brushes, report: &Report{
		Protocol: e.protocol(brushes), Modalities: e.Modalities.Names(), Classes: e.Classes, Combos: e.combos(),
	}}
	for _, region := range e.Regions {
		r.report.Regions = append(r.report.Regions, region.Name)
		var in [256]bool
		for _, c := range region.Classes {
			in[c] = true
		}
		r.within = append(r.within, in)
	}
	r.scores = make([][]float64, 2*len(e.Regions)*len(e.Combos))
	for patches, err := range e.cases(samples) {
		if err == nil {
			err = r.evaluate(ctx, patches)
		}
		if err != nil {
			return nil, err
		}
	}
	r.finish()
	return r.report, nil
}

// cases yields the patches of each subject.
func (e *Evaluator) cases(samples iter.Seq2[*ingest.Sample, error]) iter.Seq2[[]*ingest.Sample, error] {
	return func(yield func([]*ingest.Sample, error) bool) {
		seen := map[ingest.Key]bool{}
		var last ingest.Key
		var patches []*ingest.Sample
		for s, err := range samples {
			if err == nil {
				if err = s.Check(e.Modalities); err != nil {
					err = fmt.Errorf("validate: %w", err)
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			subject := ingest.Key{Dataset: s.Key.Dataset, Subject: s.Key.Subject}
			if subject != last {
				if len(patches) > 0 && !yield(patches, nil) {
					return
				}
				if seen[subject] {
					yield(nil, fmt.Errorf("validate: patch %s comes after those of other subjects: a subject's patches must stand together, so do not shuffle", s.Key))
					return
				}
				seen[subject], last, patches = true, subject, nil
			}
			patches = append(patches, s)
		}
		if len(patches) > 0 {
			yield(patches, nil)
		}
	}
}

// evaluate judges one case under all combinations.
func (r *segmentation) evaluate(ctx context.Context, patches []*ingest.Sample) error {
	v, err := newVolume(patches, len(r.Classes))
	if err != nil {
		return err
	}
	r.report.Subjects++
	r.holed += toInt(v.uncovered > 0)
	r.flat += toInt(!geometric(v.affine))
	if v.truth == nil {
		r.report.Unlabelled++
	}
	n := v.size[0] * v.size[1] * v.size[2]
	if len(r.pred) < n {
		r.pred, r.truth = make([]bool, n), make([]bool, n)
	}
	for i := range r.report.Combos {
		c := &r.report.Combos[i]
		seen := c.narrow(v.present, v.truth != nil)
		if seen == 0 {
			continue
		}
		labels, err := r.predict(ctx, v, c.Mask, seen)
		if err != nil {
			return err
		}
		if v.truth != nil {
			r.judge(v, i, seen, labels)
		}
		if r.OnLabels != nil {
			if err := r.OnLabels(v.labelMap(c.Mask, seen, labels)); err != nil {
				return fmt.Errorf("validate: the label map of %s (%s): %w", v.key, c.Name, err)
			}
		}
	}
	if r.OnDone != nil {
		r.OnDone(v.key)
	}
	return nil
}

// predict returns the label map of the box.
func (r *segmentation) predict(ctx context.Context, v *volume, combo, seen modality.Mask) ([]uint8, error) {
	whole, err := patch.NewAggregator(len(r.Regions), v.size, patch.Uniform)
	if err != nil {
		return nil, fmt.Errorf("validate: %s: %w", v.key, err)
	}
	shape := func(s *ingest.Sample) []int {
		return append([]int{len(r.Regions)}, s.Inputs[firstOf(s.Present)].Shape...)
	}
	for from := 0; from < len(v.patches); from += r.Batch {
		batch := make([]*ingest.Sample, 0, r.Batch)
		for _, p := range v.patches[from:min(from+r.Batch, len(v.patches))] {
			batch = append(batch, view(p, seen))
		}
		out, err := predict(ctx, r.p, batch, combo, shape)
		if err != nil {
			return nil, err
		}
		for i, a := range out {
			if err := whole.Add(a, v.located(batch[i])); err != nil {
				return nil, fmt.Errorf("validate: %s: %w", batch[i].Key, err)
			}
		}
	}
	probabilities, _ := whole.Volume() // what no patch has is 0, and counted by the volume
	labels := paint(r.brushes, probabilities.Data, v.size[0]*v.size[1]*v.size[2])
	r.Post.apply(labels, v.size, r.brushes)
	return labels, nil
}

// judge scores the regions of a label map under combination number i.
func (r *segmentation) judge(v *volume, i int, seen modality.Mask, labels []uint8) {
	grid := metrics.Grid{Shape: v.size, Spacing: v.spacing}
	pred, truth := r.pred[:len(labels)], r.truth[:len(labels)]
	for k := range r.Regions {
		in := &r.within[k]
		c := Case{
			Subject: v.key.String(), Combo: r.report.Combos[i].Name, Seen: r.Modalities.Format(seen),
			Region: r.Regions[k].Name, Uncovered: v.uncovered,
		}
		for at, l := range labels {
			p, t := in[l], in[v.truth[at]]
			pred[at], truth[at] = p, t
			c.Predicted += toInt(p)
			c.True += toInt(t)
		}
		dice, hd95 := metrics.Dice(pred, truth, r.Empty), metrics.HD95(pred, truth, grid, r.Empty)
		c.Dice, c.HD95 = Number(dice), Number(hd95)
		r.report.Cases = append(r.report.Cases, c)
		at := 2 * (i*len(r.Regions) + k)
		r.scores[at] = append(r.scores[at], dice)
		r.scores[at+1] = append(r.scores[at+1], hd95)
	}
}

// finish makes the means.
func (r *segmentation) finish() {
	for i := range r.report.Combos {
		c := &r.report.Combos[i]
		for k, region := range r.Regions {
			at := 2 * (i*len(r.Regions) + k)
			c.Regions = append(c.Regions, RegionScores{region.Name, summarise(r.scores[at]), summarise(r.scores[at+1])})
		}
	}
	for k, region := range r.Regions {
		var dice, hd95 []float64
		for _, c := range r.report.Combos {
			dice = append(dice, float64(c.Regions[k].Dice.Mean))
			hd95 = append(hd95, float64(c.Regions[k].HD95.Mean))
		}
		r.report.Average = append(r.report.Average, RegionMean{
			region.Name, Number(metrics.Summarise(dice).Mean), Number(metrics.Summarise(hd95).Mean),
		})
	}
	r.report.warn("cases")
	if r.holed > 0 {
		r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("%d of %d cases have voxels that no patch covers, which count as background: evaluate patches cut by the policy grid", r.holed, r.report.Subjects))
	}
	if r.flat > 0 {
		r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("%d of %d cases have no geometry: their HD95 is in voxels", r.flat, r.report.Subjects))
	}
}
