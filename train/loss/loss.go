// Package loss provides what a network is trained to lower, by task: the
// cross-entropy of classes, and Dice with binary cross-entropy of regions that
// overlap.
package loss

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Objective is a task's loss.
type Objective interface {
	// On puts the mean loss of a batch's logits on the tape.
	On(t *autograd.Tape, logits *autograd.Var, targets []ingest.Labels) (autograd.Loss, error)
}

// Classes is the mean cross-entropy over samples.
type Classes struct {
	N int // classes
	// Smoothing is the part of a target that is spread evenly over all classes:
	// 0 (default) to below 1.
	Smoothing float64
}

// On puts the loss of logits, [B][N], on the tape.
func (c Classes) On(t *autograd.Tape, logits *autograd.Var, targets []ingest.Labels) (autograd.Loss, error) {
	p := make([]float32, len(targets)*c.N)
	for i, l := range targets {
		if len(l.Data) != 1 || int(l.Data[0]) >= c.N {
			return autograd.Loss{}, fmt.Errorf("loss: sample %d of the batch has no class below %d", i, c.N)
		}
		row := p[i*c.N:][:c.N]
		for k := range row {
			row[k] = float32(c.Smoothing / float64(c.N))
		}
		row[l.Data[0]] += float32(1 - c.Smoothing)
	}
	return t.CrossEntropy(logits, t.Temp(p, tensor.Plain, len(targets), c.N).Value, 1), t.Err()
}

// Regions is, with p = sigmoid(logits), over samples n and regions c,
//
//	Dice = mean over n, c of 1 - 2 sum(p t) / (sum(p) + sum(t) + 1)
//	BCE  = sum over c of the mean over n and voxels of the binary cross-entropy
//
// and their sum, as the released code of MCKD has it (the smoothing 1 is in the
// denominator alone).
type Regions struct {
	// Classes lists, by region, the places in the data set's list of classes
	// that belong to it.
	Classes [][]uint8
}

// On puts the loss of logits, B x regions x D x H x W, on the tape.
func (r Regions) On(t *autograd.Tape, logits *autograd.Var, targets []ingest.Labels) (autograd.Loss, error) {
	if t.Err() != nil {
		return autograd.Loss{}, t.Err()
	}
	s := logits.Shape()
	want := tensor.Shape{len(targets), len(r.Classes)}
	if len(s) != 5 || !s[:2].Equal(want) {
		return autograd.Loss{}, fmt.Errorf("loss: logits %v do not fit %d targets of %d regions", s, want[0], want[1])
	}
	voxels := s.Voxels()
	for n, l := range targets {
		if len(l.Data) != voxels {
			return autograd.Loss{}, fmt.Errorf("loss: sample %d of the batch has a target of %d voxels, the logits have %d", n, len(l.Data), voxels)
		}
	}
	target := t.Parts(want[0]*want[1], func(i int, mask []float32) {
		mark(mask, targets[i/want[1]].Data, r.Classes[i%want[1]])
	}, s...).Value
	return t.Regions(logits, target, func(sums []float32) (float64, []float32) {
		return dice(sums, s[0], s[1], voxels)
	}), t.Err()
}

// mark writes 1 where the label is one of classes.
func mark(mask []float32, labels []uint8, classes []uint8) {
	var in [256]float32
	for _, c := range classes {
		in[c] = 1
	}
	for i, l := range labels {
		mask[i] = in[l]
	}
}

// dice returns the loss, and its derivatives as the kernel wants them.
func dice(sums []float32, n, c, voxels int) (loss float64, coef []float32) {
	coef = make([]float32, n*c*3)
	each := 1 / float64(n*c)
	point := 1 / (float64(n) * float64(voxels))
	for i := range n * c {
		both, p, t, bce := float64(sums[4*i]), float64(sums[4*i+1]), float64(sums[4*i+2]), float64(sums[4*i+3])
		under := p + t + 1
		loss += each*(1-2*both/under) + point*bce
		coef[3*i] = float32(-2 * each / under)
		coef[3*i+1] = float32(2 * each * both / (under * under))
		coef[3*i+2] = float32(point)
	}
	return loss, coef
}
