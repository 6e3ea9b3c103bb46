package nifti

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

const most = 1 << 20 // what a test inflates at most

// inflateAll returns what the inflater makes of r in pieces of about piece
// bytes, up to most bytes.
func inflateAll(z *inflater, piece int) (out []byte, err error) {
	for len(out) < most {
		b, err := z.next(piece)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, b...)
	}
	return out[:most], nil
}

// standard is inflateAll by the standard library.
func standard(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(flate.NewReader(r), most))
}

// FuzzInflate has any bytes as a stream. The standard library decides what they
// are; what it accepts must come out alike, and what it refuses be refused.
func FuzzInflate(f *testing.F) {
	text := bytes.Repeat([]byte("air air brain air "), 60)
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		f.Add(deflate(f, text, level))
		f.Add(deflate(f, volumeLike(3000), level))
	}
	for _, tc := range broken {
		f.Add(tc.stream)
	}
	z := new(inflater)
	f.Fuzz(func(t *testing.T, stream []byte) {
		want, wantErr := standard(bytes.NewReader(stream))
		for name, r := range map[string]io.Reader{"whole": bytes.NewReader(stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(stream))} {
			z.reset(r)
			got, err := inflateAll(z, 1+len(stream)%7*1000)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("%s: got error %v, the standard library has %v", name, err, wantErr)
			}
			if err != nil && !errors.Is(err, errDeflate) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s: error %v", name, err)
			}
			if k := min(len(got), len(want)); !bytes.Equal(got[:k], want[:k]) || err == nil && len(got) != len(want) {
				t.Fatalf("%s: got %d bytes, want %d, or others", name, len(got), len(want))
			}
		}
	})
}

func deflate(tb testing.TB, data []byte, level int) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, level)
	if err == nil {
		_, err = w.Write(data)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// volumeLike returns runs of zeros and of noisy int16, as a slice of a brain is.
func volumeLike(n int) []byte {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	var b []byte
	for len(b) < n {
		b = append(b, make([]byte, rng.IntN(700))...)
		for range rng.IntN(300) {
			b = append(b, byte(rng.IntN(64)*3), byte(1+rng.IntN(3)))
		}
	}
	return b[:n]
}

// TestInflate draws data of runs, repeats and noise, compresses it, and expects
// it back, from a stream that stands in the middle of other bytes.
func TestInflate(t *testing.T) {
	z := new(inflater)
	rapid.Check(t, func(t *rapid.T) {
		var data []byte
		for range rapid.IntRange(0, 40).Draw(t, "parts") {
			n := rapid.IntRange(1, 9000).Draw(t, "n")
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0: // a run of a period from 1 to 9
				p := volumeLike(n)[:min(n, rapid.IntRange(1, 9).Draw(t, "period"))]
				data = append(data, bytes.Repeat(p, n/len(p))...)
			case 1:
				data = append(data, volumeLike(n)...)
			case 2: // what was before, from anywhere in the window
				if len(data) > 0 {
					at := max(0, len(data)-rapid.IntRange(1, 40000).Draw(t, "back"))
					data = append(data, data[at:min(at+n, len(data))]...)
				}
			case 3:
				data = append(data, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "noise")...)
			}
		}
		var buf bytes.Buffer
		w, err := flate.NewWriter(&buf, rapid.IntRange(flate.HuffmanOnly, flate.BestCompression).Draw(t, "level"))
		if err != nil {
			t.Fatal(err)
		}
		for part := data; len(part) > 0; { // each Flush ends a block and adds an empty stored one
			k := min(len(part), rapid.IntRange(1, 100_000).Draw(t, "flush"))
			if _, err := w.Write(part[:k]); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			part = part[k:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		twice := append(append([]byte(nil), buf.Bytes()...), buf.Bytes()...)
		var r io.Reader = bytes.NewReader(append(twice, "end"...))
		if rapid.Bool().Draw(t, "halves") {
			r = iotest.HalfReader(r)
		}
		z.reset(r)
		for range 2 {
			got, err := inflateAll(z, rapid.IntRange(1, 300_000).Draw(t, "piece"))
			if err != nil || !bytes.Equal(got, data[:min(len(data), most)]) {
				t.Fatalf("got %d bytes, %v; want %d", len(got), err, len(data))
			}
			if len(data) >= most {
				return
			}
			z.restart()
		}
		if z.fill(3); string(z.in[z.ip:z.ie]) != "end" {
			t.Fatalf("%q follows the stream, want %q", z.in[z.ip:z.ie], "end")
		}
	})
}

// pack packs bits as DEFLATE does: each number with so many bits, the lowest
// first.
func pack(bits ...[2]int) []byte {
	var b []byte
	at := 0
	for _, v := range bits {
		for i := range v[1] {
			if at%8 == 0 {
				b = append(b, 0)
			}
			b[at/8] |= byte(v[0]>>i&1) << (at % 8)
			at++
		}
	}
	return append(b, make([]byte, 64)...) // so that it is not short, nor all of it near the end
}

// lengthsOf is a stored block of one byte and the head of a block whose codes
// are 0 for the end, 1 for a match of 3 bytes, and those of the given lengths, 0
// or 1, for distances.
func lengthsOf(dist ...int) [][2]int {
	head := [][2]int{{0, 3}, {0, 5}, {1, 16}, {0xfffe, 16}, {'x', 8}}
	// Lengths 1, 0 and 18 (a run of 0) have the codes 0, 01 and 11.
	head = append(head, [][2]int{{5, 3}, {1, 5}, {len(dist) - 1, 5}, {14, 4}, {0, 3}, {0, 3}, {2, 3}, {2, 3}}...)
	for range 13 {
		head = append(head, [2]int{0, 3})
	}
	head = append(head, [][2]int{{1, 3}, {3, 2}, {127, 7}, {3, 2}, {118 - 11, 7}, {0, 1}, {0, 1}}...)
	for _, l := range dist {
		head = append(head, [][2]int{{1, 2}, {0, 1}}[l])
	}
	return head
}

// plenty is a stored block of 40,000 zeros: two of them lie further back than
// any distance reaches.
var plenty = append([]byte{0, 40000 & 255, 40000 >> 8, ^40000 & 255, ^40000 >> 8 & 255}, make([]byte, 40000)...)

var broken = []struct {
	name   string
	stream []byte
}{
	{"block of type 3", pack([2]int{7, 3})},
	{"stored, length and its complement differ", []byte{1, 5, 0, 5, 0, 'a', 'b', 'c', 'd', 'e'}},
	{"287 literal codes", pack([2]int{5, 3}, [2]int{30, 5}, [2]int{0, 5}, [2]int{0, 4})},
	{"31 distance codes", pack([2]int{5, 3}, [2]int{0, 5}, [2]int{30, 5}, [2]int{0, 4})},
	{"no code for lengths", pack([2]int{5, 3}, [2]int{0, 5}, [2]int{0, 5}, [2]int{0, 4})},
	{"code for lengths with too many", pack([2]int{5, 3}, [2]int{0, 5}, [2]int{0, 5}, [2]int{0, 4}, [2]int{1, 3}, [2]int{1, 3}, [2]int{1, 3})},
	{"fixed, distance before the start", pack([2]int{3, 3}, [2]int{0b1000000, 7}, [2]int{0, 5})},
	{"fixed, distance 30", pack([2]int{3, 3}, [2]int{0b00001100, 8}, [2]int{0b1000000, 7}, [2]int{0b01111, 5})},
	{"fixed, length 286", pack([2]int{3, 3}, [2]int{0b01100011, 8})},
	{"fixed, distance 30 far into the stream", slices.Concat(plenty, plenty, pack([2]int{3, 3}, [2]int{0b1000000, 7}, [2]int{0b01111, 5}))},
	{"one distance, the other one", pack(append(lengthsOf(1), [2]int{1, 1}, [2]int{1, 1})...)},
	{"no distance, used", pack(append(lengthsOf(0), [2]int{1, 1}, [2]int{0, 1})...)},
}

func TestInflateRefuses(t *testing.T) {
	z := new(inflater)
	for _, tc := range broken {
		if _, err := standard(bytes.NewReader(tc.stream)); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: the standard library says %v: the row is wrong", tc.name, err)
		}
		z.reset(bytes.NewReader(tc.stream))
		if _, err := inflateAll(z, 1000); !errors.Is(err, errDeflate) {
			t.Errorf("%s: got %v", tc.name, err)
		}
	}
}

