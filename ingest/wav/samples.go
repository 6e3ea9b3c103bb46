package wav

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// How many bytes are read at a time, and how many samples have room made for
// them before any has come.
const (
	blockBytes   = 16 << 10
	firstSamples = 16 << 10
)

// samples reads the data chunk. It makes room for at most twice the samples
// that have come, so a header that lies about their number costs nothing.
func (d *decoder) samples(limit int64) ([]float32, error) {
	width := d.Bits / 8
	frame := width * d.Channels
	most, left := max(limit, 0)/4, int64(-1) // samples, bytes
	if d.size >= 0 {
		left = d.size / int64(frame) * int64(frame)
		if left/int64(width) > most {
			return nil, limitError(left/int64(width), limit)
		}
		most = left / int64(width)
	}
	convert := d.converter()
	out := make([]float32, 0, min(most, firstSamples))
	// At least one frame: 64 bits x MaxChannels are 8192 bytes.
	whole := int64(blockBytes / frame * frame)
	if left >= 0 {
		whole = min(whole, left)
	}
	block := make([]byte, whole)
	start := d.off
	for ended := false; left != 0 && !ended; {
		want := block
		if left > 0 {
			want = block[:min(int64(len(block)), left)]
		}
		got, err := io.ReadFull(d.r, want)
		d.off += int64(got)
		ended = isEnd(err)
		switch {
		case err != nil && !ended:
			return nil, d.wrap(err)
		case ended && left > 0:
			return nil, d.errorf(d.off, "data chunk", "the file ends after %d of %d bytes of samples; get it again", d.off-start, d.size)
		case ended && strayBytes(d.off-start, int64(frame)) < 0:
			return nil, d.errorf(d.off, "data chunk", "the file ends inside a frame of %d bytes; get it again", frame)
		case left > 0:
			left -= int64(got)
		}
		n := got / frame * d.Channels
		if int64(len(out)+n) > most {
			return nil, limitError(int64(len(out)+n), limit)
		}
		out = grow(out, n, most)
		if bad := convert(out[len(out)-n:], want[:n*width]); bad >= 0 {
			i := len(out) - n + bad
			return nil, d.errorf(start+int64(i*width), "data chunk", "sample %d (frame %d, channel %d) is %v, want a number of magnitude up to %d",
				i, i/d.Channels, i%d.Channels, out[i], int64(MaxAmplitude))
		}
	}
	return out, nil
}

func limitError(samples, limit int64) error {
	return fmt.Errorf("wav: %d samples or more, of 4 bytes each: %w of %d bytes", samples, ErrLimit, limit)
}

// grow lengthens s by n. Its capacity at most doubles at a time and ends at
// most, the length where that is known.
func grow(s []float32, n int, most int64) []float32 {
	if need := len(s) + n; need > cap(s) {
		t := make([]float32, len(s), max(int64(need), min(most, 2*int64(cap(s)))))
		copy(t, s)
		s = t
	}
	return s[:len(s)+n]
}

// converter returns the function that turns stored samples into float32. It
// returns the place of the first sample that is not sound, or -1.
func (d *decoder) converter() func(dst []float32, src []byte) int {
	switch {
	case d.Encoding == ALaw:
		return companded(aLaw)
	case d.Encoding == MuLaw:
		return companded(muLaw)
	case d.Encoding == Float && d.Bits == 32:
		return d.float32s
	case d.Encoding == Float:
		return d.float64s
	case d.Bits == 8:
		return unsigned8
	case d.Bits == 16 && d.order == binary.LittleEndian:
		return signed16
	}
	return d.signed
}

func unsigned8(dst []float32, src []byte) int {
	for i, b := range src {
		dst[i] = float32(int(b)-128) / (1 << 7)
	}
	return -1
}

// signed16 is signed for the case that most files are.
func signed16(dst []float32, src []byte) int {
	for i := range dst {
		dst[i] = float32(int16(binary.LittleEndian.Uint16(src[2*i:]))) / (1 << 15)
	}
	return -1
}

// signed reads integers of any width up to 8 bytes: shifted to the top of an
// int64, every width has the scale 2^-63. float64 is between because truth for
// more than 53 bits is defined with it.
func (d *decoder) signed(dst []float32, src []byte) int {
	width := d.Bits / 8
	for i := range dst {
		b := src[i*width:][:width]
		var v uint64
		for j := range b {
			if d.order == binary.BigEndian {
				v = v<<8 | uint64(b[j])
			} else {
				v |= uint64(b[j]) << (8 * j)
			}
		}
		dst[i] = float32(float64(int64(v<<(64-8*width))) / (1 << 63))
	}
	return -1
}

func (d *decoder) float32s(dst []float32, src []byte) int {
	for i := range dst {
		v := math.Float32frombits(d.order.Uint32(src[4*i:]))
		dst[i] = v
		if !isSound(float64(v)) {
			return i
		}
	}
	return -1
}

func (d *decoder) float64s(dst []float32, src []byte) int {
	for i := range dst {
		v := math.Float64frombits(d.order.Uint64(src[8*i:]))
		dst[i] = float32(v)
		if !isSound(v) {
			return i
		}
	}
	return -1
}

// isSound is false for NaN too.
func isSound(v float64) bool { return math.Abs(v) <= MaxAmplitude }

func companded(linear func(byte) int) func(dst []float32, src []byte) int {
	var table [256]float32
	for i := range table {
		table[i] = float32(linear(byte(i))) / (1 << 15)
	}
	return func(dst []float32, src []byte) int {
		for i, b := range src {
			dst[i] = table[b]
		}
		return -1
	}
}

// A byte of G.711 is a sign, three bits of segment e and four of step m. The
// linear value here is that of the recommendation's tables scaled to 16 bits,
// in the middle of each step.

// muLaw returns (2m + 33) 2^e - 33, times 4 (G.711 table 2: 14 bits). All bits
// are sent inverted; a set sign bit is positive before that.
func muLaw(b byte) int {
	b = ^b
	v := ((2*int(b&0x0F)+33)<<(b>>4&7) - 33) * 4
	if b&0x80 != 0 {
		return -v
	}
	return v
}

// aLaw returns 2m + 1 in segment 0 and (2m + 33) 2^(e-1) above, times 8 (G.711
// table 1: 13 bits). Even bits are sent inverted; a set sign bit is positive.
func aLaw(b byte) int {
	b ^= 0x55
	v := 2*int(b&0x0F) + 1
	if e := b >> 4 & 7; e > 0 {
		v = (v + 32) << (e - 1)
	}
	if v *= 8; b&0x80 == 0 {
		return -v
	}
	return v
}
