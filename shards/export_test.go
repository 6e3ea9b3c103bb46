package shards

import (
	"encoding/json"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/lacuna-ml/lacuna/shards/split"
)

// OutputFile is what a Writer writes to.
type OutputFile = file

// Wrap lets a test stand between a Writer and its files.
func (o Options) Wrap(f func(name string, f OutputFile) OutputFile) Options {
	o.wrap = f
	return o
}

// CreateWith is Create with the memory that Arrow is to use.
func CreateWith(dir string, m Meta, o Options, mem memory.Allocator) (*Writer, error) {
	return create(dir, m, o, mem)
}

// Order is the shuffled order.
func Order(n int64, seed, epoch uint64) []uint64 {
	o, list := newOrder(n, seed, epoch), make([]uint64, n)
	for i := range list {
		list[i] = o.at(uint64(i))
	}
	return list
}

var (
	ToHalf      = toHalf
	FromHalf    = fromHalf
	SumBytes    = sumBytes
	Lanes       = lanes
	PlainLanes  = plainLanes
	NewMomentsN = func(arrays ...[]float32) Stats {
		var m moments
		for _, a := range arrays {
			m.add(a)
		}
		return m.stats("m")
	}
)

// Encode returns the bytes of a manifest that was changed, with the right id.
func (m *Manifest) Encode() ([]byte, error) { return m.encode() }

// DecodeManifest is the strict decoder.
var DecodeManifest = decodeManifest

// RegionOf returns the checksum of a part of a file.
func RegionOf(b []byte, offset, length int64) Region {
	d := newDigest(discard{})
	d.n, d.start = offset, offset
	_, _ = d.Write(b[offset : offset+length])
	return d.cut()
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// LoseSplits makes Append forget where groups are, as a faulty program might.
func (w *Writer) LoseSplits() { w.roll.groups = map[string]split.Split{} }

// Guard is the boundary that faults and panics don't cross.
var Guard = guard

// DecodeMessage takes a record batch apart as Sample does, without the guard.
func DecodeMessage(m *Manifest, msg []byte, meta, rows int64) error {
	l, err := m.layout()
	if err != nil {
		return err
	}
	rec, err := decodeBatch(msg, meta, rows, l, l.schema())
	if err != nil {
		return err
	}
	for i := range int(rows) {
		if _, err := l.row(rec, i); err != nil {
			return err
		}
	}
	return nil
}

// Forge puts messages into a file as its batches, with head, tail and every
// checksum right, and returns its bytes.
func Forge(m *Manifest, f *File, msgs [][]byte, metas, rows []int64) ([]byte, error) {
	l, err := m.layout()
	if err != nil {
		return nil, err
	}
	head, _, err := frame(l.schema(), nil)
	if err != nil {
		return nil, err
	}
	d := newDigest(discard{})
	add := func(b []byte) {
		_, _ = d.sha.Write(b)
		_, _ = d.Write(b)
	}
	add(head)
	f.Head, f.Batches, f.Rows = d.cut(), nil, 0
	all := head
	for i, msg := range msgs {
		add(msg)
		f.Batches = append(f.Batches, Batch{Region: d.cut(), Meta: metas[i], Rows: rows[i]})
		f.Rows += rows[i]
		all = append(all, msg...)
	}
	_, tail, err := frame(l.schema(), f.Batches)
	add(tail)
	f.Tail, f.FileSum = d.cut(), d.sum(f.Name)
	return append(all, tail...), err
}

// ReencodeManifest makes the id and the white space of a manifest right.
func ReencodeManifest(b []byte) ([]byte, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	return m.encode()
}
