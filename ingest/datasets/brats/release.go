package brats

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest/sparse"
)

// none marks a number that a release does not use.
const none = 0xFF

// labelMap is a release's numbering: item v is the class that v stands for.
type labelMap []uint8

// class returns the class of a label value, or none.
func (m labelMap) class(v uint32) uint8 {
	if v < uint32(len(m)) {
		return m[v]
	}
	return none
}

// String lists the numbers in use: "0, 1, 2, 4".
func (m labelMap) String() string {
	var s []string
	for v, c := range m {
		if c != none {
			s = append(s, strconv.Itoa(v))
		}
	}
	return strings.Join(s, ", ")
}

// The numberings; see the table in the package's documentation. Sources: the
// releases' data descriptions, and BraTS-2024-Metrics for 2024 (GLI and MET: WT
// 1-3, TC 1 and 3, RC 4; PED: ET 1, NET 2, CC 3, WT 1-4; MEN-RT: 1).
var (
	classicLabels   = labelMap{Background, NecroticCore, Oedema, none, EnhancingTumour}
	labels2023      = labelMap{Background, NecroticCore, Oedema, EnhancingTumour}
	treatedLabels   = labelMap{Background, NecroticCore, Oedema, EnhancingTumour, ResectionCavity}
	ped2024Labels   = labelMap{Background, EnhancingTumour, NonEnhancingTumour, CysticComponent, Oedema}
	radioLabels     = labelMap{Background, GrossTumourVolume}
	decathlonLabels = labelMap{Background, Oedema, NecroticCore, EnhancingTumour}
)

// release is one published set with its numbering of labels.
type release struct {
	name   string
	labels labelMap
}

var releases = []release{
	{"classic", classicLabels},
	{"2017", classicLabels},
	{"2018", classicLabels},
	{"2019", classicLabels},
	{"2020", classicLabels},
	{"2021", classicLabels},
	{"2023-gli", labels2023},
	{"2023-men", labels2023},
	{"2023-met", labels2023},
	{"2023-ped", labels2023},
	{"2023-ssa", labels2023},
	{"2024-gli", treatedLabels},
	{"2024-goat", labels2023},
	{"2024-men-rt", radioLabels},
	{"2024-met", treatedLabels},
	{"2024-ped", ped2024Labels},
	{"2024-ssa", labels2023},
	{"2025-gli", treatedLabels},
	{"2025-goat", labels2023},
	{"2025-men-rt", radioLabels},
	{"2025-met", treatedLabels},
	{"2025-ped", ped2024Labels},
	{"2025-ssa", labels2023},
	{"msd", decathlonLabels},
}

// numbering is how a label map's definition names its release.
const numbering = "brats-labels-%s/1"

// numbers returns, for each class, the number that it has in the files of the
// release that a sample's definitions name, or nil where they name none. A class
// that the release does not number has the number of what holds it there: a part
// of the tumour core that of non-enhancing tumour, of the gross tumour volume or
// of the necrotic core, whichever there is; all else that of the background.
func numbers(definitions []string) []uint8 {
	for _, r := range releases {
		if !slices.Contains(definitions, fmt.Sprintf(numbering, r.name)) {
			continue
		}
		out := make([]uint8, len(classNames()))
		for c := range out {
			out[c] = r.labels.number(uint8(c))
		}
		return out
	}
	return nil
}

// number returns the number of a class.
func (m labelMap) number(class uint8) uint8 {
	if i := slices.Index(m, class); i >= 0 {
		return uint8(i)
	}
	if !slices.Contains(core(), class) {
		return 0
	}
	for _, c := range []uint8{NonEnhancingTumour, GrossTumourVolume, NecroticCore} {
		if i := slices.Index(m, c); i >= 0 {
			return uint8(i)
		}
	}
	return 0
}

func findRelease(name string) (release, bool) {
	i := slices.IndexFunc(releases, func(r release) bool { return r.name == name })
	if i < 0 {
		return release{}, false
	}
	return releases[i], true
}

// hint says what to try where a label map has values that the release lacks.
func (r release) hint(v *sparse.Volume) string {
	if !wholeNumbers(v) {
		return "labels are whole numbers from 0: resample label maps by nearest neighbour, without interpolation"
	}
	const other = "if the labels follow another release, pass --release NAME"
	switch {
	case slices.Equal(r.labels, classicLabels):
		return other + ": 3 is the enhancing tumour in 2023-gli"
	case r.name == "2023-gli":
		return other + ": 4 is the resection cavity in 2024-gli, the enhancing tumour in 2021"
	}
	return other
}

// wholeNumbers reports whether all values could be labels of some release.
func wholeNumbers(v *sparse.Volume) bool {
	isLabel := func(x float32) bool {
		return x >= 0 && float64(x) == math.Trunc(float64(x)) && !math.IsInf(float64(x), 0)
	}
	return isLabel(v.Background) && !slices.ContainsFunc(v.Values, func(x float32) bool { return !isLabel(x) }) &&
		!slices.ContainsFunc(v.Codes, func(c int16) bool { return c < 0 })
}

// identity is what a case's name tells. The zero identity is that of a name
// that belongs to no release.
type identity struct {
	release string // where the name alone tells it: "2018", "msd"
	kind    string // the part of the challenge since 2023: "gli", "ped", "men-rt"
	patient string // the group; never empty for a known name
	site    string
	time    int // the time point of kind "gli"
}

