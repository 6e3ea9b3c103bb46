package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/mfcc"
	"github.com/lacuna-ml/lacuna/preprocess"
	"github.com/lacuna-ml/lacuna/preprocess/audio"
	"github.com/lacuna-ml/lacuna/preprocess/patch"
	"github.com/lacuna-ml/lacuna/preprocess/volume"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// recipe is everything that decides a data set's bytes besides its source
// files and the seed. It stands in the manifest as the config.
type recipe struct {
	stageFlags

	Split       string `group:"Splits and masks" default:"auto" enum:"auto,stratified,hash,disjoint,paper" help:"How groups are put into train, val and test: stratified (the shares exact in every grade or digit), hash (adding subjects moves none), disjoint (unseen speakers or sites in test), paper (the published lists), or auto: paper where the lists place every subject, else stratified." json:"split"`
	Weights     string `group:"Splits and masks" default:"60/10/30" help:"Parts of train, val and test." json:"weights"`
	Missing     string `group:"Splits and masks" default:"none" help:"Modalities to hide in training: none, rate:MODALITY=PERCENT (it stays in that part), random-drop, or file:MASKS.csv." json:"missing"`
	DType       string `name:"dtype" group:"Shards" default:"float32" enum:"float32,float16" help:"Type of stored tensors: float32 or float16." json:"dtype"`
	Compression string `group:"Shards" default:"none" enum:"none,zstd,lz4" help:"Compression of shards: none (read in place), zstd or lz4." json:"compression"`
	TensorTag   bool   `group:"Shards" default:"true" negatable:"" help:"Tag tensor columns as arrow.fixed_shape_tensor; HF datasets and older polars need --no-tensor-tag." json:"tensor_tag"`
}

// stageFlags say what is done to a subject.
type stageFlags struct {
	Axes       string  `name:"orient" group:"Volumes" default:"LPS" help:"Orientation of every volume, as three of R/L, A/P, S/I." json:"orient"`
	Crop       bool    `group:"Volumes" default:"true" negatable:"" help:"Crop volumes to the brain." json:"crop"`
	Normalise  string  `group:"Volumes" default:"auto" enum:"auto,mckd,zscore-nonzero,zscore-joint" help:"Normalisation of volumes: mckd, zscore-nonzero, zscore-joint, or auto: mckd, but zscore-nonzero for a phantom too small for mckd's histogram." json:"normalise"`
	Size       size    `group:"Volumes" default:"32x64x64" help:"Patch size, D x H x W voxels; 0x0x0 with the policy whole keeps each volume's own." json:"size"`
	TrainPatch string  `group:"Volumes" default:"foreground" enum:"foreground,random,grid,whole" help:"How training patches are taken: foreground, random, grid or whole." json:"train_patch"`
	EvalPatch  string  `group:"Volumes" default:"grid" enum:"foreground,random,grid,whole" help:"The same for val and test." json:"eval_patch"`
	Patches    int     `group:"Volumes" default:"4" help:"Patches a case under foreground and random." json:"patches"`
	Overlap    float64 `group:"Volumes" default:"0.25" help:"Overlap of neighbouring patches under grid, as a part of their size: 0 to below 1." json:"overlap"`
	MFCC       string  `name:"mfcc" group:"Audio" default:"smil" help:"MFCC definition of waveforms: ${mfccs}; none keeps them." json:"mfcc"`
}

// autoChoice leaves a choice to what is known of the data.
const autoChoice = "auto"

// size is D x H x W voxels, written "32x64x64".
type size [3]int

func (z size) String() string { return fmt.Sprintf("%dx%dx%d", z[0], z[1], z[2]) }

// MarshalText writes 32x64x64.
func (z size) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// UnmarshalText reads 32x64x64, or 64 for a cube.
func (z *size) UnmarshalText(text []byte) error {
	parts := strings.Split(string(text), "x")
	if len(parts) == 1 {
		parts = []string{parts[0], parts[0], parts[0]}
	}
	if len(parts) != 3 {
		return fmt.Errorf("size %q: want DxHxW, like 32x64x64", text)
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return fmt.Errorf("size %q: want DxHxW, like 32x64x64", text)
		}
		z[i] = n
	}
	return nil
}

