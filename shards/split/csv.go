package split

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
)

// maxCSV bounds a list: a million subjects with names of 60 bytes.
const maxCSV = 128 << 20

// WriteCSV writes one line a subject, sorted by key, under the header
// "subject,group,stratum,split".
func (a *Assignment) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	lines := [][]string{{"subject", "group", "stratum", "split"}}
	for _, r := range a.rows {
		lines = append(lines, []string{r.key.Subject, r.group, r.stratum, r.split.String()})
	}
	if err := c.WriteAll(lines); err != nil {
		return fmt.Errorf("split: write CSV: %w", err)
	}
	return nil
}

// ReadCSV places the subjects of one data set as a list says that was written
// by [Assignment.WriteCSV] or by others: comma-separated, with a header that
// has a column "split" and a column "subject" or "group", in any order; other
// columns are not looked at. Subjects that it does not name get no split;
// lines about unknown subjects are passed over, unless all are. It errs, with
// the line, where the list tears a group or contradicts itself.
func ReadCSV(r io.Reader, subjects []ingest.Subject) (*Assignment, error) {
	groups, err := gather(subjects, 0)
	if err != nil {
		return nil, err
	}
	l := &list{subjects: map[string]string{}, groups: map[string]bool{}, placed: map[string]Split{}, lines: map[string]int{}}
	for _, g := range groups {
		l.groups[g.name] = true
		for _, s := range g.subjects {
			l.subjects[s.Key.Subject] = g.name
		}
	}
	bounded := &io.LimitedReader{R: r, N: maxCSV + 1}
	err = l.read(bounded)
	if bounded.N == 0 { // whatever the end of the cut line gave
		return nil, fmt.Errorf("split: a list of more than %d bytes", maxCSV)
	}
	if err != nil {
		return nil, err
	}
	if len(l.placed) == 0 {
		return nil, errors.New("split: the list names none of the subjects: is it of another data set?")
	}
	return assignment(groups, l.placed), nil
}

// list is a CSV being read.
type list struct {
	subjects map[string]string // group, by subject
	groups   map[string]bool
	placed   map[string]Split // by group
	lines    map[string]int   // the line that placed a group
}

func (l *list) read(r io.Reader) error {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	c.TrimLeadingSpace = true
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("split: the list is empty: want a header with split, and subject or group")
	}
	if err != nil {
		return fmt.Errorf("split: read CSV: %w", err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff") // spreadsheets put one there
	subject, group, split := slices.Index(head, "subject"), slices.Index(head, "group"), slices.Index(head, "split")
	if split < 0 || subject < 0 && group < 0 {
		return fmt.Errorf("split: the list's header is %.200q: want split, and subject or group", strings.Join(head, ","))
	}
	field := func(rec []string, i int) string {
		if i < 0 {
			return ""
		}
		return rec[i]
	}
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("split: read CSV: %w", err) // csv's errors have the line
		}
		line, _ := c.FieldPos(0)
		if err := l.add(line, field(rec, subject), field(rec, group), rec[split]); err != nil {
			return fmt.Errorf("split: CSV line %d: %w", line, err)
		}
	}
}

func (l *list) add(line int, subject, group, split string) error {
	sp, err := Parse(split)
	if err != nil {
		return err
	}
	if subject == "" && group == "" {
		return errors.New("neither subject nor group")
	}
	if subject != "" {
		own, ok := l.subjects[subject]
		if !ok {
			return nil
		}
		if group != "" && group != own {
			return fmt.Errorf("subject %q is of group %q here, of %q in the data set", subject, group, own)
		}
		group = own
	}
	if !l.groups[group] {
		return nil
	}
	if had, ok := l.placed[group]; ok && had != sp {
		return fmt.Errorf("group %q goes to %s, but line %d sent it to %s", group, sp, l.lines[group], had)
	}
	l.placed[group], l.lines[group] = sp, line
	return nil
}
