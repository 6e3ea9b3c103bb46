package idx

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// EncodeImages writes a plain file of images. Wrap w in a gzip.Writer for a
// compressed one. The same images give the same bytes.
func EncodeImages(w io.Writer, im *Images) error {
	switch {
	case im.N < 1 || im.N > math.MaxInt32:
		return fmt.Errorf("idx: encode: %d images, want 1 to %d", im.N, math.MaxInt32)
	case im.Rows < 1 || im.Rows > MaxSide || im.Cols < 1 || im.Cols > MaxSide:
		return fmt.Errorf("idx: encode: images of %d x %d, want sides of 1 to %d", im.Rows, im.Cols, MaxSide)
	case len(im.Pixels)/(im.Rows*im.Cols) != im.N || len(im.Pixels)%(im.Rows*im.Cols) != 0:
		return fmt.Errorf("idx: encode: %d pixels for %d images of %d x %d", len(im.Pixels), im.N, im.Rows, im.Cols)
	}
	return write(w, im.Pixels, magicImages, uint32(im.N), uint32(im.Rows), uint32(im.Cols))
}

// EncodeLabels writes a plain file of labels, each 0 to Classes-1.
func EncodeLabels(w io.Writer, labels []uint8) error {
	if len(labels) < 1 || len(labels) > math.MaxInt32 {
		return fmt.Errorf("idx: encode: %d labels, want 1 to %d", len(labels), math.MaxInt32)
	}
	for i, c := range labels {
		if c >= Classes {
			return fmt.Errorf("idx: encode: label %d is %d, want 0 to %d", i, c, Classes-1)
		}
	}
	return write(w, labels, magicLabels, uint32(len(labels)))
}

func write(w io.Writer, values []byte, header ...uint32) error {
	var b []byte
	for _, v := range header {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	for _, part := range [][]byte{b, values} {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("idx: encode: %w", err)
		}
	}
	return nil
}
