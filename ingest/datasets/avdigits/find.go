package avdigits

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of the search, so that it ends when it was started in the wrong place.
const (
	maxDepth   = 4
	maxEntries = 1_000_000
)

// walk calls visit with every file below the root, but for hidden ones, in
// lexical order.
func walk(ctx context.Context, fsys fs.FS, visit func(p string) error) error {
	entries := 0
	return fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case p == ".":
			return nil
		}
		if entries++; entries > maxEntries {
			return fmt.Errorf("more than %d files: give the folder of the data set itself", maxEntries)
		}
		if d.IsDir() && clipName.MatchString(d.Name()) {
			if err := visit(p); err != nil { // a clip that can't be read, and not one that is absent
				return err
			}
			return fs.SkipDir
		}
		hidden := strings.HasPrefix(d.Name(), ".")
		if d.IsDir() {
			if hidden || strings.Count(p, "/") >= maxDepth {
				return fs.SkipDir
			}
			return nil
		}
		if hidden {
			return nil
		}
		return visit(p)
	})
}

// clip is one WAV file, known by its name.
type clip struct {
	digit   uint8
	speaker string
	index   int
	path    string // empty where the file isn't there
}

func (c clip) name() string { return fmt.Sprintf("%d_%s_%d", c.digit, c.speaker, c.index) }

// clipName is what a clip's file is called. An index with a leading zero is no
// clip's: 07 and 7 would be one subject. Case doesn't matter.
var clipName = regexp.MustCompile(`^(?i)([0-9])_([a-z][a-z0-9-]*)_(0|[1-9][0-9]{0,5})\.wav$`)

// clips is what a folder holds.
type clips struct {
	list []clip   // by digit, speaker, index
	odd  []string // WAV files with other names
}

func findClips(ctx context.Context, fsys fs.FS) (*clips, error) {
	found := &clips{}
	err := walk(ctx, fsys, func(p string) error {
		base := path.Base(p)
		if m := clipName.FindStringSubmatch(base); m != nil {
			index, err := strconv.Atoi(m[3])
			found.list = append(found.list, clip{m[1][0] - '0', strings.ToLower(m[2]), index, p})
			return err
		}
		if strings.EqualFold(path.Ext(base), ".wav") {
			found.odd = append(found.odd, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(found.list) == 0 {
		return nil, errors.New("no <digit>_<speaker>_<index>.wav here or in folders down to four levels below: give FSDD's folder (links to folders are not followed)")
	}
	slices.SortFunc(found.list, func(a, b clip) int {
		return cmp.Or(cmp.Compare(a.digit, b.digit), strings.Compare(a.speaker, b.speaker), cmp.Compare(a.index, b.index), strings.Compare(a.path, b.path))
	})
	for i, c := range found.list[1:] {
		if d := found.list[i]; d.name() == c.name() {
			return nil, fmt.Errorf("%s and %s are one clip: give the folder that holds it once", d.path, c.path)
		}
	}
	return found, nil
}

// mnist is one of MNIST's two sets, by its files' paths. The zero value stands
// for a set that isn't there.
type mnist struct {
	images string // where it is or would be
	labels string
}

var mnistName = regexp.MustCompile(`^(?i)(train|t10k)(-[a-z0-9]+)?-(images[-.]idx3|labels[-.]idx1)-ubyte(\.gz)?$`)

// findMNIST returns the train and the test set of a folder. Without the train
// set's labels there is nothing to pair.
func findMNIST(ctx context.Context, fsys fs.FS) ([2]mnist, error) {
	type key struct{ set, folder, word string }
	found := map[key]*mnist{}
	var keys []key
	err := walk(ctx, fsys, func(p string) error {
		m := mnistName.FindStringSubmatch(path.Base(p))
		for i := range m {
			m[i] = strings.ToLower(m[i])
		}
		if m == nil {
			return nil
		}
		k := key{m[1], path.Dir(p), m[2]}
		if found[k] == nil {
			found[k] = &mnist{}
			keys = append(keys, k)
		}
		f := &found[k].images
		if strings.HasPrefix(m[3], "labels") {
			f = &found[k].labels
		}
		if *f == "" { // the plain file comes before its compressed twin, and counts
			*f = p
		}
		return nil
	})
	if err != nil {
		return [2]mnist{}, err
	}
	// The plain name first, then by text.
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(strings.Compare(a.word, b.word), strings.Compare(a.folder, b.folder))
	})
	var sets [2]mnist
	for i, set := range []string{"train", "t10k"} {
		var first *key
		for _, k := range keys {
			switch {
			case k.set != set:
			case found[k].labels == "":
				return sets, fmt.Errorf("%s has no labels beside it: get %s-labels-idx1-ubyte.gz of the same set", found[k].images, k.set+k.word)
			case first == nil:
				first = &k
				sets[i] = *found[k]
			case first.folder != k.folder:
				return sets, fmt.Errorf("%s and %s both look like MNIST: give the folder of the one", first.folder, k.folder)
			}
		}
		if s := &sets[i]; first != nil && s.images == "" {
			s.images = path.Join(first.folder, set+first.word+"-images-idx3-ubyte.gz")
		}
	}
	if sets[0].labels == "" {
		return sets, errors.New("no train-labels-idx1-ubyte(.gz) here or in folders down to four levels below: give MNIST's folder (links to folders are not followed)")
	}
	return sets, nil
}
