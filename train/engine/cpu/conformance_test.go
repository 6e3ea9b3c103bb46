package cpu_test

import (
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/enginetest"
)

// TestConformance compares each level of instructions with the reference, and
// one worker with three. The race detector sees the best level only: the others
// share memory in the same way.
func TestConformance(t *testing.T) {
	for _, l := range isa.Levels() {
		if race && l != isa.Best.Found() {
			continue
		}
		t.Run(l.String(), func(t *testing.T) {
			open := func(workers int) func() engine.Engine {
				return func() engine.Engine {
					return cpu.New(cpu.Options{Workers: workers, Level: l, Poison: true})
				}
			}
			enginetest.Run(t, open(1), enginetest.Options{Same: []func() engine.Engine{open(3)}})
		})
	}
}
