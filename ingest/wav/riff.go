package wav

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// A RIFF file is a form and its chunks:
//
//	"RIFF" size:4 "WAVE"  ( id:4 size:4 payload:size [pad:1 if size is odd] )*
//
// RIFX is the same with every number big-endian. RF64 and BW64 (EBU Tech 3306,
// ITU-R BS.2088) have 0xFFFFFFFF where 32 bits do not suffice and the real
// size in a ds64 chunk:
//
//	riff:8 data:8 samples:8 entries:4  ( id:4 size:8 )*entries

// decoder reads a file front to back and knows where it is.
type decoder struct {
	Header
	r        io.Reader
	off      int64 // of the next byte of r
	order    binary.ByteOrder
	riffSize uint32
	form     string // "RIFF", "RIFX", "RF64" or "BW64"
	ds64     int64  // size of the data by the ds64 chunk, -1 without one
	size     int64  // bytes of the data chunk, -1 where they run to the end
	buf      [40]byte
}

// open reads up to the first byte of the samples.
func open(r io.Reader) (*decoder, error) {
	if _, ok := r.(io.ByteReader); !ok { // headers are read in small pieces
		r = bufio.NewReaderSize(r, 4096)
	}
	d := &decoder{r: r, ds64: -1, order: binary.LittleEndian}
	if err := d.readForm(); err != nil {
		return nil, err
	}
	for {
		at := d.off
		id, size, err := d.chunk()
		switch {
		case errors.Is(err, io.EOF) && d.Encoding == 0:
			return nil, d.errorf(at, "", "the file ends without a fmt chunk; get it again")
		case errors.Is(err, io.EOF):
			return nil, d.errorf(at, "", "the file ends without a data chunk; get it again")
		case err != nil:
			return nil, err
		}
		switch id {
		case "ds64":
			err = d.readDS64(at, size)
		case "fmt ":
			err = d.readFormat(at, size)
		case "data":
			return d, d.startData(at, size)
		default:
			err = d.skip(padded(size), fmt.Sprintf("%q chunk", id))
		}
		if err != nil {
			return nil, err
		}
	}
}

// readForm reads the first twelve bytes.
func (d *decoder) readForm() error {
	b := d.buf[:12]
	n, err := io.ReadFull(d.r, b)
	d.off += int64(n)
	if err != nil && !isEnd(err) {
		return d.wrap(err)
	}
	if what := sniff(b[:n]); what != "" {
		return d.errorf(0, "", "%s", what)
	}
	if n < len(b) {
		return d.errorf(d.off, "RIFF header", "the file ends after %d of 12 bytes; get it again", n)
	}
	d.form = string(b[:4])
	switch d.form {
	case "RIFF", "RF64", "BW64":
	case "RIFX":
		d.order = binary.BigEndian
	default:
		return d.errorf(0, "", "begins with %q, not with RIFF: this is not a WAV file", d.form)
	}
	if string(b[8:]) != "WAVE" {
		return d.errorf(8, "form type", "%q, want \"WAVE\": a RIFF file, but not of sound", b[8:])
	}
	d.riffSize = d.order.Uint32(b[4:])
	return nil
}

// sniff names what is often found where a WAV file should be, and what to do
// about it. It returns "" for anything else.
func sniff(b []byte) string {
	if len(b) == 0 {
		return "the file is empty; get it again"
	}
	for _, k := range []struct{ magic, what string }{
		{"\x1f\x8b", "gzip data, not a WAV file; decompress it first (gunzip)"},
		{"PK\x03\x04", "a ZIP archive, not a WAV file; unpack it first"},
		{"version http", "a Git LFS pointer, not the file itself; run git lfs pull"},
		{"<", "HTML or XML, not a WAV file: a web page was saved in place of the download; get the file again"},
		{"FORM", "AIFF, not WAV; convert it (ffmpeg -i in.aiff out.wav)"},
		{"fLaC", "FLAC, not WAV; convert it (ffmpeg -i in.flac out.wav)"},
		{"OggS", "Ogg, not WAV; convert it (ffmpeg -i in.ogg out.wav)"},
		{"ID3", "MP3, not WAV; convert it (ffmpeg -i in.mp3 out.wav)"},
		{"riff", "begins with \"riff\" in lower case: not a WAV file"},
	} {
		if bytes.HasPrefix(b, []byte(k.magic)) {
			return k.what
		}
	}
	return ""
}

// chunk reads the header of the next chunk. Its error is io.EOF where the file
// ends before it.
func (d *decoder) chunk() (id string, size int64, err error) {
	at := d.off
	n, err := io.ReadFull(d.r, d.buf[:8])
	d.off += int64(n)
	switch {
	case n == 0 && isEnd(err):
		return "", 0, io.EOF
	case isEnd(err):
		return "", 0, d.errorf(at, "chunk header", "the file ends after %d of 8 bytes; get it again", n)
	case err != nil:
		return "", 0, d.wrap(err)
	}
	return string(d.buf[:4]), int64(d.order.Uint32(d.buf[4:8])), nil
}

