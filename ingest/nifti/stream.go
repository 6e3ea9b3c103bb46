package nifti

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

const (
	// chunk is the most that is asked of a stream at once.
	chunk = window + fresh
	// maxBefore bounds what is skipped between header and voxels: extensions.
	// CIFTI has tens of MB there.
	maxBefore = 64 << 20
	// maxAfter bounds what is read and dropped after the voxels, and the zeros
	// and texts between the members of a gzip file.
	maxAfter = 1 << 20
)

// stream reads a file's bytes, inflated if they are gzip, and counts them.
type stream struct {
	src    source
	z      inflater // also the buffer of what is not compressed
	zipped bool
	off    int64  // bytes handed out so far, inflated
	crc    uint32 // of this member
	size   uint32 // of this member, modulo 2^32
	rest   []byte // bytes that come first, before others are made
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

// streams holds idle streams: buffers and tables, some 220 KiB each.
var streams = sync.Pool{New: func() any { return new(stream) }}

// open starts a stream on r and looks whether it is gzip.
func open(r io.Reader) (*stream, error) {
	s := streams.Get().(*stream)
	s.src = source{r: r}
	s.zipped, s.off, s.rest = false, 0, nil
	s.z.reset(&s.src)
	s.z.fill(2)
	var err error
	switch b := s.z.in[s.z.ip:s.z.ie]; {
	case len(b) == 0 && !errors.Is(s.z.srcErr, io.EOF):
		err = s.fail("", s.z.srcErr)
	case len(b) == 0:
		err = &FormatError{Msg: "the file is empty (0 bytes): copy or download it again", err: io.ErrUnexpectedEOF}
	case len(b) >= 2 && string(b[:2]) == "\x1f\x8b":
		if err = s.member(); err != nil {
			err = s.fail("gzip", err)
		}
	}
	if err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// release makes s available to others. Nothing may use it after.
func (s *stream) release() {
	s.src = source{}
	streams.Put(s)
}

// The flags of a member of a gzip file (RFC 1952).
const (
	flagHeaderCRC = 1 << (iota + 1)
	flagExtra
	flagName
	flagComment
)

// member reads the header of the member of a gzip file that comes next.
func (s *stream) member() error {
	sum := uint32(0)
	var head [10]byte
	read := func(p []byte) error {
		for i := range p {
			if s.z.fill(1); s.z.ip == s.z.ie {
				return s.z.short()
			}
			p[i] = s.z.in[s.z.ip]
			s.z.ip++
		}
		sum = crc32.Update(sum, crc32.IEEETable, p)
		return nil
	}
	if err := read(head[:]); err != nil {
		return err
	}
	flags := head[3]
	switch {
	case head[0] != 0x1f || head[1] != 0x8b || head[2] != 8:
		return errGzip
	case flags&flagExtra != 0:
		if err := read(head[:2]); err != nil {
			return err
		}
		for range binary.LittleEndian.Uint16(head[:2]) {
			if err := read(head[:1]); err != nil {
				return err
			}
		}
	}
	for _, f := range [...]byte{flagName, flagComment} {
		for n := 0; flags&f != 0; n++ {
			if err := read(head[:1]); err != nil {
				return err
			}
			if head[0] == 0 {
				break
			}
			if n == maxAfter {
				return errGzip
			}
		}
	}
	if want := uint16(sum); flags&flagHeaderCRC != 0 {
		if err := read(head[:2]); err != nil {
			return err
		}
		if binary.LittleEndian.Uint16(head[:2]) != want {
			return errGzip
		}
	}
	s.z.restart()
	s.zipped, s.crc, s.size = true, 0, 0
	return nil
}

var (
	errGzip     = errors.New("invalid gzip header")
	errChecksum = errors.New("invalid checksum")
)

// some returns the bytes that come next, from 1 to most, valid until the next
// call. io.EOF means that the checksum of every member was right. Errors are
// still to be passed through fail. The bytes are not to be written to.
func (s *stream) some(most int) ([]byte, error) {
	if err := s.ready(most); err != nil {
		return nil, err
	}
	return s.take(min(len(s.rest), most)), nil
}

func (s *stream) take(n int) []byte {
	b := s.rest[:n]
	s.rest = s.rest[n:]
	s.off += int64(n)
	return b
}

// ready makes rest not empty.
func (s *stream) ready(most int) (err error) {
	for len(s.rest) == 0 && err == nil {
		s.rest, err = s.more(most)
	}
	return err
}

// more returns bytes that come after rest, about as many as most, or none
// between two members.
func (s *stream) more(most int) ([]byte, error) {
	z := &s.z
	if !s.zipped {
		z.fill(1)
		b := z.in[z.ip:z.ie]
		z.ip = z.ie
		if len(b) == 0 {
			return nil, z.srcErr
		}
		return b, nil
	}
	b, err := z.next(most)
	if errors.Is(err, io.EOF) {
		return nil, s.trailer()
	}
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b)
	s.size += uint32(len(b))
	return b, err
}

// trailer checks the end of a member and goes on to another one, past zero
// padding; io.EOF where none is.
func (s *stream) trailer() error {
	z := &s.z
	if z.fill(8); z.ie-z.ip < 8 {
		return z.short()
	}
	crc, size := binary.LittleEndian.Uint32(z.in[z.ip:]), binary.LittleEndian.Uint32(z.in[z.ip+4:])
	if crc != s.crc || size != s.size {
		return errChecksum
	}
	z.ip += 8
	for range maxAfter {
		if z.fill(1); z.ip == z.ie {
			return z.srcErr
		}
		switch b := z.in[z.ip]; b {
		case 0:
			z.ip++
		case 0x1f:
			if err := s.member(); err != nil {
				return s.fail("gzip", err)
			}
			return nil
		default:
			return &FormatError{Offset: s.off, Field: "gzip",
				Msg: fmt.Sprintf("the compressed stream ended well and other bytes follow it (first %#x): two files in one, or damage", b)}
		}
	}
	return &FormatError{Offset: s.off, Field: "gzip", Msg: fmt.Sprintf("over %d zero bytes follow the compressed stream", maxAfter)}
}

// units returns one or more units of size bytes, at most as many as most bytes
// hold, or one. It is valid until the next call. A unit may lie in piece.
func (s *stream) units(size, most int, piece []byte) ([]byte, error) {
	if err := s.ready(most); err != nil {
		return nil, err
	}
	n := min(len(s.rest), most)
	if n -= n % size; n > 0 {
		return s.take(n), nil
	}
	// The unit goes on in what is made next: that is as much as ever, lest one
	// odd piece be followed by small ones alone.
	for n < size {
		if err := s.ready(most); err != nil {
			return nil, err
		}
		n += copy(piece[n:size], s.take(min(len(s.rest), size-n)))
	}
	return piece[:size], nil
}

// full fills p, a part of field.
func (s *stream) full(p []byte, field string) error {
	if _, err := s.read(p); err != nil {
		return s.fail(field, err)
	}
	return nil
}

// read fills p as io.ReadFull does, save that its error is io.EOF wherever the
// bytes end.
func (s *stream) read(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var b []byte
		b, err = s.some(len(p) - n)
		n += copy(p[n:], b)
	}
	return n, err
}

// skip drops n bytes, a part of field.
func (s *stream) skip(n int64, field string) error {
	for n > 0 {
		b, err := s.some(int(min(n, chunk)))
		if err != nil {
			return s.fail(field, err)
		}
		n -= int64(len(b))
	}
	return nil
}

// drain reads to the end, so that the last checksum is verified, and refuses
// more than most bytes.
func (s *stream) drain(most int64) error {
	start := s.off
	for {
		_, err := s.some(chunk)
		if errors.Is(err, io.EOF) {
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
	case errors.Is(err, io.ErrNoProgress):
		return fmt.Errorf("nifti: reading byte %d: %w", s.off, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		msg := "the file ends here, cut short: copy or download it again"
		if s.zipped || field == "gzip" {
			msg = "the compressed stream ends here, cut short: copy or download it again"
		}
		return &FormatError{Offset: s.off, Field: field, Msg: msg, err: io.ErrUnexpectedEOF}
	case errors.Is(err, errChecksum):
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
