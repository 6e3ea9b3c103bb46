package brats

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
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
	add := func(e entry) { entries = append(entries, e) }
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
	for i, e := range entries {
		entries[i].stem = longStem(e, entries)
		if !slices.Contains(stems, entries[i].stem) {
			stems = append(stems, entries[i].stem)
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

// longStem returns the stem of an entry: that of a file X_t2_flair is X, unless
// other files of the folder say that the case is X_t2.
func longStem(e entry, all []entry) string {
	name, _ := trimNIfTI(path.Dir(e.name))
	if name == "." {
		name, _ = trimNIfTI(e.name)
	}
	long, ok := cutFold(name, "flair")
	long = strings.TrimRight(long, "_-. ")
	if ok && e.role == Flair && slices.ContainsFunc(all, func(o entry) bool { return o.role != Flair && o.stem == long }) {
		return long
	}
	return e.stem
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
		e.refused = unreadable(p, err)
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
