package checkpoint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// SchemaVersion is that of the files that this package writes, and the only one
// it reads.
const SchemaVersion = 1

// Checkpoint is a moment of a run.
type Checkpoint struct {
	State   State
	Tensors []Tensor // names are unique
}

// Tensor is a named array. A prefix that ends in a slash says what it is, as in
// "model/encoder.conv1.weight".
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32 // last index fastest
}

// State is what is not an array. Equal states have equal JSON.
type State struct {
	Step       int64               `json:"step"` // optimiser's steps that are done
	Epoch      int                 `json:"epoch"`
	Feeds      map[string]Position `json:"feeds"`      // where each feed of samples goes on: "train", "val"
	Seeds      map[string]uint64   `json:"seeds"`      // by purpose
	RNG        map[string][]byte   `json:"rng"`        // by purpose, as the generator marshals itself
	Modalities []string            `json:"modalities"` // in the data set's order
	Config     string              `json:"config"`     // SHA-256 of the run's configuration
	Manifest   string              `json:"manifest"`   // id of the data set
	Tool       string              `json:"tool"`       // version of the program
	More       json.RawMessage     `json:"more"`       // what else the caller needs; null if nothing
}

// Position is a place in a feed of samples.
type Position struct {
	Epoch int   `json:"epoch"`
	Skip  int64 `json:"skip"` // samples of the epoch that were taken
}

// CorruptError says that a file is no whole checkpoint.
type CorruptError struct {
	Path string
	Err  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("checkpoint: %s is damaged or no checkpoint: %v", e.Path, e.Err)
}

// Unwrap returns the reason.
func (e *CorruptError) Unwrap() error { return e.Err }

// Under returns the tensors whose names begin with prefix, in their order.
func (c *Checkpoint) Under(prefix string) []Tensor {
	var list []Tensor
	for _, t := range c.Tensors {
		if strings.HasPrefix(t.Name, prefix) {
			list = append(list, t)
		}
	}
	return list
}

// Copy copies the values of src to the tensors of dst that have the same names,
// in whatever order. Unless the two have just the same names and shapes it
// copies nothing, and the error says each name and shape that differs, up to
// ten.
func Copy(dst, src []Tensor) error {
	from := make(map[string]Tensor, len(src))
	for _, t := range src {
		from[t.Name] = t
	}
	var wrong []string
	for _, d := range dst {
		s, ok := from[d.Name]
		delete(from, d.Name)
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%s %v is missing", d.Name, d.Shape))
		case !slices.Equal(s.Shape, d.Shape) || len(s.Data) != len(d.Data):
			wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", d.Name, s.Shape, d.Shape))
		}
	}
	for _, s := range src {
		if _, ok := from[s.Name]; ok {
			wrong = append(wrong, fmt.Sprintf("%s %v is not wanted", s.Name, s.Shape))
		}
	}
	if n := len(wrong); n > 0 {
		if n > 10 {
			wrong = append(wrong[:10], fmt.Sprintf("and %d more", n-10))
		}
		return fmt.Errorf("checkpoint: of %d tensors, %d wanted, %d do not fit: %s", len(src), len(dst), n, strings.Join(wrong, "; "))
	}
	from = make(map[string]Tensor, len(src))
	for _, t := range src {
		from[t.Name] = t
	}
	for _, d := range dst {
		copy(d.Data, from[d.Name].Data)
	}
	return nil
}

func (s *State) encode() (string, error) {
	b, err := json.Marshal(s) // maps by key; More is made compact
	return string(b), err
}

func decodeState(text string) (State, error) {
	var s State
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&s)
	if string(s.More) == "null" {
		s.More = nil
	}
	return s, err
}
