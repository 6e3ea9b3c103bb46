package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/npy"
)

// voxelLimit is the most voxel memory that the small tools take: far beyond any
// scan, below what a lie in a header could ask for.
const voxelLimit = 4 << 30

type niftiCmd struct {
	File   string `arg:"" help:"A .nii, .nii.gz, or .hdr with its .img."`
	Header bool   `help:"Read the header only, not the voxels."`
	Npy    string `placeholder:"FILE" help:"Write the scaled voxels as float32 .npy, shape reversed to ..., z, y, x."`
}

func (niftiCmd) Help() string {
	return `Examples:
  lacuna nifti BraTS20_Training_001_flair.nii.gz
  lacuna nifti --npy flair.npy BraTS20_Training_001_flair.nii.gz

Prints JSON: shape, type, spacing, affine, orientation, and the voxels' range.
The whole file is read, so that a broken one is found, unless --header is given.

EXIT STATUS
  0 good, 1 error, 2 wrong usage, 3 corrupt data`
}

type niftiInfo struct {
	File        string        `json:"file"`
	Version     int           `json:"version"`
	Shape       []int         `json:"shape_xyz"`
	Type        string        `json:"dtype"`
	Zooms       []number      `json:"spacing_mm"`
	Orientation string        `json:"orientation"`
	Affine      [4][4]float64 `json:"affine"`
	Voxels      *voxelInfo    `json:"voxels,omitempty"`
}

type voxelInfo struct {
	N         int     `json:"n"`
	NonZero   int     `json:"nonzero"`
	NonFinite int     `json:"nonfinite"`
	Min       float64 `json:"min"` // of the finite ones, as are max and mean
	Max       float64 `json:"max"`
	Mean      float64 `json:"mean"`
}

func (c *niftiCmd) Run(a *app) error {
	dir, name := filepath.Split(filepath.Clean(c.File))
	if dir == "" {
		dir = "."
	}
	if err := regular(c.File); err != nil {
		return err
	}
	var h *nifti.Header
	var data []float32
	if c.Header {
		f, err := os.Open(filepath.Clean(c.File))
		if err != nil {
			return err
		}
		defer f.Close()
		if h, err = nifti.DecodeHeader(f); err != nil {
			return corrupt(c.File, err)
		}
	} else {
		im, err := nifti.ReadFile(os.DirFS(dir), name, voxelLimit)
		if err != nil {
			return corrupt(c.File, err)
		}
		h, data = im.Header, im.Data
	}
	info := niftiInfo{c.File, h.Version, h.Shape(), h.Type.String(), numbers(h.Zooms()), h.Orientation(), h.Affine(), nil}
	if data != nil {
		info.Voxels = describe(data)
	}
	if c.Npy != "" {
		if data == nil {
			return cli.Usagef("--npy needs the voxels, --header leaves them out")
		}
		if err := writeNpy(c.Npy, reversed(h.Shape()), data); err != nil {
			return err
		}
	}
	return writeJSON(a.stdout, info)
}

// number is a float64 that JSON can't always hold: NaN and Inf are null.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

func numbers(v []float64) []number {
	out := make([]number, len(v))
	for i, f := range v {
		out[i] = number(f)
	}
	return out
}

func describe(data []float32) *voxelInfo {
	v := &voxelInfo{N: len(data), Min: math.Inf(1), Max: math.Inf(-1)}
	sum, n := 0.0, 0
	for _, f := range data {
		x := float64(f)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			v.NonFinite++
			continue
		}
		if x != 0 {
			v.NonZero++
		}
		v.Min, v.Max = min(v.Min, x), max(v.Max, x)
		sum += x
		n++
	}
	if n == 0 {
		v.Min, v.Max = 0, 0
		return v
	}
	v.Mean = sum / float64(n)
	return v
}

func reversed(shape []int) []int {
	out := make([]int, len(shape))
	for i, n := range shape {
		out[len(shape)-1-i] = n
	}
	return out
}

// writeNpy writes data whole or not at all.
func writeNpy(path string, shape []int, data []float32) error {
	var b bytes.Buffer
	if err := npy.Write(&b, shape, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, b.Bytes(), 0o644)
}
