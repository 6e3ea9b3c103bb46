package shardtool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

type description struct {
	Dir           string               `json:"dir"`
	ID            string               `json:"id"`
	SchemaVersion int                  `json:"schema_version"`
	Dataset       string               `json:"dataset"`
	Task          string               `json:"task"`
	Classes       []string             `json:"classes"`
	Modalities    []modalityLine       `json:"modalities"`
	TargetShape   []int                `json:"target_shape"`
	DType         string               `json:"dtype"`
	Compression   string               `json:"compression"`
	TensorTag     bool                 `json:"tensor_tag"`
	Tool          string               `json:"tool"`
	Seed          uint64               `json:"seed"`
	SplitPolicy   string               `json:"split_policy"`
	MaskPolicy    string               `json:"mask_policy"`
	Definitions   []string             `json:"definitions"`
	Config        json.RawMessage      `json:"config"`
	ConfigSHA256  string               `json:"config_sha256"`
	Splits        []countLine          `json:"splits"`
	Overlap       int                  `json:"overlap"`
	Masks         []maskLine           `json:"masks"`
	Files         int                  `json:"files"`
	Bytes         int64                `json:"bytes"`
	Quarantine    []shards.Quarantined `json:"quarantine"`
}

type modalityLine struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"` // null where it varies
}

type countLine struct {
	Split      string `json:"split"`
	Samples    int64  `json:"samples"`
	Subjects   int    `json:"subjects"`
	Groups     int    `json:"groups"`
	Unlabelled int64  `json:"unlabelled"`
}

// maskLine is a combination of modalities and how many samples of each split
// have just these.
type maskLine struct {
	Present string  `json:"present"`
	Samples bySplit `json:"samples"`
}

// bySplit is a count a split.
type bySplit struct {
	Train int64 `json:"train"`
	Val   int64 `json:"val"`
	Test  int64 `json:"test"`
}

// of returns the count of a split.
func (b *bySplit) of(sp split.Split) *int64 {
	switch sp {
	case split.Train:
		return &b.Train
	case split.Val:
		return &b.Val
	}
	return &b.Test
}

// Info tells what the data sets at dirs or below are, by their manifests: task,
// modalities, shapes, how they were made, splits with the proof that no group
// stands in two, masks, and the quarantine.
func Info(ctx context.Context, w io.Writer, dirs []string, asJSON bool) error {
	return tables(ctx, w, dirs, asJSON, newDescription, (*printer).description)
}

func newDescription(dir string, m *shards.Manifest) description {
	d := description{
		Dir: dir, ID: m.ID, SchemaVersion: m.SchemaVersion, Dataset: m.Dataset, Task: m.Task, Classes: m.Classes,
		TargetShape: m.TargetShape, DType: m.DType, Compression: m.Compression, TensorTag: m.TensorTag,
		Tool: m.Tool, Seed: m.Seed, SplitPolicy: m.SplitPolicy, MaskPolicy: m.MaskPolicy, Definitions: m.Definitions,
		Config: m.Config, ConfigSHA256: m.ConfigSHA256, Overlap: m.Overlap, Masks: maskTable(m),
		Files: len(m.Files), Quarantine: m.Quarantine,
	}
	for i, name := range m.Modalities {
		d.Modalities = append(d.Modalities, modalityLine{name, m.Shapes[i]})
	}
	for _, s := range m.Splits {
		d.Splits = append(d.Splits, countLine{s.Split.String(), s.Samples, s.Subjects, s.Groups, s.Unlabelled})
	}
	for _, f := range m.Files {
		d.Bytes += f.Bytes
	}
	return d
}

// maskTable returns the combinations that there are, in the order of
// modality.Set.Combos, then that of none.
func maskTable(m *shards.Manifest) []maskLine {
	set := m.Set()
	names := []string{}
	for c := range set.Combos() {
		names = append(names, set.Format(c))
	}
	names = append(names, set.Format(0))
	lines := []maskLine{}
	for _, name := range names {
		l := maskLine{Present: name}
		for _, s := range m.Splits {
			for _, c := range s.Masks {
				if c.Mask == name {
					*l.Samples.of(s.Split) += c.Samples
				}
			}
		}
		if l.Samples != (bySplit{}) {
			lines = append(lines, l)
		}
	}
	return lines
}

func (p *printer) description(d description) {
	p.fact("data set", clean(d.Dataset))
	p.fact("id", d.ID)
	p.fact("task", d.Task)
	p.fact("classes", clean(strings.Join(d.Classes, ", ")))
	wide := 0
	for _, m := range d.Modalities {
		wide = max(wide, len(m.Name))
	}
	for i, m := range d.Modalities {
		name := ""
		if i == 0 {
			name = "modalities"
		}
		p.fact(name, fmt.Sprintf("%-*s  %s", wide, m.Name, shapeText(m.Shape)))
	}
	if d.Task == shards.Segmentation {
		p.fact("target", shapeText(d.TargetShape))
	}
	stored := d.DType + ", compression " + d.Compression
	if !d.TensorTag {
		stored += ", no tensor tag"
	}
	p.fact("stored as", stored)
	p.fact("size", fmt.Sprintf("%d bytes in %d files", d.Bytes, d.Files))
	p.fact("schema", fmt.Sprintf("version %d", d.SchemaVersion))
	p.fact("made by", clean(d.Tool))
	p.fact("seed", fmt.Sprint(d.Seed))
	p.fact("split policy", clean(d.SplitPolicy))
	p.fact("mask policy", clean(d.MaskPolicy))
	p.fact("definitions", clean(strings.Join(d.Definitions, ", ")))
	p.fact("config", clean(compact(d.Config)))
	p.printf("\n")
	p.splitTable(d)
	p.printf("\n")
	p.maskTable(d.Masks)
	p.quarantine(d.Quarantine)
}

func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return string(raw)
	}
	return b.String()
}

func (p *printer) splitTable(d description) {
	rows := [][]string{{"SPLIT", "SAMPLES", "SUBJECTS", "GROUPS", "UNLABELLED"}}
	for _, s := range d.Splits {
		rows = append(rows, []string{s.Split, count(s.Samples), count(s.Subjects), count(s.Groups), count(s.Unlabelled)})
	}
	p.table(rows)
	p.printf("groups in two splits: %d (counted anew from %s when this was opened)\n", d.Overlap, shards.SplitsName)
}

func (p *printer) maskTable(masks []maskLine) {
	rows := [][]string{{"PRESENT", "TRAIN", "VAL", "TEST"}}
	for _, m := range masks {
		rows = append(rows, []string{m.Present, count(m.Samples.Train), count(m.Samples.Val), count(m.Samples.Test)})
	}
	p.table(rows)
}

func (p *printer) quarantine(list []shards.Quarantined) {
	p.printf("\n")
	if len(list) == 0 {
		p.printf("quarantine: empty\n")
		return
	}
	p.printf("quarantine: %s\n", plural(len(list), "subject could not be used", "subjects could not be used"))
	for _, q := range list {
		p.printf("  %s\n", clean(q.Subject))
		for _, problem := range q.Problems {
			p.printf("    %s: %s\n", clean(problem.Kind), clean(problem.String()))
		}
	}
}
