//go:build linux

// Shardpeer is Lacuna's side of bench/shard_peers.py, and that of the reference
// without a format. It prints one JSON object of seconds.
//
//	shardpeer write DIR SAMPLES     shards of a file of samples
//	shardpeer plain FILE SAMPLES    the same bytes in one file
//	shardpeer read DIR SEED ACCESSES
//	shardpeer mmap FILE SEED ACCESSES
//
// A sample is 4 modalities of 32 x 64 x 64 float32 and as many uint8 labels.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

const (
	voxels      = 32 * 64 * 64
	sampleBytes = 4*4*voxels + voxels
)

// figures is what is printed: sums tell that all read the same.
type figures struct {
	Write  float64   `json:"write_s,omitempty"`
	First  float64   `json:"first_s,omitempty"`  // opening and one pass
	Second float64   `json:"second_s,omitempty"` // another pass
	Random []float64 `json:"random_us,omitempty"`
	Sum    float64   `json:"sum,omitempty"`
}

func main() {
	f, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "shardpeer:", err)
		os.Exit(1)
	}
}

func run(args []string) (figures, error) {
	if len(args) == 3 && args[0] == "write" {
		return write(args[1], args[2])
	}
	if len(args) == 3 && args[0] == "plain" {
		return plain(args[1], args[2])
	}
	if len(args) != 4 || args[0] != "read" && args[0] != "mmap" {
		return figures{}, fmt.Errorf("arguments %q: see the comment at the top", args)
	}
	seed, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return figures{}, err
	}
	accesses, err := strconv.Atoi(args[3])
	if err != nil {
		return figures{}, err
	}
	open := openShards
	if args[0] == "mmap" {
		open = openMapped
	}
	return read(args[1], open, seed, accesses)
}

func floats(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

func write(dir, file string) (figures, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return figures{}, err
	}
	shape := []int{32, 64, 64}
	var samples []*ingest.Sample
	for i := 0; len(raw) >= sampleBytes; i++ {
		s := &ingest.Sample{Key: ingest.Key{Dataset: "peer", Subject: fmt.Sprintf("s%06d", i)}, Present: 15,
			Target: ingest.Labels{Shape: shape, Data: raw[16*voxels : sampleBytes]}}
		for m := range 4 {
			s.Inputs = append(s.Inputs, ingest.Array{Shape: shape, Data: floats(raw[4*voxels*m : 4*voxels*(m+1)])})
		}
		samples, raw = append(samples, s), raw[sampleBytes:]
	}
	start := time.Now()
	w, err := shards.Create(dir, shards.Meta{
		Dataset: "peer", Modalities: modality.MustSet("flair", "t1", "t1ce", "t2"), Task: shards.Segmentation,
		Classes: []string{"0", "1", "2", "3"}, Shapes: [][]int{shape, shape, shape, shape}, TargetShape: shape,
	}, shards.Options{})
	if err != nil {
		return figures{}, err
	}
	for _, s := range samples {
		if err := w.Append(split.Train, s); err != nil {
			_ = w.Abort() // the first error says it
			return figures{}, err
		}
	}
	if _, err := w.Commit(); err != nil {
		_ = w.Abort() // the first error says it
		return figures{}, err
	}
	return figures{Write: time.Since(start).Seconds()}, nil
}

// plain writes sample by sample and syncs once.
func plain(name, file string) (figures, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return figures{}, err
	}
	start := time.Now()
	f, err := os.Create(name)
	if err != nil {
		return figures{}, err
	}
	for ; len(raw) >= sampleBytes; raw = raw[sampleBytes:] {
		if _, err := f.Write(raw[:sampleBytes]); err != nil {
			return figures{}, err
		}
	}
	if err := f.Sync(); err != nil {
		return figures{}, err
	}
	return figures{Write: time.Since(start).Seconds()}, f.Close()
}

// opened returns sample i as its arrays; n says how many there are.
type opened struct {
	n   int
	get func(i int) ([][]float32, error)
}

func openShards(dir string) (opened, error) {
	r, err := shards.Open(dir)
	if err != nil {
		return opened{}, err
	}
	return opened{int(r.Rows(split.Train)), func(i int) ([][]float32, error) {
		s, err := r.Sample(split.Train, int64(i))
		if err != nil {
			return nil, err
		}
		var arrays [][]float32
		for _, a := range s.Inputs {
			arrays = append(arrays, a.Data)
		}
		return arrays, nil
	}}, nil
}

func openMapped(name string) (opened, error) {
	f, err := os.Open(name)
	if err != nil {
		return opened{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return opened{}, err
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return opened{}, err
	}
	return opened{len(data) / sampleBytes, func(i int) ([][]float32, error) {
		return [][]float32{floats(data[i*sampleBytes:][:16*voxels])}, nil
	}}, nil
}

func read(path string, open func(string) (opened, error), seed uint64, accesses int) (figures, error) {
	var f figures
	start := time.Now()
	o, err := open(path)
	if err != nil {
		return f, err
	}
	for _, seconds := range []*float64{&f.First, &f.Second} {
		f.Sum = 0
		for i := range o.n {
			arrays, err := o.get(i)
			if err != nil {
				return f, err
			}
			for _, a := range arrays {
				f.Sum += float64(total(a))
			}
		}
		*seconds = time.Since(start).Seconds()
		start = time.Now()
	}
	if o, err = open(path); err != nil { // so that nothing is known of any batch
		return f, err
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	touched := float32(0)
	for range accesses {
		i := rng.IntN(o.n)
		start = time.Now()
		arrays, err := o.get(i)
		if err != nil {
			return f, err
		}
		for _, a := range arrays {
			for k := 0; k < len(a); k += 1024 { // one value a page
				touched += a[k]
			}
		}
		f.Random = append(f.Random, float64(time.Since(start).Nanoseconds())/1e3)
	}
	if touched != touched {
		return f, fmt.Errorf("a value is not a number")
	}
	return f, nil
}

// total adds in eight lanes.
func total(v []float32) float32 {
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
