package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/shardtool/sheet"
	"github.com/lacuna-ml/lacuna/validate"
)

// examplesName is the folder of examples beside a validation's tables, and
// galleryName the list of what is in it.
const (
	examplesName = "examples"
	galleryName  = "examples.json"
)

// gallery is examples for people: pictures of samples, and what was predicted.
type gallery struct {
	Groups []group `json:"groups"`
}

type group struct {
	Title    string    `json:"title"`
	Text     string    `json:"text"`
	Pictures []picture `json:"pictures"`
}

// picture is a PNG with what is said of it.
type picture struct {
	File    string `json:"file"`
	Caption string `json:"caption"`
	Width   int    `json:"width"` // in a page, in its pixels
	png     []byte
}

// write replaces the folder of examples in dir.
func (g gallery) write(dir string) error {
	d, err := atomicfile.NewDir(filepath.Join(dir, examplesName))
	if err != nil {
		return err
	}
	defer func() { _ = d.Abort() }() // nothing after Commit
	for i := range g.Groups {
		for k := range g.Groups[i].Pictures {
			p := &g.Groups[i].Pictures[k]
			p.File = fmt.Sprintf("%d-%d.png", i+1, k+1)
			if err := os.WriteFile(filepath.Join(d.Path(), p.File), p.png, 0o666); err != nil {
				return err
			}
		}
	}
	text, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.Path(), galleryName), append(text, '\n'), 0o666); err != nil {
		return err
	}
	return d.Commit(true)
}

// readGallery reads the examples in dir; there may be none.
func readGallery(dir string) (g gallery, err error) {
	dir = filepath.Join(dir, examplesName)
	text, err := os.ReadFile(filepath.Join(dir, galleryName))
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		return g, fmt.Errorf("%s: %w", filepath.Join(dir, galleryName), err)
	}
	for i := range g.Groups {
		for k := range g.Groups[i].Pictures {
			p := &g.Groups[i].Pictures[k]
			if p.png, err = os.ReadFile(filepath.Join(dir, filepath.Base(p.File))); err != nil {
				return g, err
			}
		}
	}
	return g, nil
}

// perGroup is how many samples of a kind are shown.
const perGroup = 4

// judged is one sample with the predictions for it.
type judged struct {
	key, class string
	items      []validate.Item // by combination, as far as there is one
	whole      int             // the item of the widest combination
}

// right reports whether the i-th prediction is.
func (s judged) right(i int) bool { return s.items[i].Predicted == s.class }

// mixed reports whether the prediction from the widest combination is right, and
// another is not.
func (s judged) mixed() bool {
	return s.right(s.whole) && slices.ContainsFunc(s.items, func(it validate.Item) bool { return it.Predicted != s.class })
}

// bySample puts the rows of a report together again, of the labelled samples that
// have all of the combination full.
func bySample(r *validate.Report, full string) []judged {
	var list []judged
	for items := r.Items; len(items) > 0; {
		n := slices.IndexFunc(items, func(it validate.Item) bool { return it.Key != items[0].Key })
		if n < 0 {
			n = len(items)
		}
		s := judged{key: items[0].Key, class: items[0].Class, items: items[:n]}
		s.whole = slices.IndexFunc(s.items, func(it validate.Item) bool { return it.Combo == full && it.Seen == full })
		if s.whole >= 0 && s.class != "" {
			list = append(list, s)
		}
		items = items[n:]
	}
	return list
}

// kinds are the groups of a classification's examples: their title where the
// widest combination is all that a sample can have, and where it is another.
var kinds = [...]struct {
	title, other string
	is           func(judged) bool
}{
	{"Right with everything, wrong with less", "Right with %s, wrong with others", judged.mixed},
	{"Wrong although everything was there", "Wrong with %s", func(s judged) bool { return !s.right(s.whole) }},
	{"Right throughout", "Right throughout", func(s judged) bool { return s.right(s.whole) && !s.mixed() }},
}

