package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/train/checkpoint/safetensors"
)

func decode(b []byte) (*safetensors.File, error) {
	return safetensors.Decode(bytes.NewReader(b), int64(len(b)))
}

func encode(t testing.TB, f *safetensors.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Encode(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// file puts a header before data, with a true length.
func file(header, data string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+data...)
}

// TestReference reads what the reference wrote: bench/golden_safetensors.py.
func TestReference(t *testing.T) {
	b, err := os.ReadFile("testdata/reference.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f, err := decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"format": "np", "quote": `a "b" \ <&> ✓`}; !cmp.Equal(f.Metadata, want) {
		t.Errorf("metadata: got %q, want %q", f.Metadata, want)
	}
	negZero := float32(math.Copysign(0, -1))
	want := map[string]safetensors.Tensor{
		"matrix":  {Shape: []int{2, 3}, Data: []float32{-3, -2, -1, 0, 1, 2}},
		"special": {Shape: []int{5}, Data: []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), negZero, 1e-45}},
		"scalar":  {Shape: []int{}, Data: []float32{2.5}},
		"empty":   {Shape: []int{0, 4}, Data: []float32{}},
		"double":  {Shape: []int{2}, Data: []float64{0.1, -1e300}},
		"count":   {Shape: []int{2}, Data: []int64{math.MinInt64, math.MaxInt64}},
		"bytes":   {Shape: []int{3}, Data: []uint8{0, 128, 255}},
		`na"me ✓`: {Shape: []int{1}, Data: []float32{7}},
	}
	for _, got := range f.Tensors {
		w := want[got.Name]
		w.Name = got.Name
		if d := cmp.Diff(bits(w), bits(got)); d != "" {
			t.Errorf("%s: -want +got %s", got.Name, d)
		}
		delete(want, got.Name)
	}
	if len(want) > 0 {
		t.Errorf("not read: %v", want)
	}
}

// bits makes float32 comparable: NaN is NaN, and -0 is not 0.
func bits(t safetensors.Tensor) safetensors.Tensor {
	if d, ok := t.Data.([]float32); ok {
		b := make([]uint32, len(d))
		for i, v := range d {
			b[i] = math.Float32bits(v)
		}
		t.Data = b
	}
	return t
}

// TestVerdicts takes and refuses what the reference does, and is stricter where
// the specification is: see bench/golden_safetensors.py.
func TestVerdicts(t *testing.T) {
	b, err := os.ReadFile("testdata/verdicts.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Name, Reference string
		File            []byte
		Good            bool
	}
	if err := json.Unmarshal(b, &rows); err != nil {
		t.Fatal(err)
	}
	stricter := []string{"space before", "array twice", "metadata null"}
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			_, err := decode(row.File)
			want := row.Good && !slices.Contains(stricter, row.Name)
			if (err == nil) != want {
				t.Errorf("got %v, the reference says %v %s", err, row.Good, row.Reference)
			}
			if _, ok := errors.AsType[*safetensors.FormatError](err); err != nil && !ok {
				t.Errorf("%v is no FormatError", err)
			}
		})
	}
	if len(rows) < 40 {
		t.Errorf("only %d rows", len(rows))
	}
}