func (d *decoder) readDS64(at, size int64) error {
	if size < 28 {
		return d.errorf(at, "ds64 chunk", "%d bytes, want at least 28", size)
	}
	b := d.buf[:28]
	if err := d.full(b, "ds64 chunk"); err != nil {
		return err
	}
	data, entries := d.order.Uint64(b[8:]), int64(d.order.Uint32(b[24:]))
	if data > math.MaxInt64 {
		return d.errorf(at+16, "ds64 data size", "%d bytes are more than any file has", data)
	}
	if entries*12 > size-28 {
		return d.errorf(at+32, "ds64 table", "%d entries do not fit a chunk of %d bytes", entries, size)
	}
	d.ds64 = int64(data)
	return d.skip(padded(size)-28, "ds64 chunk")
}

// unknownSize is what a 32-bit size holds that is not known or does not fit.
const unknownSize = 0xFFFFFFFF

// startData settles how many bytes of samples to expect.
func (d *decoder) startData(at, size int64) error {
	if d.Encoding == 0 {
		return d.errorf(at, "data chunk", "stands before any fmt chunk, so its samples have no meaning yet")
	}
	frame := d.frameBytes()
	const sox = 0x7FFFF000
	switch {
	case size == unknownSize && (d.form == "RF64" || d.form == "BW64"):
		if d.ds64 < 0 {
			return d.errorf(at, "data chunk", "its size should be in a ds64 chunk, and there is none")
		}
		size = d.ds64
	case size == unknownSize, size == sox-sox%frame, size == 0 && (d.riffSize == 0 || d.riffSize == unknownSize):
		d.size, d.Frames = -1, -1
		return nil
	}
	extra := strayBytes(size, frame)
	if extra < 0 {
		return d.errorf(at+4, "data size", "%d bytes are not a whole number of frames of %d bytes", size, frame)
	}
	if size/frame > math.MaxInt/int64(d.Channels) {
		return d.errorf(at+4, "data size", "%d bytes are more than any file has", size)
	}
	d.size, d.Frames = size, int(size/frame)
	return nil
}

// strayBytes returns how many of size bytes follow the last whole frame: none,
// or one that is the pad byte of data of odd length. Anything else is -1.
func strayBytes(size, frame int64) int64 {
	switch extra := size % frame; {
	case extra == 0:
		return 0
	case extra == 1 && size%2 == 0:
		return 1
	}
	return -1
}

// tail reads what follows the samples, to the end of the stream. The sound is
// whole by now, so odd bytes and cut chunks there are let pass; another data
// chunk is not, because the file then holds more sound than the clip.
func (d *decoder) tail() error {
	if d.size >= 0 {
		if err := d.lastChunks(); err != nil {
			return err
		}
	}
	n, err := io.Copy(io.Discard, d.r)
	d.off += n
	if err != nil && !isEnd(err) {
		return d.wrap(err)
	}
	return nil
}

func (d *decoder) lastChunks() error {
	gap := d.size%d.frameBytes() + d.size%2 // the pad byte, counted in the size or not
	for {
		if err := d.skip(gap, ""); err != nil {
			return unlessBroken(err)
		}
		at := d.off
		id, size, err := d.chunk()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return unlessBroken(err)
		case id == "data":
			return d.errorf(at, "data chunk", "a second one; a WAV file has one")
		}
		gap = padded(size)
	}
}

func unlessBroken(err error) error {
	if _, ok := errors.AsType[*FormatError](err); ok {
		return nil
	}
	return err
}

func (d *decoder) frameBytes() int64 { return int64(d.Channels) * int64(d.Bits/8) }

func padded(size int64) int64 { return size + size%2 }

// full fills b or says what was cut.
func (d *decoder) full(b []byte, field string) error {
	n, err := io.ReadFull(d.r, b)
	d.off += int64(n)
	if isEnd(err) {
		return d.errorf(d.off, field, "the file ends inside it; get it again")
	}
	if err != nil {
		return d.wrap(err)
	}
	return nil
}

func (d *decoder) skip(size int64, field string) error {
	if size == 0 {
		return nil
	}
	n, err := io.CopyN(io.Discard, d.r, size)
	d.off += n
	if isEnd(err) {
		return d.errorf(d.off, field, "the file ends %d bytes before its end; get it again", size-n)
	}
	if err != nil {
		return d.wrap(err)
	}
	return nil
}

func (d *decoder) errorf(at int64, field, format string, args ...any) *FormatError {
	return &FormatError{Offset: at, Field: field, Msg: fmt.Sprintf(format, args...)}
}

func (d *decoder) wrap(err error) error { return fmt.Errorf("wav: reading at byte %d: %w", d.off, err) }

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
