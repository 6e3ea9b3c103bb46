package split

import (
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
)

// Assignment says where each group stands.
type Assignment struct {
	rows   []row // by key
	groups map[string]Split
}

type row struct {
	key            ingest.Key
	group, stratum string
	split          Split
}

func assignment(groups []*group, placed map[string]Split) *Assignment {
	a := &Assignment{groups: map[string]Split{}}
	for _, g := range groups {
		sp, ok := placed[g.name]
		if !ok {
			continue
		}
		a.groups[g.name] = sp
		for _, s := range g.subjects {
			a.rows = append(a.rows, row{key: s.Key, group: g.name, stratum: s.Stratum, split: sp})
		}
	}
	slices.SortFunc(a.rows, func(x, y row) int {
		return compareKeys(ingest.Subject{Key: x.key}, ingest.Subject{Key: y.key})
	})
	return a
}

// Of returns the split of the subject's group, and whether it has one.
func (a *Assignment) Of(s ingest.Subject) (Split, bool) {
	sp, ok := a.groups[groupOf(s)]
	return sp, ok
}

// Counts returns how many subjects and groups stand in the split.
func (a *Assignment) Counts(sp Split) (subjects, groups int) {
	for _, r := range a.rows {
		if r.split == sp {
			subjects++
		}
	}
	return subjects, len(a.Groups(sp))
}

// Groups returns the names of the split's groups, sorted.
func (a *Assignment) Groups(sp Split) []string {
	var names []string
	for _, r := range a.rows {
		if r.split == sp {
			names = append(names, r.group)
		}
	}
	slices.SortFunc(names, strings.Compare)
	return slices.Compact(names)
}

// Overlap returns the number of groups that have subjects in two splits,
// counted anew from the subjects. It is 0, or this package is broken.
func (a *Assignment) Overlap() int {
	first := map[string]Split{}
	torn := map[string]bool{}
	for _, r := range a.rows {
		if sp, ok := first[r.group]; ok && sp != r.split {
			torn[r.group] = true
		}
		first[r.group] = r.split
	}
	return len(torn)
}