func TestMessages(t *testing.T) {
	entry := func(dtype, shape, offsets string) string {
		return fmt.Sprintf(`{"dtype":%q,"shape":[%s],"data_offsets":[%s]}`, dtype, shape, offsets)
	}
	for _, tc := range []struct {
		name, header, data, want string
	}{
		{"hole", `{"a":` + entry("U8", "1", "1,2") + `}`, "xx", `"a": its bytes begin at 1, those before end at 0`},
		{"shape", `{"a":` + entry("F32", "1,3", "0,8") + `}`, "12345678", `"a": 8 bytes for shape [1 3] of F32`},
		{"past the end", `{"a":` + entry("U8", "9", "0,9") + `}`, "x", `"a": bytes 0 to 9, the file has 1`},
		{"huge", `{"a":` + entry("U8", "4000000000,4000000000", "0,1") + `}`, "x", "larger than the file"},
		{"left over", `{}`, "xyz", "byte 10: 3 bytes that belong to no array"},
		{"another kind", `{"a":` + entry("BF16", "1", "0,2") + `}`, "xx", `not supported: "a" holds values of type BF16`},
		{"no kind", `{"a":` + entry("FP32", "1", "0,4") + `}`, "xxxx", `unknown dtype "FP32"`},
		{"unknown key", `{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}}`, "x", `unknown key "x"`},
		{"text", `version https://git-lfs`, "", "not a safetensors file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := decode(file(tc.header, tc.data)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	one := safetensors.Tensor{Name: "a", Shape: []int{1}, Data: []float32{1}}
	with := func(edit func(*safetensors.Tensor)) *safetensors.File {
		bad := one
		edit(&bad)
		return &safetensors.File{Tensors: []safetensors.Tensor{one, bad}}
	}
	for _, tc := range []struct {
		name, want string
		file       *safetensors.File
	}{
		{"twice", `a second "a"`, with(func(*safetensors.Tensor) {})},
		{"reserved", `a second "__metadata__"`, with(func(x *safetensors.Tensor) { x.Name = "__metadata__" })},
		{"no UTF-8", "UTF-8", with(func(x *safetensors.Tensor) { x.Name = "\xff" })},
		{"no UTF-8 in metadata", "UTF-8", &safetensors.File{Metadata: map[string]string{"k": "\xff"}}},
		{"shape", "shape [2] for 1 values", with(func(x *safetensors.Tensor) { x.Name, x.Shape = "b", []int{2} })},
		{"negative", "shape [-1 -1]", with(func(x *safetensors.Tensor) { x.Name, x.Shape = "b", []int{-1, -1} })},
		{"overflow", "for 0 values", with(func(x *safetensors.Tensor) {
			x.Name, x.Shape, x.Data = "b", []int{1 << 32, 1 << 32}, []float32{}
		})},
		{"type", "data of type []int", with(func(x *safetensors.Tensor) { x.Name, x.Data = "b", []int{1} })},
		{"no data", "data of type <nil>", with(func(x *safetensors.Tensor) { x.Name, x.Data = "b", nil })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := safetensors.Encode(&b, tc.file); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
			if b.Len() > 0 {
				t.Errorf("wrote %q before the error", b.Bytes())
			}
		})
	}
}

// files draws what a file can hold, with arrays beyond a chunk at times.
var files = rapid.Custom(func(t *rapid.T) *safetensors.File {
	f := &safetensors.File{Metadata: rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "metadata")}
	for _, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 5, rapid.ID[string]).Draw(t, "names") {
		shape := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 4), rapid.Just(37)), 0, 3).Draw(t, "shape")
		n := 1
		for _, s := range shape {
			n *= s
		}
		x := safetensors.Tensor{Name: name, Shape: shape}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			d := make([]float32, n)
			for i := range d {
				d[i] = math.Float32frombits(uint32(i) * 2654435761)
			}
			x.Data = d
		case 1:
			d := make([]float64, n)
			for i := range d {
				d[i] = -float64(i) / 3
			}
			x.Data = d
		case 2:
			d := make([]int64, n)
			for i := range d {
				d[i] = int64(i) * -0x9e3779b97f4a7c1
			}
			x.Data = d
		default:
			d := make([]uint8, n)
			for i := range d {
				d[i] = uint8(i)
			}
			x.Data = d
		}
		f.Tensors = append(f.Tensors, x)
	}
	return f
})

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := files.Draw(t, "file")
		var b bytes.Buffer
		if err := safetensors.Encode(&b, f); err != nil {
			t.Fatal(err)
		}
		got, err := decode(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		mustEqual(t, f, got)
		n := binary.LittleEndian.Uint64(b.Bytes())
		if n%8 != 0 {
			t.Errorf("a header of %d bytes: the arrays are not aligned", n)
		}
	})
}

func mustEqual(t interface{ Fatalf(string, ...any) }, want, got *safetensors.File) {
	if len(want.Metadata) != len(got.Metadata) || len(want.Tensors) != len(got.Tensors) {
		t.Fatalf("got %d strings and %d tensors, want %d and %d", len(got.Metadata), len(got.Tensors), len(want.Metadata), len(want.Tensors))
	}
	for k, v := range want.Metadata {
		if got.Metadata[k] != v {
			t.Fatalf("metadata %q: got %q, want %q", k, got.Metadata[k], v)
		}
	}
	for i := range want.Tensors {
		if d := cmp.Diff(bits(want.Tensors[i]), bits(got.Tensors[i])); d != "" {
			t.Fatalf("tensor %d: -want +got %s", i, d)
		}
	}
}

