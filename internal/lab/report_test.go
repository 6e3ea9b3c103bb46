package lab

import (
	"bytes"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/internal/page"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train"
	"github.com/lacuna-ml/lacuna/train/meta"
	"github.com/lacuna-ml/lacuna/train/rundir"
	"github.com/lacuna-ml/lacuna/validate"
)

func TestQuote(t *testing.T) {
	for arg, want := range map[string]string{
		"runs/a-1.b": "runs/a-1.b", "rate:audio=10": "rate:audio=10", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$x;`y`": "'$x;`y`'", "a\nb": "'a\nb'",
	} {
		if got := quote(arg); got != want {
			t.Errorf("%q: got %s, want %s", arg, got, want)
		}
	}
}

func TestCommandLinesComeApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOf(rapid.StringMatching("[a'\\\\ \n=é-]{0,6}")).Draw(t, "args")
		if got := fields(CommandLine(args)); !slices.Equal(got, args) {
			t.Fatalf("%q became %q", args, got)
		}
	})
}

func TestAgain(t *testing.T) {
	for _, tt := range []struct {
		command string
		without []string
		want    string
	}{
		{"lacuna train data --steps 4 --meta-every 1 --run r", distillationFlags, "lacuna train data --steps 4 --new x"},
		{"lacuna train --run=r 'my data' --all-levels --lr=0.5 --no-gate-skips --alpha 1 --quiet", distillationFlags, "lacuna train 'my data' --lr=0.5 --quiet --new x"},
		{"lacuna train data --seed 3 --meta bilevel", []string{"seed"}, "lacuna train data --meta bilevel --new x"},
		{"lacuna experiment table1 data", nil, ""},
		{"", nil, ""},
	} {
		if got := again(tt.command, tt.without, "--new", "x"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.command, got, tt.want)
		}
	}
}

func TestReportSaysBitForBitOnlyOfOneDevice(t *testing.T) {
	const first = "cpu, AVX-512, 2 workers"
	for device, want := range map[string]bool{first: true, "cpu, AVX-512, 1 worker": true, "cpu, AVX2, 2 workers": false, "opencl": false} {
		a := account{info: rundir.Info{Starts: []rundir.Start{{Tool: "t", Device: first}, {Tool: "t", Device: device}}}}
		var b bytes.Buffer
		if err := page.Write(&b, page.Page{Sections: []page.Section{a.made()}}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "bit for bit") != want {
			t.Errorf("from %s to %s: got\n%s", first, device, &b)
		}
	}
}

func TestPolicyWords(t *testing.T) {
	for policy, want := range map[string]string{
		"rate:audio=10": "audio in 90 % of samples", "rate:t1=12.5": "t1 in 87.5 % of samples", "random-drop": "random-drop", "rate:x": "rate:x", "file:a=3": "file:a=3",
	} {
		if got := policyWords(policy); got != want {
			t.Errorf("%s: got %q, want %q", policy, got, want)
		}
	}
}

// TestExamplesAreFewAndOfTheirKind: whatever was predicted, and whichever
// combinations were judged.
func TestExamplesAreFewAndOfTheirKind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &validate.Report{}
		n := rapid.IntRange(0, 60).Draw(t, "samples")
		full := rapid.SampledFrom([]string{"image+audio", "audio"}).Draw(t, "widest")
		can := map[string]bool{}
		for i := range n {
			class := rapid.SampledFrom([]string{"", "0", "1", "2"}).Draw(t, "class")
			has := rapid.SampledFrom([]string{"image", "audio", "image+audio"}).Draw(t, "has")
			key := fmt.Sprint("d/", i)
			can[key] = class != "" && (has == full || has == "image+audio")
			for _, combo := range []string{"image", "audio", "image+audio"} {
				if combo == "image+audio" && full == "audio" || has != "image+audio" && combo != has && combo != "image+audio" {
					continue
				}
				seen := combo
				if combo == "image+audio" {
					seen = has
				}
				r.Items = append(r.Items, validate.Item{Key: key, Combo: combo, Seen: seen, Class: class, Predicted: rapid.SampledFrom([]string{"0", "1", "2"}).Draw(t, "predicted")})
			}
		}
		samples := bySample(r, full)
		for _, s := range samples {
			if !can[s.key] || s.items[s.whole].Combo != full || s.items[s.whole].Seen != full {
				t.Fatalf("%s was not predicted from %s: %+v", s.key, full, s.items)
			}
			delete(can, s.key)
		}
		for key, left := range can {
			if left {
				t.Fatalf("%s is left out", key)
			}
		}
		seen := map[string]bool{}
		for k, list := range choose(samples) {
			classes := map[string]int{}
			all, distinct := 0, map[string]bool{}
			for _, s := range samples {
				if kinds[k].is(s) {
					all++
					distinct[s.class] = true
				}
			}
			if len(list) != min(all, perGroup) {
				t.Fatalf("%s: %d of %d", kinds[k].title, len(list), all)
			}
			for _, s := range list {
				classes[s.class]++
				if seen[s.key] || !kinds[k].is(s) {
					t.Fatalf("%s: %s is shown twice or is of another kind", kinds[k].title, s.key)
				}
				seen[s.key] = true
			}
			if len(classes) < min(len(distinct), len(list)) {
				t.Fatalf("%s: of %v only %v are shown", kinds[k].title, distinct, classes)
			}
		}
	})
}

