package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Decode reads a file of size bytes. What it allocates for the values is at most
// size, and for the header a small multiple of the header.
func Decode(r io.ReaderAt, size int64) (*File, error) {
	var prefix [8]byte
	if size < 8 {
		return nil, &FormatError{size, "", fmt.Sprintf("the file ends after %d bytes; the length of its header takes 8", size)}
	}
	if err := readAt(r, prefix[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	switch {
	case n > MaxHeader:
		return nil, &FormatError{0, "", fmt.Sprintf("a header of %d bytes, at most %d: not a safetensors file", n, MaxHeader)}
	case int64(n) > size-8:
		return nil, &FormatError{0, "", fmt.Sprintf("a header of %d bytes in a file of %d: it is cut short, or no safetensors file", n, size)}
	}
	text := make([]byte, n)
	if err := readAt(r, text, 8); err != nil {
		return nil, err
	}
	h, err := parse(text)
	if err != nil {
		return nil, err
	}
	data := 8 + int64(n)
	if err := h.place(data, size-data); err != nil {
		return nil, err
	}
	f := &File{Metadata: h.metadata, Tensors: make([]Tensor, len(h.entries))}
	buf := make([]byte, min(chunk, size-data))
	for i, e := range h.entries {
		f.Tensors[i] = Tensor{Name: e.name, Shape: e.shape}
		if f.Tensors[i].Data, err = readData(r, buf, e.dtype, data+e.begin, int((e.end-e.begin)/int64(width[e.dtype]))); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// place sorts the entries by their bytes and checks that these are all of the
// size bytes that begin at offset data, each once.
func (h *header) place(data, size int64) error {
	slices.SortStableFunc(h.entries, func(a, b entry) int {
		if a.begin != b.begin {
			return int(min(max(a.begin-b.begin, -1), 1))
		}
		return int(min(max(a.end-b.end, -1), 1))
	})
	at := int64(0)
	for _, e := range h.entries {
		fail := func(format string, args ...any) error {
			return &FormatError{e.at, e.name, fmt.Sprintf(format, args...)}
		}
		n, ok := count(e.shape)
		switch {
		case e.begin != at:
			return fail("its bytes begin at %d, those before end at %d", e.begin, at)
		case e.end < e.begin || e.end > size:
			return fail("bytes %d to %d, the file has %d", e.begin, e.end, size)
		case !ok || int64(n) > size:
			return fail("shape %v is larger than the file", e.shape)
		case int64(n)*int64(width[e.dtype]) != e.end-e.begin:
			return fail("%d bytes for shape %v of %s", e.end-e.begin, e.shape, e.dtype)
		}
		at = e.end
	}
	if at != size {
		return &FormatError{data + at, "", fmt.Sprintf("%d bytes that belong to no array", size-at)}
	}
	return nil
}

func readData(r io.ReaderAt, buf []byte, dtype string, off int64, n int) (any, error) {
	switch dtype {
	case "F32":
		return readValues(r, buf, off, n, 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
	case "F64":
		return readValues(r, buf, off, n, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
	case "I64":
		return readValues(r, buf, off, n, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	}
	out := make([]uint8, n)
	return out, readAt(r, out, off)
}

func readValues[T any](r io.ReaderAt, buf []byte, off int64, n, width int, get func([]byte) T) ([]T, error) {
	out := make([]T, n)
	for part := range slices.Chunk(out, chunk/width) {
		b := buf[:len(part)*width]
		if err := readAt(r, b, off); err != nil {
			return nil, err
		}
		for i := range part {
			part[i] = get(b[i*width:])
		}
		off += int64(len(b))
	}
	return out, nil
}

// readAt fills b. A file that is shorter than it was said to be is broken.
func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return &FormatError{off + int64(n), "", "the file ends here"}
	}
	return fmt.Errorf("safetensors: read at byte %d: %w", off+int64(n), err)
}