// choose returns for each kind a few samples, of as many classes as there are.
func choose(samples []judged) [len(kinds)][]judged {
	var out [len(kinds)][]judged
	for k, kind := range kinds {
		of := map[string]int{}
		var all []judged
		for _, s := range samples {
			if kind.is(s) {
				all = append(all, s)
			}
		}
		for round := 0; len(out[k]) < min(perGroup, len(all)); round++ {
			for _, s := range all {
				if len(out[k]) < perGroup && of[s.class] == round && !slices.ContainsFunc(out[k], func(o judged) bool { return o.key == s.key }) {
					out[k] = append(out[k], s)
					of[s.class]++
				}
			}
		}
	}
	return out
}

// classExamples draws samples that a report is about. It reads them anew, since
// the network saw them scaled.
func classExamples(ctx context.Context, d *Data, query shards.Query, r *validate.Report) (gallery, error) {
	full := best(*r)
	chosen := choose(bySample(r, full.Name))
	wanted := map[string]*picture{}
	for _, list := range chosen {
		for _, s := range list {
			wanted[s.key] = &picture{Caption: caption(s, r)}
		}
	}
	left := len(wanted)
	for s, err := range d.Reader.Samples(ctx, query) {
		if err != nil {
			return gallery{}, err
		}
		p := wanted[s.Key.String()]
		if p == nil {
			continue
		}
		if err := p.draw(s, d); err != nil {
			return gallery{}, err
		}
		if left--; left == 0 {
			break
		}
	}
	var g gallery
	for k, list := range chosen {
		if len(list) == 0 {
			continue
		}
		part := group{Title: kinds[k].title}
		if full.Mask != d.Set.Modalities.Full() {
			part.Title = strings.ReplaceAll(kinds[k].other, "%s", full.Name)
		}
		for _, s := range list {
			part.Pictures = append(part.Pictures, *wanted[s.key])
		}
		g.Groups = append(g.Groups, part)
	}
	if len(g.Groups) > 0 {
		parts := d.Set.Modalities.Names()
		for i, kind := range d.Set.Kinds {
			if kind == datasets.Waveform {
				parts[i] += ", over time to the right"
			}
		}
		g.Groups[0].Text = fmt.Sprintf("Each picture is one sample: %s. Below it stands its true class, then what was predicted from which part of it, and with what probability. The first few of each kind are shown, of different classes where possible.",
			strings.Join(parts, "; beside it, "))
	}
	return g, nil
}

// caption says what was predicted: from each modality alone, and from the most.
func caption(s judged, r *validate.Report) string {
	lines := []string{"true: " + s.class}
	for i, it := range s.items {
		if i != s.whole && strings.Contains(it.Combo, "+") && len(s.items) > 3 {
			continue
		}
		mark := "✗"
		if s.right(i) {
			mark = "✓"
		}
		lines = append(lines, fmt.Sprintf("%s: %s %s %.0f %%", it.Combo, it.Predicted, mark, 100*float64(it.Probability)))
	}
	return strings.Join(lines, "\n")
}

// draw puts the pictures of a sample's modalities side by side.
func (p *picture) draw(s *ingest.Sample, d *Data) error {
	var tiles []*image.RGBA
	for i := range s.Inputs {
		t, err := sheet.Tile(s, i, sheet.Options{Modalities: d.Set.Modalities, Classes: d.Set.Classes})
		if err != nil {
			return err
		}
		tiles = append(tiles, t)
	}
	const gap = 12
	w, h := -gap, 0
	for _, t := range tiles {
		w, h = w+gap+t.Rect.Dx(), max(h, t.Rect.Dy())
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h)) // transparent, for light pages and dark ones
	x := 0
	for _, t := range tiles {
		at := image.Pt(x, (h-t.Rect.Dy())/2)
		draw.Draw(img, t.Rect.Add(at), t, image.Point{}, draw.Src)
		x += t.Rect.Dx() + gap
	}
	p.Width = w * 5 / 12
	return p.encode(img)
}

func (p *picture) encode(img image.Image) error {
	var b bytes.Buffer
	err := png.Encode(&b, img)
	p.png = b.Bytes()
	return err
}
