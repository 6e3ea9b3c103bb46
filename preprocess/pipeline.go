package preprocess

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess/pipeline"
)

// Pipeline loads subjects and puts each through its stages. The zero Pipeline
// passes subjects on as they are loaded, and ends at the first bad one.
type Pipeline struct {
	// Stages returns the stages of a subject, in order; it may look at the
	// subject's split. It is called by several goroutines. nil is no stages.
	Stages func(ingest.Subject) []Stage
	// Workers is how many subjects are in the works at once, each on one core
	// and in memory: 1 or less runs everything on the consumer's goroutine.
	// The samples do not depend on it.
	Workers int
	// Seed is the seed of every random draw: see [Rand].
	Seed uint64
	// OnError decides about a subject that can't be used: nil skips it, an error
	// ends the run with it. A nil OnError ends the run with the SubjectError. It
	// is called in the subjects' order on the consumer's goroutine.
	OnError func(*ingest.SubjectError) error
	// OnDone, if not nil, is told of each subject once its samples are out or it
	// is skipped, in the subjects' order on the consumer's goroutine.
	OnDone func(ingest.Subject)
}

// event is what a subject's work sends to the consumer: one of a sample, a
// fault, or, with neither, the end of the subject.
type event struct {
	sample  *ingest.Sample
	fault   *ingest.SubjectError
	subject ingest.Subject
}

// Run yields the samples of the subjects, in the subjects' order and in the
// order in which stages emit. The sequence ends after the first error: from
// subjects, from a load or a stage (other than a [ingest.SubjectError], which
// OnError decides), from OnError, or ctx's cause. Stopping early leaves no
// goroutine behind.
//
// A skipped subject gives no sample. For that a stage must find fault before it
// emits; where one does so after the subject's first sample is out, or makes a
// sample that fails [ingest.Sample.Check], the run ends: that is a broken stage
// and no broken subject.
func (p *Pipeline) Run(ctx context.Context, src ingest.Source, subjects iter.Seq2[ingest.Subject, error]) iter.Seq2[*ingest.Sample, error] {
	return func(yield func(*ingest.Sample, error) bool) {
		work := func(ctx context.Context, s ingest.Subject, emit func(event) bool) error {
			return p.subject(ctx, src, s, emit)
		}
		for e, err := range pipeline.FlatMap(ctx, p.Workers, subjects, work) {
			if err == nil && e.fault != nil {
				err = e.fault
				if p.OnError != nil {
					err = p.OnError(e.fault)
				}
			}
			switch {
			case err != nil:
				yield(nil, err)
				return
			case e.sample != nil:
				if !yield(e.sample, nil) {
					return
				}
			case p.OnDone != nil:
				p.OnDone(e.subject)
			}
		}
	}
}

// subject does all of one subject's work and emits its events. The last is its
// end, with the fault if there is one.
func (p *Pipeline) subject(ctx context.Context, src ingest.Source, s ingest.Subject, emit func(event) bool) error {
	sent := 0
	err := p.samples(ctx, src, s, func(out *ingest.Sample) bool {
		sent++
		return emit(event{sample: out})
	})
	if errors.Is(err, errLeft) {
		return nil
	}
	if ctx.Err() != nil { // whatever the error: it may be the cancellation's doing
		return context.Cause(ctx)
	}
	fault, ok := errors.AsType[*ingest.SubjectError](err)
	switch {
	case err != nil && !ok:
		return err
	case ok && sent > 0:
		// Not wrapped: nobody may take it for a subject that was skipped whole.
		return fmt.Errorf("preprocess: subject %s failed after %d of its samples were out: %v", s.Key, sent, err) //nolint:errorlint // see above
	}
	emit(event{fault: fault, subject: s})
	return nil
}

func (p *Pipeline) samples(ctx context.Context, src ingest.Source, s ingest.Subject, emit func(*ingest.Sample) bool) error {
	var stages []Stage
	if p.Stages != nil {
		stages = p.Stages(s)
	}
	var faulty error
	checked := func(out *ingest.Sample) bool {
		if err := out.Check(src.Modalities()); err != nil {
			faulty = fmt.Errorf("preprocess: as preprocessed: %w", err)
			return false
		}
		return emit(out)
	}
	run := p.plain
	if _, ok := src.(ingest.PackedSource); ok {
		run = p.packed
	}
	err := run(ctx, src, s, stages, checked)
	if faulty != nil {
		return faulty
	}
	return err
}

