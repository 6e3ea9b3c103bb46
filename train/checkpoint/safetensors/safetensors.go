package safetensors

import (
	"fmt"
	"math"
)

// MaxHeader is the greatest length of a header, the reference's.
const MaxHeader = 100_000_000

// metadata is the name in the header that is no array's.
const metadata = "__metadata__"

// File is what a file holds.
type File struct {
	Metadata map[string]string
	Tensors  []Tensor // in the order of their bytes
}

// Tensor is a named array. The empty shape is that of one value.
type Tensor struct {
	Name  string // valid UTF-8, unique, not "__metadata__"
	Shape []int
	Data  any // []float32, []float64, []int64 or []uint8; last index fastest
}

// FormatError says that the input is broken, and where.
type FormatError struct {
	Offset int64  // bytes from the start of the file
	Name   string // the array that is concerned; may be empty
	Msg    string
}

func (e *FormatError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("safetensors: byte %d: %s", e.Offset, e.Msg)
	}
	return fmt.Sprintf("safetensors: byte %d: %q: %s", e.Offset, e.Name, e.Msg)
}

// UnsupportedError says that the input is well made but holds values of a kind
// that this package does not decode.
type UnsupportedError string

func (e UnsupportedError) Error() string { return "safetensors: not supported: " + string(e) }

// width is the bytes a value that this package decodes takes.
var width = map[string]int{"F32": 4, "F64": 8, "I64": 8, "U8": 1}

// others are the kinds of value that the format knows besides.
var others = map[string]bool{
	"BOOL": true, "I8": true, "I16": true, "U16": true, "F16": true, "BF16": true, "I32": true, "U32": true,
	"U64": true, "C64": true, "F4": true, "F6_E2M3": true, "F6_E3M2": true,
	"F8_E5M2": true, "F8_E4M3": true, "F8_E8M0": true, "F8_E4M3FNUZ": true, "F8_E5M2FNUZ": true,
}

// kindOf returns the dtype and the number of values of Data; "" for a type that
// can't be written.
func kindOf(data any) (dtype string, n int) {
	switch d := data.(type) {
	case []float32:
		return "F32", len(d)
	case []float64:
		return "F64", len(d)
	case []int64:
		return "I64", len(d)
	case []uint8:
		return "U8", len(d)
	}
	return "", 0
}

// count returns the number of values of a shape, and false where a size is
// negative or the number is no int.
func count(shape []int) (int, bool) {
	n := 1
	for _, s := range shape {
		if s < 0 || s > 0 && n > math.MaxInt/s {
			return 0, false
		}
		n *= s
	}
	return n, true
}
