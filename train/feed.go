package train

import (
	"context"
	"fmt"
	"iter"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/meta"
)

// Feed is a source of samples, epoch by epoch. The same epoch always has the
// same samples in the same order.
type Feed struct {
	// Len is how many samples an epoch has.
	Len int
	// Samples yields those of an epoch, without the first skip. Their arrays may
	// be shared and are not written to.
	Samples func(ctx context.Context, epoch, skip int) iter.Seq2[*ingest.Sample, error]
}

// from yields count samples that stand at place at of all epochs after each
// other.
func (f Feed) from(ctx context.Context, at, count int) iter.Seq2[*ingest.Sample, error] {
	return func(yield func(*ingest.Sample, error) bool) {
		for epoch, skip := at/f.Len, at%f.Len; count > 0; epoch, skip = epoch+1, 0 {
			got := 0
			for s, err := range f.Samples(ctx, epoch, skip) {
				if !yield(s, err) || err != nil {
					return
				}
				if got, count = got+1, count-1; count == 0 {
					return
				}
			}
			if want := f.Len - skip; got < want {
				yield(nil, fmt.Errorf("train: epoch %d of the feed ends after %d samples, want %d", epoch, got, want))
				return
			}
		}
	}
}

// batch is samples as a step takes them.
type batch struct {
	meta.Batch
	keys []ingest.Key
}

// add appends a sample of which the network may see present.
func (b *batch) add(s *ingest.Sample, present modality.Mask) {
	b.Inputs = append(b.Inputs, s.Inputs)
	b.Present = append(b.Present, present)
	b.Targets = append(b.Targets, s.Target)
	b.keys = append(b.keys, s.Key)
}

// loaded is a batch or why there is none.
type loaded struct {
	batch batch
	err   error
}

// ahead is how many batches wait while one is trained on: enough to ride out a
// slow sample, few enough for volumes.
const ahead = 3

// load starts a goroutine that makes the batches of the steps from first on and
// ends when ctx does, or after the last step. The channel's owner reads it to
// its end.
func (t *Trainer) load(ctx context.Context, first int) <-chan loaded {
	out := make(chan loaded, ahead)
	go func() {
		defer close(out)
		send := func(l loaded) bool {
			select {
			case out <- l:
				return l.err == nil
			case <-ctx.Done():
				return false
			}
		}
		per := t.perEpoch()
		for epoch := first / per; epoch*per < t.Config.Steps; epoch++ {
			step := max(first, epoch*per)
			last := min((epoch+1)*per, t.Config.Steps)
			skip := (step - epoch*per) * t.Config.Batch
			var b batch
			for s, err := range t.Train.Samples(ctx, epoch, skip) {
				if err != nil {
					send(loaded{err: err})
					return
				}
				if s.Present == 0 || !s.Target.Known() {
					send(loaded{err: fmt.Errorf("train: sample %s has no modality or no target: leave it out of the feed", s.Key)})
					return
				}
				b.add(s, t.seen(s.Present, step, len(b.keys)))
				if skip++; len(b.keys) == t.Config.Batch || skip == t.Train.Len {
					if !send(loaded{batch: b}) {
						return
					}
					b = batch{}
					if step++; step == last {
						break
					}
				}
			}
			if step < last && ctx.Err() == nil {
				send(loaded{err: fmt.Errorf("train: epoch %d of the feed ends after %d samples, want %d", epoch, skip, t.Train.Len)})
				return
			}
		}
	}()
	return out
}
