package wav_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/wav"
)

const limit = 64 << 20

// dataDir returns a folder of the test data, which is not in the repository.
func dataDir(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("LACUNA_DATA")
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); root != "" && err == nil {
		return dir
	}
	if os.Getenv("LACUNA_FORBID_SKIP") == "1" {
		t.Fatalf("LACUNA_DATA=%q has no folder %s, and LACUNA_FORBID_SKIP=1 forbids to skip", root, name)
	}
	t.Skipf("LACUNA_DATA=%q has no folder %s: set it to the shared test data", root, name)
	return ""
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

type truthRow struct {
	Optional bool
	Expect   string
	Header   struct{ Bits, Valid int }
	Truth    struct {
		Rate, Channels, Frames int
		Sum, RMS               *float64
		SHA256                 string `json:"sha256_float32_interleaved"`
	}
}

func float32SHA(data []float32) string {
	h := sha256.Sum256(float32Bytes(data))
	return hex.EncodeToString(h[:])
}

func float32Bytes(data []float32) []byte {
	b := make([]byte, 0, 4*len(data))
	for _, v := range data {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// refusedRows are the rows whose clean refusal is our choice.
var refusedRows = map[string]bool{"sox_gsm.wav": true, "sox_imaadpcm.wav": true}

func TestConformance(t *testing.T) {
	dir := dataDir(t, "wav_conformance")
	var truth struct{ Files map[string]truthRow }
	readJSON(t, filepath.Join(dir, "truth.json"), &truth)
	if len(truth.Files) < 100 {
		t.Fatalf("truth.json has %d files, want 100 or more", len(truth.Files))
	}
	for name, row := range truth.Files {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			clip, err := wav.Decode(bytes.NewReader(file), limit)
			if refusedRows[name] {
				if _, ok := errors.AsType[wav.UnsupportedError](err); !ok || !row.Optional {
					t.Errorf("got %v, want an UnsupportedError of an optional row", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if name == "gen_stream_size_0.wav" { // truth reads the 0 as it stands; we document that we read on
				row.Truth.Frames, row.Truth.SHA256 = 2000, float32SHA(clip.Data)
			}
			h, want := clip.Header, row.Truth
			if h.RateHz != want.Rate || h.Channels != want.Channels || h.Frames != want.Frames {
				t.Errorf("got %d Hz, %d channels, %d frames, want %d, %d, %d", h.RateHz, h.Channels, h.Frames, want.Rate, want.Channels, want.Frames)
			}
			if got := float32SHA(clip.Data); got != want.SHA256 {
				t.Errorf("got samples of SHA-256 %s, want %s", got, want.SHA256)
			}
			head, err := wav.DecodeHeader(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			if head.Frames == -1 {
				head.Frames = h.Frames
			}
			if *head != *h {
				t.Errorf("DecodeHeader gives %+v, Decode %+v", head, h)
			}
		})
	}
}

// What a program that writes to a pipe leaves is the same sound as the file
// with a proper header.
func TestStreamedFilesAreWhole(t *testing.T) {
	dir := dataDir(t, "wav_conformance")
	decode := func(name string) *wav.Clip {
		f, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		c, err := wav.Decode(bytes.NewReader(f), limit)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return c
	}
	want := decode("gen_pcm16_mono.wav")
	for _, name := range []string{"gen_stream_size_0.wav", "gen_stream_size_ffffffff.wav"} {
		if got := decode(name); !bytes.Equal(float32Bytes(got.Data), float32Bytes(want.Data)) {
			t.Errorf("%s: not the samples of gen_pcm16_mono.wav", name)
		}
	}
}

func TestBadFiles(t *testing.T) {
	dir := dataDir(t, "wav_bad")
	var truth struct{ Files map[string]truthRow }
	readJSON(t, filepath.Join(dir, "truth.json"), &truth)
	if len(truth.Files) < 60 {
		t.Fatalf("truth.json has %d files, want 60 or more", len(truth.Files))
	}
	unsupported := map[string]bool{
		"codec_gsm.wav": true, "codec_mp3.wav": true, "codec_msadpcm.wav": true, "codec_unknown.wav": true,
		"ext_unknown_guid.wav": true, "float16bit.wav": true,
	}
	// Documented readings of what may be refused or read.
	read := map[string]int{"bits17.wav": 1334, "byterate_wrong.wav": 2000}
	for name, row := range truth.Files {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			var clip *wav.Clip
			alloc := allocated(func() { clip, err = wav.Decode(bytes.NewReader(file), limit) })
			if most := allocBound(len(file)); alloc > most {
				t.Errorf("allocated %d bytes for a file of %d, want at most %d", alloc, len(file), most)
			}
			if frames, ok := read[name]; ok {
				if err != nil || row.Expect == "reject" || clip.Header.Frames != frames {
					t.Errorf("got %v, %v; want %d frames", clip, err, frames)
				}
				return
			}
			_, isUnsupported := errors.AsType[wav.UnsupportedError](err)
			_, isFormat := errors.AsType[*wav.FormatError](err)
			switch {
			case err == nil:
				t.Errorf("no error; truth says %s", row.Expect)
			case errors.Is(err, wav.ErrLimit):
				if name != "data_size_2g.wav" && name != "rf64_huge.wav" {
					t.Errorf("got %v, want a FormatError", err)
				}
			case isUnsupported != unsupported[name] || isFormat == isUnsupported:
				t.Errorf("got %T %v, want unsupported %v", err, err, unsupported[name])
			}
			t.Log(err)
		})
	}
}

func TestSpokenDigits(t *testing.T) {
	dir := dataDir(t, "fsdd")
	f, err := os.Open(filepath.Join(dir, "manifest.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1801 {
		t.Fatalf("manifest.csv has %d rows, want a header and 1800", len(rows))
	}
	for _, row := range rows[1:] { // file,bytes,rate,frames,peak_abs,sha256
		b, err := os.ReadFile(filepath.Join(dir, "recordings", row[0]))
		if err != nil {
			t.Fatal(err)
		}
		c, err := wav.Decode(bytes.NewReader(b), limit)
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		var peak float64
		for _, v := range c.Data {
			peak = max(peak, math.Abs(float64(v)))
		}
		got := [3]int{c.Header.RateHz, c.Header.Frames, int(peak * 32768)}
		var want [3]int
		for i, s := range row[2:5] {
			if want[i], err = strconv.Atoi(s); err != nil {
				t.Fatal(err)
			}
		}
		if got != want {
			t.Errorf("%s: got rate, frames, peak %v, want %v", row[0], got, want)
		}
	}
}
