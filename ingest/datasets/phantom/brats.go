package phantom

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

// BraTSOptions says which cases [WriteBraTS] makes. The zero value is a good
// one.
type BraTSOptions struct {
	// Cases is the number of cases, 1 to 10,000; 0 is 10. A quarter of the
	// patients are low-grade, and the fourth case of every ten is a second scan
	// of the patient before.
	Cases int
	Seed  uint64
	// Size is the number of voxels in x, y, z, 16 to 512 each; zero is 64, 64,
	// 48. BraTS has 240, 240, 155. Whatever it is, the voxels cover the same
	// field: see Tight.
	Size [3]int
	// Tight makes the field 172 x 204 x 155 mm, which a large head just fits: for
	// small volumes that are not all air. Else it is BraTS's, 240 x 240 x 155 mm.
	Tight bool
	// MissingRate is the part of the cases, 0 to 1, that lack one of the four
	// contrasts, whose file is then not written. Which one is drawn.
	MissingRate float64
}

func (o *BraTSOptions) validate() error {
	if o.Cases == 0 {
		o.Cases = 10
	}
	if o.Size == [3]int{} {
		o.Size = [3]int{64, 64, 48}
	}
	if o.Cases < 1 || o.Cases > 10_000 {
		return fmt.Errorf("phantom: %d cases, want 1 to 10000", o.Cases)
	}
	for i, n := range o.Size {
		if n < 16 || n > 512 {
			return fmt.Errorf("phantom: %d voxels in %c, want 16 to 512", n, 'x'+i)
		}
	}
	if !(o.MissingRate >= 0 && o.MissingRate <= 1) {
		return fmt.Errorf("phantom: missing rate %v, want 0 to 1", o.MissingRate)
	}
	return nil
}

// bratsCase is one scan of one patient.
type bratsCase struct {
	patient, scan int // from 1
	lgg           bool
	missing       int // the contrast without a file, or -1
}

func (c bratsCase) name() string {
	return fmt.Sprintf("Brats18_PHANTOM_%03d_%d", c.patient, c.scan)
}

func (c bratsCase) folder() string {
	if c.lgg {
		return path.Join("LGG", c.name())
	}
	return path.Join("HGG", c.name())
}

// file returns the path of one of the case's files, from the root.
func (c bratsCase) file(suffix string) string {
	return path.Join(c.folder(), c.name()+"_"+suffix+".nii.gz")
}

func (o *BraTSOptions) cases() []bratsCase {
	cases := make([]bratsCase, 0, o.Cases)
	patient := 0
	for i := range o.Cases {
		c := bratsCase{scan: 1, missing: -1}
		if i%10 == 3 {
			c.scan = 2
		} else {
			patient++
		}
		c.patient = patient
		c.lgg = patient%4 == 2
		// Evenly spread, so that few cases have their share too. A millionth makes
		// up for rates that are no binary fraction.
		if share := func(n int) int { return int(float64(n)*o.MissingRate + 1e-6) }; share(i+1) > share(i) {
			c.missing = newRand(o.Seed, "brats/missing/"+c.name()).IntN(len(contrasts))
		}
		cases = append(cases, c)
	}
	return cases
}

// WriteBraTS makes cases below dir in the layout of BraTS 2018:
//
//	HGG/Brats18_PHANTOM_001_1/Brats18_PHANTOM_001_1_flair.nii.gz, _t1, _t1ce, _t2, _seg
//	LGG/...
//
// Files are int16 in LPS with the geometry of BraTS. dir is made where it isn't
// there; a file that is there already is written anew, and it is an error if HGG
// or LGG hold any other. Each file is whole or absent; when ctx ends, WriteBraTS
// stops between two of them or sooner.
func WriteBraTS(ctx context.Context, dir string, o BraTSOptions) error {
	if err := o.validate(); err != nil {
		return err
	}
	cases := o.cases()
	planned := make(map[string]bool)
	for _, c := range cases {
		for m, suffix := range contrasts {
			planned[c.file(suffix)] = m != c.missing
		}
		planned[c.file("seg")] = true
	}
	if err := checkLeftovers(dir, []string{"HGG", "LGG"}, planned); err != nil {
		return err
	}
	v := newVolumes(o.Size, o.Tight)
	for _, c := range cases {
		if err := v.make(ctx, c, o.Seed); err != nil {
			return err
		}
		if err := v.write(ctx, dir, c); err != nil {
			return err
		}
	}
	return nil
}

// make fills the volumes with the case.
func (v *volumes) make(ctx context.Context, c bratsCase, seed uint64) error {
	who := fmt.Sprintf("brats/patient/%d", c.patient)
	b := newBrain(newRand(seed, who+"/brain"))
	t := newTumour(newRand(seed, who+"/tumour"), c.lgg)
	if c.scan > 1 {
		t = t.follow(newRand(seed, "brats/growth/"+c.name()))
	}
	for _, im := range v.images {
		clear(im)
	}
	clear(v.seg)
	return v.scan(ctx, b, t, newScanner(newRand(seed, "brats/scan/"+c.name())))
}

func (v *volumes) write(ctx context.Context, dir string, c bratsCase) error {
	if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(c.folder())), 0o777); err != nil {
		return fmt.Errorf("phantom: %w", err)
	}
	// BraTS's affine: x and y run against RAS, and the origin is in the last row.
	h := nifti.NewHeader(v.size[:], [4][4]float64{
		{-v.voxel.x, 0, 0, 0},
		{0, -v.voxel.y, 0, v.voxel.y * float64(v.size[1]-1)},
		{0, 0, v.voxel.z, 0},
		{0, 0, 0, 1},
	})
	one := func(suffix string, data []int16) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return writeFile(filepath.Join(dir, filepath.FromSlash(c.file(suffix))), func(w io.Writer) error {
			return nifti.EncodeGzip(w, h, data)
		})
	}
	for m, suffix := range contrasts {
		if m == c.missing {
			continue
		}
		if err := one(suffix, v.images[m]); err != nil {
			return err
		}
	}
	return one("seg", v.seg)
}
