package shardtool

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// CatOptions says what Cat writes.
type CatOptions struct {
	Rows
	JSON   bool // one object a line, one line a row
	Values bool // with JSON: the tensors' values too, W fastest
}

type rowObject struct {
	ID          string           `json:"id"`
	Dataset     string           `json:"dataset"`
	Subject     string           `json:"subject"`
	Part        string           `json:"part"`
	Group       string           `json:"group"`
	Stratum     string           `json:"stratum"`
	Split       string           `json:"split"`
	Present     []string         `json:"present"`
	Inputs      []inputObject    `json:"inputs"` // one a modality
	Target      *targetObject    `json:"target"` // null where unlabelled
	Location    *locationObject  `json:"location"`
	Affine      *[4][4]float64   `json:"affine"`
	RateHz      int              `json:"rate_hz,omitempty"`
	Sources     []sourceObject   `json:"sources"`
	Definitions []string         `json:"definitions"`
	Warnings    []ingest.Problem `json:"warnings"`
}

// inputObject is a modality of a row. Shape and the numbers are null where it is
// absent; the numbers also where no value is finite.
type inputObject struct {
	Modality  string   `json:"modality"`
	Present   bool     `json:"present"`
	Shape     []int    `json:"shape"`
	Min       *float64 `json:"min"`
	Mean      *float64 `json:"mean"`
	Max       *float64 `json:"max"`
	NonFinite int      `json:"non_finite"`
	Values    floats   `json:"values,omitempty"`
}

type targetObject struct {
	Class  string       `json:"class,omitempty"`
	Index  *uint8       `json:"index,omitempty"` // of a class
	Shape  []int        `json:"shape,omitempty"`
	Counts []classCount `json:"counts,omitempty"` // of a label map: voxels of the classes that it has
	Values []int        `json:"values,omitempty"`
}

type classCount struct {
	Class  string `json:"class"`
	Voxels int    `json:"voxels"`
}

type locationObject struct {
	Offset [3]int `json:"offset"`
	Volume [3]int `json:"volume"`
	Axes   string `json:"axes"`
}

type sourceObject struct {
	Role   string `json:"role"`
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// floats are written as JSON numbers, those that are not finite as null.
type floats []float32

// MarshalJSON implements json.Marshaler.
func (f floats) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 8*len(f)+2), '[')
	for i, v := range f {
		if i > 0 {
			b = append(b, ',')
		}
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, f, 'g', -1, 32)
		}
	}
	return append(b, ']'), nil
}

// Cat writes rows of the data sets at dirs or below: id, split, what is present,
// shapes, range and mean of each modality, a summary of the target, where it
// came from.
func Cat(ctx context.Context, w io.Writer, dirs []string, o CatOptions) error {
	p := &printer{w: w}
	if o.JSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return o.all(ctx, dirs, nil, func(m *shards.Manifest, sp split.Split, s *ingest.Sample) error {
			return e.Encode(newRow(m, sp, s, o.Values))
		})
	}
	return o.all(ctx, dirs, p, func(m *shards.Manifest, sp split.Split, s *ingest.Sample) error {
		p.row(newRow(m, sp, s, false))
		return p.err
	})
}

func newRow(m *shards.Manifest, sp split.Split, s *ingest.Sample, values bool) rowObject {
	r := rowObject{
		ID: s.Key.String(), Dataset: s.Key.Dataset, Subject: s.Key.Subject, Part: s.Key.Part,
		Group: s.Subject.Group, Stratum: s.Subject.Stratum, Split: sp.String(), Present: []string{},
		RateHz: s.RateHz, Sources: []sourceObject{}, Warnings: append([]ingest.Problem{}, s.Warnings...),
		Definitions: append([]string{}, s.Definitions...), Target: newTarget(m, s.Target, values),
	}
	for i, a := range s.Inputs {
		r.Inputs = append(r.Inputs, newInput(m.Modalities[i], a, values))
		if s.Present.Has(i) {
			r.Present = append(r.Present, m.Modalities[i])
		}
	}
	if s.Location.Volume != [3]int{} {
		r.Location = &locationObject{s.Location.Offset, s.Location.Volume, s.Location.Axes}
	}
	if s.Affine != [4][4]float64{} && allFinite(s.Affine) {
		r.Affine = &s.Affine
	}
	for _, f := range s.Sources {
		r.Sources = append(r.Sources, sourceObject{f.Role, f.Path, hex.EncodeToString(f.SHA256[:])})
	}
	return r
}

