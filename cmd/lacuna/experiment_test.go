package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/internal/cli"
)

func TestExperimentGoesOn(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"))
	data, out := filepath.Join(dir, "ph", "avdigits"), filepath.Join(dir, "out")
	args := []string{"experiment", "table2a", data, "--seeds", "2", "--epochs", "1", "--out", out}
	first, _ := want(t, cli.Good, args...)
	for _, text := range []string{"no distillation", "MCKD", "p (t)", "92.35", "Protocol: lacuna-table2/2, 1 epoch, smil/1, manifest ", "preset paper; 1 epoch, 2 steps of 32 samples each; seeds 1 to 2;"} {
		if !strings.Contains(first, text) {
			t.Errorf("the table lacks %q:\n%s", text, first)
		}
	}
	page := readText(t, out, "report.html")
	checkPage(t, page, "Table 2: audio for a part of the training pairs, test on image alone", "How training went: table2a", "How it was made")
	for _, text := range []string{"published MCKD", "lacuna-table2/2, 1 epoch, smil/1, manifest ", "1 epoch, 2 steps of 32 samples", "<dd>seeds 1 to 2</dd>", "of an unstated seed", "9,235 of MNIST", "Raw importance of audio", "Stand-in for audio: direction", "Held-out loss (selects nothing)"} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
	for _, name := range []string{"accuracy", "u-image", "importance-image", "loss-train", "loss-held-out", "generated-l1-audio", "generated-cosine-audio"} {
		if svg := readText(t, out, "plots", "table2a-"+name+".svg"); !strings.HasPrefix(svg, "<svg") {
			t.Errorf("%s.svg is no SVG", name)
		}
	}
	summary, err := csv.NewReader(strings.NewReader(readText(t, out, "table2a-summary.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// LowerB, UpperB, and three ways of five rates, the mean among them.
	if want := 1 + 2 + 3*5; len(summary) != want {
		t.Errorf("the summary has %d rows, want %d", len(summary), want)
	}
	text, _ := want(t, cli.Good, append(args, "--json")...)
	var got []struct {
		Origin struct{ Protocol, Manifest string }
		Rows   []struct {
			Arm, Setting string
			N            int
			Published    *float64
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got) != 1 || len(got[0].Rows)+1 != len(summary) {
		t.Fatalf("%v: %s", err, text)
	}
	if r := got[0].Rows[3]; r.Arm != "MCKD" || r.Setting != "5 %" || r.N != 2 || r.Published == nil || *r.Published != 93.56 {
		t.Errorf("the fourth row is %+v", r)
	}
	if p := got[0].Origin.Protocol; summary[1][12] != p || !strings.Contains(first, p) {
		t.Errorf("other ids of the protocol: %q, %q", p, summary[1][12])
	}
	// One run is gone, another was trained and not judged.
	runs, err := filepath.Glob(filepath.Join(out, "table2a", "*-seed2"))
	if err != nil || len(runs) != 10 {
		t.Fatal(runs, err)
	}
	if err := errors.Join(os.RemoveAll(runs[0]), os.Remove(filepath.Join(runs[1], "trial.json"))); err != nil {
		t.Fatal(err)
	}
	second, _ := want(t, cli.Good, args...)
	if first != second {
		t.Errorf("after going on:\n%s\nbefore:\n%s", second, first)
	}
	if readText(t, out, "report.html") != page {
		t.Error("after going on the page is another")
	}
	_, stderr := want(t, cli.Failed, "experiment", "table2a", data, "--seeds", "2", "--epochs", "2", "--out", out)
	if !strings.Contains(stderr, "another configuration") {
		t.Errorf("got %q", stderr)
	}
}

// What makes no sense is said before anything is trained or written.
func TestExperimentThatMakesNoSense(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"))
	digits, volumes, out := filepath.Join(dir, "ph", "avdigits"), filepath.Join(dir, "ph", "brats"), filepath.Join(dir, "out")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"table2a", digits, "--seeds=-1"}, "--seeds -1"},
		{[]string{"table2a", digits, "--seeds=0"}, "--seeds 0"},
		{[]string{"alpha", digits, "--epochs=-3"}, "--epochs -3"},
		{[]string{"alpha", digits, "--steps=0"}, "--steps 0"},
		{[]string{"alpha", digits, "--steps=5", "--epochs=1"}, "can't be used together"},
		{[]string{"alpha", digits, "--parallel=-1"}, "--parallel -1"},
		{[]string{"alpha", digits, "--preset=small"}, "paper, best"},
		{[]string{"alpha", digits, "--device=abacus"}, "abacus"},
		{[]string{"table2", volumes}, "image and audio; brats has flair"},
	} {
		_, stderr := want(t, cli.Usage, append([]string{"experiment", "--out", out}, tt.args...)...)
		if !strings.Contains(stderr, tt.want) {
			t.Errorf("%v: got %q", tt.args, stderr)
		}
		if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%v left a folder: %v", tt.args, err)
		}
	}
}

// Both halves of Table 2 have the same upper bound: it is trained once.
func TestUpperBoundIsTrainedOnce(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"))
	out := filepath.Join(dir, "out")
	want(t, cli.Good, "experiment", "table2", filepath.Join(dir, "ph", "avdigits"), "--seeds", "1", "--steps", "1", "--out", out)
	for half, runs := range map[string]int{"table2a": 10, "table2b": 9} {
		if got, err := filepath.Glob(filepath.Join(out, half, "*", "trial.json")); err != nil || len(got) != runs {
			t.Errorf("%s: %d runs, want %d: %v", half, len(got), runs, got)
		}
		if csv := readText(t, out, half+".csv"); strings.Count(csv, "\nupper,1,accuracy,image+audio,") != 1 {
			t.Errorf("%s has no upper bound:\n%s", half, csv)
		}
	}
	if page := readText(t, out, "report.html"); !strings.Contains(page, "19 runs on avdigits") {
		t.Error("the page counts other runs")
	}
}

// Held-out samples are looked at without a meta step as well, and no weight
// changes by it.
func TestLookingChangesNothing(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"))
	data := filepath.Join(dir, "ph", "avdigits")
	for name, how := range map[string][]string{"plain": {"--alpha", "0"}, "gate": nil, "lower": {"--alpha", "0", "--only", "image"}} {
		args := append([]string{"--epochs", "3"}, how...)
		looks := filepath.Join(dir, name)
		sameTensors(t, name, trained(t, data, looks, args...), trained(t, data, looks+"-blind", append(args, "--no-watch")...))
		for metric, n := range map[string]int{"loss/held_out": 3, "generated/l1_": 3, "generated/cosine_": 3} {
			if name == "lower" && strings.HasPrefix(metric, "generated") {
				n = 0 // nothing has both
			}
			if got := strings.Count(readText(t, looks, "metrics.jsonl"), metric); got != n {
				t.Errorf("%s: %s stands %d times, want %d: once an epoch", name, metric, got, n)
			}
		}
	}
}
