package lab

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/internal/page"
)

// next says what to do with the run, if there is anything.
func (a account) next() []page.Section {
	run := quote(a.dir)
	var code []string
	tip := func(why, command string) {
		if command != "" {
			code = append(code, "# "+why+"\n"+command)
		}
	}
	if !a.done() {
		tip("go on with it", "lacuna train --resume --run "+run)
	} else {
		if len(a.validation) == 0 {
			tip("judge it with every combination of modalities", "lacuna validate "+run)
		}
		if a.set.Task == datasets.Segmentation {
			tip("write the predicted label maps as NIfTI", "lacuna validate "+run+" --nifti")
		}
		command := a.info.Notes[noteCommand]
		if a.spec.Train.Distill.Alpha > 0 {
			tip("the same without distillation, to compare", again(command, distillationFlags, "--alpha", "0", "--run", a.dir+"-plain"))
		}
		seed := a.spec.Train.Seed + 1
		tip("the same from another seed: one run says little", again(command, []string{"seed"}, "--seed", fmt.Sprint(seed), "--run", fmt.Sprintf("%s-seed%d", a.dir, seed)))
	}
	if code == nil {
		return nil
	}
	return []page.Section{{Title: "What next", Blocks: []page.Block{page.Code(strings.Join(code, "\n\n"))}}}
}

// distillationFlags are the flags of lacuna train that mean nothing without it.
var distillationFlags = []string{"alpha", "distance", "weights", "clamp", "meta", "meta-drop", "meta-every", "gate-scale", "all-levels", "gate-skips"}

// again returns the command that began a run with other flags: those named, and
// --run, are left out, and more come after the rest. It is "" where the run was
// begun by another command, as those of experiments are.
func again(command string, without []string, more ...string) string {
	words := fields(command)
	if len(words) < 2 || words[1] != "train" {
		return ""
	}
	out := words[:2:2]
	for i := 2; i < len(words); i++ {
		name, long := strings.CutPrefix(words[i], "--")
		name, _, given := strings.Cut(name, "=")
		if !long || name != "run" && !slices.Contains(without, strings.TrimPrefix(name, "no-")) {
			out = append(out, words[i])
			continue
		}
		switch strings.TrimPrefix(name, "no-") {
		case "all-levels", "gate-skips": // have no value
		default:
			if !given {
				i++
			}
		}
	}
	return CommandLine(append(out, more...))
}

// quote writes an argument as a shell takes it.
func quote(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:,+@%", r)
	}
	if arg != "" && !strings.ContainsFunc(arg, func(r rune) bool { return !plain(r) }) {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// CommandLine writes a program's arguments as they can be given again.
func CommandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quote(a)
	}
	return strings.Join(quoted, " ")
}

// fields takes a line of [CommandLine] apart.
func fields(line string) []string {
	var words []string
	word, quoted, open := "", false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			quoted, open = !quoted, true
		case c == '\\' && !quoted && i+1 < len(line):
			i++
			word += line[i : i+1]
		case c == ' ' && !quoted:
			if open || word != "" {
				words = append(words, word)
			}
			word, open = "", false
		default:
			word += line[i : i+1]
		}
	}
	if open || word != "" {
		words = append(words, word)
	}
	return words
}
