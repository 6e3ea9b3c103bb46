package shards

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// encoder makes record batches of samples. It keeps the memory of one batch for
// the next, so a batch is done with before the next is made.
//
// Where the samples' arrays are stored as they are, they are not copied: Arrow
// is given a buffer of the right length for a column, of which it looks at the
// length alone, and large says what stands in its place.
type encoder struct {
	layout
	fields []arrow.Field
	schema *arrow.Schema
	mem    memory.Allocator
	slabs  [][]byte           // by column
	blank  []byte             // zeros: never written, so that it takes no memory but addresses
	large  map[*byte][][]byte // of the last batch, by the buffer that stands for them
}

func newEncoder(l layout, mem memory.Allocator) *encoder {
	s := l.schema()
	return &encoder{layout: l, schema: s, fields: s.Fields(), mem: mem, slabs: make([][]byte, s.NumFields())}
}

// batch returns the rows as Arrow has them, but for what stands in large.
func (e *encoder) batch(sp split.Split, rows []*ingest.Sample) (arrow.RecordBatch, error) {
	e.large = map[*byte][][]byte{}
	cols := make([]arrow.Array, 0, len(e.fields))
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	cols = append(cols, e.identity(sp, rows)...)
	for m := range e.mods.Len() {
		c, err := e.input(len(cols), m, rows)
		if err != nil {
			return nil, err
		}
		cols = append(cols, c)
		if e.shapes[m] == nil {
			cols = append(cols, e.shapeColumn(rows, func(s *ingest.Sample) []int { return s.Inputs[m].Shape }))
		}
	}
	if e.task == Classification {
		cols = append(cols, e.classColumn(rows))
	} else {
		c, err := e.labelMaps(len(cols), rows)
		if err != nil {
			return nil, err
		}
		cols = append(cols, c)
		if e.target == nil {
			cols = append(cols, e.shapeColumn(rows, func(s *ingest.Sample) []int { return s.Target.Shape }))
		}
	}
	rest, err := e.rest(len(cols), rows)
	cols = append(cols, rest...)
	if err != nil {
		return nil, err
	}
	return array.NewRecordBatch(e.schema, cols, int64(len(rows))), nil
}

// classColumn returns the targets of a classification.
func (e *encoder) classColumn(rows []*ingest.Sample) arrow.Array {
	b := array.NewUint8Builder(e.mem)
	defer b.Release()
	for _, s := range rows {
		if s.Target.Known() {
			b.Append(s.Target.Data[0])
		} else {
			b.AppendNull()
		}
	}
	return b.NewArray()
}

func (e *encoder) identity(sp split.Split, rows []*ingest.Sample) []arrow.Array {
	cols := make([]arrow.Array, colFirst)
	for c := range colPresent {
		b := array.NewStringBuilder(e.mem)
		for _, s := range rows {
			b.Append([...]string{s.Key.String(), s.Key.Dataset, s.Key.Subject, s.Key.Part, groupOf(s), s.Subject.Stratum, sp.String()}[c])
		}
		cols[c] = b.NewArray()
		b.Release()
	}
	b := array.NewUint16Builder(e.mem)
	defer b.Release()
	for _, s := range rows {
		b.Append(uint16(s.Present))
	}
	cols[colPresent] = b.NewArray()
	return cols
}

// input returns the column of modality m, which is column col.
func (e *encoder) input(col, m int, rows []*ingest.Sample) (arrow.Array, error) {
	return e.tensorColumn(col, rows, e.half, func(s *ingest.Sample) []byte {
		return arrow.Float32Traits.CastToBytes(s.Inputs[m].Data)
	})
}

func (e *encoder) labelMaps(col int, rows []*ingest.Sample) (arrow.Array, error) {
	return e.tensorColumn(col, rows, false, func(s *ingest.Sample) []byte { return s.Target.Data })
}

// tensorColumn lays the rows' arrays end to end; get returns one's bytes, none
// where it is absent, and half says that they are float32s to be stored as
// float16. A null row of fixed shape takes its room in zeros, as Arrow wants it;
// one of variable shape takes none.
func (e *encoder) tensorColumn(col int, rows []*ingest.Sample, half bool, get func(*ingest.Sample) []byte) (arrow.Array, error) {
	elem := e.fields[col].Type.(arrow.ListLikeType).Elem()
	width := elem.(arrow.FixedWidthDataType).BitWidth() / 8
	fixed, isFixed := e.fields[col].Type.(*arrow.FixedSizeListType)
	nulls, at := 0, 0
	valid := make([]byte, bitutil.BytesForBits(int64(len(rows))))
	offsets := make([]int32, len(rows)+1)
	for i, s := range rows {
		n := len(get(s))
		if n > 0 {
			bitutil.SetBit(valid, i)
		} else {
			nulls++
		}
		if isFixed {
			at += int(fixed.Len())
		} else if half {
			at += n / 4
		} else {
			at += n / width
		}
		if at > math.MaxInt32 {
			return nil, fmt.Errorf("batch of more than %d values", math.MaxInt32)
		}
		offsets[i+1] = int32(at)
	}
	values, err := e.values(col, rows, offsets, width, half, get)
	if err != nil {
		return nil, err
	}
	var bitmap *memory.Buffer
	if nulls > 0 {
		bitmap = memory.NewBufferBytes(valid)
	}
	child := array.NewData(elem, at, []*memory.Buffer{nil, memory.NewBufferBytes(values)}, nil, 0, 0)
	defer child.Release()
	buffers := []*memory.Buffer{bitmap}
	if !isFixed {
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)))
	}
	data := array.NewData(e.fields[col].Type, len(rows), buffers, []arrow.ArrayData{child}, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}

