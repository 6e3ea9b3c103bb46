package datasettest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// Run fails t with every promise that d breaks on the given files. in and opts
// are those of d.Open; in is read many times, and never written.
func Run(t *testing.T, d datasets.Dataset, in map[string]fs.FS, opts map[string]string) {
	t.Helper()
	for _, err := range Check(t.Context(), d, in, opts) {
		t.Error(err)
	}
}

// Check is Run without a test: it returns what d breaks, nil for nothing.
func Check(ctx context.Context, d datasets.Dataset, in map[string]fs.FS, opts map[string]string) []error {
	k := &kit{d: d, in: in, opts: opts}
	k.description()
	if len(k.errs) > 0 {
		return k.errs // what follows would only repeat it
	}
	k.open(ctx)
	if len(k.errs) > 0 {
		return k.errs
	}
	k.load(ctx)
	if len(k.errs) > 0 {
		return k.errs
	}
	k.together(ctx)
	k.cancelled(ctx)
	k.broken(ctx)
	return k.errs
}

// maxLoaded is how many subjects are loaded, spread over the list.
const maxLoaded = 16

type kit struct {
	d    datasets.Dataset
	in   map[string]fs.FS
	opts map[string]string
	errs []error

	src      ingest.Source
	subjects []ingest.Subject
	reads    map[string]map[string]int64 // bytes that Open and Subjects read, by input and path
	loaded   []loaded
}

// loaded is what is kept of a sample.
type loaded struct {
	subject ingest.Subject
	present modality.Mask
	sources []ingest.File
	digest  string
}

func (k *kit) errorf(format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf("datasettest: "+format, args...))
}

// description checks what needs no file.
func (k *kit) description() {
	d := k.d
	if _, err := datasets.NewRegistry(d); err != nil {
		k.errorf("%w", err)
		return
	}
	if _, err := modality.NewSet(d.Name); err != nil {
		k.errorf("name %q is not a name in the style of a modality", d.Name)
	}
	if d.Title == "" || d.License == "" || d.Citation == "" {
		k.errorf("title, licence and citation: one is empty")
	}
	if d.Modalities.Len() == 0 {
		k.errorf("no modalities")
	}
	for i, kind := range d.Kinds {
		want := rank(kind)
		if want == 0 {
			k.errorf("%s: no kind %q", d.Modalities.Name(i), kind)
		}
		if len(d.Shapes) > 0 && d.Shapes[i] != nil && len(d.Shapes[i]) != want {
			k.errorf("%s: shape %v for a %s", d.Modalities.Name(i), d.Shapes[i], kind)
		}
	}
	if d.Task != datasets.Classification && d.Task != datasets.Segmentation {
		k.errorf("no task %q", d.Task)
	}
	k.unique("class", d.Classes)
	if n := len(d.Classes); n < 2 || n > 256 {
		k.errorf("%d classes: want 2 to 256", n)
	}
	var names []string
	for _, r := range d.Regions {
		names = append(names, r.Name)
		for _, c := range r.Classes {
			if int(c) >= len(d.Classes) {
				k.errorf("region %s has class %d of %d", r.Name, c, len(d.Classes))
			}
		}
	}
	k.unique("region", names)
	names = nil
	for _, in := range d.Inputs {
		names = append(names, in.Name)
		if k.in[in.Name] == nil {
			k.errorf("the test gives no input %q", in.Name)
		}
	}
	k.unique("input", names)
	names = nil
	for _, o := range d.Options {
		names = append(names, o.Name)
		k.unique("value of option "+o.Name, o.Values)
	}
	k.unique("option", names)
}

func (k *kit) unique(what string, names []string) {
	for i, n := range names {
		if n == "" {
			k.errorf("%s %d has no name", what, i)
		}
		if slices.Contains(names[:i], n) {
			k.errorf("%s %q stands twice", what, n)
		}
	}
}

// rank is the number of dimensions of a kind's arrays, 0 for no kind.
func rank(kind datasets.Kind) int {
	switch kind {
	case datasets.Volume:
		return 3
	case datasets.Image:
		return 2
	case datasets.Waveform:
		return 1
	}
	return 0
}

// open checks Open and Subjects.
func (k *kit) open(ctx context.Context) {
	counted := map[string]fs.FS{}
	k.reads = map[string]map[string]int64{}
	counters := map[string]*countingFS{}
	for name, fsys := range k.in {
		c := &countingFS{FS: fsys, reads: map[string]int64{}}
		counted[name], counters[name] = c, c
	}
	src, err := k.d.Open(ctx, counted, k.opts)
	if err != nil {
		k.errorf("opening: %w", err)
		return
	}
	if !src.Modalities().Equal(k.d.Modalities) {
		k.errorf("the source has modalities %v, the description %v", src.Modalities().Names(), k.d.Modalities.Names())
	}
	first, err1 := list(ctx, src)
	second, err2 := list(ctx, src)
	if err := errors.Join(err1, err2); err != nil {
		k.errorf("listing the subjects: %w", err)
		return
	}
	if !slices.Equal(first, second) {
		k.errorf("Subjects gives another list the second time")
	}
	if len(first) == 0 {
		k.errorf("no subjects")
	}
	seen := map[ingest.Key]bool{}
	for _, s := range first {
		k.subject(s)
		if seen[s.Key] {
			k.errorf("subject %s stands twice", s.Key)
		}
		seen[s.Key] = true
	}
	for name, c := range counters {
		k.reads[name] = c.snapshot()
	}
	// Loaded from what the test gave: the counters have done their work.
	if k.src, err = k.d.Open(ctx, k.in, k.opts); err != nil {
		k.errorf("opening a second time: %w", err)
		return
	}
	k.subjects = first
	if again, err := list(ctx, k.src); err != nil || !slices.Equal(first, again) {
		k.errorf("opened a second time, Subjects gives another list (error %v)", err)
	}
	for range src.Subjects(ctx) {
		break // must stop without a panic
	}
}

func (k *kit) subject(s ingest.Subject) {
	if s.Key.Dataset != k.d.Name || s.Key.Subject == "" || s.Key.Part != "" {
		k.errorf("subject %s: its key is not {%s, a name, no part}", s.Key, k.d.Name)
	}
	if s.Group == "" {
		k.errorf("subject %s has no group", s.Key)
	}
	if s.Class < -1 || s.Class >= len(k.d.Classes) {
		k.errorf("subject %s: class %d of %d", s.Key, s.Class, len(k.d.Classes))
	}
	if !slices.Contains([]string{"", "train", "val", "test"}, s.Official) {
		k.errorf("subject %s: official split %q", s.Key, s.Official)
	}
}

func list(ctx context.Context, src ingest.Source) ([]ingest.Subject, error) {
	var out []ingest.Subject
	for s, err := range src.Subjects(ctx) {
		if err != nil {
			return out, err
		}
		out = append(out, s)
	}
	return out, nil
}
