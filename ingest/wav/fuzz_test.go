package wav_test

import (
	"bytes"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/wav"
)

func FuzzDecode(f *testing.F) {
	for _, file := range kinds() {
		f.Add([]byte(file))
	}
	f.Add([]byte(file(chunk("fmt ", format(6, 1, 8)), chunk("data", "\xd5\x55\x80"))))
	f.Add([]byte(file(chunk("fmt ", format(7, 2, 8)), chunk("data", "\xff\x7f"))))
	f.Add([]byte(file(chunk("fmt ", format(1, 3, 53)), chunk("data", string(make([]byte, 21))))))
	f.Add([]byte(file(chunk("fmt ", format(1, 1, 8)), "data\xf0\xff\xff\x7f\x00")))
	f.Fuzz(func(t *testing.T, file []byte) {
		const limit = 1 << 16
		head, headErr := wav.DecodeHeader(bytes.NewReader(file))
		clip, err := wav.Decode(bytes.NewReader(file), limit)
		if err != nil {
			return
		}
		if headErr != nil {
			t.Fatalf("Decode gives a clip, DecodeHeader %v", headErr)
		}
		h := *clip.Header
		if head.Frames == -1 {
			head.Frames = h.Frames
		}
		if *head != h || len(clip.Data) != h.Frames*h.Channels || 4*len(clip.Data) > limit || len(clip.Mono()) != h.Frames {
			t.Fatalf("header %+v, clip %+v of %d samples", head, h, len(clip.Data))
		}
		pcm := make([]int16, len(clip.Data))
		for i, v := range clip.Data {
			if !(v >= -wav.MaxAmplitude && v <= wav.MaxAmplitude) {
				t.Fatalf("sample %d is %v", i, v)
			}
			if h.Encoding != wav.Float && (v < -1 || v > 1) { // 1: float32 of the greatest 32-bit integer
				t.Fatalf("sample %d of %s is %v", i, h.Encoding, v)
			}
			pcm[i] = int16(max(-32768, min(32767, v*32768)))
		}
		var b bytes.Buffer
		if err := wav.Encode(&b, min(h.RateHz, 192000), h.Channels, pcm); err != nil {
			t.Fatal(err)
		}
		back, err := wav.Decode(&b, limit)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range back.Data {
			if v != float32(pcm[i])/32768 {
				t.Fatalf("sample %d comes back as %v, want %d/32768", i, v, pcm[i])
			}
		}
	})
}
