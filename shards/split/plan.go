package split

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
)

// The policies of a [Plan].
const (
	// Stratified shares the groups of each stratum by the weights, in the order
	// of their hash. Of three or more groups every split with a weight gets one;
	// else, every stratum and the whole are within one group of the weights.
	Stratified = "stratified"
	// Hash looks at a group's hash alone, so that adding subjects moves none of
	// those already placed. Sizes follow the weights only on average.
	Hash = "hash"
	// Disjoint sends whole domains (speakers, sites) to test: TestDomains, or
	// else, in the order of their hash, each domain that brings test nearer to
	// its weight, at least one and never all. Train and val share the rest as
	// Stratified does.
	Disjoint = "disjoint"
	// Paper takes Subject.Official. Where the lists have train but no val, val
	// is carved out of train as Stratified does, by the weights of these two.
	// Subjects without an official split get none.
	Paper = "paper"
)

// Policies returns the names of the policies, the default first.
func Policies() []string { return []string{Stratified, Hash, Disjoint, Paper} }

// MaxWeight is the largest of a plan's [Weights].
const MaxWeight = 1_000_000

// Weights are the parts of the groups that the splits get: 60, 10, 30 are 60 %,
// 10 % and 30 %, as are 6, 1, 3. They are whole numbers so that the sizes they
// give are exact.
type Weights struct{ Train, Val, Test int }

// Plan says how to split. The zero Plan is stratified 60/10/30 with seed 0.
type Plan struct {
	Policy  string  // one of [Policies]; "" is [Stratified]
	Seed    uint64  // another seed, another draw; Paper uses it for val alone
	Weights Weights // 0 to [MaxWeight] each; all zero is 60/10/30
	// Fixed places groups by hand, before the policy shares out the others.
	Fixed map[string]Split
	// TestDomains names the domains that Disjoint tests; empty lets the seed
	// choose.
	TestDomains []string
}

func (p Plan) validate() (Plan, error) {
	p.Policy = cmp.Or(p.Policy, Stratified)
	if !slices.Contains(Policies(), p.Policy) {
		return p, fmt.Errorf("split: policy %q is not one of %s", p.Policy, strings.Join(Policies(), ", "))
	}
	if p.Weights == (Weights{}) {
		p.Weights = Weights{60, 10, 30}
	}
	for i, w := range p.Weights.array() {
		if w < 0 || w > MaxWeight {
			return p, fmt.Errorf("split: weight %d of %s is not within 0 and %d", w, Train+Split(i), MaxWeight)
		}
	}
	if len(p.TestDomains) > 0 && p.Policy != Disjoint {
		return p, fmt.Errorf("split: test domains are for policy %s, not %s", Disjoint, p.Policy)
	}
	for _, g := range slices.Sorted(maps.Keys(p.Fixed)) {
		if s := p.Fixed[g]; s < Train || s > Test {
			return p, fmt.Errorf("split: group %q is fixed to %s, which is no split", g, s)
		}
	}
	return p, nil
}

func (w Weights) array() [3]int64 { return [3]int64{int64(w.Train), int64(w.Val), int64(w.Test)} }

// group is what a policy places: a group's name, and what its subjects agree
// on.
type group struct {
	name     string
	sum      [sha256.Size]byte
	stratum  string // that of its first subject, by key
	subjects []ingest.Subject
}

// digest orders names: SHA-256 of "lacuna/split/1", a zero byte, the seed in 8
// bytes, least first, and the name.
func digest(seed uint64, name string) [sha256.Size]byte {
	b := append([]byte("lacuna/split/1"), 0)
	b = binary.LittleEndian.AppendUint64(b, seed)
	return sha256.Sum256(append(b, name...))
}

// gather returns the groups in the order of their hash, and each one's
// subjects in the order of their keys.
func gather(subjects []ingest.Subject, seed uint64) ([]*group, error) {
	byName := map[string]*group{}
	var groups []*group
	sorted := slices.SortedFunc(slices.Values(subjects), compareKeys)
	for i, s := range sorted {
		if i > 0 && sorted[i-1].Key == s.Key {
			return nil, fmt.Errorf("split: subject %s stands twice in the list", s.Key)
		}
		name := groupOf(s)
		g := byName[name]
		if g == nil {
			g = &group{name: name, sum: digest(seed, name), stratum: s.Stratum}
			byName[name] = g
			groups = append(groups, g)
		}
		g.subjects = append(g.subjects, s)
	}
	slices.SortFunc(groups, func(a, b *group) int {
		return bytes.Compare(a.sum[:], b.sum[:])
	})
	return groups, nil
}

// groupOf returns the subject's group. A subject that names none is one of its
// own.
func groupOf(s ingest.Subject) string { return cmp.Or(s.Group, s.Key.Subject) }

func compareKeys(a, b ingest.Subject) int {
	return cmp.Or(strings.Compare(a.Key.Dataset, b.Key.Dataset),
		strings.Compare(a.Key.Subject, b.Key.Subject),
		strings.Compare(a.Key.Part, b.Key.Part))
}
