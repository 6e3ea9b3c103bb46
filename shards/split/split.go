package split

import "fmt"

// Split is one of the three parts of a data set. The zero Split is none of
// them.
type Split uint8

// The splits. Their numbers are stored in shards and never change.
const (
	Train Split = 1 + iota
	Val         // held out for the meta step
	Test
)

// String returns "train", "val" or "test".
func (s Split) String() string {
	switch s {
	case Train:
		return "train"
	case Val:
		return "val"
	case Test:
		return "test"
	}
	return fmt.Sprintf("Split(%d)", uint8(s))
}

// Parse is the inverse of [Split.String].
func Parse(text string) (Split, error) {
	for s := Train; s <= Test; s++ {
		if s.String() == text {
			return s, nil
		}
	}
	return 0, fmt.Errorf("split %q is not one of train, val, test", text)
}

// MarshalText returns the split's name.
func (s Split) MarshalText() ([]byte, error) {
	if s < Train || s > Test {
		return nil, fmt.Errorf("split %d has no name", uint8(s))
	}
	return []byte(s.String()), nil
}

// UnmarshalText is the inverse of [Split.MarshalText].
func (s *Split) UnmarshalText(text []byte) error {
	v, err := Parse(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}
