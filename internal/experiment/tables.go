package experiment

import (
	"fmt"
	"math"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/train/distill"
	"github.com/lacuna-ml/lacuna/train/meta"
)

// Named returns the experiments of a name, table2 both halves of it, for a data
// set. It errs where they are not of such data.
func Named(name string, d datasets.Dataset) ([]Teller, error) {
	switch name {
	case "table1":
		return []Teller{NewTable1(d)}, nil
	case "table3":
		return []Teller{Activations(d)}, nil
	case "alpha":
		return []Teller{Alphas(d)}, nil
	case "iwv":
		return []Teller{Importances(d)}, nil
	}
	if _, err := d.Modalities.Parse("image+audio"); err != nil || d.Task != datasets.Classification {
		return nil, fmt.Errorf("%s is of digits that are seen and heard, image and audio; %s has %s", name, d.Name, strings.Join(d.Modalities.Names(), ", "))
	}
	switch name {
	case "table2":
		return []Teller{Table2a(), Table2b()}, nil
	case "table2a":
		return []Teller{Table2a()}, nil
	case "table2b":
		return []Teller{Table2b()}, nil
	}
	return nil, fmt.Errorf("no experiment %q", name)
}

// rates are the percentages of the tables.
var rates = [...]int{5, 10, 15, 20}

// Published are the accuracies of the paper's Table 2, in percent: LowerB,
// UpperB, and ShaSpec and MCKD by rate.
type Published struct {
	Lower, Upper  float64
	ShaSpec, MCKD [4]float64
}

// Table2 is one half of the paper's Table 2: one modality is always there and
// alone in the test, the other is there for a part of the training pairs.
type Table2 struct {
	Experiment
	Rare, Always string // modalities
	Published    Published
}

// Table2a has sound for a part of the training pairs, and tests on images.
func Table2a() Table2 {
	return table2("table2a", "audio", "image", Published{92.35, 98.22, [4]float64{93.33, 93.56, 93.78, 94.67}, [4]float64{93.56, 94.22, 94.89, 95.11}})
}

// Table2b has images for a part of the training pairs, and tests on sound.
func Table2b() Table2 {
	return table2("table2b", "image", "audio", Published{80.44, 98.22, [4]float64{84.00, 85.11, 86.67, 88.22}, [4]float64{84.67, 85.56, 86.89, 88.44}})
}

func table2(name, rare, always string, p Published) Table2 {
	t := Table2{Rare: rare, Always: always, Published: p}
	t.Experiment = Experiment{
		Name:     name,
		Title:    fmt.Sprintf("Table 2: %s for a part of the training pairs, test on %s alone", rare, always),
		Protocol: "lacuna-table2/2",
		Notes: []string{
			"Published figures are one run each, of an unstated seed; ours are means over seeds of the last checkpoint.",
			"Of the published tables: LowerB 92.35 is 9,235 of MNIST's 10,000 test images and not of the 450 pairs; the audio LowerB 80.44 is the accuracy in the name of SMIL's default checkpoint; one test pair is 0.22 points, and most differences between methods are one to five pairs.",
		},
	}
	both := "image+audio"
	t.Arms = append(t.Arms,
		Arm{"lower", func(s *lab.Spec) { undistilled(s); s.Only = []string{always} }, []string{always}},
		Arm{"upper", undistilled, []string{both}})
	for _, r := range rates {
		hide := fmt.Sprintf("rate:%s=%d", rare, r)
		t.Arms = append(t.Arms,
			Arm{armName(r, false), func(s *lab.Spec) { undistilled(s); s.Missing = hide }, []string{always, both}},
			Arm{armName(r, true), func(s *lab.Spec) { s.Missing = hide }, []string{always, both}})
	}
	return t
}

func armName(rate int, mckd bool) string {
	if mckd {
		return fmt.Sprintf("rate%02d-mckd", rate)
	}
	return fmt.Sprintf("rate%02d-plain", rate)
}

// Sweep is an experiment whose arms differ in one setting.
type Sweep struct {
	Experiment
	What    string // the setting
	Labels  []string
	Default int // the arm that is the method as it stands
	// Alone is a combination that is looked at by itself, before the mean over
	// all; "" is none. Published are its figures, by measure and arm.
	Alone     string
	Published map[string][]float64
}

