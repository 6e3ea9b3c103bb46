package checkpoint_test

import (
	"testing"

	"github.com/lacuna-ml/lacuna/train/checkpoint"
)

// BenchmarkSave keeps a checkpoint of 64 MiB, and looks at the one before.
func BenchmarkSave(b *testing.B) {
	bench(b, func(dir string, c *checkpoint.Checkpoint) error { return checkpoint.Save(dir, c) })
}

// BenchmarkLoad reads a checkpoint of 64 MiB.
func BenchmarkLoad(b *testing.B) {
	bench(b, func(dir string, _ *checkpoint.Checkpoint) error {
		_, _, err := checkpoint.Load(dir)
		return err
	})
}

func bench(b *testing.B, f func(dir string, c *checkpoint.Checkpoint) error) {
	const values = 16 << 20
	c := &checkpoint.Checkpoint{Tensors: []checkpoint.Tensor{{Name: "w", Shape: []int{values}, Data: make([]float32, values)}}}
	dir := b.TempDir()
	if err := checkpoint.Save(dir, c); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4 * values)
	for b.Loop() {
		if err := f(dir, c); err != nil {
			b.Fatal(err)
		}
	}
}
