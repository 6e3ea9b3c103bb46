// Package npy writes and reads arrays in NumPy's .npy format, version 1.0, in C
// order (last index fastest), little-endian.
//
//	"\x93NUMPY" 01 00 length:2  header:length  values
//
// The header is a Python dictionary, padded with spaces and a newline so that
// the values begin at a multiple of 64 bytes:
//
//	{'descr': '<f4', 'fortran_order': False, 'shape': (20, 20), }
//
// The format is specified in NumPy's documentation of numpy.lib.format.
package npy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// Value is what an array may hold: '<f4', '<f8', '<i2' or '|u1' to NumPy.
type Value interface {
	float32 | float64 | int16 | uint8
}

const magic = "\x93NUMPY\x01\x00"

// blockLen is the number of values that are converted at a time.
const blockLen = 4 << 10

// Write writes an array of the given shape. The same arguments give the same
// bytes.
func Write[T Value](w io.Writer, shape []int, data []T) error {
	if n, ok := product(shape); !ok || n != len(data) {
		return fmt.Errorf("npy: %d values for shape %v", len(data), shape)
	}
	descr, size := describe[T]()
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, tuple(shape))
	const before = len(magic) + 2
	head += strings.Repeat(" ", 63-(before+len(head))%64) + "\n"
	if len(head) > math.MaxUint16 {
		return fmt.Errorf("npy: %d dimensions do not fit the header", len(shape))
	}
	b := make([]byte, 0, max(before+len(head), size*min(len(data), blockLen)))
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(head)))
	b = append(b, head...)
	for {
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("npy: %w", err)
		}
		if len(data) == 0 {
			return nil
		}
		n := min(len(data), blockLen)
		var err error
		if b, err = binary.Append(b[:0], binary.LittleEndian, data[:n]); err != nil {
			return fmt.Errorf("npy: %w", err)
		}
		data = data[n:]
	}
}

// Read reads a whole array of T from r, plain or gzip (told by its first bytes),
// to the end of r. Its values take at most limit bytes, and room is made by the
// values that come, not by what the header claims.
func Read[T Value](r io.Reader, limit int64) (shape []int, data []T, err error) {
	b := bufio.NewReader(r)
	r = b
	if head, err := b.Peek(2); err == nil && string(head) == "\x1f\x8b" {
		if r, err = gzip.NewReader(b); err != nil {
			return nil, nil, fmt.Errorf("npy: %w", err)
		}
	}
	descr, size := describe[T]()
	if shape, err = readHeader(r, descr); err != nil {
		return nil, nil, err
	}
	n, ok := product(shape)
	if !ok || int64(n) > limit/int64(size) {
		return nil, nil, fmt.Errorf("npy: shape %v needs more than the limit of %d bytes", shape, limit)
	}
	block := make([]byte, size*min(n, blockLen))
	for len(data) < n {
		block = block[:size*min(n-len(data), blockLen)]
		if _, err := io.ReadFull(r, block); err != nil {
			return nil, nil, fmt.Errorf("npy: after %d of %d values: %w", len(data), n, unexpected(err))
		}
		old := len(data)
		data = append(data, make([]T, len(block)/size)...)
		if _, err := binary.Decode(block, binary.LittleEndian, data[old:]); err != nil {
			return nil, nil, fmt.Errorf("npy: %w", err)
		}
	}
	var more [1]byte
	switch _, err := io.ReadFull(r, more[:]); { // at its end gzip checks its sum
	case errors.Is(err, io.EOF):
		return shape, data, nil
	case err == nil:
		return nil, nil, fmt.Errorf("npy: the file goes on after its %d values", n)
	default:
		return nil, nil, fmt.Errorf("npy: after the values: %w", err)
	}
}

// NumPy writes the keys in this order, though the format leaves it open.
var headerForm = regexp.MustCompile(`^\{'descr': '([<>|=]?\w+)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\),? ?\} *\n?$`)

func readHeader(r io.Reader, descr string) ([]int, error) {
	var fixed [len(magic) + 2]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return nil, fmt.Errorf("npy: first bytes: %w", unexpected(err))
	}
	if string(fixed[:len(magic)]) != magic {
		return nil, fmt.Errorf("npy: begins with %q, want %q (version 1.0)", fixed[:len(magic)], magic)
	}
	head := make([]byte, binary.LittleEndian.Uint16(fixed[len(magic):]))
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("npy: header: %w", unexpected(err))
	}
	m := headerForm.FindSubmatch(head)
	switch {
	case m == nil:
		return nil, errors.New("npy: header is not one that NumPy writes for a plain array")
	case string(m[1]) != descr:
		return nil, fmt.Errorf("npy: values are %q, want %q", m[1], descr)
	case string(m[2]) != "False":
		return nil, errors.New("npy: Fortran order is not supported; save np.ascontiguousarray(a)")
	}
	shape := []int{}
	for f := range strings.SplitSeq(strings.TrimSuffix(string(m[3]), ","), ",") {
		if f = strings.TrimSpace(f); f == "" && len(m[3]) == 0 {
			break
		}
		d, err := strconv.Atoi(f)
		if err != nil {
			return nil, fmt.Errorf("npy: shape (%s): %w", m[3], err)
		}
		shape = append(shape, d)
	}
	return shape, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// describe returns NumPy's name of T and its size in bytes.
func describe[T Value]() (descr string, size int) {
	switch any(*new(T)).(type) {
	case float32:
		return "<f4", 4
	case float64:
		return "<f8", 8
	case int16:
		return "<i2", 2
	}
	return "|u1", 1
}

// tuple returns the shape as Python writes a tuple: "()", "(3,)", "(3, 4)".
func tuple(shape []int) string {
	s := make([]string, len(shape))
	for i, d := range shape {
		s[i] = strconv.Itoa(d)
	}
	if len(s) == 1 {
		return "(" + s[0] + ",)"
	}
	return "(" + strings.Join(s, ", ") + ")"
}

// product returns the number of elements, and whether the shape is possible.
func product(shape []int) (int, bool) {
	n := 1
	for _, d := range shape {
		if d < 0 || (d > 0 && n > math.MaxInt/d) {
			return 0, false
		}
		n *= d
	}
	return n, true
}
