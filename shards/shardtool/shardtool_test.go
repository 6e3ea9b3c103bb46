package shardtool_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/missing"
	"github.com/lacuna-ml/lacuna/shards/shardtool"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// What the scripts mask: sizes and hashes are those of the files.
func TestLsAgainstTheFiles(t *testing.T) {
	workDir(t)
	var out bytes.Buffer
	if err := shardtool.Ls(t.Context(), &out, []string{"data"}, true); err != nil {
		t.Fatal(err)
	}
	var sets []struct {
		Dir   string
		Files []struct {
			Name, XXH3 string
			Bytes      int64
		}
		Totals []struct {
			Split string
			Bytes int64
		}
	}
	if err := json.Unmarshal(out.Bytes(), &sets); err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, s := range sets {
		sum := map[string]int64{}
		for _, f := range s.Files {
			files++
			b, err := os.ReadFile(filepath.Join(s.Dir, f.Name))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := f.XXH3, fmt.Sprintf("%016x", xxh3.Hash(b)); f.Bytes != int64(len(b)) || got != want {
				t.Errorf("%s: %d bytes, %s; the file has %d, %s", f.Name, f.Bytes, got, len(b), want)
			}
			sp, _, _ := strings.Cut(f.Name, "-")
			sum[sp] += f.Bytes
			sum["all"] += f.Bytes
		}
		for _, total := range s.Totals {
			if total.Bytes != sum[total.Split] {
				t.Errorf("%s: total of %s is %d, the files' is %d", s.Dir, total.Split, total.Bytes, sum[total.Split])
			}
		}
	}
	if want, _ := filepath.Glob("data/*/*.arrow"); files != 6 || len(want) != 3 {
		t.Errorf("%d files listed, want 6", files)
	}
}