func allFinite(a [4][4]float64) bool {
	for _, row := range a {
		for _, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return false
			}
		}
	}
	return true
}

func newInput(name string, a ingest.Array, values bool) inputObject {
	in := inputObject{Modality: name, Present: a.Data != nil, Shape: a.Shape}
	lo, hi, sum, n := math.Inf(1), math.Inf(-1), 0.0, 0
	for _, v := range a.Data {
		f := float64(v)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			in.NonFinite++
			continue
		}
		lo, hi, sum, n = min(lo, f), max(hi, f), sum+f, n+1
	}
	if n > 0 {
		mean := sum / float64(n)
		in.Min, in.Mean, in.Max = &lo, &mean, &hi
	}
	if values {
		in.Values = a.Data
	}
	return in
}

func newTarget(m *shards.Manifest, l ingest.Labels, values bool) *targetObject {
	name := func(c int) string {
		if c < len(m.Classes) {
			return m.Classes[c]
		}
		return strconv.Itoa(c)
	}
	switch {
	case !l.Known():
		return nil
	case len(l.Shape) == 0:
		c := l.Data[0]
		return &targetObject{Class: name(int(c)), Index: &c}
	}
	t := &targetObject{Shape: l.Shape}
	var counts [256]int
	for _, c := range l.Data {
		counts[c]++
	}
	for c, n := range counts {
		if n > 0 {
			t.Counts = append(t.Counts, classCount{name(c), n})
		}
	}
	if values {
		t.Values = make([]int, len(l.Data)) // bytes would be written as base64
		for i, c := range l.Data {
			t.Values[i] = int(c)
		}
	}
	return t
}

// row writes a row for people.
func (p *printer) row(r rowObject) {
	p.printf("%s\n", clean(r.ID))
	p.item("split", r.Split)
	p.item("group", clean(r.Group))
	if r.Stratum != "" {
		p.item("stratum", clean(r.Stratum))
	}
	present := strings.Join(r.Present, "+")
	if present == "" {
		present = "none"
	}
	p.item("present", present)
	for _, in := range r.Inputs {
		p.item(in.Modality, in.text())
	}
	p.item("target", clean(r.Target.text()))
	if l := r.Location; l != nil {
		p.item("location", fmt.Sprintf("offset %d,%d,%d in a volume of %s (D, H, W); the file was %s",
			l.Offset[0], l.Offset[1], l.Offset[2], shapeText(l.Volume[:]), clean(l.Axes)))
	}
	if a := r.Affine; a != nil {
		var mm [3]string
		for c := range mm {
			mm[c] = number(math.Hypot(math.Hypot(a[0][c], a[1][c]), a[2][c]))
		}
		p.item("spacing", strings.Join(mm[:], " x ")+" mm (x, y, z)")
	}
	if r.RateHz > 0 {
		p.item("rate", fmt.Sprintf("%d Hz", r.RateHz))
	}
	wide := 0
	for _, f := range r.Sources {
		wide = max(wide, len(clean(f.Role)))
	}
	for i, f := range r.Sources {
		name := ""
		if i == 0 {
			name = "sources"
		}
		p.item(name, fmt.Sprintf("%-*s  %s  sha256 %s", wide, clean(f.Role), clean(f.Path), f.SHA256))
	}
	if len(r.Definitions) > 0 {
		p.item("made by", clean(strings.Join(r.Definitions, ", ")))
	}
	for _, w := range r.Warnings {
		p.item("warning", clean(w.String()))
	}
}

func (p *printer) item(name, value string) { p.printf("  %-10s %s\n", name, value) }

func (in inputObject) text() string {
	if !in.Present {
		return "absent"
	}
	s := shapeText(in.Shape)
	if in.Min != nil {
		s += fmt.Sprintf("  min %s  mean %s  max %s", number(*in.Min), number(*in.Mean), number(*in.Max))
	}
	if in.NonFinite > 0 {
		s += fmt.Sprintf("  %d not finite", in.NonFinite)
	}
	return s
}

func (t *targetObject) text() string {
	switch {
	case t == nil:
		return "unlabelled"
	case t.Index != nil:
		return fmt.Sprintf("class %d: %s", *t.Index, t.Class)
	}
	parts := make([]string, len(t.Counts))
	for i, c := range t.Counts {
		parts[i] = fmt.Sprintf("%s %d", c.Class, c.Voxels)
	}
	return shapeText(t.Shape) + "  " + strings.Join(parts, ", ")
}
