package brats

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
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

// halfOfPair tells what a half of a .hdr/.img pair would be, by its name.
func halfOfPair(name string) (stem string, role int, ok bool) {
	base, _ := cutFold(name, ".gz")
	for _, ext := range []string{".hdr", ".img"} {
		if half, found := cutFold(base, ext); found {
			return parseFile(half + ".nii")
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
			if isDir = err == nil && info.IsDir(); isDir {
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
		s.cases = append(s.cases, &found{name: path.Base(dir), dir: dir, problems: []ingest.Problem{{
			Path: dir, Kind: "unreadable", Reason: err.Error(), Fix: "make the folder readable, or move it away",
		}}})
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

// entry is a file of a folder that plays a role in a case.
type entry struct {
	name, stem string
	role       int
	// What is wrong with it, so that it can't be read, or odd; the zero Problem
	// where nothing is.
	refused, odd ingest.Problem
}

// entriesOf tells what in a folder plays which role, and the stems that the
// names begin with. base is the folder's name.
func (s *search) entriesOf(dir, base string, l dirList) (entries []entry, stems []string) {
	files := l.files
	add := func(e entry) {
		entries = append(entries, e)
		if !slices.Contains(stems, e.stem) {
			stems = append(stems, e.stem)
		}
	}
	for _, f := range files {
		if stem, role, ok := parseFile(f); ok {
			add(entry{name: f, stem: stem, role: role})
		}
	}
	for _, d := range l.dirs {
		if stem, role, ok := parseFile(d); ok {
			add(s.volumeFolder(dir, entry{name: d, stem: stem, role: role}))
		}
	}
	for _, f := range files {
		stem, role, ok := halfOfPair(f)
		if ok && !slices.ContainsFunc(entries, func(e entry) bool { return e.stem == stem && e.role == role }) {
			add(entry{name: f, stem: stem, role: role, refused: ingest.Problem{
				Path: path.Join(dir, f), Kind: "unsupported", Reason: "is half of a .hdr/.img pair, which is not read here",
				Fix: "convert the pair to one .nii.gz",
			}})
		}
	}
	for _, name := range append([]string{base}, stems...) {
		for _, a := range anomalies[name] {
			odd := !slices.ContainsFunc(entries, func(e entry) bool { return e.name == a.file })
			if odd && slices.Contains(files, a.file) {
				entries = append(entries, entry{name: a.file, stem: name, role: a.role})
			}
		}
	}
	return entries, stems
}

// volumeFolder looks into a folder that has the name of a file. Some copies of
// BraTS have each file in a folder of its own name.
func (s *search) volumeFolder(dir string, e entry) entry {
	p := path.Join(dir, e.name)
	l, err := s.list(p)
	var inside []string
	for _, f := range l.files {
		if _, ok := trimNIfTI(f); ok {
			inside = append(inside, f)
		}
	}
	switch {
	case err != nil:
		e.refused = ingest.Problem{Path: p, Kind: "unreadable", Reason: err.Error(), Fix: "make the folder readable, or move it away"}
	case len(inside) != 1:
		e.refused = ingest.Problem{Path: p, Kind: "not-a-file",
			Reason: fmt.Sprintf("is a folder, not a file, and has %d NIfTI files in it", len(inside)),
			Fix:    "put the one file that is meant in its place"}
	default:
		e.odd = ingest.Problem{Path: p, Kind: "not-a-file", Reason: "is a folder, not a file; the one NIfTI file in it, " + inside[0] + ", is used"}
		e.name = path.Join(e.name, inside[0])
	}
	return e
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

// noteStems warns of files that are named as of another case than the others:
// than the folder, or else than most.
func (c *found) noteStems(base string, entries []entry) {
	counts := map[string]int{}
	for _, e := range entries {
		counts[strings.ToLower(e.stem)]++
	}
	main := entries[0].stem
	for _, e := range entries {
		if strings.EqualFold(e.stem, base) {
			main = e.stem
			break
		}
		if counts[strings.ToLower(e.stem)] > counts[strings.ToLower(main)] {
			main = e.stem
		}
	}
	for _, e := range entries {
		known := slices.ContainsFunc(anomalies[c.name], func(a anomaly) bool { return a.file == e.name })
		if known || e.refused.Kind != "" || strings.EqualFold(e.stem, main) {
			continue
		}
		c.warnings = append(c.warnings, ingest.Problem{
			Path: path.Join(c.dir, e.name), Kind: "name",
			Reason: fmt.Sprintf("is named after %q, the case's other files after %q: it may be of another case", e.stem, main),
			Fix:    "look whether it is this case's, and rename it or move it away",
		})
	}
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
