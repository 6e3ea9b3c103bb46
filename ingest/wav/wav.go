package wav

import (
	"errors"
	"fmt"
	"io"
)

// Bounds of a header's fields. What lies beyond is taken for a broken header.
const (
	MaxChannels = 1024    // as libsndfile
	MaxRateHz   = 1 << 24 // 16.8 MHz, above any converter of sound or ultrasound
)

// MaxAmplitude is the greatest magnitude of a float sample. Files exist that
// hold integers of 16 to 32 bits as floats, unscaled; it lets them through, and
// the power of any transform of what it lets through is finite in float32.
const MaxAmplitude = 1 << 32

// ErrLimit is wrapped by the error for a clip whose samples need more memory
// than the caller's limit.
var ErrLimit = errors.New("more than the limit")

// Encoding is how a file stores its samples.
type Encoding uint8

// The encodings. The zero Encoding is none of them.
const (
	PCM   Encoding = iota + 1 // integers: unsigned up to 8 bits, signed above
	Float                     // IEEE 754 binary32 or binary64
	ALaw                      // ITU-T G.711, Europe
	MuLaw                     // ITU-T G.711, North America and Japan
)

// String returns "pcm", "float", "a-law" or "mu-law".
func (e Encoding) String() string {
	switch e {
	case PCM:
		return "pcm"
	case Float:
		return "float"
	case ALaw:
		return "a-law"
	case MuLaw:
		return "mu-law"
	}
	return fmt.Sprintf("encoding %d", uint8(e))
}

// Header is what a file says of its sound.
type Header struct {
	RateHz    int // frames a second, 1 to MaxRateHz
	Channels  int // 1 to MaxChannels
	Frames    int // one sample a channel each; -1 from DecodeHeader where only reading to the end can tell
	Encoding  Encoding
	Bits      int // of a stored sample: 8, 16, ..., 64
	ValidBits int // of those, the upper ones that carry sound; 1 to Bits
}

// Clip is a decoded sound.
type Clip struct {
	Header *Header
	Data   []float32 // Frames x Channels, interleaved; nominally -1 to 1
}

// Mono returns the mean of the channels, a value a frame, computed in float64.
// For a clip of one channel that is Data itself, not a copy.
func (c *Clip) Mono() []float32 {
	n := c.Header.Channels
	if n == 1 {
		return c.Data
	}
	out := make([]float32, len(c.Data)/n)
	for i := range out {
		var sum float64
		for _, v := range c.Data[i*n : (i+1)*n] {
			sum += float64(v)
		}
		out[i] = float32(sum / float64(n))
	}
	return out
}

// DecodeHeader reads r up to the first sample and no further than its buffer
// needs. Whether the samples are there and sound is for [Decode] to tell.
func DecodeHeader(r io.Reader) (*Header, error) {
	d, err := open(r)
	if err != nil {
		return nil, err
	}
	return &d.Header, nil
}

// Decode reads a whole file from r, to its end. Its samples take at most limit
// bytes (four each), else the error is [ErrLimit]. Beyond them it allocates a
// small multiple of the bytes that r really gives.
func Decode(r io.Reader, limit int64) (*Clip, error) {
	d, err := open(r)
	if err != nil {
		return nil, err
	}
	data, err := d.samples(limit)
	if err != nil {
		return nil, err
	}
	if err := d.tail(); err != nil {
		return nil, err
	}
	d.Frames = len(data) / d.Channels
	return &Clip{Header: &d.Header, Data: data}, nil
}

// FormatError says that the input is broken, and where.
type FormatError struct {
	Offset int64  // bytes from the start of the input
	Field  string // the chunk or field that is wrong; may be empty
	Msg    string
}

func (e *FormatError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("wav: byte %d: %s", e.Offset, e.Msg)
	}
	return fmt.Sprintf("wav: byte %d: %s: %s", e.Offset, e.Field, e.Msg)
}

// UnsupportedError says that the input is well made but of a kind that this
// package does not decode.
type UnsupportedError string

func (e UnsupportedError) Error() string { return "wav: not supported: " + string(e) }
