package experiment

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"strconv"

	"github.com/lacuna-ml/lacuna/validate"
	"github.com/lacuna-ml/lacuna/validate/metrics"
)

// Row is a row of an experiment's long table: what came of an arm, what that is
// compared with, and what was published. Numbers that there are not are NaN.
type Row struct {
	Measure string          `json:"measure"` // "accuracy" or "Dice ET", in percent
	On      string          `json:"on"`      // what was seen in the test: a combination, or overAll
	Setting string          `json:"setting"` // what differs between rows of an arm: "5 %"
	Arm     string          `json:"arm"`     // as people call it
	N       int             `json:"n"`       // seeds
	Mean    validate.Number `json:"mean"`
	SD      validate.Number `json:"sd"`
	// Against is the arm that is taken off, seed by seed.
	Against    string          `json:"against"`
	Difference validate.Number `json:"difference"`
	PT         validate.Number `json:"p_t"`
	PWilcoxon  validate.Number `json:"p_wilcoxon"`
	Published  validate.Number `json:"published"`
}

// overAll is the mean over combinations of modalities.
const overAll = "mean over combinations"

// newRow is a row of scores by seed.
func newRow(measure, on, setting, arm string, scores []float64, published float64) Row {
	s := metrics.Summarise(scores)
	none := validate.Number(math.NaN())
	return Row{Measure: measure, On: on, Setting: setting, Arm: arm, N: s.N, Mean: validate.Number(s.Mean), SD: validate.Number(s.SD),
		Difference: none, PT: none, PWilcoxon: none, Published: validate.Number(published)}
}

// less returns the row with its scores compared with others.
func (r Row) less(against string, scores, others []float64) Row {
	t, w := metrics.TTest(scores, others), metrics.Wilcoxon(scores, others)
	r.Against, r.Difference, r.PT = against, validate.Number(t.Mean), validate.Number(t.P)
	if t.N > 1 {
		r.PWilcoxon = validate.Number(w.P)
	}
	return r
}

// MarshalJSON writes the outcome for programs: its figures, what they are of, and
// what is said of them.
func (o Outcome) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Experiment string   `json:"experiment"`
		Title      string   `json:"title"`
		Origin     Origin   `json:"origin"`
		Rows       []Row    `json:"rows"`
		Notes      []string `json:"notes"`
		Trials     []Trial  `json:"trials"`
	}{o.Experiment.Name, o.Experiment.Title, o.Origin, o.Rows, o.Notes, o.Trials})
}

// Summary writes the long table as CSV; what there is not is empty.
func (o Outcome) Summary(w io.Writer) error {
	rows := [][]string{append([]string{"measure", "on", "setting", "arm", "n", "mean", "sd", "against", "difference", "p_t", "p_wilcoxon", "published"}, originHead[:]...)}
	text := func(v validate.Number) string {
		if math.IsNaN(float64(v)) {
			return ""
		}
		return strconv.FormatFloat(float64(v), 'g', 10, 64)
	}
	for _, r := range o.Rows {
		rows = append(rows, append([]string{r.Measure, r.On, r.Setting, r.Arm, strconv.Itoa(r.N), text(r.Mean), text(r.SD),
			r.Against, text(r.Difference), text(r.PT), text(r.PWilcoxon), text(r.Published)}, o.Origin.cells()...))
	}
	return csv.NewWriter(w).WriteAll(rows)
}
