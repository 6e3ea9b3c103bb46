package npy_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/internal/npy"
)

// numpyBytes is what np.save writes for np.arange(6, dtype='<i2').reshape(2, 3).
const numpyBytes = "\x93NUMPY\x01\x00v\x00{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }" +
	"                                                          \n" +
	"\x00\x00\x01\x00\x02\x00\x03\x00\x04\x00\x05\x00"

func TestWriteGivesNumPysBytes(t *testing.T) {
	var b bytes.Buffer
	if err := npy.Write(&b, []int{2, 3}, []int16{0, 1, 2, 3, 4, 5}); err != nil {
		t.Fatal(err)
	}
	if b.String() != numpyBytes {
		t.Errorf("got  %q\nwant %q", b.String(), numpyBytes)
	}
}

func TestShapes(t *testing.T) {
	for _, tc := range []struct {
		shape []int
		text  string
	}{
		{[]int{}, "'shape': (), }"},
		{[]int{0}, "'shape': (0,), }"},
		{[]int{5}, "'shape': (5,), }"},
		{[]int{1, 2, 3, 4}, "'shape': (1, 2, 3, 4), }"},
	} {
		n := 1
		for _, d := range tc.shape {
			n *= d
		}
		var b bytes.Buffer
		if err := npy.Write(&b, tc.shape, make([]uint8, n)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), tc.text) || (b.Len()-n)%64 != 0 {
			t.Errorf("%v: got %q, want %q in it and values at a multiple of 64", tc.shape, b.String(), tc.text)
		}
		shape, data, err := npy.Read[uint8](&b, 1<<20)
		if err != nil || !slices.Equal(shape, tc.shape) || len(data) != n {
			t.Errorf("%v: read back %v, %d values, %v", tc.shape, shape, len(data), err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Run("float32", func(t *testing.T) { roundTrip(t, rapid.Float32()) })
	t.Run("float64", func(t *testing.T) { roundTrip(t, rapid.Float64()) })
	t.Run("int16", func(t *testing.T) { roundTrip(t, rapid.Int16()) })
	t.Run("uint8", func(t *testing.T) { roundTrip(t, rapid.Uint8()) })
}

func roundTrip[T npy.Value](t *testing.T, value *rapid.Generator[T]) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(0, 90).Draw(t, "rows"), rapid.IntRange(0, 90).Draw(t, "cols") // beyond one block of 4096
		seed := rapid.SliceOfN(value, 1, 5).Draw(t, "values")
		data := make([]T, rows*cols)
		for i := range data {
			data[i] = seed[i%len(seed)]
		}
		var b bytes.Buffer
		if err := npy.Write(&b, []int{rows, cols}, data); err != nil {
			t.Fatal(err)
		}
		shape, back, err := npy.Read[T](iotest.HalfReader(&b), 1<<20)
		if err != nil || !slices.Equal(shape, []int{rows, cols}) || !slices.Equal(back, data) {
			t.Fatalf("read back %v %v, %v; want %v", shape, back, err, data)
		}
	})
}

