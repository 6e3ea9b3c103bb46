package lab

import (
	"math"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/internal/chart"
	"github.com/lacuna-ml/lacuna/internal/page"
	"github.com/lacuna-ml/lacuna/train/rundir"
)

// The names of metrics by which runs are compared. Those with a slash or an
// underscore at the end are followed by a modality's name.
const (
	MetricTask       = "loss/task"
	MetricHeldOut    = "loss/held_out_not_for_selection"
	MetricImportance = "importance/"   // weight
	MetricRaw        = "u/"            // raw importance
	MetricL1         = "generated/l1_" // between a feature and what stands in for it
	MetricCosine     = "generated/cosine_"
)

// The names of metrics that tell of one run.
const (
	metricDistil = "loss/distil"
	metricMeta   = "loss/meta"
	metricRatio  = "ratio/" // and teacher/student
	metricLR     = "lr"
	metricRate   = "samples_per_second"
	metricWait   = "data_wait"
)

// heldOutName is what the held-out loss is called wherever a reader meets it.
const heldOutName = "held out (selects nothing)"

// The heights of charts that have a page's width, and half of it.
const (
	high = 300
	low  = 250
)

// curves are the metrics of a run, for charts.
type curves struct {
	metrics    *rundir.Metrics
	modalities []string
	span       float64 // over which noisy values are averaged, in steps
}

func newCurves(m *rundir.Metrics, modalities []string) curves {
	c := curves{metrics: m, modalities: modalities}
	if s := m.Series(MetricTask).Steps; len(s) >= 50 {
		c.span = float64(s[len(s)-1]) / 40
	}
	return c
}

// series returns a metric under a name.
func (c curves) series(metric, name string) chart.Series {
	s := c.metrics.Series(metric)
	out := chart.Series{Name: name, X: make([]float64, len(s.Steps)), Y: s.Values}
	for i, step := range s.Steps {
		out.X[i] = float64(step)
	}
	return out
}

// some returns those of the series that have values.
func some(list ...chart.Series) []chart.Series {
	return slices.DeleteFunc(list, func(s chart.Series) bool { return len(s.Y) == 0 })
}

// byModality returns the metrics of a prefix, in the order of the modalities.
func (c curves) byModality(prefix string) []chart.Series {
	var list []chart.Series
	for _, m := range c.modalities {
		list = append(list, c.series(prefix+m, m))
	}
	return some(list...)
}

// lines is a chart of series against steps, or nil without any.
func (c curves) lines(title, y string, span float64, series []chart.Series) *chart.Lines {
	if len(series) == 0 {
		return nil
	}
	return &chart.Lines{Title: title, X: "step", Y: y, Series: series, Smooth: span, Width: page.Wide, Height: high}
}

func (c curves) loss() *chart.Lines {
	return c.lines("Loss", "loss of the task", c.span, some(c.series(MetricTask, "training"), c.series(MetricHeldOut, heldOutName)))
}

func (c curves) distil() *chart.Lines {
	return c.lines("Distillation", "loss, alpha included", c.span, some(c.series(metricDistil, "")))
}

func (c curves) importance() *chart.Lines {
	return c.lines("Importance", "weight", 0, c.byModality(MetricImportance))
}

// generated returns the two curves of how a missing modality is stood in for.
func (c curves) generated() (l1, cosine *chart.Lines) {
	return c.lines("Stand-in: distance", "L1, summed over the feature", 0, c.byModality(MetricL1)),
		c.lines("Stand-in: direction", "cosine", 0, c.byModality(MetricCosine))
}

func (c curves) rate() *chart.Lines {
	return c.lines("Learning rate", "", 0, some(c.series(metricLR, "")))
}

func (c curves) speed() *chart.Lines {
	return c.lines("Speed", "samples/s, mean so far", 0, some(c.series(metricRate, "")))
}

// last returns the last value of a metric, NaN without any.
func (c curves) last(metric string) float64 {
	if v := c.metrics.Series(metric).Values; len(v) > 0 {
		return v[len(v)-1]
	}
	return math.NaN()
}

// progressChart is the picture that is made while the run of that name trains.
func progressChart(run string, m *rundir.Metrics, modalities []string) chart.Chart {
	c := newCurves(m, modalities)
	var g chart.Grid
	for _, l := range []*chart.Lines{c.loss(), c.importance(), c.distil(), c.rate()} {
		if l == nil {
			continue
		}
		l.Width, l.Height = 520, 300
		g.Charts = append(g.Charts, l)
	}
	if len(g.Charts) == 0 {
		return chart.Lines{Title: run + ": loss", X: "step", Series: []chart.Series{{Name: "training"}}}
	}
	first := g.Charts[0].(*chart.Lines)
	first.Title = run + ": " + strings.ToLower(first.Title)
	return g
}
