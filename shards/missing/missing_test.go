package missing_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards/missing"
	"github.com/lacuna-ml/lacuna/shards/split"
)

var (
	pair = modality.MustSet("image", "audio")
	four = modality.MustSet("flair", "t1", "t1ce", "t2")
)

// digits is the list of Audiovision-MNIST: 1500 pairs of 3 speakers, of which
// 900 train.
func digits(t testing.TB) ([]ingest.Subject, *split.Assignment) {
	t.Helper()
	var list []ingest.Subject
	for d := range 10 {
		for i := range 150 {
			id := fmt.Sprintf("%d_%s_%d", d, []string{"jackson", "nicolas", "theo"}[i/50], i%50)
			list = append(list, ingest.Subject{Key: ingest.Key{Dataset: "avdigits", Subject: id}, Class: d, Stratum: id[:4]})
		}
	}
	a, err := split.Assign(list, split.Plan{})
	if err != nil {
		t.Fatal(err)
	}
	return list, a
}

func TestRateOfTheDigits(t *testing.T) {
	list, a := digits(t)
	for percent, want := range map[float64]int{5: 45, 10: 90, 15: 135, 20: 180, 0: 0, 100: 900} {
		p, err := missing.Rate(1, percent, list, a, 42)
		if err != nil {
			t.Fatal(err)
		}
		kept, byClass := 0, map[int]int{}
		for _, s := range list {
			m := p(s.Key, pair.Full())
			sp, _ := a.Of(s)
			if sp != split.Train && m != pair.Full() {
				t.Fatalf("%s of %s lost something", s.Key, sp)
			}
			if !m.Has(0) {
				t.Fatalf("%s lost its image", s.Key)
			}
			if sp == split.Train && m.Has(1) {
				kept++
				byClass[s.Class]++
			}
			part := s.Key
			part.Part = "fg-1"
			if p(part, pair.Full()) != m {
				t.Fatalf("a patch of %s has another mask", s.Key)
			}
		}
		if kept != want {
			t.Errorf("%g %%: %d pairs keep their audio, want %d", percent, kept, want)
		}
		for c := range 10 { // 45 and 135 of ten classes are 4 or 5, 13 or 14 each
			if n := byClass[c]; n != want/10 && n != (want+9)/10 {
				t.Errorf("%g %%: %d of class %d, want a tenth of %d", percent, n, c, want)
			}
		}
	}
}

func TestRateDependsOnSeedAndNotOnOrder(t *testing.T) {
	list, a := digits(t)
	masks := func(list []ingest.Subject, seed uint64) (m []modality.Mask) {
		p, err := missing.Rate(1, 20, list, a, seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			m = append(m, p(s.Key, pair.Full()))
		}
		return m
	}
	back := slices.Clone(list)
	slices.Reverse(back)
	there, again := masks(list, 1), masks(back, 1)
	slices.Reverse(again)
	if !slices.Equal(there, again) {
		t.Error("the order of the list matters")
	}
	if slices.Equal(there, masks(list, 2)) {
		t.Error("the seed does not matter")
	}
}

// The number is exact for any classes: to half a subject in all, to less than
// one in each class.
func TestRateIsExactInEveryClass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []ingest.Subject
		for c, n := range rapid.SliceOfN(rapid.IntRange(1, 20), 1, 8).Draw(t, "classes") {
			for i := range n {
				s := ingest.Subject{Key: ingest.Key{Dataset: "d", Subject: fmt.Sprint(c, "-", i)}, Class: c}
				if c%2 == 1 {
					s.Class, s.Stratum = -1, fmt.Sprint("grade ", c)
				}
				list = append(list, s)
			}
		}
		a, err := split.Assign(list, split.Plan{Weights: split.Weights{Train: 1}})
		if err != nil {
			t.Fatal(err)
		}
		percent := float64(rapid.IntRange(0, 200).Draw(t, "percent")) / 2
		p, err := missing.Rate(1, percent, list, a, 1)
		if err != nil {
			t.Fatal(err)
		}
		kept, of := map[string]int{}, map[string]int{}
		for _, s := range list {
			class := fmt.Sprint(s.Class, s.Stratum)
			of[class]++
			of["all"]++
			if p(s.Key, pair.Full()).Has(1) {
				kept[class]++
				kept["all"]++
			}
		}
		for class, n := range of {
			d := math.Abs(float64(kept[class]) - float64(n)*percent/100)
			// 1e-9 for the arithmetic of this test.
			if d >= 1 || class == "all" && d > 0.5+1e-9 {
				t.Fatalf("%g %% of %s: kept %d of %d", percent, class, kept[class], n)
			}
		}
	})
}

