package mfcc_test

import (
	"path/filepath"
	"testing"

	"github.com/lacuna-ml/lacuna/mfcc"
)

// BenchmarkLibrosaFSDD is the time of the first 300 clips of FSDD, 8 kHz.
// bench/mfcc_peers.py runs it beside librosa and torchaudio.
func BenchmarkLibrosaFSDD(b *testing.B) {
	files, err := filepath.Glob(filepath.Join(dataFolder(b, "fsdd/recordings"), "*.wav"))
	if err != nil || len(files) < 300 {
		b.Fatalf("%d recordings, want 300 (%v)", len(files), err)
	}
	var clips [][]float32
	for _, f := range files[:300] {
		clips = append(clips, readFSDD(b, f))
	}
	bench(b, mfcc.Config{Name: mfcc.Librosa, RateHz: 8000}, clips...)
}

// BenchmarkLibrosaLong is the time of 60 s at 16 kHz.
func BenchmarkLibrosaLong(b *testing.B) {
	bench(b, mfcc.Config{Name: mfcc.Librosa, RateHz: 16000}, noise(60*16000, 1))
}

// BenchmarkClip is the time of one clip of FSDD's mean length.
func BenchmarkClip(b *testing.B) {
	for _, name := range mfcc.Names() {
		b.Run(name, func(b *testing.B) { bench(b, mfcc.Config{Name: name, RateHz: 8000}, noise(3500, 1)) })
	}
}

func bench(b *testing.B, c mfcc.Config, clips ...[]float32) {
	e, err := mfcc.New(c)
	if err != nil {
		b.Fatal(err)
	}
	frames := 0
	for _, c := range clips {
		frames += e.Frames(len(c))
	}
	var dst []float32
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range clips {
			dst = e.Append(dst[:0], c)
		}
	}
	perOp := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	b.ReportMetric(perOp/float64(len(clips)), "ns/clip")
	b.ReportMetric(perOp/float64(frames), "ns/frame")
}

// noise returns n samples of a linear congruential generator, -0.5 to 0.5.
func noise(n int, seed uint32) []float32 {
	x := make([]float32, n)
	for i := range x {
		seed = seed*1664525 + 1013904223
		x[i] = float32(int32(seed)>>16) / 65536
	}
	return x
}
