package nifti_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

// small returns a plain file of 5x4x3 int16 voxels, whose values are 0 to 59.
func small(tb testing.TB) []byte {
	tb.Helper()
	data := make([]int16, 5*4*3)
	for i := range data {
		data[i] = int16(i)
	}
	var buf bytes.Buffer
	if err := nifti.Encode(&buf, nifti.NewHeader([]int{5, 4, 3}, lps), data); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func gz(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if _, err := zw.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// with returns a copy of b with v written at an offset.
func with(b []byte, at int, v any) []byte {
	out, err := binary.Append(slices.Clone(b[:at]), binary.LittleEndian, v)
	if err != nil {
		panic(err)
	}
	return append(out, b[len(out):]...)
}

func decode(b []byte, limit int64) (*nifti.Image, error) {
	return nifti.Decode(bytes.NewReader(b), limit)
}

func TestTruncationAtEveryByte(t *testing.T) {
	plain := small(t)
	for name, file := range map[string][]byte{"raw": plain, "gzip": gz(t, plain), "nifti-2": version2(plain)} {
		if _, err := decode(file, 1<<20); err != nil {
			t.Fatalf("%s: whole: %v", name, err)
		}
		for n := range file {
			_, err := decode(file[:n], 1<<20)
			var bad *nifti.FormatError
			if !errors.As(err, &bad) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: first %d of %d bytes: got %v, want a FormatError that is io.ErrUnexpectedEOF", name, n, len(file), err)
			}
		}
	}
}

// version2 rewrites a file of Encode as NIfTI-2, big-endian.
func version2(b []byte) []byte {
	le, be := binary.LittleEndian, binary.BigEndian
	out := make([]byte, 544)
	be.PutUint32(out, 540)
	copy(out[4:], "n+2\x00\r\n\x1a\n")
	be.PutUint16(out[12:], le.Uint16(b[70:]))
	be.PutUint16(out[14:], le.Uint16(b[72:]))
	float := func(from, to int) {
		be.PutUint64(out[to:], math.Float64bits(float64(math.Float32frombits(le.Uint32(b[from:])))))
	}
	for i := range 8 {
		be.PutUint64(out[16+8*i:], uint64(int16(le.Uint16(b[40+2*i:]))))
		float(76+4*i, 104+8*i)
	}
	be.PutUint64(out[168:], 544)
	float(112, 176)
	float(116, 184)
	be.PutUint32(out[344:], uint32(le.Uint16(b[252:])))
	be.PutUint32(out[348:], uint32(le.Uint16(b[254:])))
	for i := range 18 {
		float(256+4*i, 352+8*i)
	}
	be.PutUint32(out[500:], uint32(b[123]))
	for i := 352; i < len(b); i += 2 {
		out = append(out, b[i+1], b[i])
	}
	return out
}

func TestVersionsAndOrdersAgree(t *testing.T) {
	a, err := decode(small(t), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b, err := decode(version2(small(t)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Data, b.Data) || a.Header.Affine() != b.Header.Affine() || !b.Header.BigEndian || b.Header.Version != 2 {
		t.Errorf("got\n%+v\n%+v", a, b)
	}
}

func TestReadersOfAnyGrain(t *testing.T) {
	plain := small(t)
	for name, file := range map[string][]byte{"raw": plain, "gzip": gz(t, plain), "nifti-2": version2(plain)} {
		want, err := decode(file, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for grain, wrap := range map[string]func(io.Reader) io.Reader{
			"plain": func(r io.Reader) io.Reader { return io.LimitReader(r, 1<<30) }, "one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
		} {
			got, err := nifti.Decode(wrap(bytes.NewReader(file)), 1<<20)
			if err != nil || !slices.Equal(got.Data, want.Data) {
				t.Errorf("%s, %s: got %v, %v", name, grain, got, err)
			}
		}
	}
}

func TestReaderErrorsPassThrough(t *testing.T) {
	mine := errors.New("disk on fire")
	for name, file := range map[string][]byte{"raw": small(t), "gzip": gz(t, small(t))} {
		for _, n := range []int{0, 1, 100, len(file)} {
			_, err := nifti.Decode(io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(mine)), 1<<20)
			var bad *nifti.FormatError
			if !errors.Is(err, mine) || errors.As(err, &bad) {
				t.Errorf("%s: error after %d bytes: got %v, want the reader's own and no FormatError", name, n, err)
			}
		}
	}
}

// TestRefused changes one thing in a good file.
func TestRefused(t *testing.T) {
	plain := small(t)
	zipped := gz(t, plain)
	nan := float32(math.NaN())
	for _, tc := range []struct {
		name, text string
		file       []byte
	}{
		{"empty", "empty", nil},
		{"git-lfs pointer", "git lfs pull", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")},
		{"HTML", "HTML page", []byte("\n<!DOCTYPE html><html><body>404</body></html>")},
		{"zip", "zip archive", []byte("PK\x03\x04" + strings.Repeat("x", 400))},
		{"bzip2", "bzip2", []byte("BZh91AY&SY" + strings.Repeat("x", 400))},
		{"DICOM", "DICOM", with(make([]byte, 400), 128, []byte("DICM"))},
		{"zeros", "only zero bytes", make([]byte, 400)},
		{"gzip in gzip", "gzip within gzip", gz(t, zipped)},
		{"bytes after gzip", "other bytes follow", append(slices.Clone(zipped), 'x')},
		{"wrong checksum", "checksum", with(zipped, len(zipped)-8, uint32(1))},
		{"wrong length", "checksum or length", with(zipped, len(zipped)-4, uint32(1))},
		{"size of header", "sizeof_hdr", with(plain, 0, int32(349))},
		{"magic", "magic", with(plain, 344, []byte("n+3"))},
		{"pair's magic", "its .img", with(plain, 344, []byte("ni1"))},
		{"ANALYZE", "ANALYZE", with(plain, 344, uint32(0))},
		{"no dimension", "dim[0]", with(plain, 40, int16(0))},
		{"eight dimensions", "dim[0]", with(plain, 40, int16(8))},
		{"size 0", "dim[2]", with(plain, 44, int16(0))},
		{"negative size", "dim[3]", with(plain, 46, int16(-3))},
		{"offset in header", "inside the header", with(plain, 108, float32(348))},
		{"offset NaN", "vox_offset", with(plain, 108, nan)},
		{"offset with fraction", "vox_offset", with(plain, 108, float32(352.5))},
		{"offset far away", "not believed", with(plain, 108, float32(1e9))},
		{"datatype", "no standard", with(plain, 70, int16(3))},
		{"complex", "complex64", with(plain, 70, int16(32))},
		{"RGB", "rgb24", with(plain, 70, int16(128))},
		{"intercept NaN", "scl_inter", with(plain, 112, []float32{2, nan})},
		{"sform NaN", "not finite", with(plain, 280, nan)},
		{"trailing MBs", "follow what the header describes", append(slices.Clone(plain), make([]byte, 1<<20+1)...)},
		{"trailing MBs in gzip", "follow what the header describes", gz(t, append(slices.Clone(plain), make([]byte, 1<<20+1)...))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := decode(tc.file, 1<<20)
			if _, err2 := nifti.Decode(iotest.HalfReader(bytes.NewReader(tc.file)), 1<<20); fmt.Sprint(err) != fmt.Sprint(err2) {
				t.Errorf("read in another grain: got %v, before %v", err2, err)
			}
			if err == nil || !strings.Contains(err.Error(), tc.text) {
				t.Fatalf("got %v, want an error with %q", err, tc.text)
			}
			checkKind(t, err)
		})
	}
}

// TestAccepted changes one thing that must not matter.
func TestAccepted(t *testing.T) {
	plain := small(t)
	extended := slices.Concat(with(plain, 108, float32(352+32))[:348], []byte{1, 0, 0, 0}, make([]byte, 32), plain[352:])
	for name, file := range map[string][]byte{
		"offset 0":            with(plain, 108, float32(0)),
		"bitpix":              with(plain, 72, int16(8)),
		"unused dims":         with(plain, 48, []int16{-7, 0, 9, 32767}),
		"slope NaN":           with(plain, 112, []float32{float32(math.NaN()), 5}),
		"slope Inf":           with(plain, 112, []float32{float32(math.Inf(1)), 5}),
		"slope 0, inter NaN":  with(plain, 112, []float32{0, float32(math.NaN())}),
		"bytes at the end":    append(slices.Clone(plain), "trailer"...),
		"extension":           extended,
		"two gzip members":    append(gz(t, plain[:400]), gz(t, plain[400:])...),
		"padding after gzip":  append(gz(t, plain), make([]byte, 512)...),
		"members and padding": slices.Concat(gz(t, plain[:400]), make([]byte, 9), gz(t, plain[400:])),
	} {
		im, err := decode(file, 1<<20)
		if err == nil {
			im, err = nifti.Decode(iotest.OneByteReader(bytes.NewReader(file)), 1<<20)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, v := range im.Data {
			if len(im.Data) != 60 || v != float32(i) {
				t.Errorf("%s: voxel %d of %d is %v", name, i, len(im.Data), v)
				break
			}
		}
	}
}

func TestLimitIsExact(t *testing.T) {
	file := small(t) // 60 voxels
	for _, tc := range []struct {
		limit int64
		ok    bool
	}{{240, true}, {239, false}, {0, false}, {-1, false}, {math.MaxInt64, true}} {
		_, err := decode(file, tc.limit)
		if (err == nil) != tc.ok || !tc.ok && !errors.Is(err, nifti.ErrLimit) {
			t.Errorf("limit %d: got %v", tc.limit, err)
		}
	}
}

// TestSizesThatWrap has products that are 0 or small in 64 bits.
func TestSizesThatWrap(t *testing.T) {
	file := version2(small(t))
	for _, dim := range [][]int64{{3, 1 << 32, 1 << 32, 1}, {3, 1 << 62, 1 << 62, 1 << 62}, {4, 1 << 31, 1 << 31, 4, 1}, {2, 1<<32 + 1, 1<<32 - 1}, {4, 1 << 61, 2, 2, 2}} {
		f := slices.Clone(file)
		for i, d := range dim {
			binary.BigEndian.PutUint64(f[16+8*i:], uint64(d))
		}
		if _, err := decode(f, math.MaxInt64); !errors.Is(err, nifti.ErrLimit) {
			t.Errorf("sizes %d: got %v", dim[1:], err)
		}
	}
}

// TestLyingHeader claims 800 MB within the limit and has some bytes: memory must
// follow the bytes.
func TestLyingHeader(t *testing.T) {
	for _, have := range []int{0, 100 << 10, 1 << 20} {
		for _, dt := range []nifti.DataType{nifti.Uint8, nifti.Int16, nifti.Float64} {
			file := with(with(small(t), 70, int16(dt)), 42, []int16{1000, 1000, 200})[:352]
			file = append(file, make([]byte, have)...)
			var err error
			got := allocated(func() { _, err = decode(file, 1<<30) })
			// All steps together make 16/15 to 2 of the last (uint8), and a
			// stream is 200 KiB.
			if most := uint64(2*16*have + 512<<10 + 200<<10); err == nil || got > most {
				t.Errorf("%v with %d bytes: error %v, allocated %d bytes, want at most %d", dt, have, err, got, most)
			}
		}
	}
}

func TestReuse(t *testing.T) {
	file := small(t)
	dst := make([]float32, 7, 60)
	for i := range dst[:60] {
		dst[:60][i] = -1
	}
	r, err := nifti.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Float32(dst, 1<<20)
	if err != nil || &got[0] != &dst[0] || len(got) != 60 || got[0] != 0 || got[59] != 59 {
		t.Errorf("got %v, %v; want 0 to 59 in the buffer that was given", got, err)
	}
	if _, err := r.Float32(dst, 1<<20); err == nil {
		t.Error("second read: no error")
	}
	// Zeros are written, too: the buffer may hold another volume.
	r, _ = nifti.NewReader(bytes.NewReader(with(file, 352, make([]int16, 59))))
	if got, err = r.Float32(dst, 1<<20); err != nil || slices.ContainsFunc(got[:59], func(v float32) bool { return v != 0 }) || got[59] != 59 {
		t.Errorf("zeros over old values: got %v, %v", got, err)
	}
	r, _ = nifti.NewReader(bytes.NewReader(file))
	if got, err = r.Float32(make([]float32, 0, 10), 1<<20); err != nil || len(got) != 60 || got[9] != 9 || got[59] != 59 {
		t.Errorf("buffer too small: got %v, %v", got, err)
	}
}

func TestDecodeHeaderReadsNoVoxel(t *testing.T) {
	for name, file := range map[string][]byte{"raw": small(t)[:352], "gzip": gz(t, small(t)[:352]), "half": with(small(t), 344, []byte("ni1"))[:348]} {
		h, err := nifti.DecodeHeader(bytes.NewReader(file))
		if err != nil || !slices.Equal(h.Dim, []int{5, 4, 3}) || h.Type != nifti.Int16 || h.Pair != (name == "half") {
			t.Errorf("%s: got %+v, %v", name, h, err)
		}
	}
	h, err := nifti.DecodeHeader(bytes.NewReader(with(small(t), 70, int16(128))))
	if err != nil || h.Type.String() != "rgb24" || h.Type.Size() != 0 {
		t.Errorf("RGB: got %+v, %v; a header of what is not decoded is still read", h, err)
	}
}

func TestReadFile(t *testing.T) {
	plain := small(t)
	hdr, img := with(with(plain, 344, []byte("ni1")), 108, float32(0))[:348], plain[352:]
	file := func(b []byte) *fstest.MapFile { return &fstest.MapFile{Data: b} }
	fsys := fstest.MapFS{
		"a.nii": file(plain), "b.nii.gz": file(gz(t, plain)), "zipped.nii": file(gz(t, plain)),
		"c.hdr": file(hdr), "c.img": file(img),
		"d.hdr.gz": file(gz(t, hdr)), "d.img.gz": file(gz(t, img)),
		"e.hdr": file(hdr), "e.img.gz": file(gz(t, img)),
		"f.hdr.gz": file(gz(t, hdr)), "f.img": file(img),
		"lone.hdr": file(hdr), "lone.img": file(nil), "only.hdr": file(hdr), "only.img.txt": file(img), "single.hdr": file(plain), "single.img": file(img),
	}
	for _, name := range strings.Fields("a.nii b.nii.gz zipped.nii c.hdr c.img d.hdr.gz d.img.gz e.hdr e.img.gz f.hdr.gz f.img") {
		im, err := nifti.ReadFile(fsys, name, 1<<20)
		if err != nil || len(im.Data) != 60 || im.Data[59] != 59 {
			t.Errorf("%s: got %v, %v", name, im, err)
		}
	}
	for name, want := range map[string]string{"lone.hdr": "empty", "only.hdr": "missing", "single.hdr": "same file", "none.nii": "none.nii", "none.img": "missing"} {
		if _, err := nifti.ReadFile(fsys, name, 1<<20); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want an error with %q and the name", name, err, want)
		}
	}
	for _, name := range []string{"only.hdr", "none.nii", "none.hdr"} {
		if _, err := nifti.ReadFile(fsys, name, 1<<20); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want fs.ErrNotExist", name, err)
		}
	}
}

func ExampleDecode() {
	var file bytes.Buffer
	h := nifti.NewHeader([]int{2, 2, 1}, [4][4]float64{{-1, 0, 0, 0}, {0, -1, 0, 239}, {0, 0, 1, 0}, {0, 0, 0, 1}})
	if err := nifti.EncodeGzip(&file, h, []int16{0, 100, 200, 300}); err != nil {
		panic(err)
	}

	im, err := nifti.Decode(&file, 64<<20) // at most 64 MiB of voxels
	if err != nil {
		panic(err)
	}
	fmt.Println(im.Header.Shape(), im.Header.Type, im.Header.Orientation(), im.Data)

	// A label map in the geometry of that image.
	labels := make([]uint8, len(im.Data))
	for i, v := range im.Data {
		if v > 150 {
			labels[i] = 1
		}
	}
	if err := nifti.EncodeGzip(&file, im.Header, labels); err != nil {
		panic(err)
	}
	seg, err := nifti.Decode(&file, 64<<20)
	if err != nil {
		panic(err)
	}
	fmt.Println(seg.Header.Type, seg.Header.Affine() == im.Header.Affine(), seg.Data)
	// Output:
	// [2 2 1] int16 LPS [0 100 200 300]
	// uint8 true [0 0 1 1]
}
