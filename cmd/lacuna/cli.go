package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/datasets/all"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/shardcli"
	"github.com/lacuna-ml/lacuna/mfcc"
)

type grammar struct {
	Config  kong.ConfigFlag  `placeholder:"FILE" help:"YAML file of values for flags, by their names: a flag given on the command line wins."`
	Version kong.VersionFlag `help:"Print the version."`

	Demo       demoCmd           `cmd:"" help:"Make synthetic digits, train networks on them with gaps and without, and report; needs nothing, takes some ten seconds."`
	Ingest     ingestCmd         `cmd:"" help:"Turn a data set into shards."`
	Doctor     doctorCmd         `cmd:"" help:"Read every subject of a data set and list every problem; write nothing."`
	Train      trainCmd          `cmd:"" help:"Train a model on shards."`
	Validate   validateCmd       `cmd:"" help:"Judge a trained model, with any of its modalities missing."`
	Experiment experimentCmd     `cmd:"" help:"Train and judge all of a table or figure, over seeds."`
	Shards     shardcli.Commands `cmd:"" help:"Look into shards (also as the program shards)."`
	Mfcc       mfccCmd           `cmd:"" help:"Compute the MFCCs of WAV files."`
	Nifti      niftiCmd          `cmd:"" help:"Describe a NIfTI file, or write its voxels as .npy."`
	Datasets   datasetsCmd       `cmd:"" help:"List the data sets that Lacuna reads."`
	Devices    devicesCmd        `cmd:"" help:"List the devices that train, and measure each for a second."`
}

// app is what every command is given.
type app struct {
	ctx      context.Context
	args     []string
	stdout   io.Writer // data
	stderr   io.Writer // talk
	registry *datasets.Registry
}

// run is main without the process around it. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	registry, err := all.Registry()
	if err != nil {
		fmt.Fprintln(stderr, "lacuna:", err)
		return cli.Failed
	}
	return cli.Program{
		Name:        "lacuna",
		Description: "Research where some modalities are missing: files in, Arrow shards out; networks trained on them, and judged with any modality missing.",
		Grammar:     &grammar{},
		Vars:        map[string]string{"mfccs": strings.Join(mfcc.Names(), ", "), "activations": activations, "augmentations": augmentations},
		Bind:        []any{&app{ctx, args, stdout, stderr, registry}, shardcli.IO{Ctx: ctx, Stdout: stdout, Stderr: stderr}},
		Code:        shardcli.Code,
	}.Run(ctx, args, stdout, stderr)
}
