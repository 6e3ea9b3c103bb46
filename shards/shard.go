package shards

import (
	"bufio"
	"errors"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// shard is a file being written. Arrow encodes the batches; head and tail are
// those of frame.
type shard struct {
	file file
	buf  *bufio.Writer
	sum  *digest
	meta File
	enc  *encoder
	ipc  *ipc.Writer
}

func newShard(f file, buf *bufio.Writer, meta File, enc *encoder) (*shard, error) {
	s := &shard{file: f, buf: buf, sum: newDigest(buf), meta: meta, enc: enc}
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
		_, err = s.sum.Write(head)
	}
	s.meta.Head = s.sum.cut()
	return s, err
}

func (s *shard) write(rec arrow.RecordBatch) error {
	// Arrow gives away each buffer once, and keeps them until Write returns.
	if err := s.sum.aside(func() error { return s.ipc.Write(rec) }); err != nil {
		return err
	}
	last := &s.meta.Batches[len(s.meta.Batches)-1]
	last.Rows = rec.NumRows()
	s.meta.Rows += rec.NumRows()
	return nil
}

// payloads takes Arrow's messages: the schema, which the head has already, then
// batches.
type payloads struct {
	shard  *shard
	schema bool
}

func (p *payloads) Start() error { return nil }
func (p *payloads) Close() error { return nil }

func (p *payloads) WritePayload(m ipc.Payload) error {
	if !p.schema {
		p.schema = true
		return nil
	}
	n, err := m.WritePayload(p.shard.sum)
	if err == nil {
		p.shard.meta.Batches = append(p.shard.meta.Batches, Batch{Region: p.shard.sum.cut(), Meta: int64(n)})
	}
	return err
}

// close ends the file and syncs it.
func (s *shard) close() (File, error) {
	err := s.ipc.Close()
	if err == nil {
		var tail []byte
		if _, tail, err = frame(s.enc.schema, s.meta.Batches); err == nil {
			_, err = s.sum.Write(tail)
		}
	}
	s.meta.Tail = s.sum.cut()
	if err == nil {
		err = s.buf.Flush()
	}
	if err == nil {
		err = s.file.Sync()
	}
	s.meta.FileSum = s.sum.sum(s.meta.Name)
	return s.meta, errors.Join(err, s.file.Close())
}

// count adds rows to the split's figures, as they are stored.
func (p *part) count(rows []*ingest.Sample, half bool) {
	var rounded []float32
	for _, s := range rows {
		p.samples++
		p.masks[s.Present]++
		for i, a := range s.Inputs {
			data := a.Data
			if half {
				rounded = rounded[:0]
				for _, v := range data {
					h, _ := toHalf(v)
					rounded = append(rounded, fromHalf(h))
				}
				data = rounded
			}
			p.stats[i].add(data)
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
	info := SplitInfo{Split: p.split, Samples: p.samples, Masks: []MaskCount{}, Labels: slices.Clone(p.labels[:len(m.Classes)]), Unlabeled: p.unknown}
	for _, mask := range slices.Sorted(maps.Keys(p.masks)) {
		info.Masks = append(info.Masks, MaskCount{m.Modalities.Format(modality.Mask(mask)), p.masks[mask]})
	}
	for i := range p.stats {
		info.Stats = append(info.Stats, p.stats[i].stats(m.Modalities.Name(i)))
	}
	return info
}
