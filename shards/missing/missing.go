package missing

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// Policy returns the modalities that a sample keeps: a subset of present, and
// not empty where present is not. It depends on nothing but its arguments, and
// of the key not on Part.
type Policy func(k ingest.Key, present modality.Mask) modality.Mask

// None hides nothing: only the recorded absence counts.
func None() Policy {
	return func(_ ingest.Key, present modality.Mask) modality.Mask { return present }
}

// Rate keeps modality mod for percent % of the subjects that a sends to train,
// and hides it from the other training subjects, unless it is all that one has.
// Val and test lose nothing: their masks are the evaluation's business.
//
// The number is exact, half a subject rounded up, and each class's own share is
// exact to less than one subject. The class is Subject.Class, or Stratum where
// that is -1. Within a class those of the smallest SHA-256 of "lacuna/rate/1", a
// zero byte, the seed in 8 bytes, least first, data set, a zero byte and subject
// keep it.
func Rate(mod int, percent float64, subjects []ingest.Subject, a *split.Assignment, seed uint64) (Policy, error) {
	if !(percent >= 0 && percent <= 100) {
		return nil, fmt.Errorf("missing: a rate of %g %% is not within 0 and 100", percent)
	}
	if mod < 0 || mod >= modality.MaxModalities {
		return nil, fmt.Errorf("missing: there is no modality %d", mod)
	}
	type entry struct {
		key   ingest.Key
		class string
		sum   [sha256.Size]byte
	}
	var train []entry
	for _, s := range subjects {
		if sp, ok := a.Of(s); !ok || sp != split.Train {
			continue
		}
		class := fmt.Sprintf("class %05d", s.Class)
		if s.Class < 0 {
			class = "stratum " + s.Stratum
		}
		train = append(train, entry{subjectOf(s.Key), class, digest("lacuna/rate/1", seed, s.Key)})
	}
	slices.SortFunc(train, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.class, b.class), slices.Compare(a.sum[:], b.sum[:]))
	})
	if len(train) == 0 {
		return nil, errors.New("missing: a rate needs training subjects, and there are none")
	}
	// The counts are differences of one rounded running total, so that classes
	// share the rounding and their sum is the rounded whole.
	upTo := func(n int) int { return int(math.Floor(float64(n)*percent/100 + 0.5)) }
	hidden := map[ingest.Key]bool{}
	for from := 0; from < len(train); {
		to := from
		for to < len(train) && train[to].class == train[from].class {
			to++
		}
		for _, e := range train[from+upTo(to)-upTo(from) : to] {
			hidden[e.key] = true
		}
		from = to
	}
	return func(k ingest.Key, present modality.Mask) modality.Mask {
		if left := present.Without(mod); left != 0 && hidden[subjectOf(k)] {
			return left
		}
		return present
	}, nil
}

// RandomDrop keeps n of the N present modalities, n uniform in 1 to N, and each
// subset of n with the same chance. Another seed or epoch, another draw. The
// source of chance is a PCG (math/rand/v2) seeded by the first two 8 bytes,
// least first, of the SHA-256 that [Rate] describes, with "lacuna/drop/1" and,
// after the subject, a zero byte and the epoch in 8 bytes, least first.
func RandomDrop(seed, epoch uint64) Policy {
	return func(k ingest.Key, present modality.Mask) modality.Mask {
		if present == 0 {
			return 0
		}
		e := binary.LittleEndian.AppendUint64([]byte{0}, epoch)
		sum := digest("lacuna/drop/1", seed, k, e...)
		rng := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:])))
		mods := slices.Collect(present.All())
		n := 1 + rng.IntN(len(mods))
		var kept modality.Mask
		for i := range n { // the first n of a shuffle
			j := i + rng.IntN(len(mods)-i)
			mods[i], mods[j] = mods[j], mods[i]
			kept = kept.With(mods[i])
		}
		return kept
	}
}

// Env is what policies are made of besides their text. Rates need Subjects and
// Assignment, files need Open.
type Env struct {
	Modalities modality.Set
	Subjects   []ingest.Subject
	Assignment *split.Assignment
	Seed       uint64
	Open       func(name string) (io.ReadCloser, error)
}

// Parse returns the policy that text describes: "none" or "", "random-drop",
// "rate:audio=10" (that modality for 10 % of the training subjects; see [Rate])
// or "file:masks.csv" (see [ReadCSV]), which must name some of the subjects.
func Parse(text string, e Env) (Policy, error) {
	name, arg, _ := strings.Cut(text, ":")
	switch name {
	case "none", "":
		if text == name {
			return None(), nil
		}
	case "random-drop":
		if text == name {
			return RandomDrop(e.Seed, 0), nil
		}
	case "rate":
		return parseRate(arg, e)
	case "file":
		return openFile(arg, e)
	}
	return nil, fmt.Errorf("missing: policy %q is not one of none, random-drop, rate:<modality>=<percent>, file:<name>", text)
}

func parseRate(arg string, e Env) (Policy, error) {
	name, rate, _ := strings.Cut(arg, "=")
	percent, err := strconv.ParseFloat(rate, 64)
	if err != nil {
		return nil, fmt.Errorf("missing: rate %q: want a modality, =, and a percentage", arg)
	}
	mod := e.Modalities.Index(name)
	if mod < 0 {
		return nil, fmt.Errorf("missing: rate %q: %q is not one of %s", arg, name, strings.Join(e.Modalities.Names(), ", "))
	}
	if e.Assignment == nil {
		return nil, errors.New("missing: a rate needs the assignment to splits")
	}
	return Rate(mod, percent, e.Subjects, e.Assignment, e.Seed)
}

func openFile(name string, e Env) (Policy, error) {
	if e.Open == nil || name == "" {
		return nil, fmt.Errorf("missing: there is no file %q to open", name)
	}
	f, err := e.Open(name)
	if err != nil {
		return nil, fmt.Errorf("missing: masks: %w", err)
	}
	t, err := ReadCSV(f, e.Modalities)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if !slices.ContainsFunc(e.Subjects, func(s ingest.Subject) bool { return t[s.Key.Subject] != 0 }) {
		return nil, fmt.Errorf("missing: %s names none of the subjects: is it of another data set?", name)
	}
	return t.Policy(), nil
}

func subjectOf(k ingest.Key) ingest.Key { return ingest.Key{Dataset: k.Dataset, Subject: k.Subject} }

func digest(purpose string, seed uint64, k ingest.Key, more ...byte) [sha256.Size]byte {
	b := append([]byte(purpose), 0)
	b = binary.LittleEndian.AppendUint64(b, seed)
	b = append(append(b, k.Dataset...), 0)
	b = append(b, k.Subject...)
	return sha256.Sum256(append(b, more...))
}
