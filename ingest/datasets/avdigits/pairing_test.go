package avdigits_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets/avdigits"
)

// paperMNIST has as many images as MNIST: label i is i's last digit.
func paperMNIST() fstest.MapFS {
	return folder("train-labels-idx1-ubyte", cyclic(60000), "train-images-idx3-ubyte", numbered(60000, 28, 28),
		"t10k-labels-idx1-ubyte", cyclic(10000), "t10k-images-idx3-ubyte", numbered(10000, 28, 28))
}

// TestPaperTestImages checks places worked out by hand. Of the names 0.png,
// 10.png, ..., 9990.png the last 45 in text order are, from the end: 9990 to
// 9900 (ten), 990, 9890 to 9800, 980, 9790 to 9700, 970, 9690 to 9600, 960,
// 9590.
func TestPaperTestImages(t *testing.T) {
	src := openWith(t, paperClips(), paperMNIST(), "paper")
	for name, want := range map[string]int{
		"0_jackson_0": 9590, "0_jackson_1": 960, "0_jackson_10": 9600, "0_jackson_11": 9610, "0_jackson_2": 9650,
		"0_theo_9": 9990, "0_theo_8": 9980, "0_theo_1": 9870, // theo_9 to 2 and 14 to 10 are 13 clips: 9990 to 9900, 990, 9890, 9880
		// 3, 13, ..., 9993: the same, with 3 for 0.
		"3_jackson_0": 9593, "3_theo_9": 9993,
		// Train: 0, 10, 100, 1000, 10000, 10010...
		"0_jackson_15": 0, "0_jackson_16": 10, "0_jackson_17": 100, "0_jackson_18": 1000, "0_jackson_19": 10000, "0_jackson_20": 10010,
	} {
		x, err := src.Load(t.Context(), subject(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := place(x.Inputs[0]); got != want || len(x.Warnings) != 0 {
			t.Errorf("%s: got image %d with warnings %v, want %d without", name, got, x.Warnings, want)
		}
	}
}

func TestPaperWhatIsMissing(t *testing.T) {
	audio := paperClips("recordings/7_theo_23.wav", "recordings/2_nicolas_3.wav")
	audio["recordings/6_jackson_50.wav"] = &fstest.MapFile{Data: tone()} // as old releases of FSDD have
	audio["recordings/6_george_1.wav"] = &fstest.MapFile{Data: tone()}
	src := openWith(t, audio, mnist(1200), "paper")
	if n := len(subjects(t, src)); n != 1500 {
		t.Fatalf("got %d pairs, want 1500", n)
	}
	for _, tc := range []struct{ subject, present, kinds string }{
		{"7_theo_22", "image+audio", "count"},
		{"7_theo_23", "image", "missing count"},
		{"2_nicolas_4", "audio", "missing"}, // there is no test set
		{"6_jackson_0", "audio", "missing extra"},
	} {
		x, err := src.Load(t.Context(), subject(tc.subject))
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Check(src.Modalities()); err != nil {
			t.Error(err)
		}
		var kinds []string
		for _, w := range x.Warnings {
			kinds = append(kinds, w.Kind)
		}
		if got := src.Modalities().Format(x.Present); got != tc.present || strings.Join(kinds, " ") != tc.kinds {
			t.Errorf("%s: got %s with %v, want %s with %s", tc.subject, got, x.Warnings, tc.present, tc.kinds)
		}
	}
	var bad *ingest.SubjectError
	if _, err := src.Load(t.Context(), subject("2_nicolas_3")); !errors.As(err, &bad) {
		t.Errorf("neither clip nor image: got %v, want a SubjectError", err)
	}
}

// fullPlaces returns the image of each subject of the pairing full.
func fullPlaces(t rapid.TB, names []string, images fs.FS) map[string]int {
	m := fstest.MapFS{}
	for _, n := range names {
		m[n+".wav"] = &fstest.MapFile{Data: tone()}
	}
	src, err := avdigits.Dataset.Open(context.Background(), map[string]fs.FS{"audio": m, "images": images}, map[string]string{"pairing": "full"})
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]int{}
	for s, err := range src.Subjects(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		x, err := src.Load(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		places[s.Key.Subject] = -1
		if x.Present.Has(0) {
			places[s.Key.Subject] = place(x.Inputs[0])
		}
	}
	return places
}

func TestFullMoreTakesMoveNoPair(t *testing.T) {
	images := mnist(300)
	rapid.Check(t, func(t *rapid.T) {
		takes := rapid.IntRange(1, 8).Draw(t, "takes")
		more := takes + rapid.IntRange(1, 4).Draw(t, "more") // up to 36 of 30 images: it may run out
		names := func(takes int) []string {
			return slices.Concat(clipsOf("7_theo", takes), clipsOf("7_ann", takes), clipsOf("7_bob", takes))
		}
		few, many := fullPlaces(t, names(takes), images), fullPlaces(t, names(more), images)
		seen := map[int]bool{}
		for n, p := range many {
			if p < 0 {
				continue
			}
			if seen[p] || p%10 != 7 {
				t.Fatalf("%s has image %d, of another pair or another digit", n, p)
			}
			seen[p] = true
		}
		if len(seen) != min(3*more, 30) {
			t.Fatalf("%d of %d clips have an image of 30", len(seen), 3*more)
		}
		for n, p := range few {
			if many[n] != p {
				t.Fatalf("%s moved from image %d to %d", n, p, many[n])
			}
		}
	})
}

func TestFullMoreSpeakersMoveFewPairs(t *testing.T) {
	images := mnist(2000)
	theo := clipsOf("3_theo", 50)
	before := fullPlaces(t, theo, images)
	for _, who := range []string{"george", "jackson", "lucas", "nicolas"} { // all placed before theo
		after := fullPlaces(t, append(clipsOf("3_"+who, 50), theo...), images)
		moved := 0
		for n, p := range before {
			if after[n] != p {
				moved++
			}
		}
		// Of 200 images the newcomers take 50, so about a quarter of the 50 may be
		// hit; half would be far out.
		if moved > 25 {
			t.Errorf("with %s, %d of 50 pairs moved", who, moved)
		}
	}
}

// clipsOf returns n names with the indices 0 to n-1.
func clipsOf(prefix string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s_%d", prefix, i))
	}
	return names
}