func TestPoliciesOnlyTakeAwayAndNeverAll(t *testing.T) {
	list, a := digits(t)
	rate, err := missing.Rate(1, 0, list, a, 1)
	if err != nil {
		t.Fatal(err)
	}
	policies := map[string]missing.Policy{
		"none": missing.None(), "rate": rate, "random-drop": missing.RandomDrop(1, 2),
		"file": missing.Table{list[0].Key.Subject: 2, list[1].Key.Subject: 1}.Policy(),
	}
	for name, p := range policies {
		for _, s := range list[:50] {
			for present := range modality.Mask(16) {
				kept := p(s.Key, present)
				if kept&^present != 0 || kept == 0 && present != 0 {
					t.Fatalf("%s: of %04b of %s it keeps %04b", name, present, s.Key, kept)
				}
				if p(s.Key, present) != kept {
					t.Fatalf("%s: another mask for the same arguments", name)
				}
			}
		}
	}
}

// Full 1/4, each single 1/16, pair 1/24, triple 1/16: method of MCKD.
func TestRandomDropIsUniformInNumberAndInSubset(t *testing.T) {
	const n = 48000
	seen := map[modality.Mask]int{}
	for i := range n {
		seen[missing.RandomDrop(7, uint64(i%3))(ingest.Key{Dataset: "d", Subject: fmt.Sprint(i)}, four.Full())]++
	}
	for m := range four.Combos() {
		p := map[int]float64{1: 1. / 16, 2: 1. / 24, 3: 1. / 16, 4: 1. / 4}[m.Count()]
		// Five standard deviations of a binomial.
		if d := math.Abs(float64(seen[m]) - n*p); d > 5*math.Sqrt(n*p*(1-p)) {
			t.Errorf("%s: %d of %d, want about %g", four.Format(m), seen[m], n, n*p)
		}
	}
	k := ingest.Key{Dataset: "d", Subject: "s"}
	epochs := map[modality.Mask]bool{}
	for e := range uint64(50) {
		epochs[missing.RandomDrop(7, e)(k, four.Full())] = true
	}
	if len(epochs) < 5 {
		t.Errorf("50 epochs gave %d masks", len(epochs))
	}
}

