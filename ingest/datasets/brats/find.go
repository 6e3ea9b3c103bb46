package brats

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
)

// Limits of the search. A download of BraTS is three folders deep and has some
// thousand folders; the limits end a search that was started in the wrong place
// or follows a link in a circle.
const (
	maxDepth   = 6
	maxFolders = 200_000
)

// roles are the endings of file names, by role.
var roles = []struct {
	role    int
	endings []string
}{
	{Flair, []string{"flair", "fla", "t2f"}},
	{T1ce, []string{"t1ce", "t1c", "t1gd"}},
	{T1, []string{"t1", "t1n", "t1w"}},
	{T2, []string{"t2", "t2w"}},
	{target, []string{"seg", "gtv"}},
}

func roleName(role int) string {
	if role == target {
		return "target"
	}
	return modalities.Name(role)
}

// trimNIfTI cuts the extension off; ok says whether there was one.
func trimNIfTI(name string) (stem string, ok bool) {
	for _, ext := range []string{".nii.gz", ".nii"} {
		if stem, ok = cutFold(name, ext); ok {
			return stem, true
		}
	}
	return name, false
}

// cutFold cuts an ASCII ending off, in upper or lower case. Names are bytes
// that need not be UTF-8, so they're never converted.
func cutFold(s, end string) (string, bool) {
	at := len(s) - len(end)
	if at < 0 || !strings.EqualFold(s[at:], end) {
		return s, false
	}
	return s[:at], true
}

// parseFile tells what a file is by its name: the stem is what stands before
// the role's ending, without the separator.
func parseFile(name string) (stem string, role int, ok bool) {
	base, ok := trimNIfTI(name)
	if !ok || strings.HasPrefix(name, ".") {
		return "", 0, false
	}
	for _, r := range roles {
		for _, end := range r.endings {
			stem, found := cutFold(base, end)
			if !found || stem != "" && !strings.ContainsAny(stem[len(stem)-1:], "_-. ") {
				continue
			}
			stem = strings.TrimRight(stem, "_-. ")
			if end == "flair" { // some name it T2_FLAIR
				if s, ok := cutFold(stem, "t2"); ok && (s == "" || strings.ContainsAny(s[len(s)-1:], "_-. ")) {
					stem = strings.TrimRight(s, "_-. ")
				}
			}
			return stem, r.role, true
		}
	}
	return "", 0, false
}

// found is a case as the search met it.
type found struct {
	name   string
	dir    string    // "." for the root
	files  [5]string // the path by role, "" where there is none
	packed string    // the 4-D file that stands for all modalities, "" mostly
	// problems are those that names alone show: two files for one modality, two
	// folders for one case.
	problems []ingest.Problem

	id      identity
	release release
	grade   string
}

func (c *found) labelled() bool { return c.files[target] != "" }

// add puts a file into its role.
func (c *found) add(role int, name string) {
	p := path.Join(c.dir, name)
	if old := c.files[role]; old != "" {
		c.problems = append(c.problems, ingest.Problem{
			Path: p, Kind: "duplicate",
			Reason: fmt.Sprintf("%s is a second file for %s, beside %s", path.Base(p), roleName(role), path.Base(old)),
			Fix:    "keep the one that is right and move the other away",
		})
		return
	}
	c.files[role] = p
}

// search walks the tree below the root.
type search struct {
	fsys    fs.FS
	root    string // the root's own name, "" where it is not known
	folders int
	cases   []*found
	tables  []string // name_mapping files
}

// dirList is what one folder holds, links followed.
type dirList struct {
	files, dirs []string // names, sorted
}

func (s *search) list(dir string) (dirList, error) {
	entries, err := fs.ReadDir(s.fsys, dir) // sorted by name
	if err != nil {
		return dirList{}, fmt.Errorf("brats: looking into %s: %w", dir, err)
	}
	var l dirList
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "__MACOSX") {
			continue
		}
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := fs.Stat(s.fsys, path.Join(dir, name))
			if err != nil {
				continue // a link to nowhere: the file is absent
			}
			isDir = info.IsDir()
		}
		if isDir {
			l.dirs = append(l.dirs, name)
		} else {
			l.files = append(l.files, name)
		}
	}
	return l, nil
}

