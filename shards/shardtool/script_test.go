package shardtool_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/shardtool"
)

var update = flag.Bool("update", false, "write the outputs in testdata anew")

// TestScripts runs the commands in testdata and compares what they print. A
// script is blocks of a command, ----, and its output up to an empty line; where
// the output has empty lines itself, it stands between pairs of ----. What
// depends on the files' bytes is masked: hashes by x, sizes and offsets by #
// (TestLsAgainstTheFiles has these).
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) < 6 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		path := filepath.Join(home, name)
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			workDir(t)
			var out strings.Builder
			for _, b := range parse(t, string(text)) {
				got := mask(b.command, runLine(b.command))
				if !*update && got != b.output {
					t.Errorf("%s\ngot:\n%s\nwant:\n%s", b.command, got, b.output)
				}
				out.WriteString(b.comment + b.command + "\n" + frame(got) + "\n")
			}
			if *update {
				if err := os.WriteFile(path, []byte(out.String()), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

type block struct{ comment, command, output string }

func parse(t *testing.T, text string) []block {
	t.Helper()
	var out []block
	lines := strings.SplitAfter(text, "\n")
	next := func() (l string) {
		if len(lines) > 0 {
			l, lines = lines[0], lines[1:]
		}
		return l
	}
	for len(lines) > 0 {
		var b block
		l := next()
		for strings.HasPrefix(l, "#") || l == "\n" {
			b.comment += l
			l = next()
		}
		if l == "" {
			break
		}
		b.command = strings.TrimSuffix(l, "\n")
		if l = next(); l != "----\n" {
			t.Fatalf("%s: %q follows, want ----", b.command, l)
		}
		end := "\n"
		if l = next(); l == "----\n" {
			end, l = "----\n", next()
		}
		for ; l != end && l != ""; l = next() {
			b.output += l
		}
		if end != "\n" {
			next() // the second ----
			next() // the empty line
		}
		out = append(out, b)
	}
	return out
}

func frame(output string) string {
	if strings.Contains(output, "\n\n") || strings.HasPrefix(output, "\n") {
		return "----\n----\n" + output + "----\n----\n"
	}
	return "----\n" + output
}

var (
	hashes = regexp.MustCompile(`[ "]([0-9a-f]{64}|[0-9a-f]{16})\b`)
	sizes  = regexp.MustCompile(`(?m)\b[0-9]+ bytes|the manifest says [0-9]+$|at byte [0-9]+|offset  +[0-9]+|"(bytes|offset)": [0-9]+`)
	digit  = regexp.MustCompile(`[0-9]+`)
	// A line of a table of ls: its bytes are the last number.
	lsLine = regexp.MustCompile(`(?m)^((?:\S+\.arrow +)?(?:train|val|test|all)(?: +[0-9]+){2,3} +)[0-9]+((?: +x+)?)$`)
)

func mask(command, s string) string {
	s = hashes.ReplaceAllStringFunc(s, func(h string) string { return h[:1] + strings.Repeat("x", len(h)-1) })
	s = sizes.ReplaceAllStringFunc(s, func(h string) string { return digit.ReplaceAllString(h, "#") })
	if strings.HasPrefix(command, "ls ") {
		s = lsLine.ReplaceAllString(s, "$1#$2")
	}
	return s
}

// runLine runs one command and returns what it prints, with the error, if any,
// as the last line.
func runLine(line string) string {
	var out bytes.Buffer
	if err := runCommand(&out, strings.Fields(line)); err != nil {
		kind := "error"
		if shardtool.IsCorrupt(err) {
			kind = "corrupt"
		}
		fmt.Fprintf(&out, "%s: %v\n", kind, err)
	}
	return out.String()
}

func runCommand(w io.Writer, args []string) error {
	ctx := context.Background()
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	f.SetOutput(w)
	var rows shardtool.Rows
	f.IntVar(&rows.N, "n", 0, "")
	f.StringVar(&rows.Split, "split", "", "")
	f.StringVar(&rows.ID, "id", "", "")
	asJSON := f.Bool("json", false, "")
	values := f.Bool("values", false, "")
	deep := f.Bool("deep", false, "")
	out := f.String("out", "", "")
	policy := f.String("policy", "none", "")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "ls":
		return shardtool.Ls(ctx, w, f.Args(), *asJSON)
	case "info":
		return shardtool.Info(ctx, w, f.Args(), *asJSON)
	case "stats":
		return shardtool.Stats(ctx, w, f.Args(), *asJSON)
	case "cat":
		return shardtool.Cat(ctx, w, f.Args(), shardtool.CatOptions{Rows: rows, JSON: *asJSON, Values: *values})
	case "show":
		return shardtool.Show(ctx, w, f.Args(), shardtool.ShowOptions{Rows: rows, Out: *out})
	case "verify":
		return shardtool.Verify(ctx, w, f.Args(), shardtool.VerifyOptions{Deep: *deep, JSON: *asJSON})
	case "masks":
		return shardtool.Masks(ctx, w, f.Args(), *policy, 1)
	case "size": // of a picture
		return pictureSize(w, f.Arg(0))
	case "remove":
		return os.Remove(f.Arg(0))
	case "copy":
		b, err := os.ReadFile(f.Arg(0))
		if err != nil {
			return err
		}
		return os.WriteFile(f.Arg(1), b, 0o666)
	case "cut": // off the second half of a file
		st, err := os.Stat(f.Arg(0))
		if err != nil {
			return err
		}
		return os.Truncate(f.Arg(0), st.Size()/2)
	case "flip": // a byte in the middle of a batch, or of a file
		return flip(f.Arg(0), f.Arg(1))
	}
	return fmt.Errorf("no command %s", args[0])
}

func pictureSize(w io.Writer, path string) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	c, err := png.DecodeConfig(r)
	if err == nil {
		fmt.Fprintf(w, "%d x %d\n", c.Width, c.Height)
	}
	return err
}

func flip(path, batch string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	at := len(b) / 2
	if batch != "" {
		var m shards.Manifest
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), shards.ManifestName))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &m); err != nil {
			return err
		}
		for _, f := range m.Files {
			if f.Name == filepath.Base(path) {
				r := f.Batches[batch[0]-'0']
				at = int(r.Offset + r.Length/2)
			}
		}
	}
	b[at] ^= 0x10
	return os.WriteFile(path, b, 0o666)
}
