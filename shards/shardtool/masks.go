package shardtool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/missing"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// Masks writes, as CSV, which modalities each training subject of a data set
// keeps under a policy: "none" (what is recorded), "rate:audio=10",
// "random-drop" or "file:masks.csv", as missing.Parse reads them. Others can
// then train on the same masks, with lacuna ingest --missing file:masks.csv or
// their own tools. There must be one data set at dirs or below. A subject
// without any modality is left out.
func Masks(ctx context.Context, w io.Writer, dirs []string, policy string, seed uint64) error {
	told := false
	return eachOpen(ctx, dirs, func(dir string, headings bool, r *shards.Reader) error {
		if headings {
			if told {
				return nil
			}
			told = true
			return errors.New("a list of masks is of one data set, and there are several: name one")
		}
		set := r.Manifest().Set()
		subjects, present, err := training(ctx, r)
		if err != nil {
			return err
		}
		hide, err := parsePolicy(policy, set, subjects, seed)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		t := missing.Table{}
		for _, s := range subjects {
			if keep := hide(s.Key, present[s.Key]); keep != 0 {
				t[s.Key.Subject] = keep
			}
		}
		return t.WriteCSV(w, set)
	})
}

// training returns the subjects of train in the order of their rows, and what
// any of their samples has.
func training(ctx context.Context, r *shards.Reader) ([]ingest.Subject, map[ingest.Key]modality.Mask, error) {
	var subjects []ingest.Subject
	present := map[ingest.Key]modality.Mask{}
	for s, err := range r.Samples(ctx, shards.Query{Split: split.Train}) {
		if err != nil {
			return nil, nil, err
		}
		if _, ok := present[s.Subject.Key]; !ok {
			subjects = append(subjects, s.Subject)
		}
		present[s.Subject.Key] |= s.Present
	}
	if len(subjects) == 0 {
		return nil, nil, errors.New("no training rows: there is nothing to mask")
	}
	return subjects, present, nil
}

func parsePolicy(policy string, set modality.Set, subjects []ingest.Subject, seed uint64) (missing.Policy, error) {
	fixed := map[string]split.Split{} // where the shards have them already
	for _, s := range subjects {
		fixed[s.Group] = split.Train
	}
	a, err := split.Assign(subjects, split.Plan{Fixed: fixed})
	if err != nil {
		return nil, err
	}
	return missing.Parse(policy, missing.Env{Modalities: set, Subjects: subjects, Assignment: a, Seed: seed,
		Open: func(name string) (io.ReadCloser, error) { return os.Open(name) }})
}
