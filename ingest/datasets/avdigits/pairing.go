package avdigits

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/idx"
)

// What the published pairs are made of.
const (
	paperIndices = 50 // clips a digit and speaker
	paperTest    = 15 // of them, the first
	paperVal     = 20 // below it and not test: val
	trainCount   = 60000
	testCount    = 10000
)

// maxWarned is how many files a pair warns of that are no part of any, so that a
// folder of other things doesn't flood the report.
const maxWarned = 20

var paperSpeakers = [...]string{"jackson", "nicolas", "theo"}

// The two sets of MNIST, as places in arrays.
const (
	trainSet = iota
	testSet
)

// pairing is the list of pairs, which never changes once it is made.
type pairing struct {
	definition string
	list       []*couple
	byName     map[string]*couple
}

// couple is one pair: a clip and a place in an MNIST set.
type couple struct {
	subject  ingest.Subject
	clip     clip
	set      int
	image    int // in the set; -1 for none
	warnings []ingest.Problem
}

// pair reads the labels and makes the pairs of the named rule.
func pair(rule string, c *clips, sets [2]mnist, images fs.FS) (*pairing, error) {
	var labels [2][]uint8
	for i, set := range sets {
		if set.labels == "" || rule == "full" && i == testSet {
			continue
		}
		var err error
		if labels[i], err = readLabels(images, set.labels); err != nil {
			return nil, err
		}
	}
	p := &pairing{definition: name + "-" + rule + "/1", byName: map[string]*couple{}}
	if rule == "paper" {
		p.paper(c, sets, labels)
	} else {
		p.full(c, labels[trainSet])
	}
	for _, path := range c.odd[:min(len(c.odd), maxWarned)] {
		p.list[0].warn(path, "name", "isn't named <digit>_<speaker>_<index>.wav and is left out", "rename it, or leave it")
	}
	for _, one := range p.list {
		p.byName[one.subject.Key.Subject] = one
	}
	return p, nil
}

