package brats

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest/datasets"
)

// maxTable bounds a name_mapping.csv; the real ones have less than 50 KB.
const maxTable = 4 << 20

// mapping is what name_mapping.csv tells of a case.
type mapping struct {
	grade   string
	patient string // as an older release names it, "" if unknown
	site    string
}

// readMapping reads a name_mapping.csv of 2019 or 2020 into m. Its columns are
// found by their heads: Grade, and one <release>_subject_ID for each release
// that a patient was in.
func readMapping(fsys fs.FS, name string, m map[string]mapping) (err error) {
	f, err := datasets.OpenRegular(fsys, name)
	if err != nil {
		return fmt.Errorf("brats: opening the table of names: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if st, err := f.Stat(); err != nil {
		return fmt.Errorf("brats: %s: %w", name, err)
	} else if st.Size() > maxTable {
		return fmt.Errorf("brats: %s has %d bytes, no table of names has more than %d: move it away", name, st.Size(), maxTable)
	}
	r := csv.NewReader(io.LimitReader(f, maxTable))
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	grade := -1
	var ids []int
	for line := 0; ; line++ {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("brats: %s: %w: repair the table or move it away", name, err)
		}
		if line == 0 {
			for i, h := range rec {
				h = strings.ToLower(strings.TrimPrefix(h, "\ufeff"))
				if h == "grade" {
					grade = i
				} else if strings.HasPrefix(h, "brats") && strings.HasSuffix(h, "subject_id") {
					ids = append(ids, i)
				}
			}
			continue
		}
		addMapping(rec, grade, ids, m)
	}
}

// addMapping puts one row into m, under the name of every release in it.
func addMapping(rec []string, grade int, ids []int, m map[string]mapping) {
	var row mapping
	if grade >= 0 && grade < len(rec) && (rec[grade] == "HGG" || rec[grade] == "LGG") {
		row.grade = rec[grade]
	}
	for _, i := range ids {
		if i < len(rec) {
			if id := parseName(rec[i]); id.site != "" && row.patient == "" {
				row.patient, row.site = id.patient, id.site
			}
		}
	}
	for _, i := range ids {
		if i < len(rec) && parseName(rec[i]).known() {
			m[rec[i]] = row
		}
	}
}
