package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lacuna-ml/lacuna/ingest/wav"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// lacuna runs the program in this process.
func lacuna(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	code = run(t.Context(), args, &out, &talk)
	return code, out.String(), talk.String()
}

// want runs the program and fails the test on another exit code.
func want(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	got, stdout, stderr := lacuna(t, args...)
	if got != code {
		t.Fatalf("lacuna %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout, stderr)
	}
	return stdout, stderr
}

// smallPhantom makes a phantom that takes a fraction of a second.
func smallPhantom(t *testing.T, dir string, more ...string) {
	t.Helper()
	args := []string{"ingest", "phantom", "--out", dir, "--cases", "5", "--voxels", "24x32x32", "--size", "16x16x16", "--patches", "2", "--takes", "2"}
	want(t, cli.Good, append(args, more...)...)
}

// sums returns the SHA-256 of every file below dir.
func sums(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, p))
		out[p] = sha256.Sum256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPhantomIsADataSet(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, dir)
	for _, name := range []string{"brats", "avdigits"} {
		r, err := shards.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, sp := range []split.Split{split.Train, split.Val, split.Test} {
			if r.Rows(sp) == 0 {
				t.Errorf("%s: no rows in %s", name, sp)
			}
			for s, err := range r.Samples(t.Context(), shards.Query{Split: sp}) {
				if err != nil {
					t.Fatal(err)
				}
				if s.Subject.Key.Subject == "" || len(s.Sources) == 0 || len(s.Definitions) == 0 {
					t.Errorf("%s: sample %s lacks its subject, sources or definitions", name, s.Key)
				}
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want(t, cli.Good, "shards", "verify", "--deep", dir)
}

func TestBytesDoNotDependOnWorkers(t *testing.T) {
	one, eight := t.TempDir(), t.TempDir()
	smallPhantom(t, one, "--workers", "1")
	smallPhantom(t, eight, "--workers", "8")
	if diff := cmp.Diff(sums(t, one), sums(t, eight)); diff != "" {
		t.Error(diff)
	}
	other := t.TempDir()
	smallPhantom(t, other, "--seed", "2")
	if cmp.Equal(sums(t, one), sums(t, other)) {
		t.Error("another seed gave the same bytes")
	}
}

// breakCase spoils one file of the phantom's first case below dir/files.
func breakCase(t *testing.T, dir string) (subject string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "files", "brats", "*", "*", "*_t2.nii.gz"))
	if err != nil || len(found) == 0 {
		t.Fatal("no case to break", err)
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(found[0], b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(filepath.Dir(found[0]))
}

func TestBrokenCase(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, dir, "--kinds", "brats")
	bad := breakCase(t, dir)
	in, out := filepath.Join(dir, "files", "brats"), filepath.Join(dir, "out")
	base := []string{"ingest", "brats", "--in", in, "--out", out, "--size", "16"}

	_, stderr := want(t, cli.Skipped, base...)
	if !strings.Contains(stderr, bad) || !strings.Contains(stderr, "_t2.nii.gz") {
		t.Errorf("the message names neither case nor file:\n%s", stderr)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("something was left at --out: %v", err)
	}

	_, stderr = want(t, cli.Skipped, append(base, "--max-bad", "1")...)
	if !strings.Contains(stderr, bad) {
		t.Errorf("the message does not name the case:\n%s", stderr)
	}
	r, err := shards.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	q := r.Manifest().Quarantine
	if len(q) != 1 || q[0].Subject != bad || len(q[0].Problems) != 1 || q[0].Problems[0].Reason == "" {
		t.Errorf("quarantine is %+v, want the one case with its reason", q)
	}

	stdout, _ := want(t, cli.Corrupt, "doctor", "brats", "--in", in, "--json")
	var found checkup
	if err := json.Unmarshal([]byte(stdout), &found); err != nil {
		t.Fatal(err)
	}
	if found.Subjects-found.Good != 1 || found.Errors != 1 || found.Rows[0].Subject != bad {
		t.Errorf("doctor found %+v", found)
	}
}

func TestOverwrite(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, dir, "--kinds", "avdigits")
	before := sums(t, filepath.Join(dir, "avdigits"))
	in := filepath.Join(dir, "files", "avdigits")
	base := []string{"ingest", "avdigits", "--in", in, "--option", "pairing=full", "--out", filepath.Join(dir, "avdigits"), "--mfcc", "dense20"}
	_, stderr := want(t, cli.Failed, base...)
	if !strings.Contains(stderr, "--overwrite") {
		t.Errorf("the message does not say what to do next: %s", stderr)
	}
	if diff := cmp.Diff(before, sums(t, filepath.Join(dir, "avdigits"))); diff != "" {
		t.Error("the data set that was there changed", diff)
	}
	want(t, cli.Good, append(base, "--overwrite")...)
	if cmp.Equal(before, sums(t, filepath.Join(dir, "avdigits"))) {
		t.Error("--overwrite changed nothing")
	}
}

func TestInterruptLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, dir, "--kinds", "brats")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(dir, "out")
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"ingest", "brats", "--in", filepath.Join(dir, "files"), "--out", out}, &stdout, &stderr)
	if code != cli.Failed || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "files" && e.Name() != "brats" {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, dir, "--kinds", "brats", "--cases", "3")
	brats := filepath.Join(dir, "files", "brats")
	typo := filepath.Join(dir, "typo.yaml")
	if err := os.WriteFile(typo, []byte("patchs: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		says string
	}{
		{"no such command", []string{"ingets"}, "ingets"},
		{"no such data set", []string{"ingest", "brast", "--out", dir}, "avdigits"},
		{"no folder", []string{"ingest", "brats", "--out", dir}, "--in"},
		{"one of two folders", []string{"ingest", "avdigits", "--in", "audio=" + dir, "--out", dir}, "images"},
		{"no such option", []string{"ingest", "brats", "--in", dir, "--option", "pairing=full", "--out", dir}, "pairing"},
		{"a size that is none", []string{"ingest", "brats", "--in", dir, "--size", "1x2", "--out", dir}, "DxHxW"},
		{"weights of nothing", []string{"ingest", "brats", "--in", brats, "--weights", "0/0/0", "--out", dir + "/x"}, "0/0/0"},
		{"no such mask policy", []string{"ingest", "brats", "--in", brats, "--missing", "rate:pet=5", "--out", dir + "/x"}, "pet"},
		{"a policy that can't be followed", []string{"ingest", "brats", "--in", brats, "--split", "disjoint", "--out", dir + "/x"}, "disjoint"},
		{"a key that is no flag", []string{"ingest", "brats", "--in", dir, "--out", dir, "--config", typo}, "patchs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, stderr := want(t, cli.Usage, tc.args...)
			if !strings.Contains(stderr, tc.says) {
				t.Errorf("the message lacks %q: %s", tc.says, stderr)
			}
		})
	}
}

func TestConfigFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "run.yaml")
	text := "kinds: [avdigits]\ntakes: 2\nseed: 7\nmfcc: dense20\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, cli.Good, "ingest", "phantom", "--config", file, "--seed", "8", "--out", filepath.Join(dir, "a"))
	r, err := shards.Open(filepath.Join(dir, "a", "avdigits"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m := r.Manifest()
	if m.Seed != 8 {
		t.Errorf("seed %d, want that of the command line, 8", m.Seed)
	}
	if !strings.Contains(strings.Join(m.Definitions, " "), "dense20") {
		t.Errorf("definitions %v, want the configured dense20", m.Definitions)
	}
}

func TestMasks(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, dir, "--kinds", "avdigits", "--missing", "rate:audio=50")
	r, err := shards.Open(filepath.Join(dir, "avdigits"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	train := r.Manifest().Split(split.Train)
	got := map[string]int64{}
	for _, k := range train.Masks {
		got[k.Mask] = k.Samples
	}
	if got["image+audio"] != train.Samples/2 || got["image"] != train.Samples-train.Samples/2 {
		t.Errorf("masks of %d training samples: %v, want half with audio", train.Samples, got)
	}
	if test := r.Manifest().Split(split.Test); len(test.Masks) != 1 {
		t.Errorf("test lost modalities: %v", test.Masks)
	}
}

func TestSplitFile(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, dir, "--kinds", "brats")
	list := filepath.Join(dir, "brats", shards.SplitsName)
	again := filepath.Join(dir, "again")
	want(t, cli.Good, "ingest", "brats", "--in", filepath.Join(dir, "files"), "--out", again, "--size", "16", "--seed", "99", "--split-file", list)
	a, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(again, shards.SplitsName))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("the given splits\n%s\nbecame\n%s", a, b)
	}
}

