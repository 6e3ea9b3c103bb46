package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/lacuna-ml/lacuna/ingest/datasets/phantom"
	"github.com/lacuna-ml/lacuna/internal/cli"
)

// phantomFlags say how much of the phantom is made.
type phantomFlags struct {
	Cases       int      `group:"Phantom" default:"12" placeholder:"N" help:"Brains to make (${default})."`
	Voxels      size     `group:"Phantom" default:"48x64x64" help:"Their size, D x H x W; BraTS is 155x240x240."`
	Tight       bool     `group:"Phantom" default:"true" negatable:"" help:"Let the voxels cover the head alone, not all of BraTS's field of view."`
	MissingRate float64  `group:"Phantom" default:"0.1" placeholder:"P" help:"Part of the brains that lack a modality (${default})."`
	Takes       int      `group:"Phantom" default:"5" placeholder:"N" help:"Clips of each digit and speaker to make (${default})."`
	Kinds       []string `group:"Phantom" default:"brats,avdigits" enum:"brats,avdigits" placeholder:"KIND,..." help:"What to make: ${default}."`
}

// mckdVoxels is how large a volume must be that mckd's rule, a bin of 50 voxels
// for every unit of intensity, leaves the bright rim of a tumour alone.
const mckdVoxels = 2 << 20

// runPhantom makes files as they stand in the real layouts, then ingests them
// as any others: the whole path is used.
func (c *ingestCmd) runPhantom(a *app) error {
	if len(c.In) > 0 {
		return cli.Usagef("the phantom is made from a seed: it takes no --in")
	}
	if c.Normalise == autoChoice && c.Voxels[0]*c.Voxels[1]*c.Voxels[2] < mckdVoxels {
		c.Normalise = "zscore-nonzero"
	}
	files := filepath.Join(c.Out, "files")
	var all []*summary
	var skipped error
	for _, kind := range []string{"brats", "avdigits"} {
		if !slices.Contains(c.Kinds, kind) {
			continue
		}
		dir := filepath.Join(files, kind)
		if err := c.makeFiles(a, kind, dir); err != nil {
			return err
		}
		d, err := a.registry.Lookup(kind)
		if err != nil {
			return err
		}
		from := sourceFlags{In: []string{dir}}
		if kind == "avdigits" {
			from.Pairing = "full" // the paper's needs 50 takes
		}
		done, err := c.ingest(a, d, from, filepath.Join(c.Out, kind))
		if done != nil {
			all = append(all, done)
		}
		if coded, ok := errors.AsType[*cli.Error](err); ok && coded.Code == cli.Skipped {
			skipped = err
			continue
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(c.report(a, all...), skipped)
}

func (c *ingestCmd) makeFiles(a *app, kind, dir string) error {
	began := time.Now()
	var err error
	switch kind {
	case "brats":
		err = phantom.WriteBraTS(a.ctx, dir, phantom.BraTSOptions{
			Cases: c.Cases, Seed: c.Seed, Size: [3]int{c.Voxels[2], c.Voxels[1], c.Voxels[0]}, Tight: c.Tight, MissingRate: c.MissingRate,
		})
	case "avdigits":
		err = phantom.WriteDigits(a.ctx, dir, phantom.DigitOptions{PerDigit: c.Takes, Seed: c.Seed})
	}
	if err != nil {
		return fmt.Errorf("make the phantom's %s files: %w", kind, err)
	}
	fmt.Fprintf(a.stderr, "%s: made from seed %d in %s\n", dir, c.Seed, seconds(time.Since(began)))
	return nil
}
