package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestNotStale demands that the tree holds what this program writes.
func TestNotStale(t *testing.T) {
	for pkg, all := range files() {
		for name, want := range all {
			got, err := os.ReadFile(filepath.Join("../../train/engine/cpu", pkg, name))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != want {
				t.Errorf("%s is stale: go generate ./train/engine/cpu/%s", name, pkg)
			}
		}
	}
}
