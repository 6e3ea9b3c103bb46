package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// loadYAML makes a resolver of a file of flag names and values.
func loadYAML(r io.Reader) (kong.Resolver, error) {
	values := map[string]any{}
	if err := yaml.NewDecoder(r).Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return flagValues(values), nil
}

// flagValues are values by the names of flags.
type flagValues map[string]any

// Validate refuses a key that is no flag of any command: a misspelt one would
// silently change nothing.
func (v flagValues) Validate(app *kong.Application) error {
	known := map[string]bool{}
	err := kong.Visit(app.Node, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok {
			known[f.Name] = true
		}
		return next(nil)
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(v)) {
		if !known[key] {
			return fmt.Errorf("configuration: no flag is called %q", key)
		}
	}
	return nil
}

// Resolve gives kong the value of a flag as it would stand on a command line,
// and a list whole, for its items may hold commas.
func (v flagValues) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	switch x := v[flag.Name].(type) {
	case nil:
		return nil, nil
	case []any:
		items := make([]any, len(x))
		for i, e := range x {
			items[i] = fmt.Sprint(e)
		}
		return items, nil
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(x)) {
			parts = append(parts, fmt.Sprintf("%s=%v", k, x[k]))
		}
		return strings.Join(parts, ";"), nil
	default:
		return fmt.Sprint(x), nil
	}
}
