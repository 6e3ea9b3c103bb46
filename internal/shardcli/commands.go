package shardcli

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/shards/shardtool"
)

// IO is what every command's Run is given.
type IO struct {
	Ctx    context.Context
	Stdout io.Writer // data
	Stderr io.Writer // talk
}

// Code returns the exit code of an error: [cli.Corrupt] where data are damaged
// or not whole.
func Code(err error) int {
	if shardtool.IsCorrupt(err) {
		return cli.Corrupt
	}
	return cli.Failed
}

// Commands are the subcommands, for a kong grammar.
type Commands struct {
	Ls     lsCmd     `cmd:"" help:"List the shard files: split, rows, bytes, checksum."`
	Info   infoCmd   `cmd:"" help:"Tell what a data set is and how it was made."`
	Cat    catCmd    `cmd:"" help:"Print rows as text or JSON."`
	Show   showCmd   `cmd:"" help:"Draw rows as PNG: slices with labels, MFCC heat maps, digits."`
	Stats  statsCmd  `cmd:"" help:"Print counts by split and mask, labels, and intensities."`
	Masks  masksCmd  `cmd:"" help:"Write which modalities each training subject keeps under a policy, as CSV."`
	Verify verifyCmd `cmd:"" help:"Check every checksum; list all that is corrupt."`
}

// dirs are the data sets.
type dirs struct {
	Dirs []string `arg:"" name:"dir" help:"Data set, or a folder that holds some (at most three levels down)."`
}

type table struct {
	JSON bool `name:"json" help:"Print a JSON array with an element a data set."`
}

type lsCmd struct {
	dirs
	table
}

// Help is printed below the flags.
func (lsCmd) Help() string {
	return `Examples:
  shards ls data/phantom
      a line a file, then the totals of each split
  shards ls --json data/phantom/brats | jq '.[0].totals'
` + "\n" + cli.ExitStatus
}

// Run is called by kong.
func (c *lsCmd) Run(to IO) error { return shardtool.Ls(to.Ctx, to.Stdout, c.Dirs, c.JSON) }

type infoCmd struct {
	dirs
	table
}

// Help is printed below the flags.
func (infoCmd) Help() string {
	return `Examples:
  shards info data/phantom/brats
      task, modalities, shapes, policies, definitions, splits and masks
  shards info --json data/phantom | jq -r '.[] | .dataset + " " + .id'
` + "\n" + cli.ExitStatus
}

// Run is called by kong.
func (c *infoCmd) Run(to IO) error { return shardtool.Info(to.Ctx, to.Stdout, c.Dirs, c.JSON) }

type statsCmd struct {
	dirs
	table
}

// Help is printed below the flags.
func (statsCmd) Help() string {
	return `Examples:
  shards stats data/phantom/brats
      samples by split and mask, voxels by class, range and mean of modalities
  shards stats --json data/phantom | jq '.[].masks'
` + "\n" + cli.ExitStatus
}

// Run is called by kong.
func (c *statsCmd) Run(to IO) error { return shardtool.Stats(to.Ctx, to.Stdout, c.Dirs, c.JSON) }

// rows choose what cat and show work on.
type rows struct {
	Split string `enum:"train,val,test," default:"" placeholder:"SPLIT" help:"Only rows of this split: train, val or test."`
	ID    string `name:"id" placeholder:"ID" help:"Only the row with this id, or the rows of this subject."`
}

func (r rows) rows(n int) shardtool.Rows { return shardtool.Rows{N: n, Split: r.Split, ID: r.ID} }

var errNegative = errors.New("-n: want 1 or more rows, or 0 for all")

type catCmd struct {
	dirs
	N int `short:"n" default:"3" help:"Rows of each data set to print; 0 for all."`
	rows
	JSON   bool `name:"json" help:"Print one JSON object a line, one line a row."`
	Values bool `help:"With --json: include the values of every tensor."`
}

