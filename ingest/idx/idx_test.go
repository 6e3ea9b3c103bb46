package idx_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest/idx"
)

const limit = 64 << 20

const (
	twoImages = "\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x03" + "\x00\x01\x02" + "\xfd\xfe\xff"
	twoLabels = "\x00\x00\x08\x01\x00\x00\x00\x02" + "\x09\x00"
)

func compress(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, s); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDecode(t *testing.T) {
	for _, name := range []string{"plain", "gzip"} {
		t.Run(name, func(t *testing.T) {
			images, labels := twoImages, twoLabels
			if name == "gzip" {
				images, labels = compress(t, images), compress(t, labels)
			}
			im, err := idx.DecodeImages(iotest.OneByteReader(strings.NewReader(images)), 6)
			if err != nil {
				t.Fatal(err)
			}
			if im.N != 2 || im.Rows != 1 || im.Cols != 3 || !slices.Equal(im.Image(1), []uint8{253, 254, 255}) {
				t.Errorf("got %+v", im)
			}
			l, err := idx.DecodeLabels(iotest.OneByteReader(strings.NewReader(labels)), 2)
			if err != nil || !slices.Equal(l, []uint8{9, 0}) {
				t.Errorf("got labels %v, %v, want [9 0]", l, err)
			}
			if err := im.CheckLabels(l); err != nil {
				t.Errorf("2 labels for 2 images: %v", err)
			}
			if err := im.CheckLabels(l[:1]); err == nil {
				t.Error("no error for 1 label and 2 images")
			}
		})
	}
}

func TestDecodeImagesRefuses(t *testing.T) {
	gz := compress(t, twoImages)
	crc := crc32.ChecksumIEEE([]byte(twoImages))
	badSum := strings.Replace(gz, string([]byte{byte(crc), byte(crc >> 8)}), string([]byte{byte(crc), ^byte(crc >> 8)}), 1)
	swap := func(at int, with string) string { return twoImages[:at] + with + twoImages[at+len(with):] }
	for _, tc := range []struct {
		name, file string
		offset     int64
		want       string
	}{
		{"empty", "", 0, "empty"},
		{"Git LFS pointer", "version https://git-lfs.github.com/spec/v1\n", 0, "git lfs pull"},
		{"web page", "<!DOCTYPE html>", 0, "HTML"},
		{"ZIP archive", "PK\x03\x04aaaaaaaaaaaaaaaaaa", 0, "ZIP"},
		{"text", "these are no images", 0, "not an IDX file"},
		{"labels", twoLabels, 0, "swapped"},
		{"little-endian", swap(0, "\x03\x08\x00\x00"), 0, "reversed"},
		{"header cut", twoImages[:15], 15, "15 of 16"},
		{"no image", swap(4, "\x00\x00\x00\x00"), 4, "count"},
		{"negative count", swap(4, "\xff\xff\xff\xff"), 4, "count"},
		{"no row", swap(8, "\x00\x00\x00\x00"), 8, "rows"},
		{"too many columns", swap(12, "\x00\x00\x40\x01"), 12, "columns"},
		{"one byte short", twoImages[:21], 21, "5 of 6"},
		{"one byte more", twoImages + "\x00", 22, "goes on"},
		{"gzip header cut", gz[:5], 0, "cut short"},
		{"gzip header broken", "\x1f\x8b\x09" + gz[3:], 0, "header is broken"},
		{"gzip cut in its trailer", gz[:len(gz)-1], 22, "cut short"},
		{"gzip checksum", badSum, 22, "checksum"},
		{"gzip stream corrupt", gz[:10] + "\xff\xff\xff\xff" + gz[14:], 0, "corrupt"},
		{"gzip and more", gz + "more", 22, "cut short"},
		{"gzip and much more", gz + "and more than a header of gzip", 22, "something follows"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := idx.DecodeImages(strings.NewReader(tc.file), limit)
			bad, ok := errors.AsType[*idx.FormatError](err)
			if !ok || bad.Offset != tc.offset || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want a FormatError at byte %d with %q", err, tc.offset, tc.want)
			}
		})
	}
}

