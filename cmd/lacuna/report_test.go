package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets/all"
	"github.com/lacuna-ml/lacuna/ingest/datasets/brats"
	"github.com/lacuna-ml/lacuna/ingest/nifti"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/internal/lab"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/validate"
)

// readText returns a file's text.
func readText(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// checkPage checks what every page must be: whole, by itself, without what a
// browser would fetch or run.
func checkPage(t *testing.T, text string, sections ...string) {
	t.Helper()
	var got []string
	for _, m := range regexp.MustCompile(`<h2 id="[^"]*">([^<]*)</h2>`).FindAllStringSubmatch(text, -1) {
		got = append(got, m[1])
	}
	if !slices.Equal(got, sections) {
		t.Errorf("sections %q, want %q", got, sections)
	}
	if !strings.HasSuffix(text, "</html>\n") || strings.Count(text, "<h1>") != 1 {
		t.Error("the page is not whole")
	}
	for _, bad := range regexp.MustCompile(`(?i)<script|<link[^>]*href="http|(src|href)="(https?:|//|file:|[^"#d])[^"]*"|@import|url\(\s*['"]?http`).FindAllString(text, -1) {
		t.Errorf("the page has %q", bad)
	}
}

func TestReportOfDigits(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"))
	data, runDir := filepath.Join(dir, "ph", "avdigits"), filepath.Join(dir, "a <b>run</b> & more")
	want(t, cli.Good, "train", data, "--run", runDir, "--quiet", "--epochs", "4", "--missing", "rate:audio=50")
	text := readText(t, runDir, "report.html")
	checkPage(t, text, "Result", "Training", "What next", "How it was made")
	for _, has := range []string{
		"not been judged yet", "a &lt;b&gt;run&lt;/b&gt; &amp; more", "--missing rate:audio=50", "audio in 50 % of samples",
		"held out (selects nothing)", "84,356 parameters",
	} {
		if !strings.Contains(text, has) {
			t.Errorf("the report lacks %q", has)
		}
	}
	if strings.Contains(text, "<b>run</b>") {
		t.Error("a name is not escaped")
	}
	picture := readText(t, runDir, "progress.png")
	if _, err := png.Decode(strings.NewReader(picture)); err != nil {
		t.Errorf("progress.png: %v", err)
	}

	stdout, _ := want(t, cli.Good, "validate", runDir)
	if lines := strings.Split(stdout, "\n"); len(lines) > 8 || !strings.Contains(lines[3], "image+audio") || !strings.Contains(stdout, "lacuna-classification/1") {
		t.Errorf("not the short table:\n%s", stdout)
	}
	text = readText(t, runDir, "report.html")
	checkPage(t, text, "Result on test", "Examples on test", "Training", "What next", "How it was made")
	for _, has := range []string{"Seeing image and audio, it is right on", "; chance would be 10", "F1 by class", "lacuna-classification/1", "image&#43;audio: "} {
		if !strings.Contains(text, has) {
			t.Errorf("the report lacks %q", has)
		}
	}
	examples, err := filepath.Glob(filepath.Join(runDir, "test", "examples", "*.png"))
	if err != nil || len(examples) == 0 || len(examples) > 12 {
		t.Errorf("%d pictures, want 1 to 12: %v", len(examples), err)
	}
	for _, f := range examples {
		if _, err := png.Decode(strings.NewReader(readText(t, f))); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	// Made again from the same run, it is the same.
	want(t, cli.Good, "validate", runDir)
	if readText(t, runDir, "report.html") != text {
		t.Error("the same run gave another report")
	}
	// A second split has sections of its own.
	want(t, cli.Good, "validate", runDir, "--split", "val", "--combos", "audio")
	checkPage(t, readText(t, runDir, "report.html"), "Result on test", "Examples on test", "Result on val", "Examples on val", "Training", "What next", "How it was made")
}

func TestReportOfAResumedRun(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"), "--kinds", "avdigits")
	runDir := filepath.Join(dir, "run")
	trained(t, filepath.Join(dir, "ph", "avdigits"), runDir, "--epochs", "2")
	if err := os.Remove(filepath.Join(runDir, "report.html")); err != nil {
		t.Fatal(err)
	}
	want(t, cli.Good, "train", "--resume", "--run", runDir, "--quiet")
	text := readText(t, runDir, "report.html")
	checkPage(t, text, "Result", "Training", "What next", "How it was made")
	if !strings.Contains(text, "went on from a checkpoint: bit for bit") {
		t.Error("the report does not tell of two starts")
	}
}

func TestReportOfVolumes(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"), "--kinds", "brats", "--cases", "8")
	data, runDir := filepath.Join(dir, "ph", "brats"), filepath.Join(dir, "run")
	trained(t, data, runDir, "--steps", "40", "--width", "4", "--depth", "2")
	stdout, _ := want(t, cli.Good, "validate", runDir, "--nifti")
	if lines := strings.Split(stdout, "\n"); len(lines) > 22 || !strings.Contains(lines[15], "flair+t1+t1ce+t2") {
		t.Errorf("not the short table:\n%s", stdout)
	}
	text := readText(t, runDir, "report.html")
	checkPage(t, text, "Result on test", "Examples on test", "Training", "What next", "How it was made")
	if n := strings.Count(text, "<td>●</td>"); n != 32 { // each of four modalities is in 8 of 15 combinations
		t.Errorf("%d dots in the table, want 32", n)
	}
	var list struct {
		Groups []struct {
			Pictures []struct{ File, Caption string }
		}
	}
	if err := json.Unmarshal([]byte(readText(t, runDir, "test", "examples", "examples.json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Groups) == 0 || len(list.Groups) > 3 {
		t.Errorf("%d cases are shown, want 1 to 3", len(list.Groups))
	}
	for _, g := range list.Groups {
		if len(g.Pictures) != 5 || g.Pictures[1].Caption != "what is true" || !strings.Contains(g.Pictures[2].Caption, "Dice: ET") {
			t.Errorf("pictures %+v", g.Pictures)
		}
	}
	checkLabelMaps(t, filepath.Join(dir, "ph", "files", "brats"), filepath.Join(runDir, "test"))
}

// checkLabelMaps compares the predicted label maps with those of the data set:
// the same grid, the same numbers.
func checkLabelMaps(t *testing.T, files, predicted string) {
	t.Helper()
	maps, err := filepath.Glob(filepath.Join(predicted, "*.nii.gz"))
	if err != nil || len(maps) == 0 {
		t.Fatal(maps, err)
	}
	numbers := map[float32]int{}
	for _, m := range maps {
		name := strings.TrimSuffix(filepath.Base(m), ".nii.gz")
		found, err := filepath.Glob(filepath.Join(files, "*", name, name+"_seg.nii.gz"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		got, err := nifti.ReadFile(os.DirFS(predicted), filepath.Base(m), 1<<24)
		if err != nil {
			t.Fatal(err)
		}
		input, err := nifti.ReadFile(os.DirFS(filepath.Dir(found[0])), filepath.Base(found[0]), 1<<24)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Header.Dim, input.Header.Dim) || got.Header.Affine() != input.Header.Affine() {
			t.Errorf("%s: %v, %v; the input has %v, %v", name, got.Header.Dim, got.Header.Affine(), input.Header.Dim, input.Header.Affine())
		}
		for _, v := range got.Data {
			numbers[v]++
		}
	}
	for v := range numbers {
		if !slices.Contains([]float32{0, 1, 2, 4}, v) {
			t.Errorf("label %g, which BraTS 2018 does not have", v)
		}
	}
	if len(numbers) < 2 {
		t.Error("nothing was predicted: nothing was tested")
	}
}

// TestReportWritesTheNumbersOfARelease: of a label map of each class, in axes that
// the file did not have.
func TestReportWritesTheNumbersOfARelease(t *testing.T) {
	dir := t.TempDir()
	m := &validate.LabelMap{
		Key: ingest.Key{Dataset: "brats", Subject: "case"}, Axes: "RAS",
		Labels: ingest.Labels{Shape: []int{1, 1, 4}, Data: []uint8{0, 1, 2, 3}},
		Affine: [4][4]float64{{-1, 0, 0, 3}, {0, -1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}},
	}
	c := validateCmd{Out: dir}
	numbers := brats.Dataset.Numbers([]string{"brats-labels-2018/1"})
	if err := c.labels(m, numbers); err != nil {
		t.Fatal(err)
	}
	got, err := nifti.ReadFile(os.DirFS(dir), "case.nii.gz", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{4, 2, 1, 0}; !slices.Equal(got.Data, want) || got.Header.Orientation() != "RAS" {
		t.Errorf("%v in %s, want %v in RAS", got.Data, got.Header.Orientation(), want)
	}
}

// TestJudgeGivesTheWidestLabelMaps: one a case, of the combination of the most
// modalities. Who cannot take them says so before any case is looked at.
func TestJudgeGivesTheWidestLabelMaps(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"), "--kinds", "brats")
	runDir := filepath.Join(dir, "run")
	trained(t, filepath.Join(dir, "ph", "brats"), runDir, "--steps", "1", "--width", "4", "--depth", "2")
	registry, err := all.Registry()
	if err != nil {
		t.Fatal(err)
	}
	e := cpu.New(cpu.Options{Workers: 2})
	defer e.Close()
	var maps []string
	cases, done := 0, 0
	j := lab.Judge{Registry: registry, Engine: e, Dir: runDir, Split: split.Test, Combos: []string{"t1ce", "flair+t2", "flair"},
		OnOpen: func(n int) error { cases = n; return nil },
		OnDone: func(ingest.Key) { done++ },
		OnLabels: func(m *validate.LabelMap, _ []uint8) error {
			maps = append(maps, brats.Dataset.Modalities.Format(m.Combo))
			return nil
		}}
	if _, err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := slices.Repeat([]string{"flair+t2"}, cases); cases == 0 || done != cases || !slices.Equal(maps, want) {
		t.Errorf("%d cases, %d done, label maps of %v", cases, done, maps)
	}
	done = 0
	full := errors.New("the disk is full")
	j.OnOpen = func(int) error { return full }
	if _, err := j.Run(t.Context()); !errors.Is(err, full) || done > 0 {
		t.Errorf("%d cases done, %v", done, err)
	}
}

func TestReportRefusesWhatIsBroken(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"), "--kinds", "avdigits")
	runDir := filepath.Join(dir, "run")
	trained(t, filepath.Join(dir, "ph", "avdigits"), runDir, "--epochs", "1")
	want(t, cli.Good, "validate", runDir)
	list := filepath.Join(runDir, "test", "examples", "examples.json")
	if err := os.WriteFile(list, []byte(`{"groups":[{"pictures":[{"file":"../../../secret.png"}]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret.png"), bytes.Repeat([]byte("x"), 8), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr := want(t, cli.Failed, "train", "--resume", "--run", runDir, "--quiet")
	if !strings.Contains(stderr, "secret.png") || strings.Contains(stderr, "../") {
		t.Errorf("got %q, want the file looked for beside the list", stderr)
	}
}

// TestPicturesChangeNothing: a run whose progress is painted at every step ends
// with the same bits, and the race detector sees the painter beside the trainer.
func TestPicturesChangeNothing(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"), "--kinds", "avdigits")
	data := filepath.Join(dir, "ph", "avdigits")
	plain := trained(t, data, filepath.Join(dir, "plain"), "--epochs", "3")
	registry, err := all.Registry()
	if err != nil {
		t.Fatal(err)
	}
	e := cpu.New(cpu.Options{Workers: 2})
	defer e.Close()
	var talk bytes.Buffer
	j := lab.Job{Registry: registry, Data: data, Dir: filepath.Join(dir, "painted"), Engine: e, Workers: 2, Talk: &talk, Quiet: true, Now: time.Now, Watch: true, Picture: 1}
	_, err = j.New(t.Context(), func(d *lab.Data) (lab.Spec, error) {
		s, err := lab.Preset("", d.Set, d.Manifest)
		s.Epochs = 3
		return s, err
	})
	if err != nil {
		t.Fatal(err)
	}
	sameTensors(t, "painted", plain, last(t, j.Dir))
	if talk.Len() > 0 {
		t.Errorf("it says %s", &talk)
	}
}
