package nifti

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

const (
	// chunk is the size of the buffer that voxels pass through: a multiple of
	// every voxel's size, small enough to stay in the second-level cache.
	chunk = 32 << 10
	// inputBuffer is the size of reads from the caller's reader.
	inputBuffer = 64 << 10
	// maxBefore bounds what is skipped between header and voxels: extensions.
	// CIFTI has tens of MB there.
	maxBefore = 64 << 20
	// maxAfter bounds what is read and dropped after the voxels.
	maxAfter = 1 << 20
)

// stream reads a file's bytes, inflated if they are gzip, and counts them.
type stream struct {
	src    source
	buffer *bufio.Reader // of src
	in     input         // what is read: buffer, or a reader that needs none
	zr     *gzip.Reader  // reused; in use while zipped
	zipped bool
	off    int64 // bytes read so far, inflated
	buf    [chunk]byte
}

// input is what package flate reads without a buffer of its own. Of its kinds,
// a *bytes.Reader is a seventh faster to inflate than a *bufio.Reader.
type input interface {
	io.Reader
	io.ByteScanner
}

// source remembers an error of the caller's reader, to tell it from an error of
// the bytes that were read.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// streams holds idle streams: buffers and inflate state, some 150 KiB each.
var streams = sync.Pool{New: func() any {
	s := new(stream)
	s.buffer = bufio.NewReaderSize(&s.src, inputBuffer)
	return s
}}

