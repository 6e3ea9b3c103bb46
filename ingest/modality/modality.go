// Package modality provides the ordered set of a data set's modalities and the
// bit mask that says which of them a sample has.
//
// The order of a [Set] is part of the data set: it is stored in every manifest
// and compared when one is opened, because a mask's bits mean nothing without
// it.
package modality

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"strings"
)

// MaxModalities is how many modalities a [Set] may have: the bits of a [Mask].
const MaxModalities = 16

// Set is an ordered list of distinct modality names. The zero Set is empty.
type Set struct{ names []string }

// NewSet returns the set of the names in their order. A name is 1 to 32 of
// a-z, 0-9, '_' and '-', and starts with a letter.
func NewSet(names ...string) (Set, error) {
	if len(names) == 0 {
		return Set{}, errors.New("modality: a set needs at least one name")
	}
	if len(names) > MaxModalities {
		return Set{}, fmt.Errorf("modality: %d names, at most %d fit a mask", len(names), MaxModalities)
	}
	for i, n := range names {
		if !validName(n) {
			return Set{}, fmt.Errorf("modality: name %q: want 1 to 32 of a-z, 0-9, _ and -, a letter first", n)
		}
		if slices.Contains(names[:i], n) {
			return Set{}, fmt.Errorf("modality: name %q stands twice", n)
		}
	}
	return Set{slices.Clone(names)}, nil
}

// MustSet is [NewSet] for names that are constants of the program; it panics
// where NewSet errs.
func MustSet(names ...string) Set {
	s, err := NewSet(names...)
	if err != nil {
		panic(err)
	}
	return s
}

func validName(n string) bool {
	if n == "" || len(n) > 32 || n[0] < 'a' || n[0] > 'z' {
		return false
	}
	for _, c := range []byte(n) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// Len returns the number of modalities.
func (s Set) Len() int { return len(s.names) }

// Name returns the name of modality i.
func (s Set) Name(i int) string { return s.names[i] }

// Names returns a copy of the names in order.
func (s Set) Names() []string { return slices.Clone(s.names) }

// Index returns the place of name, or -1.
func (s Set) Index(name string) int { return slices.Index(s.names, name) }

// Equal reports whether both sets have the same names in the same order.
func (s Set) Equal(t Set) bool { return slices.Equal(s.names, t.names) }

// Full returns the mask with every modality of the set.
func (s Set) Full() Mask { return Mask(1<<len(s.names) - 1) }

// Combos yields the 2^n-1 non-empty masks of the set: by number of modalities,
// then in lexicographic order of their places, which for flair, t1, t1ce, t2
// is the row order of the tables in the literature (15 rows).
func (s Set) Combos() iter.Seq[Mask] {
	return func(yield func(Mask) bool) {
		var walk func(m Mask, from, left int) bool
		walk = func(m Mask, from, left int) bool {
			if left == 0 {
				return yield(m)
			}
			for i := from; i <= s.Len()-left; i++ {
				if !walk(m.With(i), i+1, left-1) {
					return false
				}
			}
			return true
		}
		for n := 1; n <= s.Len(); n++ {
			if !walk(0, 0, n) {
				return
			}
		}
	}
}

// Format returns the names of the mask's modalities joined by '+', in the
// set's order: "flair+t2". The empty mask is "none".
func (s Set) Format(m Mask) string {
	if m == 0 {
		return "none"
	}
	var b strings.Builder
	for i := range m.All() {
		if b.Len() > 0 {
			b.WriteByte('+')
		}
		if i < s.Len() {
			b.WriteString(s.names[i])
		} else {
			fmt.Fprintf(&b, "?%d", i)
		}
	}
	return b.String()
}

// Parse is the inverse of [Set.Format]. It takes names in any order, and "all"
// for every modality.
func (s Set) Parse(text string) (Mask, error) {
	switch text {
	case "none":
		return 0, nil
	case "all":
		return s.Full(), nil
	}
	var m Mask
	for name := range strings.SplitSeq(text, "+") {
		i := s.Index(name)
		if i < 0 {
			return 0, fmt.Errorf("modality: %q is not one of %s", name, strings.Join(s.names, ", "))
		}
		if m.Has(i) {
			return 0, fmt.Errorf("modality: %q stands twice in %q", name, text)
		}
		m = m.With(i)
	}
	return m, nil
}

// Mask says which modalities of a [Set] are present: bit i is modality i. The
// zero Mask has none.
type Mask uint16

// Has reports whether modality i is present.
func (m Mask) Has(i int) bool { return m>>i&1 == 1 }

// With returns the mask with modality i present.
func (m Mask) With(i int) Mask { return m | 1<<i }

// Without returns the mask with modality i absent.
func (m Mask) Without(i int) Mask { return m &^ (1 << i) }

// Count returns the number of modalities present.
func (m Mask) Count() int { return bits.OnesCount16(uint16(m)) }

// All yields the places of the present modalities in order.
func (m Mask) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for r := m; r != 0; r &= r - 1 {
			if !yield(bits.TrailingZeros16(uint16(r))) {
				return
			}
		}
	}
}
