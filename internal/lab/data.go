package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/preprocess"
	"github.com/lacuna-ml/lacuna/preprocess/pipeline"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/missing"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train"
)

// Data is a data set of shards, and what it is of.
type Data struct {
	Dir      string
	Set      datasets.Dataset
	Manifest *shards.Manifest
	Reader   *shards.Reader
}

// Open opens the named splits of the data set at dir; the files of others are
// not touched.
func Open(dir string, registry *datasets.Registry, only ...split.Split) (*Data, error) {
	r, err := shards.Open(dir, only...)
	if err != nil {
		return nil, err
	}
	m := r.Manifest()
	d, err := registry.Lookup(m.Dataset)
	if err != nil {
		_ = r.Close() // the look-up's error says more
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if !m.Set().Equal(d.Modalities) {
		_ = r.Close()
		return nil, fmt.Errorf("%s has the modalities %v, %s is %v: ingest it again", dir, m.Modalities, d.Name, d.Modalities.Names())
	}
	return &Data{dir, d, m, r}, nil
}

// Close closes the shards. Samples must not be used any more.
func (d *Data) Close() error { return d.Reader.Close() }

// stream is how the samples of a split become those of a feed.
type stream struct {
	data    *Data
	split   split.Split
	seed    uint64
	shuffle bool
	hide    missing.Policy
	only    modality.Mask
	stages  []preprocess.Stage
	workers int
}

// feed returns the stream as a feed.
func (s stream) feed() (train.Feed, error) {
	info := s.data.Manifest.Split(s.split)
	if info.Unlabelled > 0 {
		return train.Feed{}, fmt.Errorf("%s: %d of %d samples of %s have no target: ingest the data set without them (--split-file leaves subjects out)",
			s.data.Dir, info.Unlabelled, info.Samples, s.split)
	}
	return train.Feed{Len: int(s.data.Reader.Rows(s.split)), Samples: s.samples}, nil
}

func (s stream) samples(ctx context.Context, epoch, skip int) iter.Seq2[*ingest.Sample, error] {
	rows := s.data.Reader.Samples(ctx, shards.Query{Split: s.split, Shuffle: s.shuffle, Seed: s.seed, Epoch: epoch, Skip: int64(skip)})
	seed := s.seed + uint64(epoch)*0x9e3779b97f4a7c15 // another draw every epoch
	return pipeline.FlatMap(ctx, s.workers, rows, func(ctx context.Context, in *ingest.Sample, emit func(*ingest.Sample) bool) error {
		keep := in.Present & s.only
		if s.hide != nil {
			keep = s.hide(in.Key, keep)
		}
		if keep == 0 {
			return fmt.Errorf("%s: nothing of it is left to see", in.Key)
		}
		in.Present = keep
		for i := range in.Inputs {
			if !keep.Has(i) {
				in.Inputs[i] = ingest.Array{}
			}
		}
		return preprocess.Apply(ctx, s.stages, seed, in, emit)
	})
}

// policy parses a policy of missing modalities for the training samples. The
// subjects, which a rate counts by class, are those of the training shards.
func (d *Data) policy(ctx context.Context, text string, seed uint64) (missing.Policy, error) {
	if text == "none" || text == "" {
		return nil, nil
	}
	var subjects []ingest.Subject
	seen := map[string]bool{}
	for s, err := range d.Reader.Samples(ctx, shards.Query{Split: split.Train}) {
		if err != nil {
			return nil, err
		}
		if !seen[s.Key.Subject] {
			seen[s.Key.Subject] = true
			subjects = append(subjects, s.Subject)
		}
	}
	list, err := os.ReadFile(filepath.Join(d.Dir, shards.SplitsName)) // which Open has verified
	if err != nil {
		return nil, err
	}
	a, err := split.ReadCSV(bytes.NewReader(list), subjects)
	if err != nil {
		return nil, err
	}
	p, err := missing.Parse(text, missing.Env{
		Modalities: d.Set.Modalities, Subjects: subjects, Assignment: a, Seed: seed,
		Open: func(name string) (io.ReadCloser, error) { return os.Open(filepath.Clean(name)) },
	})
	if err != nil {
		return nil, &SpecError{err}
	}
	return p, nil
}

// covers errs where samples of a split have none of the modalities only.
func (d *Data) covers(sp split.Split, only modality.Mask) error {
	info, none := d.Manifest.Split(sp), int64(0)
	for _, m := range info.Masks {
		has, err := d.Set.Modalities.Parse(m.Mask)
		if err != nil {
			return fmt.Errorf("%s: %w", d.Dir, err)
		}
		if has&only == 0 {
			none += m.Samples
		}
	}
	if none > 0 {
		return fmt.Errorf("%d of %d samples of %s have nothing of %s: use more modalities, or ingest the data set without them (--split-file leaves subjects out)",
			none, info.Samples, sp, d.Set.Modalities.Format(only))
	}
	return nil
}

// mask returns the modalities of that name, all where there is none.
func (d *Data) mask(names []string) (modality.Mask, error) {
	if len(names) == 0 {
		return d.Set.Modalities.Full(), nil
	}
	return d.Set.Modalities.Parse(strings.Join(names, "+"))
}
