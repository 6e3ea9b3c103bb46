package rundir_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/train/rundir"
)

func TestDecodeMetrics(t *testing.T) {
	const text = `{"step":0,"loss":"NaN","a \"b\"":-0}` + "\n" +
		`{"step":7,"loss":"Infinity","lr":1e-05}` + "\r\n" +
		`{ "step" : 7, "loss" : "-Infinity" }` + "\n" + `{"step":8,"loss"`
	m, err := rundir.DecodeMetrics(iotest.OneByteReader(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{`a "b"`, "loss", "lr"}, m.Names()); d != "" {
		t.Error(d)
	}
	for name, want := range map[string]rundir.Series{
		"loss":  {Steps: []int64{0, 7, 7}, Values: []float64{math.NaN(), math.Inf(1), math.Inf(-1)}},
		"lr":    {Steps: []int64{7}, Values: []float64{1e-5}},
		`a "b"`: {Steps: []int64{0}, Values: []float64{0}},
		"none":  {},
	} {
		if d := cmp.Diff(want, m.Series(name), cmpopts.EquateNaNs()); d != "" {
			t.Errorf("%s: -want +got %s", name, d)
		}
	}
}

func TestDecodeMetricsRefuses(t *testing.T) {
	const good = `{"step":5}` + "\n"
	for _, tc := range []struct {
		name, line, want string
	}{
		{"empty", "", "no JSON object"},
		{"torn in the middle", `{"step":6,"lo`, "no JSON object"},
		{"two objects", `{"step":6}{"step":7}`, "no JSON object"},
		{"a list", `[1]`, "no JSON object"},
		{"null", `null`, "step <nil>"},
		{"no step", `{"loss":1}`, "step <nil>"},
		{"half a step", `{"step":6.5}`, "step 6.5"},
		{"below 0", `{"step":-6}`, "step -6"},
		{"step too large", `{"step":1e300}`, "step 1e+300"},
		{"step as text", `{"step":"6"}`, "step 6"},
		{"falling", `{"step":4}`, "step 4 after step 5"},
		{"text", `{"step":6,"loss":"low"}`, `"loss" is "low"`},
		{"null value", `{"step":6,"loss":null}`, `"loss" is <nil>`},
		{"bare NaN", `{"step":6,"loss":NaN}`, "no JSON object"},
		{"too large", `{"step":6,"loss":1e999}`, "no JSON object"},
		{"no UTF-8", "{\"step\":6,\"\xff\":1}", "no UTF-8"},
		{"endless", strings.Repeat("x", 1<<20), "longer than 1048576 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := rundir.DecodeMetrics(strings.NewReader(good + tc.line + "\n" + good))
			e, ok := errors.AsType[*rundir.FormatError](err)
			if !ok || e.Line != 2 || e.Offset != 11 || !strings.Contains(e.Msg, tc.want) {
				t.Errorf("got %v, want line 2, byte 11: %q", err, tc.want)
			}
		})
	}
	if _, err := rundir.DecodeMetrics(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(good)))); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

// TestEveryTruncation: of a file cut anywhere, the whole lines are read, and a
// run goes on behind them.
func TestEveryTruncation(t *testing.T) {
	const lines = "{\"step\":1,\"a\":1}\n{\"step\":2,\"a\":2,\"b\":0.5}\n{\"step\":3,\"a\":\"NaN\"}\n"
	dir := t.TempDir()
	done(t, create(t, dir))
	for n := range len(lines) + 1 {
		if err := os.WriteFile(filepath.Join(dir, rundir.MetricsName), []byte(lines[:n]), 0o666); err != nil {
			t.Fatal(err)
		}
		whole := lines[:strings.LastIndexByte(lines[:n], '\n')+1]
		m, err := rundir.ReadMetrics(dir)
		if err != nil || len(m.Series("a").Steps) != strings.Count(whole, "\n") {
			t.Fatalf("cut to %d bytes: %v, %v", n, m, err)
		}
		done(t, reopen(t, dir, 3))
		if got := metrics(t, dir); got != whole {
			t.Fatalf("cut to %d bytes, resumed: got %q, want %q", n, got, whole)
		}
	}
}

func TestMetricsRoundTrip(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	defer r.Close()
	want := map[string]rundir.Series{}
	step := int64(0)
	rapid.Check(t, func(t *rapid.T) {
		step += rapid.Int64Range(0, 1000).Draw(t, "step")
		names := rapid.String().Filter(func(s string) bool { return s != "" && s != "step" })
		values := rapid.MapOfN(names, rapid.Float64(), 0, 4).Draw(t, "values")
		if err := r.Log(step, values); err != nil {
			t.Fatal(err)
		}
		for name, v := range values {
			s := want[name]
			want[name] = rundir.Series{Steps: append(s.Steps, step), Values: append(s.Values, v)}
		}
	})
	m, err := rundir.ReadMetrics(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Names()) != len(want) {
		t.Errorf("got %d names, want %d", len(m.Names()), len(want))
	}
	for name, s := range want {
		if d := cmp.Diff(s, m.Series(name), cmpopts.EquateNaNs()); d != "" {
			t.Fatalf("%q: -want +got %s", name, d)
		}
	}
}

func FuzzDecodeMetrics(f *testing.F) {
	f.Add("{\"step\":1,\"a\":1}\n{\"step\":2,\"a\":\"NaN\",\"b\":-0.5e-3}\n")
	f.Add("{\"step\":1}\n{\"st")
	f.Add("\x00\x00\n\n{}\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := rundir.DecodeMetrics(strings.NewReader(text))
		if err != nil {
			if _, ok := errors.AsType[*rundir.FormatError](err); !ok {
				t.Fatalf("%v is no FormatError", err)
			}
			return
		}
		for _, name := range m.Names() {
			s := m.Series(name)
			if len(s.Steps) == 0 || len(s.Steps) != len(s.Values) {
				t.Fatalf("%q: %v", name, s)
			}
			for i, step := range s.Steps {
				if step < 0 || i > 0 && step < s.Steps[i-1] {
					t.Fatalf("%q: steps %v", name, s.Steps)
				}
			}
		}
	})
}