var small = &safetensors.File{
	Metadata: map[string]string{"k": "v"},
	Tensors: []safetensors.Tensor{
		{Name: "a", Shape: []int{2, 1}, Data: []float32{1, 2}},
		{Name: "b", Shape: []int{}, Data: []int64{3}},
	},
}

func TestEveryTruncation(t *testing.T) {
	whole := encode(t, small)
	for n := range whole {
		// Cut to n bytes, and as if it had shrunk while it was read.
		for _, size := range []int{n, len(whole)} {
			_, err := safetensors.Decode(bytes.NewReader(whole[:n]), int64(size))
			if _, ok := errors.AsType[*safetensors.FormatError](err); !ok {
				t.Fatalf("cut to %d of %d bytes: got %v, want a FormatError", n, size, err)
			}
		}
	}
	if _, err := decode(append(slices.Clone(whole), 0)); err == nil {
		t.Error("a byte too many was not found")
	}
}

type failing struct {
	io.ReaderAt
	after int64
}

var errDisk = errors.New("disk on fire")

func (f failing) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > f.after {
		return 0, errDisk
	}
	return f.ReaderAt.ReadAt(b, off)
}

func TestReadErrorsAreNoFormatErrors(t *testing.T) {
	whole := encode(t, small)
	for n := range whole {
		_, err := safetensors.Decode(failing{bytes.NewReader(whole), int64(n)}, int64(len(whole)))
		if _, ok := errors.AsType[*safetensors.FormatError](err); ok || !errors.Is(err, errDisk) {
			t.Fatalf("failing after %d bytes: got %v", n, err)
		}
	}
}

func TestWriteErrors(t *testing.T) {
	for n := range len(encode(t, small)) {
		if err := safetensors.Encode(&full{n}, small); !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("full after %d bytes: got %v", n, err)
		}
	}
}

type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	n := min(len(b), f.room)
	f.room -= n
	if n < len(b) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func TestClaimsCostNothing(t *testing.T) {
	var bad [][]byte
	bad = append(bad,
		binary.LittleEndian.AppendUint64(nil, safetensors.MaxHeader),
		file(`{"a":{"dtype":"F32","shape":[250000000],"data_offsets":[0,1000000000]}}`, "x"),
		file(`{"a":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,4611686018427387904]}}`, "x"),
	)
	for i, b := range bad {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := decode(b); err == nil {
			t.Errorf("%d: no error", i)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%d: %d bytes allocated for a file of %d", i, n, len(b))
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, err := os.ReadFile("testdata/reference.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(encode(f, small))
	f.Add(file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}`, "x"))
	f.Add(file(`{}`, ""))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decode(b)
		if err != nil {
			_, broken := errors.AsType[*safetensors.FormatError](err)
			_, other := errors.AsType[safetensors.UnsupportedError](err)
			if !broken && !other {
				t.Fatalf("%v is neither of the two types of error", err)
			}
			return
		}
		n := binary.LittleEndian.Uint64(b)
		if header := b[8 : 8+n]; !json.Valid(header) {
			t.Fatalf("took a header that is no JSON: %s", header)
		}
		again, err := decode(encode(t, got))
		if err != nil {
			t.Fatal(err)
		}
		mustEqual(t, got, again)
	})
}

func Example() {
	var b bytes.Buffer
	err := safetensors.Encode(&b, &safetensors.File{
		Metadata: map[string]string{"made": "here"},
		Tensors:  []safetensors.Tensor{{Name: "bias", Shape: []int{2}, Data: []float32{0.5, -1}}},
	})
	if err != nil {
		panic(err)
	}
	f, err := safetensors.Decode(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		panic(err)
	}
	fmt.Println(f.Tensors[0].Name, f.Tensors[0].Shape, f.Tensors[0].Data, f.Metadata)
	// Output: bias [2] [0.5 -1] map[made:here]
}
