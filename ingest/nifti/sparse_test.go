package nifti_test

import (
	"bytes"
	"compress/gzip"
	"hash/crc32"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

func readSparse(s *nifti.Sparse[float32], file io.Reader, limit int64) error {
	r, err := nifti.NewReader(file)
	if err != nil {
		return err
	}
	return r.Sparse(s, limit)
}

// checkSparse checks that a file is the same by way of Sparse, or refused alike.
func checkSparse(t *testing.T, s *nifti.Sparse[float32], file []byte, limit int64, want []float32, wantErr error) {
	t.Helper()
	err := readSparse(s, bytes.NewReader(file), limit)
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		t.Fatalf("got error %v, Decode has %v", err, wantErr)
	}
	if err != nil {
		return
	}
	got := s.Dense([3]int{}, s.Shape)
	if i := firstDifference(got, want); len(got) != len(want) || s.Len() != len(want) || i >= 0 {
		t.Fatalf("%d values, want %d; they differ from %d on", len(got), len(want), i)
	}
}

// TestSparse draws volumes of air and some else, and checks each of the ways to
// look at one against the plain one. The Sparse is one and the same, so that
// what it held before does not show.
func TestSparse(t *testing.T) {
	var s nifti.Sparse[float32]
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.SampledFrom([]int{1, 15, 16, 17, 33, 64, 300}).Draw(t, "w")
		h, d := rapid.IntRange(1, 9).Draw(t, "h"), rapid.IntRange(1, 9).Draw(t, "d")
		air := int16(rapid.SampledFrom([]int{0, 0, 0, -1, 1, 258}).Draw(t, "air"))
		data := slices.Repeat([]int16{air}, w*h*d)
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			data[rapid.IntRange(0, len(data)-1).Draw(t, "at")] = int16(rapid.IntRange(-300, 300).Draw(t, "value"))
		}
		head := nifti.NewHeader([]int{w, h, d}, lps)
		var buf bytes.Buffer
		if err := nifti.EncodeGzip(&buf, head, data); err != nil {
			t.Fatal(err)
		}
		if err := readSparse(&s, &buf, 1<<20); err != nil {
			t.Fatal(err)
		}
		if s.Shape != [3]int{w, h, d} || s.Background != float32(data[0]) {
			t.Fatalf("shape %v, background %v; want %d, %d, %d and %d", s.Shape, s.Background, w, h, d, data[0])
		}
		at := func(x, y, z int) float32 { return float32(data[(z*h+y)*w+x]) }
		lo, hi := s.Shape, [3]int{}
		each([3]int{}, s.Shape, func(x, y, z int) {
			if at(x, y, z) != s.Background {
				lo = [3]int{min(lo[0], x), min(lo[1], y), min(lo[2], z)}
				hi = [3]int{max(hi[0], x+1), max(hi[1], y+1), max(hi[2], z+1)}
			}
		})
		if w < 16 { // kept whole
			lo, hi = [3]int{}, s.Shape
		}
		if gotLo, gotHi := s.Box(); gotLo != lo || gotHi != hi {
			t.Fatalf("box %v to %v, want %v to %v", gotLo, gotHi, lo, hi)
		}
		for i, n := range s.Shape {
			lo[i] = rapid.IntRange(0, n).Draw(t, "lo")
			hi[i] = rapid.IntRange(lo[i], n).Draw(t, "hi")
		}
		var want []float32
		each(lo, hi, func(x, y, z int) {
			want = append(want, at(x, y, z))
			if got := s.At(x, y, z); got != at(x, y, z) {
				t.Fatalf("At(%d, %d, %d) = %v, want %v", x, y, z, got, at(x, y, z))
			}
		})
		if got := s.Dense(lo, hi); !slices.Equal(got, want) {
			t.Fatalf("%v to %v: got %v, want %v", lo, hi, got, want)
		}
		part := s.Planes(lo[2], hi[2])
		if got := part.Dense([3]int{}, part.Shape); !slices.Equal(got, s.Dense([3]int{0, 0, lo[2]}, [3]int{w, h, hi[2]})) {
			t.Fatalf("planes %d to %d: %v", lo[2], hi[2], got)
		}
		for i, v := range s.Values {
			if p := s.Place(i); at(p[0], p[1], p[2]) != v {
				t.Fatalf("value %d is %v, at its place %v stands %v", i, v, p, at(p[0], p[1], p[2]))
			}
		}
		twice := make([]uint8, len(s.Values))
		for i, v := range s.Values {
			twice[i] = uint8(2 * v)
		}
		for i, v := range nifti.Recast(&s, uint8(2*s.Background), twice).Dense([3]int{}, s.Shape) {
			if v != uint8(2*float32(data[i])) {
				t.Fatalf("recast: voxel %d is %d, of %d", i, v, data[i])
			}
		}
	})
}

func each(lo, hi [3]int, f func(x, y, z int)) {
	for z := lo[2]; z < hi[2]; z++ {
		for y := lo[1]; y < hi[1]; y++ {
			for x := lo[0]; x < hi[0]; x++ {
				f(x, y, z)
			}
		}
	}
}

// TestSparseMemory has headers that claim far more than the file has.
func TestSparseMemory(t *testing.T) {
	for _, dim := range [][]int16{{1000, 1000, 200}, {16, 32000, 400}, {32000, 32000, 1}} {
		file := append(with(small(t), 42, dim)[:352], make([]byte, 100<<10)...)
		var s nifti.Sparse[float32]
		var err error
		got := allocated(func() { err = readSparse(&s, bytes.NewReader(file), 4<<30) })
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
