package modality_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest/modality"
)

func TestCombosAreTheRowsOfThePublishedTable(t *testing.T) {
	s := modality.MustSet("flair", "t1", "t1ce", "t2")
	var got []string
	for m := range s.Combos() {
		got = append(got, s.Format(m))
	}
	// Row order of Table 1 of the MCKD paper.
	want := strings.Fields(`flair t1 t1ce t2
		flair+t1 flair+t1ce flair+t2 t1+t1ce t1+t2 t1ce+t2
		flair+t1+t1ce flair+t1+t2 flair+t1ce+t2 t1+t1ce+t2
		flair+t1+t1ce+t2`)
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestCombosStopEarly(t *testing.T) {
	s := modality.MustSet("a", "b", "c")
	n := 0
	for range s.Combos() {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("got %d masks, want 2", n)
	}
}

func TestNewSetRefuses(t *testing.T) {
	for _, tc := range []struct {
		name  string
		names []string
	}{
		{"none", nil},
		{"empty name", []string{"a", ""}},
		{"twice", []string{"t1", "t1"}},
		{"upper case", []string{"T1"}},
		{"plus would break Parse", []string{"a+b"}},
		{"digit first", []string{"1t"}},
		{"too long", []string{strings.Repeat("a", 33)}},
		{"more than a mask has bits", strings.Fields("a b c d e f g h i j k l m n o p q")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := modality.NewSet(tc.names...); err == nil {
				t.Errorf("NewSet(%q) gave no error", tc.names)
			}
		})
	}
}

func TestParse(t *testing.T) {
	s := modality.MustSet("flair", "t1", "t2")
	for _, tc := range []struct {
		text string
		want modality.Mask
		err  bool
	}{
		{"flair", 1, false},
		{"t2+flair", 5, false},
		{"all", 7, false},
		{"none", 0, false},
		{"", 0, true},
		{"t1+t1", 0, true},
		{"pet", 0, true},
	} {
		got, err := s.Parse(tc.text)
		if got != tc.want || (err != nil) != tc.err {
			t.Errorf("Parse(%q) = %v, %v; want %v, error %v", tc.text, got, err, tc.want, tc.err)
		}
	}
}

func TestFormatParseRoundTrip(t *testing.T) {
	s := modality.MustSet(strings.Fields("a b c d e f g h i j k l m n o p")...)
	rapid.Check(t, func(t *rapid.T) {
		m := modality.Mask(rapid.Uint16().Draw(t, "mask"))
		back, err := s.Parse(s.Format(m))
		if err != nil || back != m {
			t.Fatalf("%v -> %q -> %v, %v", m, s.Format(m), back, err)
		}
		n := 0
		for i := range m.All() {
			if !m.Has(i) {
				t.Fatalf("All yields %d, Has denies it", i)
			}
			n++
		}
		if n != m.Count() {
			t.Fatalf("All yields %d, Count is %d", n, m.Count())
		}
	})
}

func ExampleSet_Combos() {
	s := modality.MustSet("image", "audio")
	for m := range s.Combos() {
		fmt.Println(s.Format(m))
	}
	// Output:
	// image
	// audio
	// image+audio
}
