// Package datasets says what a data set is to Lacuna: plain data and one
// function that opens it. Each data set is a folder below this one; a third is
// one more folder (datasettest proves it, all lists it).
package datasets

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// Task is what a data set's targets are for.
type Task string

// The tasks.
const (
	Classification Task = "classification" // one class a sample
	Segmentation   Task = "segmentation"   // one class a voxel
)

// Kind is what a modality's arrays are, so that the right stages are put on
// them.
type Kind string

// The kinds.
const (
	Volume   Kind = "volume"   // D x H x W, in the scanner's units
	Image    Kind = "image"    // H x W, 0 to 1
	Waveform Kind = "waveform" // n samples of one channel, -1 to 1
)

// Dataset describes a data set and opens it.
type Dataset struct {
	Name     string // "brats": a modality-style name, also that of its folder
	Title    string // one line for people
	License  string // of the data, and where its terms are
	Citation string

	Modalities modality.Set
	Kinds      []Kind  // one a modality
	Shapes     [][]int // one a modality: the shape of every array as it is loaded; nil where it differs from subject to subject
	Task       Task
	Classes    []string // names of the target's values, in order
	Regions    []Region // what a segmentation is judged by; patches are drawn from them
	Inputs     []Input  // the folders that Open needs, at least one
	Options    []Option // what Open understands beyond them

	// Open returns the data set's source. in has one file system for each of
	// Inputs; opts has values for some of Options. It looks at names only.
	Open func(ctx context.Context, in map[string]fs.FS, opts map[string]string) (ingest.Source, error)

	// Numbers returns the value that each of Classes has in the data set's own
	// label maps, which may differ from release to release: a sample's Definitions
	// tell it. It returns nil where they do not. Numbers is nil where files hold
	// the classes themselves.
	Numbers func(definitions []string) []uint8
}

// Region is a named union of classes: "WT" is every class of tumour.
type Region struct {
	Name    string
	Classes []uint8
}

// Input is a folder that a data set reads.
type Input struct {
	Name string `json:"name"`
	Help string `json:"help"`
}

// Option is a named choice of a data set. Values lists what is allowed, the
// default first; empty means any text.
type Option struct {
	Name   string   `json:"name"`
	Help   string   `json:"help"`
	Values []string `json:"values"`
}

// Option returns the value of the named option in opts: its default where
// opts has none. It errs on a value that the data set does not allow, and
// panics when the data set has no such option.
func (d Dataset) Option(opts map[string]string, name string) (string, error) {
	i := slices.IndexFunc(d.Options, func(o Option) bool { return o.Name == name })
	if i < 0 {
		panic("datasets: " + d.Name + " has no option " + name)
	}
	o := d.Options[i]
	v, ok := opts[name]
	if !ok || v == "" {
		if len(o.Values) == 0 {
			return "", nil
		}
		return o.Values[0], nil
	}
	if len(o.Values) > 0 && !slices.Contains(o.Values, v) {
		return "", fmt.Errorf("%s: %s %q is not one of %s", d.Name, name, v, strings.Join(o.Values, ", "))
	}
	return v, nil
}

// Registry is a fixed list of data sets with distinct names.
type Registry struct{ sets []Dataset }

// NewRegistry returns the registry of ds, sorted by name. There is no global
// one: all.Registry returns that of the folders below this package.
func NewRegistry(ds ...Dataset) (*Registry, error) {
	r := &Registry{slices.Clone(ds)}
	slices.SortFunc(r.sets, func(a, b Dataset) int { return strings.Compare(a.Name, b.Name) })
	for i, d := range r.sets {
		switch {
		case d.Name == "" || d.Open == nil || len(d.Inputs) == 0:
			return nil, fmt.Errorf("datasets: %q needs a name, an Open and an input", d.Name)
		case len(d.Kinds) != d.Modalities.Len() || len(d.Shapes) != 0 && len(d.Shapes) != d.Modalities.Len():
			return nil, fmt.Errorf("datasets: %s: %d kinds and %d shapes for %d modalities", d.Name, len(d.Kinds), len(d.Shapes), d.Modalities.Len())
		case i > 0 && r.sets[i-1].Name == d.Name:
			return nil, fmt.Errorf("datasets: %s stands twice", d.Name)
		}
	}
	return r, nil
}

// All returns the data sets, sorted by name.
func (r *Registry) All() []Dataset { return slices.Clone(r.sets) }

// Lookup returns the data set of that name, or an error that lists what there
// is.
func (r *Registry) Lookup(name string) (Dataset, error) {
	names := make([]string, len(r.sets))
	for i, d := range r.sets {
		if d.Name == name {
			return d, nil
		}
		names[i] = d.Name
	}
	return Dataset{}, fmt.Errorf("no data set %q: there are %s", name, strings.Join(names, ", "))
}
