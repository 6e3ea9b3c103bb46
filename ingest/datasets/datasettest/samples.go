package datasettest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
)

// load checks Load, one subject after the other.
func (k *kit) load(ctx context.Context) {
	step := max(1, (len(k.subjects)+maxLoaded-1)/maxLoaded)
	for i := 0; i < len(k.subjects); i += step {
		s := k.subjects[i]
		sample, err := k.src.Load(ctx, s)
		if err != nil {
			k.errorf("loading %s: %w", s.Key, err)
			continue
		}
		k.sample(s, sample)
		k.packed(ctx, s, sample)
		k.loaded = append(k.loaded, loaded{s, sample.Present, sample.Sources, digest(sample)})
	}
	if _, err := k.src.Load(ctx, ingest.Subject{Key: ingest.Key{Dataset: k.d.Name, Subject: "no such subject"}}); err == nil {
		k.errorf("a subject that is not there was loaded")
	}
	k.payload()
}

// sample checks one sample against the contract.
func (k *kit) sample(s ingest.Subject, sample *ingest.Sample) {
	if err := sample.Check(k.d.Modalities); err != nil {
		k.errorf("%w", err)
		return
	}
	if sample.Key != s.Key || sample.Subject != s {
		k.errorf("%s: the sample is of another subject: %+v", s.Key, sample.Subject)
	}
	if sample.Present == 0 {
		k.errorf("%s: no modality is present, and that is not an error", s.Key)
	}
	if b := sample.Background; b != nil && len(b) != k.d.Modalities.Len() {
		k.errorf("%s: %d backgrounds for %d modalities", s.Key, len(b), k.d.Modalities.Len())
	}
	var grid []int
	for i := range sample.Present.All() {
		a, name := sample.Inputs[i], k.d.Modalities.Name(i)
		k.array(s, name, k.d.Kinds[i], a)
		if len(k.d.Shapes) > 0 && k.d.Shapes[i] != nil && !slices.Equal(k.d.Shapes[i], a.Shape) {
			k.errorf("%s: %s has shape %v, the description says %v", s.Key, name, a.Shape, k.d.Shapes[i])
		}
		switch k.d.Kinds[i] {
		case datasets.Volume:
			if grid != nil && !slices.Equal(grid, a.Shape) {
				k.errorf("%s: %s has shape %v, another modality %v", s.Key, name, a.Shape, grid)
			}
			grid = a.Shape
			if sample.Affine == [4][4]float64{} {
				k.errorf("%s: a volume without an affine", s.Key)
			}
			if v := sample.Location.Volume; !slices.Equal(v[:], a.Shape) || sample.Location.Offset != [3]int{} {
				k.errorf("%s: location %+v for a whole volume of shape %v", s.Key, sample.Location, a.Shape)
			}
		case datasets.Waveform:
			if sample.RateHz <= 0 {
				k.errorf("%s: a waveform at %d Hz", s.Key, sample.RateHz)
			}
		}
	}
	k.target(s, sample, grid)
	k.checksums(s, sample)
}

// array checks the shape and values of one modality.
func (k *kit) array(s ingest.Subject, name string, kind datasets.Kind, a ingest.Array) {
	if len(a.Shape) != rank(kind) {
		k.errorf("%s: %s has shape %v, and is a %s", s.Key, name, a.Shape, kind)
	}
	low, high := float32(-math.MaxFloat32), float32(math.MaxFloat32)
	switch kind {
	case datasets.Image:
		low, high = 0, 1
	case datasets.Waveform:
		low, high = -1, 1
	}
	for i, v := range a.Data {
		if !(v >= low && v <= high) {
			k.errorf("%s: %s has the value %g at %d: not in %g to %g", s.Key, name, v, i, low, high)
			return
		}
	}
}

func (k *kit) target(s ingest.Subject, sample *ingest.Sample, grid []int) {
	t := sample.Target
	if !t.Known() {
		if s.Class >= 0 {
			k.errorf("%s: its class is known, its target is not", s.Key)
		}
		return
	}
	for i, v := range t.Data {
		if int(v) >= len(k.d.Classes) {
			k.errorf("%s: target has value %d at %d, there are %d classes", s.Key, v, i, len(k.d.Classes))
			break
		}
	}
	switch k.d.Task {
	case datasets.Classification:
		if len(t.Shape) != 0 || s.Class >= 0 && int(t.Data[0]) != s.Class {
			k.errorf("%s: target %v of shape %v for class %d", s.Key, t.Data, t.Shape, s.Class)
		}
	case datasets.Segmentation:
		if grid != nil && !slices.Equal(grid, t.Shape) {
			k.errorf("%s: target has shape %v, the volumes %v", s.Key, t.Shape, grid)
		}
	}
}

