// Shards looks into Lacuna's data sets: ls, info, cat, show, stats, masks,
// verify. It is lacuna shards alone, and links nothing that ingests or trains.
// See shards --help.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/shardcli"
)

type grammar struct {
	Version kong.VersionFlag `help:"Print the version."`
	shardcli.Commands
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process around it. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return cli.Program{
		Name:        "shards",
		Description: "Look into Lacuna's data sets of Arrow shards.",
		Grammar:     &grammar{},
		Bind:        []any{shardcli.IO{Ctx: ctx, Stdout: stdout, Stderr: stderr}},
		Code:        shardcli.Code,
	}.Run(ctx, args, stdout, stderr)
}
