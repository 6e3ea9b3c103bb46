package lab

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards/shardtool/sheet"
	"github.com/lacuna-ml/lacuna/validate"
)

// plane is an axial plane of one case: what there is to see of it, what is true,
// and what was predicted from each combination of modalities.
type plane struct {
	key       ingest.Key
	patches   []*ingest.Sample // until the plane is cut
	sample    *ingest.Sample   // one voxel high
	depth     int              // its place in the volume
	lo, size  [2]int           // the box of H and W that the patches cover
	predicted map[modality.Mask][]uint8
}

// planes collects planes of a few cases while they are evaluated. It has their
// patches as long as the evaluator has, and later only planes.
type planes struct {
	data    *Data
	chosen  []int // which subjects, in the order of the samples
	seen    int   // subjects
	last    ingest.Key
	cases   map[ingest.Key]*plane
	order   []*plane
	numbers map[ingest.Key][]uint8 // how the case's own files number classes
}

// watch looks at the samples that pass.
func (p *planes) watch(samples iter.Seq2[*ingest.Sample, error]) iter.Seq2[*ingest.Sample, error] {
	return func(yield func(*ingest.Sample, error) bool) {
		for s, err := range samples {
			if err == nil {
				p.note(s)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// subject is the key of what a patch is of.
func subject(k ingest.Key) ingest.Key { return ingest.Key{Dataset: k.Dataset, Subject: k.Subject} }

func (p *planes) note(s *ingest.Sample) {
	key := subject(s.Key)
	if key != p.last {
		p.last = key
		if slices.Contains(p.chosen, p.seen) {
			c := &plane{key: key, predicted: map[modality.Mask][]uint8{}}
			p.cases[key] = c
			p.order = append(p.order, c)
		}
		if f := p.data.Set.Numbers; f != nil {
			p.numbers[key] = f(s.Definitions)
		}
		p.seen++
	}
	if c := p.cases[key]; c != nil {
		c.patches = append(c.patches, s)
	}
}

// take keeps the plane of a label map, if it is of a chosen case.
func (p *planes) take(m *validate.LabelMap) {
	c := p.cases[m.Key]
	if c == nil {
		return
	}
	if c.sample == nil {
		c.cut(m.Labels.Shape)
	}
	out := make([]uint8, c.size[0]*c.size[1])
	for y := range c.size[0] {
		at := (c.depth*m.Labels.Shape[1]+c.lo[0]+y)*m.Labels.Shape[2] + c.lo[1]
		copy(out[y*c.size[1]:][:c.size[1]], m.Labels.Data[at:])
	}
	c.predicted[m.Combo] = out
}

// cut takes the plane with most labelled voxels out of the patches, the middle
// one without any, and lets the patches go.
func (c *plane) cut(whole []int) {
	labelled := make([]int, whole[0])
	lo, hi := [3]int(whole), [3]int{}
	for _, s := range c.patches {
		shape := shapeOf(s)
		for d, off := range s.Location.Offset {
			lo[d], hi[d] = min(lo[d], max(off, 0)), max(hi[d], min(off+shape[d], whole[d]))
		}
		for i, l := range s.Target.Data {
			if z := i/(shape[1]*shape[2]) + s.Location.Offset[0]; l != 0 && z >= 0 && z < whole[0] {
				labelled[z]++
			}
		}
	}
	c.depth = (lo[0] + hi[0]) / 2
	for z, n := range labelled {
		if n > labelled[c.depth] {
			c.depth = z
		}
	}
	c.lo, c.size = [2]int{lo[1], lo[2]}, [2]int{hi[1] - lo[1], hi[2] - lo[2]}
	first := c.patches[0]
	c.sample = &ingest.Sample{Key: c.key, Present: first.Present, Affine: first.Affine, Background: first.Background}
	shape := []int{1, c.size[0], c.size[1]}
	for i := range first.Inputs {
		var a ingest.Array
		if first.Present.Has(i) {
			a = ingest.Array{Shape: shape, Data: make([]float32, c.size[0]*c.size[1])}
			if i < len(first.Background) {
				for k := range a.Data {
					a.Data[k] = first.Background[i]
				}
			}
			for _, s := range c.patches {
				copyPlane(c, a.Data, s, s.Inputs[i].Data)
			}
		}
		c.sample.Inputs = append(c.sample.Inputs, a)
	}
	if first.Target.Known() {
		c.sample.Target = ingest.Labels{Shape: shape, Data: make([]uint8, c.size[0]*c.size[1])}
		for _, s := range c.patches {
			copyPlane(c, c.sample.Target.Data, s, s.Target.Data)
		}
	}
	c.patches = nil
	c.crop()
}

// crop leaves of the plane the box that holds whatever differs from its corner,
// which is air, and a little around it.
func (c *plane) crop() {
	const rim = 3
	h, w := c.size[0], c.size[1]
	least, most := [2]int{h, w}, [2]int{}
	for _, a := range c.sample.Inputs {
		for i, v := range a.Data {
			if v != a.Data[0] {
				for d, at := range [2]int{i / w, i % w} {
					least[d], most[d] = min(least[d], max(at-rim, 0)), max(most[d], min(at+1+rim, c.size[d]))
				}
			}
		}
	}
	if least[0] >= most[0] || least[1] >= most[1] {
		return
	}
	c.lo = [2]int{c.lo[0] + least[0], c.lo[1] + least[1]}
	c.size = [2]int{most[0] - least[0], most[1] - least[1]}
	shape := []int{1, c.size[0], c.size[1]}
	for i, a := range c.sample.Inputs {
		if a.Data != nil {
			c.sample.Inputs[i] = ingest.Array{Shape: shape, Data: box(a.Data, w, least, most)}
		}
	}
	if t := c.sample.Target; t.Known() {
		c.sample.Target = ingest.Labels{Shape: shape, Data: box(t.Data, w, least, most)}
	}
}

// box returns a part of rows of w values.
func box[T any](data []T, w int, lo, hi [2]int) []T {
	var out []T
	for y := lo[0]; y < hi[0]; y++ {
		out = append(out, data[y*w+lo[1]:y*w+hi[1]]...)
	}
	return out
}

func shapeOf(s *ingest.Sample) [3]int {
	for i := range s.Present.All() {
		return [3]int(s.Inputs[i].Shape)
	}
	return [3]int{}
}

// copyPlane copies what a patch has of the plane.
func copyPlane[T any](c *plane, dst []T, s *ingest.Sample, src []T) {
	shape, off := shapeOf(s), s.Location.Offset
	z := c.depth - off[0]
	if z < 0 || z >= shape[0] {
		return
	}
	for y := max(off[1], c.lo[0]); y < min(off[1]+shape[1], c.lo[0]+c.size[0]); y++ {
		from, to := max(off[2], c.lo[1]), min(off[2]+shape[2], c.lo[1]+c.size[1])
		copy(dst[(y-c.lo[0])*c.size[1]+from-c.lo[1]:][:to-from], src[(z*shape[1]+y-off[1])*shape[2]+from-off[2]:])
	}
}

// gallery draws the planes: what is true, and what was predicted from all
// modalities and from those that gave the least.
func (p *planes) gallery(r *validate.Report) (gallery, error) {
	full, poor := best(*r), worst(*r)
	var g gallery
	shown := map[uint8]bool{}
	for _, c := range p.order {
		if c.sample == nil {
			continue // none of it was evaluated
		}
		part, err := p.draw(c, r, full, poor, shown)
		if err != nil {
			return g, err
		}
		g.Groups = append(g.Groups, part)
	}
	if len(g.Groups) > 0 {
		var colours []string
		for k, name := range r.Classes {
			if shown[uint8(k)] && k > 0 {
				colours = append(colours, sheet.ColourName(uint8(k))+" is "+name)
			}
		}
		text := "The axial plane with most tumour, the middle one of a case without labels, of the first, the middle and the last case, whatever their scores: what is true, as far as that is known, and the prediction from " + full.Name
		if poor.Mask != full.Mask {
			text += ", and that from " + poor.Name + ", the combination with the lowest Dice"
		}
		text += ". Below them stands the Dice of the whole case in %."
		if colours != nil {
			text += " Colours: " + strings.Join(colours, ", ") + "."
		}
		g.Groups[0].Text = text
	}
	return g, nil
}

func (p *planes) draw(c *plane, r *validate.Report, full, poor validate.Combo, shown map[uint8]bool) (group, error) {
	g := group{Title: c.key.Subject}
	add := func(under int, labels []uint8, caption string) error {
		s := *c.sample
		s.Target = ingest.Labels{}
		if labels != nil {
			s.Target = ingest.Labels{Shape: []int{1, c.size[0], c.size[1]}, Data: labels}
		}
		for _, l := range labels {
			shown[l] = true
		}
		img, err := sheet.Tile(&s, under, sheet.Options{Modalities: p.data.Set.Modalities, Classes: r.Classes})
		if err != nil {
			return err
		}
		pic := picture{Caption: caption, Width: 168}
		g.Pictures = append(g.Pictures, pic)
		return g.Pictures[len(g.Pictures)-1].encode(img)
	}
	first := func(m modality.Mask) int {
		for i := range (m & c.sample.Present).All() {
			return i
		}
		return -1
	}
	name := p.data.Set.Modalities.Name
	under := first(full.Mask)
	if under < 0 {
		return g, nil
	}
	if err := add(under, nil, name(under)); err != nil {
		return g, err
	}
	if c.sample.Target.Known() {
		if err := add(under, c.sample.Target.Data, "what is true"); err != nil {
			return g, err
		}
	}
	// from says what a prediction is from: of a combination what the case has.
	from := func(combo validate.Combo) string {
		has, all := combo.Mask&c.sample.Present, p.data.Set.Modalities.Full()
		if has == all {
			return "predicted from all" + caseDice(r, c.key, combo)
		}
		return "predicted from " + p.data.Set.Modalities.Format(has) + caseDice(r, c.key, combo)
	}
	if err := add(under, c.predicted[full.Mask], from(full)); err != nil {
		return g, err
	}
	under = first(poor.Mask)
	if under < 0 || poor.Mask == full.Mask {
		return g, nil
	}
	if err := add(under, nil, name(under)); err != nil {
		return g, err
	}
	return g, add(under, c.predicted[poor.Mask], from(poor))
}

// caseDice says how good the prediction for the whole case is.
func caseDice(r *validate.Report, key ingest.Key, c validate.Combo) string {
	var parts []string
	for _, k := range r.Cases {
		if k.Subject == key.String() && k.Combo == c.Name {
			parts = append(parts, fmt.Sprintf("%s\u00a0%s", k.Region, percent(k.Dice)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "\nDice: " + strings.Join(parts, ", ")
}

// percent writes a part of 1 with one decimal, and undefined as a dash.
func percent(n validate.Number) string {
	if math.IsNaN(float64(n)) {
		return "–"
	}
	return fmt.Sprintf("%.1f", 100*float64(n))
}
