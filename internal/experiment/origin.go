package experiment

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/internal/page"
	"github.com/lacuna-ml/lacuna/internal/version"
	"github.com/lacuna-ml/lacuna/train/rundir"
)

// Origin says what the figures of an experiment are of.
type Origin struct {
	// Protocol is the id under which they stand: the name of how they are made, the
	// manifest, and whatever is other than in the preset paper.
	Protocol    string   `json:"protocol"`
	Dataset     string   `json:"dataset"`
	Manifest    string   `json:"manifest"`    // id of the data set's manifest
	Definitions []string `json:"definitions"` // of the preprocessing, from there
	Preset      string   `json:"preset"`
	Epochs      int      `json:"epochs"` // 0: steps were asked for
	Steps       int      `json:"steps"`
	Batch       int      `json:"batch"`
	Seeds       int      `json:"seeds"` // from 1 on
	Device      string   `json:"device"`
	Program     string   `json:"program"`
}

// newOrigin is that of runs, given the configuration of one of them.
func newOrigin(protocol string, s lab.Spec, info rundir.Info, d *lab.Data, seeds int) (Origin, error) {
	preset, err := lab.Preset(s.Preset, d.Set, d.Manifest)
	if err != nil {
		return Origin{}, err
	}
	id := []string{protocol}
	if s.Preset != "paper" {
		id = append(id, "preset "+s.Preset)
	}
	switch {
	case s.Epochs != preset.Epochs && s.Epochs > 0:
		id = append(id, page.Count(s.Epochs, "epoch"))
	case s.Epochs == 0 && (preset.Epochs > 0 || s.Train.Steps != preset.Train.Steps):
		id = append(id, page.Count(s.Train.Steps, "step"))
	}
	if d.Set.Task == datasets.Classification { // volumes have too many to name
		id = append(id, d.Manifest.Definitions...)
	}
	o := Origin{
		Protocol: strings.Join(append(id, fmt.Sprintf("manifest %.12s", d.Manifest.ID)), ", "),
		Dataset:  s.Dataset, Manifest: d.Manifest.ID, Definitions: d.Manifest.Definitions,
		Preset: s.Preset, Epochs: s.Epochs, Steps: s.Train.Steps, Batch: s.Train.Batch, Seeds: seeds, Program: "lacuna " + version.Version,
	}
	if n := len(info.Starts); n > 0 {
		o.Device = info.Starts[n-1].Device
	}
	return o, nil
}

// length says how long each run is.
func (o Origin) length() string {
	steps := page.Count(o.Steps, "step") + " of " + page.Count(o.Batch, "sample")
	if o.Epochs > 0 {
		return page.Count(o.Epochs, "epoch") + ", " + steps
	}
	return steps
}

// seeds says from which seeds they are.
func (o Origin) seeds() string {
	if o.Seeds == 1 {
		return "seed 1"
	}
	return "seeds 1 to " + strconv.Itoa(o.Seeds)
}

// String is a line about it.
func (o Origin) String() string {
	return fmt.Sprintf("data %s (manifest %.12s; %s); preset %s; %s each; %s; %s; %s", o.Dataset, o.Manifest,
		strings.Join(o.Definitions, ", "), o.Preset, o.length(), o.seeds(), o.Device, o.Program)
}

// originHead and cells are columns that stand in every row of a CSV file.
var originHead = [...]string{"protocol", "manifest", "preset", "epochs", "steps", "seeds"}

func (o Origin) cells() []string {
	return []string{o.Protocol, o.Manifest, o.Preset, strconv.Itoa(o.Epochs), strconv.Itoa(o.Steps), strconv.Itoa(o.Seeds)}
}
