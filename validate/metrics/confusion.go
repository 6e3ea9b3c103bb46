package metrics

import (
	"fmt"
	"math"
)

// Confusion counts predictions by true and predicted class.
type Confusion struct {
	classes int
	counts  []int
}

// NewConfusion returns one of so many classes, at least 1, without counts.
func NewConfusion(classes int) *Confusion {
	if classes < 1 {
		panic(fmt.Sprintf("metrics: a confusion matrix of %d classes", classes))
	}
	return &Confusion{classes, make([]int, classes*classes)}
}

// Add counts one prediction. It panics for what is no class.
func (c *Confusion) Add(truth, predicted int) {
	if min(truth, predicted) < 0 || max(truth, predicted) >= c.classes {
		panic(fmt.Sprintf("metrics: class %d predicted as %d, of %d classes", truth, predicted, c.classes))
	}
	c.counts[truth*c.classes+predicted]++
}

// Rows returns the counts: Rows()[t][p] predictions of class p where t is true.
func (c *Confusion) Rows() [][]int {
	rows := make([][]int, c.classes)
	for t := range rows {
		rows[t] = append(rows[t], c.counts[t*c.classes:(t+1)*c.classes]...)
	}
	return rows
}

// Correct returns how many of all predictions were right: n·accuracy and n.
func (c *Confusion) Correct() (right, n int) {
	for t := range c.classes {
		right += c.counts[t*c.classes+t]
	}
	for _, k := range c.counts {
		n += k
	}
	return right, n
}

// ClassScore is how well one class is told from the others.
type ClassScore struct {
	Support   int     // predictions where it is true
	Predicted int     // predictions of it
	Precision float64 // the part of Predicted that is right; NaN where that is 0
	Recall    float64 // the part of Support that is found; NaN where that is 0
	F1        float64 // 2·right / (Support + Predicted); NaN where both are 0
}

// Class returns the scores of a class.
func (c *Confusion) Class(i int) ClassScore {
	var s ClassScore
	for k := range c.classes {
		s.Support += c.counts[i*c.classes+k]
		s.Predicted += c.counts[k*c.classes+i]
	}
	right := float64(c.counts[i*c.classes+i])
	s.Precision = right / float64(s.Predicted)
	s.Recall = right / float64(s.Support)
	s.F1 = 2 * right / float64(s.Support+s.Predicted)
	return s
}

// MacroF1 returns the mean F1 of the classes that have one. (scikit-learn's
// f1_score of average "macro" is the same: its default labels are those that
// occur.)
func (c *Confusion) MacroF1() float64 {
	f1 := make([]float64, c.classes)
	for i := range f1 {
		f1[i] = c.Class(i).F1
	}
	return Summarise(f1).Mean
}

// Z95 is the standard normal quantile of a two-sided interval of 95 %.
const Z95 = 1.959963984540054

// Wilson returns Wilson's score interval of a proportion of which right of n
// trials are known; z is the standard normal quantile: [Z95] for 95 %. (Wilson,
// Probable Inference, JASA 22, 1927; no continuity correction.) Without a trial
// it is 0 to 1. It panics unless 0 <= right <= n and z >= 0.
func Wilson(right, n int, z float64) (lo, hi float64) {
	if right < 0 || right > n || !(z >= 0) {
		panic(fmt.Sprintf("metrics: Wilson interval of %d of %d with z %g", right, n, z))
	}
	if n == 0 {
		return 0, 1
	}
	k := float64(n)
	p := float64(right) / k
	middle := p + float64(z*z/(2*k))
	half := z * math.Sqrt(float64(p*(1-p)/k)+float64(z*z/(4*k*k)))
	scale := 1 + z*z/k
	lo, hi = max((middle-half)/scale, 0), min((middle+half)/scale, 1)
	if right == 0 {
		lo = 0 // exactly, whatever rounding does
	}
	if right == n {
		hi = 1
	}
	return lo, hi
}
