package nifti_test

import (
	"bytes"
	"compress/gzip"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
	"github.com/lacuna-ml/lacuna/ingest/sparse"
)

func readSparse(b *sparse.Builder, file io.Reader, limit int64) (*sparse.Volume, error) {
	r, err := nifti.NewReader(file)
	if err != nil {
		return nil, err
	}
	return r.Sparse(b, limit)
}

// checkSparse checks that a file is the same by way of Sparse, or refused alike.
func checkSparse(t *testing.T, b *sparse.Builder, file []byte, limit int64, want []float32, wantErr error) {
	t.Helper()
	v, err := readSparse(b, bytes.NewReader(file), limit)
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		t.Fatalf("got error %v, Decode has %v", err, wantErr)
	}
	if err != nil {
		return
	}
	got := v.Dense([3]int{}, v.Shape)
	if i := firstDifference(got, want); len(got) != len(want) || v.Len() != len(want) || i >= 0 {
		t.Fatalf("%d values, want %d; they differ from %d on", len(got), len(want), i)
	}
}

// TestSparse draws volumes of air and some else, of every type, and compares
// with Decode; no more is kept than must be, and codes where they fit. The
// Builder is one and the same, so that what it held before does not show.
func TestSparse(t *testing.T) {
	types := map[nifti.DataType]bool{ // whether voxels fit codes
		nifti.Uint8: true, nifti.Int8: true, nifti.Int16: true, nifti.Uint16: false, nifti.Int32: false, nifti.Float32: false,
	}
	var b sparse.Builder
	rapid.Check(t, func(rt *rapid.T) {
		w := rapid.SampledFrom([]int{1, 15, 16, 17, 33, 64, 300}).Draw(rt, "w")
		h, d := rapid.IntRange(1, 9).Draw(rt, "h"), rapid.IntRange(1, 60).Draw(rt, "d") // up to some buffers full
		kind := rapid.SampledFrom(slices.Sorted(maps.Keys(types))).Draw(rt, "type")
		size := kind.Size()
		voxel := func(label string) []byte {
			if rapid.IntRange(0, 2).Draw(rt, label) == 0 {
				return make([]byte, size)
			}
			v := rapid.SliceOfN(rapid.Byte(), size, size).Draw(rt, label)
			if kind == nifti.Float32 { // no NaN, and no -0, which Sparse keeps apart from 0
				copy(v, []byte{0x40, 0x40, 0x40, 0x40})
			}
			return v
		}
		air := voxel("air")
		data := bytes.Repeat(air, w*h*d)
		kept := map[int][2]int{} // by row
		for range rapid.IntRange(0, 20).Draw(rt, "n") {
			at := rapid.IntRange(0, w*h*d-1).Draw(rt, "at")
			v := voxel("value")
			if at == 0 || bytes.Equal(v, air) {
				continue
			}
			copy(data[at*size:], v)
			r, ok := kept[at/w]
			if !ok {
				r[0] = w
			}
			kept[at/w] = [2]int{min(r[0], at%w), max(r[1], at%w+1)}
		}
		file := append(with(with(small(t), 70, int16(kind)), 42, []int16{int16(w), int16(h), int16(d)})[:352], data...)
		if size == 2 && rapid.Bool().Draw(rt, "big-endian") {
			file = version2(file)
		}
		file = gz(t, file)
		want, err := decode(file, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		checkSparse(t, &b, file, 1<<20, want.Data, nil)
		v, err := readSparse(&b, bytes.NewReader(file), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range kept {
			n += r[1] - r[0]
		}
		if w < 16 { // kept whole
			n = w * h * d
		}
		if v.Kept() != n {
			t.Fatalf("%d voxels are kept, want %d", v.Kept(), n)
		}
		if codes := v.Codes != nil; n > 0 && w >= 16 && codes != types[kind] {
			t.Fatalf("%v as codes: %v", kind, codes)
		}
	})
}

// TestSparseMemory has headers that claim far more than the file has.
func TestSparseMemory(t *testing.T) {
	for _, dim := range [][]int16{{1000, 1000, 200}, {16, 32000, 400}, {32000, 32000, 1}} {
		file := append(with(small(t), 42, dim)[:352], make([]byte, 100<<10)...)
		var b sparse.Builder
		var err error
		got := allocated(func() { _, err = readSparse(&b, bytes.NewReader(file), 4<<30) })
		if err == nil || got > 4<<20 {
			t.Errorf("%d: error %v, allocated %d bytes for a file of %d", dim, err, got, len(file))
		}
	}
}

// TestGzipHeaders has members with every field that the format allows.
func TestGzipHeaders(t *testing.T) {
	plain := small(t)
	for flags := range 16 {
		var buf bytes.Buffer
		zw := gzip.NewWriter(&buf)
		if flags&1 != 0 {
			zw.Extra = bytes.Repeat([]byte("ab"), 30)
		}
		if flags&2 != 0 {
			zw.Name = "name.nii"
		}
		if flags&4 != 0 {
			zw.Comment = "a comment"
		}
		if err := zw.Flush(); err != nil { // the header and an empty block
			t.Fatal(err)
		}
		n := buf.Len() - 5
		if _, err := zw.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
		file := buf.Bytes()
		if flags&8 != 0 {
			file[3] |= 2
			sum := crc32.ChecksumIEEE(file[:n])
			file = slices.Insert(file, n, byte(sum), byte(sum>>8))
			bad := slices.Clone(file)
			bad[n]++
			if _, err := decode(bad, 1<<20); err == nil {
				t.Errorf("flags %04b: a wrong checksum of the header is not seen", flags)
			}
		}
		if im, err := decode(file, 1<<20); err != nil || im.Data[59] != 59 {
			t.Errorf("flags %04b: %v", flags, err)
		}
		for cut := range len(file) {
			if _, err := decode(file[:cut], 1<<20); err == nil {
				t.Errorf("flags %04b: no error for %d of %d bytes", flags, cut, len(file))
			}
		}
		for i := range 8 { // checksum and length
			bad := slices.Clone(file)
			bad[len(bad)-1-i] ^= 1
			if _, err := decode(bad, 1<<20); err == nil {
				t.Errorf("flags %04b: trailer byte %d may change", flags, 7-i)
			}
		}
	}
	first := gz(t, plain[:400])
	for _, at := range []int{2, len(first) + 1, len(first) + 2} {
		file := append(slices.Clone(first), gz(t, plain[400:])...)
		file[at]--
		if _, err := decode(file, 1<<20); err == nil {
			t.Errorf("byte %d of two members may change", at)
		}
	}
}
