package wav_test

import (
	"bytes"
	"fmt"

	"github.com/lacuna-ml/lacuna/ingest/wav"
)

func ExampleDecode() {
	var file bytes.Buffer
	if err := wav.Encode(&file, 8000, 2, []int16{0, 16384, -32768, 0}); err != nil {
		fmt.Println(err)
		return
	}
	clip, err := wav.Decode(&file, 1<<20)
	if err != nil {
		fmt.Println(err)
		return
	}
	h := clip.Header
	fmt.Println(h.RateHz, "Hz,", h.Channels, "channels,", h.Frames, "frames,", h.Bits, "bits", h.Encoding)
	fmt.Println(clip.Data, clip.Mono())
	// Output:
	// 8000 Hz, 2 channels, 2 frames, 16 bits pcm
	// [0 0.5 -1 0] [0.25 -0.5]
}
