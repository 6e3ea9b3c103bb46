package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/lacuna-ml/lacuna/internal/cli"
)

type sayCmd struct {
	Words []string          `sep:","`
	Whole []string          `sep:"none"`
	Pairs map[string]string `mapsep:";"`
	Fail  string
}

func (c *sayCmd) Run(out *bytes.Buffer) error {
	out.WriteString(strings.Join(append(c.Words, c.Whole...), "|") + c.Pairs["a"] + c.Pairs["b"])
	switch c.Fail {
	case "":
		return nil
	case "usage":
		return cli.Usagef("no such %s", "thing")
	default:
		return errors.New(c.Fail)
	}
}

func say(t *testing.T, ctx context.Context, args ...string) (code int, said, stderr string) {
	t.Helper()
	var grammar struct {
		Config  kong.ConfigFlag
		Version kong.VersionFlag
		Say     sayCmd `cmd:""`
	}
	var out, talk bytes.Buffer
	code = cli.Program{
		Name: "prog", Grammar: &grammar, Bind: []any{&out},
		Code: func(err error) int { return map[bool]int{true: cli.Corrupt, false: cli.Failed}[err.Error() == "rot"] },
	}.Run(ctx, args, &out, &talk)
	return code, out.String(), talk.String()
}

func TestExitCodes(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name string
		ctx  context.Context
		args []string
		code int
		says string
	}{
		{"good", t.Context(), []string{"say"}, cli.Good, ""},
		{"failed", t.Context(), []string{"say", "--fail", "disk full"}, cli.Failed, "prog: disk full\n"},
		{"the program's own code", t.Context(), []string{"say", "--fail", "rot"}, cli.Corrupt, "prog: rot\n"},
		{"usage found late", t.Context(), []string{"say", "--fail", "usage"}, cli.Usage, "prog: no such thing\n"},
		{"usage found by the parser", t.Context(), []string{"say", "--nope"}, cli.Usage, "Try prog say --help."},
		{"interrupted", interrupted, []string{"say", "--fail", "x"}, cli.Failed, "interrupted"},
		{"help", t.Context(), []string{"--help"}, cli.Good, ""},
		{"nothing is help", t.Context(), nil, cli.Good, ""},
		{"version", t.Context(), []string{"--version"}, cli.Good, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, said, stderr := say(t, tc.ctx, tc.args...)
			if code != tc.code || !strings.Contains(stderr, tc.says) || tc.says == "" && stderr != "" {
				t.Errorf("got code %d, stderr %q, stdout %q; want %d, %q", code, stderr, said, tc.code, tc.says)
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	for _, tc := range []struct {
		name, yaml, want string
		code             int
	}{
		{"list and map", "words: [x, y]\npairs: {b: 2, a: 1}\n", "x|y12", cli.Good},
		{"scalar", "words: 7\n", "7", cli.Good},
		{"list of numbers", "words: [7, 8]\n", "7|8", cli.Good},
		{"list of a flag that is not split", "whole: ['a,b', c]\n", "a,b|c", cli.Good},
		{"one of a flag that is not split", "whole: a,b\n", "a,b", cli.Good},
		{"the command line wins", "words: [x]\nfail: rot\n", "x", cli.Good},
		{"empty", "", "", cli.Good},
		{"a key that is no flag", "wrods: [x]\n", "", cli.Usage},
		{"no YAML", "{", "", cli.Usage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(tc.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			code, said, stderr := say(t, t.Context(), "say", "--config", file, "--fail=")
			if code != tc.code || said != tc.want {
				t.Errorf("got code %d, %q, stderr %q; want %d, %q", code, said, stderr, tc.code, tc.want)
			}
		})
	}
}

type greetCmd struct {
	Name string `arg:""`
}

func (c *greetCmd) Run(out *os.File) error {
	if c.Name == "nobody" {
		return cli.Usagef("there is nobody to greet")
	}
	_, err := fmt.Fprintln(out, "hello", c.Name)
	return err
}

func ExampleProgram() {
	var grammar struct {
		Greet greetCmd `cmd:""`
	}
	p := cli.Program{Name: "prog", Grammar: &grammar, Bind: []any{os.Stdout}}
	fmt.Println(p.Run(context.Background(), []string{"greet", "Ada"}, os.Stdout, os.Stdout))
	fmt.Println(p.Run(context.Background(), []string{"greet", "nobody"}, os.Stdout, os.Stdout))
	// Output:
	// hello Ada
	// 0
	// prog: there is nobody to greet
	// 2
}
