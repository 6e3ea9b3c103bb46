// Package scale provides the standardisation of one modality: numbers that are
// found from training samples ([Fit]) or given ([Fixed]), stored with the run
// that was trained on them, and applied as a stage.
//
// A Scale has a mean and a deviation for each index of an array's first axis (of
// features: each coefficient; of an image [channels, H, W]: each channel), or
// one of each for all values.
package scale

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/preprocess"
)

// Scale says that of modality Modality each value x becomes (x - Mean[i]) /
// SD[i], where i is its place along the first axis; or 0 throughout where there
// is one number of each. JSON keeps it to the last bit.
type Scale struct {
	Modality int       `json:"modality"`
	Mean     []float64 `json:"mean"`
	SD       []float64 `json:"sd"`
}

// Fixed returns the Scale with one mean and one deviation for all values.
// Audiovision-MNIST's in the literature is Fixed(mod, 0.5, 0.5) for both: of
// images from 0 to 1, which become -1 to 1, and of MFCCs as they are.
func Fixed(mod int, mean, sd float64) Scale {
	return Scale{Modality: mod, Mean: []float64{mean}, SD: []float64{sd}}
}

// Fit returns the mean and the standard deviation (of the population) of each
// index of the first axis of modality mod, or, with all set, of all values; each
// value counts once. They are summed in float64 in the order of the samples, of
// which those without the modality count for nothing. A deviation of 0 is
// stored as 1, so that what is constant becomes 0.
//
// It errs with the first error of samples, where no sample has the modality, and
// with a [ingest.SubjectError] where one has another first axis than those
// before it, or a value that is not finite.
func Fit(mod int, all bool, samples iter.Seq2[*ingest.Sample, error]) (Scale, error) {
	if mod < 0 || mod >= modality.MaxModalities {
		return Scale{}, fmt.Errorf("scale: modality %d: want 0 to %d", mod, modality.MaxModalities-1)
	}
	var rows []tally
	for s, err := range samples {
		if err != nil {
			return Scale{}, fmt.Errorf("scale: %w", err)
		}
		if !s.Present.Has(mod) {
			continue
		}
		n, width, err := split(s, mod, all)
		if err != nil {
			return Scale{}, err
		}
		if rows == nil {
			rows = make([]tally, n)
		}
		if n != len(rows) {
			return Scale{}, fault(s, mod, "has the shape %v: %d places along the first axis, samples before it %d", s.Inputs[mod].Shape, n, len(rows))
		}
		for i := range rows {
			if !rows[i].add(s.Inputs[mod].Data[i*width:][:width]) {
				return Scale{}, fault(s, mod, "holds NaN or infinity at place %d of the first axis", i)
			}
		}
	}
	if rows == nil {
		return Scale{}, fmt.Errorf("scale: no sample has modality %d", mod)
	}
	sc := Scale{Modality: mod}
	for _, r := range rows {
		sd := math.Sqrt(r.squares / r.n)
		if sd < 1e-300 {
			sd = 1
		}
		sc.Mean, sc.SD = append(sc.Mean, r.mean), append(sc.SD, sd)
	}
	return sc, nil
}

// tally is how many values there were, their mean, and the sum of the squares of
// their distances from it.
type tally struct{ n, mean, squares float64 }

// add counts v in, and reports whether all of it is finite. (Chan, Golub and
// LeVeque 1979: nothing cancels, however far the mean is from 0.)
func (t *tally) add(v []float32) bool {
	var sum float64
	for _, x := range v {
		sum += float64(x)
	}
	n := float64(len(v))
	mean, squares := sum/n, 0.0
	for _, x := range v {
		d := float64(x) - mean
		squares += d * d
	}
	both, apart := t.n+n, mean-t.mean
	t.squares += squares + apart*apart*t.n*n/both
	t.mean += apart * n / both
	t.n = both
	return sum-sum == 0
}

