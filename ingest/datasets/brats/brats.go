package brats

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

const (
	name          = "brats"
	inputName     = "in"
	releaseOption = "release"
)

// Dataset is BraTS, 2017 to 2025, and the Decathlon's Task01.
var Dataset = datasets.Dataset{
	Name:     name,
	Title:    "Brain Tumour Segmentation: four MRI contrasts and a tumour's label map (BraTS 2017-2025, Medical Decathlon Task01)",
	License:  "by release, under a data use agreement: https://www.synapse.org/brats (Decathlon: CC BY-SA 4.0)",
	Citation: "Menze et al., The Multimodal Brain Tumor Image Segmentation Benchmark (BRATS), IEEE TMI 34(10), 2015; and the paper of the release",

	Modalities: modalities,
	Kinds:      []datasets.Kind{datasets.Volume, datasets.Volume, datasets.Volume, datasets.Volume},
	Task:       datasets.Segmentation,
	Classes:    classNames(),
	Regions:    regions(),
	Inputs: []datasets.Input{
		{Name: inputName, Help: "a folder with the cases of one or more releases, at any depth up to 6; or one case"},
	},
	Options: options(),
	Open:    open,
	Numbers: numbers,
}

func options() []datasets.Option {
	return []datasets.Option{
		{Name: releaseOption, Values: releaseNames(), Help: "whose numbering the labels follow; auto tells it from the names of cases and folders"},
	}
}

type source struct {
	fsys   fs.FS
	order  []*found
	byName map[string]*found
	tables []string
	idle   shelf
}

func open(ctx context.Context, in map[string]fs.FS, opts map[string]string) (ingest.Source, error) {
	fsys := in[inputName]
	if fsys == nil {
		return nil, fmt.Errorf("brats: no input %q", inputName)
	}
	forced, err := datasets.Dataset{Name: name, Options: options()}.Option(opts, releaseOption)
	if err != nil {
		return nil, err
	}
	s := search{fsys: fsys}
	if named, ok := fsys.(interface{ Name() string }); ok {
		s.root = named.Name()
	}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	if err := s.finish(forced); err != nil {
		return nil, err
	}
	if len(s.cases) == 0 {
		deeper := ""
		if s.deeper != "" {
			deeper = fmt.Sprintf("; %s has folders below that were not looked at: give a folder nearer to the cases", s.deeper)
		}
		return nil, fmt.Errorf("brats: no case within %d folders of the root: a case is a folder with files like NAME_flair.nii.gz, NAME-t1c.nii.gz, NAME_seg.nii%s", maxDepth, deeper)
	}
	src := &source{fsys: fsys, order: s.cases, byName: make(map[string]*found, len(s.cases)), tables: s.tables}
	for _, c := range s.cases {
		src.byName[c.name] = c
	}
	return src, nil
}

func (s *source) Modalities() modality.Set { return modalities }

func (s *source) Subjects(ctx context.Context) iter.Seq2[ingest.Subject, error] {
	return func(yield func(ingest.Subject, error) bool) {
		names := map[string]mapping{}
		for _, t := range s.tables {
			if err := readMapping(s.fsys, t, names); err != nil {
				yield(ingest.Subject{}, err)
				return
			}
		}
		for _, c := range s.order {
			if ctx.Err() != nil {
				yield(ingest.Subject{}, context.Cause(ctx))
				return
			}
			row := names[c.name]
			sub := ingest.Subject{
				Key:      ingest.Key{Dataset: name, Subject: c.name},
				Group:    cmp.Or(row.patient, c.id.patient),
				Stratum:  cmp.Or(c.grade, row.grade),
				Class:    -1,
				Domain:   cmp.Or(row.site, c.id.site),
				Official: official(c.name, c.id, c.labelled()),
			}
			if !yield(sub, nil) {
				return
			}
		}
	}
}

func (s *source) Load(ctx context.Context, sub ingest.Subject) (*ingest.Sample, error) {
	p, err := s.LoadPacked(ctx, sub)
	if err != nil {
		return nil, err
	}
	defer p.Release()
	return p.Unpack(), nil
}

// LoadPacked is as [ingest.PackedSource] has it.
func (s *source) LoadPacked(ctx context.Context, sub ingest.Subject) (*ingest.Packed, error) {
	c := s.byName[sub.Key.Subject]
	if c == nil || sub.Key.Dataset != name {
		return nil, fmt.Errorf("brats: no subject %s", sub.Key)
	}
	l := loader{fsys: s.fsys, c: c, problems: slices.Clone(c.problems), warnings: slices.Clone(c.warnings), decoded: s.idle.take()}
	p, err := l.load(ctx)
	if err == nil && len(l.problems) > 0 {
		err = &ingest.SubjectError{Key: sub.Key, Problems: l.problems, Err: l.cause}
	}
	if err != nil {
		s.idle.give(l.decoded)
		return nil, err
	}
	p.Sample.Key, p.Sample.Subject = sub.Key, sub
	p.Free = func() { s.idle.give(l.decoded) }
	return p, nil
}
