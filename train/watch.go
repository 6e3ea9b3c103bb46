package train

import (
	"context"
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/ingest"
)

// HeldOut returns the mean loss of the held-out samples, all of whose modalities
// are seen, in evaluation mode: for curves.
func (t *Trainer) HeldOut(ctx context.Context) (float64, error) {
	sum, seen := 0.0, 0
	err := t.heldOut(ctx, func(*ingest.Sample) bool { return true }, func(b batch) error {
		v, err := t.learner.Loss(b.Batch)
		sum += v * float64(len(b.keys))
		seen += len(b.keys)
		return err
	})
	return sum / float64(seen), err
}

// Generated tells how well modality m, were it missing, would be stood in for:
// for each held-out sample that has all modalities its feature is compared with
// what [autograd.Tape.Impute] would put in its place, the mean of the others'. l1
// is the sum of the magnitudes of the differences, cosine that of the angle
// between the two, both means over samples, in evaluation mode, for curves. They
// are NaN where no sample has all modalities.
func (t *Trainer) Generated(ctx context.Context, m int) (l1, cosine float64, err error) {
	if m < 0 || m >= t.Modalities.Len() || t.Modalities.Len() < 2 {
		return 0, 0, fmt.Errorf("train: no modality %d among %v to be generated from the others", m, t.Modalities.Names())
	}
	seen := 0
	whole := func(s *ingest.Sample) bool { return s.Present == t.Modalities.Full() }
	err = t.heldOut(ctx, whole, func(b batch) error {
		features, err := t.learner.Features(b.Batch)
		if err != nil {
			return err
		}
		n := len(features) / len(b.keys)
		for i := range b.keys {
			d, c := apart(features[i*n:][:n], t.Modalities.Len(), m)
			l1, cosine, seen = l1+d, cosine+c, seen+1
		}
		return nil
	})
	return l1 / float64(seen), cosine / float64(seen), err
}

// apart compares part m of the equal parts of f with the mean of the others.
func apart(f []float32, parts, m int) (l1, cosine float64) {
	n := len(f) / parts
	var dot, real2, made2 float64
	for i := range n {
		made := 0.0
		for k := range parts {
			if k != m {
				made += float64(f[k*n+i])
			}
		}
		made /= float64(parts - 1)
		v := float64(f[m*n+i])
		l1 += math.Abs(v - made)
		dot += float64(v * made)
		real2 += float64(v * v)
		made2 += float64(made * made)
	}
	if real2 == 0 || made2 == 0 {
		return l1, 0 // no angle at all
	}
	return l1, dot / math.Sqrt(real2*made2)
}

// heldOut calls f with batches of those held-out samples that keep keeps.
func (t *Trainer) heldOut(ctx context.Context, keep func(*ingest.Sample) bool, f func(batch) error) error {
	var b batch
	for s, err := range t.Meta.from(ctx, 0, t.Meta.Len) {
		if err != nil {
			return fmt.Errorf("held-out feed: %w", err)
		}
		if !keep(s) {
			continue
		}
		b.add(s, s.Present)
		if len(b.keys) == t.Config.MetaBatch {
			if err := f(b); err != nil {
				return err
			}
			b = batch{}
		}
	}
	if len(b.keys) == 0 {
		return nil
	}
	return f(b)
}
