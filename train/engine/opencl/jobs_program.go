package opencl

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/train/tensor"
)

// signature is of a kernel: its parameters' types.
type signature struct {
	name  string
	types []string
}

var (
	kernelText = regexp.MustCompile(`KERNEL void (\w+)\(([^)]*)\)`)
	macroText  = regexp.MustCompile(`#define (\w+)\(name,[^)]*\)\s*\\\s*KERNEL void name\(([^)]*)\)`)
	defined    = regexp.MustCompile(`(?m)^(?:KERNEL|static) (?:\w+ )+?(\w+)\(|^} (\w+);`)
	word       = regexp.MustCompile(`\w+`)
)

// signatures returns those of the kernels of a text. A macro that writes kernels is
// given the name as its first argument.
func signatures(text string) []signature {
	var list []signature
	add := func(name, params string) {
		if name != "name" && !slices.ContainsFunc(list, func(s signature) bool { return s.name == name }) {
			list = append(list, signature{name, typesOf(params)})
		}
	}
	for _, m := range kernelText.FindAllStringSubmatch(text, -1) {
		add(m[1], m[2])
	}
	for _, m := range macroText.FindAllStringSubmatch(text, -1) {
		uses := regexp.MustCompile(`(?m)^` + m[1] + `\((\w+),`)
		for _, use := range uses.FindAllStringSubmatch(text, -1) {
			add(use[1], m[2])
		}
	}
	return list
}

func typesOf(params string) []string {
	var list []string
	for p := range strings.SplitSeq(strings.ReplaceAll(params, "\\", " "), ",") {
		p = strings.Join(strings.Fields(p), " ")
		list = append(list, strings.TrimSpace(p[:strings.LastIndexAny(p, " *")+1]))
	}
	return list
}

// argument is argument i of a job as a type, see kernels/jobs.cl, and what a kernel
// does with it.
func argument(i int, t string) (string, access) {
	switch {
	case !strings.HasSuffix(t, "*"):
		return fmt.Sprintf("%s(%d)", strings.ToUpper(t), i), isNumber
	case strings.Contains(t, "const"):
		return fmt.Sprintf("POINTER(%d, %s)", i, t), reads
	}
	return fmt.Sprintf("POINTER(%d, %s)", i, t), writes
}

// jobsProgram is the text of one kernel that does the jobs of all others.
type jobsProgram struct {
	text, cases strings.Builder
	kernels     map[kernelName]kernel
}

// add adds files, whose kernels take tensors of a layout. What they define gets a
// suffix.
func (p *jobsProgram) add(l tensor.Layout, suffix string, files []string) error {
	text, err := source(files)
	if err != nil {
		return err
	}
	values := map[tensor.Layout]string{tensor.Plain: "float", tensor.Blocked: "block"}[l] // T of either.cl
	for _, s := range signatures(text) {
		k := kernel{name: s.name, kind: int32(len(p.kernels))}
		args := make([]string, len(s.types))
		for i, t := range s.types {
			args[i], k.access[i] = argument(i, strings.Replace(t, "T *", values+" *", 1))
		}
		p.kernels[kernelName{s.name, l}] = k
		fmt.Fprintf(&p.cases, "CASE(%d, %s%s(HERE %s))\n", k.kind, s.name, suffix, strings.Join(args, ", "))
	}
	if suffix != "" {
		ours := map[string]bool{}
		for _, m := range defined.FindAllStringSubmatch(text, -1) {
			ours[m[1]+m[2]] = true
		}
		text = word.ReplaceAllStringFunc(text, func(w string) string {
			if ours[w] {
				return w + suffix
			}
			return w
		})
	}
	if l == tensor.Blocked {
		p.text.WriteString("#define BLOCKED\n")
	}
	p.text.WriteString(kernelText.ReplaceAllString(text, "KERNEL void $1(PLACE $2)"))
	return nil
}

// buildJobs builds the kernel for CPUs.
func (d *device) buildJobs() error {
	p := jobsProgram{kernels: d.kernels}
	blocked := slices.Concat(blockedFiles, []string{"conv_cpu", "conv_cpu_grad"})
	if !d.half {
		blocked = append(blocked, "conv_rows_cpu")
	}
	jobs, err := source([]string{"jobs"})
	err = errors.Join(err,
		p.add(tensor.Plain, "", slices.Concat([]string{"prelude", "transpose", "matmul_cpu"}, plainFiles, eitherFiles)),
		p.add(tensor.Blocked, "_of_blocks", eitherFiles),
		p.add(tensor.Blocked, "", blocked))
	if err != nil {
		return err
	}
	list, err := d.compile(p.text.String()+strings.Replace(jobs, "CASES\n", p.cases.String(), 1), d.options(program{}))
	if err != nil {
		return err
	}
	d.run = list[0]
	return nil
}
