package validate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/validate"
)

// segmented is a report of two cases, of which the first has no enhancing tumour
// and the second lacks t1.
func segmented(t *testing.T, batch int) *validate.Report {
	t.Helper()
	a, b := scan("a", [3]int{4, 4, 4}, 3), scan("b", [3]int{4, 4, 4}, 1)
	truth := map[string][]uint8{"a": make([]uint8, 64), "b": b.Target.Data}
	for i := range a.Target.Data {
		a.Target.Data[i] = 2
		truth["a"][i] = 2
	}
	truth["a"][0] = 3 // predicted where there is none
	e := validate.Evaluator{
		Modalities: brats, Classes: tissues, Regions: regions, Combos: []modality.Mask{1, 2, 3}, Batch: batch,
		Post: validate.Post{MinPart: 2},
	}
	r, err := e.Run(t.Context(), oracle(truth), sequence(append(cut(t, a, grid), cut(t, b, grid)...)...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func classified(t *testing.T) *validate.Report {
	t.Helper()
	e := validate.Evaluator{Modalities: digits, Classes: []string{"zero", "one", "t|o"}, Combos: []modality.Mask{2, 1}}
	r, err := e.Run(t.Context(), seen, sequence(pairs()...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const segmentedMarkdown = `| modalities | cases | Dice ET | Dice WT | Dice TC | HD95 ET | HD95 WT | HD95 TC |
|---|---:|---:|---:|---:|---:|---:|---:|
| flair | 2 | 50.00 | 100.00 | 50.00 | 0.00 (1) | 0.00 | 0.00 (1) |
| t1 | 1 | 0.00 | 100.00 | 0.00 | – (1) | 0.00 | – (1) |
| flair+t1 | 2 | 50.00 | 100.00 | 50.00 | 0.00 (1) | 0.00 | 0.00 (1) |
| average |  | 33.33 | 100.00 | 33.33 | 0.00 | 0.00 | 0.00 |

Mean Dice in % and HD95 in mm; in parentheses, undefined scores, which are left out.

Protocol: lacuna-segmentation/1: regions of classes ET = 3, WT = 2+1+3, TC = 1+3; patches put together by the mean of probabilities, uniform weights; a region where it is above 0.5; regions painted in the order WT, TC, ET, then judged on the label map; post-processing 18-connected parts below min(2, largest/10) voxels to background; whole cases; voxels that no patch has count as background; Dice; HD95 in mm, from surface voxels (6 neighbours) to surface voxels, the larger of both directions' 95th percentiles, linear interpolation; empty masks brats (both empty: Dice 1, HD95 0; one of them empty: Dice 0, HD95 undefined); means over subjects, undefined left out and counted; a combination is narrowed to the modalities recorded.

2 cases, 0 of them unlabelled.

t1: 0 of the cases judged have a part of it only, and were judged by that; 1 have none of it and were not evaluated.

flair+t1: 1 of the cases judged have a part of it only, and were judged by that; 0 have none of it and were not evaluated.

Warning: some cases lack modalities: a combination's scores are from what each has of it, and those that have all of it are counted as whole.
`

const classifiedMarkdown = `| modalities | samples | right | accuracy % | 95 % interval | macro-F1 % |
|---|---:|---:|---:|---:|---:|
| audio | 4 | 3 | 75.00 | 30.06 to 95.44 | 77.78 |
| image | 4 | 3 | 75.00 | 30.06 to 95.44 | 77.78 |

With audio:

| class | true | predicted | precision % | recall % | F1 % |
|---|---:|---:|---:|---:|---:|
| zero | 1 | 2 | 50.00 | 100.00 | 66.67 |
| one | 2 | 1 | 100.00 | 50.00 | 66.67 |
| t\|o | 1 | 1 | 100.00 | 100.00 | 100.00 |

| true \ predicted | zero | one | t\|o |
|---|---:|---:|---:|
| zero | 1 | 0 | 0 |
| one | 1 | 1 | 0 |
| t\|o | 0 | 0 | 1 |
`

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := validate.WriteMarkdown(&b, segmented(t, 0)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(segmentedMarkdown, b.String()); d != "" {
		t.Errorf("segmentation (-want +got):\n%s", d)
	}
	b.Reset()
	if err := validate.WriteMarkdown(&b, classified(t)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(classifiedMarkdown, b.String()[:min(len(classifiedMarkdown), b.Len())]); d != "" {
		t.Errorf("classification (-want +got):\n%s", d)
	}
}

func TestCSV(t *testing.T) {
	for _, tc := range []struct {
		name   string
		report *validate.Report
		want   []string // the first lines
		lines  int
	}{
		{"segmentation", segmented(t, 0), []string{
			"subject,combination,seen,region,dice,hd95_mm,voxels_predicted,voxels_true,voxels_uncovered",
			"brats/a,flair,flair,ET,0,NaN,1,0,0",
			"brats/a,flair,flair,WT,1,0,64,64,0",
		}, 1 + (3+2)*3},
		{"classification", classified(t), []string{
			"key,combination,seen,class,predicted,probability",
			"avdigits/a,audio,audio,zero,zero,0.6",
			"avdigits/a,image,image,zero,zero,0.6",
		}, 1 + 9},
	} {
		var b strings.Builder
		if err := validate.WriteCSV(&b, tc.report); err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if d := cmp.Diff(tc.want, got[:len(tc.want)]); d != "" || len(got) != tc.lines {
			t.Errorf("%s: %d lines, want %d (-want +got):\n%s", tc.name, len(got), tc.lines, d)
		}
	}
}

func TestReportsComeBackFromJSON(t *testing.T) {
	for _, r := range []*validate.Report{segmented(t, 0), classified(t)} {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back validate.Report
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		nans := cmp.Comparer(func(a, b validate.Number) bool {
			return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b))
		})
		if d := cmp.Diff(r, &back, nans, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("(-was +is):\n%s", d)
		}
	}
	if b, err := json.Marshal([]validate.Number{1.5, validate.Number(math.NaN()), validate.Number(math.Inf(-1))}); string(b) != "[1.5,null,null]" || err != nil {
		t.Errorf("got %s, %v", b, err)
	}
}

// The size of batches, and whatever else is no choice of the protocol, changes
// nothing.
func TestBatchesChangeNothing(t *testing.T) {
	want, err := json.Marshal(segmented(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{2, 3, 100} {
		if got, err := json.Marshal(segmented(t, n)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("batches of %d gave another report than of 1 (%v)", n, err)
		}
	}
}

// failing is a full disk.
type failing struct{}

var errFull = errors.New("disk full")

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestWritersReportTheDisk(t *testing.T) {
	if err := validate.WriteCSV(failing{}, classified(t)); !errors.Is(err, errFull) {
		t.Errorf("CSV: got %v", err)
	}
	if err := validate.WriteMarkdown(failing{}, classified(t)); !errors.Is(err, errFull) {
		t.Errorf("Markdown: got %v", err)
	}
}
