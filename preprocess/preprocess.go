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

// Boxed is a Stage that can do without the air around a subject: whatever it
// makes of the whole, it makes as well of what [ingest.BoxSource] leaves.
type Boxed interface {
	Stage
	// Box returns the margin, in voxels, of the box that the stage cuts samples
	// to. A stage that cuts nothing, and is content with any box, returns false:
	// then the next one decides.
	Box() (margin int, cuts bool)
}
