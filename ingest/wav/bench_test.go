package wav_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/wav"
)

// benchFiles returns the names of spoken digits where there is data, else of
// clips of the same kind and mean length.
func benchFiles(b *testing.B) []string {
	if os.Getenv("LACUNA_DATA") != "" {
		names, err := filepath.Glob(filepath.Join(dataDir(b, "fsdd"), "recordings", "*.wav"))
		if err != nil || len(names) == 0 {
			b.Fatalf("no recordings: %v", err)
		}
		return names
	}
	pcm := make([]int16, 3500)
	for i := range pcm {
		pcm[i] = int16(i * i)
	}
	var file bytes.Buffer
	if err := wav.Encode(&file, 8000, 1, pcm); err != nil {
		b.Fatal(err)
	}
	name := filepath.Join(b.TempDir(), "clip.wav")
	if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	return []string{name}
}

func benchmark(b *testing.B, read func(name string) error) {
	names := benchFiles(b)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if err := read(names[i%len(names)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "files/s")
}

// BenchmarkReadFile is what it takes to have the bytes alone.
func BenchmarkReadFile(b *testing.B) {
	benchmark(b, func(name string) error {
		_, err := os.ReadFile(name)
		return err
	})
}

// BenchmarkReadFileDecode decodes bytes that are read at once.
func BenchmarkReadFileDecode(b *testing.B) {
	benchmark(b, func(name string) error {
		file, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		_, err = wav.Decode(bytes.NewReader(file), limit)
		return err
	})
}

// BenchmarkOpenDecode decodes straight from the file.
func BenchmarkOpenDecode(b *testing.B) {
	benchmark(b, func(name string) error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = wav.Decode(f, limit)
		return err
	})
}
