package wav_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest/wav"
)

// file builds a WAV file from its chunks, with the sizes that fit.
func file(chunks ...string) string {
	body := "WAVE" + strings.Join(chunks, "")
	return "RIFF" + u32(len(body)) + body
}

func chunk(id, payload string) string {
	c := id + u32(len(payload)) + payload
	if len(payload)%2 == 1 {
		c += "\x00"
	}
	return c
}

func u16(v int) string { return string(binary.LittleEndian.AppendUint16(nil, uint16(v))) }
func u32(v int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(v))) }

// format returns the payload of a plain fmt chunk at 8 kHz.
func format(tag, channels, bits int) string {
	frame := channels * ((bits + 7) / 8)
	return u16(tag) + u16(channels) + u32(8000) + u32(8000*frame) + u16(frame) + u16(bits)
}

// extensible is format with the tag in a sub-format GUID.
func extensible(tag, channels, bits, valid int) string {
	return format(0xFFFE, channels, bits) + u16(22) + u16(valid) + u32(0) +
		u32(tag) + "\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
}

func decode(s string) (*wav.Clip, error) { return wav.Decode(strings.NewReader(s), limit) }

// kinds is a small file of every encoding, all of the values 0, 0.5, -1, 0.25
// as near as the encoding has them.
func kinds() map[string]string {
	f32 := func(v float32) string { return u32(int(math.Float32bits(v))) }
	f64 := func(v float64) string { return string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))) }
	data := map[int]string{
		8:  "\x80\xc0\x00\xa0",
		16: "\x00\x00\x00\x40\x00\x80\x00\x20",
		24: "\x00\x00\x00\x00\x00\x40\x00\x00\x80\x00\x00\x20",
		32: "\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x80\x00\x00\x00\x20",
	}
	floats := f32(0) + f32(0.5) + f32(-1) + f32(0.25)
	doubles := f64(0) + f64(0.5) + f64(-1) + f64(0.25)
	out := map[string]string{
		"float32":            file(chunk("fmt ", format(3, 1, 32)), chunk("data", floats)),
		"float64":            file(chunk("fmt ", format(3, 1, 64)), chunk("data", doubles)),
		"float64 extensible": file(chunk("fmt ", extensible(3, 2, 64, 64)), chunk("data", doubles)),
		"24 in 32":           file(chunk("fmt ", extensible(1, 1, 32, 24)), chunk("data", data[32])),
		"valid bits untold":  file(chunk("fmt ", extensible(1, 1, 16, 0)), chunk("data", data[16])),
		"20 bits":            file(chunk("fmt ", format(1, 1, 20)), chunk("data", data[24])),
		"long fmt":           file(chunk("fmt ", format(1, 1, 16)+u16(5)+"extra"), chunk("data", data[16])),
		"odd chunks":         file(chunk("LIST", "INFO\x01"), chunk("fmt ", format(1, 1, 16)), chunk("note", "x"), chunk("data", data[16]), chunk("id3 ", "y")),
		"sox pipe":           file(chunk("fmt ", format(1, 1, 24)), "data"+u32(0x7FFFF000-0x7FFFF000%3)+data[24]),
		"ffmpeg pipe":        "RIFF\xff\xff\xff\xffWAVE" + chunk("fmt ", format(1, 1, 16)) + "data\xff\xff\xff\xff" + data[16],
		"stopped recorder":   "RIFF\x00\x00\x00\x00WAVE" + chunk("fmt ", format(1, 1, 16)) + "data\x00\x00\x00\x00" + data[16],
		"junk at the end":    file(chunk("fmt ", format(1, 1, 16)), chunk("data", data[16])) + "\x00\x00junk that is no chunk",
		"cut chunk at end":   file(chunk("fmt ", format(1, 1, 16)), chunk("data", data[16]), "LIST"+u32(1000)+"cut"),
	}
	for bits, d := range data {
		out[fmt.Sprintf("pcm%d", bits)] = file(chunk("fmt ", format(1, 1, bits)), chunk("data", d))
		out[fmt.Sprintf("pcm%d extensible stereo", bits)] = file(chunk("fmt ", extensible(1, 2, bits, bits)), chunk("data", d))
	}
	rf64 := "WAVEds64" + u32(28) + u32(0) + u32(0) + u32(8) + u32(0) + u32(4) + u32(0) + u32(0) +
		chunk("fmt ", format(1, 1, 16)) + "data\xff\xff\xff\xff" + data[16]
	out["RF64"] = "RF64\xff\xff\xff\xff" + rf64
	out["BW64"] = "BW64\xff\xff\xff\xff" + rf64
	be := binary.BigEndian
	rifx := be.AppendUint32([]byte("RIFX\x00\x00\x00\x2cWAVEfmt "), 16)
	for _, v := range []uint16{1, 1, 0, 8000, 0, 16000, 2, 16} {
		rifx = be.AppendUint16(rifx, v)
	}
	out["RIFX"] = string(be.AppendUint32(append(rifx, "data"...), 8)) + "\x00\x00\x40\x00\x80\x00\x20\x00"
	return out
}

