package avdigits_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
	"testing"
	"testing/fstest"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets/avdigits"
	"github.com/lacuna-ml/lacuna/ingest/idx"
	"github.com/lacuna-ml/lacuna/ingest/wav"
)

// encoded returns what encode writes.
func encoded(encode func(io.Writer) error) []byte {
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func zipped(raw []byte) []byte {
	return encoded(func(w io.Writer) error {
		z := gzip.NewWriter(w)
		if _, err := z.Write(raw); err != nil {
			return err
		}
		return z.Close()
	})
}

// tone is a good clip, 0.1 s long.
func tone() []byte {
	return clipOf(8000, 1, func(i int) int16 { return int16(9000 * math.Sin(float64(i))) })
}

func clipOf(rateHz, channels int, at func(i int) int16) []byte {
	pcm := make([]int16, 800*channels)
	for i := range pcm {
		pcm[i] = at(i)
	}
	return encoded(func(w io.Writer) error { return wav.Encode(w, rateHz, channels, pcm) })
}

// floatClip is a WAV of 32-bit floats.
func floatClip(values ...float32) []byte {
	le := binary.LittleEndian
	b := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt "), 16, 0, 0, 0, 3, 0, 1, 0)
	b = le.AppendUint32(b, 8000)
	b = le.AppendUint32(b, 32000)
	b = append(b, 4, 0, 32, 0, 'd', 'a', 't', 'a')
	b = le.AppendUint32(b, uint32(4*len(values)))
	for _, v := range values {
		b = le.AppendUint32(b, math.Float32bits(v))
	}
	le.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// cyclic returns n labels: the last digit of each place.
func cyclic(n int) []byte {
	labels := make([]uint8, n)
	for i := range labels {
		labels[i] = uint8(i % 10)
	}
	return encoded(func(w io.Writer) error { return idx.EncodeLabels(w, labels) })
}

// numbered returns n images that begin with 255 and their place in two bytes.
func numbered(n, rows, cols int) []byte {
	im := &idx.Images{N: n, Rows: rows, Cols: cols, Pixels: make([]uint8, n*rows*cols)}
	for i := range n {
		p := im.Image(i)
		p[0], p[1], p[2] = 255, uint8(i>>8), uint8(i)
	}
	return encoded(func(w io.Writer) error { return idx.EncodeImages(w, im) })
}

// place is the inverse of numbered.
func place(a ingest.Array) int {
	return int(a.Data[1]*255+0.5)<<8 | int(a.Data[2]*255+0.5)
}

// folder makes a file system of name, content pairs.
func folder(pairs ...any) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = &fstest.MapFile{Data: pairs[i+1].([]byte)}
	}
	return m
}

// mnist is a set of n train images.
func mnist(n int) fstest.MapFS {
	return folder("train-labels-idx1-ubyte", cyclic(n), "train-images-idx3-ubyte.gz", zipped(numbered(n, 28, 28)))
}

// paperClips is a whole set of published clips, but for those left out.
func paperClips(without ...string) fstest.MapFS {
	m := fstest.MapFS{}
	sound := tone()
	for d := range 10 {
		for _, who := range []string{"jackson", "nicolas", "theo"} {
			for i := range 50 {
				m[fmt.Sprintf("recordings/%d_%s_%d.wav", d, who, i)] = &fstest.MapFile{Data: sound}
			}
		}
	}
	for _, name := range without {
		delete(m, name)
	}
	return m
}

func openWith(t testing.TB, audio, images fs.FS, pairing string) ingest.Source {
	t.Helper()
	src, err := avdigits.Dataset.Open(t.Context(), map[string]fs.FS{"audio": audio, "images": images}, map[string]string{"pairing": pairing})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func subject(name string) ingest.Subject {
	return ingest.Subject{Key: ingest.Key{Dataset: "avdigits", Subject: name}}
}