// Activations compares how raw importances become weights: the paper's Table 3.
func Activations(d datasets.Dataset) Sweep {
	s := Sweep{Experiment: Experiment{
		Name: "table3", Title: "Table 3: how raw importances become weights", Protocol: "lacuna-table3/1",
		Notes: []string{"In the loss only ratios of weights count, so that softmax is the exponential of the raw importances: its normaliser cancels."},
	}, What: "activation"}
	for _, a := range []string{distill.Softmax, distill.Sigmoid, distill.ReLU, distill.Raw} {
		s.add(a, func(p *lab.Spec) { p.Train.Distill.Activation = a })
	}
	if d.Name == brats {
		s.Alone = "flair+t1+t1ce"
		nan := math.NaN() // of raw
		s.Published = map[string][]float64{"Dice ET": {77.66, 73.99, 71.20, nan}, "Dice TC": {85.36, 80.18, 81.99, nan}, "Dice WT": {90.70, 87.74, 90.31, nan}}
		s.Notes = append(s.Notes, "The published figures are of BraTS 2018, one run each. Their softmax row is the row of the same three modalities in Table 1; the labels of the other two rows are lost, and inferred from their order.")
	}
	return s
}

// brats is the data set that the paper's tables and figures of volumes are of.
const brats = "brats"

// Alphas compares weights of distillation, and both distances: the paper's
// Figure 3.
func Alphas(d datasets.Dataset) Sweep {
	s := Sweep{Experiment: Experiment{
		Name: "alpha", Title: "Figure 3: weight and distance of distillation", Protocol: "lacuna-alpha/1",
	}, What: "alpha, distance", Default: 2}
	if d.Name == brats {
		s.Notes = []string{"Published as plots alone: 0 clearly worst, 0.1 best, L1 a little above L2 (T1 alone in the test)."}
	}
	s.add("0", undistilled)
	for _, a := range []float64{.01, .1, .5, 1} {
		s.add(fmt.Sprintf("%g L1", a), func(p *lab.Spec) { p.Train.Distill.Alpha = a })
	}
	s.add("0.1 L2", func(p *lab.Spec) { p.Train.Distill.Alpha, p.Train.Distill.L2 = .1, true })
	return s
}

// undistilled turns distillation off, and what serves it alone.
func undistilled(s *lab.Spec) { s.Train.Distill.Alpha, s.Train.Meta.Kind = 0, meta.Off }

// Importances compares ways of learning importances. Those of all levels are for
// the networks of volumes, which have several.
func Importances(d datasets.Dataset) Sweep {
	s := Sweep{Experiment: Experiment{
		Name: "iwv", Title: "Figure 4: importances, and how they are learned", Protocol: "lacuna-iwv/1",
		Notes: []string{"Published as a plot alone: image above sound."},
	}, What: "meta step", Default: 1}
	levels := d.Task == datasets.Segmentation
	if levels {
		s.Notes = nil
	}
	if d.Name == brats {
		s.Notes = []string{"Published as a plot alone: T1c above FLAIR above T1 and T2."}
	}
	s.add("off, equal weights", func(p *lab.Spec) {
		p.Train.Distill.Activation = distill.Softmax
		p.Train.Distill.Clamp = 1
		p.Train.Meta.Kind = meta.Off
	})
	s.add("gate", func(p *lab.Spec) { p.Train.Meta.Kind = meta.Gate })
	if levels {
		s.add("gate at every level", func(p *lab.Spec) { p.Train.Meta.Kind, p.Train.Meta.Skips = meta.Gate, true })
	}
	s.add("bilevel", func(p *lab.Spec) { p.Train.Meta.Kind = meta.Bilevel })
	s.add("leave-out", func(p *lab.Spec) { p.Train.Meta.Kind = meta.LeaveOut })
	if levels {
		s.add("leave-out, all levels", func(p *lab.Spec) { p.Train.Meta.Kind, p.Train.DistillSkips = meta.LeaveOut, true })
		s.Notes = append(s.Notes, "All levels: the features of every level are distilled, not of the bottom alone.")
	}
	return s
}

// add adds an arm. Its label must be short enough for an axis.
func (s *Sweep) add(label string, change func(*lab.Spec)) {
	s.Labels = append(s.Labels, label)
	name := strings.NewReplacer(" ", "-", ",", "").Replace(label)
	s.Arms = append(s.Arms, Arm{Name: s.Name + "-" + name, Change: change})
}

// Table1 compares MCKD with no distillation on every combination of modalities.
type Table1 struct {
	Experiment
	Set modality.Set
}

// NewTable1 returns the comparison for a data set.
func NewTable1(d datasets.Dataset) Table1 {
	t := Table1{Set: d.Modalities, Experiment: Experiment{
		Name: "table1", Title: "Table 1: every combination of modalities, with and without distillation", Protocol: "lacuna-table1/1",
	}}
	if d.Name == brats {
		t.Notes = []string{
			"Not comparable with the published table: that one is of BraTS 2018 and its server, whose labels nobody has.",
			"Of the published table: two of its printed improvements are slips (ET of T1+T2 is 6.26 %, TC of T1c 4.23 %), and its p-values come out only if the average row counts as a sixteenth sample.",
		}
	}
	t.Arms = []Arm{{Name: "plain", Change: undistilled}, {Name: "mckd", Change: func(*lab.Spec) {}}}
	return t
}