var (
	siteName  = regexp.MustCompile(`(?i)^brats(17|18|19)_([a-z0-9]+)_([a-z0-9]+)_(\d+)$`)
	name2020  = regexp.MustCompile(`(?i)^brats20_(training|validation|testing)_(\d+)$`)
	name2021  = regexp.MustCompile(`(?i)^brats2021_(\d+)$`)
	radioName = regexp.MustCompile(`(?i)^brats-men-rt-(\d+)-(\d+)$`)
	kindName  = regexp.MustCompile(`(?i)^brats-(gli|men|met|mets|ped|peds|ssa|goat)-(\d+)(?:-(\d+))?$`)
	msdName   = regexp.MustCompile(`^BRATS_(\d+)$`)
)

// parseName reads the name of a case.
func parseName(name string) identity {
	if m := siteName.FindStringSubmatch(name); m != nil {
		return identity{release: "20" + m[1], patient: m[2] + "_" + m[3], site: m[2]}
	}
	if m := name2020.FindStringSubmatch(name); m != nil {
		return identity{release: "2020", patient: name}
	}
	if m := name2021.FindStringSubmatch(name); m != nil {
		return identity{release: "2021", patient: name}
	}
	if m := radioName.FindStringSubmatch(name); m != nil {
		return identity{kind: "men-rt", patient: "MEN-RT-" + m[1]}
	}
	if m := kindName.FindStringSubmatch(name); m != nil {
		kind := strings.TrimSuffix(strings.ToLower(m[1]), "s") // PEDs, METs
		t, err := strconv.Atoi(m[3])
		if err != nil {
			t = 0 // no time point, or one beyond all sense
		}
		return identity{kind: kind, patient: strings.ToUpper(kind) + "-" + m[2], time: t}
	}
	return identity{}
}

// known reports whether the name belongs to a release at all.
func (id identity) known() bool { return id.patient != "" }

// resolve returns the release of a case. above has the names of the folders
// over it, nearest first. It errs where the numbering of labels can't be told.
func resolve(id identity, above []string) (release, error) {
	if id.release != "" {
		r, _ := findRelease(id.release)
		return r, nil
	}
	year, kind := yearAbove(above)
	if id.kind != "" {
		kind = id.kind
	}
	if kind == "gli" && id.time >= 100 && year < 2024 {
		year = 2024 // scans after treatment began then
	}
	if kind != "" {
		if r, ok := findRelease(fmt.Sprintf("%d-%s", year, kind)); ok {
			return r, nil
		}
	}
	switch {
	case kind == "ped":
		return release{}, fmt.Errorf("the paediatric releases of 2023 and of 2024 number labels differently, and no folder above tells the year")
	case kind != "":
		// One numbering in all years, or a superset in the later ones.
		for _, r := range releases {
			if strings.HasSuffix(r.name, "-"+kind) {
				return r, nil
			}
		}
	case year >= 2017 && year <= 2021:
		r, ok := findRelease(strconv.Itoa(year))
		if ok {
			return r, nil
		}
	case year >= 2023:
		return release{}, fmt.Errorf("a folder above says BraTS %d, and neither it nor the case's name tells which part of it (GLI, PED, ...)", year)
	}
	return releases[0], nil
}

var (
	yearWord = regexp.MustCompile(`(?:^|\D)(20(?:1[7-9]|2[0-5]))(?:\D|$)`)
	kindWord = regexp.MustCompile(`(?i)(?:^|[-_ ])(gli|men-rt|men|mets?|peds?|ssa|goat)(?:$|[-_ ])`)
)

// yearAbove returns the year, and the part of the challenge, that the nearest
// folder above names; only folders that name the challenge count.
func yearAbove(above []string) (year int, kind string) {
	for _, dir := range above {
		if !strings.Contains(strings.ToLower(dir), "brats") {
			continue
		}
		m := yearWord.FindStringSubmatch(dir)
		if m == nil {
			continue
		}
		year, _ = strconv.Atoi(m[1]) // four digits by the pattern
		if k := kindWord.FindStringSubmatch(dir); k != nil {
			kind = strings.TrimSuffix(strings.ToLower(k[1]), "s")
		}
		return year, kind
	}
	return 0, ""
}

// anomaly is a known oddity of a published case.
type anomaly struct {
	file string // the file as published
	role int    // what it is, where its name does not tell
	note string // what is known of it, where it is broken
}

// anomalies by case name.
var anomalies = map[string][]anomaly{
	// The label map kept the name it had before anonymisation.
	"BraTS20_Training_355": {
		{file: "W39_1998.09.19_Segm.nii", role: target},
		{file: "W39_1998.09.19_Segm.nii.gz", role: target},
	},
	// https://github.com/shaohao011/BrainMVP/issues/7
	"BraTS-MET-00232-000": {
		{file: "BraTS-MET-00232-000-t2w.nii.gz", role: T2, note: "known to be corrupt in some downloads of the release"},
	},
}

// official2018 are the cases that the MCKD paper held out for its meta step
// (datalist/BraTS18: BraTS18_metaVal.csv).
var official2018 = []string{
	"CBICA_AQQ_1", "2013_10_1", "2013_15_1", "TCIA09_141_1", "TCIA13_645_1",
}

// official returns the published split of a case of 2018, "" for all others.
func official(name string, id identity, labelled bool) string {
	switch {
	case id.release != "2018":
		return ""
	case !labelled:
		return "test"
	case slices.Contains(official2018, name[len("Brats18_"):]):
		return "val"
	}
	return "train"
}
