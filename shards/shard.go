package shards

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/lacuna-ml/lacuna/ingest"
)

// shard is a file being written. Arrow encodes the batches; head and tail are
// those of frame.
type shard struct {
	file file
	sum  *digest
	meta File
	enc  *encoder
	ipc  *ipc.Writer
	sent int64 // up to where the system was asked to write
	msg  message
}

func newShard(f file, meta File, enc *encoder) (*shard, error) {
	s := &shard{file: f, sum: newDigest(f), meta: meta, enc: enc}
	opts := []ipc.Option{ipc.WithSchema(enc.schema), ipc.WithAllocator(enc.mem)}
	switch enc.compression {
	case LZ4:
		opts = append(opts, ipc.WithLZ4())
	case ZSTD:
		opts = append(opts, ipc.WithZstd())
	}
	s.ipc = ipc.NewWriterWithPayloadWriter(&payloads{shard: s}, opts...)
	head, _, err := frame(enc.schema, nil)
	if err == nil {
		_, _ = s.sum.sha.Write(head)
		_, err = s.sum.Write(head)
	}
	s.meta.Head = s.sum.cut()
	return s, err
}

// message is a record batch as it will stand in the file, in pieces.
type message struct {
	pieces [][]byte
	meta   int // bytes of metadata
	large  map[*byte][][]byte
}

// Write takes the next bytes. Arrays of samples are kept, what Arrow made of
// the rest is copied.
func (m *message) Write(p []byte) (int, error) {
	if pieces, ok := m.large[unsafe.SliceData(p)]; ok {
		m.pieces = append(m.pieces, pieces...)
	} else {
		m.pieces = append(m.pieces, bytes.Clone(p))
	}
	return len(p), nil
}

// payloads takes Arrow's messages: the schema, which the head has already, then
// batches.
type payloads struct {
	shard  *shard
	schema bool
}

func (p *payloads) Start() error { return nil }
func (p *payloads) Close() error { return nil }

func (p *payloads) WritePayload(m ipc.Payload) (err error) {
	if !p.schema {
		p.schema = true
		return nil
	}
	p.shard.msg = message{large: p.shard.enc.large}
	p.shard.msg.meta, err = m.WritePayload(&p.shard.msg)
	return err
}

// encode returns the rows as a record batch.
func (s *shard) encode(rows []*ingest.Sample) (message, error) {
	rec, err := s.enc.batch(s.meta.Split, rows)
	if err != nil {
		return message{}, err
	}
	defer rec.Release()
	err = s.ipc.Write(rec)
	m := s.msg
	s.msg = message{}
	return m, err
}

// write writes a batch, but does not add it to the SHA-256.
func (s *shard) write(m message, rows int) error {
	for _, p := range m.pieces {
		if _, err := s.sum.Write(p); err != nil {
			return err
		}
	}
	s.meta.Batches = append(s.meta.Batches, Batch{Region: s.sum.cut(), Meta: int64(m.meta), Rows: int64(rows)})
	s.meta.Rows += int64(rows)
	// Else all of it would be left for the sync at the end, which would wait.
	if done := s.sum.n - int64(len(s.sum.buf)); done-s.sent >= writebackBytes {
		startWriteback(s.file, s.sent, done-s.sent)
		s.sent = done
	}
	return nil
}

// writebackBytes is how much is left to the system before it is asked to write
// it to the disk.
const writebackBytes = 16 << 20

// finish writes the tail and syncs the file.
func (s *shard) finish() (tail []byte, err error) {
	if err = s.ipc.Close(); err == nil {
		_, tail, err = frame(s.enc.schema, s.meta.Batches)
	}
	if err == nil {
		_, err = s.sum.Write(tail)
	}
	s.meta.Tail = s.sum.cut()
	if err == nil {
		err = s.sum.flush()
	}
	if err == nil {
		err = s.file.Sync()
	}
	return tail, errors.Join(err, s.file.Close())
}

// tally makes the figures of rows, one array after the other, by as many
// goroutines as call work. What they add up to does not depend on that.
type tally struct {
	rows  []*ingest.Sample
	half  bool
	stats []moments // by row and modality
	next  atomic.Int64
}

func newTally(rows []*ingest.Sample, half bool) *tally {
	return &tally{rows: rows, half: half, stats: make([]moments, len(rows)*len(rows[0].Inputs))}
}

// work returns once there is no array left to begin with.
func (t *tally) work() {
	var rounded []float32
	for {
		i := int(t.next.Add(1) - 1)
		if i >= len(t.stats) {
			return
		}
		mods := len(t.rows[0].Inputs)
		data := t.rows[i/mods].Inputs[i%mods].Data
		if t.half {
			rounded = rounded[:0]
			for _, v := range data {
				h, _ := toHalf(v)
				rounded = append(rounded, fromHalf(h))
			}
			data = rounded
		}
		t.stats[i] = momentsOf(data)
	}
}

// count adds rows to the split's figures, as they are stored. All work on the
// tally must be done.
func (p *part) count(t *tally) {
	for i, s := range t.rows {
		p.samples++
		p.masks[s.Present]++
		for m := range s.Inputs {
			p.stats[m].merge(t.stats[i*len(s.Inputs)+m])
		}
		if !s.Target.Known() {
			p.unknown++
		}
		for _, v := range s.Target.Data {
			p.labels[v]++
		}
	}
}

func (p *part) info(m Meta) SplitInfo {
	info := SplitInfo{Split: p.split, Samples: p.samples, Masks: []MaskCount{}, Labels: slices.Clone(p.labels[:len(m.Classes)]), Unlabelled: p.unknown}
	for _, mask := range slices.Sorted(maps.Keys(p.masks)) {
		info.Masks = append(info.Masks, MaskCount{m.Modalities.Format(mask), p.masks[mask]})
	}
	for i := range p.stats {
		info.Stats = append(info.Stats, p.stats[i].stats(m.Modalities.Name(i)))
	}
	return info
}
