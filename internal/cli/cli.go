// Package cli runs a program's commands: it parses the command line and a
// configuration file, runs what was asked for, and returns the exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/lacuna-ml/lacuna/internal/version"
)

// The exit codes of every command.
const (
	Good    = iota
	Failed  // could not be done
	Usage   // the command line makes no sense
	Corrupt // the data are damaged
	Skipped // done, or not, but for some subjects
)

// ExitStatus is what help texts say of exit codes.
const ExitStatus = `EXIT STATUS
  0 good, 1 error, 2 wrong usage, 3 corrupt data, 4 some subjects were skipped`

// Error is an error with an exit code of its own.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Usagef returns an error that ends the program with [Usage].
func Usagef(format string, args ...any) error {
	return &Error{Usage, fmt.Errorf(format, args...)}
}

// Program is a command line.
type Program struct {
	Name, Description string
	Grammar           any               // kong's: a pointer to a struct
	Vars              map[string]string // for ${...} in the grammar's help
	Bind              []any             // what Run methods may ask for
	Code              func(error) int   // for errors that are no *Error; nil is Failed
}

// leave is how kong's Exit gets out of a parse: the code it asks for.
type leave int

// Run parses args, runs the command they name and returns the exit code. Data
// go to stdout; errors are printed to stderr.
func (p Program) Run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			l, ok := r.(leave)
			if !ok {
				panic(r)
			}
			code = int(l)
		}
	}()
	vars := kong.Vars{"version": p.Name + " " + version.Version}
	for k, v := range p.Vars {
		vars[k] = v
	}
	parser, err := kong.New(p.Grammar,
		kong.Name(p.Name),
		kong.Description(p.Description+"\n\n"+ExitStatus),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Configuration(loadYAML),
		vars,
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(leave(code)) }),
	)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return Failed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\nTry %s --help.\n", p.Name, err, strings.Join(append([]string{p.Name}, command(args)...), " "))
		return Usage
	}
	err = parsed.Run(p.Bind...)
	_, own := errors.AsType[*Error](err) // which says itself what an interruption left
	switch {
	case err != nil && ctx.Err() != nil && !own:
		fmt.Fprintf(stderr, "%s: interrupted\n", p.Name)
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
	}
	return p.code(err)
}

// command returns the first argument where it is a word: the command whose help
// to point to.
func command(args []string) []string {
	if strings.HasPrefix(args[0], "-") {
		return nil
	}
	return args[:1]
}

func (p Program) code(err error) int {
	own, ok := errors.AsType[*Error](err)
	switch {
	case err == nil:
		return Good
	case ok:
		return own.Code
	case p.Code != nil:
		return p.Code(err)
	}
	return Failed
}
