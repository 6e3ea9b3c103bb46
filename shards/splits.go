package shards

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/lacuna-ml/lacuna/shards/split"
)

// roll is who stands where: what splits.csv lists.
type roll struct {
	subjects map[string]entry
	groups   map[string]split.Split
}

type entry struct {
	group, stratum string
	split          split.Split
}

func newRoll() *roll {
	return &roll{subjects: map[string]entry{}, groups: map[string]split.Split{}}
}

// add enters a subject, and errs where that would tear a group or a subject
// apart. Then it changes nothing.
func (r *roll) add(subject string, e entry) error {
	if had, ok := r.subjects[subject]; ok {
		if had != e {
			return fmt.Errorf("subject %s: group %q, stratum %q, split %s; before it was %q, %q, %s", subject, e.group, e.stratum, e.split, had.group, had.stratum, had.split)
		}
		return nil
	}
	if had, ok := r.groups[e.group]; ok && had != e.split {
		return fmt.Errorf("subject %s: group %q would stand in %s and in %s", subject, e.group, had, e.split)
	}
	r.subjects[subject], r.groups[e.group] = e, e.split
	return nil
}

// counts returns the subjects and groups of a split.
func (r *roll) counts(sp split.Split) (subjects, groups int) {
	for _, e := range r.subjects {
		if e.split == sp {
			subjects++
		}
	}
	for _, s := range r.groups {
		if s == sp {
			groups++
		}
	}
	return subjects, groups
}

var csvHeader = []string{"subject", "group", "stratum", "split"}

// encode returns splits.csv: sorted by subject.
func (r *roll) encode() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	lines := [][]string{csvHeader}
	for _, name := range slices.Sorted(maps.Keys(r.subjects)) {
		e := r.subjects[name]
		lines = append(lines, []string{name, e.group, e.stratum, e.split.String()})
	}
	if err := w.WriteAll(lines); err != nil {
		return nil, err
	}
	if b.Len() > maxSplitsCSV {
		return nil, fmt.Errorf("%s of %d bytes, at most %d", SplitsName, b.Len(), maxSplitsCSV)
	}
	return b.Bytes(), nil
}

// decodeRoll reads splits.csv and proves that no group stands in two splits.
func decodeRoll(b []byte) (*roll, error) {
	c := csv.NewReader(bytes.NewReader(b))
	c.FieldsPerRecord = len(csvHeader)
	head, err := c.Read()
	if err != nil {
		return nil, err
	}
	if !slices.Equal(head, csvHeader) {
		return nil, fmt.Errorf("header %.200q", head)
	}
	r, last := newRoll(), ""
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := c.FieldPos(0)
		sp, err := split.Parse(rec[3])
		if err == nil && rec[0] <= last {
			err = fmt.Errorf("subject %.200q after %.200q", rec[0], last)
		}
		if err == nil {
			err = r.add(rec[0], entry{rec[1], rec[2], sp})
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		last = rec[0]
	}
}

// prove compares the list with the manifest's counts.
func (r *roll) prove(m *Manifest) error {
	for _, s := range m.Splits {
		subjects, groups := r.counts(s.Split)
		if subjects != s.Subjects || groups != s.Groups {
			return fmt.Errorf("%s: it lists %d subjects of %d groups, the manifest says %d of %d", s.Split, subjects, groups, s.Subjects, s.Groups)
		}
	}
	return nil
}