// walk visits dir and what is below it. It reports whether dir itself is the
// folder of a case, or else hollow: where a case should perhaps have been,
// which the folder above can tell.
func (s *search) walk(ctx context.Context, dir string, depth int) (isCase, hollow bool, err error) {
	if ctx.Err() != nil {
		return false, false, context.Cause(ctx)
	}
	if s.folders++; s.folders > maxFolders {
		return false, false, fmt.Errorf("brats: more than %d folders below the root: give a folder nearer to the cases", maxFolders)
	}
	l, err := s.list(dir)
	if err != nil {
		return false, false, err
	}
	s.noteTables(dir, l.files)
	if met, err := s.decathlon(dir, l); met || err != nil {
		return false, false, err
	}
	isCase = s.collect(dir, l)
	hollow = !isCase && len(l.dirs) == 0 && mayBeCase(l.files)
	if depth == maxDepth {
		return isCase, hollow, nil
	}
	var empties []string
	cases := 0
	for _, name := range l.dirs {
		sub := path.Join(dir, name)
		c, h, err := s.walk(ctx, sub, depth+1)
		switch {
		case err != nil:
			return false, false, err
		case c:
			cases++
		case h && parseName(name).known():
			s.cases = append(s.cases, &found{name: name, dir: sub})
		case h:
			empties = append(empties, sub)
		}
	}
	if cases > 0 {
		for _, sub := range empties {
			s.cases = append(s.cases, &found{name: path.Base(sub), dir: sub})
		}
	}
	return isCase, hollow, nil
}

// mayBeCase reports whether files that are no modalities could be what is left
// of a case: none, or not more NIfTI files than a case has.
func mayBeCase(files []string) bool {
	n := 0
	for _, f := range files {
		if _, ok := trimNIfTI(f); ok {
			n++
		}
	}
	return len(files) == 0 || n > 0 && n <= target+1
}

func (s *search) noteTables(dir string, files []string) {
	for _, f := range files {
		if strings.HasPrefix(f, "name_mapping") && strings.HasSuffix(f, ".csv") {
			s.tables = append(s.tables, path.Join(dir, f))
		}
	}
}

// entry is a file of a folder that plays a role in a case.
type entry struct {
	name, stem string
	role       int
}

// entriesOf tells which of a folder's files play which role, and the stems
// that their names begin with. base is the folder's name.
func entriesOf(base string, files []string) (entries []entry, stems []string) {
	for _, f := range files {
		stem, role, ok := parseFile(f)
		if !ok {
			continue
		}
		entries = append(entries, entry{f, stem, role})
		if !slices.Contains(stems, stem) {
			stems = append(stems, stem)
		}
	}
	for _, name := range append([]string{base}, stems...) {
		for _, a := range anomalies[name] {
			odd := !slices.ContainsFunc(entries, func(e entry) bool { return e.name == a.file })
			if odd && slices.Contains(files, a.file) {
				entries = append(entries, entry{a.file, name, a.role})
			}
		}
	}
	return entries, stems
}

// collect makes cases of the files that lie in dir, and reports whether dir is
// the folder of one case.
func (s *search) collect(dir string, l dirList) bool {
	base := path.Base(dir)
	if dir == "." {
		base = s.root
	}
	entries, stems := entriesOf(base, l.files)
	known := parseName(base).known()
	images := slices.ContainsFunc(entries, func(e entry) bool { return e.role != target })
	if len(entries) == 0 || !images && !known {
		return false // nothing, or a folder of label maps or predictions
	}

	single := known || len(stems) == 1 ||
		base != "" && slices.ContainsFunc(stems, func(t string) bool { return strings.EqualFold(t, base) })
	if single {
		c := &found{name: base, dir: dir}
		if len(stems) == 1 && !known && (base == "" || parseName(stems[0]).known()) {
			c.name = stems[0]
		}
		c.name = cmp.Or(c.name, "case")
		for _, e := range entries {
			c.add(e.role, e.name)
		}
		s.cases = append(s.cases, c)
		return true
	}
	for _, stem := range stems {
		c := &found{name: cmp.Or(stem, base, "case"), dir: dir}
		for _, e := range entries {
			if e.stem == stem {
				c.add(e.role, e.name)
			}
		}
		s.cases = append(s.cases, c)
	}
	return false
}