func readLabels(fsys fs.FS, path string) (labels []uint8, err error) {
	_, err = hashing(fsys, path, func(r io.Reader) error {
		labels, err = idx.DecodeLabels(r, maxImages)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w: get MNIST's file", name, path, err)
	}
	return labels, nil
}

func newCouple(c clip, set int, official string) *couple {
	id := c.name()
	return &couple{
		clip: c, set: set, image: -1,
		subject: ingest.Subject{
			Key:      ingest.Key{Dataset: name, Subject: id},
			Group:    id,
			Stratum:  fmt.Sprintf("%d/%s", c.digit, c.speaker),
			Class:    int(c.digit),
			Domain:   c.speaker,
			Official: official,
		},
	}
}

func (c *couple) warn(path, kind, reason, fix string) {
	c.warnings = append(c.warnings, ingest.Problem{Path: path, Kind: kind, Reason: reason, Fix: fix})
}

// checkPaper errs where the clips are plainly not those of the published pairs.
func (c *clips) checkPaper() error {
	for _, who := range paperSpeakers {
		for _, part := range []struct {
			what     string
			from, to int
		}{{"test", 0, paperTest}, {"train", paperTest, paperIndices}} {
			if !slices.ContainsFunc(c.list, func(x clip) bool {
				return x.speaker == who && x.index >= part.from && x.index < part.to
			}) {
				return fmt.Errorf("no clip %d to %d of %s, which the pairing paper needs for %s: choose the pairing full, which takes what is there",
					part.from, part.to-1, who, part.what)
			}
		}
	}
	return nil
}

// paper makes the 1,500 published pairs.
func (p *pairing) paper(c *clips, sets [2]mnist, labels [2][]uint8) {
	there := map[string]clip{}
	for _, x := range c.list {
		there[x.name()] = x
	}
	train, test := asText(labels[trainSet]), asText(labels[testSet])
	places := testPlaces()
	for digit := range uint8(idx.Classes) {
		tail := test[digit][max(len(test[digit])-len(places), 0):]
		for s, who := range paperSpeakers {
			for index := range paperIndices {
				x := clip{digit: digit, speaker: who, index: index}
				x.path = there[x.name()].path
				var one *couple
				if index < paperTest {
					one = newCouple(x, testSet, "test")
					one.take(tail, places[[2]int{s, index}])
				} else {
					one = newCouple(x, trainSet, "train")
					if index < paperVal {
						one.subject.Official = "val"
					}
					one.take(train[digit], s*(paperIndices-paperTest)+index-paperTest)
				}
				one.checkPaper(sets[one.set], len(labels[one.set]))
				p.list = append(p.list, one)
			}
		}
	}
	p.noteBeyond(c)
}

// noteBeyond warns of clips that look like the published ones and are not.
func (p *pairing) noteBeyond(c *clips) {
	for _, x := range c.list {
		s := slices.Index(paperSpeakers[:], x.speaker)
		if s < 0 || x.index < paperIndices {
			continue
		}
		one := p.list[(int(x.digit)*len(paperSpeakers)+s)*paperIndices]
		if len(one.warnings) < maxWarned {
			one.warn(x.path, "extra", fmt.Sprintf("index %d: the published pairs end at %d, so it is left out", x.index, paperIndices-1),
				"choose the pairing full to use it")
		}
	}
}

// take gives the pair image k of the list, if there is one.
func (c *couple) take(list []int, k int) {
	if k < len(list) {
		c.image = list[k]
	}
}

// checkPaper warns of what keeps the pair from being the published one.
func (c *couple) checkPaper(set mnist, count int) {
	if c.clip.path == "" {
		c.warn("", "missing", "there is no "+c.clip.name()+".wav; the pair has no audio", "get the clip from FSDD")
	}
	want, which := trainCount, "train"
	if c.set == testSet {
		want, which = testCount, "test"
	}
	switch {
	case count == 0:
		c.warn("", "missing", "MNIST's test set isn't there; the pair has no image", "get t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz")
	case c.image < 0:
		c.warn(set.labels, "missing", fmt.Sprintf("holds too few images of digit %d; the pair has no image", c.clip.digit), "get the whole set")
	case count != want:
		c.warn(set.labels, "count", fmt.Sprintf("holds %d images, MNIST's %s set %d: the pair's image isn't the published one but that at its place among those there", count, which, want),
			"get the whole set")
	}
}

// testPlaces returns the place of each test clip, by speaker and index, among
// those of its digit sorted as text.
func testPlaces() map[[2]int]int {
	type named struct {
		name string
		clip [2]int
	}
	var all []named
	for s, who := range paperSpeakers {
		for i := range paperTest {
			all = append(all, named{fmt.Sprintf("%s_%d.wav", who, i), [2]int{s, i}})
		}
	}
	slices.SortFunc(all, func(a, b named) int { return strings.Compare(a.name, b.name) })
	places := map[[2]int]int{}
	for i, n := range all {
		places[n.clip] = i
	}
	return places
}

// byClass returns the places of each digit, in order.
func byClass(labels []uint8) (lists [idx.Classes][]int) {
	for i, l := range labels {
		lists[l] = append(lists[l], i)
	}
	return lists
}

// asText is byClass in the order of file names <place>.png.
func asText(labels []uint8) [idx.Classes][]int {
	lists := byClass(labels)
	for _, l := range lists {
		slices.SortFunc(l, func(a, b int) int { return strings.Compare(strconv.Itoa(a)+".png", strconv.Itoa(b)+".png") })
	}
	return lists
}

// full pairs every clip with an image of its own of the train set.
func (p *pairing) full(c *clips, labels []uint8) {
	lists := byClass(labels)
	for _, x := range c.list {
		p.list = append(p.list, newCouple(x, trainSet, ""))
	}
	order := slices.Clone(p.list)
	slices.SortStableFunc(order, func(a, b *couple) int {
		return cmp.Or(cmp.Compare(a.clip.index, b.clip.index), strings.Compare(a.clip.speaker, b.clip.speaker))
	})
	var taken [idx.Classes][]bool
	var left [idx.Classes]int
	for d, l := range lists {
		taken[d], left[d] = make([]bool, len(l)), len(l)
	}
	for _, one := range order {
		d := one.clip.digit
		if left[d] == 0 {
			one.warn("", "missing", fmt.Sprintf("all %d images of digit %d are taken; the pair has no image", len(lists[d]), d), "get a larger MNIST train set")
			continue
		}
		left[d]--
		h := sha256.Sum256([]byte(p.definition + "/" + one.clip.name()))
		k := int(binary.LittleEndian.Uint64(h[:]) % uint64(len(taken[d])))
		for taken[d][k] {
			k = (k + 1) % len(taken[d])
		}
		taken[d][k] = true
		one.image = lists[d][k]
	}
}