// split returns into how many parts, of how many values, modality mod of s
// falls.
func split(s *ingest.Sample, mod int, all bool) (parts, width int, err error) {
	if mod >= len(s.Inputs) {
		return 0, 0, fmt.Errorf("scale: sample %s has %d inputs, none at %d", s.Key, len(s.Inputs), mod)
	}
	a := s.Inputs[mod]
	if len(a.Shape) == 0 || len(a.Data) == 0 || a.Len() != len(a.Data) {
		return 0, 0, fault(s, mod, "has %d values for the shape %v", len(a.Data), a.Shape)
	}
	if all {
		return 1, len(a.Data), nil
	}
	return a.Shape[0], len(a.Data) / a.Shape[0], nil
}

func fault(s *ingest.Sample, mod int, format string, args ...any) error {
	return &ingest.SubjectError{Key: s.Key, Problems: []ingest.Problem{{
		Kind: "scale", Reason: fmt.Sprintf("modality %d ", mod) + fmt.Sprintf(format, args...),
	}}}
}

// check says what is wrong with the numbers.
func (sc Scale) check() error {
	if sc.Modality < 0 || sc.Modality >= modality.MaxModalities {
		return fmt.Errorf("scale: modality %d: want 0 to %d", sc.Modality, modality.MaxModalities-1)
	}
	if len(sc.Mean) == 0 || len(sc.Mean) != len(sc.SD) {
		return fmt.Errorf("scale: %d means and %d deviations", len(sc.Mean), len(sc.SD))
	}
	for i, m := range sc.Mean {
		if sd := sc.SD[i]; m-m != 0 || !(sd >= 1e-300) || math.IsInf(sd, 1) {
			return fmt.Errorf("scale: mean %g and deviation %g at %d, want finite ones, the second at least 1e-300", m, sd, i)
		}
	}
	return nil
}

// Stage returns the stage that applies the numbers, in float64, to new arrays.
// Where there is one of each, Background goes along. An absent modality stays
// absent; one whose first axis has another length than
// there are numbers is a [ingest.SubjectError]. The stage's name has the numbers
// where there is one of each ("scale-m0-0.5,0.5/1"), else the first 8 bytes of
// the SHA-256 of the means and then the deviations, as float64, least byte first
// ("scale-m1-0123456789abcdef/1"). It errs where the numbers make no sense.
func (sc Scale) Stage() (preprocess.Stage, error) {
	if err := sc.check(); err != nil {
		return nil, err
	}
	st := &stage{mod: sc.Modality, mean: slices.Clone(sc.Mean), inv: make([]float64, len(sc.SD))}
	for i, sd := range sc.SD {
		st.inv[i] = 1 / sd
	}
	st.name = fmt.Sprintf("scale-m%d-%g,%g/1", sc.Modality, sc.Mean[0], sc.SD[0])
	if len(sc.Mean) > 1 {
		var b []byte
		for _, v := range slices.Concat(sc.Mean, sc.SD) {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		sum := sha256.Sum256(b)
		st.name = fmt.Sprintf("scale-m%d-%x/1", sc.Modality, sum[:8])
	}
	return st, nil
}

type stage struct {
	mod       int
	mean, inv []float64
	name      string
}

func (st *stage) Name() string { return st.name }

func (st *stage) Apply(_ context.Context, _ *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	if s.Present.Has(st.mod) {
		n, width, err := split(s, st.mod, len(st.mean) == 1)
		if err != nil {
			return err
		}
		if n != len(st.mean) {
			return fault(s, st.mod, "has the shape %v, there are numbers for %d places along the first axis", s.Inputs[st.mod].Shape, len(st.mean))
		}
		src := s.Inputs[st.mod].Data
		dst := make([]float32, len(src)) // the old array may be a file's, or shared
		for i, m := range st.mean {
			k := st.inv[i]
			to := dst[i*width:][:width]
			for j, x := range src[i*width:][:width] {
				to[j] = float32((float64(x) - m) * k)
			}
		}
		s.Inputs[st.mod].Data = dst
		if st.mod < len(s.Background) && len(st.mean) == 1 {
			s.Background = slices.Clone(s.Background)
			s.Background[st.mod] = float32((float64(s.Background[st.mod]) - st.mean[0]) * st.inv[0])
		}
	}
	s.Definitions = append(s.Definitions, st.name)
	emit(s)
	return nil
}