// Help is printed below the flags.
func (catCmd) Help() string {
	return `Examples:
  shards cat -n 1 --split val data/phantom/brats
      id, present modalities, shapes, range and mean, target, sources
  shards cat -n 0 --json data/phantom/avdigits | jq -r '[.id, .target.class] | @tsv'
` + "\n" + cli.ExitStatus
}

// Validate is called by kong.
func (c *catCmd) Validate() error {
	switch {
	case c.N < 0:
		return errNegative
	case c.Values && !c.JSON:
		return errors.New("--values needs --json")
	}
	return nil
}

// Run is called by kong.
func (c *catCmd) Run(to IO) error {
	return shardtool.Cat(to.Ctx, to.Stdout, c.Dirs, shardtool.CatOptions{Rows: c.rows.rows(c.N), JSON: c.JSON, Values: c.Values})
}

type showCmd struct {
	dirs
	N int `short:"n" default:"1" help:"Rows of each data set to draw; 0 for all."`
	rows
	Out     string `short:"o" placeholder:"PATH" help:"Folder for the pictures (made if need be), or a .png file for one. Default: this folder."`
	Overlay bool   `default:"true" negatable:"" help:"Lay the label map over volumes."`
}

// Help is printed below the flags.
func (showCmd) Help() string {
	return `The paths of the pictures are printed, one a line. A column is a modality, a
hatched tile one that is absent. Planes of volumes go through the middle of
the labelled voxels, in the radiological convention: the patient's right is on
the left of the picture.

Examples:
  shards show data/phantom/brats --out sheet.png
      the first row of training
  shards show -n 0 --id BraTS20_Training_003 data/brats --out pictures
      every patch of one subject
` + "\n" + cli.ExitStatus
}

// Validate is called by kong.
func (c *showCmd) Validate() error {
	switch {
	case c.N < 0:
		return errNegative
	case c.N != 1 && strings.EqualFold(filepath.Ext(c.Out), ".png"):
		return errors.New("--out: several rows need a folder, and this names one file")
	}
	return nil
}

// Run is called by kong.
func (c *showCmd) Run(to IO) error {
	return shardtool.Show(to.Ctx, to.Stdout, c.Dirs, shardtool.ShowOptions{Rows: c.rows.rows(c.N), Out: c.Out, NoOverlay: !c.Overlay})
}

type masksCmd struct {
	dirs
	Policy string `default:"none" placeholder:"POLICY" help:"none (what is recorded), rate:MODALITY=PERCENT, random-drop, or file:MASKS.csv."`
	Seed   uint64 `default:"1" help:"Seed of the policy."`
}

// Help is printed below the flags.
func (masksCmd) Help() string {
	return `Examples:
  shards masks --policy rate:audio=10 data/phantom/avdigits > masks.csv
      a list that others can train on, or lacuna ingest --missing file:masks.csv
  shards masks data/phantom/brats
      what is recorded for each subject
` + "\n" + cli.ExitStatus
}

// Run is called by kong.
func (c *masksCmd) Run(to IO) error {
	return shardtool.Masks(to.Ctx, to.Stdout, c.Dirs, c.Policy, c.Seed)
}

type verifyCmd struct {
	dirs
	Deep bool `help:"Also read every row, and count again what the manifest counts."`
	table
}

// Help is printed below the flags.
func (verifyCmd) Help() string {
	return `Whatever is wrong is listed with file, batch, offset, reason and what to do
next, and the exit status is 3.

Examples:
  shards verify data/phantom
      every byte against its checksum
  shards verify --deep --json data/phantom | jq '.[] | select(.good | not)'
` + "\n" + cli.ExitStatus
}

// Run is called by kong.
func (c *verifyCmd) Run(to IO) error {
	return shardtool.Verify(to.Ctx, to.Stdout, c.Dirs, shardtool.VerifyOptions{Deep: c.Deep, JSON: c.JSON, Now: time.Now})
}
