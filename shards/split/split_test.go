package split_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// pairs makes subjects as avdigits has them: per digit so many pairs of each
// speaker.
func pairs(speakers []string, digits, each int) []ingest.Subject {
	var list []ingest.Subject
	for d := range digits {
		for _, sp := range speakers {
			for i := range each {
				id := fmt.Sprintf("%d_%s_%d", d, sp, i)
				list = append(list, ingest.Subject{
					Key: ingest.Key{Dataset: "avdigits", Subject: id}, Group: id,
					Stratum: fmt.Sprintf("%d/%s", d, sp), Class: d, Domain: sp,
				})
			}
		}
	}
	return list
}

var speakers = []string{"jackson", "nicolas", "theo"}

func assign(t testing.TB, list []ingest.Subject, p split.Plan) *split.Assignment {
	t.Helper()
	a, err := split.Assign(list, p)
	if err != nil {
		t.Fatal(err)
	}
	if n := a.Overlap(); n != 0 {
		t.Fatalf("%d groups stand in two splits", n)
	}
	return a
}

func sizes(a *split.Assignment) [3]int {
	var n [3]int
	for i := range n {
		n[i], _ = a.Counts(split.Train + split.Split(i))
	}
	return n
}

func TestNames(t *testing.T) {
	for s := split.Train; s <= split.Test; s++ {
		text, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back split.Split
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("%s -> %q -> %s, %v", s, text, back, err)
		}
	}
	if _, err := split.Parse("meta"); err == nil {
		t.Error(`Parse("meta") gave no error`)
	}
	if _, err := split.Split(0).MarshalText(); err == nil {
		t.Error("the zero Split has a name")
	}
}

func TestStratifiedSizesOfTheDigitPairs(t *testing.T) {
	list := pairs(speakers, 10, 50)
	a := assign(t, list, split.Plan{Seed: 7})
	if got, want := sizes(a), [3]int{900, 150, 450}; got != want {
		t.Errorf("sizes %v, want %v", got, want)
	}
	cell := map[string]int{}
	for _, s := range list {
		sp, _ := a.Of(s)
		cell[s.Stratum+" "+sp.String()]++
	}
	for k, want := range map[string]int{"3/theo train": 30, "3/theo val": 5, "3/theo test": 15} {
		if cell[k] != want {
			t.Errorf("%s: %d pairs, want %d", k, cell[k], want)
		}
	}
}

// countByStratum returns how many subjects of each stratum, and of all, are in
// train, val and test.
func countByStratum(t rapid.TB, a *split.Assignment, list []ingest.Subject) (count map[string][3]int, all [3]int) {
	t.Helper()
	count = map[string][3]int{}
	for _, s := range list {
		sp, ok := a.Of(s)
		if !ok {
			t.Fatalf("%s has no split", s.Key)
		}
		c := count[s.Stratum]
		c[sp-split.Train]++
		count[s.Stratum] = c
		all[sp-split.Train]++
	}
	return count, all
}

// The promise of Stratified: each stratum and the whole within one group of
// the weights, and no split of three or more groups without any.
func TestStratifiedFollowsTheWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.SliceOfN(rapid.IntRange(1, 12), 1, 30).Draw(t, "strata")
		w := split.Weights{
			Train: rapid.IntRange(0, 9).Draw(t, "train"),
			Val:   rapid.IntRange(0, 9).Draw(t, "val"),
			Test:  rapid.IntRange(1, 9).Draw(t, "test"),
		}
		var list []ingest.Subject
		for i, n := range ns {
			for j := range n {
				list = append(list, ingest.Subject{Key: ingest.Key{Dataset: "d", Subject: fmt.Sprintf("%d-%d", i, j)}, Stratum: fmt.Sprint(i)})
			}
		}
		a, err := split.Assign(list, split.Plan{Weights: w, Seed: rapid.Uint64().Draw(t, "seed")})
		if err != nil {
			t.Fatal(err)
		}
		count, all := countByStratum(t, a, list)
		parts := [3]int{w.Train, w.Val, w.Test}
		total := w.Train + w.Val + w.Test
		least := 0 // groups that the splits need to have their shares rounded down, and one at least
		for k, p := range parts {
			if len(list) >= 3 && p > 0 && all[k] == 0 {
				t.Errorf("split %d of %v is empty", k, all)
			}
			share := len(list) * p / total
			if p > 0 && len(list) >= 3 {
				share = max(share, 1)
			}
			least += share
		}
		if least > len(list) {
			return // no split of three groups by 5:1:1 is within one
		}
		check := func(what string, got [3]int) {
			n := got[0] + got[1] + got[2]
			for k, p := range parts {
				if d := got[k]*total - n*p; d >= total || -d >= total {
					t.Errorf("%s: %v of weights %v is a group or more off", what, got, parts)
				}
			}
		}
		check("the whole", all)
		for name, c := range count {
			check("stratum "+name, c)
		}
	})
}

