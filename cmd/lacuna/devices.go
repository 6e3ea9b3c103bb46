package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/engine/measure"
	"github.com/lacuna-ml/lacuna/train/engine/opencl"
)

type devicesCmd struct {
	JSON      bool `name:"json" help:"Print JSON."`
	Benchmark bool `default:"true" negatable:"" help:"Measure each device, for about a second; the first time, OpenCL's driver compiles the kernels before that."`
}

func (devicesCmd) Help() string {
	return `Examples:

    lacuna devices
        --device  kind  units  memory    name                             GFLOP/s  GB/s
        cpu       cpu   2      -         cpu, AVX-512, 2 workers          262      50.4
        opencl:0  cpu   2      14.8 GiB  pthread-skylake-avx512-AMD EPYC  261      44.1
    lacuna devices --no-benchmark --json | jq -r '.[].device'
        cpu
        opencl:0

The first column is what lacuna train --device takes. GFLOP/s are of a 3-D
convolution, GB/s of a copy, what is read and what is written counted. Where
there is no OpenCL, what to install is said on standard error.

EXIT STATUS

    0 good, 1 a device could not be measured, 2 wrong usage`
}

// deviceInfo is a row of the table.
type deviceInfo struct {
	Device   string  `json:"device"` // as --device takes it
	Kind     string  `json:"kind"`
	Units    int     `json:"units"`
	Memory   int64   `json:"memory,omitempty"` // bytes
	Half     bool    `json:"half"`             // computes in half precision
	Name     string  `json:"name"`
	Platform string  `json:"platform,omitempty"`
	Version  string  `json:"version,omitempty"`
	Conv     float64 `json:"conv_gflops,omitempty"`
	Copy     float64 `json:"copy_gbps,omitempty"`
	Error    string  `json:"error,omitempty"` // what kept it from being measured

	open func(io.Writer) (engine.Engine, error)
}

func (c *devicesCmd) Run(a *app) error {
	rows, failed := devices(a), 0
	for i := range rows {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		if !c.Benchmark {
			continue
		}
		if err := rows[i].measure(a.stderr); err != nil {
			rows[i].Error = err.Error()
			fmt.Fprintf(a.stderr, "lacuna: %s: %v\n", rows[i].Device, err)
			failed++
		}
	}
	if err := c.print(a, rows); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d devices could not be measured", failed, len(rows))
	}
	return nil
}

// devices returns the CPU and then those of OpenCL.
func devices(a *app) []deviceInfo {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	rows := []deviceInfo{{Device: "cpu", Kind: "cpu", Units: workers(0), Name: e.Name(), open: deviceFlags{Device: "cpu"}.open}}
	all, err := opencl.Devices()
	switch {
	case err != nil:
		fmt.Fprintln(a.stderr, "lacuna:", err)
	case len(all) == 0:
		fmt.Fprintln(a.stderr, "lacuna: OpenCL is installed, but no driver of a device")
	}
	for _, d := range all {
		name := fmt.Sprintf("opencl:%d", d.Index)
		rows = append(rows, deviceInfo{
			Device: name, Kind: string(d.Kind), Units: d.Units, Memory: d.Memory, Half: d.Half,
			Name: d.Name, Platform: d.Platform, Version: d.Version, open: deviceFlags{Device: name}.open,
		})
	}
	return rows
}

func (d *deviceInfo) measure(w io.Writer) error {
	e, err := d.open(w)
	if err != nil {
		return err
	}
	s, err := measure.Device(e, time.Now)
	d.Conv, d.Copy = s.Conv, s.Copy
	if closed := e.Close(); err == nil {
		err = closed
	}
	return err
}

func (c *devicesCmd) print(a *app, rows []deviceInfo) error {
	if c.JSON {
		return writeJSON(a.stdout, rows)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	head := "--device\tkind\tunits\tmemory\tname"
	if c.Benchmark {
		head += "\tGFLOP/s\tGB/s"
	}
	fmt.Fprintln(w, head)
	for _, d := range rows {
		memory := "-"
		if d.Memory > 0 {
			memory = fmt.Sprintf("%.1f GiB", float64(d.Memory)/(1<<30))
		}
		cells := []string{d.Device, d.Kind, fmt.Sprint(d.Units), memory, d.Name}
		if c.Benchmark {
			cells = append(cells, rate(d.Conv), rate(d.Copy))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// rate is three digits, or a dash for what was not measured.
func rate(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g", v)
}
