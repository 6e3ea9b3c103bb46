package phantom_test

import (
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/datasets/phantom"
)

func BenchmarkWriteBraTS(b *testing.B) {
	for b.Loop() {
		if err := phantom.WriteBraTS(b.Context(), b.TempDir(), phantom.BraTSOptions{Cases: 10}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteDigits(b *testing.B) {
	for b.Loop() {
		if err := phantom.WriteDigits(b.Context(), b.TempDir(), phantom.DigitOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
