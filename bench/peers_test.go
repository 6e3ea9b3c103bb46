// Package bench compares Lacuna's own codecs and features with the libraries
// that it does not use, side by side in one run. Its own go.mod keeps those
// libraries out of the product. README.md says how each comparison is run.
package bench

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	audiowav "github.com/go-audio/wav"
	"github.com/klauspost/compress/gzip"
	dspfft "github.com/mjibson/go-dsp/fft"
	"github.com/okieraised/gonii"
	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
	"github.com/lacuna-ml/lacuna/ingest/wav"
)

// data returns the folder of test data, or skips.
func data(tb testing.TB) string {
	dir := os.Getenv("LACUNA_DATA")
	if dir == "" {
		tb.Skip("LACUNA_DATA is not set: no files to compare on")
	}
	return dir
}

// BenchmarkNIfTI reads one 240x240x155 int16 .nii.gz to float32.
func BenchmarkNIfTI(b *testing.B) {
	found, err := filepath.Glob(filepath.Join(data(b), "brats_real", "*", "*_t1.nii.gz"))
	if err != nil || len(found) == 0 {
		b.Fatal("no case", err)
	}
	file := found[0]
	raw, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("inflate only", func(b *testing.B) {
		for b.Loop() {
			z, err := gzip.NewReader(bytes.NewReader(raw))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, z); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("lacuna", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := nifti.Decode(bytes.NewReader(raw), 1<<30); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gonii", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rd, err := gonii.NewNiiReader(gonii.WithReadInMemory(true), gonii.WithReadImageFile(file))
			if err != nil {
				b.Fatal(err)
			}
			if err := rd.Parse(); err != nil {
				b.Fatal(err)
			}
			if v := rd.GetNiiData().GetVoxels(); v == nil {
				b.Fatal("no voxels")
			}
		}
	})
}

// BenchmarkWAV decodes 300 spoken digits to float32, from memory.
func BenchmarkWAV(b *testing.B) {
	names, err := filepath.Glob(filepath.Join(data(b), "fsdd", "recordings", "*.wav"))
	if err != nil || len(names) < 300 {
		b.Fatal("too few recordings", err)
	}
	var clips [][]byte
	for _, n := range names[:300] {
		raw, err := os.ReadFile(n)
		if err != nil {
			b.Fatal(err)
		}
		clips = append(clips, raw)
	}
	b.Run("lacuna", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, c := range clips {
				if _, err := wav.Decode(bytes.NewReader(c), 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("go-audio", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, c := range clips {
				buf, err := audiowav.NewDecoder(bytes.NewReader(c)).FullPCMBuffer()
				if err != nil {
					b.Fatal(err)
				}
				_ = buf.AsFloat32Buffer()
			}
		}
	})
}

// BenchmarkFFT transforms one real frame of 2048 samples; the program's own
// transform is measured in package mfcc (go test -bench FFT ./mfcc).
func BenchmarkFFT(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, 2048)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	b.Run("gonum", func(b *testing.B) {
		b.ReportAllocs()
		f := fourier.NewFFT(len(x))
		var out []complex128
		for b.Loop() {
			out = f.Coefficients(out, x)
		}
	})
	b.Run("go-dsp", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			dspfft.FFTReal(x)
		}
	})
}
