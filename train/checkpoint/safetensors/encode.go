package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// chunk is how many bytes are converted at a time.
const chunk = 64 << 10

// Encode writes f. It errs, before it writes anything, where f can't be a file:
// two tensors of one name, a shape that is not its data's, another type of data,
// text that is no UTF-8, a header of more than [MaxHeader] bytes.
func Encode(w io.Writer, f *File) error {
	header, err := f.header()
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("safetensors: write the header: %w", err)
	}
	buf := make([]byte, 0, chunk)
	for _, t := range f.Tensors {
		if err := writeData(w, buf, t.Data); err != nil {
			return fmt.Errorf("safetensors: write %q: %w", t.Name, err)
		}
	}
	return nil
}

// header returns the length and the JSON.
func (f *File) header() ([]byte, error) {
	b := append(make([]byte, 8, 1<<10), '{')
	if len(f.Metadata) > 0 {
		for k, v := range f.Metadata {
			if !utf8.ValidString(k) || !utf8.ValidString(v) {
				return nil, fmt.Errorf("metadata %q is no UTF-8", k)
			}
		}
		text, err := json.Marshal(f.Metadata) // by key
		if err != nil {
			return nil, err
		}
		b = fmt.Appendf(b, "%q:%s,", metadata, text)
	}
	seen := map[string]bool{metadata: true}
	off := 0
	for _, t := range f.Tensors {
		entry, end, err := t.entry(off)
		if err == nil && seen[t.Name] {
			err = fmt.Errorf("a second %q", t.Name)
		}
		if err != nil {
			return nil, err
		}
		seen[t.Name] = true
		b, off = append(b, entry...), end
	}
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	b = append(b, '}')
	for len(b)%8 != 0 {
		b = append(b, ' ')
	}
	if len(b)-8 > MaxHeader {
		return nil, fmt.Errorf("a header of %d bytes, at most %d", len(b)-8, MaxHeader)
	}
	binary.LittleEndian.PutUint64(b, uint64(len(b)-8))
	return b, nil
}

// entry returns the header's words about a tensor whose bytes begin at off, and
// where they end.
func (t *Tensor) entry(off int) (text []byte, end int, err error) {
	dtype, have := kindOf(t.Data)
	want, ok := count(t.Shape)
	switch {
	case !utf8.ValidString(t.Name):
		return nil, 0, fmt.Errorf("the name %q is no UTF-8", t.Name)
	case dtype == "":
		return nil, 0, fmt.Errorf("%q: data of type %T", t.Name, t.Data)
	case !ok || want != have:
		return nil, 0, fmt.Errorf("%q: shape %v for %d values", t.Name, t.Shape, have)
	}
	name, err := json.Marshal(t.Name)
	if err != nil {
		return nil, 0, err
	}
	end = off + have*width[dtype]
	text = fmt.Appendf(name, `:{"dtype":"%s","shape":[`, dtype)
	for i, s := range t.Shape {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(s), 10)
	}
	return fmt.Appendf(text, `],"data_offsets":[%d,%d]},`, off, end), end, nil
}

func writeData(w io.Writer, buf []byte, data any) error {
	switch d := data.(type) {
	case []float32:
		return writeValues(w, buf, d, 4, func(b []byte, v float32) []byte {
			return binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		})
	case []float64:
		return writeValues(w, buf, d, 8, func(b []byte, v float64) []byte {
			return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		})
	case []int64:
		return writeValues(w, buf, d, 8, func(b []byte, v int64) []byte {
			return binary.LittleEndian.AppendUint64(b, uint64(v))
		})
	}
	_, err := w.Write(data.([]uint8))
	return err
}

func writeValues[T any](w io.Writer, buf []byte, values []T, width int, put func([]byte, T) []byte) error {
	for part := range slices.Chunk(values, chunk/width) {
		buf = buf[:0]
		for _, v := range part {
			buf = put(buf, v)
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}
