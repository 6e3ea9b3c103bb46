package validate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/validate/metrics"
)

// Region is a named union of classes: "WT" is every class of tumour.
type Region struct {
	Name    string
	Classes []uint8
}

// Evaluator evaluates a predictor. With Regions it is a segmentation, else a
// classification.
type Evaluator struct {
	// Modalities are those of the samples, in their order.
	Modalities modality.Set
	// Classes are the names of a target's values.
	Classes []string
	// Regions are what a segmentation predicts, a channel each. Any two of them
	// are disjoint or one holds the other, and each has a class that no smaller
	// one has: then a label map can tell them.
	Regions []Region

	// Combos are the combinations to evaluate, in the order of the report; nil is
	// all, in the order of [modality.Set.Combos].
	Combos []modality.Mask
	// Batch is how many samples or patches go into one call of Predict at most; 0
	// is 8.
	Batch int
	// Empty is what Dice and HD95 are where a mask is empty.
	Empty metrics.Empty
	// Post cleans predicted label maps; the zero Post leaves them as they are.
	Post Post

	// OnLabels, if not nil, is given the label map of each case under each
	// combination; an error ends the run. The map is the callee's.
	OnLabels func(*LabelMap) error
	// OnDone, if not nil, is told of each sample or subject once it is evaluated.
	OnDone func(ingest.Key)
}

// Run evaluates p on the samples. The patches of a subject must come one after
// the other, as shards have them. It ends with the first error: of samples, of p,
// of OnLabels, ctx's cause, or of samples that make no sense together.
func (e *Evaluator) Run(ctx context.Context, p Predictor, samples iter.Seq2[*ingest.Sample, error]) (*Report, error) {
	o := *e
	if err := o.validate(); err != nil {
		return nil, err
	}
	if len(o.Regions) == 0 {
		return o.classify(ctx, p, samples)
	}
	return o.segment(ctx, p, samples)
}

func (e *Evaluator) validate() error {
	if e.Modalities.Len() == 0 {
		return errors.New("validate: an evaluator without modalities")
	}
	if e.Combos == nil {
		e.Combos = slices.Collect(e.Modalities.Combos())
	}
	for i, c := range e.Combos {
		if c == 0 || c&^e.Modalities.Full() != 0 || slices.Contains(e.Combos[:i], c) {
			return fmt.Errorf("validate: combination %s is empty, stands twice, or has modalities beyond %s", e.Modalities.Format(c), e.Modalities.Format(e.Modalities.Full()))
		}
	}
	if e.Batch == 0 {
		e.Batch = 8
	}
	if e.Empty == "" {
		e.Empty = metrics.BraTS
	}
	switch {
	case len(e.Classes) == 0 || len(e.Classes) > 256:
		return fmt.Errorf("validate: %d classes, want 1 to 256", len(e.Classes))
	case e.Batch < 0:
		return fmt.Errorf("validate: batches of %d", e.Batch)
	case !slices.Contains(metrics.Conventions(), e.Empty):
		return fmt.Errorf("validate: no convention %q for empty masks: there are %v", e.Empty, metrics.Conventions())
	case e.Post.MinInner < 0 || e.Post.MinPart < 0:
		return fmt.Errorf("validate: post-processing %+v below 0 voxels", e.Post)
	case len(e.Regions) == 0 && (e.OnLabels != nil || e.Post != Post{}):
		return errors.New("validate: label maps without regions")
	}
	return nil
}

// combos returns the combinations of a report, with nothing counted yet.
func (e *Evaluator) combos() []Combo {
	out := make([]Combo, len(e.Combos))
	for i, m := range e.Combos {
		out[i] = Combo{Name: e.Modalities.Format(m), Mask: m}
	}
	return out
}

// narrow returns what a subject recorded with has of the combination, and counts
// it; labelled says whether it will be judged.
func (c *Combo) narrow(has modality.Mask, labelled bool) modality.Mask {
	m := c.Mask & has
	if m == 0 {
		c.Skipped++
		return m
	}
	c.Evaluated++
	if labelled && m != c.Mask {
		c.Reduced++
	}
	return m
}

// warn adds what a reader of the scores must know of the subjects.
func (r *Report) warn(subjects string) {
	if r.Unlabelled > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d of %d %s have no label: they were predicted, and no score is of them", r.Unlabelled, r.Subjects, subjects))
	}
	var never []string
	reduced := false
	for _, c := range r.Combos {
		reduced = reduced || c.Reduced > 0
		if c.Reduced > 0 && c.Whole() == 0 {
			never = append(never, c.Name)
		}
	}
	if reduced {
		r.Warnings = append(r.Warnings, "some "+subjects+" lack modalities: a combination's scores are from what each has of it, and those that have all of it are counted as whole")
	}
	if len(never) > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("of the %s judged none has all of %s: scores there are those of less", subjects, strings.Join(never, ", ")))
	}
}

// presence is the part of a protocol that both tasks share.
const presence = "a combination is narrowed to the modalities recorded"

// protocol names the choices; order is that in which regions are painted.
func (e *Evaluator) protocol(order []brush) string {
	if len(e.Regions) == 0 {
		return "lacuna-classification/1: " + strings.Join([]string{
			"the class of the largest probability, the first of equals",
			"accuracy with Wilson's 95 % interval",
			"precision, recall and F1 undefined without a case, macro-F1 the mean of those defined",
			presence,
		}, "; ")
	}
	var regions, painted []string
	for _, b := range order {
		painted = append(painted, e.Regions[b.region].Name)
	}
	for _, r := range e.Regions {
		classes := make([]string, len(r.Classes))
		for i, c := range r.Classes {
			classes[i] = fmt.Sprint(c)
		}
		regions = append(regions, r.Name+" = "+strings.Join(classes, "+"))
	}
	return "lacuna-segmentation/1: " + strings.Join([]string{
		"regions of classes " + strings.Join(regions, ", "),
		"patches put together by the mean of probabilities, uniform weights",
		"a region where it is above 0.5",
		"regions painted in the order " + strings.Join(painted, ", ") + ", then judged on the label map",
		"post-processing " + e.Post.String(),
		"whole cases; voxels that no patch has count as background",
		"Dice; HD95 in mm, from surface voxels (6 neighbours) to surface voxels, the larger of both directions' 95th percentiles, linear interpolation",
		"empty masks " + e.Empty.Words(),
		"means over subjects, undefined left out and counted",
		presence,
	}, "; ")
}
