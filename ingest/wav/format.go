package wav

import "fmt"

// The fmt chunk: 16 bytes, then an extension whose length is a 16-bit number.
//
//	 0 tag:2       1 PCM, 3 float, 6 A-law, 7 mu-law, 0xFFFE EXTENSIBLE
//	 2 channels:2
//	 4 rate:4
//	 8 byte rate:4 (ignored)
//	12 block alignment:2, the bytes of a frame
//	14 bits:2
//	16 size of the extension:2
//	18 valid bits:2, 20 speakers:4, 24 sub-format GUID:16 (EXTENSIBLE only)
const (
	minFormat = 16
	extFormat = 40
	maxFormat = 18 + 0xFFFF
)

const (
	tagPCM        = 1
	tagFloat      = 3
	tagALaw       = 6
	tagMuLaw      = 7
	tagExtensible = 0xFFFE
)

func (d *decoder) readFormat(at, size int64) error {
	const field = "fmt chunk"
	switch {
	case d.Encoding != 0:
		return d.errorf(at, field, "a second one; a WAV file has one")
	case size < minFormat || size > maxFormat:
		return d.errorf(at+4, field, "%d bytes, want %d to %d", size, minFormat, maxFormat)
	}
	b := d.buf[:min(size, extFormat)]
	if err := d.full(b, field); err != nil {
		return err
	}
	if err := d.parseFormat(at+8, b); err != nil {
		return err
	}
	return d.skip(padded(size)-int64(len(b)), field)
}

// parseFormat reads the payload b of the fmt chunk, which stands at byte at.
func (d *decoder) parseFormat(at int64, b []byte) error {
	tag := d.order.Uint16(b)
	channels, rate := int(d.order.Uint16(b[2:])), d.order.Uint32(b[4:])
	align, bits := int(d.order.Uint16(b[12:])), int(d.order.Uint16(b[14:]))
	valid := bits
	if tag == tagExtensible {
		if len(b) < extFormat {
			return d.errorf(at, "fmt chunk", "%d bytes, but EXTENSIBLE has %d", len(b), extFormat)
		}
		if v := int(d.order.Uint16(b[18:])); v != 0 { // 0: not told
			valid = v
		}
		var ok bool
		if tag, ok = d.subFormat(b[24:]); !ok {
			return UnsupportedError(fmt.Sprintf("WAVE_FORMAT_EXTENSIBLE of sub-format %x (at byte %d); convert it (%s)", b[24:], at+24, convertHint))
		}
	}
	enc, err := encodingOf(tag)
	switch {
	case err != nil:
		return err
	case channels < 1 || channels > MaxChannels:
		return d.errorf(at+2, "channels", "%d, want 1 to %d", channels, MaxChannels)
	case rate < 1 || rate > MaxRateHz:
		return d.errorf(at+4, "rate", "%d Hz, want 1 to %d", rate, MaxRateHz)
	case bits < 1 || bits > 64:
		return d.errorf(at+14, "bits", "%d a sample, want 1 to 64", bits)
	case valid > bits:
		return d.errorf(at+18, "valid bits", "%d of samples of %d bits", valid, bits)
	}
	width := (bits + 7) / 8
	switch {
	case enc == Float && bits == 16:
		return UnsupportedError("16-bit float samples; convert it (" + convertHint + ")")
	case enc == Float && bits != 32 && bits != 64:
		return d.errorf(at+14, "bits", "%d a float sample, want 32 or 64", bits)
	case (enc == ALaw || enc == MuLaw) && bits != 8:
		return d.errorf(at+14, "bits", "%d a sample of %s, want 8", bits, enc)
	case align != channels*width:
		return d.errorf(at+12, "block alignment", "%d bytes a frame, but %d channels of %d bits make %d", align, channels, bits, channels*width)
	}
	d.Header = Header{RateHz: int(rate), Channels: channels, Encoding: enc, Bits: 8 * width, ValidBits: valid}
	return nil
}

// subFormat returns the tag inside the sub-format GUID
// tttttttt-0000-0010-8000-00AA00389B71. The first three groups are numbers in
// the file's byte order, the rest are bytes.
func (d *decoder) subFormat(guid []byte) (tag uint16, ok bool) {
	t := d.order.Uint32(guid)
	ok = t <= 0xFFFF && d.order.Uint16(guid[4:]) == 0 && d.order.Uint16(guid[6:]) == 0x10 &&
		string(guid[8:16]) == "\x80\x00\x00\xaa\x00\x38\x9b\x71"
	return uint16(t), ok
}

const convertHint = "ffmpeg -i in.wav -c:a pcm_s16le out.wav"

func encodingOf(tag uint16) (Encoding, error) {
	switch tag {
	case tagPCM:
		return PCM, nil
	case tagFloat:
		return Float, nil
	case tagALaw:
		return ALaw, nil
	case tagMuLaw:
		return MuLaw, nil
	}
	return 0, UnsupportedError(fmt.Sprintf("format 0x%04x (%s); convert it (%s)", tag, tagName(tag), convertHint))
}

func tagName(tag uint16) string {
	switch tag {
	case 0x0002:
		return "Microsoft ADPCM"
	case 0x0011:
		return "IMA ADPCM"
	case 0x0031:
		return "GSM 6.10"
	case 0x0050:
		return "MPEG audio"
	case 0x0055:
		return "MP3"
	}
	return "unknown"
}