func TestReadRefuses(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(numpyBytes, old, new, 1) }
	for _, tc := range []struct{ name, file, want string }{
		{"version 2", change("\x01\x00v", "\x02\x00v"), "version"},
		{"another type", change("<i2", "<i4"), "values are"},
		{"big-endian", change("<i2", ">i2"), "values are"},
		{"Fortran order", change("False, ", "True,  "), "header"},
		{"Fortran order, as NumPy writes it", change("False", "True"), "Fortran"},
		{"shape too large", change("(2, 3), }        ", "(2000000, 3000), }"), "limit"},
		{"shape overflows", change("(2, 3), }"+strings.Repeat(" ", 40), "(9223372036854775807, 9223372036854775807, 16), }"), "limit"},
		{"shape of nothing", change("(2, 3)", "( ,, )"), "shape"},
		{"one value more", numpyBytes + "\x00\x00", "goes on"},
		{"text", "this is no array", "begins"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := tc.file
			if i := len(numpyBytes) - len(file); i > 0 && strings.HasPrefix(file, "\x93") { // keep the header's length
				file = strings.Replace(file, " \n", strings.Repeat(" ", 1+i)+"\n", 1)
			}
			_, _, err := npy.Read[int16](strings.NewReader(file), 1<<20)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestTruncatedAtEveryByte(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := io.WriteString(w, numpyBytes); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{numpyBytes, z.String()} {
		for n := range len(file) {
			if _, _, err := npy.Read[int16](strings.NewReader(file[:n]), 1<<20); err == nil {
				t.Errorf("no error for the first %d of %d bytes", n, len(file))
			}
		}
		_, data, err := npy.Read[int16](iotest.OneByteReader(strings.NewReader(file)), 1<<20)
		if err != nil || !slices.Equal(data, []int16{0, 1, 2, 3, 4, 5}) {
			t.Errorf("got %v, %v", data, err)
		}
	}
}

func TestWriteRefusesAShapeThatDoesNotFit(t *testing.T) {
	for _, shape := range [][]int{{2}, {-1, -3}, {}, {math.MaxInt, 2}} {
		if err := npy.Write(io.Discard, shape, []float32{1, 2, 3}); err == nil {
			t.Errorf("no error for 3 values of shape %v", shape)
		}
	}
}

func TestReadsNumPysFiles(t *testing.T) {
	root := os.Getenv("LACUNA_DATA")
	dir := filepath.Join(root, "soundmnist")
	if _, err := os.Stat(dir); root == "" || err != nil {
		if os.Getenv("LACUNA_FORBID_SKIP") == "1" {
			t.Fatalf("LACUNA_DATA=%q has no folder soundmnist, and LACUNA_FORBID_SKIP=1 forbids to skip", root)
		}
		t.Skipf("LACUNA_DATA=%q has no folder soundmnist: set it to the shared test data", root)
	}
	open := func(name string) *os.File {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	shape, data, err := npy.Read[float32](open("mfcc20_train_reflect.npy.gz"), 1<<24)
	if err != nil || !slices.Equal(shape, []int{1050, 20, 20}) {
		t.Fatalf("mfcc20_train_reflect: shape %v, %v", shape, err)
	}
	var again bytes.Buffer
	if err := npy.Write(&again, shape, data); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(open("mfcc20_train_reflect.npy.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if numpys, err := io.ReadAll(z); err != nil || !bytes.Equal(again.Bytes(), numpys) {
		t.Errorf("Write does not give the bytes of NumPy's file (%v)", err)
	}
	shape, labels, err := npy.Read[uint8](open("labels_train.npy.gz"), 1<<20)
	if err != nil || !slices.Equal(shape, []int{1050}) {
		t.Fatalf("labels_train: shape %v, %v", shape, err)
	}
	var count [256]int
	for _, c := range labels {
		count[c]++
	}
	for digit := range 10 {
		if count[digit] != 105 { // 35 recordings of each of three speakers
			t.Errorf("%d labels %d, want 105", count[digit], digit)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(numpyBytes))
	f.Add([]byte(strings.Replace(numpyBytes, "<i2', 'fortran_order': False, 'shape': (2, 3)", "<i2', 'fortran_order': False, 'shape': (6,) ", 1)))
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"))
	f.Fuzz(func(t *testing.T, file []byte) {
		const limit = 1 << 16
		shape, data, err := npy.Read[int16](bytes.NewReader(file), limit)
		if err != nil {
			return
		}
		if 2*len(data) > limit {
			t.Fatalf("%d values exceed the limit of %d bytes", len(data), limit)
		}
		var b bytes.Buffer
		if err := npy.Write(&b, shape, data); err != nil {
			t.Fatal(err)
		}
		_, back, err := npy.Read[int16](&b, limit)
		if err != nil || !slices.Equal(back, data) {
			t.Fatalf("read back %v, %v; want %v", back, err, data)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	data := make([]float32, 1<<16)
	b.SetBytes(4 << 16)
	for b.Loop() {
		if err := npy.Write(io.Discard, []int{256, 256}, data); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleWrite() {
	var b bytes.Buffer
	if err := npy.Write(&b, []int{2, 2}, []float32{1, 2, 3, 4}); err != nil {
		fmt.Println(err)
		return
	}
	shape, data, err := npy.Read[float32](&b, 1<<20)
	fmt.Println(shape, data, err)
	// Output: [2 2] [1 2 3 4] <nil>
}