func TestEveryEncodingGivesTheSameSound(t *testing.T) {
	for name, f := range kinds() {
		t.Run(name, func(t *testing.T) {
			want := []float32{0, 0.5, -1, 0.25}
			for _, r := range []io.Reader{
				strings.NewReader(f), iotest.OneByteReader(strings.NewReader(f)), iotest.DataErrReader(strings.NewReader(f)),
			} {
				clip, err := wav.Decode(r, 16)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(clip.Data, want) || clip.Header.Frames != 4/clip.Header.Channels || clip.Header.RateHz != 8000 {
					t.Errorf("got %+v %v, want %v", clip.Header, clip.Data, want)
				}
				if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("%d, %v: the stream is not read to its end", n, err)
				}
			}
		})
	}
}

func TestDecodeHeader(t *testing.T) {
	for name, want := range map[string]wav.Header{
		"pcm8":               {RateHz: 8000, Channels: 1, Frames: 4, Encoding: wav.PCM, Bits: 8, ValidBits: 8},
		"24 in 32":           {RateHz: 8000, Channels: 1, Frames: 4, Encoding: wav.PCM, Bits: 32, ValidBits: 24},
		"20 bits":            {RateHz: 8000, Channels: 1, Frames: 4, Encoding: wav.PCM, Bits: 24, ValidBits: 20},
		"valid bits untold":  {RateHz: 8000, Channels: 1, Frames: 4, Encoding: wav.PCM, Bits: 16, ValidBits: 16},
		"float64 extensible": {RateHz: 8000, Channels: 2, Frames: 2, Encoding: wav.Float, Bits: 64, ValidBits: 64},
		"ffmpeg pipe":        {RateHz: 8000, Channels: 1, Frames: -1, Encoding: wav.PCM, Bits: 16, ValidBits: 16},
	} {
		f := kinds()[name]
		h, err := wav.DecodeHeader(strings.NewReader(f[:strings.Index(f, "data")+8])) // no sample there
		if err != nil || *h != want {
			t.Errorf("%s: got %+v, %v, want %+v", name, h, err, want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	pcm, two := chunk("fmt ", format(1, 1, 16)), chunk("data", "\x00\x00\x00\x40")
	field := func(at int, v string) string { // fmt chunk with v at byte at of its payload
		f := format(1, 1, 16)
		return chunk("fmt ", f[:at]+v+f[at+len(v):])
	}
	f32 := func(v float64) string { return chunk("data", u32(0)+u32(int(math.Float32bits(float32(v))))) }
	for _, tc := range []struct {
		name, file string
		offset     int64
		want       string
	}{
		{"empty", "", 0, "empty"},
		{"Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid", 0, "git lfs pull"},
		{"web page", "<!DOCTYPE html>", 0, "HTML"},
		{"gzip", "\x1f\x8b\x08\x00aaaaaaaaaaa", 0, "gunzip"},
		{"AIFF", "FORM\x00\x00\x00\x40AIFF", 0, "AIFF"},
		{"text", "this is no sound", 0, "not a WAV file"},
		{"AVI", "RIFF" + u32(4) + "AVI ", 8, "not of sound"},
		{"no chunk", file(), 12, "without a fmt chunk"},
		{"no data", file(pcm), 36, "without a data chunk"},
		{"data first", file(two, pcm), 12, "before any fmt chunk"},
		{"second fmt", file(pcm, pcm, two), 36, "second"},
		{"second data", file(pcm, two, chunk("note", "x"), two), 58, "second"},
		{"second data after a pad byte", file(chunk("fmt ", format(1, 1, 8)), chunk("data", "\x80"), chunk("data", "\x80")), 46, "second"},
		{"second data after a counted pad byte", file(chunk("fmt ", format(1, 1, 24)), chunk("data", "\x00\x00\x40\x00"), two), 48, "second"},
		{"short fmt", file(chunk("fmt ", format(1, 1, 16)[:14]), two), 16, "14 bytes"},
		{"long fmt", file("fmt " + u32(1<<17) + format(1, 1, 16)), 16, "131072 bytes"},
		{"chunk beyond the end", file("junk"+u32(-16), pcm, two), 56, "before its end"},
		{"no channel", file(field(2, u16(0)), two), 22, "channels"},
		{"too many channels", file(field(2, u16(wav.MaxChannels+1)), two), 22, "channels"},
		{"no rate", file(field(4, u32(0)), two), 24, "rate"},
		{"rate too high", file(field(4, u32(wav.MaxRateHz+1)), two), 24, "rate"},
		{"no bits", file(field(14, u16(0)), two), 34, "bits"},
		{"65 bits", file(field(14, u16(65)), two), 34, "bits"},
		{"no alignment", file(field(12, u16(0)), two), 32, "alignment"},
		{"wrong alignment", file(field(12, u16(3)), two), 32, "alignment"},
		{"float of 24 bits", file(chunk("fmt ", format(3, 1, 24)), two), 34, "32 or 64"},
		{"mu-law of 16 bits", file(chunk("fmt ", format(7, 1, 16)), two), 34, "mu-law"},
		{"short extensible", file(chunk("fmt ", extensible(1, 1, 16, 16)[:38]), two), 20, "EXTENSIBLE"},
		{"too many valid bits", file(chunk("fmt ", extensible(1, 1, 16, 17)), two), 38, "valid bits"},
		{"half a frame", file(pcm, chunk("data", "\x00\x00\x00")), 40, "whole number"},
		{"streamed half a frame", file(pcm, "data\xff\xff\xff\xff\x00\x00\x00"), 47, "inside a frame"},
		{"cut data", file(pcm, "data"+u32(6)+"\x00\x00\x00\x40"), 48, "4 of 6 bytes"},
		{"NaN", file(chunk("fmt ", format(3, 1, 32)), f32(math.NaN())), 48, "sample 1 (frame 1, channel 0) is NaN"},
		{"infinity", file(chunk("fmt ", format(3, 2, 32)), f32(math.Inf(-1))), 48, "(frame 0, channel 1) is -Inf"},
		{"float beyond sense", file(chunk("fmt ", format(3, 1, 32)), f32(4.3e9)), 48, "4.3e+09"},
		{"double beyond sense", file(chunk("fmt ", format(3, 1, 64)), chunk("data", "\x00\x00\x00\x00\x00\x00\xf8\x41")), 44, "6.442"},
		{"double beyond float32", file(chunk("fmt ", format(3, 1, 64)), chunk("data", "\x00\x00\x00\x00\x00\x00\xf0\x7e")), 44, "Inf"},
		{"RF64 without ds64", "RF64\xff\xff\xff\xffWAVE" + pcm + "data\xff\xff\xff\xff\x00\x00", 36, "ds64"},
		{"short ds64", "RF64\xff\xff\xff\xffWAVE" + chunk("ds64", "12345678"), 12, "28"},
		{"ds64 size", "RF64\xff\xff\xff\xffWAVE" + chunk("ds64", strings.Repeat("\xff", 28)), 28, "any file"},
		{"ds64 table", "RF64\xff\xff\xff\xffWAVE" + chunk("ds64", strings.Repeat("\x00", 24)+u32(1)), 44, "do not fit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := decode(tc.file)
			bad, ok := errors.AsType[*wav.FormatError](err)
			if !ok || bad.Offset != tc.offset || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want a FormatError at byte %d with %q", err, tc.offset, tc.want)
			}
		})
	}
}

func TestUnsupported(t *testing.T) {
	data := chunk("data", "\x00\x00\x00\x40")
	for name, f := range map[string]string{
		"Microsoft ADPCM": file(chunk("fmt ", format(2, 1, 4)), data),
		"GSM 6.10":        file(chunk("fmt ", format(0x31, 1, 0)), data),
		"0x1234":          file(chunk("fmt ", format(0x1234, 1, 16)), data),
		"16-bit float":    file(chunk("fmt ", format(3, 1, 16)), data),
		"sub-format":      file(chunk("fmt ", extensible(0x10001, 1, 16, 16)), data),
	} {
		_, err := decode(f)
		if _, ok := errors.AsType[wav.UnsupportedError](err); !ok || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want an UnsupportedError that names it", name, err)
		}
	}
}

