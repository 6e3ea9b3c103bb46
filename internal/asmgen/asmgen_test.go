package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestNotStale demands that the tree holds what this program writes.
func TestNotStale(t *testing.T) {
	for name, want := range files() {
		got, err := os.ReadFile(filepath.Join("../../train/engine/cpu/conv", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is stale: go generate ./train/engine/cpu/conv", name)
		}
	}
}