// Four groups by 5:4:1 are 2, 1.6 and 0.4. That the last gets one must cost the
// second, whichever stratum it takes.
func TestTheSplitThatMustNotBeEmptyTakesFromWhereItMay(t *testing.T) {
	var list []ingest.Subject
	for i := range 4 {
		list = append(list, ingest.Subject{Key: ingest.Key{Dataset: "d", Subject: fmt.Sprint(i)}, Stratum: fmt.Sprint(i > 0)})
	}
	a := assign(t, list, split.Plan{Weights: split.Weights{Train: 5, Val: 4, Test: 1}})
	if got, want := sizes(a), [3]int{2, 1, 1}; got != want {
		t.Errorf("sizes %v, want %v", got, want)
	}
}

func TestHashMovesNoneWhenSubjectsAreAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringN(1, 8, 32), 2, 60, rapid.ID).Draw(t, "subjects")
		list := make([]ingest.Subject, len(names))
		for i, n := range names {
			list[i] = ingest.Subject{Key: ingest.Key{Dataset: "d", Subject: n}, Group: "g" + n}
		}
		p := split.Plan{Policy: split.Hash, Seed: rapid.Uint64().Draw(t, "seed")}
		few, err := split.Assign(list[:len(list)/2], p)
		if err != nil {
			t.Fatal(err)
		}
		many, err := split.Assign(list, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list[:len(list)/2] {
			was, _ := few.Of(s)
			if is, _ := many.Of(s); is != was {
				t.Fatalf("%s moved from %s to %s", s.Key, was, is)
			}
		}
	})
}

// The hash is part of the format: whoever splits by it elsewhere gets the same.
// Each value is int.from_bytes(sha256(b"lacuna/split/1\0" +
// struct.pack("<Q", 42) + name).digest()[:8], "big") / 2**64, computed in
// Python: patient-0 0.6654, -1 0.1271, -2 0.7327, -3 0.2256, -4 0.5710.
func TestHashIsAsDocumented(t *testing.T) {
	want := map[string]split.Split{"patient-0": split.Val, "patient-1": split.Train, "patient-2": split.Test, "patient-3": split.Train, "patient-4": split.Train}
	var list []ingest.Subject
	for name := range want {
		list = append(list, ingest.Subject{Key: ingest.Key{Dataset: "d", Subject: name}})
	}
	a := assign(t, list, split.Plan{Policy: split.Hash, Seed: 42})
	for _, s := range list {
		if got, _ := a.Of(s); got != want[s.Key.Subject] {
			t.Errorf("%s: %s, want %s", s.Key.Subject, got, want[s.Key.Subject])
		}
	}
}

func TestHashFollowsTheWeightsOnAverage(t *testing.T) {
	a := assign(t, pairs(speakers, 10, 100), split.Plan{Policy: split.Hash})
	for i, want := range [3]int{1800, 300, 900} {
		// Five standard deviations of a binomial: below 134 of 3,000.
		if got := sizes(a)[i]; got < want-134 || got > want+134 {
			t.Errorf("split %d has %d of 3000, want about %d", i, got, want)
		}
	}
}