func TestOtherIDXIsUnsupported(t *testing.T) {
	for _, magic := range []string{"\x00\x00\x0d\x03", "\x00\x00\x08\x04", "\x00\x00\x09\x01"} {
		_, err := idx.DecodeImages(strings.NewReader(magic+twoImages[4:]), limit)
		if _, ok := errors.AsType[idx.UnsupportedError](err); !ok {
			t.Errorf("magic %x: got %v, want an UnsupportedError", magic, err)
		}
	}
}

func TestDecodeLabelsRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		offset     int64
		want       string
	}{
		{"label 10", twoLabels[:9] + "\x0a", 9, "label 1 is 10"},
		{"images", twoImages, 0, "swapped"},
		{"one short", twoLabels[:9], 9, "1 of 2"},
		{"one more", twoLabels + "\x00", 10, "goes on"},
		{"none", "\x00\x00\x08\x01\x00\x00\x00\x00", 4, "count"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := idx.DecodeLabels(strings.NewReader(tc.file), limit)
			bad, ok := errors.AsType[*idx.FormatError](err)
			if !ok || bad.Offset != tc.offset || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want a FormatError at byte %d with %q", err, tc.offset, tc.want)
			}
		})
	}
}

func TestLimit(t *testing.T) {
	if _, err := idx.DecodeImages(strings.NewReader(twoImages), 5); !errors.Is(err, idx.ErrLimit) {
		t.Errorf("6 pixels, limit 5: got %v, want ErrLimit", err)
	}
	if _, err := idx.DecodeLabels(strings.NewReader(twoLabels), 1); !errors.Is(err, idx.ErrLimit) {
		t.Errorf("2 labels, limit 1: got %v, want ErrLimit", err)
	}
}

func TestReadErrorsAreWrapped(t *testing.T) {
	boom := errors.New("boom")
	for n := range len(twoImages) + 1 {
		r := io.MultiReader(strings.NewReader(twoImages[:n]), iotest.ErrReader(boom))
		if _, err := idx.DecodeImages(r, limit); !errors.Is(err, boom) {
			t.Errorf("after %d bytes: got %v, want boom", n, err)
		}
	}
}

func TestTruncatedAtEveryByte(t *testing.T) {
	for _, file := range []string{twoImages, compress(t, twoImages)} {
		for n := range len(file) {
			if _, err := idx.DecodeImages(strings.NewReader(file[:n]), limit); err == nil {
				t.Errorf("no error for the first %d of %d bytes", n, len(file))
			}
		}
	}
	for n := range len(twoLabels) {
		if _, err := idx.DecodeLabels(strings.NewReader(twoLabels[:n]), limit); err == nil {
			t.Errorf("no error for the first %d bytes of labels", n)
		}
	}
}

// A header that claims as much as the limit allows must not make the decoder
// allocate it.
func TestLyingHeaderAllocatesLittle(t *testing.T) {
	const huge = 1 << 40
	for _, tc := range []struct {
		name   string
		file   string
		decode func(io.Reader) error
	}{
		{"images", "\x00\x00\x08\x03\x00\x01\x00\x00\x00\x00\x04\x00\x00\x00\x04\x00" + strings.Repeat("\x00", 100<<10),
			func(r io.Reader) error { _, err := idx.DecodeImages(r, huge); return err }},
		{"labels", "\x00\x00\x08\x01\x7f\xff\xff\xff" + strings.Repeat("\x00", 100<<10),
			func(r io.Reader) error { _, err := idx.DecodeLabels(r, huge); return err }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a, b runtime.MemStats
			runtime.ReadMemStats(&a)
			err := tc.decode(strings.NewReader(tc.file))
			runtime.ReadMemStats(&b)
			// Doubling sums to 4 bytes for each that came; the rest is buffers.
			if got, most := b.TotalAlloc-a.TotalAlloc, uint64(4*len(tc.file)+64<<10); err == nil || got > most {
				t.Errorf("got %d bytes allocated and error %v; want at most %d and an error", got, err, most)
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		im := &idx.Images{
			N:    rapid.IntRange(1, 5).Draw(t, "n"),
			Rows: rapid.IntRange(1, 90).Draw(t, "rows"), // up to 40 kB, beyond the first block
			Cols: rapid.IntRange(1, 90).Draw(t, "columns"),
		}
		im.Pixels = make([]uint8, im.N*im.Rows*im.Cols)
		seed := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "pixels")
		for i := range im.Pixels {
			im.Pixels[i] = seed[i%len(seed)] + byte(i/len(seed))
		}
		var b bytes.Buffer
		if err := idx.EncodeImages(&b, im); err != nil {
			t.Fatal(err)
		}
		back, err := idx.DecodeImages(iotest.HalfReader(&b), int64(len(im.Pixels)))
		if err != nil || back.N != im.N || back.Rows != im.Rows || back.Cols != im.Cols || !bytes.Equal(back.Pixels, im.Pixels) {
			t.Fatalf("images do not come back: %v", err)
		}
		labels := rapid.SliceOfN(rapid.ByteMax(idx.Classes-1), 1, 100).Draw(t, "labels")
		b.Reset()
		if err := idx.EncodeLabels(&b, labels); err != nil {
			t.Fatal(err)
		}
		if got, err := idx.DecodeLabels(&b, limit); err != nil || !bytes.Equal(got, labels) {
			t.Fatalf("got labels %v, %v, want %v", got, err, labels)
		}
	})
}

