package experiment

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lacuna-ml/lacuna/internal/chart"
	"github.com/lacuna-ml/lacuna/train/rundir"
)

func TestMeanOfRuns(t *testing.T) {
	c := courses{experiment: Experiment{Arms: []Arm{{Name: "a"}}}, runs: map[string][]*rundir.Metrics{}}
	for _, lines := range []string{
		"{\"step\":1,\"m\":1}\n{\"step\":3,\"m\":5}\n{\"step\":4,\"m\":9}\n",
		"{\"step\":1,\"m\":3}\n{\"step\":2,\"m\":7}\n{\"step\":3,\"m\":5}\n",
	} {
		m, err := rundir.DecodeMetrics(strings.NewReader(lines))
		if err != nil {
			t.Fatal(err)
		}
		c.runs["a"] = append(c.runs["a"], m)
	}
	got := c.mean("a", "m", true)
	r := math.Sqrt2 // of 1 and 3 the standard deviation is the root of 2
	want := chart.Series{X: []float64{1, 3}, Y: []float64{2, 5}, Low: []float64{2 - r, 5}, High: []float64{2 + r, 5}}
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
	if got := c.mean("a", "m", false); got.Low != nil || len(got.Y) != 2 {
		t.Errorf("without a band: %+v", got)
	}
	if got := c.mean("a", "other", true); len(got.Y) != 0 {
		t.Errorf("of a metric that is not there: %+v", got)
	}
}

func TestPublishedFiguresStandByThemselves(t *testing.T) {
	ours, published := Grid{Title: "T", Head: []string{"rate", "MCKD", "published MCKD", "published UpperB"}, Rows: [][]string{{"5 %", "1", "2", "3"}}}.part()
	if d := cmp.Diff([][]string{ours.Head, ours.Rows[0], published.Head, published.Rows[0]},
		[][]string{{"rate", "MCKD"}, {"5 %", "1"}, {"rate", "MCKD", "UpperB"}, {"5 %", "2", "3"}}); d != "" {
		t.Error(d)
	}
	for _, head := range [][]string{{"a", "b"}, {"a", "published b"}} {
		if ours, published = (Grid{Head: head, Rows: [][]string{{"1", "2"}}}).part(); published.Rows != nil || len(ours.Head) != 2 {
			t.Errorf("%v is parted: %v", head, published)
		}
	}
}
