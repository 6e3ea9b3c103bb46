package idx

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// DecodeImages reads a whole file of images from r, plain or gzip, to its end.
// The pixels take at most limit bytes, else the error is [ErrLimit].
func DecodeImages(r io.Reader, limit int64) (*Images, error) {
	d, err := open(r)
	if err != nil {
		return nil, err
	}
	sizes, err := d.header(magicImages, 3)
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"rows", "columns"} {
		if n := sizes[1+i]; n < 1 || n > MaxSide {
			return nil, &FormatError{int64(8 + 4*i), name, fmt.Sprintf("%d, want 1 to %d", n, MaxSide)}
		}
	}
	// 2^32 images of 2^28 pixels fit an int64.
	pixels, err := d.values(sizes[0]*sizes[1]*sizes[2], limit)
	if err != nil {
		return nil, err
	}
	return &Images{N: int(sizes[0]), Rows: int(sizes[1]), Cols: int(sizes[2]), Pixels: pixels}, nil
}

// DecodeLabels reads a whole file of labels from r, plain or gzip, to its end.
// Each is 0 to Classes-1. They take at most limit bytes, else the error is
// [ErrLimit].
func DecodeLabels(r io.Reader, limit int64) ([]uint8, error) {
	d, err := open(r)
	if err != nil {
		return nil, err
	}
	sizes, err := d.header(magicLabels, 1)
	if err != nil {
		return nil, err
	}
	labels, err := d.values(sizes[0], limit)
	if err != nil {
		return nil, err
	}
	for i, c := range labels {
		if c >= Classes {
			return nil, &FormatError{int64(8 + i), "labels", fmt.Sprintf("label %d is %d, want 0 to %d", i, c, Classes-1)}
		}
	}
	return labels, nil
}

// decoder reads the decompressed stream and knows where it is.
type decoder struct {
	r   io.Reader
	off int64
}

// open tells gzip from plain IDX by the first two bytes.
func open(r io.Reader) (*decoder, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(12) // what there is of it
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("idx: reading at byte 0: %w", err)
	}
	if what := sniff(head); what != "" {
		return nil, &FormatError{0, "", what}
	}
	d := &decoder{r: b}
	if !bytes.HasPrefix(head, []byte("\x1f\x8b")) {
		return d, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, d.explain(err)
	}
	d.r = z
	return d, nil
}

// sniff names what is often found where an IDX file should be, and what to do
// about it. It returns "" for anything else.
func sniff(head []byte) string {
	if len(head) == 0 {
		return "the file is empty; get it again"
	}
	for _, k := range []struct{ magic, what string }{
		{"version http", "a Git LFS pointer, not the file itself; run git lfs pull"},
		{"<", "HTML or XML, not an IDX file: a web page was saved in place of the download; get the file again"},
		{"PK\x03\x04", "a ZIP archive, not an IDX file; unpack it first"},
		{"\x89PNG", "a PNG image, not an IDX file"},
	} {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return k.what
		}
	}
	return ""
}

// header reads the magic number and n sizes, of which the first is the count.
func (d *decoder) header(magic uint32, n int) ([]int64, error) {
	b := make([]byte, 4+4*n)
	got, err := io.ReadFull(d.r, b)
	d.off += int64(got)
	if got >= 4 { // a wrong kind of file says more than a short one
		if err := checkMagic(b, magic); err != nil {
			return nil, err
		}
	}
	if isEnd(err) {
		return nil, &FormatError{d.off, "header", fmt.Sprintf("the file ends after %d of %d bytes; get it again", got, len(b))}
	}
	if err != nil {
		return nil, d.explain(err)
	}
	sizes := make([]int64, n)
	for i := range sizes {
		sizes[i] = int64(binary.BigEndian.Uint32(b[4+4*i:]))
	}
	if sizes[0] < 1 || sizes[0] > 1<<31-1 {
		return nil, &FormatError{4, "count", fmt.Sprintf("%d, want 1 to %d", sizes[0], 1<<31-1)}
	}
	return sizes, nil
}

// values reads the n values after the header and then the end of the stream,
// where gzip checks its sum. It makes room for at most twice what has come, so
// a header that lies costs nothing.
func (d *decoder) values(n, limit int64) ([]byte, error) {
	if n > limit {
		return nil, fmt.Errorf("idx: the header asks for %d bytes of values: %w of %d bytes", n, ErrLimit, limit)
	}
	start := d.off
	out := make([]byte, min(n, 16<<10))
	for have := 0; ; {
		got, err := io.ReadFull(d.r, out[have:])
		d.off += int64(got)
		if isEnd(err) {
			return nil, &FormatError{d.off, "values", fmt.Sprintf("the file ends after %d of %d bytes; get it again", d.off-start, n)}
		}
		if err != nil {
			return nil, d.explain(err)
		}
		if have = len(out); int64(have) == n {
			return out, d.end()
		}
		more := make([]byte, min(n, 2*int64(have)))
		copy(more, out)
		out = more
	}
}

// end makes sure that nothing follows.
func (d *decoder) end() error {
	var b [1]byte
	n, err := io.ReadFull(d.r, b[:])
	switch {
	case n > 0:
		return &FormatError{d.off, "", "the file goes on after the last value: the sizes in its header are not its own"}
	case errors.Is(err, io.EOF):
		return nil
	}
	return d.explain(err)
}

// explain turns what a reader says into what is wrong with the file.
func (d *decoder) explain(err error) error {
	switch {
	case isEnd(err):
		return &FormatError{d.off, "gzip", "the compressed stream is cut short; get the file again"}
	case errors.Is(err, gzip.ErrChecksum):
		return &FormatError{d.off, "gzip", "the checksum at its end is not that of the data; get the file again"}
	case errors.Is(err, gzip.ErrHeader):
		return &FormatError{d.off, "gzip", "the header is broken, or something follows the compressed stream; get the file again"}
	}
	if _, ok := errors.AsType[flate.CorruptInputError](err); ok {
		return &FormatError{d.off, "gzip", "the compressed stream is corrupt; get the file again"}
	}
	return fmt.Errorf("idx: reading at byte %d: %w", d.off, err)
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
