package shards

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// SchemaVersion is the version of the layout that docs/format.md describes. A
// reader refuses a newer one.
const SchemaVersion = 1

// The columns before the modalities, in order, by place.
const (
	colID = iota
	colDataset
	colSubject
	colPart
	colGroup
	colStratum
	colSplit
	colPresent
	colFirst // the first modality's
)

// The columns after the target, counted from the first.
const (
	tailOffset = iota
	tailVolume
	tailAxes
	tailAffine
	tailRate
	tailSources
	tailDefinitions
	tailWarnings
)

var headNames = [...]string{"id", "dataset", "subject", "part", "group", "stratum", "split", "present"}

// columnNames returns the names of all columns that are not a modality's.
func columnNames(task string) []string {
	names := append(headNames[:len(headNames):len(headNames)], "target", "offset", "volume", "axes", "affine", "rate_hz", "sources", "definitions", "warnings")
	if task == Segmentation {
		names = append(names, "target_shape")
	}
	return names
}

var (
	sourceType = arrow.StructOf(
		arrow.Field{Name: "role", Type: arrow.BinaryTypes.String},
		arrow.Field{Name: "path", Type: arrow.BinaryTypes.String},
		arrow.Field{Name: "sha256", Type: arrow.BinaryTypes.String})
	triple = arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Int32)
	matrix = arrow.FixedSizeListOf(16, arrow.PrimitiveTypes.Float64)
)

// dtype is the type of the tensors' elements.
func (l layout) dtype() arrow.DataType {
	if l.half {
		return arrow.FixedWidthTypes.Float16
	}
	return arrow.PrimitiveTypes.Float32
}

// schema returns what every file of such a data set begins and ends with.
func (l layout) schema() *arrow.Schema {
	str, list := arrow.BinaryTypes.String, arrow.ListOf(arrow.BinaryTypes.String)
	var f []arrow.Field
	for _, n := range headNames[:colPresent] {
		f = append(f, arrow.Field{Name: n, Type: str})
	}
	f = append(f, arrow.Field{Name: headNames[colPresent], Type: arrow.PrimitiveTypes.Uint16})
	for i, n := range l.mods.Names() {
		f = append(f, l.tensor(n, l.shapes[i], l.dtype())...)
	}
	if l.task == Segmentation {
		f = append(f, l.tensor("target", l.target, arrow.PrimitiveTypes.Uint8)...)
	} else {
		f = append(f, arrow.Field{Name: "target", Type: arrow.PrimitiveTypes.Uint8, Nullable: true})
	}
	f = append(f,
		arrow.Field{Name: "offset", Type: triple, Nullable: true},
		arrow.Field{Name: "volume", Type: triple, Nullable: true},
		arrow.Field{Name: "axes", Type: str, Nullable: true},
		arrow.Field{Name: "affine", Type: matrix, Nullable: true},
		arrow.Field{Name: "rate_hz", Type: arrow.PrimitiveTypes.Int32},
		arrow.Field{Name: "sources", Type: arrow.ListOf(sourceType)},
		arrow.Field{Name: "definitions", Type: list},
		arrow.Field{Name: "warnings", Type: list})
	md := arrow.NewMetadata(
		[]string{"lacuna.schema_version", "lacuna.modalities", "lacuna.task", "lacuna.classes"},
		[]string{strconv.Itoa(SchemaVersion), text(l.mods.Names()), l.task, text(l.classes)})
	return arrow.NewSchema(f, &md)
}

// tensor returns the column of a tensor, with that of its shape where the shape
// differs from row to row.
func (l layout) tensor(name string, shape []int, elem arrow.DataType) []arrow.Field {
	if shape == nil {
		md := arrow.NewMetadata([]string{"lacuna.shape"}, []string{"variable"})
		return []arrow.Field{
			{Name: name, Type: arrow.ListOf(elem), Nullable: true, Metadata: md},
			{Name: name + "_shape", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true},
		}
	}
	keys, vals := []string{"lacuna.shape"}, []string{text(shape)}
	if l.tag {
		keys = append(keys, "ARROW:extension:name", "ARROW:extension:metadata")
		vals = append(vals, "arrow.fixed_shape_tensor", `{"shape":`+text(shape)+`}`)
	}
	n, _ := elements(shape) // checked by validate
	return []arrow.Field{{Name: name, Type: arrow.FixedSizeListOf(int32(n), elem), Nullable: true, Metadata: arrow.NewMetadata(keys, vals)}}
}

// text returns v as JSON; v is a list of strings or numbers, which can't fail.
func text(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n")
}