func TestOrderOfTheListDoesNotMatter(t *testing.T) {
	list := pairs(speakers, 4, 9)
	shuffled := slices.Clone(list)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for _, policy := range []string{split.Stratified, split.Hash, split.Disjoint} {
		var csv [2]strings.Builder
		for i, l := range [][]ingest.Subject{list, shuffled} {
			if err := assign(t, l, split.Plan{Policy: policy, Seed: 3}).WriteCSV(&csv[i]); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(csv[0].String(), csv[1].String()); d != "" {
			t.Errorf("%s: %s", policy, d)
		}
	}
}

func TestSeedMatters(t *testing.T) {
	list := pairs(speakers, 2, 10)
	for _, policy := range []string{split.Stratified, split.Hash} {
		a, b := assign(t, list, split.Plan{Policy: policy, Seed: 1}), assign(t, list, split.Plan{Policy: policy, Seed: 2})
		if slices.Equal(a.Groups(split.Test), b.Groups(split.Test)) {
			t.Errorf("%s: seeds 1 and 2 test the same groups", policy)
		}
	}
}

func TestGroupsStayTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 80).Draw(t, "subjects")
		var list []ingest.Subject
		for i := range n {
			list = append(list, ingest.Subject{
				Key:     ingest.Key{Dataset: "d", Subject: fmt.Sprint(i)},
				Group:   fmt.Sprint("p", rapid.IntRange(0, n/2).Draw(t, "patient")),
				Stratum: rapid.SampledFrom([]string{"HGG", "LGG"}).Draw(t, "grade"),
			})
		}
		a, err := split.Assign(list, split.Plan{Policy: rapid.SampledFrom([]string{split.Stratified, split.Hash}).Draw(t, "policy")})
		if err != nil {
			t.Fatal(err)
		}
		of := map[string]split.Split{}
		for _, s := range list {
			sp, ok := a.Of(s)
			if had, seen := of[s.Group]; !ok || seen && had != sp {
				t.Fatalf("group %s is in %v and %v", s.Group, had, sp)
			}
			of[s.Group] = sp
		}
		if a.Overlap() != 0 {
			t.Fatalf("Overlap is %d", a.Overlap())
		}
	})
}

func TestDisjoint(t *testing.T) {
	list := pairs(speakers, 10, 50)
	for _, tc := range []struct {
		name string
		plan split.Plan
		want []string // nil: any one
	}{
		{"by hash", split.Plan{Policy: split.Disjoint}, nil},
		{"named", split.Plan{Policy: split.Disjoint, TestDomains: []string{"theo"}}, []string{"theo"}},
		{"two named", split.Plan{Policy: split.Disjoint, TestDomains: []string{"theo", "nicolas"}}, []string{"theo", "nicolas"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := assign(t, list, tc.plan)
			test, other := map[string]bool{}, map[string]bool{}
			for _, s := range list {
				if sp, _ := a.Of(s); sp == split.Test {
					test[s.Domain] = true
				} else {
					other[s.Domain] = true
				}
			}
			for d := range test {
				if other[d] {
					t.Errorf("speaker %s is in test and elsewhere", d)
				}
			}
			if tc.want == nil && len(test) != 1 {
				t.Errorf("test has the speakers %v, want one: 500 of 1500 is nearest to 30 %%", test)
			}
			for _, d := range tc.want {
				if !test[d] || len(test) != len(tc.want) {
					t.Errorf("test has the speakers %v, want %v", test, tc.want)
				}
			}
			n := sizes(a)
			if rest := n[0] + n[1]; n[1] != (rest+6)/7 && n[1] != rest/7 {
				t.Errorf("sizes %v: val is not a seventh of what is not test", n)
			}
		})
	}
}

func TestPaper(t *testing.T) {
	official := func(id, group, split string) ingest.Subject {
		return ingest.Subject{Key: ingest.Key{Dataset: "d", Subject: id}, Group: group, Official: split}
	}
	t.Run("as given", func(t *testing.T) {
		a := assign(t, []ingest.Subject{official("a", "", "train"), official("b", "", "val"), official("c", "", "test"), official("d", "", "")}, split.Plan{Policy: split.Paper})
		if got := sizes(a); got != [3]int{1, 1, 1} {
			t.Errorf("sizes %v, want one each and d in none", got)
		}
	})
	t.Run("val carved out of train as 10 of 70", func(t *testing.T) {
		list := pairs(speakers, 10, 50)
		for i := range list {
			list[i].Official = "train"
			if i%50 < 15 {
				list[i].Official = "test"
			}
		}
		a := assign(t, list, split.Plan{Policy: split.Paper})
		if got, want := sizes(a), [3]int{900, 150, 450}; got != want {
			t.Errorf("sizes %v, want %v", got, want)
		}
	})
}