// TestInflateSingleCodes has codes that leave bits without a meaning, which
// encoders write all the same where there is one distance or none.
func TestInflateSingleCodes(t *testing.T) {
	z := new(inflater)
	for name, tc := range map[string]struct {
		stream []byte
		want   string
	}{
		"one distance":   {pack(append(lengthsOf(1), [2]int{1, 1}, [2]int{0, 1}, [2]int{0, 1})...), "xxxx"},
		"second of two":  {pack(append(lengthsOf(0, 1), [2]int{0, 1})...), "x"},
		"two distances":  {pack(append(lengthsOf(1, 1), [2]int{1, 1}, [2]int{0, 1}, [2]int{0, 1})...), "xxxx"},
		"no distance":    {pack(append(lengthsOf(0), [2]int{0, 1})...), "x"},
		"none of twenty": {pack(append(lengthsOf(make([]int, 20)...), [2]int{0, 1})...), "x"},
	} {
		if want, err := standard(bytes.NewReader(tc.stream)); err != nil || string(want) != tc.want {
			t.Errorf("%s: the standard library has %q, %v: the row is wrong", name, want, err)
		}
		z.reset(bytes.NewReader(tc.stream))
		if got, err := inflateAll(z, 1000); err != nil || string(got) != tc.want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// TestInflateTruncated cuts streams of every kind at every byte.
func TestInflateTruncated(t *testing.T) {
	z := new(inflater)
	data := volumeLike(2000)
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		file := deflate(t, data, level)
		for n := range file {
			z.reset(bytes.NewReader(file[:n]))
			if got, err := inflateAll(z, 1000); !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(got, data[:len(got)]) {
				t.Fatalf("level %d, %d of %d bytes: got %d bytes, %v", level, n, len(file), len(got), err)
			}
		}
	}
}
