// Package tbevents writes TensorBoard's event files, scalars only, so that
// TensorBoard shows a run without anything of TensorFlow in the program.
//
// An event file is a list of records of the TFRecord format: length, masked
// CRC-32C of the length, bytes, masked CRC-32C of the bytes, all little-endian.
// The bytes are an Event in protocol buffers (tensorflow/core/util/event.proto,
// tensorflow/core/framework/summary.proto), which this package encodes by hand:
// the few fields that a scalar needs.
//
// TensorBoard reads every file of a directory whose name holds "tfevents", in
// the order of their names, as one run: [FileName] gives such names. A process
// that goes on with a run writes a new file that begins with [Writer.Restart];
// TensorBoard then drops what earlier files say of later steps.
package tbevents

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"
)

// FileName returns the name of the event file of a run's start: 0, 1, 2...
func FileName(start int) string { return fmt.Sprintf("events.out.tfevents.%010d.lacuna", start) }

// Writer writes events. It is not safe for concurrent use.
type Writer struct {
	w   io.Writer
	buf []byte
}

// NewWriter writes the first record of a file, which says its version. at is the
// time of the event.
func NewWriter(w io.Writer, at time.Time) (*Writer, error) {
	e := &Writer{w: w}
	return e, e.event(at, 0, func(b []byte) []byte { return appendBytes(b, fileVersion, "brain.Event:2") })
}

// Restart says that the run begins anew at step: that there is nothing yet of it
// or of later ones.
func (e *Writer) Restart(at time.Time, step int64) error {
	const start = 1
	return e.event(at, step, func(b []byte) []byte {
		return appendBytes(b, sessionLog, string(appendNumber(nil, sessionStatus, start)))
	})
}

// Scalar writes the value of a metric at a step, in one write. Tags with a slash
// are grouped by what stands before it.
func (e *Writer) Scalar(at time.Time, step int64, tag string, value float32) error {
	return e.event(at, step, func(b []byte) []byte {
		v := appendBytes(nil, valueTag, tag)
		v = binary.AppendUvarint(v, valueSimple<<3|fixed32)
		v = binary.LittleEndian.AppendUint32(v, math.Float32bits(value))
		return appendBytes(b, summary, string(appendBytes(nil, summaryValue, string(v))))
	})
}

// The numbers of the fields, and the wire types of protocol buffers.
const (
	wallTime      = 1 // of Event: double, seconds since 1970
	eventStep     = 2 // int64
	fileVersion   = 3 // string
	summary       = 5 // Summary
	sessionLog    = 7 // SessionLog
	summaryValue  = 1 // of Summary: repeated Value
	valueTag      = 1 // of Summary.Value: string
	valueSimple   = 2 // float
	sessionStatus = 1 // of SessionLog: enum

	varint  = 0
	fixed64 = 1
	bytes   = 2
	fixed32 = 5
)

func (e *Writer) event(at time.Time, step int64, what func([]byte) []byte) error {
	const head = 8 + 4
	b := append(e.buf[:0], make([]byte, head)...)
	b = binary.AppendUvarint(b, wallTime<<3|fixed64)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(at.Unix())+float64(at.Nanosecond())/1e9))
	if step != 0 { // as protocol buffers, version 3, leave out what is 0
		b = appendNumber(b, eventStep, uint64(step))
	}
	b = what(b)
	binary.LittleEndian.PutUint64(b, uint64(len(b)-head))
	binary.LittleEndian.PutUint32(b[8:], mask(b[:8]))
	b = binary.LittleEndian.AppendUint32(b, mask(b[head:]))
	e.buf = b
	if _, err := e.w.Write(b); err != nil {
		return fmt.Errorf("tbevents: %w", err)
	}
	return nil
}

// mask is the CRC-32C as TFRecord stores it, rotated and shifted, since a CRC of
// bytes that hold their own CRC says little.
func mask(b []byte) uint32 {
	c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return (c>>15 | c<<17) + 0xa282ead8
}

func appendNumber(b []byte, field, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, field<<3|varint), v)
}

func appendBytes(b []byte, field uint64, v string) []byte {
	b = binary.AppendUvarint(b, field<<3|bytes)
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}
