package opencl

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/train/tensor"
)

var (
	kernelRE   = regexp.MustCompile(`KERNEL void (\w+)\(([^)]*)\)`)
	macroRE    = regexp.MustCompile(`#define (\w+)\((\w+),[^)]*\)\s*\\\s*KERNEL void name\(([^)]*)\)`)
	typeRE     = regexp.MustCompile(`(?m)^} (\w+);`)
	functionRE = regexp.MustCompile(`(?m)^(?:KERNEL|static) (?:\w+ )+?(\w+)\(`)
)

// signature is of a kernel: its parameters' types.
type signature struct {
	name  string
	types []string
}

// signatures returns those of a text's kernels. A macro that writes kernels is given
// the name as its first argument.
func signatures(text string) []signature {
	var list []signature
	for _, m := range kernelRE.FindAllStringSubmatch(text, -1) {
		if m[1] != "name" && !slices.ContainsFunc(list, func(s signature) bool { return s.name == m[1] }) {
			list = append(list, signature{m[1], typesOf(m[2])})
		}
	}
	for _, m := range macroRE.FindAllStringSubmatch(text, -1) {
		uses := regexp.MustCompile(`(?m)^` + m[1] + `\((\w+),`)
		for _, use := range uses.FindAllStringSubmatch(text, -1) {
			list = append(list, signature{use[1], typesOf(m[3])})
		}
	}
	return list
}

func typesOf(params string) []string {
	var list []string
	for _, p := range strings.Split(strings.ReplaceAll(params, "\\", " "), ",") {
		p = strings.Join(strings.Fields(p), " ")
		cut := strings.LastIndexAny(p, " *")
		list = append(list, strings.TrimSpace(p[:cut+1]))
	}
	return list
}

// argument returns argument i of a job as a type.
func argument(i int, t string) string {
	if strings.HasSuffix(t, "*") {
		return fmt.Sprintf("POINTER(%d, %s)", i, t)
	}
	return fmt.Sprintf("%s(%d)", strings.ToUpper(t), i)
}

func (d *device) buildJobs() error {
	var text, cases strings.Builder
	add := func(l tensor.Layout, suffix string, files ...string) error {
		part, err := source(files)
		if err != nil {
			return err
		}
		list := signatures(part)
		if suffix != "" {
			names := map[string]bool{}
			for _, m := range functionRE.FindAllStringSubmatch(part, -1) {
				names[m[1]] = true
			}
			for _, m := range typeRE.FindAllStringSubmatch(part, -1) {
				names[m[1]] = true
			}
			part = regexp.MustCompile(`\w+`).ReplaceAllStringFunc(part, func(w string) string {
				if names[w] {
					return w + suffix
				}
				return w
			})
		}
		text.WriteString(strings.ReplaceAll(part, "KERNEL void ", "KERNEL void "))
		for _, s := range list {
			k := kernel{name: s.name, kind: int32(len(d.kernels))}
			args := make([]string, len(s.types))
			for i, t := range s.types {
				args[i] = argument(i, t)
				if strings.HasSuffix(t, "*") {
					k.access[i] = writes
					if strings.Contains(t, "const") {
						k.access[i] = reads
					}
				}
			}
			fmt.Fprintf(&cases, "\tCASE(%d, %s%s(HERE %s))\n", k.kind, s.name, suffix, strings.Join(args, ", "))
			d.kernels[kernelName{s.name, l}] = k
		}
		return nil
	}
	either := []string{"either", "elementwise", "samples", "upsample", "channels"}
	plain := append(append([]string{}, either...), "running", "rows", "losses", "optimisers", "transpose", "matmul_cpu")
	blocked := []string{"layout", "norm", "pool", "conv", "pack", "conv_cpu", "conv_cpu_grad"}
	if err := add(tensor.Plain, "", "prelude"); err != nil {
		return err
	}
	if err := add(tensor.Plain, "", plain...); err != nil {
		return err
	}
	text.WriteString("#define BLOCKED\n")
	if err := add(tensor.Blocked, "_blocked", either...); err != nil {
		return err
	}
	if err := add(tensor.Blocked, "", blocked...); err != nil {
		return err
	}
	frame, err := source([]string{"jobs"})
	if err != nil {
		return err
	}
	whole := kernelRE.ReplaceAllString(text.String(), "KERNEL void $1(PLACE $2)") + strings.Replace(frame, "\t\t\tCASES\n", cases.String(), 1)
	list, err := d.compile(whole, d.options(program{}))
	if err != nil {
		return err
	}
	d.jobs.run = list[0]
	return nil
}