func TestParse(t *testing.T) {
	list, a := digits(t)
	env := missing.Env{Modalities: pair, Subjects: list, Assignment: a, Seed: 1, Open: func(name string) (io.ReadCloser, error) {
		text, ok := map[string]string{
			"masks.csv": "subject,present\n0_theo_1,image\n",
			"other.csv": "subject,present\nBraTS,image\n",
			"bad.csv":   "subject,present\n0_theo_1,pet\n",
		}[name]
		if !ok {
			return nil, fmt.Errorf("no %s", name)
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}}
	theo := ingest.Key{Dataset: "avdigits", Subject: "0_theo_1"}
	for text, want := range map[string]modality.Mask{"": 3, "none": 3, "file:masks.csv": 1, "rate:audio=100": 3} {
		p, err := missing.Parse(text, env)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if got := p(theo, 3); got != want {
			t.Errorf("%q keeps %s, want %s", text, pair.Format(got), pair.Format(want))
		}
	}
	p, err := missing.Parse("random-drop", env)
	if err != nil || p(theo, 3) != missing.RandomDrop(1, 0)(theo, 3) {
		t.Errorf("random-drop: %v", err)
	}
	for text, want := range map[string]string{
		"drop":           "is not one of none, random-drop",
		"none:x":         "is not one of",
		"rate:audio":     "a percentage",
		"rate:pet=5":     `"pet" is not one of image, audio`,
		"rate:audio=101": "not within 0 and 100",
		"rate:audio=NaN": "not within 0 and 100",
		"file:":          "no file",
		"file:gone.csv":  "no gone.csv",
		"file:other.csv": "none of the subjects",
		"file:bad.csv":   "bad.csv: missing: CSV line 2",
	} {
		if _, err := missing.Parse(text, env); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
	if _, err := missing.Parse("rate:audio=5", missing.Env{Modalities: pair}); err == nil {
		t.Error("a rate without splits gave no error")
	}
	if _, err := missing.Rate(1, 5, nil, a, 0); err == nil {
		t.Error("a rate of no subjects gave no error")
	}
	if _, err := missing.Rate(-1, 5, list, a, 0); err == nil {
		t.Error("a rate of no modality gave no error")
	}
}

func TestReadCSV(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       string // as WriteCSV writes it
		err        string
	}{
		{"as written", "subject,present\na,flair+t2\nb,all\n", "a,flair+t2\nb,flair+t1+t1ce+t2\n", ""},
		{"one column a modality", "\ufefft2,t1,subject,t1ce,flair,fold\r\n1,0,a,0,1,3\r\n", "a,flair+t2\n", ""},
		{"twice the same", "subject,present\na,t1\na,t1\n", "a,t1\n", ""},
		{"only a header", "subject,present\n", "", ""},

		{"empty", "", "", "empty"},
		{"no subject", "id,present\na,t1\n", "", `"id,present"`},
		{"a modality lacks", "subject,t1,t2,flair\na,1,1,1\n", "", "one column for each of flair, t1, t1ce, t2"},
		{"unknown modality", "subject,present\na,t1\nb,pet\n", "", "line 3"},
		{"neither 0 nor 1", "subject,flair,t1,t1ce,t2\na,0,1,yes,1\n", "", `line 2: t1ce is "yes"`},
		{"nothing kept", "subject,present\na,none\n", "", "line 2: subject \"a\" keeps nothing"},
		{"two masks", "subject,present\na,t1\na,t2\n", "", "line 3: subject \"a\" keeps t2, but line 2 said t1"},
		{"nameless", "subject,present\n,t1\n", "", "line 2: no subject"},
		{"ragged", "subject,present\na\n", "", "line 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table, err := missing.ReadCSV(strings.NewReader(tc.text), four)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %v, want an error with %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := table.WriteCSV(&b, four); err != nil {
				t.Fatal(err)
			}
			if got := b.String(); got != "subject,present\n"+tc.want {
				t.Errorf("got\n%s", got)
			}
		})
	}
}

func TestWriteCSVRefusesWhatItCouldNotRead(t *testing.T) {
	for _, m := range []modality.Mask{0, 4} {
		if err := (missing.Table{"a": m}).WriteCSV(io.Discard, pair); err == nil {
			t.Errorf("wrote the mask %b of a set of two", m)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("subject,present\nBraTS20_Training_001,flair+t2\n")
	f.Add("subject,flair,t1,t1ce,t2\na,0,1,0,1\n\"b, c\",1,1,1,1\n")
	f.Add("\ufeffpresent,subject\r\nall,x\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := missing.ReadCSV(strings.NewReader(text), four)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := table.WriteCSV(&b, four); err != nil {
			t.Fatal(err)
		}
		again, err := missing.ReadCSV(&b, four)
		if err != nil {
			t.Fatal(err)
		}
		for s, m := range table {
			if again[s] != m {
				t.Fatalf("%q: %v became %v", s, m, again[s])
			}
		}
	})
}

func ExampleParse() {
	var subjects []ingest.Subject
	for i := range 100 {
		subjects = append(subjects, ingest.Subject{Key: ingest.Key{Dataset: "avdigits", Subject: fmt.Sprint("pair-", i)}, Class: i % 10})
	}
	a, err := split.Assign(subjects, split.Plan{})
	if err != nil {
		fmt.Println(err)
		return
	}
	mods := modality.MustSet("image", "audio")
	keep, err := missing.Parse("rate:audio=20", missing.Env{Modalities: mods, Subjects: subjects, Assignment: a})
	if err != nil {
		fmt.Println(err)
		return
	}
	seen := map[string]int{}
	for _, s := range subjects {
		sp, _ := a.Of(s)
		seen[sp.String()+" "+mods.Format(keep(s.Key, mods.Full()))]++
	}
	fmt.Println(seen)
	// Output:
	// map[test image+audio:30 train image:48 train image+audio:12 val image+audio:10]
}
