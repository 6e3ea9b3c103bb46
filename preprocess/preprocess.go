package preprocess

import (
	"context"
	"math/rand/v2"

	"github.com/lacuna-ml/lacuna/ingest"
)

// Stage is one step from a sample to zero or more samples. A Stage is used by
// several goroutines at once and keeps no state between calls.
type Stage interface {
	// Name returns the versioned definition id of the stage, as it will stand in
	// Sample.Definitions: "orient-lps/1". It names every parameter that changes
	// the output.
	Name() string
	// Apply takes s over, and emits what becomes of it, each with Name appended
	// to its Definitions. emit gives a sample away and reports whether to go on.
	// rng is made of the run's seed, the subject's key and Name: the only source
	// of chance. What is wrong with the subject is a *ingest.SubjectError.
	Apply(ctx context.Context, rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error
}

// Repacker is a Stage that can leave a sample packed.
type Repacker interface {
	Stage
	// Repack does to p what Apply would do to what p unpacks to, to the bit. It
	// reports false, and has changed nothing, where it can't: then p is unpacked.
	Repack(ctx context.Context, p *ingest.Packed) (bool, error)
}

// Unpacker is a Stage that takes parts of a sample, and can unpack no more.
type Unpacker interface {
	Stage
	// Unpack emits what Apply would of what p unpacks to, to the bit. The samples
	// share no memory with p.
	Unpack(ctx context.Context, rng *rand.Rand, p *ingest.Packed, emit func(*ingest.Sample) bool) error
}
