package wav

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Encode writes interleaved 16-bit samples as a plain PCM file: a header of 44
// bytes and two bytes a sample. The same arguments give the same bytes.
func Encode(w io.Writer, rateHz, channels int, pcm []int16) error {
	const header = 44
	switch {
	case rateHz < 1 || rateHz > MaxRateHz:
		return fmt.Errorf("wav: encode: rate %d Hz, want 1 to %d", rateHz, MaxRateHz)
	case channels < 1 || channels > MaxChannels:
		return fmt.Errorf("wav: encode: %d channels, want 1 to %d", channels, MaxChannels)
	case len(pcm)%channels != 0:
		return fmt.Errorf("wav: encode: %d samples do not divide into %d channels", len(pcm), channels)
	case uint64(len(pcm)) > (math.MaxUint32-header)/2:
		return fmt.Errorf("wav: encode: %d samples do not fit the format's 4 GiB", len(pcm))
	case uint64(rateHz)*uint64(2*channels) > math.MaxUint32:
		return fmt.Errorf("wav: encode: %d channels at %d Hz do not fit the header's byte rate", channels, rateHz)
	}
	le, size := binary.LittleEndian, uint32(2*len(pcm))
	buf := make([]byte, 0, header+min(2*len(pcm), blockBytes))
	buf = append(buf, "RIFF"...)
	buf = le.AppendUint32(buf, header-8+size)
	buf = append(buf, "WAVEfmt "...)
	buf = le.AppendUint32(buf, minFormat)
	buf = le.AppendUint16(buf, tagPCM)
	buf = le.AppendUint16(buf, uint16(channels))
	buf = le.AppendUint32(buf, uint32(rateHz))
	buf = le.AppendUint32(buf, uint32(rateHz)*uint32(2*channels))
	buf = le.AppendUint16(buf, uint16(2*channels))
	buf = le.AppendUint16(buf, 16)
	buf = append(buf, "data"...)
	buf = le.AppendUint32(buf, size)
	for {
		n := min(len(pcm), (cap(buf)-len(buf))/2)
		for _, v := range pcm[:n] {
			buf = le.AppendUint16(buf, uint16(v))
		}
		if _, err := w.Write(buf); err != nil {
			return fmt.Errorf("wav: encode: %w", err)
		}
		if pcm = pcm[n:]; len(pcm) == 0 {
			return nil
		}
		buf = buf[:0]
	}
}
