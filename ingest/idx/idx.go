package idx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const (
	// Classes is the number of classes of MNIST. A label is 0 to Classes-1.
	Classes = 10
	// MaxSide is the greatest number of rows and of columns of an image.
	MaxSide = 1 << 14
)

const (
	magicImages = 0x00000803
	magicLabels = 0x00000801
)

// ErrLimit is wrapped by the error for a file whose values need more memory
// than the caller's limit.
var ErrLimit = errors.New("more than the limit")

// Images is a list of grey images of one size.
type Images struct {
	N, Rows, Cols int
	Pixels        []uint8 // N x Rows x Cols, columns fastest; 0 is background
}

// Image returns the pixels of image i, Rows x Cols, which are part of Pixels. It
// panics unless 0 <= i < N.
func (im *Images) Image(i int) []uint8 {
	n := im.Rows * im.Cols
	return im.Pixels[i*n : (i+1)*n : (i+1)*n]
}

// CheckLabels reports a [*FormatError] unless there is one label for each image:
// else the two files are not of one set, and every pair would be suspect.
func (im *Images) CheckLabels(labels []uint8) error {
	if len(labels) != im.N {
		return &FormatError{4, "count", fmt.Sprintf("%d labels for %d images: the files are not of one set", len(labels), im.N)}
	}
	return nil
}

// FormatError says that the input is broken, and where.
type FormatError struct {
	Offset int64  // bytes from the start of the input, after decompression
	Field  string // the part of the header or file; may be empty
	Msg    string
}

func (e *FormatError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("idx: byte %d: %s", e.Offset, e.Msg)
	}
	return fmt.Sprintf("idx: byte %d: %s: %s", e.Offset, e.Field, e.Msg)
}

// UnsupportedError says that the input is well made but of a kind that this
// package does not decode.
type UnsupportedError string

func (e UnsupportedError) Error() string { return "idx: not supported: " + string(e) }

// checkMagic explains what is wrong with the first four bytes.
func checkMagic(b []byte, want uint32) error {
	got := binary.BigEndian.Uint32(b)
	fail := func(msg string) error { return &FormatError{0, "magic number", msg} }
	names := map[uint32]string{magicImages: "images", magicLabels: "labels"}
	switch {
	case got == want:
		return nil
	case names[got] != "":
		return fail(fmt.Sprintf("0x%08x is that of %s, want 0x%08x of %s: are the files swapped?", got, names[got], want, names[want]))
	case names[binary.LittleEndian.Uint32(b)] != "":
		return fail(fmt.Sprintf("0x%08x has its bytes reversed; IDX is big-endian", got))
	}
	kind, dims := b[2], b[3]
	if types := "\x08\x09\x0b\x0c\x0d\x0e"; b[0] == 0 && b[1] == 0 && dims > 0 && strings.IndexByte(types, kind) >= 0 {
		return UnsupportedError(fmt.Sprintf("IDX of type 0x%02x and %d dimensions (magic 0x%08x), want 0x%08x of %s", kind, dims, got, want, names[want]))
	}
	return fail(fmt.Sprintf("0x%08x, want 0x%08x of %s: not an IDX file", got, want, names[want]))
}
