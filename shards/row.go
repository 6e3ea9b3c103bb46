package shards

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/float16"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// row makes the sample of row i. Large arrays are parts of the batch where they
// are float32 or uint8; texts and small lists are copies. The batch's structure
// was checked by decodeBatch, its content is checked here.
func (l layout) row(rec arrow.RecordBatch, i int) (*ingest.Sample, error) {
	text := func(c int) string { return strings.Clone(rec.Column(c).(*array.String).Value(i)) }
	s := &ingest.Sample{
		Key:     ingest.Key{Dataset: text(colDataset), Subject: text(colSubject), Part: text(colPart)},
		Present: modality.Mask(rec.Column(colPresent).(*array.Uint16).Value(i)),
		Inputs:  make([]ingest.Array, l.mods.Len()),
	}
	s.Subject = ingest.Subject{Key: ingest.Key{Dataset: s.Key.Dataset, Subject: s.Key.Subject}, Group: text(colGroup), Stratum: text(colStratum), Class: -1}
	col := colFirst
	for m := range l.mods.Len() {
		shape, n, err := l.shapeOf(rec, col, i, l.shapes[m])
		if err != nil {
			return nil, fmt.Errorf("sample %s: %s: %w", s.Key, l.mods.Name(m), err)
		}
		if shape != nil {
			s.Inputs[m] = ingest.Array{Shape: shape, Data: floats(rec.Column(col), i, n)}
		}
		col++
		if l.shapes[m] == nil {
			col++
		}
	}
	col, err := l.readTarget(rec, col, i, s)
	if err != nil {
		return nil, fmt.Errorf("sample %s: target: %w", s.Key, err)
	}
	if err := readTail(rec, col, i, s); err != nil {
		return nil, fmt.Errorf("sample %s: %w", s.Key, err)
	}
	return s, s.Check(l.mods)
}

// shapeOf returns the shape of the tensor in row i of column col, nil where it
// is null, and where its values begin and end among the column's.
func (l layout) shapeOf(rec arrow.RecordBatch, col, i int, shape []int) ([]int, [2]int, error) {
	c := rec.Column(col).(array.ListLike)
	begin, end := c.ValueOffsets(i)
	at := [2]int{int(begin), int(end)}
	if shape != nil {
		if c.IsNull(i) {
			return nil, at, nil
		}
		return slices.Clone(shape), at, nil
	}
	dims := rec.Column(col + 1).(*array.List)
	if c.IsNull(i) || dims.IsNull(i) {
		if c.IsNull(i) != dims.IsNull(i) || begin != end {
			return nil, at, fmt.Errorf("one of values and shape is null")
		}
		return nil, at, nil
	}
	from, to := dims.ValueOffsets(i)
	for _, d := range dims.ListValues().(*array.Int32).Int32Values()[from:to] {
		shape = append(shape, int(d))
	}
	if n, err := elements(shape); err != nil || n != end-begin || n == 0 {
		return nil, at, fmt.Errorf("%d values for shape %v", end-begin, shape)
	}
	return shape, at, nil
}

func floats(c arrow.Array, i int, at [2]int) []float32 {
	switch v := c.(array.ListLike).ListValues().(type) {
	case *array.Float32:
		return v.Float32Values()[at[0]:at[1]:at[1]]
	case *array.Float16:
		return unpackHalf(v.Values()[at[0]:at[1]])
	}
	panic("shards: tensor column of another type")
}

func unpackHalf(src []float16.Num) []float32 {
	dst := make([]float32, len(src))
	for i, h := range src {
		dst[i] = fromHalf(h.Uint16())
	}
	return dst
}

func (l layout) readTarget(rec arrow.RecordBatch, col, i int, s *ingest.Sample) (next int, err error) {
	switch l.task {
	case Classification:
		if c := rec.Column(col).(*array.Uint8); !c.IsNull(i) {
			s.Target = ingest.Class(c.Value(i))
			s.Subject.Class = int(c.Value(i))
		}
		next = col + 1
	default:
		shape, at, err := l.shapeOf(rec, col, i, l.target)
		if err != nil {
			return 0, err
		}
		if shape != nil {
			v := rec.Column(col).(array.ListLike).ListValues().(*array.Uint8).Uint8Values()
			s.Target = ingest.Labels{Shape: shape, Data: v[at[0]:at[1]:at[1]]}
		}
		next = col + 1
		if l.target == nil {
			next++
		}
	}
	return next, nil
}

func readTail(rec arrow.RecordBatch, col, i int, s *ingest.Sample) error {
	offset, volume, axes := rec.Column(col+tailOffset), rec.Column(col+tailVolume), rec.Column(col+tailAxes).(*array.String)
	if offset.IsNull(i) != volume.IsNull(i) || offset.IsNull(i) != axes.IsNull(i) {
		return fmt.Errorf("half a location")
	}
	if !offset.IsNull(i) {
		s.Location = ingest.Location{Offset: readTriple(offset, i), Volume: readTriple(volume, i), Axes: strings.Clone(axes.Value(i))}
	}
	if a := rec.Column(col + tailAffine).(*array.FixedSizeList); !a.IsNull(i) {
		v := a.ListValues().(*array.Float64).Float64Values()[16*i : 16*i+16]
		for k := range s.Affine {
			copy(s.Affine[k][:], v[4*k:])
		}
	}
	s.RateHz = int(rec.Column(col + tailRate).(*array.Int32).Value(i))
	var err error
	if s.Sources, err = readSources(rec.Column(col+tailSources).(*array.List), i); err != nil {
		return err
	}
	s.Definitions = readStrings(rec.Column(col+tailDefinitions).(*array.List), i)
	for _, w := range readStrings(rec.Column(col+tailWarnings).(*array.List), i) {
		var p ingest.Problem
		if err := json.Unmarshal([]byte(w), &p); err != nil {
			return fmt.Errorf("warning: %w", err)
		}
		s.Warnings = append(s.Warnings, p)
	}
	return nil
}

func readTriple(c arrow.Array, i int) (t [3]int) {
	v := c.(*array.FixedSizeList).ListValues().(*array.Int32).Int32Values()
	for k := range t {
		t[k] = int(v[3*i+k])
	}
	return t
}

func readStrings(c *array.List, i int) []string {
	from, to := c.ValueOffsets(i)
	var list []string
	for k := from; k < to; k++ {
		list = append(list, strings.Clone(c.ListValues().(*array.String).Value(int(k))))
	}
	return list
}

func readSources(c *array.List, i int) ([]ingest.File, error) {
	from, to := c.ValueOffsets(i)
	st := c.ListValues().(*array.Struct)
	var files []ingest.File
	for k := from; k < to; k++ {
		field := func(n int) string { return strings.Clone(st.Field(n).(*array.String).Value(int(k))) }
		f := ingest.File{Role: field(0), Path: field(1)}
		sum, err := hex.DecodeString(field(2))
		if err != nil || len(sum) != len(f.SHA256) {
			return nil, fmt.Errorf("source %d: its SHA-256 is not one", k-from)
		}
		copy(f.SHA256[:], sum)
		files = append(files, f)
	}
	return files, nil
}
