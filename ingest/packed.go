package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/ingest/sparse"
)

// PackedSource is a Source of volumes that can leave them packed.
type PackedSource interface {
	Source
	// LoadPacked is Load for who needs parts of the volumes alone: Unpack of what
	// it returns is what Load returns. Release is to be called once.
	LoadPacked(ctx context.Context, s Subject) (*Packed, error)
}

// Packed is a sample whose arrays are yet to be made, of volumes without the air
// around them. What is done to a few voxels of a subject, or can be told from
// those that are no air, need not touch the others. Like a Sample it has one
// owner, for one goroutine.
type Packed struct {
	// Sample is all but the arrays: those have their shapes and no data. It has a
	// Background; its Location says which box of the volumes it is.
	Sample *Sample
	// Volumes has one a modality, nil where absent: all of the shape that
	// Location.Volume says, before Maps. Their backgrounds are the sample's, as it
	// was loaded.
	Volumes []*sparse.Volume
	// Labels is the target, in Codes, of the same shape; nil for an unlabelled
	// sample.
	Labels *sparse.Volume
	// Maps has, a modality, what is still to be done to its values. A nil Map
	// stands for nothing, nil Maps for none.
	Maps []Map
	// Free, where not nil, gives the memory of the volumes back to the source.
	Free func()
}

// A Map sets dst to what becomes of src, of the same length, one by one. It has
// the same answer for a code and for its value.
type Map interface {
	Codes(dst []float32, src []int16)
	Values(dst, src []float32) // which may be the same
}

// plain is the Map that leaves values as they are.
type plain struct{}

func (plain) Values(dst, src []float32) { copy(dst, src) }

func (plain) Codes(dst []float32, src []int16) {
	for i, c := range src {
		dst[i] = float32(c)
	}
}

// Release says that the volumes are of no more use. Samples made of them are.
func (p *Packed) Release() {
	if p.Free != nil {
		p.Free()
	}
	*p = Packed{}
}

// Unpack returns the sample with its arrays, in memory of their own. The sample
// is the caller's; the volumes stay p's.
func (p *Packed) Unpack() *Sample {
	s := p.Sample
	for i := range s.Present.All() {
		s.Inputs[i].Data = p.Input(i, [3]int{}, [3]int(s.Inputs[i].Shape), 0)
	}
	if p.Labels != nil {
		s.Target.Data = p.Target([3]int{}, [3]int(s.Target.Shape))
	}
	return s
}

// Input returns a patch of modality i, which begins at the voxel start (D, H, W)
// of the sample and may lie outside of it in part: there it is pad.
func (p *Packed) Input(i int, start, size [3]int, pad float32) []float32 {
	v, m := p.Volumes[i], Map(plain{})
	if p.Maps != nil && p.Maps[i] != nil {
		m = p.Maps[i]
	}
	air := []float32{v.Background}
	m.Values(air, air)
	set := func(dst []float32, at int) { m.Values(dst, v.Values[at:at+len(dst)]) }
	if v.Codes != nil {
		set = func(dst []float32, at int) { m.Codes(dst, v.Codes[at:at+len(dst)]) }
	}
	return cut(p.window(v, p.Sample.Inputs[i].Shape, start, size), air[0], pad, set)
}

// Target is Input for the label map, with the class 0 outside.
func (p *Packed) Target(start, size [3]int) []uint8 {
	v := p.Labels
	return cut(p.window(v, p.Sample.Target.Shape, start, size), uint8(v.Background), 0, func(dst []uint8, at int) {
		for i, c := range v.Codes[at : at+len(dst)] {
			dst[i] = uint8(c)
		}
	})
}

// window is where a patch lies: its voxels lo <= D, H, W < hi are in the sample,
// and its voxel 0, 0, 0 is the voxel first of v.
type window struct {
	v                   *sparse.Volume
	first, lo, hi, size [3]int
}