// open starts a stream on r and looks whether it is gzip.
func open(r io.Reader) (*stream, error) {
	s := streams.Get().(*stream)
	s.src = source{r: r}
	s.zipped, s.off = false, 0
	b, err := s.start(r)
	switch {
	case len(b) == 0 && err != nil && err != io.EOF:
		err = s.fail("", err)
	case len(b) == 0:
		err = &FormatError{Msg: "the file is empty (0 bytes): copy or download it again", err: io.ErrUnexpectedEOF}
	case string(b) == "\x1f\x8b":
		err = s.member()
	default:
		err = nil
	}
	if err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// start sets what is read and returns the first two bytes, or fewer and why,
// without reading past them.
func (s *stream) start(r io.Reader) ([]byte, error) {
	if m, ok := r.(*bytes.Reader); ok {
		s.in = m
		n, err := m.ReadAt(s.buf[:2], m.Size()-int64(m.Len()))
		return s.buf[:n], err
	}
	s.buffer.Reset(&s.src)
	s.in = s.buffer
	return s.buffer.Peek(2)
}

// release makes s available to others. Nothing may use it after.
func (s *stream) release() {
	s.src, s.in = source{}, nil
	streams.Put(s)
}

// member starts to inflate the member of a gzip file that comes next.
func (s *stream) member() error {
	var err error
	if s.zr == nil {
		s.zr, err = gzip.NewReader(s.in)
		if err != nil {
			s.zr = nil
		}
	} else {
		err = s.zr.Reset(s.in)
	}
	if err != nil {
		return s.fail("gzip", err)
	}
	// Members are told apart here and not in gzip, which takes zero padding
	// for a broken member.
	s.zr.Multistream(false)
	s.zipped = true
	return nil
}

// Read reads inflated bytes. io.EOF means that the checksum of every member was
// right. Errors are still to be passed through fail.
func (s *stream) Read(p []byte) (int, error) {
	if !s.zipped {
		n, err := s.in.Read(p)
		s.off += int64(n)
		return n, err
	}
	for {
		n, err := s.zr.Read(p)
		s.off += int64(n)
		if err != io.EOF || n > 0 {
			if err == io.EOF {
				err = nil // comes again
			}
			return n, err
		}
		if err := s.next(); err != nil {
			return 0, err
		}
	}
}

// next goes on to another member, past zero padding; io.EOF where none is.
func (s *stream) next() error {
	for range maxAfter {
		b, err := s.in.ReadByte()
		if err != nil {
			return err
		}
		switch b {
		case 0:
		case 0x1f:
			if err := s.in.UnreadByte(); err != nil {
				return err
			}
			return s.member()
		default:
			return &FormatError{Offset: s.off, Field: "gzip",
				Msg: fmt.Sprintf("the compressed stream ended well and other bytes follow it (first %#x): two files in one, or damage", b)}
		}
	}
	return &FormatError{Offset: s.off, Field: "gzip", Msg: fmt.Sprintf("over %d zero bytes follow the compressed stream", maxAfter)}
}

// full fills p, a part of field.
func (s *stream) full(p []byte, field string) error {
	if _, err := io.ReadFull(s, p); err != nil {
		return s.fail(field, err)
	}
	return nil
}

// skip drops n bytes, a part of field.
func (s *stream) skip(n int64, field string) error {
	for n > 0 {
		k := min(n, chunk)
		if err := s.full(s.buf[:k], field); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// drain reads to the end, so that the last checksum is verified, and refuses
// more than most bytes.
func (s *stream) drain(most int64) error {
	start := s.off
	for {
		_, err := s.Read(s.buf[:])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return s.fail("trailer", err)
		}
		if s.off-start > most {
			return &FormatError{Offset: start, Field: "trailer",
				Msg: fmt.Sprintf("over %d bytes follow what the header describes: the header is not of these voxels, or the file is a decompression bomb", most)}
		}
	}
}

// fail turns an error of Read into one for the caller, by whose fault it is.
func (s *stream) fail(field string, err error) error {
	var bad *FormatError
	var unsupported UnsupportedError
	switch {
	case s.src.err != nil:
		return fmt.Errorf("nifti: reading byte %d: %w", s.off, s.src.err)
	case errors.As(err, &bad), errors.As(err, &unsupported):
		return err
	case err == io.ErrNoProgress:
		return fmt.Errorf("nifti: reading byte %d: %w", s.off, err)
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		msg := "the file ends here, cut short: copy or download it again"
		if s.zipped || field == "gzip" {
			msg = "the compressed stream ends here, cut short: copy or download it again"
		}
		return &FormatError{Offset: s.off, Field: field, Msg: msg, err: io.ErrUnexpectedEOF}
	case errors.Is(err, gzip.ErrChecksum):
		return &FormatError{Offset: s.off, Field: "gzip", Msg: "checksum or length of the compressed stream is wrong: bytes were damaged; copy or download it again", err: err}
	}
	return &FormatError{Offset: s.off, Field: "gzip", Msg: "the compressed stream is broken (" + err.Error() + "): copy or download it again", err: err}
}

// stranger says what the first bytes of a file are that are no NIfTI header,
// and what to do.
func stranger(b []byte) string {
	text := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n"))
	for _, k := range []struct{ magic, msg string }{
		{"version https://git-lfs.", "a git-lfs pointer, not the file: run git lfs pull"},
		{"<!doctype html", "an HTML page, not the file: the download went wrong (a login or error page?); get it again"},
		{"<html", "an HTML page, not the file: the download went wrong (a login or error page?); get it again"},
		{"<", "an XML or HTML text, not the file: the download went wrong; get it again"},
		{"{", "a JSON text, not an image: give the .nii that it stands beside"},
	} {
		if bytes.HasPrefix(text, []byte(k.magic)) {
			return k.msg
		}
	}
	for _, k := range []struct{ magic, msg string }{
		{"PK\x03\x04", "a zip archive, not an image: unzip it first"},
		{"\x1f\x8b", "gzip within gzip: decompress it once"},
		{"BZh", "a bzip2 file: decompress it first"},
		{"\xfd7zXZ\x00", "an xz file: decompress it first"},
		{"\x28\xb5\x2f\xfd", "a Zstandard file: decompress it first"},
		{"NRRD", "an NRRD image: convert it to NIfTI"},
		{"\x89HDF", "an HDF5 file (MINC?): convert it to NIfTI"},
	} {
		if bytes.HasPrefix(b, []byte(k.magic)) {
			return k.msg
		}
	}
	if len(b) == size1 && bytes.Count(b, []byte{0}) == size1 {
		return "only zero bytes where the header should be: the copy or download was not finished; get it again"
	}
	if len(b) >= 132 && string(b[128:132]) == "DICM" {
		return "a DICOM file: convert the series to NIfTI (dcm2niix)"
	}
	return ""
}
