package lint_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lacuna-ml/lacuna"

// arrows says, a folder, what of the tree it may import besides folders below
// itself. Anything not listed is forbidden; the longest matching folder counts.
// A new import is a change to this table, in the same commit, with a reason.
var arrows = map[string][]string{
	".":               {}, // glossary only
	"ingest/modality": {},
	"ingest/axes":     {},
	"ingest/sparse":   {"ingest/axes"},
	"ingest/nifti":    {"ingest/sparse"},
	"ingest/wav":      {},
	"ingest/idx":      {},
	"ingest":          {"ingest/modality", "ingest/sparse"},
	"ingest/datasets": {"ingest", "ingest/axes", "ingest/modality", "ingest/sparse", "ingest/nifti", "ingest/wav", "ingest/idx"},
	"mfcc":            {},

	"preprocess/pipeline": {},
	"preprocess":          {"ingest", "ingest/axes", "ingest/modality", "ingest/sparse", "mfcc", "preprocess", "preprocess/pipeline"},

	"shards/split":     {"ingest"},
	"shards/missing":   {"ingest", "ingest/modality", "shards/split"},
	"shards":           {"ingest", "ingest/modality", "internal/atomicfile", "shards/split"},
	"shards/shardtool": {"ingest", "ingest/axes", "ingest/modality", "shards", "shards/split", "shards/missing"},

	"train/tensor":                 {},
	"train/engine":                 {"train/tensor"},
	"train/engine/reference":       {"train/engine", "train/tensor"},
	"train/engine/cpu":             {"train/engine", "train/engine/cpu/conv", "train/engine/cpu/isa", "train/engine/cpu/pool", "train/engine/cpu/vec", "train/tensor"},
	"train/engine/enginetest":      {"train/engine", "train/engine/reference", "train/tensor"},
	"train/engine/measure":         {"train/engine", "train/tensor"},
	"train/engine/opencl":          {"internal/atomicfile", "train/engine", "train/tensor"},
	"train/engine/cpu/conv":        {"train/engine/cpu/isa", "train/engine/cpu/pool", "train/engine/cpu/vec"},
	"train/engine/cpu/vec":         {"train/engine/cpu/isa"},
	"train/engine/cpu/isa":         {},
	"train/engine/cpu/pool":        {},
	"train/autograd":               {"train/engine", "train/tensor"},
	"train/nn":                     {"ingest", "ingest/modality", "train/autograd", "train/engine", "train/tensor"},
	"train/models":                 {"ingest", "ingest/modality", "train/autograd", "train/engine", "train/nn", "train/tensor"},
	"train/models/modeltest":       {"ingest", "ingest/modality", "train/autograd", "train/distill", "train/engine", "train/engine/cpu", "train/engine/opencl", "train/engine/reference", "train/loss", "train/nn", "train/optim", "train/tensor"},
	"train/loss":                   {"ingest", "train/autograd", "train/tensor"},
	"train/optim":                  {"train/engine", "train/tensor"},
	"train/meta":                   {"ingest", "ingest/modality", "train/autograd", "train/distill", "train/engine", "train/loss", "train/nn", "train/tensor"},
	"train":                        {"ingest", "ingest/modality", "train/autograd", "train/checkpoint", "train/distill", "train/engine", "train/loss", "train/meta", "train/nn", "train/optim"},
	"train/distill":                {"ingest/modality", "train/autograd", "train/tensor"},
	"train/checkpoint":             {"internal/atomicfile", "train/checkpoint/safetensors"},
	"train/checkpoint/safetensors": {},
	"train/rundir":                 {"internal/atomicfile", "train/checkpoint"}, // the latter in a test: both together
	"train/tbevents":               {},

	"validate":         {"ingest", "ingest/modality", "ingest/nifti", "preprocess/patch", "validate/metrics"},
	"validate/metrics": {},

	"internal/atomicfile":    {},
	"internal/chart":         {},
	"internal/experiment":    {"ingest/datasets", "ingest/modality", "internal/atomicfile", "internal/chart", "internal/lab", "internal/page", "internal/progress", "internal/version", "shards/split", "train", "train/distill", "train/engine", "train/meta", "train/rundir", "validate", "validate/metrics"},
	"internal/page":          {"internal/atomicfile", "internal/chart"},
	"internal/page/pagetest": {},
	"internal/lint":          {},
	"internal/lab":           {"*"}, // where the halves meet, for experiments and commands
	"internal/npy":           {},
	"internal/progress":      {},
	"internal/cli":           {"internal/version"},
	"internal/shardcli":      {"internal/cli", "shards/shardtool"},
	"internal/version":       {},

	"cmd": {"*"}, // the only place where the halves meet
}

