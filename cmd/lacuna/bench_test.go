package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkCase is the whole way of one real case of 240x240x155 on one worker:
// decode four modalities and the label map, crop, normalise, cut four patches,
// write, sync.
func BenchmarkCase(b *testing.B) {
	data := os.Getenv("LACUNA_DATA")
	if data == "" {
		b.Skip("LACUNA_DATA is not set: no case to read")
	}
	for _, norm := range []string{"mckd", "zscore-nonzero"} {
		b.Run(norm, func(b *testing.B) {
			out := filepath.Join(b.TempDir(), "out")
			for b.Loop() {
				args := []string{"ingest", "brats", "--in", filepath.Join(data, "brats_semisynthetic"), "--out", out,
					"--overwrite", "--workers", "1", "--normalise", norm}
				if code := run(b.Context(), args, io.Discard, os.Stderr); code != 0 {
					b.Fatal("exit code", code)
				}
			}
		})
	}
}
