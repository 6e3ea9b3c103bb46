package shards

import (
	"encoding/binary"
	"errors"
)

var errFlat = errors.New("flatbuffer points outside itself")

// flat reads the flatbuffers that Arrow wraps its messages in, as far as we
// need them, with every access checked: a table is a place in buf, its fields
// are found through a vtable of 16-bit offsets. See the "Internals" page of the
// flatbuffers documentation.
type flat struct {
	buf []byte
	pos uint64
}

func (f flat) u16(at uint64) (uint64, error) {
	if at+2 > uint64(len(f.buf)) {
		return 0, errFlat
	}
	return uint64(binary.LittleEndian.Uint16(f.buf[at:])), nil
}

func (f flat) u32(at uint64) (uint64, error) {
	if at+4 > uint64(len(f.buf)) {
		return 0, errFlat
	}
	return uint64(binary.LittleEndian.Uint32(f.buf[at:])), nil
}

// root returns the table that a buffer is about.
func root(buf []byte) (flat, error) { return flat{buf: buf}.indirect(0) }

// indirect follows the offset at a place. Places stay below 2^33, so sums of
// them can't overflow.
func (f flat) indirect(at uint64) (flat, error) {
	off, err := f.u32(at)
	if err != nil {
		return f, err
	}
	return flat{f.buf, at + off}, nil
}

// field returns the place of a table's field i, or 0 where it is absent.
func (f flat) field(i int) (uint64, error) {
	back, err := f.u32(f.pos)
	if err != nil {
		return 0, err
	}
	vtable := int64(f.pos) - int64(int32(back))
	if vtable < 0 {
		return 0, errFlat
	}
	size, err := f.u16(uint64(vtable))
	if err != nil {
		return 0, err
	}
	at := uint64(4 + 2*i)
	if at+2 > size {
		return 0, nil
	}
	off, err := f.u16(uint64(vtable) + at)
	if err != nil || off == 0 {
		return 0, err
	}
	return f.pos + off, nil
}

// number returns the field i of width bytes (1, 2 or 8), 0 where it is absent.
func (f flat) number(i int, width uint64) (int64, error) {
	at, err := f.field(i)
	if err != nil || at == 0 {
		return 0, err
	}
	if at+width > uint64(len(f.buf)) {
		return 0, errFlat
	}
	b := f.buf[at : at+width]
	switch width {
	case 1:
		return int64(b[0]), nil
	case 2:
		return int64(binary.LittleEndian.Uint16(b)), nil
	}
	return int64(binary.LittleEndian.Uint64(b)), nil
}

// table returns the table in field i, and whether there is one.
func (f flat) table(i int) (flat, bool, error) {
	at, err := f.field(i)
	if err != nil || at == 0 {
		return f, false, err
	}
	t, err := f.indirect(at)
	return t, err == nil, err
}

// structs returns the bytes of the vector in field i, whose elements take size
// bytes each: a part of the buffer.
func (f flat) structs(i, size int) ([]byte, error) {
	t, ok, err := f.table(i)
	if err != nil || !ok {
		return nil, err
	}
	n, err := t.u32(t.pos)
	if err != nil {
		return nil, err
	}
	begin, end := t.pos+4, t.pos+4+n*uint64(size)
	if end > uint64(len(f.buf)) {
		return nil, errFlat
	}
	return f.buf[begin:end:end], nil
}
