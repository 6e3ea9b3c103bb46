package nifti_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

// TestValues decodes the extremes of every type in both byte orders, scaled and
// not. Each row gives the bytes' values and what they are as float64; float32 is
// that rounded once more, which for integers of 64 bits is not the same as
// rounding once: 2^60 + 2^36 + 1 lies above a tie of float32 and rounds to it as
// float64.
func TestValues(t *testing.T) {
	for _, tc := range []struct {
		typ  nifti.DataType
		raw  any
		want []float64
	}{
		{nifti.Uint8, []uint8{0, 1, 255, 128, 7}, []float64{0, 1, 255, 128, 7}},
		{nifti.Int8, []int8{0, -1, 127, -128, 7}, []float64{0, -1, 127, -128, 7}},
		{nifti.Int16, []int16{-1, 0x0102, 32767, -32768, 7}, []float64{-1, 258, 32767, -32768, 7}},
		{nifti.Uint16, []uint16{0, 0x0102, 65535, 32768, 7}, []float64{0, 258, 65535, 32768, 7}},
		{nifti.Int32, []int32{-1, 0x01020304, math.MaxInt32, math.MinInt32, 7}, []float64{-1, 16909060, 2147483647, -2147483648, 7}},
		{nifti.Uint32, []uint32{0, 0x01020304, math.MaxUint32, 1 << 31, 7}, []float64{0, 16909060, 4294967295, 2147483648, 7}},
		{nifti.Int64, []int64{-1, 1<<60 + 1<<36 + 1, math.MaxInt64, math.MinInt64, 7}, []float64{-1, 0x1p60 + 0x1p36, 0x1p63, -0x1p63, 7}},
		{nifti.Uint64, []uint64{0, 1<<60 + 1<<36 + 1, math.MaxUint64, 1 << 63, 7}, []float64{0, 0x1p60 + 0x1p36, 0x1p64, 0x1p63, 7}},
		{nifti.Float32, []float32{-0.5, 1e-45, math.MaxFloat32, -1, 7}, []float64{-0.5, 0x1p-149, math.MaxFloat32, -1, 7}},
		{nifti.Float64, []float64{-0.5, 1e-300, 1e300, 1.0 / 3, 7}, []float64{-0.5, 1e-300, 1e300, 1.0 / 3, 7}},
	} {
		for _, scl := range [][2]float32{{0, 5}, {1, 0}, {0.3, -7.7}, {-2, 0}, {1, 2}} {
			for _, o := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
				checkValues(t, tc.typ, tc.raw, tc.want, scl, o)
			}
		}
	}
}

func checkValues(t *testing.T, typ nifti.DataType, raw any, values []float64, scl [2]float32, o binary.AppendByteOrder) {
	t.Helper()
	h := with(with(with(small(t), 70, int16(typ)), 40, []int16{1, int16(len(values))}), 112, scl[:])[:352]
	big := o == binary.AppendByteOrder(binary.BigEndian)
	if big {
		h = version2(h)
	}
	var buf bytes.Buffer
	if err := binary.Write(&buf, o.(binary.ByteOrder), raw); err != nil {
		t.Fatal(err)
	}
	file := append(h, buf.Bytes()...)
	r, err := nifti.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Float64(nil, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	im, err := decode(file, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if im.Header.BigEndian != big || im.Header.Type != typ {
		t.Fatalf("header %+v", im.Header)
	}
	for i, v := range values {
		if scl[0] != 0 && scl != [2]float32{1, 0} {
			scaled := v * float64(scl[0])
			v = scaled + float64(scl[1])
		}
		if got[i] != v || im.Data[i] != float32(v) {
			t.Errorf("%v, big-endian %v, slope and intercept %v, voxel %d: got %v and %v, want %v and %v",
				typ, big, scl, i, got[i], im.Data[i], v, float32(v))
		}
	}
}