// values returns a tensor column's values, or a buffer that stands for them.
func (e *encoder) values(col int, rows []*ingest.Sample, offsets []int32, width int, half bool, get func(*ingest.Sample) []byte) ([]byte, error) {
	size := int(offsets[len(rows)]) * width
	if !half && e.compression == None {
		if size == 0 {
			return nil, nil
		}
		// One for each column, told apart by where it begins.
		if len(e.blank) < 8*len(e.fields)+size {
			e.blank = make([]byte, 8*len(e.fields)+size)
		}
		stand := e.blank[8*col:][:size:size]
		pieces := make([][]byte, 0, len(rows))
		for i, s := range rows {
			if p := get(s); len(p) > 0 {
				pieces = append(pieces, p)
			} else {
				pieces = append(pieces, e.blank[:int(offsets[i+1]-offsets[i])*width])
			}
		}
		e.large[&stand[0]] = pieces
		return stand, nil
	}
	if len(rows) == 1 && !half && len(get(rows[0])) > 0 {
		return get(rows[0]), nil
	}
	slab := e.slab(col, size)
	for i, s := range rows {
		row := slab[int(offsets[i])*width : int(offsets[i+1])*width]
		p := get(s)
		switch {
		case len(p) == 0:
			clear(row)
		case !half:
			copy(row, p)
		default:
			if err := packHalf(row, arrow.Float32Traits.CastFromBytes(p)); err != nil {
				return nil, fmt.Errorf("sample %s: %s: %w", s.Key, e.fields[col].Name, err)
			}
		}
	}
	return slab, nil
}

// slab returns n bytes of a column's own memory, not cleared.
func (e *encoder) slab(col, n int) []byte {
	if cap(e.slabs[col]) < n {
		e.slabs[col] = make([]byte, n)
	}
	return e.slabs[col][:n:n]
}

func packHalf(dst []byte, src []float32) error {
	for i, v := range src {
		h, ok := toHalf(v)
		if !ok {
			return fmt.Errorf("value %d is %g, float16 ends at ±%d: store float32 or normalise", i, v, halfMax)
		}
		dst[2*i], dst[2*i+1] = byte(h), byte(h>>8)
	}
	return nil
}

func (e *encoder) shapeColumn(rows []*ingest.Sample, shape func(*ingest.Sample) []int) arrow.Array {
	b := array.NewListBuilder(e.mem, arrow.PrimitiveTypes.Int32)
	defer b.Release()
	v := b.ValueBuilder().(*array.Int32Builder)
	for _, s := range rows {
		dims := shape(s)
		b.Append(dims != nil)
		for _, d := range dims {
			v.Append(int32(d))
		}
	}
	return b.NewArray()
}

// rest returns the columns after the target, the first of which is column col.
func (e *encoder) rest(col int, rows []*ingest.Sample) ([]arrow.Array, error) {
	b := array.NewRecordBuilder(e.mem, arrow.NewSchema(e.fields[col:], nil))
	defer b.Release()
	for _, s := range rows {
		where := s.Location != ingest.Location{}
		appendTriple(b.Field(tailOffset), where, s.Location.Offset)
		appendTriple(b.Field(tailVolume), where, s.Location.Volume)
		if where {
			b.Field(tailAxes).(*array.StringBuilder).Append(clean(s.Location.Axes))
		} else {
			b.Field(tailAxes).AppendNull()
		}
		appendAffine(b.Field(tailAffine).(*array.FixedSizeListBuilder), s.Affine)
		b.Field(tailRate).(*array.Int32Builder).Append(int32(s.RateHz))
		appendSources(b.Field(tailSources).(*array.ListBuilder), s.Sources)
		warnings := make([]string, len(s.Warnings))
		for i, p := range s.Warnings {
			text, err := json.Marshal(p)
			if err != nil {
				return nil, err
			}
			warnings[i] = string(text)
		}
		appendStrings(b.Field(tailDefinitions).(*array.ListBuilder), s.Definitions)
		appendStrings(b.Field(tailWarnings).(*array.ListBuilder), warnings)
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	for _, c := range rec.Columns() {
		c.Retain()
	}
	return rec.Columns(), nil
}

func appendTriple(f array.Builder, known bool, v [3]int) {
	b := f.(*array.FixedSizeListBuilder)
	b.Append(known)
	for _, d := range v {
		b.ValueBuilder().(*array.Int32Builder).Append(int32(d))
	}
}

func appendAffine(b *array.FixedSizeListBuilder, a [4][4]float64) {
	b.Append(a != [4][4]float64{})
	for _, row := range a {
		b.ValueBuilder().(*array.Float64Builder).AppendValues(row[:], nil)
	}
}

func appendSources(b *array.ListBuilder, files []ingest.File) {
	b.Append(true)
	st := b.ValueBuilder().(*array.StructBuilder)
	for _, f := range files {
		st.Append(true)
		for i, v := range [...]string{clean(f.Role), clean(f.Path), hex.EncodeToString(f.SHA256[:])} {
			st.FieldBuilder(i).(*array.StringBuilder).Append(v)
		}
	}
}

func appendStrings(b *array.ListBuilder, list []string) {
	b.Append(true)
	for _, v := range list {
		b.ValueBuilder().(*array.StringBuilder).Append(clean(v))
	}
}

// clean makes text of a name that need not be: Arrow's strings are UTF-8.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