// weights reads "60/10/30".
func (r recipe) weights() (split.Weights, error) {
	parts := strings.Split(r.Weights, "/")
	var n [3]int
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 || len(parts) != len(n) {
			return split.Weights{}, cli.Usagef("weights %q: want three whole numbers, train/val/test, like 60/10/30", r.Weights)
		}
		n[i] = v
	}
	if n == [3]int{} {
		return split.Weights{}, cli.Usagef("weights %q leave nothing to any split", r.Weights)
	}
	return split.Weights{Train: n[0], Val: n[1], Test: n[2]}, nil
}

// stages returns the stages for the subjects of train, and those for the rest.
func (f stageFlags) stages(d datasets.Dataset) (train, eval []preprocess.Stage, err error) {
	whole, err := f.whole(d)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains(d.Kinds, datasets.Volume) {
		return whole, whole, nil
	}
	o := patch.Options{Size: f.Size, Overlap: f.Overlap, Count: f.Patches}
	for _, reg := range d.Regions {
		o.Regions = append(o.Regions, reg.Classes)
	}
	for _, into := range []struct {
		policy string
		stages *[]preprocess.Stage
	}{{f.TrainPatch, &train}, {f.EvalPatch, &eval}} {
		o.Policy = into.policy
		p, err := patch.New(o)
		if err != nil {
			return nil, nil, cli.Usagef("%w", err)
		}
		*into.stages = append(slices.Clone(whole), p)
	}
	return train, eval, nil
}

// whole returns the stages before any patch is cut: one sample in, one out.
func (f stageFlags) whole(d datasets.Dataset) ([]preprocess.Stage, error) {
	var stages []preprocess.Stage
	if slices.Contains(d.Kinds, datasets.Volume) {
		orient, err := volume.Orient(f.Axes)
		if err != nil {
			return nil, cli.Usagef("%w", err)
		}
		stages = append(stages, orient)
		if f.Crop {
			stages = append(stages, volume.Crop(0))
		}
		name := f.Normalise
		if name == autoChoice {
			name = "mckd"
		}
		norm, err := volume.Normalise(name)
		if err != nil {
			return nil, cli.Usagef("%w", err)
		}
		stages = append(stages, norm)
	}
	for i, kind := range d.Kinds {
		if kind != datasets.Waveform || f.MFCC == "none" {
			continue
		}
		c, err := mfcc.Lookup(f.MFCC)
		if err != nil {
			return nil, cli.Usagef("%w", err)
		}
		s, err := audio.MFCC(i, c)
		if err != nil {
			return nil, err
		}
		stages = append(stages, s)
	}
	return stages, nil
}

// choose returns the stages of a subject by its split.
func choose(train, eval []preprocess.Stage, of *split.Assignment) func(ingest.Subject) []preprocess.Stage {
	return func(s ingest.Subject) []preprocess.Stage {
		if sp, _ := of.Of(s); sp == split.Train {
			return train
		}
		return eval
	}
}

// shapes returns the shape of each modality's tensors as they will be stored,
// nil where it differs from sample to sample.
func (r recipe) shapes(d datasets.Dataset) [][]int {
	out := make([][]int, len(d.Kinds))
	for i, kind := range d.Kinds {
		if d.Shapes != nil {
			out[i] = d.Shapes[i]
		}
		switch {
		case kind == datasets.Volume && r.fixedSize():
			out[i] = r.Size[:]
		case kind == datasets.Waveform && r.MFCC != "none":
			out[i] = mfccShape(r.MFCC)
		}
	}
	return out
}

func (r recipe) targetShape(d datasets.Dataset) []int {
	if d.Task == datasets.Segmentation && r.fixedSize() {
		return r.Size[:]
	}
	return nil
}

// fixedSize reports whether every patch has the recipe's size: not so for
// whole volumes that keep their own.
func (r recipe) fixedSize() bool { return r.Size != size{} }

// mfccShape returns coefficients x frames, nil where the frames follow the
// signal.
func mfccShape(name string) []int {
	c, err := mfcc.Lookup(name)
	if err != nil {
		return nil // stages says so
	}
	if c, err = c.Resolve(); err != nil || c.Frames < 0 {
		return nil
	}
	return []int{c.Coefs, c.Frames}
}
