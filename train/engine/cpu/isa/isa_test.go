package isa_test

import (
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
)

func TestLevels(t *testing.T) {
	all := isa.Levels()
	if all[0] != isa.Plain || all[len(all)-1] != isa.Best.Found() || !slices.IsSorted(all) {
		t.Errorf("levels %v, the best is %v", all, isa.Best.Found())
	}
	if got := isa.Plain.Found(); got != isa.Plain {
		t.Errorf("plain Go is found as %v", got)
	}
}
