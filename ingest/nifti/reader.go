package nifti

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unsafe"
)

// Image is a decoded volume.
type Image struct {
	Header *Header
	Data   []float32 // x fastest, the product of Header.Dim values
}

// DecodeHeader reads the header of a single file or of the first half of a pair,
// and nothing behind it: it returns as soon as the header is there, and neither
// voxels nor checksum are looked at. It may read r a little further than that.
func DecodeHeader(r io.Reader) (*Header, error) {
	s, err := open(r)
	if err != nil {
		return nil, err
	}
	defer s.release()
	return s.header()
}

// Decode reads a single file, to its end. The voxels may take limit bytes (4
// each); a volume that needs more is an error that is [ErrLimit].
func Decode(r io.Reader, limit int64) (*Image, error) {
	return image(NewReader(r))(limit)
}

// DecodePair reads an image whose header and voxels are two files, each to its
// end. Either may be compressed. The limit is as for [Decode].
func DecodePair(hdr, img io.Reader, limit int64) (*Image, error) {
	return image(NewPairReader(hdr, img))(limit)
}

func image(r *Reader, err error) func(limit int64) (*Image, error) {
	return func(limit int64) (*Image, error) {
		if err != nil {
			return nil, err
		}
		data, err := r.Float32(nil, limit)
		if err != nil {
			return nil, err
		}
		return &Image{Header: r.Header, Data: data}, nil
	}
}

// Reader reads an image in two steps, header and voxels, for callers that look
// at the one before the other, reuse a buffer or want float64. It is for one
// goroutine.
type Reader struct {
	Header *Header // not to be changed before the voxels are read
	voxels *stream // nil once read
}

// NewReader reads the header of a single file.
func NewReader(r io.Reader) (*Reader, error) {
	s, err := open(r)
	if err != nil {
		return nil, err
	}
	h, err := s.header()
	if err == nil && h.Pair {
		err = h.bad(h.layout().magic, "magic", "says that the voxels are in another file: decode the .hdr together with its .img")
	}
	if err == nil {
		err = s.before(h.VoxOffset - s.off)
	}
	if err != nil {
		s.release()
		return nil, err
	}
	return &Reader{Header: h, voxels: s}, nil
}

// NewPairReader reads the header of a pair, to the end of hdr.
func NewPairReader(hdr, img io.Reader) (*Reader, error) {
	s, err := open(hdr)
	if err != nil {
		return nil, err
	}
	h, err := s.header()
	if err == nil && !h.Pair {
		err = h.bad(h.layout().magic, "magic", "says that the voxels follow in the same file: decode it alone, or mend the magic")
	}
	if err == nil {
		err = s.drain(maxBefore)
	}
	s.release()
	if err != nil {
		return nil, err
	}
	if s, err = open(img); err != nil {
		return nil, fmt.Errorf("voxels of a pair: %w", err)
	}
	if err := s.before(h.VoxOffset); err != nil {
		s.release()
		return nil, fmt.Errorf("voxels of a pair: %w", err)
	}
	return &Reader{Header: h, voxels: s}, nil
}

// before skips the n bytes that stand before the voxels.
func (s *stream) before(n int64) error {
	if n > maxBefore {
		return &FormatError{Offset: s.off, Field: "vox_offset",
			Msg: fmt.Sprintf("%d bytes before the voxels; extensions of over %d are not believed", n, maxBefore)}
	}
	return s.skip(n, "extensions")
}

// header reads and checks a header, without its extender.
func (s *stream) header() (*Header, error) {
	b := make([]byte, size2)
	n, err := s.read(b[:size1])
	if err != nil && (s.src.err != nil || !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF)) {
		return nil, s.fail("header", err)
	}
	b = b[:n]
	version, order := 0, binary.ByteOrder(nil)
	if n >= 4 {
		version, order = sizeof(b)
	}
	if order == nil {
		if what := stranger(b); what != "" {
			return nil, &FormatError{Msg: what}
		}
		if n >= 4 {
			return nil, &FormatError{Field: "sizeof_hdr", Msg: fmt.Sprintf("is %d, or %d in the other byte order; NIfTI has 348 or 540: damaged, or not a NIfTI file",
				int32(binary.LittleEndian.Uint32(b)), int32(binary.BigEndian.Uint32(b)))}
		}
	}
	if err != nil {
		return nil, s.fail("header", err)
	}
	if version == 2 {
		b = b[:size2]
		if err := s.full(b[size1:], "header"); err != nil {
			return nil, err
		}
	}
	return parse(b, version, order)
}

// Float32 reads the voxels, to the end of the file. It writes over dst from its
// start, enlarges it where its capacity is too small, and returns it: x fastest,
// the product of Header.Dim values. The voxels may take limit bytes (4 each),
// whether in dst or not; more is an error that is [ErrLimit]. On error dst is
// overwritten in part. Voxels are read once, by one of Float32 and Float64.
func (r *Reader) Float32(dst []float32, limit int64) ([]float32, error) {
	return read(r, dst, limit)
}

// Float64 is as Float32, with 8 bytes a voxel and no rounding to float32.
func (r *Reader) Float64(dst []float64, limit int64) ([]float64, error) {
	return read(r, dst, limit)
}

func read[T float32 | float64](r *Reader, dst []T, limit int64) ([]T, error) {
	s, h := r.voxels, r.Header
	if s == nil {
		return nil, errors.New("nifti: the voxels of this reader were read before; make another")
	}
	r.voxels = nil
	defer s.release()

	convert, err := converter[T](h)
	if err != nil {
		return nil, err
	}
	n, err := h.count(int(unsafe.Sizeof(T(0))), limit)
	if err != nil {
		return nil, err
	}
	size := h.Type.Size()
	dst = dst[:0]
	var piece [8]byte
	for len(dst) < n {
		if len(dst) == cap(dst) {
			dst = grow(dst, n, size)
		}
		at := len(dst)
		raw, err := s.units(size, min((min(n, cap(dst))-at)*size, chunk), piece[:])
		if err != nil {
			return nil, s.failVoxels(h, err)
		}
		dst = dst[:at+len(raw)/size]
		convert(dst[at:], raw)
	}
	return dst, s.drain(maxAfter)
}

// failVoxels is fail for an error amid the voxels.
func (s *stream) failVoxels(h *Header, err error) error {
	err = s.fail("voxels", err)
	if bad, ok := errors.AsType[*FormatError](err); ok && errors.Is(bad.err, io.ErrUnexpectedEOF) {
		bad.Msg += fmt.Sprintf(" (%v voxels of %d bytes are claimed from byte %d)", h.Dim, h.Type.Size(), h.VoxOffset)
	}
	return err
}

// grow returns dst with room for more, never for more than n values. Memory is
// at most 16 times the bytes that were really read, or 256 KiB. Steps are
// counted down from n, so that the last but one is small against n and little
// is copied.
func grow[T float32 | float64](dst []T, n, size int) []T {
	width := int(unsafe.Sizeof(T(0)))
	factor := max(2, 16*size/width)
	room := n
	for room > (256<<10)/width {
		below := (room + factor - 1) / factor
		if below <= len(dst) {
			break
		}
		room = below
	}
	return append(make([]T, 0, room), dst...)
}