// decathlon makes cases of a folder of the Decathlon's Task01, which has
// imagesTr, labelsTr and imagesTs in it, and reports whether dir is one.
func (s *search) decathlon(dir string, l dirList) (met bool, err error) {
	for _, sub := range []string{"imagesTr", "imagesTs"} {
		if !slices.Contains(l.dirs, sub) {
			continue
		}
		images, err := s.list(path.Join(dir, sub))
		if err != nil {
			return met, err
		}
		var labels dirList
		if sub == "imagesTr" && slices.Contains(l.dirs, "labelsTr") {
			if labels, err = s.list(path.Join(dir, "labelsTr")); err != nil {
				return met, err
			}
		}
		for _, f := range images.files {
			name, ok := trimNIfTI(f)
			if !ok || !msdName.MatchString(name) {
				continue
			}
			met = true
			c := &found{name: name, dir: path.Join(dir, sub), packed: path.Join(dir, sub, f)}
			for _, lf := range labels.files {
				if t, ok := trimNIfTI(lf); ok && t == name {
					c.files[target] = path.Join(dir, "labelsTr", lf)
				}
			}
			s.cases = append(s.cases, c)
		}
	}
	return met, nil
}

// finish sorts the cases, joins those of one name and tells each its release.
// forced is the option's value, "auto" for none.
func (s *search) finish(forced string) error {
	slices.SortStableFunc(s.cases, func(a, b *found) int {
		return strings.Compare(a.name+"\x00"+a.dir, b.name+"\x00"+b.dir)
	})
	var out []*found
	for _, c := range s.cases {
		if n := len(out); n > 0 && out[n-1].name == c.name {
			out[n-1].problems = append(out[n-1].problems, ingest.Problem{
				Path: c.dir, Kind: "duplicate",
				Reason: fmt.Sprintf("case %s lies in %s too", c.name, out[n-1].dir),
				Fix:    "ingest the two folders one at a time, or move one away",
			})
			continue
		}
		out = append(out, c)
		if err := s.identify(c, forced); err != nil {
			return err
		}
	}
	s.cases = out
	return nil
}

// identify fills in what the case's name and the folders above it tell.
func (s *search) identify(c *found, forced string) error {
	above := strings.Split(c.dir, "/")
	slices.Reverse(above)
	above = append(above, s.root)
	for _, dir := range above {
		if up := strings.ToUpper(dir); up == "HGG" || up == "LGG" {
			c.grade = up
			break
		}
	}
	c.id = parseName(c.name)
	if c.packed != "" {
		c.id = identity{release: "msd", patient: c.name}
	}
	if c.id.patient == "" {
		c.id.patient = c.name
	}
	var err error
	if forced != "auto" {
		var ok bool
		if c.release, ok = findRelease(forced); !ok {
			return fmt.Errorf("brats: no release %q", forced)
		}
		return nil
	}
	c.release, err = resolve(c.id, above)
	if err != nil && c.labelled() {
		return fmt.Errorf("brats: %s: %w: pass --option release=..., one of %s", c.dir, err, strings.Join(releaseNames()[1:], ", "))
	}
	return nil
}

// releaseNames returns the values of the option, the default first.
func releaseNames() []string {
	names := []string{"auto"}
	for _, r := range releases {
		names = append(names, r.name)
	}
	return names
}
