package brats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
)

// Limits of the search. A download of BraTS is three folders deep and has some
// thousand folders; the limits end a search that was started in the wrong place
// or follows a link in a circle.
const (
	maxDepth   = 6
	maxFolders = 200_000
)

// found is a case as the search met it.
type found struct {
	name   string
	dir    string    // "." for the root
	files  [5]string // the path by role, "" where there is none
	packed string    // the 4-D file that stands for all modalities, "" mostly
	// problems are those that names alone show: two files for one modality, two
	// folders for one case. Warnings are likewise.
	problems, warnings []ingest.Problem

	id      identity
	release release
	grade   string
}

func (c *found) labelled() bool { return c.files[target] != "" }

// add puts a file into its role.
func (c *found) add(e entry) {
	role, p := e.role, path.Join(c.dir, e.name)
	if e.refused.Kind != "" {
		c.problems = append(c.problems, e.refused)
		return
	}
	if e.odd.Kind != "" {
		c.warnings = append(c.warnings, e.odd)
	}
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
	deeper  string   // a folder that has more below it than is looked at

	seen  map[int64][]fs.FileInfo // the folders visited, by time of change
	links []link                  // to folders, to be visited last
}

// link is a symbolic link to a folder.
type link struct {
	path  string
	depth int
}

// dirList is what one folder holds. What is no folder is a file here, be it a
// link to nothing or a pipe: reading it says what is wrong.
type dirList struct {
	files, dirs []string // names, sorted
	links       []string // those of the dirs that are links
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
			// A case that is a link to nothing is a folder that can't be listed.
			if isDir = err == nil && info.IsDir() || err != nil && parseName(name).known(); isDir {
				l.links = append(l.links, name)
			}
		}
		if isDir {
			l.dirs = append(l.dirs, name)
		} else {
			l.files = append(l.files, name)
		}
	}
	return l, nil
}

// run visits everything, links to folders last, so that a folder is known by
// its own name rather than by that of a link to it.
func (s *search) run(ctx context.Context) error {
	s.seen = map[int64][]fs.FileInfo{}
	if _, _, err := s.walk(ctx, ".", 0); err != nil {
		return err
	}
	for len(s.links) > 0 {
		l := s.links[0]
		s.links = s.links[1:]
		_, hollow, err := s.walk(ctx, l.path, l.depth)
		if err != nil {
			return err
		}
		if base := path.Base(l.path); hollow && parseName(base).known() {
			s.cases = append(s.cases, &found{name: base, dir: l.path})
		}
	}
	return nil
}

// met reports whether dir is a folder that was visited before, by another way.
// Where the file system is not the operating system's it can't be told.
func (s *search) met(dir string) bool {
	info, err := fs.Stat(s.fsys, dir)
	if err != nil {
		return false // listing it says why
	}
	at := info.ModTime().UnixNano()
	if slices.ContainsFunc(s.seen[at], func(other fs.FileInfo) bool { return os.SameFile(info, other) }) {
		return true
	}
	s.seen[at] = append(s.seen[at], info)
	return false
}

// unreadable is the problem of a folder that can't be listed.
func unreadable(dir string, err error) ingest.Problem {
	if errors.Is(err, fs.ErrNotExist) {
		return ingest.Problem{Path: dir, Kind: "link", Reason: datasets.ErrDangling.Error(), Fix: datasets.FetchHint}
	}
	return ingest.Problem{Path: dir, Kind: "unreadable", Reason: err.Error(), Fix: "make the folder readable, or move it away"}
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
	if s.met(dir) {
		return false, false, nil
	}
	l, err := s.list(dir)
	if err != nil && dir != "." {
		s.cases = append(s.cases, &found{name: path.Base(dir), dir: dir, problems: []ingest.Problem{unreadable(dir, err)}})
		return true, false, nil
	}
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
		if s.deeper == "" && len(l.dirs) > 0 {
			s.deeper = dir
		}
		return isCase, hollow, nil
	}
	var empties []string
	cases := 0
	for _, name := range l.dirs {
		sub := path.Join(dir, name)
		if _, _, ok := parseFile(name); ok {
			continue // it stands for a file, see volumeFolder
		}
		if slices.Contains(l.links, name) {
			s.links = append(s.links, link{sub, depth + 1})
			continue
		}
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

// collect makes cases of the files that lie in dir, and reports whether dir is
// the folder of one case.
func (s *search) collect(dir string, l dirList) bool {
	base := path.Base(dir)
	if dir == "." {
		base = s.root
	}
	entries, stems := s.entriesOf(dir, base, l)
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
			c.add(e)
		}
		c.noteStems(base, entries)
		s.cases = append(s.cases, c)
		return true
	}
	for _, stem := range stems {
		c := &found{name: cmp.Or(stem, base, "case"), dir: dir}
		for _, e := range entries {
			if e.stem == stem {
				c.add(e)
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
		for _, f := range slices.Concat(images.files, images.dirs) {
			name, ok := trimNIfTI(f)
			if !ok || !msdName.MatchString(name) {
				continue
			}
			met = true
			c := &found{name: name, dir: path.Join(dir, sub)}
			c.packed = s.packed(c, c.dir, f, images)
			for _, lf := range slices.Concat(labels.files, labels.dirs) {
				if t, ok := trimNIfTI(lf); ok && t == name {
					c.files[target] = s.packed(c, path.Join(dir, "labelsTr"), lf, labels)
				}
			}
			s.cases = append(s.cases, c)
		}
	}
	return met, nil
}

// packed returns the path of a file of the Decathlon, and "" with a problem of
// the case where a folder in its place has no single file.
func (s *search) packed(c *found, dir, name string, l dirList) string {
	e := entry{name: name}
	if slices.Contains(l.dirs, name) {
		e = s.volumeFolder(dir, e)
	}
	if e.odd.Kind != "" {
		c.warnings = append(c.warnings, e.odd)
	}
	if e.refused.Kind != "" {
		c.problems = append(c.problems, e.refused)
		return ""
	}
	return path.Join(dir, e.name)
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
		c.problems = append(c.problems, ingest.Problem{
			Path: c.dir, Kind: "release", Reason: err.Error(),
			Fix: fmt.Sprintf("pass --release NAME, one of %s, or put the case below a folder with the year in its name, as BraTS2024-PED",
				strings.Join(releaseNames()[1:], ", ")),
		})
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
