package nifti

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/lacuna-ml/lacuna/ingest/sparse"
)

// The rows that Reader.Sparse takes one by one: shorter ones would cost more
// than they save, longer ones a buffer as large as a header likes.
const (
	minRow = 16       // voxels
	maxRow = 16 << 10 // bytes
)

// Sparse reads the voxels as [Reader.Float32] does, whose limit holds for the
// volume as a whole, into the memory of b: the volume is valid until that is
// used again. Its background is the first voxel; voxels are compared with it as
// they are stored, to the bit. Dimensions past the third count as more planes.
// Very short or long rows are kept whole. Integers of up to 16 bits become
// Codes, unless they are scaled or uint16.
func (r *Reader) Sparse(b *sparse.Builder, limit int64) (*sparse.Volume, error) {
	h, in := r.Header, r.voxels
	n, err := h.count(4, limit)
	if err != nil || in == nil || h.Dim[0] < minRow || h.Dim[0] > maxRow/max(h.Type.Size(), 1) {
		data, err := r.Float32(nil, limit)
		if err != nil {
			return nil, err
		}
		return sparse.Full(planes(h.Dim), data), nil
	}
	r.voxels = nil
	defer in.release()
	convert, err := converter[float32](h)
	if err != nil {
		return nil, err
	}
	size := h.Type.Size()
	row := func(lo, hi int, raw []byte) { convert(b.Values(lo, hi), raw) }
	if code := coder(h); code != nil {
		row = func(lo, hi int, raw []byte) { code(b.Codes(lo, hi), raw) }
	}
	width := h.Dim[0] * size
	piece, air := make([]byte, width), []byte(nil)
	near := [2]int{0, h.Dim[0]}
	for left := n / h.Dim[0]; left > 0; {
		raw, err := in.units(width, min(left*width, chunk), piece)
		if err != nil {
			return nil, in.failVoxels(h, err)
		}
		if air == nil {
			air = bytes.Repeat(raw[:size], h.Dim[0])
			first := make([]float32, 1)
			convert(first, air)
			b.Start(planes(h.Dim), first[0])
		}
		for ; len(raw) > 0; raw = raw[width:] {
			lo, hi := differing(raw[:width], air, size, near[0], near[1])
			if row(lo, hi, raw[lo*size:hi*size]); lo < hi {
				near = [2]int{max(lo-8, 0), min(hi+8, h.Dim[0])} // the next one will be alike
			}
			left--
		}
	}
	return b.Volume(), in.drain(maxAfter)
}

// coder returns the function that sets dst to the raw bytes of voxels, src, as
// they are; nil where they do not fit.
func coder(h *Header) func(dst []int16, src []byte) {
	if h.scaled() {
		return nil
	}
	switch h.Type {
	case Uint8:
		return func(dst []int16, src []byte) {
			for i, v := range src {
				dst[i] = int16(v)
			}
		}
	case Int8:
		return func(dst []int16, src []byte) {
			for i, v := range src {
				dst[i] = int16(int8(v))
			}
		}
	case Int16:
		if h.BigEndian {
			return func(dst []int16, src []byte) {
				for i := range dst {
					dst[i] = int16(binary.BigEndian.Uint16(src[2*i:]))
				}
			}
		}
		return copyInt16s
	}
	return nil
}

// copyInt16s sets dst to the little-endian src, four at a time.
func copyInt16s(dst []int16, src []byte) {
	for len(dst) >= 4 && len(src) >= 8 {
		w := binary.LittleEndian.Uint64(src)
		d := (*[4]int16)(dst)
		d[0], d[1], d[2], d[3] = int16(w), int16(w>>16), int16(w>>32), int16(w>>48)
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = int16(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func planes(dim []int) [3]int {
	shape := [3]int{1, 1, 1}
	for i, n := range dim {
		shape[min(i, 2)] *= n
	}
	return shape
}

// differing returns the first voxel, of size bytes, in which the rows a and b
// differ, and the one after the last. It is quick where those are from and to or
// a little inside.
func differing(a, b []byte, size, from, to int) (lo, hi int) {
	if bytes.Equal(a, b) {
		return 0, 0
	}
	word := binary.LittleEndian
	if lo = from * size; !bytes.Equal(a[:lo], b[:lo]) {
		lo = 0
	}
	for len(a)-lo >= 8 {
		n := bits.TrailingZeros64(word.Uint64(a[lo:]) ^ word.Uint64(b[lo:]))
		if lo += n / 8; n < 64 {
			break
		}
	}
	for a[lo] == b[lo] {
		lo++
	}
	if hi = to * size; !bytes.Equal(a[hi:], b[hi:]) {
		hi = len(a)
	}
	for hi >= 8 {
		n := bits.LeadingZeros64(word.Uint64(a[hi-8:]) ^ word.Uint64(b[hi-8:]))
		if hi -= n / 8; n < 64 {
			break
		}
	}
	for a[hi-1] == b[hi-1] {
		hi--
	}
	return lo / size, (hi + size - 1) / size
}
