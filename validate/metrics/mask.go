package metrics

import (
	"fmt"
	"math"
)

// Grid is the sampling of a mask: D x H x W voxels, W fastest.
type Grid struct {
	Shape   [3]int     // voxels along D, H, W
	Spacing [3]float64 // mm from one voxel to the next along D, H, W; finite, above 0
}

func (g Grid) check(pred, truth int) {
	n := g.Shape[0] * g.Shape[1] * g.Shape[2]
	if min(g.Shape[0], g.Shape[1], g.Shape[2]) < 0 || pred != n || truth != n {
		panic(fmt.Sprintf("metrics: masks of %d and %d voxels on a grid of %v", pred, truth, g.Shape))
	}
	for _, s := range g.Spacing {
		if !(s > 0) || math.IsInf(s, 1) {
			panic(fmt.Sprintf("metrics: spacing %v mm", g.Spacing))
		}
	}
}

// Empty is a convention: what [Dice] and [HD95] are where a mask is empty. ""
// is [BraTS].
//
//	             both empty      prediction empty   truth empty
//	             Dice   HD95     Dice   HD95        Dice   HD95
//	brats         1      0        0     NaN          0     NaN
//	brats-373     1      0        0     373.13       0     373.13
//	monai        NaN    NaN       0     NaN         NaN    NaN
type Empty string

// The conventions.
const (
	// BraTS scores as the challenge does, but leaves the distance to nothing
	// undefined.
	BraTS Empty = "brats"
	// BraTSPenalty puts for the distance to nothing what the challenge did until
	// 2021: the diagonal of 240 x 240 x 155 mm, √139225, whatever the grid is.
	BraTSPenalty Empty = "brats-373"
	// MONAI is what DiceMetric (ignore_empty, its default) and
	// compute_hausdorff_distance of MONAI 1.6 return.
	MONAI Empty = "monai"
)

// Conventions returns all of them, the default first.
func Conventions() []Empty { return []Empty{BraTS, BraTSPenalty, MONAI} }

// Words says the convention in a report.
func (e Empty) Words() string {
	switch e {
	case "", BraTS:
		return "brats (both empty: Dice 1, HD95 0; one of them empty: Dice 0, HD95 undefined)"
	case BraTSPenalty:
		return "brats-373 (both empty: Dice 1, HD95 0; one of them empty: Dice 0, HD95 373.13)"
	case MONAI:
		return "monai (the true one empty: both undefined; the predicted one alone: Dice 0, HD95 undefined)"
	}
	panic("metrics: there is no convention " + string(e))
}

// scores returns Dice and HD95 where pred or truth, of so many voxels, is empty.
func (e Empty) scores(pred, truth int) (dice, hd95 float64) {
	switch e {
	case "", BraTS, BraTSPenalty:
		switch {
		case pred == 0 && truth == 0:
			return 1, 0
		case e == BraTSPenalty:
			return 0, math.Sqrt(240*240 + 240*240 + 155*155)
		}
		return 0, math.NaN()
	case MONAI:
		if truth == 0 {
			return math.NaN(), math.NaN()
		}
		return 0, math.NaN()
	}
	panic("metrics: there is no convention " + string(e))
}

// Dice returns 2|P∩T| / (|P|+|T|), 0 to 1, of a predicted and a true mask of
// equal length. It panics where the lengths differ.
func Dice(pred, truth []bool, e Empty) float64 {
	if len(pred) != len(truth) {
		panic(fmt.Sprintf("metrics: masks of %d and %d voxels", len(pred), len(truth)))
	}
	var p, t, both int
	for i, v := range pred {
		a, b := toInt(v), toInt(truth[i])
		p += a
		t += b
		both += a & b
	}
	if p == 0 || t == 0 {
		dice, _ := e.scores(p, t)
		return dice
	}
	return 2 * float64(both) / float64(p+t)
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
