package shards

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// The tasks that a target may be for.
const (
	Classification = "classification" // one class a sample
	Segmentation   = "segmentation"   // one class a voxel
)

// The types that tensors are stored as. They are read as float32 always.
const (
	Float32 = "float32"
	Float16 = "float16" // IEEE 754 half, rounded to nearest even
)

// The ways that record batches are compressed.
const (
	None = "none"
	LZ4  = "lz4"
	ZSTD = "zstd"
)

// The bounds of a data set: a writer refuses to exceed them and a reader to
// allocate for more.
const (
	MaxDims       = 8       // dimensions of a tensor
	MaxBatchBytes = 1 << 30 // one record batch uncompressed, so also one sample
	maxClasses    = 256     // what a uint8 tells apart
	maxText       = 4096    // bytes of a name, an id, a policy
	maxConfig     = 1 << 20
	maxManifest   = 64 << 20
	maxSplitsCSV  = 128 << 20
	maxList       = 1 << 16 // files, batches of a file, definitions
)

// Meta says what a data set is. It goes into the manifest, and decides the
// schema of the files.
type Meta struct {
	Dataset    string // that of every sample's key
	Modalities modality.Set
	Task       string   // Classification or Segmentation
	Classes    []string // names of the target's values, in order

	// Shapes has the shape that every sample has, a modality; nil where it
	// differs from sample to sample, and Shapes itself nil where all do.
	Shapes [][]int
	// TargetShape is the shape of every label map, nil where it differs. A
	// class has none.
	TargetShape []int

	Config      json.RawMessage // the run's configuration, any JSON; may be empty
	Seed        uint64
	Tool        string // name and version of the program
	Definitions []string
	SplitPolicy string
	MaskPolicy  string
}

// Options says how a data set is written. The zero value is good.
type Options struct {
	// Overwrite lets Create be called for a directory that holds a data set.
	// It stays as it is until Commit, which swaps the new one in.
	Overwrite   bool
	DType       string // Float32 (default) or Float16; a value that would round to infinity, from ±65520, is then an error
	Compression string // None (default: read without a copy), LZ4 or ZSTD
	FileBytes   int64  // a file is closed once it is this long; 0 is 256 MiB
	BatchBytes  int64  // a record batch is written once it is this long; 0 is 8 MiB, at most [MaxBatchBytes]/2
	// NoTensorTag leaves out arrow.fixed_shape_tensor, which Hugging Face
	// datasets and older versions of polars can't read.
	// The shape is in the field's metadata "lacuna.shape" all the same.
	NoTensorTag bool

	wrap func(name string, f file) file // tests break files with it
}

func (o Options) validate() (Options, error) {
	o.DType = cmp.Or(o.DType, Float32)
	o.Compression = cmp.Or(o.Compression, None)
	o.FileBytes = cmp.Or(o.FileBytes, 256<<20)
	o.BatchBytes = cmp.Or(o.BatchBytes, 8<<20)
	switch {
	case o.DType != Float32 && o.DType != Float16:
		return o, fmt.Errorf("shards: type %q is not float32 or float16", o.DType)
	case !slices.Contains([]string{None, LZ4, ZSTD}, o.Compression):
		return o, fmt.Errorf("shards: compression %q is not none, lz4 or zstd", o.Compression)
	case o.FileBytes < 0 || o.BatchBytes < 0 || o.BatchBytes > MaxBatchBytes/2:
		return o, fmt.Errorf("shards: file size %d or batch size %d out of range", o.FileBytes, o.BatchBytes)
	}
	return o, nil
}

// layout is what decides the columns of a file.
type layout struct {
	mods        modality.Set
	task        string
	classes     []string
	shapes      [][]int // one a modality
	target      []int
	half        bool
	compression string
	tag         bool
}

func (m Meta) layout(o Options) (layout, error) {
	l := layout{mods: m.Modalities, task: m.Task, classes: m.Classes, shapes: m.Shapes, target: m.TargetShape,
		half: o.DType == Float16, compression: o.Compression, tag: !o.NoTensorTag}
	if l.shapes == nil {
		l.shapes = make([][]int, m.Modalities.Len())
	}
	return l, l.validate()
}

func (l layout) validate() error {
	switch {
	case l.mods.Len() == 0:
		return fmt.Errorf("no modalities")
	case len(l.shapes) != l.mods.Len():
		return fmt.Errorf("%d shapes for %d modalities", len(l.shapes), l.mods.Len())
	case l.task != Classification && l.task != Segmentation:
		return fmt.Errorf("task %q is not classification or segmentation", l.task)
	case l.task == Classification && l.target != nil:
		return fmt.Errorf("a class has no shape, so the target can't have %v", l.target)
	case len(l.classes) == 0 || len(l.classes) > maxClasses:
		return fmt.Errorf("%d classes, want 1 to %d", len(l.classes), maxClasses)
	}
	for i, c := range l.classes {
		if !isText(c) || c == "" || slices.Contains(l.classes[:i], c) {
			return fmt.Errorf("class %d, %.80q: want distinct names of UTF-8", i, c)
		}
	}
	var total int64
	for i, s := range append(slices.Clone(l.shapes), l.target) {
		n, err := elements(s)
		if err != nil {
			return fmt.Errorf("shape %d, %v: %w", i, s, err)
		}
		total += 4 * n
	}
	if total > MaxBatchBytes/2 {
		return fmt.Errorf("a sample would take %d bytes, at most %d are allowed: store patches", total, MaxBatchBytes/2)
	}
	reserved := columnNames(l.task)
	for _, n := range l.mods.Names() {
		if slices.Contains(reserved, n) || l.mods.Index(n+"_shape") >= 0 {
			return fmt.Errorf("modality %q would share the name of another column: rename it", n)
		}
	}
	return nil
}

// elements returns the product of a shape: 0 for a nil one.
func elements(shape []int) (int64, error) {
	if shape == nil {
		return 0, nil
	}
	if len(shape) == 0 || len(shape) > MaxDims {
		return 0, fmt.Errorf("%d dimensions, want 1 to %d", len(shape), MaxDims)
	}
	n := int64(1)
	for _, d := range shape {
		if d < 1 || d > math.MaxInt32 {
			return 0, fmt.Errorf("dimension %d, want 1 to %d", d, math.MaxInt32)
		}
		if n *= int64(d); n > MaxBatchBytes {
			return 0, fmt.Errorf("more than %d elements", MaxBatchBytes)
		}
	}
	return n, nil
}

func isText(s string) bool { return len(s) <= maxText && utf8.ValidString(s) }