func TestTwoFoldersAreOneDataSet(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	smallPhantom(t, one, "--kinds", "brats", "--cases", "3")
	smallPhantom(t, two, "--kinds", "brats", "--cases", "6")
	in := func(dir string) string { return filepath.Join(dir, "files", "brats") }
	_, stderr := want(t, cli.Failed, "ingest", "brats", "--in", in(one), "--in", in(two), "--out", filepath.Join(one, "x"))
	if !strings.Contains(stderr, "Brats18_PHANTOM") {
		t.Errorf("the same case in two folders: %s", stderr)
	}
	for _, grade := range []string{"HGG", "LGG"} { // leave in the second folder what the first lacks
		for _, dir := range []string{in(one)} {
			cases, _ := os.ReadDir(filepath.Join(dir, grade))
			for _, c := range cases {
				if err := os.RemoveAll(filepath.Join(in(two), grade, c.Name())); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	out := filepath.Join(one, "both")
	want(t, cli.Good, "ingest", "brats", "--in", in(one), "--in", in(two), "--out", out, "--size", "16")
	r, err := shards.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for _, s := range r.Manifest().Splits {
		n += s.Subjects
	}
	if n != 6 {
		t.Errorf("%d subjects of two folders, want 6", n)
	}
}

func TestSplitsFollowThePairing(t *testing.T) {
	dir := t.TempDir()
	want(t, cli.Good, "ingest", "phantom", "--out", dir, "--kinds", "avdigits", "--takes", "50")
	in := filepath.Join(dir, "files", "avdigits")
	for _, tc := range []struct {
		args   []string
		policy string
	}{
		{[]string{"--pairing", "paper"}, "paper"},
		{[]string{"--pairing", "full"}, "stratified"},
		{[]string{"--pairing", "paper", "--split", "hash"}, "hash"},
	} {
		out := filepath.Join(dir, tc.policy)
		want(t, cli.Good, append([]string{"ingest", "avdigits", "--in", in, "--out", out}, tc.args...)...)
		r, err := shards.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		if m := r.Manifest(); m.SplitPolicy != tc.policy {
			t.Errorf("%v: split policy %s, want %s", tc.args, m.SplitPolicy, tc.policy)
		}
		if tc.policy == "paper" {
			for sp, n := range map[split.Split]int64{split.Train: 900, split.Val: 150, split.Test: 450} {
				if r.Rows(sp) != n {
					t.Errorf("%d pairs in %s, want %d", r.Rows(sp), sp, n)
				}
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"ingest", "--help"}, {"doctor", "--help"}, {"mfcc", "--help"}, {"nifti", "--help"}, {"datasets", "--help"}, {"shards", "show", "--help"}} {
		stdout, _ := want(t, cli.Good, args...)
		if !strings.Contains(stdout, "EXIT STATUS") {
			t.Errorf("lacuna %s says nothing of exit codes", strings.Join(args, " "))
		}
	}
}

func TestDoctorCountsWhatIsTheSame(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, dir, "--kinds", "avdigits")
	images, _ := filepath.Glob(filepath.Join(dir, "files", "avdigits", "mnist", "train-images*"))
	if len(images) != 1 {
		t.Fatal("no images", images)
	}
	b, err := os.ReadFile(images[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(images[0], b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"doctor", "avdigits", "--in", filepath.Join(dir, "files", "avdigits"), "--pairing", "full"}
	stdout, _ := want(t, cli.Corrupt, args...)
	if lines := strings.Count(stdout, "\n"); lines > 8 || !strings.Contains(stdout, "more") {
		t.Errorf("one broken file takes %d lines:\n%s", lines, stdout)
	}
	stdout, _ = want(t, cli.Corrupt, append(args, "--json")...)
	var found checkup
	if err := json.Unmarshal([]byte(stdout), &found); err != nil {
		t.Fatal(err)
	}
	if found.Subjects-found.Good != 60 || len(found.Rows) < 60 {
		t.Errorf("JSON lists %d rows for %d broken subjects, want every one of 60", len(found.Rows), found.Subjects-found.Good)
	}
}

// copyCase copies a case under another name, but for one modality.
func copyCase(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"flair", "t1", "t2", "seg"} {
		b, err := os.ReadFile(filepath.Join(from, filepath.Base(from)+"_"+m+".nii.gz"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(to)+"_"+m+".nii.gz"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A copy under another name is another patient to whoever goes by names.
func TestCopiesAreWarnedOf(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, dir, "--kinds", "brats")
	in := filepath.Join(dir, "files", "brats")
	cases, _ := filepath.Glob(filepath.Join(in, "HGG", "*"))
	if len(cases) == 0 {
		t.Fatal("no case to copy")
	}
	clean, _ := want(t, cli.Good, "doctor", "brats", "--in", in)
	if strings.Contains(clean, "copy") {
		t.Errorf("a copy where there is none:\n%s", clean)
	}
	copyCase(t, cases[0], filepath.Join(in, "HGG", "Brats18_TWIN_1_1"))
	stdout, _ := want(t, cli.Good, "doctor", "brats", "--in", in, "--json")
	var found checkup
	if err := json.Unmarshal([]byte(stdout), &found); err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, r := range found.Rows {
		if r.Kind == "copy" {
			rows = append(rows, r)
		}
	}
	if len(rows) != 1 || rows[0].Subject != "Brats18_TWIN_1_1" || !strings.Contains(rows[0].Reason, filepath.Base(cases[0])+"_flair.nii.gz") {
		t.Errorf("rows %+v, want one that names both", rows)
	}
	_, stderr := want(t, cli.Good, "ingest", "brats", "--in", in, "--out", filepath.Join(dir, "out"), "--size", "16")
	if !strings.Contains(stderr, "warning: copy: 1 time") {
		t.Errorf("ingest does not warn:\n%s", stderr)
	}
}

func TestDoctorDoesWhatIngestWould(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, dir, "--kinds", "avdigits")
	in := filepath.Join(dir, "files", "avdigits")
	clips, _ := filepath.Glob(filepath.Join(in, "recordings", "*.wav"))
	var buf bytes.Buffer
	if err := wav.Encode(&buf, 44100, 1, make([]int16, 9000)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(clips[0], buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _ := want(t, cli.Corrupt, "doctor", "avdigits", "--in", in, "--pairing", "full")
	if !strings.Contains(stdout, "44100") {
		t.Errorf("doctor does not say why ingest will refuse a clip:\n%s", stdout)
	}
	want(t, cli.Good, "doctor", "avdigits", "--in", in, "--pairing", "full", "--mfcc", "none")
}

func TestJSONIsOneArray(t *testing.T) {
	stdout, _ := want(t, cli.Good, "ingest", "phantom", "--out", t.TempDir(), "--cases", "3", "--voxels", "24x32x32", "--size", "16", "--takes", "1", "--json")
	var made []summary
	if err := json.Unmarshal([]byte(stdout), &made); err != nil || len(made) != 2 {
		t.Errorf("%d summaries, %v:\n%s", len(made), err, stdout)
	}
}

func TestSmallTools(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, dir)
	vols, _ := filepath.Glob(filepath.Join(dir, "files", "brats", "*", "*", "*_t1.nii.gz"))
	clips, _ := filepath.Glob(filepath.Join(dir, "files", "avdigits", "recordings", "*.wav"))
	if len(vols) == 0 || len(clips) == 0 {
		t.Fatal("no files were made")
	}

	stdout, _ := want(t, cli.Good, "nifti", vols[0], "--npy", filepath.Join(dir, "v.npy"))
	var info niftiInfo
	if err := json.Unmarshal([]byte(stdout), &info); err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(info.Shape, []int{32, 32, 24}) || len(info.Orientation) != 3 || info.Voxels.NonZero == 0 {
		t.Errorf("nifti says %s", stdout)
	}
	if st, err := os.Stat(filepath.Join(dir, "v.npy")); err != nil || st.Size() != 128+24*32*32*4 {
		t.Errorf("the .npy is not a header of 128 bytes and the voxels: %v, %v", st, err)
	}

	stdout, _ = want(t, cli.Good, "mfcc", "-d", "smil", clips[0])
	var feat mfccInfo
	if err := json.Unmarshal([]byte(stdout), &feat); err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(feat.Shape, []int{20, 20}) || len(feat.MFCC) != 20 || len(feat.MFCC[0]) != 20 {
		t.Errorf("mfcc gives shape %v", feat.Shape)
	}
	want(t, cli.Good, "mfcc", "-d", "dense20", "--npy", filepath.Join(dir, "npy"), clips[0], clips[1])

	broken := filepath.Join(dir, "broken.wav")
	if err := os.WriteFile(broken, []byte("RIFF"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, cli.Corrupt, "mfcc", broken)
	want(t, cli.Corrupt, "nifti", broken)
	want(t, cli.Failed, "nifti", filepath.Join(dir, "absent.nii"))
}