func TestFixedOverrides(t *testing.T) {
	list := pairs(speakers, 2, 10)
	for _, policy := range split.Policies() {
		for i := range list {
			list[i].Official = "train"
		}
		a := assign(t, list, split.Plan{Policy: policy, Fixed: map[string]split.Split{"0_theo_0": split.Val, "1_jackson_3": split.Test}})
		if !slices.Contains(a.Groups(split.Val), "0_theo_0") || !slices.Contains(a.Groups(split.Test), "1_jackson_3") {
			t.Errorf("%s: fixed groups are not where they were put", policy)
		}
	}
}

func TestAssignRefuses(t *testing.T) {
	two := []ingest.Subject{{Key: ingest.Key{Dataset: "d", Subject: "a"}}, {Key: ingest.Key{Dataset: "d", Subject: "b"}}}
	with := func(f func(s []ingest.Subject)) []ingest.Subject { s := slices.Clone(two); f(s); return s }
	for _, tc := range []struct {
		name     string
		subjects []ingest.Subject
		plan     split.Plan
		want     string
	}{
		{"no subjects", nil, split.Plan{}, "no subjects"},
		{"twice", append(two[:1:1], two[0]), split.Plan{}, "d/a stands twice"},
		{"unknown policy", two, split.Plan{Policy: "random"}, "stratified, hash, disjoint, paper"},
		{"negative weight", two, split.Plan{Weights: split.Weights{Train: 1, Val: -1}}, "-1 of val"},
		{"huge weight", two, split.Plan{Weights: split.Weights{Test: split.MaxWeight + 1}}, "of test"},
		{"fixed to nothing", two, split.Plan{Fixed: map[string]split.Split{"a": 0}}, `"a" is fixed`},
		{"test domains elsewhere", two, split.Plan{TestDomains: []string{"x"}}, "are for policy disjoint"},
		{"no domain", two, split.Plan{Policy: split.Disjoint}, "has no domain"},
		{"one domain", with(func(s []ingest.Subject) { s[0].Domain, s[1].Domain = "x", "x" }), split.Plan{Policy: split.Disjoint}, "needs two domains"},
		{"unknown test domain", with(func(s []ingest.Subject) { s[0].Domain, s[1].Domain = "x", "y" }), split.Plan{Policy: split.Disjoint, TestDomains: []string{"z"}}, "not one of x, y"},
		{"nothing to train on", with(func(s []ingest.Subject) { s[0].Domain, s[1].Domain = "x", "y" }), split.Plan{Policy: split.Disjoint, TestDomains: []string{"x", "y"}}, "nothing to train on"},
		{"group in two domains", with(func(s []ingest.Subject) {
			s[0].Domain, s[1].Domain, s[0].Group, s[1].Group = "x", "y", "g", "g"
		}), split.Plan{Policy: split.Disjoint}, "spans the domains"},
		{"no official", two, split.Plan{Policy: split.Paper}, "use stratified"},
		{"odd official", with(func(s []ingest.Subject) { s[0].Official = "dev" }), split.Plan{Policy: split.Paper}, `"dev"`},
		{"official tears a group", with(func(s []ingest.Subject) {
			s[0].Official, s[1].Official, s[0].Group, s[1].Group = "train", "test", "g", "g"
		}), split.Plan{Policy: split.Paper}, `tear group "g"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := split.Assign(tc.subjects, tc.plan)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func ExampleAssign() {
	var subjects []ingest.Subject
	for i := range 20 {
		id := fmt.Sprintf("BraTS-GLI-%05d", i/2)
		subjects = append(subjects, ingest.Subject{
			Key:   ingest.Key{Dataset: "brats", Subject: fmt.Sprintf("%s-%03d", id, i%2)},
			Group: id, // two time points of one patient
		})
	}
	a, err := split.Assign(subjects, split.Plan{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, sp := range []split.Split{split.Train, split.Val, split.Test} {
		s, g := a.Counts(sp)
		fmt.Println(sp, s, "subjects of", g, "patients")
	}
	fmt.Println("patients in two splits:", a.Overlap())
	// Output:
	// train 12 subjects of 6 patients
	// val 2 subjects of 1 patients
	// test 6 subjects of 3 patients
	// patients in two splits: 0
}
