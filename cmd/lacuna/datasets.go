package main

import (
	"fmt"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/internal/cli"
)

type datasetsCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (datasetsCmd) Help() string {
	return `Examples:
  lacuna datasets
  lacuna datasets --json | jq '.[].name'

` + cli.ExitStatus
}

type datasetInfo struct {
	Name       string            `json:"name"`
	Title      string            `json:"title"`
	Task       datasets.Task     `json:"task"`
	Modalities []string          `json:"modalities"`
	Classes    []string          `json:"classes"`
	Inputs     []datasets.Input  `json:"inputs"`
	Options    []datasets.Option `json:"options"`
	License    string            `json:"license"`
	Citation   string            `json:"citation"`
}

func (c *datasetsCmd) Run(a *app) error {
	var infos []datasetInfo
	for _, d := range a.registry.All() {
		infos = append(infos, datasetInfo{d.Name, d.Title, d.Task, d.Modalities.Names(), d.Classes, d.Inputs, d.Options, d.License, d.Citation})
	}
	if c.JSON {
		return writeJSON(a.stdout, infos)
	}
	for _, d := range infos {
		fmt.Fprintf(a.stdout, "%s: %s\n", d.Name, d.Title)
		fmt.Fprintf(a.stdout, "  task        %s\n", d.Task)
		fmt.Fprintf(a.stdout, "  modalities  %s\n", strings.Join(d.Modalities, ", "))
		fmt.Fprintf(a.stdout, "  classes     %s\n", strings.Join(d.Classes, ", "))
		for _, in := range d.Inputs {
			fmt.Fprintf(a.stdout, "  --in %s=DIR  %s\n", in.Name, in.Help)
		}
		for _, o := range d.Options {
			fmt.Fprintf(a.stdout, "  --option %s=%s  %s\n", o.Name, strings.Join(o.Values, "|"), o.Help)
		}
		fmt.Fprintf(a.stdout, "  licence     %s\n  cite        %s\n\n", d.License, d.Citation)
	}
	fmt.Fprintln(a.stdout, "phantom: synthetic brains and digits, made from a seed (lacuna ingest phantom --help)")
	return nil
}