// judgedOn is a segmentation's report of one region: by combination the mean Dice
// over so many cases, of which so many have all of it.
func judgedOn(modalities []string, rows ...row) validate.Report {
	r := validate.Report{Modalities: modalities, Regions: []string{"WT"}, Average: []validate.RegionMean{{Name: "WT", Dice: .5, HD95: 2}}}
	set := modality.MustSet(modalities...)
	for _, w := range rows {
		r.Combos = append(r.Combos, validate.Combo{
			Name: set.Format(w.mask), Mask: w.mask, Evaluated: w.judged + 3, Reduced: w.judged - w.full,
			Regions: []validate.RegionScores{{Name: "WT", Dice: validate.Summary{N: w.judged, Mean: w.dice}, HD95: validate.Summary{N: w.judged, Mean: 3}}},
		})
	}
	return r
}

type row struct {
	mask         modality.Mask
	judged, full int
	dice         validate.Number
}

// TestResultSaysOnlyWhatWasThere: labels and modalities that cases lack are no
// cases judged, and no combination seen.
func TestResultSaysOnlyWhatWasThere(t *testing.T) {
	nan := validate.Number(math.NaN())
	for _, tt := range []struct {
		name       string
		report     validate.Report
		has, lacks []string
	}{
		{"unlabelled", judgedOn([]string{"a", "b"}, row{1, 1, 1, .4}, row{2, 1, 1, .3}, row{3, 1, 1, .7}),
			[]string{"Seeing a and b, its mean Dice over 1 case is 70.0 % for WT.", "Over all 3 combinations"}, []string{"whole", ">4<"}},
		{"some narrowed", judgedOn([]string{"a", "b"}, row{1, 4, 4, .4}, row{2, 2, 2, .3}, row{3, 4, 2, .7}),
			[]string{"over 4 cases (2 of which lack some of it) is", "whole"}, nil},
		{"all narrowed", judgedOn([]string{"a", "b"}, row{1, 4, 4, .4}, row{2, 0, 0, nan}, row{3, 4, 0, .4}),
			[]string{"Seeing a, its mean Dice over 4 cases is"}, []string{"Seeing a and b", "Over all"}},
		{"some combinations", judgedOn([]string{"a", "b"}, row{1, 4, 4, .4}, row{3, 4, 4, .7}),
			[]string{"Over the 2 combinations of modalities judged"}, []string{"Over all"}},
		{"no label", judgedOn([]string{"a", "b"}, row{1, 0, 0, nan}, row{3, 0, 0, nan}), []string{"nothing could be judged"}, []string{"Seeing"}},
	} {
		tt.report.Warnings = []string{"every case is odd"}
		var b bytes.Buffer
		if err := page.Write(&b, page.Page{Sections: []page.Section{verdicts{split: split.Test, report: tt.report}.result()}}); err != nil {
			t.Fatal(tt.name, err)
		}
		_, text, _ := strings.Cut(strings.ReplaceAll(b.String(), "\u00a0", " "), "<body>")
		if i := strings.Index(text, "<svg"); i >= 0 {
			text = text[:i]
		}
		if i, j := strings.Index(text, "Every case is odd."), strings.Index(text, "<table"); i < 0 || j >= 0 && j < i {
			t.Errorf("%s: the warning is not before the table:\n%s", tt.name, text)
		}
		for _, w := range tt.has {
			if !strings.Contains(text, w) {
				t.Errorf("%s: the page lacks %q:\n%s", tt.name, w, text)
			}
		}
		for _, w := range tt.lacks {
			if strings.Contains(text, w) {
				t.Errorf("%s: the page has %q:\n%s", tt.name, w, text)
			}
		}
	}
}

