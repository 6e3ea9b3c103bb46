package validate

import (
	"encoding/json"
	"math"

	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/validate/metrics"
)

// Number is a float64 that JSON writes as null where it is undefined: NaN or
// infinite.
type Number float64

// MarshalJSON writes a number or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if v := float64(n); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads a number, or NaN from null.
func (n *Number) UnmarshalJSON(text []byte) error {
	v := math.NaN()
	if err := json.Unmarshal(text, &v); err != nil { // null leaves v as it is
		return err
	}
	*n = Number(v)
	return nil
}

// Report is the outcome of an evaluation.
type Report struct {
	Protocol   string   `json:"protocol"` // all choices that change a figure
	Modalities []string `json:"modalities"`
	Classes    []string `json:"classes"`
	Regions    []string `json:"regions,omitempty"` // of a segmentation
	Subjects   int      `json:"subjects"`          // samples of a classification, cases of a segmentation
	Unlabelled int      `json:"unlabelled"`        // of these, without a target: predicted and not judged
	Combos     []Combo  `json:"combinations"`
	// Average is, of a segmentation, the mean over combinations of their means.
	Average  []RegionMean `json:"average,omitempty"`
	Warnings []string     `json:"warnings,omitempty"`

	Items []Item `json:"items,omitempty"` // of a classification: by combination within samples
	Cases []Case `json:"cases,omitempty"` // of a segmentation: by region within combinations within subjects
}

// Combo is what came of one combination of modalities.
type Combo struct {
	Name      string        `json:"name"` // made from Mask: "flair+t2"
	Mask      modality.Mask `json:"mask"`
	Evaluated int           `json:"evaluated"` // subjects that have some of it, predicted
	Reduced   int           `json:"reduced"`   // of those judged, the ones that lack some of it
	Skipped   int           `json:"skipped"`   // subjects that have none of it

	Classification *Classification `json:"classification,omitempty"`
	Regions        []RegionScores  `json:"regions,omitempty"`
}

// Judged returns how many subjects the scores are of: those evaluated that have a
// label.
func (c Combo) Judged() int {
	switch {
	case c.Classification != nil:
		return c.Classification.N
	case len(c.Regions) > 0:
		return c.Regions[0].Dice.N + c.Regions[0].Dice.Undefined
	}
	return 0
}

// Whole returns how many of the judged subjects have all of the combination.
func (c Combo) Whole() int { return c.Judged() - c.Reduced }

// Classification is how well classes were told.
type Classification struct {
	N         int          `json:"n"` // labelled samples evaluated
	Right     int          `json:"right"`
	Accuracy  Number       `json:"accuracy"` // Right / N
	Lo        Number       `json:"lo"`       // Wilson's 95 % interval
	Hi        Number       `json:"hi"`
	MacroF1   Number       `json:"macro_f1"`
	Classes   []ClassScore `json:"classes"`
	Confusion [][]int      `json:"confusion"` // [true][predicted]
}

// ClassScore is [metrics.ClassScore] of a named class.
type ClassScore struct {
	Name      string `json:"name"`
	Support   int    `json:"support"`
	Predicted int    `json:"predicted"`
	Precision Number `json:"precision"`
	Recall    Number `json:"recall"`
	F1        Number `json:"f1"`
}

// RegionScores are a region's scores over the cases of a combination.
type RegionScores struct {
	Name string  `json:"name"`
	Dice Summary `json:"dice"`
	HD95 Summary `json:"hd95_mm"`
}

// Summary is [metrics.Summary] in JSON.
type Summary struct {
	N         int    `json:"n"`
	Undefined int    `json:"undefined"`
	Mean      Number `json:"mean"`
	SD        Number `json:"sd"`
	Median    Number `json:"median"`
}

func summarise(scores []float64) Summary {
	s := metrics.Summarise(scores)
	return Summary{s.N, s.Undefined, Number(s.Mean), Number(s.SD), Number(s.Median)}
}

// RegionMean is the mean of a region's means; where one of them is undefined it
// is left out.
type RegionMean struct {
	Name string `json:"name"`
	Dice Number `json:"dice"`
	HD95 Number `json:"hd95_mm"`
}

// Item is the prediction for one sample under one combination.
type Item struct {
	Key         string `json:"key"`
	Combo       string `json:"combination"`
	Seen        string `json:"seen"`            // the modalities that the prediction is from
	Class       string `json:"class,omitempty"` // what it is; "" where that is not known
	Predicted   string `json:"predicted"`
	Probability Number `json:"probability"` // of the predicted class
}

// Case is the score of one region of one subject under one combination.
type Case struct {
	Subject   string `json:"subject"`
	Combo     string `json:"combination"`
	Seen      string `json:"seen"` // the modalities that the prediction is from
	Region    string `json:"region"`
	Dice      Number `json:"dice"`
	HD95      Number `json:"hd95_mm"`
	Predicted int    `json:"voxels_predicted"`
	True      int    `json:"voxels_true"`
	Uncovered int    `json:"voxels_uncovered"` // within the box of the patches, counted as background
}
