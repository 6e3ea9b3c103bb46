package shardcli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/shardcli"
)

// The commands stand in another program's grammar as they do in shards.
func TestCommandsInAnotherGrammar(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("train-00000.arrow", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"ls", "info", "cat", "show", "stats", "masks", "verify"} {
		var grammar struct {
			Shards shardcli.Commands `cmd:""`
		}
		parser, err := kong.New(&grammar)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.Parse([]string{"shards", verb, "."})
		if err != nil {
			t.Errorf("%s: %v", verb, err)
			continue
		}
		var stdout, stderr bytes.Buffer
		err = parsed.Run(shardcli.IO{Ctx: t.Context(), Stdout: &stdout, Stderr: &stderr})
		if err == nil || !strings.Contains(err.Error(), "not a whole data set") || shardcli.Code(err) != cli.Corrupt {
			t.Errorf("%s of shards without a manifest: %v, want that they are not a whole data set", verb, err)
		}
	}
}

func TestCode(t *testing.T) {
	if err := fmt.Errorf("show: %w", errors.New("disk full")); shardcli.Code(err) != cli.Failed {
		t.Error("a full disk passes for corrupt data")
	}
}