func TestBestAndWorst(t *testing.T) {
	nan := validate.Number(math.NaN())
	for _, tt := range []struct {
		name        string
		report      validate.Report
		best, worst string
	}{
		{"all whole", judgedOn([]string{"a", "b"}, row{1, 2, 2, .4}, row{2, 2, 2, .2}, row{3, 2, 2, .7}), "a+b", "b"},
		{"one that none has", judgedOn([]string{"a", "b"}, row{1, 2, 2, .4}, row{2, 2, 2, .3}, row{3, 2, 0, .1}), "a", "b"},
		{"no label", judgedOn([]string{"a", "b"}, row{1, 0, 0, nan}, row{2, 0, 0, nan}, row{3, 0, 0, nan}), "a+b", "a+b"},
	} {
		if b, w := best(tt.report).Name, worst(tt.report).Name; b != tt.best || w != tt.worst {
			t.Errorf("%s: got %s and %s, want %s and %s", tt.name, b, w, tt.best, tt.worst)
		}
	}
}

// TestCombinationsAreInOneOrder: whatever the order in which they were asked for.
func TestCombinationsAreInOneOrder(t *testing.T) {
	d := &Data{Set: datasets.Dataset{Modalities: modality.MustSet("flair", "t1", "t2")}}
	e, err := Spec{}.evaluator(Judge{Combos: []string{"all", "flair+t2", "t1", "flair"}}, d)
	if err != nil {
		t.Fatal(err)
	}
	if want := []modality.Mask{1, 2, 5, 7}; !slices.Equal(e.Combos, want) {
		t.Errorf("got %v, want %v", e.Combos, want)
	}
}

