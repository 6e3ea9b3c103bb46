package brats

import (
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// The places of the modalities, in the order of the MCKD paper.
const (
	Flair = iota
	T1
	T1ce
	T2
)

// target is the role of a label map among the files of a case, after the
// modalities.
const target = 4

// The classes: values of a label map after loading, whatever the release's own
// numbers were. The first four are also the numbers of the releases of 2023.
const (
	Background         uint8 = iota
	NecroticCore             // NCR, NCR/NET, NETC
	Oedema                   // ED, SNFH
	EnhancingTumour          // ET
	ResectionCavity          // RC: scans after treatment
	NonEnhancingTumour       // NET: paediatric, 2024 and later
	CysticComponent          // CC: paediatric, 2024 and later
	GrossTumourVolume        // GTV: meningioma radiotherapy
	numClasses         = iota
)

var modalities = modality.MustSet("flair", "t1", "t1ce", "t2")

func classNames() []string {
	return []string{
		"background", "necrotic core", "oedema", "enhancing tumour",
		"resection cavity", "non-enhancing tumour", "cystic component", "gross tumour volume",
	}
}

// core are the classes of the tumour core. The gross tumour volume is drawn
// without oedema, so it counts as core.
func core() []uint8 {
	return []uint8{NecroticCore, EnhancingTumour, NonEnhancingTumour, CysticComponent, GrossTumourVolume}
}

// regions are the unions that the challenge judges, in MCKD's channel order.
// A resection cavity is not tumour.
func regions() []datasets.Region {
	return []datasets.Region{
		{Name: "ET", Classes: []uint8{EnhancingTumour}},
		{Name: "WT", Classes: append([]uint8{Oedema}, core()...)},
		{Name: "TC", Classes: core()},
	}
}