func TestDataSizeThatCountsItsPadByte(t *testing.T) {
	clip, err := decode(file(chunk("fmt ", format(1, 1, 24)), chunk("data", "\x00\x00\x40\x00"), chunk("note", "abc")))
	if err != nil || !slices.Equal(clip.Data, []float32{0.5}) {
		t.Errorf("got %v, %v, want one sample of 0.5", clip, err)
	}
}

func TestNoFrames(t *testing.T) {
	clip, err := decode(file(chunk("fmt ", format(1, 2, 16)), chunk("data", "")))
	if err != nil || clip.Header.Frames != 0 || len(clip.Data) != 0 || len(clip.Mono()) != 0 {
		t.Errorf("got %v, %v, want a clip of no frames", clip, err)
	}
}

func TestLimit(t *testing.T) {
	for _, name := range []string{"pcm8", "float64", "ffmpeg pipe", "RF64"} { // four samples each
		f := kinds()[name]
		if _, err := wav.Decode(strings.NewReader(f), 15); !errors.Is(err, wav.ErrLimit) {
			t.Errorf("%s: limit 15: got %v, want ErrLimit", name, err)
		}
		if _, err := wav.Decode(strings.NewReader(f), 16); err != nil {
			t.Errorf("%s: limit 16: %v", name, err)
		}
	}
}

