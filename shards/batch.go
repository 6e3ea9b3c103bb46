package shards

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// What Arrow calls the parts of a message (format/Message.fbs).
const (
	metadataV5        = 4
	headerRecordBatch = 3
	codecLZ4Frame     = 0
	codecZSTD         = 1
)

// slack is by how much a buffer may be longer than its content: Arrow pads to
// 64 bytes.
const slack = 64

// decodeBatch makes arrays of a record batch of so many rows. msg is the whole
// message, of which meta bytes are metadata.
//
// It does what arrow/ipc would, for the few types we have, but takes only what
// the schema in hand implies: the number of nodes and buffers, the length of
// every array, the place and size of every buffer, offsets that ascend within
// their values. So no message can make it look outside msg, or allocate more
// than budget for what is compressed. Buffers that are not compressed are parts
// of msg.
func decodeBatch(msg []byte, meta, rows int64, l layout, schema *arrow.Schema) (arrow.RecordBatch, error) {
	d := &decoder{body: msg[meta:], budget: MaxBatchBytes}
	if err := d.open(msg[:meta], rows, l.compression); err != nil {
		return nil, err
	}
	defer d.close()
	cols := make([]arrow.Array, schema.NumFields())
	defer func() {
		for _, c := range cols {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i, f := range schema.Fields() {
		data, err := d.array(f.Type, rows, f.Nullable)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		cols[i] = array.MakeFromData(data)
		data.Release()
	}
	if len(d.nodes) > 0 || len(d.buffers) > 0 || d.at != int64(len(d.body)) {
		return nil, fmt.Errorf("%d nodes, %d buffers and %d bytes are left over", len(d.nodes)/16, len(d.buffers)/16, int64(len(d.body))-d.at)
	}
	return array.NewRecordBatch(schema, cols, rows), nil
}

type decoder struct {
	body    []byte
	at      int64  // end of the buffers so far
	nodes   []byte // of FieldNode{length, null_count int64}, those not yet used
	buffers []byte // of Buffer{offset, length int64}, those not yet used
	budget  int64  // what may still be allocated
	codec   io.Reader
	reset   func(io.Reader) error
	close   func()
}

// open reads the metadata.
func (d *decoder) open(meta []byte, rows int64, compression string) error {
	d.close = func() {}
	if binary.LittleEndian.Uint32(meta) != math.MaxUint32 || int64(binary.LittleEndian.Uint32(meta[4:])) != int64(len(meta)-8) {
		return errors.New("no message of the expected length")
	}
	m, err := root(meta[8:])
	if err != nil {
		return err
	}
	version, err1 := m.number(0, 2)
	kind, err2 := m.number(1, 1)
	length, err3 := m.number(3, 8)
	batch, ok, err4 := m.table(2)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	if version != metadataV5 || kind != headerRecordBatch || length != int64(len(d.body)) || !ok {
		return fmt.Errorf("message of version %d, type %d, %d bytes of body: want %d, %d, %d", version, kind, length, metadataV5, headerRecordBatch, len(d.body))
	}
	n, err1 := batch.number(0, 8)
	d.nodes, err2 = batch.structs(1, 16)
	d.buffers, err3 = batch.structs(2, 16)
	codec, compressed, err4 := batch.table(3)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	if n != rows {
		return fmt.Errorf("%d rows, want %d", n, rows)
	}
	if compressed != (compression != None) {
		return fmt.Errorf("compressed is %v, the manifest says %s", compressed, compression)
	}
	if !compressed {
		return nil
	}
	return d.openCodec(codec, compression)
}

func (d *decoder) openCodec(t flat, compression string) error {
	kind, err1 := t.number(0, 1)
	method, err2 := t.number(1, 1)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if want := map[string]int64{LZ4: codecLZ4Frame, ZSTD: codecZSTD}[compression]; kind != want || method != 0 {
		return fmt.Errorf("codec %d, method %d, the manifest says %s", kind, method, compression)
	}
	if compression == LZ4 {
		r := lz4.NewReader(nil)
		d.codec, d.reset = r, func(src io.Reader) error { r.Reset(src); return nil }
		return nil
	}
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(64<<20))
	if err != nil {
		return err
	}
	d.codec, d.reset, d.close = r, r.Reset, r.Close
	return nil
}

// array reads the nodes and buffers of an array of n values and of its
// children, depth first, as Arrow orders them.
func (d *decoder) array(t arrow.DataType, n int64, nullable bool) (*array.Data, error) {
	nulls, err := d.node(n, nullable)
	if err != nil {
		return nil, err
	}
	valid, err := d.validity(n, nulls)
	if err != nil {
		return nil, err
	}
	buffers, children := []*memory.Buffer{valid}, []arrow.ArrayData(nil)
	defer func() {
		for _, c := range children {
			c.Release()
		}
	}()
	child := func(t arrow.DataType, n int64, nullable bool) error {
		c, err := d.array(t, n, nullable)
		if err == nil {
			children = append(children, c)
		}
		return err
	}
	switch t := t.(type) {
	case *arrow.StringType:
		offsets, end, err := d.offsets(n)
		if err != nil {
			return nil, err
		}
		text, err := d.buffer(end)
		if err != nil {
			return nil, err
		}
		buffers = append(buffers, offsets, memory.NewBufferBytes(text))
	case *arrow.ListType:
		offsets, end, err := d.offsets(n)
		if err != nil {
			return nil, err
		}
		buffers = append(buffers, offsets)
		if err := child(t.Elem(), end, t.ElemField().Nullable); err != nil {
			return nil, err
		}
	case *arrow.FixedSizeListType:
		if n > 0 && int64(t.Len()) > MaxBatchBytes/n {
			return nil, fmt.Errorf("%d lists of %d: more than %d values", n, t.Len(), MaxBatchBytes)
		}
		// The elements may be null by the schema, as others write it, but none is.
		if err := child(t.Elem(), n*int64(t.Len()), false); err != nil {
			return nil, err
		}
	case *arrow.StructType:
		for _, f := range t.Fields() {
			if err := child(f.Type, n, f.Nullable); err != nil {
				return nil, err
			}
		}
	case arrow.FixedWidthDataType:
		values, err := d.buffer(n * int64(t.BitWidth()/8))
		if err != nil {
			return nil, err
		}
		buffers = append(buffers, memory.NewBufferBytes(values))
	default:
		return nil, fmt.Errorf("type %s is none of ours", t)
	}
	return array.NewData(t, int(n), buffers, children, int(nulls), 0), nil
}

// node reads how many of an array's n values are null.
func (d *decoder) node(n int64, nullable bool) (nulls int64, err error) {
	if len(d.nodes) < 16 {
		return 0, errors.New("too few nodes")
	}
	length, nulls := int64(binary.LittleEndian.Uint64(d.nodes)), int64(binary.LittleEndian.Uint64(d.nodes[8:]))
	d.nodes = d.nodes[16:]
	if length != n || nulls < 0 || nulls > n || nulls > 0 && !nullable {
		return 0, fmt.Errorf("%d values, %d of them null: want %d, null allowed is %v", length, nulls, n, nullable)
	}
	return nulls, nil
}

// validity reads a bitmap, which is there where some value is null, and has as
// many zeros.
func (d *decoder) validity(n, nulls int64) (*memory.Buffer, error) {
	if nulls == 0 {
		b, err := d.raw()
		if err == nil && len(b) > 0 {
			err = errors.New("a validity bitmap, and no nulls")
		}
		return nil, err
	}
	b, err := d.buffer((n + 7) / 8)
	if err != nil {
		return nil, err
	}
	ones := 0
	for i := range n / 8 {
		ones += bits.OnesCount8(b[i])
	}
	if n%8 != 0 {
		ones += bits.OnesCount8(b[n/8] & (1<<(n%8) - 1))
	}
	if int64(ones) != n-nulls {
		return nil, fmt.Errorf("%d nulls announced, %d there", nulls, n-int64(ones))
	}
	return memory.NewBufferBytes(b), nil
}

// offsets reads n+1 offsets from 0 upwards, and returns the last.
func (d *decoder) offsets(n int64) (*memory.Buffer, int64, error) {
	need := 4 * (n + 1)
	if n == 0 && len(d.buffers) >= 16 && binary.LittleEndian.Uint64(d.buffers[8:]) == 0 {
		need = 0 // Arrow allows an empty array to have none
	}
	b, err := d.buffer(need)
	if err != nil || need == 0 {
		return memory.NewBufferBytes(b), 0, err
	}
	last := int32(0)
	for i, o := range arrow.Int32Traits.CastFromBytes(b)[:n+1] {
		if o < last || i == 0 && o != 0 {
			return nil, 0, fmt.Errorf("offset %d is %d, after %d", i, o, last)
		}
		last = o
	}
	return memory.NewBufferBytes(b), int64(last), nil
}

// raw returns the next buffer as it stands in the body.
func (d *decoder) raw() ([]byte, error) {
	if len(d.buffers) < 16 {
		return nil, errors.New("too few buffers")
	}
	at, n := int64(binary.LittleEndian.Uint64(d.buffers)), int64(binary.LittleEndian.Uint64(d.buffers[8:]))
	d.buffers = d.buffers[16:]
	if at != d.at || n < 0 || n > int64(len(d.body))-at || (n+7)&^7 > int64(len(d.body))-at {
		return nil, fmt.Errorf("buffer at %d of %d bytes: want it at %d of %d", at, n, d.at, len(d.body))
	}
	d.at = at + (n+7)&^7
	return d.body[at : at+n : at+n], nil
}

// buffer returns the next buffer with need bytes and perhaps some padding.
func (d *decoder) buffer(need int64) ([]byte, error) {
	b, err := d.raw()
	if err != nil {
		return nil, err
	}
	size := int64(len(b))
	if d.codec != nil && size > 0 {
		if size < 8 {
			return nil, fmt.Errorf("compressed buffer of %d bytes", size)
		}
		size, b = int64(binary.LittleEndian.Uint64(b)), b[8:]
		if size == -1 { // stored as it is
			size = int64(len(b))
			// After the eight bytes of the length it is aligned as before.
		} else if b, err = d.inflate(b, size, need); err != nil {
			return nil, err
		}
	}
	if size < need || size > need+slack {
		return nil, fmt.Errorf("buffer of %d bytes, want %d", size, need)
	}
	return b, nil
}

func (d *decoder) inflate(src []byte, size, need int64) ([]byte, error) {
	if size < need || size > need+slack || size > d.budget {
		return nil, fmt.Errorf("buffer of %d bytes once inflated, want %d, at most %d", size, need, d.budget)
	}
	d.budget -= size
	if err := d.reset(bytes.NewReader(src)); err != nil {
		return nil, err
	}
	dst := make([]byte, size)
	if _, err := io.ReadFull(d.codec, dst); err != nil {
		return nil, fmt.Errorf("inflate: %w", err)
	}
	if n, err := d.codec.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("inflate: more than %d bytes, or: %w", size, err)
	}
	return dst, nil
}