type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestEncodeRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
	}{
		{"no image", idx.EncodeImages(io.Discard, &idx.Images{Rows: 1, Cols: 1})},
		{"no row", idx.EncodeImages(io.Discard, &idx.Images{N: 1, Cols: 1})},
		{"side too long", idx.EncodeImages(io.Discard, &idx.Images{N: 1, Rows: 1, Cols: idx.MaxSide + 1, Pixels: make([]uint8, idx.MaxSide+1)})},
		{"a pixel short", idx.EncodeImages(io.Discard, &idx.Images{N: 2, Rows: 2, Cols: 2, Pixels: make([]uint8, 7)})},
		{"a pixel more", idx.EncodeImages(io.Discard, &idx.Images{N: 2, Rows: 2, Cols: 2, Pixels: make([]uint8, 9)})},
		{"no label", idx.EncodeLabels(io.Discard, nil)},
		{"label 10", idx.EncodeLabels(io.Discard, []uint8{1, 10})},
		{"disk full", idx.EncodeLabels(&fullDisk{9}, []uint8{1, 2})},
	} {
		if tc.err == nil {
			t.Errorf("%s: no error", tc.name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(twoImages))
	f.Add([]byte(twoLabels))
	f.Add([]byte(compress(f, twoImages)))
	f.Add([]byte("\x00\x00\x08\x03\x7f\xff\xff\xff\x00\x00\x40\x00\x00\x00\x40\x00"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		const limit = 1 << 16
		if im, err := idx.DecodeImages(bytes.NewReader(file), limit); err == nil {
			var b bytes.Buffer
			if err := idx.EncodeImages(&b, im); err != nil {
				t.Fatal(err)
			}
			if len(im.Pixels) > limit || (file[0] == 0 && !bytes.Equal(b.Bytes(), file)) {
				t.Fatalf("%d x %d x %d: not the bytes that were decoded", im.N, im.Rows, im.Cols)
			}
		}
		if labels, err := idx.DecodeLabels(bytes.NewReader(file), limit); err == nil {
			var b bytes.Buffer
			if err := idx.EncodeLabels(&b, labels); err != nil {
				t.Fatal(err)
			}
			if len(labels) > limit || (file[0] == 0 && !bytes.Equal(b.Bytes(), file)) {
				t.Fatalf("%d labels: not the bytes that were decoded", len(labels))
			}
		}
	})
}

func ExampleDecodeImages() {
	var file bytes.Buffer
	digits := &idx.Images{N: 2, Rows: 1, Cols: 3, Pixels: []uint8{0, 255, 0, 255, 255, 255}}
	if err := idx.EncodeImages(&file, digits); err != nil {
		fmt.Println(err)
		return
	}
	im, err := idx.DecodeImages(&file, 1<<20)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(im.N, "images,", im.Rows, "x", im.Cols, im.Image(1)[2])
	// Output: 2 images, 1 x 3 255
}