// Values from G.711's tables 1a and 2a, scaled to 16 bits: the first and last
// steps of both signs and the ends of segments.
func TestG711(t *testing.T) {
	for _, tc := range []struct {
		name string
		tag  int
		data string
		want []int
	}{
		{"a-law", 6, "\xd5\x55\xda\xc5\xaa\x2a", []int{8, -8, 248, 264, 32256, -32256}},
		{"mu-law", 7, "\xff\x7f\xfe\xf0\xef\x80\x00", []int{0, 0, 8, 120, 132, 32124, -32124}},
	} {
		clip, err := decode(file(chunk("fmt ", format(tc.tag, 1, 8)), chunk("data", tc.data)))
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, v := range clip.Data {
			got = append(got, int(v*32768))
		}
		if !slices.Equal(got, tc.want) || clip.Header.Encoding.String() != tc.name {
			t.Errorf("%s: got %s %v, want %v", tc.name, clip.Header.Encoding, got, tc.want)
		}
	}
}

func TestMono(t *testing.T) {
	clip, err := decode(file(chunk("fmt ", format(1, 3, 8)), chunk("data", "\x80\xc0\xe0\x00\x00\xff")))
	if err != nil {
		t.Fatal(err)
	}
	// (0 + 0.5 + 0.75) / 3 and (-1 - 1 + 127/128) / 3, rounded once
	want := []float32{float32(1.25 / 3), float32((-2 + 127.0/128) / 3)}
	if got := clip.Mono(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTruncatedAtEveryByte(t *testing.T) {
	for name, f := range kinds() {
		whole, err := decode(f)
		if err != nil {
			t.Fatal(err)
		}
		streamed := name == "sox pipe" || name == "ffmpeg pipe" || name == "stopped recorder"
		end := strings.Index(f, "data") + 8 + 4*whole.Header.Bits/8
		for n := range len(f) {
			clip, err := decode(f[:n])
			switch {
			case n >= end: // only what follows the samples is cut
				if err != nil || !slices.Equal(clip.Data, whole.Data) {
					t.Errorf("%s: first %d bytes: got %v, want the whole clip", name, n, err)
				}
			case err == nil && streamed: // nothing tells that more should come
				if got := clip.Data; !slices.Equal(got, whole.Data[:len(got)]) {
					t.Errorf("%s: first %d bytes: got %v, want the first samples", name, n, got)
				}
			default:
				if _, ok := errors.AsType[*wav.FormatError](err); !ok {
					t.Errorf("%s: first %d bytes: got %v, want a FormatError", name, n, err)
				}
			}
		}
	}
}

func TestReadErrorsAreWrapped(t *testing.T) {
	boom := errors.New("boom")
	for name, f := range kinds() {
		for n := range len(f) + 1 {
			_, err := wav.Decode(io.MultiReader(strings.NewReader(f[:n]), iotest.ErrReader(boom)), limit)
			if !errors.Is(err, boom) {
				t.Fatalf("%s: after %d bytes: got %v, want boom", name, n, err)
			}
		}
	}
}

// Headers that claim as much as the limit allows, over little or no data.
func TestLyingHeadersAllocateLittle(t *testing.T) {
	const huge = 1 << 40
	zeros := strings.Repeat("\x00", 200<<10)
	pcm8 := chunk("fmt ", format(1, 1, 8))
	ds64 := chunk("ds64", strings.Repeat("\x00", 8)+u32(0)+u32(16)+strings.Repeat("\x00", 12))
	for name, f := range map[string]string{
		"data":          file(pcm8, "data"+u32(0x7FFFFFF0)+zeros),
		"no data":       file(pcm8, "data"+u32(0x7FFFFFF0)),
		"RF64":          "RF64\xff\xff\xff\xffWAVE" + ds64 + pcm8 + "data\xff\xff\xff\xff" + zeros,
		"fmt":           file("fmt " + u32(65536) + format(1, 1, 16)),
		"chunk":         file("junk"+u32(-2)+zeros, pcm8),
		"streamed":      file(pcm8, "data\xff\xff\xff\xff"+zeros),
		"many channels": file(chunk("fmt ", format(1, wav.MaxChannels, 64)), "data"+u32(0x7FFF0000)+zeros),
	} {
		var err error
		got := allocated(func() { _, err = wav.Decode(strings.NewReader(f), huge) })
		if most := allocBound(len(f)); got > most || (err == nil) != (name == "streamed") {
			t.Errorf("%s: allocated %d bytes for a file of %d (%v), want at most %d", name, got, len(f), err, most)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 9).Draw(t, "channels")
		frames := rapid.IntRange(0, 20000).Draw(t, "frames") // beyond one block of the decoder
		rate := rapid.IntRange(1, wav.MaxRateHz).Draw(t, "rate")
		seed := rapid.SliceOfN(rapid.Int16(), 1, 300).Draw(t, "samples")
		pcm := make([]int16, channels*frames)
		for i := range pcm {
			pcm[i] = seed[i%len(seed)] + int16(i/len(seed))
		}
		var b bytes.Buffer
		if err := wav.Encode(&b, rate, channels, pcm); err != nil {
			t.Fatal(err)
		}
		if b.Len() != 44+2*len(pcm) {
			t.Fatalf("got %d bytes, want %d", b.Len(), 44+2*len(pcm))
		}
		clip, err := wav.Decode(iotest.HalfReader(&b), int64(4*len(pcm)))
		if err != nil {
			t.Fatal(err)
		}
		want := wav.Header{RateHz: rate, Channels: channels, Frames: frames, Encoding: wav.PCM, Bits: 16, ValidBits: 16}
		if *clip.Header != want || cap(clip.Data) > max(len(pcm), 16<<10) {
			t.Fatalf("got %+v, room for %d samples, want %+v", clip.Header, cap(clip.Data), want)
		}
		for i, v := range clip.Data {
			if v != float32(pcm[i])/32768 {
				t.Fatalf("sample %d is %v, want %d/32768", i, v, pcm[i])
			}
		}
	})
}

func TestEncodeIsTheCanonicalHeader(t *testing.T) {
	var b bytes.Buffer
	if err := wav.Encode(&b, 8000, 2, []int16{1, -2}); err != nil {
		t.Fatal(err)
	}
	if want := file(chunk("fmt ", format(1, 2, 16)), chunk("data", "\x01\x00\xfe\xff")); b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// fullDisk fails the write that exceeds its room.
type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestEncodeRefuses(t *testing.T) {
	for _, tc := range []struct {
		name           string
		w              io.Writer
		rate, channels int
		samples        int
	}{
		{"no rate", io.Discard, 0, 1, 2},
		{"rate too high", io.Discard, wav.MaxRateHz + 1, 1, 2},
		{"no channel", io.Discard, 8000, 0, 2},
		{"too many channels", io.Discard, 8000, wav.MaxChannels + 1, wav.MaxChannels + 1},
		{"byte rate too high", io.Discard, wav.MaxRateHz, wav.MaxChannels, wav.MaxChannels},
		{"half a frame", io.Discard, 8000, 2, 3},
		{"disk full", &fullDisk{45}, 8000, 1, 1},
		{"disk full later", &fullDisk{20000}, 8000, 1, 20000},
	} {
		if err := wav.Encode(tc.w, tc.rate, tc.channels, make([]int16, tc.samples)); err == nil {
			t.Errorf("%s: no error", tc.name)
		}
	}
}
