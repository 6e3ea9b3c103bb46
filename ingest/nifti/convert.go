package nifti

import (
	"encoding/binary"
	"math"
	"slices"
)

// converter returns the function that turns the raw bytes of voxels, src, into
// as many values as dst has room for: byte order, type, slope and intercept are settled once
// for an image, not for each voxel.
func converter[T float32 | float64](h *Header) (func(dst []T, src []byte), error) {
	size := h.Type.Size()
	if size == 0 {
		return nil, UnsupportedError(h.Type.String() + " voxels; only real numbers of 8 to 64 bits are decoded")
	}
	f := unscaled[T](h.Type)
	if h.scaled() {
		f = scaled[T](unscaled[float64](h.Type), size, h.Slope, h.Inter)
	}
	if !h.BigEndian || size == 1 {
		return f, nil
	}
	buf := make([]byte, 4096)
	return func(dst []T, src []byte) {
		for len(dst) > 0 {
			k := min(len(dst), len(buf)/size)
			copy(buf, src[:k*size])
			swap(buf[:k*size], size)
			f(dst[:k], buf[:k*size])
			dst, src = dst[k:], src[k*size:]
		}
	}, nil
}

// scaled returns a function that gives T(raw*slope + inter), in float64 with a
// rounding after each operation as numpy has it (a fused multiply-add would
// differ), by way of a small buffer.
func scaled[T float32 | float64](raw func([]float64, []byte), size int, slope, inter float64) func([]T, []byte) {
	buf := make([]float64, 1024)
	return func(dst []T, src []byte) {
		for len(dst) > 0 {
			k := min(len(dst), len(buf))
			raw(buf[:k], src[:k*size])
			for i, v := range buf[:k] {
				dst[i] = T(float64(v*slope) + inter)
			}
			dst, src = dst[k:], src[k*size:]
		}
	}
}

// swap turns big-endian voxels of size bytes into little-endian ones, in place.
func swap(b []byte, size int) {
	for ; len(b) >= size; b = b[size:] {
		slices.Reverse(b[:size])
	}
}

// unscaled returns the function for little-endian voxels of a type. An integer
// of 32 or 64 bits becomes float32 by way of float64, as in the definition of a
// value.
func unscaled[T float32 | float64](t DataType) func(dst []T, src []byte) {
	le := binary.LittleEndian
	switch t {
	case Uint8:
		return func(dst []T, src []byte) {
			for i, v := range src[:len(dst)] {
				dst[i] = T(v)
			}
		}
	case Int8:
		return func(dst []T, src []byte) {
			for i, v := range src[:len(dst)] {
				dst[i] = T(int8(v))
			}
		}
	case Int16:
		return int16s[T]
	case Uint16:
		return func(dst []T, src []byte) {
			for i := range dst {
				dst[i] = T(le.Uint16(src[2*i:]))
			}
		}
	case Int32:
		return func(dst []T, src []byte) {
			for i := range dst {
				dst[i] = T(float64(int32(le.Uint32(src[4*i:]))))
			}
		}
	case Uint32:
		return func(dst []T, src []byte) {
			for i := range dst {
				dst[i] = T(float64(le.Uint32(src[4*i:])))
			}
		}
	case Float32:
		return func(dst []T, src []byte) {
			for i := range dst {
				dst[i] = T(math.Float32frombits(le.Uint32(src[4*i:])))
			}
		}
	case Float64:
		return func(dst []T, src []byte) {
			for i := range dst {
				dst[i] = T(math.Float64frombits(le.Uint64(src[8*i:])))
			}
		}
	case Int64:
		return func(dst []T, src []byte) {
			for i := range dst {
				dst[i] = T(float64(int64(le.Uint64(src[8*i:]))))
			}
		}
	}
	return func(dst []T, src []byte) { // Uint64
		for i := range dst {
			dst[i] = T(float64(le.Uint64(src[8*i:])))
		}
	}
}

// int16s is the hot path: nearly every MRI volume is int16, and most of one is
// air. Four voxels are read as one word; four zeros are written as such.
func int16s[T float32 | float64](dst []T, src []byte) {
	for len(dst) >= 4 && len(src) >= 8 {
		w := binary.LittleEndian.Uint64(src)
		d := (*[4]T)(dst)
		if w == 0 {
			*d = [4]T{}
		} else {
			d[0] = T(int16(w))
			d[1] = T(int16(w >> 16))
			d[2] = T(int16(w >> 32))
			d[3] = T(int16(w >> 48))
		}
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = T(int16(binary.LittleEndian.Uint16(src[2*i:])))
	}
}
