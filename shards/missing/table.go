package missing

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// Table is a fixed list of masks by subject. None is empty.
type Table map[string]modality.Mask

// maxCSV bounds a list: a million subjects with lines of 128 bytes.
const maxCSV = 128 << 20

// Policy returns the policy that keeps what t lists. A subject that t does not
// name, or that has none of what t lists for it, keeps all.
func (t Table) Policy() Policy {
	t = maps.Clone(t)
	return func(k ingest.Key, present modality.Mask) modality.Mask {
		if kept := t[k.Subject] & present; kept != 0 {
			return kept
		}
		return present
	}
}

// WriteCSV writes the header "subject,present" and one line a subject, sorted:
// "BraTS20_Training_001,flair+t2".
func (t Table) WriteCSV(w io.Writer, mods modality.Set) error {
	lines := [][]string{{"subject", "present"}}
	for _, s := range slices.Sorted(maps.Keys(t)) {
		if t[s] == 0 || t[s]&^mods.Full() != 0 {
			return fmt.Errorf("missing: subject %q has the mask %s, which is none of %s", s, mods.Format(t[s]), mods.Format(mods.Full()))
		}
		lines = append(lines, []string{s, mods.Format(t[s])})
	}
	if err := csv.NewWriter(w).WriteAll(lines); err != nil {
		return fmt.Errorf("missing: write CSV: %w", err)
	}
	return nil
}

// ReadCSV reads a list of masks: comma-separated, with a header that has
// "subject" and either "present", as [Table.WriteCSV] writes it, or one column
// for each modality with 0 and 1; other columns are not looked at. It errs, with
// the line, on a mask without any modality, and on a subject with two masks.
func ReadCSV(r io.Reader, mods modality.Set) (Table, error) {
	bounded := &io.LimitedReader{R: r, N: maxCSV + 1}
	t, err := readCSV(bounded, mods)
	if bounded.N == 0 { // whatever the end of the cut line gave
		return nil, fmt.Errorf("missing: a list of more than %d bytes", maxCSV)
	}
	return t, err
}

func readCSV(r io.Reader, mods modality.Set) (Table, error) {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	c.TrimLeadingSpace = true
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("missing: the list is empty: want a header with subject and present")
	}
	if err != nil {
		return nil, fmt.Errorf("missing: read CSV: %w", err)
	}
	subject, mask, err := columns(head, mods)
	if err != nil {
		return nil, err
	}
	t, lines := Table{}, map[string]int{}
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("missing: read CSV: %w", err) // csv's errors have the line
		}
		line, _ := c.FieldPos(0)
		m, err := mask(rec)
		name := rec[subject]
		switch {
		case err != nil:
			return nil, fmt.Errorf("missing: CSV line %d: %w", line, err)
		case name == "":
			return nil, fmt.Errorf("missing: CSV line %d: no subject", line)
		case m == 0:
			return nil, fmt.Errorf("missing: CSV line %d: subject %q keeps nothing: leave it out of the data set instead", line, name)
		case t[name] != 0 && t[name] != m:
			return nil, fmt.Errorf("missing: CSV line %d: subject %q keeps %s, but line %d said %s", line, name, mods.Format(m), lines[name], mods.Format(t[name]))
		}
		t[name], lines[name] = m, line
	}
}

// columns returns the place of the subject and a reader of the mask, for lines
// under the header head.
func columns(head []string, mods modality.Set) (subject int, mask func(rec []string) (modality.Mask, error), err error) {
	head[0] = strings.TrimPrefix(head[0], "\ufeff") // spreadsheets put one there
	subject = slices.Index(head, "subject")
	if subject < 0 {
		return 0, nil, fmt.Errorf("missing: the list's header is %.200q: want subject and present", strings.Join(head, ","))
	}
	if present := slices.Index(head, "present"); present >= 0 {
		return subject, func(rec []string) (modality.Mask, error) { return mods.Parse(rec[present]) }, nil
	}
	at := make([]int, mods.Len())
	for i := range at {
		if at[i] = slices.Index(head, mods.Name(i)); at[i] < 0 {
			return 0, nil, fmt.Errorf("missing: the list's header is %.200q: want present, or one column for each of %s", strings.Join(head, ","), strings.Join(mods.Names(), ", "))
		}
	}
	return subject, func(rec []string) (m modality.Mask, err error) {
		for i, c := range at {
			switch rec[c] {
			case "1":
				m = m.With(i)
			case "0":
			default:
				return 0, fmt.Errorf("%s is %q, want 0 or 1", mods.Name(i), rec[c])
			}
		}
		return m, nil
	}, nil
}
