package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

var update = flag.Bool("update", false, "write the help texts in testdata anew")

// makeSet writes a data set of two digits to dir.
func makeSet(t *testing.T, dir string) {
	t.Helper()
	w, err := shards.Create(dir, shards.Meta{
		Dataset: "digits", Modalities: modality.MustSet("image", "audio"), Task: shards.Classification,
		Classes: []string{"zero", "one"}, Shapes: [][]int{{2, 2}, {3, 3}},
	}, shards.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for i, name := range []string{"a", "b"} {
		key := ingest.Key{Dataset: "digits", Subject: name}
		err := w.Append(split.Train+split.Split(i), &ingest.Sample{
			Key: key, Subject: ingest.Subject{Key: key}, Present: 1, Target: ingest.Class(uint8(i)),
			Inputs: []ingest.Array{{Shape: []int{2, 2}, Data: []float32{0, 1, 0.5, float32(i)}}, {}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	makeSet(t, "good")
	makeSet(t, "bad")
	name := filepath.Join("bad", "val-00000.arrow")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args   string
		code   int
		stdout string // a part of it, "" for nothing at all
		stderr string
	}{
		{"ls good", cli.Good, "train-00000.arrow", ""},
		{"ls --json good", cli.Good, `"dir": "good"`, ""},
		{"info good", cli.Good, "groups in two splits: 0", ""},
		{"stats good", cli.Good, "CLASS (SAMPLES)", ""},
		{"cat good", cli.Good, "digits/b", ""},
		{"cat -n1 good", cli.Good, "digits/a", ""},
		{"cat --json --values -n 1 good", cli.Good, `"values":[0,1,0.5,0]`, ""},
		{"cat --id=b --split val good", cli.Good, "class 1: one", ""},
		{"show -n0 --out pictures good", cli.Good, "pictures/val_digits_b.png", ""},
		{"show -o a.png --no-overlay good", cli.Good, "a.png", ""},
		{"masks good", cli.Good, "a,image\n", ""},
		{"masks .", cli.Failed, "", "several"},
		{"verify good", cli.Good, " MB/s)", ""},
		{"verify --deep --json good", cli.Good, `"good": true`, ""},
		{"verify .", cli.Corrupt, "good  good:", "bad: the data set is corrupt: 1 problem"},
		{"verify bad", cli.Corrupt, name, "corrupt"},
		{"cat -n0 bad", cli.Corrupt, "digits/a", "val-00000.arrow"},
		{"show -n0 bad", cli.Corrupt, "train_digits_a.png", "val-00000.arrow"},
		{"ls nowhere", cli.Failed, "", "nowhere"},
		{"cat --id nobody good", cli.Failed, "", "nobody"},
		{"show -n 1 --out good/manifest.json/x good", cli.Failed, "", "manifest.json"},
		{"", cli.Good, "Usage: shards <command>", ""},
		{"--help", cli.Good, "EXIT STATUS", ""},
		{"ls", cli.Usage, "", "<dir>"},
		{"grep good", cli.Usage, "", "grep"},
		{"ls --jsn good", cli.Usage, "", "--jsn"},
		{"cat --split training good", cli.Usage, "", "training"},
		{"cat --values good", cli.Usage, "", "--values needs --json"},
		{"cat -n -2 good", cli.Usage, "", "-n"},
		{"show -n 3 -o one.png good", cli.Usage, "", "folder"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), strings.Fields(tc.args), &stdout, &stderr)
			if code != tc.code {
				t.Errorf("exit status %d, want %d", code, tc.code)
			}
			for _, s := range []struct{ name, got, want string }{
				{"stdout", stdout.String(), tc.stdout}, {"stderr", stderr.String(), tc.stderr},
			} {
				if !strings.Contains(s.got, s.want) || (s.want == "") != (s.got == "") {
					t.Errorf("%s: got %q, want a part %q", s.name, s.got, s.want)
				}
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	makeSet(t, "good")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	if code := run(ctx, []string{"verify", "good"}, &stdout, &stderr); code != cli.Failed || stdout.Len() > 0 {
		t.Errorf("exit status %d, output %q; want %d and nothing", code, &stdout, cli.Failed)
	}
	if got, want := stderr.String(), "shards: interrupted\n"; got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
}

// The help texts, so that a change to them is seen in review.
func TestHelp(t *testing.T) {
	for _, name := range []string{"", "ls", "info", "cat", "show", "stats", "masks", "verify"} {
		var stdout, stderr bytes.Buffer
		args := []string{name, "--help"}
		if name == "" {
			args = args[1:]
		}
		if code := run(t.Context(), args, &stdout, &stderr); code != cli.Good {
			t.Errorf("%v: exit status %d, %s", args, code, &stderr)
		}
		golden := filepath.Join("testdata", "help"+name+".txt")
		if *update {
			if err := os.WriteFile(golden, stdout.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := stdout.String(); got != string(want) {
			t.Errorf("%v: got\n%s\nwant\n%s", args, got, want)
		}
		if name != "" && (strings.Count(stdout.String(), "\n    shards "+name) < 2 || !strings.Contains(stdout.String(), "EXIT STATUS")) {
			t.Errorf("%v: help without two examples or the exit status", args)
		}
	}
}

// The program is for a machine that only looks at data: it links nothing that
// reads raw data, preprocesses or trains.
func TestLinksNoTrainer(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	const module = "github.com/lacuna-ml/lacuna/"
	for dep := range strings.Lines(string(out)) {
		inner, ours := strings.CutPrefix(strings.TrimSpace(dep), module)
		for _, no := range []string{"train", "validate", "preprocess", "mfcc", "ingest/datasets", "ingest/nifti", "ingest/wav"} {
			if ours && (inner == no || strings.HasPrefix(inner, no+"/")) {
				t.Errorf("links %s", inner)
			}
		}
	}
}