// Any byte of any file: verify, deep or not, says corrupt, and names a file
// that exists.
func TestVerifySeesEveryByte(t *testing.T) {
	workDir(t)
	names, err := filepath.Glob("data/brats/*")
	if err != nil || len(names) != 5 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range names {
		good, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		step := max(1, len(good)/20)
		for at := 0; at < len(good); at += step {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << (at % 8)
			if err := os.WriteFile(name, bad, 0o666); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			err := shardtool.Verify(t.Context(), &out, []string{"data/brats"}, shardtool.VerifyOptions{Deep: at%2 == 0})
			if !shardtool.IsCorrupt(err) || !strings.Contains(out.String(), name) {
				t.Fatalf("%s, byte %d flipped: error %v, output %s", name, at, err, &out)
			}
		}
		if err := os.WriteFile(name, good, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := shardtool.Verify(t.Context(), &bytes.Buffer{}, []string{"data"}, shardtool.VerifyOptions{Deep: true}); err != nil {
		t.Errorf("mended again, and still: %v", err)
	}
}

// The list of masks can be read again, keeps the sound of 40 % of five subjects
// that is recorded for three, and is the same in a second round.
func TestMasksRoundTrip(t *testing.T) {
	workDir(t)
	list := func(policy string) (text string, table missing.Table) {
		t.Helper()
		var out bytes.Buffer
		if err := shardtool.Masks(t.Context(), &out, []string{"data/deep"}, policy, 1); err != nil {
			t.Fatal(err)
		}
		text = out.String()
		table, err := missing.ReadCSV(&out, av)
		if err != nil {
			t.Fatal(err)
		}
		return text, table
	}
	first, table := list("rate:audio=40")
	sound := 0
	for _, row := range avRows()[:5] {
		m, ok := table[row.Key.Subject]
		if !ok || m&^row.Present != 0 {
			t.Errorf("%s has %s, the list says %s", row.Key.Subject, av.Format(row.Present), av.Format(m))
		}
		if m.Has(1) {
			sound++
		}
	}
	if len(table) != 5 || sound > 2 {
		t.Errorf("%d subjects, %d with sound; want 5 and at most 40 %% of them", len(table), sound)
	}
	if err := os.WriteFile("masks.csv", []byte(first), 0o666); err != nil {
		t.Fatal(err)
	}
	if again, _ := list("file:masks.csv"); again != first {
		t.Errorf("by the file: %s, want %s", again, first)
	}
}

func TestVerifyRate(t *testing.T) {
	workDir(t)
	clock := time.Unix(0, 0)
	var out bytes.Buffer
	err := shardtool.Verify(t.Context(), &out, []string{"data/brats"}, shardtool.VerifyOptions{
		JSON: true, Now: func() time.Time { clock = clock.Add(2 * time.Second); return clock }})
	if err != nil {
		t.Fatal(err)
	}
	var v []struct {
		Bytes  int64
		MBPerS float64 `json:"mb_per_s"`
	}
	if err := json.Unmarshal(out.Bytes(), &v); err != nil || len(v) != 1 {
		t.Fatal(err, out.String())
	}
	if want := float64(v[0].Bytes) / 2e6; v[0].Bytes == 0 || v[0].MBPerS != want {
		t.Errorf("%d bytes in 2 s: %v MB/s, want %v", v[0].Bytes, v[0].MBPerS, want)
	}
}

func TestCatValues(t *testing.T) {
	workDir(t)
	var out bytes.Buffer
	err := shardtool.Cat(t.Context(), &out, []string{"data"}, shardtool.CatOptions{JSON: true, Values: true})
	if err != nil {
		t.Fatal(err)
	}
	want := append(bratsRows(), avRows()...)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d", len(lines), len(want))
	}
	for i, line := range lines {
		var row struct {
			ID, Split string
			Inputs    []struct {
				Modality string
				Present  bool
				Shape    []int
				Values   []float32
			}
			Target *struct {
				Index  *uint8
				Values []uint16
			}
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		w := want[i]
		if row.ID != w.Key.String() || row.Split != w.split.String() {
			t.Errorf("row %d is %s of %s, want %s of %s", i, row.ID, row.Split, w.Key, w.split)
		}
		for m, in := range row.Inputs {
			if got, want := fmt.Sprint(in.Shape, in.Values), fmt.Sprint(w.Inputs[m].Shape, w.Inputs[m].Data); got != want || in.Present != w.Present.Has(m) {
				t.Errorf("%s, %s: got %.80s, want %.80s", row.ID, in.Modality, got, want)
			}
		}
		switch {
		case row.Target == nil:
			if w.Target.Known() {
				t.Errorf("%s has lost its target", row.ID)
			}
		case row.Target.Index != nil:
			if *row.Target.Index != w.Target.Data[0] {
				t.Errorf("%s: class %d, want %d", row.ID, *row.Target.Index, w.Target.Data[0])
			}
		case !slices.EqualFunc(row.Target.Values, w.Target.Data, func(got uint16, want uint8) bool { return got == uint16(want) }):
			t.Errorf("%s: labels %v, want %v", row.ID, row.Target.Values, w.Target.Data)
		}
	}
}

// Shapes that vary, values that are not finite, text that would move a
// terminal's cursor.
func TestCatOddities(t *testing.T) {
	t.Chdir(t.TempDir())
	m := bratsMeta()
	m.Shapes, m.TargetShape, m.Classes = nil, nil, []string{"background", "a\x1b[2Jb"}
	row := bratsRows()[0]
	row.Target.Data = make([]uint8, 120)
	row.Target.Data[0] = 1
	inf := float32(1e38)
	row.Inputs[0].Data[0], row.Inputs[0].Data[1] = inf*inf, inf*inf-inf*inf
	create(t, "odd", m, []placed{row}, shards.Options{})
	var text, object bytes.Buffer
	if err := shardtool.Cat(t.Context(), &text, []string{"odd"}, shardtool.CatOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 not finite", "4x6x5", "background 119"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	if strings.Contains(text.String(), "\x1b") {
		t.Errorf("a control character reaches the terminal: %q", text.String())
	}
	if err := shardtool.Cat(t.Context(), &object, []string{"odd"}, shardtool.CatOptions{JSON: true, Values: true}); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(object.Bytes()) || !strings.Contains(object.String(), `"values":[null,null,2,`) {
		t.Errorf("not JSON with nulls: %.300s", &object)
	}
}

func TestShowDrawsEveryRow(t *testing.T) {
	workDir(t)
	var out bytes.Buffer
	if err := shardtool.Show(t.Context(), &out, []string{"data"}, shardtool.ShowOptions{Out: "new/pictures"}); err != nil {
		t.Fatal(err)
	}
	paths := strings.Fields(out.String())
	if want := len(bratsRows()) + len(avRows()); len(paths) != want {
		t.Fatalf("%d pictures, want %d", len(paths), want)
	}
	seen := map[string]bool{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(b)); err != nil {
			t.Errorf("%s: %v", p, err)
		}
		if seen[string(b)] {
			t.Errorf("%s is the same picture as another", p)
		}
		seen[string(b)] = true
	}
}

func TestShowNamesStayInTheDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	row := bratsRows()[0]
	row.Key.Subject, row.Key.Part = "../../a b", "c:d"
	row.Subject.Key.Subject = row.Key.Subject
	create(t, "odd", bratsMeta(), []placed{row}, shards.Options{})
	var out bytes.Buffer
	if err := shardtool.Show(t.Context(), &out, []string{"odd"}, shardtool.ShowOptions{Out: "pictures"}); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(out.String()), filepath.Join("pictures", "train_brats_.._.._a_b_c_d.png"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDirectoriesGivenTwiceAreReadOnce(t *testing.T) {
	workDir(t)
	var out bytes.Buffer
	if err := shardtool.Ls(t.Context(), &out, []string{"data/brats", "data", "data/brats/"}, true); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), `"dir"`); n != 2 {
		t.Errorf("%d data sets, want 2", n)
	}
}