func (p *Pipeline) plain(ctx context.Context, src ingest.Source, s ingest.Subject, stages []Stage, emit func(*ingest.Sample) bool) error {
	sample, err := src.Load(ctx, s)
	if err != nil {
		return fmt.Errorf("load %s: %w", s.Key, err)
	}
	if err := sample.Check(src.Modalities()); err != nil {
		return fmt.Errorf("preprocess: as loaded: %w", err)
	}
	return Apply(ctx, stages, p.Seed, sample, emit)
}

// packed is plain for a [ingest.PackedSource]. It unpacks no more than the stages
// need.
func (p *Pipeline) packed(ctx context.Context, src ingest.Source, s ingest.Subject, stages []Stage, emit func(*ingest.Sample) bool) error {
	in, err := src.(ingest.PackedSource).LoadPacked(ctx, s)
	if err != nil {
		return fmt.Errorf("load %s: %w", s.Key, err)
	}
	defer in.Release()
	if err := in.Check(src.Modalities()); err != nil {
		return fmt.Errorf("preprocess: as loaded: %w", err)
	}
	for ; len(stages) > 0; stages = stages[1:] {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if st, ok := stages[0].(Unpacker); ok {
			return first(ctx, stages, p.Seed, s.Key, emit, func(rng *rand.Rand, emit func(*ingest.Sample) bool) error {
				return st.Unpack(ctx, rng, in, emit)
			})
		}
		st, ok := stages[0].(Repacker)
		if ok {
			ok, err = st.Repack(ctx, in)
		}
		if err != nil {
			return failed(st, s.Key, err)
		}
		if !ok {
			break
		}
	}
	return Apply(ctx, stages, p.Seed, in.Unpack(), emit)
}

// errLeft says that the consumer takes no more.
var errLeft = errors.New("the consumer has left")

// Apply puts s through the stages, depth first, so that a sample goes all the
// way before a stage makes the next. Where emit returns false it ends with an
// error.
func Apply(ctx context.Context, stages []Stage, seed uint64, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(stages) == 0 {
		if !emit(s) {
			return errLeft
		}
		return nil
	}
	return first(ctx, stages, seed, s.Key, emit, func(rng *rand.Rand, emit func(*ingest.Sample) bool) error {
		return stages[0].Apply(ctx, rng, s, emit)
	})
}

// first does the first of the stages, and puts what it emits through the others.
func first(ctx context.Context, stages []Stage, seed uint64, k ingest.Key, emit func(*ingest.Sample) bool, do func(*rand.Rand, func(*ingest.Sample) bool) error) error {
	var below error
	err := do(Rand(seed, k, stages[0].Name()), func(out *ingest.Sample) bool {
		if below == nil {
			below = Apply(ctx, stages[1:], seed, out, emit)
		}
		return below == nil
	})
	if below != nil {
		return below
	}
	if err != nil {
		return failed(stages[0], k, err)
	}
	return nil
}

func failed(st Stage, k ingest.Key, err error) error {
	return fmt.Errorf("preprocess: %s of %s: %w", st.Name(), k, err)
}

// Rand returns the source of chance of one stage for one sample: a PCG
// (math/rand/v2) whose two seeds are the first two 8 bytes, least first, of the
// SHA-256 of "lacuna/rand/1", a zero byte, the seed in 8 bytes, least first,
// and then data set, subject, part and name, each with a zero byte after it. So
// the draws depend on these alone, and not on what was drawn before.
func Rand(seed uint64, k ingest.Key, name string) *rand.Rand {
	b := binary.LittleEndian.AppendUint64([]byte("lacuna/rand/1\x00"), seed)
	for _, s := range [...]string{k.Dataset, k.Subject, k.Part, name} {
		b = append(append(b, s...), 0)
	}
	sum := sha256.Sum256(b)
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:])))
}