func (p *Packed) window(v *sparse.Volume, shape []int, start, size [3]int) window {
	w := window{v: v, size: size}
	for d := range 3 {
		w.first[d] = p.Sample.Location.Offset[d] + start[d]
		w.lo[d] = min(max(-start[d], 0), size[d])
		w.hi[d] = max(min(shape[d]-start[d], size[d]), w.lo[d])
	}
	return w
}

// cut returns a patch: air where the volume keeps nothing, pad outside of the
// sample, and for the rest set sets dst to what is kept from the place at on.
func cut[T comparable](w window, air, pad T, set func(dst []T, at int)) []T {
	dst := make([]T, w.size[0]*w.size[1]*w.size[2])
	rest := air
	if w.lo != [3]int{} || w.hi != w.size {
		rest = pad
	}
	if rest != *new(T) {
		fill(dst, rest)
	}
	for z := w.lo[0]; z < w.hi[0]; z++ {
		for y := w.lo[1]; y < w.hi[1]; y++ {
			row := dst[(z*w.size[1]+y)*w.size[2]:][:w.size[2]]
			x, at, n := w.v.Row(w.first[1]+y, w.first[0]+z, w.first[2]+w.lo[2], w.first[2]+w.hi[2])
			from := x - w.first[2]
			if air != rest {
				fill(row[w.lo[2]:from], air)
				fill(row[from+n:w.hi[2]], air)
			}
			set(row[from:from+n], at)
		}
	}
	return dst
}

func fill[T comparable](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// Check reports what contradicts the contract of Packed for the given
// modalities, as [Sample.Check] does.
func (p *Packed) Check(mods modality.Set) error {
	s := p.Sample
	if len(s.Inputs) != mods.Len() || len(p.Volumes) != mods.Len() || len(s.Background) != mods.Len() || s.Present&^mods.Full() != 0 {
		return fmt.Errorf("sample %s: %d inputs, %d volumes, %d backgrounds, mask %b for %d modalities", s.Key, len(s.Inputs), len(p.Volumes), len(s.Background), s.Present, mods.Len())
	}
	for i, v := range p.Volumes {
		if got := v != nil; got != s.Present.Has(i) {
			return fmt.Errorf("sample %s: modality %s: volume there is %v, the mask says %v", s.Key, mods.Name(i), got, s.Present.Has(i))
		}
		if v != nil && (v.Shape != p.shape() || !p.inside(s.Inputs[i].Shape)) {
			return fmt.Errorf("sample %s: modality %s: shape %v of a volume of %v (x, y, z) at %+v", s.Key, mods.Name(i), s.Inputs[i].Shape, v.Shape, s.Location)
		}
		if v != nil && math.Float32bits(v.Background) != math.Float32bits(s.Background[i]) && p.Maps == nil {
			return fmt.Errorf("sample %s: modality %s: background %g, that of its volume is %g", s.Key, mods.Name(i), s.Background[i], v.Background)
		}
	}
	if p.Labels != nil && (p.Labels.Shape != p.shape() || !p.inside(s.Target.Shape)) {
		return fmt.Errorf("sample %s: target: shape %v of a volume of %v (x, y, z) at %+v", s.Key, s.Target.Shape, p.Labels.Shape, s.Location)
	}
	if s.Key.Subject == "" || s.Key.Dataset == "" {
		return errors.New("sample without a data set or subject in its key")
	}
	return nil
}

// shape returns the shape of the volumes, x, y, z.
func (p *Packed) shape() [3]int {
	v := p.Sample.Location.Volume
	return [3]int{v[2], v[1], v[0]}
}

// inside reports whether a box of that shape lies in the volumes.
func (p *Packed) inside(shape []int) bool {
	l := p.Sample.Location
	for d := range 3 {
		if len(shape) != 3 || shape[d] < 0 || l.Offset[d] < 0 || l.Offset[d] > l.Volume[d]-shape[d] {
			return false
		}
	}
	return true
}
