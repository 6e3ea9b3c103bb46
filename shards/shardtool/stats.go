package shardtool

import (
	"context"
	"io"
	"strings"

	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

type statistics struct {
	Dir         string          `json:"dir"`
	Masks       []maskLine      `json:"masks"`
	LabelUnit   string          `json:"label_unit"` // what labels counts: samples or voxels
	Labels      []labelLine     `json:"labels"`
	Unlabelled  bySplit         `json:"unlabelled"` // samples
	Intensities []intensityLine `json:"intensities"`
}

// labelLine is a class and how many samples (classification) or voxels
// (segmentation) of each split have it.
type labelLine struct {
	Class string  `json:"class"`
	Count bySplit `json:"count"`
}

type intensityLine struct {
	Split split.Split `json:"split"`
	shards.Stats
}

// Stats writes the counts that the manifests of the data sets at dirs or below
// carry: samples by split and mask, labels by split, and the statistics of each
// modality's stored values.
func Stats(ctx context.Context, w io.Writer, dirs []string, asJSON bool) error {
	return tables(ctx, w, dirs, asJSON, newStatistics, (*printer).statistics)
}

func newStatistics(dir string, m *shards.Manifest) statistics {
	s := statistics{Dir: dir, Masks: maskTable(m), Labels: []labelLine{}, LabelUnit: "samples", Intensities: []intensityLine{}}
	if m.Task == shards.Segmentation {
		s.LabelUnit = "voxels"
	}
	for c, name := range m.Classes {
		l := labelLine{Class: name}
		for _, sp := range m.Splits {
			if c < len(sp.Labels) {
				*l.Count.of(sp.Split) = sp.Labels[c]
			}
		}
		s.Labels = append(s.Labels, l)
	}
	for _, sp := range m.Splits {
		*s.Unlabelled.of(sp.Split) = sp.Unlabelled
		for _, st := range sp.Stats {
			s.Intensities = append(s.Intensities, intensityLine{sp.Split, st})
		}
	}
	return s
}

func (p *printer) statistics(s statistics) {
	p.maskTable(s.Masks)
	p.printf("\n")
	p.labelTable(s)
	p.printf("\n")
	rows := [][]string{{"SPLIT", "MODALITY", "VALUES", "MIN", "MEAN", "STD", "MAX", "NOT FINITE"}}
	for _, i := range s.Intensities {
		row := []string{i.Split.String(), i.Modality, count(i.Count), "-", "-", "-", "-", count(i.NonFinite)}
		if i.Count > 0 {
			copy(row[3:], []string{number(float64(i.Min)), number(i.Mean), number(i.Std), number(float64(i.Max))})
		}
		rows = append(rows, row)
	}
	p.table(rows)
}

func (p *printer) labelTable(s statistics) {
	var total bySplit
	rows := [][]string{{"CLASS (" + strings.ToUpper(s.LabelUnit) + ")"}}
	for sp := split.Train; sp <= split.Test; sp++ {
		rows[0] = append(rows[0], strings.ToUpper(sp.String()), "")
		for _, l := range s.Labels {
			*total.of(sp) += *l.Count.of(sp)
		}
	}
	for _, l := range s.Labels {
		row := []string{clean(l.Class)}
		for sp := split.Train; sp <= split.Test; sp++ {
			row = append(row, count(*l.Count.of(sp)), percent(*l.Count.of(sp), *total.of(sp)))
		}
		rows = append(rows, row)
	}
	p.table(rows)
	for sp := split.Train; sp <= split.Test; sp++ {
		if n := *s.Unlabelled.of(sp); n > 0 {
			p.printf("unlabelled samples in %s: %d\n", sp, n)
		}
	}
}
