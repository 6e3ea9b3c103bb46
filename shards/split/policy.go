package split

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
)

// Assign places the groups of a data set's subjects as the plan says. It errs
// where the subjects do not have what the policy needs.
func Assign(subjects []ingest.Subject, p Plan) (*Assignment, error) {
	p, err := p.validate()
	if err != nil {
		return nil, err
	}
	if len(subjects) == 0 {
		return nil, errors.New("split: there are no subjects")
	}
	groups, err := gather(subjects, p.Seed)
	if err != nil {
		return nil, err
	}
	placed := map[string]Split{}
	var open []*group
	for _, g := range groups {
		if s, ok := p.Fixed[g.name]; ok {
			placed[g.name] = s
		} else {
			open = append(open, g)
		}
	}
	if len(open) > 0 {
		if err := p.place(open, placed); err != nil {
			return nil, fmt.Errorf("split: policy %s: %w", p.Policy, err)
		}
	}
	return assignment(groups, placed), nil
}

func (p Plan) place(groups []*group, placed map[string]Split) error {
	switch p.Policy {
	case Hash:
		p.hash(groups, placed)
	case Disjoint:
		return p.disjoint(groups, placed)
	case Paper:
		return p.paper(groups, placed)
	default:
		stratified(groups, p.Weights.array(), placed)
	}
	return nil
}

// hash reads the first 8 bytes of a group's digest as a fraction of 2^64.
func (p Plan) hash(groups []*group, placed map[string]Split) {
	w := p.Weights.array()
	total := float64(w[0] + w[1] + w[2])
	train, val := float64(w[0])/total, float64(w[0]+w[1])/total
	for _, g := range groups {
		// 53 bits, so that the fraction is exact and below 1.
		u := float64(binary.BigEndian.Uint64(g.sum[:8])>>11) / (1 << 53)
		switch {
		case u < train:
			placed[g.name] = Train
		case u < val:
			placed[g.name] = Val
		default:
			placed[g.name] = Test
		}
	}
}

// stratified shares the groups of each stratum, in their order, by w.
func stratified(groups []*group, w [3]int64, placed map[string]Split) {
	strata := map[string][]*group{}
	for _, g := range groups {
		strata[g.stratum] = append(strata[g.stratum], g)
	}
	names := slices.Sorted(maps.Keys(strata))
	sizes := make([]int, len(names))
	for i, n := range names {
		sizes[i] = len(strata[n])
	}
	for i, share := range apportion(sizes, w) {
		rest := strata[names[i]]
		for k, n := range share.n {
			for _, g := range rest[:n] {
				placed[g.name] = Train + Split(k)
			}
			rest = rest[n:]
		}
	}
}

func (p Plan) disjoint(groups []*group, placed map[string]Split) error {
	if p.Weights.Train+p.Weights.Val == 0 || p.Weights.Test == 0 && len(p.TestDomains) == 0 {
		return fmt.Errorf("needs weights for test and for train or val, has %+v", p.Weights)
	}
	byDomain := map[string][]*group{}
	for _, g := range groups {
		for _, s := range g.subjects {
			if s.Domain == "" {
				return fmt.Errorf("subject %s has no domain (speaker, site): use %s", s.Key, Stratified)
			}
			if first := g.subjects[0]; s.Domain != first.Domain {
				return fmt.Errorf("group %q spans the domains %q and %q: use %s", g.name, first.Domain, s.Domain, Stratified)
			}
		}
		d := g.subjects[0].Domain
		byDomain[d] = append(byDomain[d], g)
	}
	test, err := p.testDomains(byDomain, len(groups))
	if err != nil {
		return err
	}
	var rest []*group
	for _, g := range groups {
		if slices.Contains(test, g.subjects[0].Domain) {
			placed[g.name] = Test
		} else {
			rest = append(rest, g)
		}
	}
	if len(rest) == 0 {
		return errors.New("the test domains leave nothing to train on")
	}
	w := p.Weights.array()
	w[Test-Train] = 0
	stratified(rest, w, placed)
	return nil
}

func (p Plan) testDomains(byDomain map[string][]*group, n int) ([]string, error) {
	names := slices.Sorted(maps.Keys(byDomain))
	if len(names) < 2 {
		return nil, fmt.Errorf("needs two domains, there are %d: use %s", len(names), Stratified)
	}
	if len(p.TestDomains) > 0 {
		for _, d := range p.TestDomains {
			if byDomain[d] == nil {
				return nil, fmt.Errorf("test domain %q is not one of %s", d, strings.Join(names, ", "))
			}
		}
		return p.TestDomains, nil
	}
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := digest(p.Seed, a), digest(p.Seed, b)
		return slices.Compare(x[:], y[:])
	})
	w := p.Weights.array()
	total := w[0] + w[1] + w[2]
	// Distances from the weight's share are compared times total: exact.
	far := func(got int) int64 { return max(int64(got)*total-int64(n)*w[2], int64(n)*w[2]-int64(got)*total) }
	var test []string
	got := 0
	for _, d := range names {
		if with := got + len(byDomain[d]); far(with) < far(got) && len(test) < len(names)-1 {
			test, got = append(test, d), with
		}
	}
	if len(test) == 0 { // every domain is too large: the smallest misses least
		test = append(test, slices.MinFunc(names, func(a, b string) int { return len(byDomain[a]) - len(byDomain[b]) }))
	}
	return test, nil
}

func (p Plan) paper(groups []*group, placed map[string]Split) error {
	var train []*group
	known, val := false, false
	for _, g := range groups {
		official, from := Split(0), ingest.Key{}
		for _, s := range g.subjects {
			if s.Official == "" {
				continue
			}
			sp, err := Parse(s.Official)
			if err != nil {
				return fmt.Errorf("subject %s: official %w", s.Key, err)
			}
			if official != 0 && official != sp {
				return fmt.Errorf("the official lists tear group %q: %s is in %s, %s in %s: use %s, or fix the group",
					g.name, from, official, s.Key, sp, Stratified)
			}
			official, from = sp, s.Key
		}
		if official == 0 {
			continue
		}
		known = true
		placed[g.name] = official
		val = val || official == Val
		if official == Train {
			train = append(train, g)
		}
	}
	if !known {
		return fmt.Errorf("no subject has an official split: use %s, or give the data set its published lists", Stratified)
	}
	if w := p.Weights.array(); !val && w[0]+w[1] > 0 {
		w[Test-Train] = 0
		stratified(train, w, placed)
	}
	return nil
}
