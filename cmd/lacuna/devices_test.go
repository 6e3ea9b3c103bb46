package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/train/engine/opencl"
)

func TestDevices(t *testing.T) {
	stdout, stderr := want(t, cli.Good, "devices", "--no-benchmark", "--json")
	var rows []deviceInfo
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil {
		t.Fatal(err)
	}
	all, err := opencl.Devices()
	if len(rows) != 1+len(all) || rows[0].Device != "cpu" || rows[0].Units < 1 {
		t.Errorf("%d OpenCL devices, but the rows are %+v", len(all), rows)
	}
	if err != nil && !strings.Contains(stderr, err.Error()) {
		t.Errorf("no OpenCL: %v; standard error says %q", err, stderr)
	}
	for _, r := range rows {
		e, err := deviceFlags{Device: r.Device}.open(io.Discard)
		if err != nil {
			t.Fatalf("--device %s: %v", r.Device, err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestDevicesAreMeasured(t *testing.T) {
	stdout, _ := want(t, cli.Good, "devices")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		if cells[len(cells)-1] == "-" || cells[len(cells)-2] == "-" {
			t.Errorf("not measured: %s", line)
		}
	}
	if !strings.HasPrefix(lines[1], "cpu ") {
		t.Errorf("the first device is %q", lines[1])
	}
}
