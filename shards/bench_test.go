//go:build unix

package shards_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// patches is n samples of 4 modalities of side^3 voxels and a label map.
func patches(n, side int) plan {
	shape := []int{side, side, side}
	p := plan{meta: shards.Meta{
		Dataset: "b", Modalities: modality.MustSet("flair", "t1", "t1ce", "t2"), Task: shards.Segmentation, Classes: []string{"a", "b"},
		Shapes: [][]int{shape, shape, shape, shape}, TargetShape: shape,
	}}
	rng := rand.New(rand.NewPCG(1, 1))
	voxels := side * side * side
	for i := range n {
		s := &ingest.Sample{Key: ingest.Key{Dataset: "b", Subject: fmt.Sprintf("s%04d", i)}, Present: 15, Target: ingest.Labels{Shape: shape, Data: make([]uint8, voxels)}}
		for range 4 {
			s.Inputs = append(s.Inputs, ingest.Array{Shape: shape, Data: noise(rng, voxels)})
		}
		p.rows = append(p.rows, row{split.Train, s})
	}
	return p
}

func bytesOf(p plan) int64 {
	n := int64(0)
	for _, r := range p.rows {
		n += int64(len(r.sample.Target.Data))
		for _, a := range r.sample.Inputs {
			n += 4 * int64(len(a.Data))
		}
	}
	return n
}

// writePlain writes and syncs the arrays one after the other.
func (p plan) writePlain(b *testing.B, name string) {
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range p.rows {
		for _, a := range r.sample.Inputs {
			if _, err := f.Write(unsafe.Slice((*byte)(unsafe.Pointer(&a.Data[0])), 4*len(a.Data))); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := f.Write(r.sample.Target.Data); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// cpu is what the process has used of all cores.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWrite writes a data set, and by turns the same bytes plainly; both
// are synced. It reports medians, and that of the ratios of neighbours.
func BenchmarkWrite(b *testing.B) {
	for _, side := range []int{32, 96} {
		b.Run(fmt.Sprint(side), func(b *testing.B) {
			p := patches(256_000_000/(17*side*side*side), side)
			gb := float64(bytesOf(p)) / 1e9
			root := b.TempDir()
			var rates, cpus [2][]float64
			var ratios []float64
			for b.Loop() {
				for i, write := range []func(dir string){
					func(dir string) { p.writePlain(b, filepath.Join(dir, "f")) },
					func(dir string) { p.write(b, filepath.Join(dir, "set")) },
				} {
					dir, err := os.MkdirTemp(root, "")
					if err != nil {
						b.Fatal(err)
					}
					runtime.GC()
					before, start := cpu(b), time.Now()
					write(dir)
					rates[i] = append(rates[i], gb/time.Since(start).Seconds())
					cpus[i] = append(cpus[i], (cpu(b)-before).Seconds()/gb)
					if err := os.RemoveAll(dir); err != nil {
						b.Fatal(err)
					}
				}
				ratios = append(ratios, rates[1][len(ratios)]/rates[0][len(ratios)])
			}
			median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
			b.ReportMetric(0, "ns/op") // of both: says nothing
			b.ReportMetric(median(ratios), "of-plain")
			b.ReportMetric(median(rates[0]), "plain-GB/s")
			b.ReportMetric(median(rates[1]), "shards-GB/s")
			b.ReportMetric(median(cpus[0]), "plain-cpu-s/GB")
			b.ReportMetric(median(cpus[1]), "shards-cpu-s/GB")
		})
	}
}

// sum adds in eight lanes: what a loop over memory can do.
func sum(v []float32) float32 {
	var s [8]float32
	for ; len(v) >= 8; v = v[8:] {
		for k := range s {
			s[k] += v[k]
		}
	}
	for _, x := range v {
		s[0] += x
	}
	return s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7]
}

// BenchmarkRead sums every value, and compares with a plain mapping.
func BenchmarkRead(b *testing.B) {
	p := patches(27, 64)
	dir := filepath.Join(b.TempDir(), "set")
	m := p.write(b, dir)
	b.Run("mmap", func(b *testing.B) {
		f, err := os.Open(filepath.Join(dir, m.Files[0].Name))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		data, err := unix.Mmap(int(f.Fd()), 0, int(m.Files[0].Bytes), unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(m.Files[0].Bytes)
		total := float32(0)
		for b.Loop() {
			total += sum(unsafe.Slice((*float32)(unsafe.Pointer(&data[0])), len(data)/4))
		}
		_ = total
		if err := unix.Munmap(data); err != nil {
			b.Fatal(err)
		}
	})
	read := func(b *testing.B, r *shards.Reader) {
		total := float32(0)
		for s, err := range r.Samples(b.Context(), shards.Query{Split: split.Train}) {
			if err != nil {
				b.Fatal(err)
			}
			for _, a := range s.Inputs {
				total += sum(a.Data)
			}
		}
		_ = total
	}
	values := bytesOf(p) / 17 * 16
	b.Run("shards", func(b *testing.B) {
		r := open(b, dir)
		b.SetBytes(values)
		for b.Loop() {
			read(b, r)
		}
	})
	b.Run("shards-first-time", func(b *testing.B) { // with Open and checksums
		b.SetBytes(values)
		for b.Loop() {
			r, err := shards.Open(dir)
			if err != nil {
				b.Fatal(err)
			}
			read(b, r)
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("random-row", func(b *testing.B) {
		r := open(b, dir)
		rows := slices.Collect(func(yield func(int64) bool) {
			for _, i := range shards.Order(r.Rows(split.Train), 1, 1) {
				if !yield(int64(i)) {
					return
				}
			}
		})
		n := 0
		for b.Loop() {
			s, err := r.Sample(split.Train, rows[n%len(rows)])
			if err != nil {
				b.Fatal(err)
			}
			sum(s.Inputs[0].Data[:4096])
			n++
		}
	})
}
