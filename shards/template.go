package shards

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// What follows the footer: its length and the magic bytes again.
const (
	trailerBytes = 4 + 6
	endOfStream  = 8
)

// frame makes what stands around the record batches of a file: a head with the
// schema and a tail with the schema again and the places of the batches. All of
// it follows from the manifest, so a reader compares it with what the file has
// and never parses the file's own.
//
// Arrow writes the bytes: a file of empty batches, whose places are replaced.
func frame(schema *arrow.Schema, blocks []Batch) (head, tail []byte, err error) {
	var b bytes.Buffer
	w, err := ipc.NewFileWriter(&b, ipc.WithSchema(schema))
	if err != nil {
		return nil, nil, err
	}
	empty := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
	defer empty.Release()
	rec := empty.NewRecordBatch()
	defer rec.Release()
	headEnd := 0
	for i := range blocks {
		if err := w.Write(rec); err != nil {
			return nil, nil, err
		}
		if i == 0 {
			headEnd = b.Len()
		}
	}
	if err := w.Close(); err != nil {
		return nil, nil, err
	}
	file := b.Bytes()
	size := int(binary.LittleEndian.Uint32(file[len(file)-trailerBytes:]))
	footer := file[len(file)-trailerBytes-size : len(file)-trailerBytes]
	tail = file[len(file)-trailerBytes-size-endOfStream:]
	if len(blocks) == 0 {
		return file[:len(file)-len(tail)], tail, nil
	}

	t, err := root(footer)
	if err != nil {
		return nil, nil, err
	}
	places, err := t.structs(3, 24) // Footer.recordBatches of Block{offset int64, metaDataLength int32, bodyLength int64}
	if err != nil {
		return nil, nil, err
	}
	if len(places) != 24*len(blocks) {
		return nil, nil, fmt.Errorf("footer has %d bytes of blocks for %d batches", len(places), len(blocks))
	}
	first := int(binary.LittleEndian.Uint64(places))
	if first <= 0 || first >= headEnd {
		return nil, nil, fmt.Errorf("first batch at %d of %d", first, headEnd)
	}
	for i, p := range blocks {
		binary.LittleEndian.PutUint64(places[24*i:], uint64(p.Offset))
		binary.LittleEndian.PutUint32(places[24*i+8:], uint32(p.Meta))
		binary.LittleEndian.PutUint64(places[24*i+16:], uint64(p.Length-p.Meta))
	}
	return file[:first], tail, nil
}