func TestCancelled(t *testing.T) {
	workDir(t)
	why := errors.New("the user went home")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	w := &bytes.Buffer{}
	dirs := []string{"data"}
	for name, err := range map[string]error{
		"ls":     shardtool.Ls(ctx, w, dirs, false),
		"cat":    shardtool.Cat(ctx, w, dirs, shardtool.CatOptions{}),
		"show":   shardtool.Show(ctx, w, dirs, shardtool.ShowOptions{Out: "x"}),
		"verify": shardtool.Verify(ctx, w, dirs, shardtool.VerifyOptions{}),
	} {
		if !errors.Is(err, why) || shardtool.IsCorrupt(err) {
			t.Errorf("%s: got %v, want %v", name, err, why)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteErrorsAreReported(t *testing.T) {
	workDir(t)
	ctx, w, dirs := t.Context(), fullDisk{}, []string{"data/brats"}
	for name, err := range map[string]error{
		"ls":          shardtool.Ls(ctx, w, dirs, false),
		"info":        shardtool.Info(ctx, w, dirs, false),
		"stats json":  shardtool.Stats(ctx, w, dirs, true),
		"cat":         shardtool.Cat(ctx, w, dirs, shardtool.CatOptions{}),
		"cat json":    shardtool.Cat(ctx, w, dirs, shardtool.CatOptions{JSON: true}),
		"show":        shardtool.Show(ctx, w, dirs, shardtool.ShowOptions{}),
		"verify":      shardtool.Verify(ctx, w, dirs, shardtool.VerifyOptions{}),
		"verify json": shardtool.Verify(ctx, w, dirs, shardtool.VerifyOptions{JSON: true}),
	} {
		if err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("%s: got %v, want disk full", name, err)
		}
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "shardtool")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	w, err := shards.Create(filepath.Join(dir, "digits"), avMeta(), shards.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer w.Abort()
	for i := range 3 {
		if err := w.Append(split.Train+split.Split(i), avRows()[i].Sample); err != nil {
			fmt.Println(err)
			return
		}
	}
	w.Quarantine(&ingest.SubjectError{Key: ingest.Key{Subject: "9_theo_9"}, Problems: []ingest.Problem{{Kind: "truncated", Reason: "half a clip"}}})
	if _, err := w.Commit(); err != nil {
		fmt.Println(err)
		return
	}
	// dir holds one data set, so there are no headings.
	var info bytes.Buffer
	if err := shardtool.Info(context.Background(), &info, []string{dir}, false); err != nil {
		fmt.Println(err)
		return
	}
	_, tables, _ := strings.Cut(info.String(), "\n\n")
	fmt.Print(tables)
	// Output:
	// SPLIT  SAMPLES  SUBJECTS  GROUPS  UNLABELLED
	// train        1         1       1           0
	// val          1         1       1           0
	// test         1         1       1           0
	// groups in two splits: 0 (counted anew from splits.csv when this was opened)
	//
	// PRESENT      TRAIN  VAL  TEST
	// image            0    1     0
	// image+audio      1    0     1
	//
	// quarantine: 1 subject could not be used
	//   9_theo_9
	//     truncated: half a clip
}
