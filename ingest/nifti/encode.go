package nifti

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/gzip"
)

// Voxel is a type that [Encode] writes: as uint8, int16 or float32.
type Voxel interface{ uint8 | int16 | float32 }

// Encode writes a little-endian NIfTI-1 single file: h's sizes, spacing, units,
// intent, display range, qform and sform, and the data as they are (scl_slope 1,
// scl_inter 0, the type that of data), x fastest. h's other fields are not
// looked at, so that the header of an input serves for a prediction made from
// it; no free text is written. h isn't changed. Equal input gives equal bytes.
//
// It is an error if data isn't the product of h.Dim long, if a size is above
// 32767 (NIfTI-1 has no more, [UnsupportedError]), or if the geometry is one
// that decoding would refuse.
func Encode[T Voxel](w io.Writer, h *Header, data []T) error {
	b, err := marshal(h, data)
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("nifti: writing the header: %w", err)
	}
	buf := make([]byte, 0, chunk)
	for len(data) > 0 {
		k := min(len(data), chunk/4)
		buf = appendVoxels(buf[:0], data[:k])
		if _, err := w.Write(buf); err != nil {
			return fmt.Errorf("nifti: writing voxels: %w", err)
		}
		data = data[k:]
	}
	return nil
}

// EncodeGzip is Encode in gzip, for a .nii.gz. The gzip header has no time and
// no name.
func EncodeGzip[T Voxel](w io.Writer, h *Header, data []T) error {
	zw := gzip.NewWriter(w)
	if err := Encode(zw, h, data); err != nil {
		return err
	}
	if err := zw.Close(); err != nil {
		return fmt.Errorf("nifti: ending the gzip stream: %w", err)
	}
	return nil
}

// marshal returns the header and the extender that says "no extensions".
func marshal[T Voxel](h *Header, data []T) ([]byte, error) {
	if err := encodable(h, len(data)); err != nil {
		return nil, err
	}
	le, l := binary.LittleEndian, &layout1
	b := make([]byte, size1+extender)
	short := func(at, v int) { le.PutUint16(b[at:], uint16(int16(v))) }
	float := func(at int, v float64) { le.PutUint32(b[at:], math.Float32bits(float32(v))) }
	le.PutUint32(b, size1)
	b[38] = 'r' // "regular", which ANALYZE readers look for
	short(l.dim, len(h.Dim))
	for i := 1; i < 8; i++ {
		d := 1
		if i <= len(h.Dim) {
			d = h.Dim[i-1]
		}
		short(l.dim+2*i, d)
	}
	t := voxelType[T]()
	short(l.datatype, int(t))
	short(l.datatype+2, 8*t.Size())
	for i, p := range h.PixDim {
		float(l.pixdim+4*i, p)
	}
	float(l.voxOffset, size1+extender)
	float(l.slope, 1)
	float(l.cal, h.CalMax)
	float(l.cal+4, h.CalMin)
	b[l.units] = h.Units
	short(l.intent, h.IntentCode)
	short(l.qform, h.QformCode)
	short(l.qform+2, h.SformCode)
	for i := range 3 {
		float(l.quatern+4*i, h.Quatern[i])
		float(l.quatern+12+4*i, h.QOffset[i])
		for j := range 4 {
			float(l.srow+16*i+4*j, h.Srow[i][j])
		}
	}
	copy(b[l.magic:], "n+1\x00")
	// What was rounded to float32 must still be readable.
	if _, err := parse(b, 1, le); err != nil {
		return nil, fmt.Errorf("nifti: encoding: %w", err)
	}
	return b, nil
}

// encodable checks that h describes so many voxels and fits into NIfTI-1.
func encodable(h *Header, voxels int) error {
	if len(h.Dim) < 1 || len(h.Dim) > 7 {
		return fmt.Errorf("nifti: encoding: %d dimensions; a volume has 1 to 7", len(h.Dim))
	}
	for i, d := range h.Dim {
		if d < 1 {
			return fmt.Errorf("nifti: encoding: size %d of dimension %d; it is at least 1", d, i+1)
		}
		if d > math.MaxInt16 {
			return UnsupportedError(fmt.Sprintf("writing size %d of dimension %d; NIfTI-1 ends at %d", d, i+1, math.MaxInt16))
		}
	}
	n, err := h.count(1, math.MaxInt64)
	if err != nil || n != voxels {
		return fmt.Errorf("nifti: encoding: %d voxels for the sizes %d", voxels, h.Dim)
	}
	for _, c := range []int{h.IntentCode, h.QformCode, h.SformCode} {
		if c != int(int16(c)) {
			return UnsupportedError(fmt.Sprintf("writing the code %d (intent, qform or sform); NIfTI-1 has 16 bits for it", c))
		}
	}
	return nil
}

func voxelType[T Voxel]() DataType {
	switch any(T(0)).(type) {
	case uint8:
		return Uint8
	case int16:
		return Int16
	}
	return Float32
}

func appendVoxels[T Voxel](b []byte, data []T) []byte {
	le := binary.LittleEndian
	switch data := any(data).(type) {
	case []uint8:
		return append(b, data...)
	case []int16:
		for _, v := range data {
			b = le.AppendUint16(b, uint16(v))
		}
	case []float32:
		for _, v := range data {
			b = le.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}
