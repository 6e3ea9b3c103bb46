package datasets

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// Join returns the sources of one data set as one: the subjects of the first,
// then of the second, and so on. A subject that two of them have is an error of
// Subjects. Load takes only subjects that Subjects has yielded. Where all of them
// are [ingest.PackedSource]s, so is what they make.
func Join(sources ...ingest.Source) ingest.Source {
	if len(sources) == 1 {
		return sources[0]
	}
	j := &joined{sources: sources, of: map[ingest.Key]int{}}
	for _, src := range sources {
		if _, ok := src.(ingest.PackedSource); !ok {
			return j
		}
	}
	return packed{j}
}

type joined struct {
	sources []ingest.Source
	mu      sync.Mutex
	of      map[ingest.Key]int // guarded by mu
}

func (j *joined) Modalities() modality.Set { return j.sources[0].Modalities() }

func (j *joined) Subjects(ctx context.Context) iter.Seq2[ingest.Subject, error] {
	return func(yield func(ingest.Subject, error) bool) {
		for i, src := range j.sources {
			for s, err := range src.Subjects(ctx) {
				if err == nil {
					err = j.note(s.Key, i)
				}
				if !yield(s, err) || err != nil {
					return
				}
			}
		}
	}
}

// note remembers which source has the subject.
func (j *joined) note(k ingest.Key, i int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if first, ok := j.of[k]; ok && first != i {
		return fmt.Errorf("subject %s stands in input %d and in input %d: rename one of them", k, first+1, i+1)
	}
	j.of[k] = i
	return nil
}

func (j *joined) Load(ctx context.Context, s ingest.Subject) (*ingest.Sample, error) {
	src, err := j.source(s)
	if err != nil {
		return nil, err
	}
	return src.Load(ctx, s)
}

// packed is a joined of sources that can all leave volumes packed.
type packed struct{ *joined }

func (p packed) LoadPacked(ctx context.Context, s ingest.Subject) (*ingest.Packed, error) {
	src, err := p.source(s)
	if err != nil {
		return nil, err
	}
	return src.(ingest.PackedSource).LoadPacked(ctx, s)
}

func (j *joined) source(s ingest.Subject) (ingest.Source, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i, ok := j.of[s.Key]
	if !ok {
		return nil, fmt.Errorf("subject %s is not among those listed", s.Key)
	}
	return j.sources[i], nil
}