func TestSay(t *testing.T) {
	tr := &train.Trainer{Modalities: modality.MustSet("flair", "t1", "t1ce", "t2")}
	st := train.State{Loss: .5, Distil: .01234, LR: .001, Weights: []float64{.25, .2, .3, .25}, Samples: 200, Busy: 4 * time.Second, Wait: 40 * time.Millisecond}
	if got, want := say(st, tr), []string{"loss 0.500", "f .25 t1 .20 t1c .30 t2 .25", "lr 0.001", "50 samples/s", "wait 1.0%"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	tr.Config.Distill.Alpha, tr.Config.Meta.Kind, st.Busy = .1, meta.Off, 0
	if got, want := say(st, tr), []string{"loss 0.500+0.0123", "lr 0.001"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSummaryNamesTheMean(t *testing.T) {
	r := judgedOn([]string{"a", "b"}, row{1, 4, 4, .4}, row{2, 2, 2, .3}, row{3, 4, 2, .7})
	var b bytes.Buffer
	if err := WriteSummary(&b, &r); err != nil {
		t.Fatal(err)
	}
	want := "modalities  cases  whole  Dice WT  HD95 WT\n" +
		"a               4      4     40.0      3.0\n" +
		"b               2      2     30.0      3.0\n" +
		"a+b             4      2     70.0      3.0\n" +
		"mean                         50.0      2.0\n"
	if got, _, _ := strings.Cut(b.String(), "\n\n"); got+"\n" != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// patches cuts a volume whose voxels are told apart into overlapping patches,
// with padding around. Label 1 is in the plane that is asked for most.
func patches(size [3]int, plane int) []*ingest.Sample {
	value := func(z, y, x int) float32 {
		if z < 0 || y < 0 || x < 0 || z >= size[0] || y >= size[1] || x >= size[2] {
			return -1
		}
		return float32((z*size[1]+y)*size[2] + x + 1)
	}
	var out []*ingest.Sample
	for _, off := range [][3]int{{-1, -1, -1}, {2, -1, 2}, {2, 3, -1}, {-1, 3, 2}, {2, 3, 2}, {-1, -1, 2}, {-1, 3, -1}, {2, -1, -1}} {
		const side = 5
		s := &ingest.Sample{
			Key: ingest.Key{Dataset: "d", Subject: "a", Part: fmt.Sprint(off)}, Present: 1,
			Inputs: []ingest.Array{{Shape: []int{side, side, side}}, {}}, Target: ingest.Labels{Shape: []int{side, side, side}},
			Location: ingest.Location{Offset: off, Volume: size},
		}
		for z := range side {
			for y := range side {
				for x := range side {
					s.Inputs[0].Data = append(s.Inputs[0].Data, value(z+off[0], y+off[1], x+off[2]))
					label := uint8(0)
					if z+off[0] == plane && y+off[1] == 2 {
						label = 1
					}
					s.Target.Data = append(s.Target.Data, label)
				}
			}
		}
		out = append(out, s)
	}
	return out
}

func TestPlaneOfPatches(t *testing.T) {
	size := [3]int{6, 8, 7}
	p := planes{data: &Data{Set: datasets.Dataset{}}, chosen: []int{0}, cases: map[ingest.Key]*plane{}, numbers: map[ingest.Key][]uint8{}}
	all := patches(size, 4)
	for s, err := range p.watch(func(yield func(*ingest.Sample, error) bool) {
		for _, s := range all {
			if !yield(s, nil) {
				return
			}
		}
		yield(&ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: "b"}}, nil) // the next case is seen before the first is judged
	}) {
		if s == nil || err != nil {
			t.Fatal(s, err)
		}
	}
	m := &validate.LabelMap{Key: ingest.Key{Dataset: "d", Subject: "a"}, Combo: modality.Mask(1), Labels: ingest.Labels{Shape: size[:], Data: make([]uint8, 6*8*7)}}
	for i := range m.Labels.Data {
		m.Labels.Data[i] = uint8(i % 251)
	}
	p.take(m)
	p.take(&validate.LabelMap{Key: ingest.Key{Dataset: "d", Subject: "b"}}) // not chosen
	c := p.order[0]
	if len(p.order) != 1 || c.patches != nil {
		t.Fatalf("%d cases, patches %v: want one, and its patches let go", len(p.order), c.patches)
	}
	if c.depth != 4 || c.size != [2]int{8, 7} {
		t.Fatalf("plane %d of %v, want 4 of [8 7]", c.depth, c.size)
	}
	for i := range c.sample.Inputs[0].Data {
		if got, want := c.sample.Inputs[0].Data[i], float32(4*8*7+i+1); got != want {
			t.Fatalf("value %d: got %g, want %g", i, got, want)
		}
		if got, want := c.predicted[1][i], uint8((4*8*7+i)%251); got != want {
			t.Fatalf("predicted label %d: got %d, want %d", i, got, want)
		}
		if got := c.sample.Target.Data[i]; (got == 1) != (i/7 == 2) {
			t.Fatalf("true label %d: got %d", i, got)
		}
	}
	if c.sample.Inputs[1].Data != nil {
		t.Error("a modality that is absent has data")
	}
}

func TestPlaneIsCroppedToTheBrain(t *testing.T) {
	c := &plane{size: [2]int{20, 30}, lo: [2]int{5, 6}}
	data, labels := make([]float32, 600), make([]uint8, 600)
	for i := range data {
		data[i] = -.5 // air
	}
	data[10*30+8], data[12*30+20], labels[12*30+20] = 1, 2, 3
	c.sample = &ingest.Sample{Inputs: []ingest.Array{{Shape: []int{1, 20, 30}, Data: data}}, Target: ingest.Labels{Shape: []int{1, 20, 30}, Data: labels}}
	c.crop()
	if c.lo != [2]int{5 + 7, 6 + 5} || c.size != [2]int{9, 19} { // three more on each side
		t.Fatalf("box at %v of %v", c.lo, c.size)
	}
	in, target := c.sample.Inputs[0], c.sample.Target
	if in.Data[3*19+3] != 1 || in.Data[5*19+15] != 2 || target.Data[5*19+15] != 3 || in.Len() != len(in.Data) || target.Len() != len(target.Data) {
		t.Errorf("the values moved: %v", in.Data)
	}
	// A label map of the whole volume is cut likewise.
	m := &validate.LabelMap{Key: ingest.Key{Subject: "a"}, Combo: 1, Labels: ingest.Labels{Shape: []int{1, 30, 40}, Data: make([]uint8, 1200)}}
	m.Labels.Data[(5+12)*40+6+20] = 3
	c.predicted = map[modality.Mask][]uint8{}
	(&planes{cases: map[ingest.Key]*plane{m.Key: c}}).take(m)
	if got := c.predicted[1]; len(got) != 9*19 || got[5*19+15] != 3 {
		t.Errorf("the predicted plane is not where the true one is: %v", got)
	}
	blank := &plane{size: [2]int{2, 2}, sample: &ingest.Sample{Inputs: []ingest.Array{{Shape: []int{1, 2, 2}, Data: make([]float32, 4)}}}}
	if blank.crop(); blank.size != [2]int{2, 2} {
		t.Errorf("a blank plane became %v", blank.size)
	}
}

func TestPainter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r, err := rundir.Create(dir, struct{}{}, rundir.Info{}, rundir.Start{At: time.Unix(0, 0).UTC(), Tool: "t", Device: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	file := filepath.Join(dir, progressName)
	at := time.Unix(1000, 0)
	p := painter{dir: dir, modalities: []string{"a", "b"}, talk: io.Discard, every: 10 * time.Second, due: at.Add(10 * time.Second)}
	p.tick(at.Add(9*time.Second), 1)
	if _, err := os.Stat(file); err == nil || p.done != nil {
		t.Error("a picture before its time")
	}
	for step := range int64(60) {
		if err := r.Log(step+1, map[string]float64{MetricTask: 1 / float64(step+1), MetricImportance + "a": .5, MetricImportance + "b": .5}); err != nil {
			t.Fatal(err)
		}
	}
	p.tick(at.Add(11*time.Second), 20_000)
	if p.done == nil {
		t.Fatal("no picture when it was due")
	}
	if want := at.Add(41 * time.Second); !p.due.Equal(want) { // three times as long at 20,000 steps
		t.Errorf("the next is due %v, want %v", p.due, want)
	}
	p.end()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(b)); err != nil {
		t.Error(err)
	}

	var talk strings.Builder
	gone := painter{dir: filepath.Join(dir, "none"), talk: &talk, every: time.Second}
	gone.tick(at, 1)
	gone.end()
	if strings.Count(talk.String(), "no progress.png") != 2 {
		t.Errorf("of pictures that can't be made it says %q", talk.String())
	}
	off := painter{dir: filepath.Join(dir, "none"), talk: &talk}
	off.tick(at, 1)
	off.end()
	if off.done != nil {
		t.Error("a painter that is off paints")
	}
}

func TestReportOfARunThatWasStopped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	s := Spec{Preset: "paper", Dataset: "gone"} // a data set that this program does not know
	s.Train.Steps = 1000
	r, err := rundir.Create(dir, s, rundir.Info{Manifest: "abc", Notes: map[string]string{noteCommand: "lacuna train d --lr 2"}}, rundir.Start{At: time.Unix(0, 0).UTC(), Tool: "t", Device: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	registry, err := datasets.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		step int64
		want []string
	}{
		{0, []string{"No step has been made yet", "0 of 1,000 so far", "is not finished", "--resume"}},
		{7, []string{"7 of 1,000 so far", "is not finished", "--resume", "<svg"}},
		{1000, []string{"has not been judged yet", "lacuna train d --lr 2 --seed 1 --run"}},
	} {
		if tt.step > 0 {
			if err := r.Log(tt.step, map[string]float64{MetricTask: 1, metricLR: math.Inf(1), metricRate: math.NaN()}); err != nil {
				t.Fatal(err)
			}
		}
		if err := WriteReport(dir, registry); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, ReportName))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range tt.want {
			if !strings.Contains(string(text), w) {
				t.Errorf("after step %d the report lacks %q", tt.step, w)
			}
		}
	}
}