// only says which folders may import an outside module, or a package that the rule
// "*" would open to all, each without those below it.
var only = map[string][]string{
	"github.com/apache/arrow-go":    {"shards"},
	"github.com/ebitengine/purego":  {"train/engine/opencl"},
	module + "/internal/experiment": {"cmd/lacuna"}, // above internal/lab
	"github.com/alecthomas/kong":    {"cmd/lacuna", "cmd/shards", "internal/cli", "internal/shardcli"},
}

func TestArrows(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || isModule(root, p)):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(p, ".go"):
			return nil
		}
		seen++
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, p), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			check(t, p, strings.Trim(spec.Path.Value, `"`))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Fatalf("looked at %d files: the walk is broken", seen)
	}
	for dir := range arrows {
		if _, err := os.Stat(filepath.Join(root, dir)); err != nil {
			t.Errorf("the table of arrows has a folder that is not there: %v", err)
		}
	}
}

func isModule(root, p string) bool {
	_, err := os.Stat(filepath.Join(root, p, "go.mod"))
	return err == nil
}

func check(t *testing.T, file, imp string) {
	t.Helper()
	dir := path.Dir(file)
	if imp == "C" {
		t.Errorf("%s: cgo is not for the default build", file)
	}
	for mod, dirs := range only {
		if within(imp, mod) && !slices.Contains(dirs, dir) {
			t.Errorf("%s imports %s: only %v may", file, imp, dirs)
		}
	}
	if !within(imp, module) {
		return
	}
	to := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
	// A test may look at its own package from outside, and at the test kits.
	if to == dir || strings.HasSuffix(file, "_test.go") && slices.Contains(slices.Concat(testKits, inTests[dir]), to) {
		return
	}
	rule := longest(dir)
	if rule == "" {
		t.Errorf("%s: folder %s is not in the table of arrows", file, dir)
		return
	}
	for _, ok := range append(arrows[rule], rule) {
		// A rule's own folders may see each other only where it is not a leaf
		// with a longer rule for the target.
		if ok == "*" || ok == to || ok == rule && within(to, rule) && longest(to) == rule {
			return
		}
	}
	t.Errorf("%s imports %s: the arrows allow %s only %v", file, to, rule, arrows[rule])
}

// testKits are the packages that any test may use, to make or read its files.
var testKits = []string{
	"ingest/datasets/datasettest", "ingest/datasets/phantom",
	"ingest/nifti", "ingest/wav", "ingest/idx", "internal/npy", "internal/page/pagetest",
	"train/engine/reference", "train/engine/enginetest", "train/engine/cpu",
	"train/models/avnet", "train/models/modeltest", "train/loss", "train/distill", "train/optim",
}

// inTests says what the tests of a folder may import besides: of train, since the
// example that a user begins with shows both halves at once.
var inTests = map[string][]string{
	"train":               {"shards", "shards/split", "train/models/unet3d"},
	"internal/experiment": {"shards"}, // a manifest, for a preset
}

func longest(dir string) string {
	for d := dir; ; d = path.Dir(d) {
		if _, ok := arrows[d]; ok && (d != "." || dir == ".") {
			return d
		}
		if d == "." {
			return ""
		}
	}
}

func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