// checksums compares the sources of a sample with the files.
func (k *kit) checksums(s ingest.Subject, sample *ingest.Sample) {
	for i := range sample.Present.All() {
		name := k.d.Modalities.Name(i)
		if !slices.ContainsFunc(sample.Sources, func(f ingest.File) bool { return f.Role == name }) {
			k.errorf("%s: %s is present and no source says where from", s.Key, name)
		}
	}
	for _, f := range sample.Sources {
		if f.Role != "target" && k.d.Modalities.Index(f.Role) < 0 {
			k.errorf("%s: source %s has the role %q", s.Key, f.Path, f.Role)
		}
		input, name, ok := k.locate(f.Path)
		if !ok {
			k.errorf("%s: source %q is in none of the inputs", s.Key, f.Path)
			continue
		}
		b, err := fs.ReadFile(k.in[input], name)
		if err != nil {
			k.errorf("%s: %w", s.Key, err)
		} else if sha256.Sum256(b) != f.SHA256 {
			k.errorf("%s: source %s has another checksum", s.Key, f.Path)
		}
	}
}

// locate finds a source's path among the inputs: as it is, or behind the
// input's name.
func (k *kit) locate(p string) (input, name string, ok bool) {
	for _, in := range k.d.Inputs {
		for _, name := range []string{p, strings.TrimPrefix(p, in.Name+"/")} {
			if info, err := fs.Stat(k.in[in.Name], name); err == nil && !info.IsDir() {
				return in.Name, name, true
			}
		}
	}
	return "", "", false
}

// maxShared is how much of a file that many subjects share Open and Subjects
// may read: a header, an index.
const maxShared = 64 << 10

// payload checks what Open and Subjects read of the files that hold inputs.
func (k *kit) payload() {
	users := map[string]int{}
	for _, l := range k.loaded {
		for _, p := range l.inputs() {
			users[p]++
		}
	}
	for p, n := range users {
		input, name, ok := k.locate(p)
		if !ok {
			continue
		}
		read := k.reads[input][name]
		if n == 1 && read > 0 && len(k.loaded) > 1 {
			k.errorf("Open and Subjects read %d bytes of %s, which is one subject's data", read, p)
		}
		if n > 1 && read > maxShared {
			k.errorf("Open and Subjects read %d bytes of %s, which holds data: more than %d", read, p, maxShared)
		}
	}
}

// inputs lists the distinct files of a sample that hold its inputs.
func (l loaded) inputs() []string {
	var out []string
	for _, f := range l.sources {
		if f.Role != "target" && !slices.Contains(out, f.Path) {
			out = append(out, f.Path)
		}
	}
	return out
}

// together loads from 8 goroutines and compares with what was loaded before.
func (k *kit) together(ctx context.Context) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for g := range 8 {
		wg.Go(func() {
			for i := range k.loaded {
				want := k.loaded[(i+g)%len(k.loaded)]
				sample, err := k.src.Load(ctx, want.subject)
				same := err == nil && digest(sample) == want.digest
				if !same {
					mu.Lock()
					k.errorf("%s: loaded beside others it differs (error %v)", want.subject.Key, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
}

// digest is equal for equal samples.
func digest(s *ingest.Sample) string {
	h := sha256.New()
	var buf []byte
	for _, a := range s.Inputs {
		fmt.Fprint(h, a.Shape)
		for part := range slices.Chunk(a.Data, 1<<12) {
			buf = buf[:0]
			for _, v := range part {
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
			}
			_, _ = h.Write(buf) // a hash never errs
		}
	}
	_, _ = h.Write(s.Target.Data)
	rest := *s
	rest.Inputs, rest.Target.Data = nil, nil
	fmt.Fprintf(h, "%+v", rest)
	return hex.EncodeToString(h.Sum(nil))
}
