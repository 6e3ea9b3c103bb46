package avdigits

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"sync"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// The modalities' places.
const (
	image = iota
	audio
)

// name is the data set's.
const name = "avdigits"

var modalities = modality.MustSet("image", "audio")

// Dataset is Audiovision-MNIST.
var Dataset = datasets.Dataset{
	Name:    name,
	Title:   "Audiovision-MNIST: spoken digits (FSDD) paired with written ones (MNIST)",
	License: "FSDD: CC BY-SA 4.0 (github.com/Jakobovski/free-spoken-digit-dataset); MNIST: CC BY-SA 3.0 (yann.lecun.com/exdb/mnist)",
	Citation: "Ma et al., SMIL: Multimodal Learning with Severely Missing Modality, AAAI 2021 (the pairs); " +
		"Jackson et al., Free Spoken Digit Dataset; LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 1998",
	Modalities: modalities,
	Kinds:      []datasets.Kind{datasets.Image, datasets.Waveform},
	Shapes:     [][]int{{side, side}, nil},
	Task:       datasets.Classification,
	Classes:    []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
	Inputs:     inputs,
	Options:    options,
	Open:       open,
}

// What open needs of Dataset is apart from it, since a variable can't refer to
// itself by way of its function.
var (
	inputs = []datasets.Input{
		{Name: "audio", Help: "folder with FSDD's <digit>_<speaker>_<index>.wav, itself or up to four levels below"},
		{Name: "images", Help: "folder with MNIST's IDX files, .gz or not, itself or up to four levels below"},
	}
	options = []datasets.Option{{
		Name:   "pairing",
		Help:   "paper: the 1,500 published pairs of jackson, nicolas and theo; full: every clip there is",
		Values: []string{"paper", "full"},
	}}
)

// source is the opened data set. Labels are read at the first need and images
// at the first Load; neither changes afterwards.
type source struct {
	in       map[string]fs.FS
	sets     [2]mnist // train and test
	pairs    func() (*pairing, error)
	pictures [2]func() (*pictures, error) // of the train and the test set
}

func open(ctx context.Context, in map[string]fs.FS, opts map[string]string) (ingest.Source, error) {
	which, err := datasets.Dataset{Name: name, Options: options}.Option(opts, "pairing")
	if err != nil {
		return nil, err
	}
	for _, i := range inputs {
		if in[i.Name] == nil {
			return nil, fmt.Errorf("%s: no input %q: want the %s", name, i.Name, i.Help)
		}
	}
	clips, err := findClips(ctx, in["audio"])
	if err != nil {
		return nil, fmt.Errorf("%s: audio: %w", name, err)
	}
	sets, err := findMNIST(ctx, in["images"])
	if err != nil {
		return nil, fmt.Errorf("%s: images: %w", name, err)
	}
	s := &source{in: in, sets: sets}
	if which == "paper" {
		if err := clips.checkPaper(); err != nil {
			return nil, fmt.Errorf("%s: audio: %w", name, err)
		}
	}
	s.pairs = sync.OnceValues(func() (*pairing, error) { return pair(which, clips, sets, in["images"]) })
	for i, set := range sets {
		s.pictures[i] = sync.OnceValues(func() (*pictures, error) { return readPictures(in["images"], set) })
	}
	return s, nil
}

func (s *source) Modalities() modality.Set { return modalities }

func (s *source) Subjects(ctx context.Context) iter.Seq2[ingest.Subject, error] {
	return func(yield func(ingest.Subject, error) bool) {
		if ctx.Err() != nil {
			yield(ingest.Subject{}, context.Cause(ctx))
			return
		}
		p, err := s.pairs()
		if err != nil {
			yield(ingest.Subject{}, err)
			return
		}
		for _, one := range p.list {
			if ctx.Err() != nil {
				yield(ingest.Subject{}, context.Cause(ctx))
				return
			}
			if !yield(one.subject, nil) {
				return
			}
		}
	}
}
