package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
	"github.com/lacuna-ml/lacuna/train/checkpoint"
	"github.com/lacuna-ml/lacuna/validate"
)

// TestMain makes the test binary the program itself where the environment says
// so, for tests that kill it.
func TestMain(m *testing.M) {
	if os.Getenv("LACUNA_TEST_PROGRAM") != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// trained trains on the phantom's digits and returns the last checkpoint.
func trained(t *testing.T, data, dir string, more ...string) *checkpoint.Checkpoint {
	t.Helper()
	want(t, cli.Good, append([]string{"train", data, "--run", dir, "--quiet"}, more...)...)
	return last(t, dir)
}

func last(t *testing.T, dir string) *checkpoint.Checkpoint {
	t.Helper()
	c, from, err := checkpoint.Load(dir)
	if err != nil || from.Skipped != nil {
		t.Fatal(err, from.Skipped)
	}
	return c
}

func sameTensors(t *testing.T, what string, a, b *checkpoint.Checkpoint) {
	t.Helper()
	for i, x := range a.Tensors {
		if y := b.Tensors[i]; x.Name != y.Name || !slices.Equal(x.Data, y.Data) {
			t.Errorf("%s: %s differs", what, x.Name)
		}
	}
}

// A run that is killed at random moments, and goes on each time, ends with the
// weights of one that was left alone.
func TestKilledRunEndsTheSame(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"))
	data := filepath.Join(dir, "ph", "avdigits")
	args := []string{"--epochs", "25", "--missing", "rate:audio=30"}
	whole := trained(t, data, filepath.Join(dir, "whole"), append(args, "--workers", "1")...)

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut")
	rng := rand.New(rand.NewPCG(3, 4))
	kills := 0
	for {
		next := append([]string{"train", data, "--run", cut, "--quiet", "--checkpoint", "1ms"}, args...)
		if _, err := os.Stat(filepath.Join(cut, "run.json")); err == nil {
			next = []string{"train", "--resume", "--run", cut, "--quiet", "--checkpoint", "1ms", "--workers", "2"}
		} else {
			_ = os.RemoveAll(cut) // killed before it was a run
		}
		var out bytes.Buffer
		child := exec.Command(self, next...)
		child.Env = append(os.Environ(), "LACUNA_TEST_PROGRAM=1")
		child.Stdout, child.Stderr = &out, &out
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		killed := killAfter(child.Process, ended, filepath.Join(cut, "metrics.jsonl"), rng.Int64N(3000))
		if err := <-ended; err == nil {
			break
		} else if !killed {
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
		kills++
	}
	t.Logf("%d kills", kills)
	if kills < 3 {
		t.Fatalf("%d kills: nothing was tested", kills)
	}
	got := last(t, cut)
	if got.State.Step != whole.State.Step {
		t.Fatalf("ended at step %d after %d kills, want %d", got.State.Step, kills, whole.State.Step)
	}
	sameTensors(t, "killed", whole, got)
	checkSteps(t, cut, int(whole.State.Step))
}

// killAfter kills a process once the file has grown by more than that many bytes,
// unless it ends before, and reports whether it did.
func killAfter(p *os.Process, ended chan error, file string, bytes int64) bool {
	size := func() int64 {
		if info, err := os.Stat(file); err == nil {
			return info.Size()
		}
		return 0
	}
	for from := size(); ; {
		now := size()
		from = min(from, now) // a resumed run cuts what follows its checkpoint
		if now > from+bytes {
			_ = p.Kill() // it may have ended by itself, which Wait tells
			return true
		}
		select {
		case err := <-ended:
			ended <- err
			return false
		case <-time.After(time.Millisecond):
		}
	}
}

// checkSteps sees that the metrics have each step once, in order, with its epoch
// and the uses of held-out samples, and the ratio of weights whenever it is another.
func checkSteps(t *testing.T, dir string, steps int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	next, ratio, epoch, uses := 1, 0.0, 0.0, 0.0
	for line := range strings.Lines(string(text)) {
		var v map[string]float64
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if _, ok := v["loss/task"]; !ok {
			continue
		}
		if int(v["step"]) != next {
			t.Fatalf("step %v where %d was due", v["step"], next)
		}
		if next == 1 {
			uses = v["held_out_uses"] // of a phase, of which every epoch has one
		}
		if e := v["epoch"]; e < epoch || e > epoch+1 || uses == 0 || v["held_out_uses"] != uses*(e+1) {
			t.Fatalf("step %d: epoch %v after %v, held-out samples used %v times, %v in the first epoch", next, e, epoch, v["held_out_uses"], uses)
		}
		epoch = v["epoch"]
		if r, ok := v["ratio/image/audio"]; ok {
			ratio = r
		}
		if want := v["importance/image"] / v["importance/audio"]; ratio != want {
			t.Fatalf("step %d: ratio %v, weights say %v", next, ratio, want)
		}
		next++
	}
	if epoch == 0 {
		t.Error("all of it is the first epoch")
	}
	if next != steps+1 {
		t.Errorf("%d steps in the metrics, want %d", next-1, steps)
	}
}

// What is trained does not depend on the test split: it need not even be there.
func TestTrainingCannotOpenTheTestSplit(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"))
	for _, name := range []string{"avdigits", "brats"} {
		data := filepath.Join(dir, "ph", name)
		before := trained(t, data, filepath.Join(dir, name+"-before"), "--steps", "3")
		gone, err := filepath.Glob(filepath.Join(data, "test-*.arrow"))
		if err != nil || len(gone) == 0 {
			t.Fatal(gone, err)
		}
		for _, f := range gone {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
		after := trained(t, data, filepath.Join(dir, name+"-after"), "--steps", "3")
		sameTensors(t, name, before, after)
		if _, stderr := want(t, cli.Corrupt, "validate", filepath.Join(dir, name+"-after")); !strings.Contains(stderr, "test-00000.arrow") {
			t.Errorf("validate without a test split: %s", stderr)
		}
	}
}

func TestTrainValidateSegmentation(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"))
	data, runDir := filepath.Join(dir, "ph", "brats"), filepath.Join(dir, "run")
	trained(t, data, runDir, "--steps", "4", "--augment", "brats", "--width", "4", "--depth", "2", "--tensorboard")
	stdout, _ := want(t, cli.Good, "validate", runDir, "--json", "--nifti")
	var r validate.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Combos) != 15 || len(r.Average) != 3 || r.Combos[14].Name != "flair+t1+t1ce+t2" {
		t.Errorf("%d combinations, %d averages, the last of %s", len(r.Combos), len(r.Average), r.Combos[14].Name)
	}
	maps, err := filepath.Glob(filepath.Join(runDir, "test", "*.nii.gz"))
	if err != nil || len(maps) != r.Subjects {
		t.Errorf("%d label maps of %d cases: %v", len(maps), r.Subjects, err)
	}
	events, err := filepath.Glob(filepath.Join(runDir, "tensorboard", "*tfevents*"))
	if err != nil || len(events) != 1 {
		t.Errorf("event files %v, %v", events, err)
	}
}

func TestTrainRefuses(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"))
	data, runDir := filepath.Join(dir, "ph", "avdigits"), filepath.Join(dir, "run")
	trained(t, data, runDir, "--epochs", "1")
	other := filepath.Join(dir, "other")
	smallPhantom(t, other, "--seed", "2")
	for _, tt := range []struct {
		name string
		code int
		args []string
		want string
	}{
		{"no data", cli.Usage, []string{"train"}, "lacuna ingest"},
		{"not a data set", cli.Failed, []string{"train", dir}, "not a data set"},
		{"a run is there", cli.Failed, []string{"train", data, "--run", runDir}, "--resume"},
		{"no run", cli.Failed, []string{"train", "--resume", "--run", dir}, "is no run"},
		{"preset", cli.Usage, []string{"train", data, "--preset", "huge", "--run", dir + "/a"}, "there are paper, best"},
		{"augment", cli.Usage, []string{"train", data, "--augment", "wild", "--run", dir + "/b"}, "wild"},
		{"modality", cli.Usage, []string{"train", data, "--only", "smell", "--run", dir + "/c"}, "smell"},
		{"rate", cli.Usage, []string{"train", data, "--missing", "rate:audio=x", "--run", dir + "/d"}, "percentage"},
		{"changed data", cli.Failed, []string{"train", filepath.Join(other, "avdigits"), "--resume", "--run", runDir}, "is not the data set"},
		{"label maps of digits", cli.Usage, []string{"validate", runDir, "--nifti"}, "has no label maps"},
		{"post-processing of digits", cli.Usage, []string{"validate", runDir, "--post-process"}, "has no label maps"},
		{"nowhere to write", cli.Failed, []string{"validate", runDir, "--out", filepath.Join(data, "manifest.json", "x")}, "manifest.json"},
		{"validate combination", cli.Usage, []string{"validate", runDir, "--combos", "image+smell"}, "smell"},
		{"device", cli.Usage, []string{"train", data, "--device", "abacus", "--run", dir + "/e"}, "abacus"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, stderr := want(t, tt.code, tt.args...)
			if !strings.Contains(stderr, tt.want) {
				t.Errorf("got %q, want %q", stderr, tt.want)
			}
		})
	}
	if _, err := os.Stat(dir + "/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a run that was refused left a folder: %v", err)
	}
}

// What makes no sense is told before the device is measured, and leaves no folder.
func TestTrainRefusesFlags(t *testing.T) {
	dir := t.TempDir()
	ph, other := filepath.Join(dir, "ph"), filepath.Join(dir, "other")
	smallPhantom(t, ph)
	smallPhantom(t, other, "--mfcc", "none", "--size", "15x16x17")
	gaps, noVal := filepath.Join(dir, "gaps"), filepath.Join(dir, "no-val")
	smallPhantom(t, gaps, "--kinds", "avdigits", "--missing", "rate:audio=50")
	smallPhantom(t, noVal, "--kinds", "avdigits", "--weights", "80/0/20")
	digits, brats := filepath.Join(ph, "avdigits"), filepath.Join(ph, "brats")
	runDir := filepath.Join(dir, "run")
	for _, tt := range []struct {
		data, flags string
		code        int
		want        string
	}{
		{digits, "--lr=-1", cli.Usage, "--lr: want"},
		{digits, "--lr=0", cli.Usage, "--lr: want"},
		{digits, "--lr=nan", cli.Usage, "--lr: want"},
		{digits, "--lr=inf", cli.Usage, "--lr: want"},
		{digits, "--epochs=-3", cli.Usage, "--epochs: want"},
		{digits, "--epochs=3 --steps=3", cli.Usage, "one of them"},
		{digits, "--steps=0", cli.Usage, "--steps: want"},
		{digits, "--batch=-5", cli.Usage, "--batch: want"},
		{digits, "--batch=5000 --drop-last", cli.Usage, "fill no batch of 5000"},
		{digits, "--alpha=-7", cli.Usage, "--alpha: want"},
		{digits, "--alpha=nan", cli.Usage, "--alpha: want"},
		{digits, "--decay=nan", cli.Usage, "--decay: want"},
		{digits, "--gate-scale=0", cli.Usage, "--gate-scale: want"},
		{digits, "--smoothing=2", cli.Usage, "--smoothing: want"},
		{digits, "--warm=2", cli.Usage, "--warm: want"},
		{digits, "--clamp=.5", cli.Usage, "--clamp: want"},
		{digits, "--workers=-3", cli.Usage, "--workers -3"},
		{digits, "--checkpoint=-5m", cli.Usage, "--checkpoint -5m"},
		{digits, "--half", cli.Usage, "--half is for OpenCL"},
		{digits, "--width=9", cli.Usage, "--width: would change nothing in a classification"},
		{digits, "--all-levels", cli.Usage, "--all-levels"},
		{digits, "--gate-skips", cli.Usage, "--gate-skips"},
		{digits, "--schedule=foo", cli.Usage, "foo"},
		{digits, "--optimiser=foo", cli.Usage, "foo"},
		{digits, "--input=foo", cli.Usage, "foo"},
		{digits, "--distance=foo", cli.Usage, "l1 or l2"},
		{digits, "--augment=brats", cli.Usage, "for volumes"},
		{digits, "--missing=file:gone.csv", cli.Usage, "gone.csv"},
		{brats, "--deep", cli.Usage, "--deep"},
		{brats, "--smoothing=.1", cli.Usage, "--smoothing"},
		{brats, "--augment=digits", cli.Usage, "digits"},
		{filepath.Join(gaps, "avdigits"), "--only=audio", cli.Usage, "have nothing of audio"},
		{filepath.Join(noVal, "avdigits"), "--steps=2", cli.Usage, "--meta off, or ingest it with a larger part"},
		{filepath.Join(other, "brats"), "", cli.Failed, "cannot take these samples"},
		{filepath.Join(other, "avdigits"), "", cli.Failed, "those of audio differ in shape"},
	} {
		t.Run(tt.flags, func(t *testing.T) {
			_, stderr := want(t, tt.code, append([]string{"train", tt.data, "--run", runDir}, strings.Fields(tt.flags)...)...)
			if !strings.Contains(stderr, tt.want) || strings.Contains(stderr, "device:") {
				t.Errorf("got %q, want %q", stderr, tt.want)
			}
			if _, err := os.Stat(runDir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the run's folder: %v", err)
			}
		})
	}
	trained(t, digits, runDir, "--steps", "2")
	if _, stderr := want(t, cli.Usage, "train", "--resume", "--run", runDir, "--lr", "0.5", "--drop-last"); !strings.Contains(stderr, "--drop-last, --lr: --resume goes on") {
		t.Errorf("got %q", stderr)
	}
}

// A run judges other data that it fits, in a folder of their own and under their
// name; what it does not fit it refuses.
func TestValidateOtherData(t *testing.T) {
	dir := t.TempDir()
	ph, other, dense := filepath.Join(dir, "ph"), filepath.Join(dir, "other"), filepath.Join(dir, "dense")
	smallPhantom(t, ph)
	smallPhantom(t, other, "--seed", "2")
	smallPhantom(t, dense, "--kinds", "avdigits", "--mfcc", "dense20")
	digits, brats := filepath.Join(dir, "digits"), filepath.Join(dir, "volumes")
	trained(t, filepath.Join(ph, "avdigits"), digits, "--steps", "2", "--only", "image")
	trained(t, filepath.Join(ph, "brats"), brats, "--steps", "2", "--width", "4", "--depth", "2")
	for _, tt := range []struct {
		run, set, file string
		more           []string
		say            []string
	}{
		{digits, "avdigits", "predictions.csv", []string{"--combos", "audio"}, []string{"trained without audio"}},
		{brats, "brats", "*.nii.gz", []string{"--nifti", "--post-process", "--combos", "t1,flair"}, []string{"innermost regions below 500 voxels"}},
	} {
		page := readText(t, tt.run, "report.html")
		stdout, stderr := want(t, cli.Good, append([]string{"validate", tt.run, "--data", filepath.Join(other, tt.set)}, tt.more...)...)
		for _, say := range append(tt.say, "which is not the data set that the run was trained on") {
			if !strings.Contains(stdout, say) {
				t.Errorf("%s: it does not say %q:\n%s", tt.set, say, stdout)
			}
		}
		made := filepath.Join(tt.run, "on-"+tt.set+"-test")
		if list, err := filepath.Glob(filepath.Join(made, tt.file)); err != nil || len(list) == 0 || !strings.Contains(stderr, made) {
			t.Errorf("%s: %v, %v; %s", tt.set, list, err, stderr)
		}
		if readText(t, tt.run, "report.html") != page {
			t.Errorf("%s: the run's own page is another", tt.set)
		}
		if _, err := os.Stat(filepath.Join(tt.run, "test")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the run's own tables: %v", tt.set, err)
		}
	}
	for _, tt := range []struct{ run, data, want string }{
		{digits, filepath.Join(ph, "brats"), "it has the modalities [flair"},
		{digits, filepath.Join(dense, "avdigits"), `it was prepared by "dense20/1"`},
	} {
		if _, stderr := want(t, cli.Usage, "validate", tt.run, "--data", tt.data); !strings.Contains(stderr, tt.want) {
			t.Errorf("got %q, want %q", stderr, tt.want)
		}
	}
}

// Data that were moved are found again by being named once; who forgets it is told.
func TestMovedData(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"), "--kinds", "avdigits")
	old, now, runDir := filepath.Join(dir, "ph", "avdigits"), filepath.Join(dir, "moved"), filepath.Join(dir, "a run")
	trained(t, old, runDir, "--steps", "2")
	if err := os.Rename(old, now); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"train", "--resume", "--run", runDir}, {"validate", runDir}} {
		if code, _, stderr := lacuna(t, args...); code == cli.Good || !strings.Contains(stderr, "if they were moved: lacuna "+args[0]) || !strings.Contains(stderr, "'"+runDir+"'") {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
	_, stderr := want(t, cli.Good, "validate", runDir, "--data", now, "--out", filepath.Join(dir, "out"))
	if strings.Contains(stderr, "report.html") {
		t.Errorf("the page has not what is elsewhere: %s", stderr)
	}
	if _, stderr := want(t, cli.Good, "train", now, "--resume", "--run", runDir, "--quiet", "--workers", "3"); strings.Contains(stderr, "bits") {
		t.Errorf("another number of workers changes no bit: %s", stderr)
	}
	info := filepath.Join(runDir, "run.json")
	elsewhere := strings.Replace(readText(t, runDir, "run.json"), `"device": "`, `"device": "another `, 1)
	if err := os.WriteFile(info, []byte(elsewhere), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr := want(t, cli.Good, "train", "--resume", "--run", runDir, "--quiet"); !strings.Contains(stderr, "on another cpu") || !strings.Contains(stderr, "other bits") {
		t.Errorf("resumed on another device: %s", stderr)
	}
	if _, stderr := want(t, cli.Good, "validate", runDir); !strings.Contains(stderr, "report.html") {
		t.Errorf("where is the page? %s", stderr)
	}
	t.Chdir(now)
	if stdout, _ := want(t, cli.Good, "train", ".", "--steps", "1", "--quiet"); !strings.HasPrefix(stdout, filepath.Join("runs", "moved")+": 1 step,") {
		t.Errorf("a run of the folder that one is in: %s", stdout)
	}
}

// Where all checkpoints are damaged it is said that they are, and what is left.
func TestDamagedCheckpoints(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"), "--kinds", "avdigits")
	data, runDir := filepath.Join(dir, "ph", "avdigits"), filepath.Join(dir, "run")
	trained(t, data, runDir, "--steps", "2")
	for _, name := range []string{checkpoint.Last, checkpoint.Previous} {
		if err := os.WriteFile(filepath.Join(runDir, name), []byte("rot"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"train", "--resume", "--run", runDir}, {"validate", runDir}} {
		code, _, stderr := lacuna(t, args...)
		if code == cli.Good || strings.Contains(stderr, "no checkpoint yet") || !strings.Contains(stderr, "with another --run, begins anew: lacuna train "+data) {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}

// What is said of an interruption is true: what was trained is saved, what was not
// judged is not written, and a run that was not begun is not there.
func TestInterruptions(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"), "--kinds", "avdigits")
	data, runDir := filepath.Join(dir, "ph", "avdigits"), filepath.Join(dir, "run")
	trained(t, data, runDir, "--steps", "2")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"stopped before the first step", []string{"train", data, "--run", filepath.Join(dir, "other")}},
		{"no table was written", []string{"validate", runDir}},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(gone, tt.args, &stdout, &stderr); code != cli.Failed || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%v: exit code %d, %s", tt.args, code, stderr.String())
		}
	}
	// Stopped while the device is measured it is a run that goes on.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stopper := writer(func([]byte) { cancel() })
	var talk bytes.Buffer
	cut := filepath.Join(dir, "cut")
	if code := run(ctx, []string{"train", data, "--run", cut, "--steps", "2"}, io.Discard, io.MultiWriter(&talk, stopper)); code != cli.Failed {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(talk.String(), "stopped after step 0, which is saved: go on with lacuna train --resume --run "+cut) {
		t.Errorf("it says %s", talk.String())
	}
	want(t, cli.Good, "train", "--resume", "--run", cut, "--quiet")
	sameTensors(t, "stopped before its first step", last(t, runDir), last(t, cut))
	for _, name := range []string{filepath.Join(dir, "other"), filepath.Join(runDir, "test")} {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// writer is called for each write.
type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}

// A file of masks is part of what a run is: it is found from any folder, and a run
// does not go on with another one.
func TestMasksFileIsOfTheRun(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"), "--kinds", "avdigits")
	data, runDir := filepath.Join(dir, "ph", "avdigits"), filepath.Join(dir, "run")
	masks, _ := want(t, cli.Good, "shards", "masks", data)
	t.Chdir(dir)
	file := filepath.Join(dir, "m.csv")
	if err := os.WriteFile(file, []byte(masks), 0o600); err != nil {
		t.Fatal(err)
	}
	trained(t, data, runDir, "--steps", "2", "--missing", "file:m.csv")
	t.Chdir(t.TempDir())
	want(t, cli.Good, "train", "--resume", "--run", runDir, "--quiet")
	swapped := strings.NewReplacer("image+audio", "audio", "audio", "image").Replace(masks)
	if swapped == masks {
		t.Fatalf("no masks to change: %s", masks)
	}
	if err := os.WriteFile(file, []byte(swapped), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr := want(t, cli.Failed, "train", "--resume", "--run", runDir); !strings.Contains(stderr, "m.csv were changed since") {
		t.Errorf("got %q", stderr)
	}
}

// A validation that cannot be leaves no folder, and so nothing that keeps a run
// from being begun there.
func TestValidationThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"), "--kinds", "avdigits")
	data, runDir := filepath.Join(dir, "ph", "avdigits"), filepath.Join(dir, "run")
	want(t, cli.Failed, "validate", runDir)
	trained(t, data, runDir, "--steps", "2")
	if code, _, _ := lacuna(t, "validate", runDir, "--combos", "smell"); code == cli.Good {
		t.Error("smell was judged")
	}
	if _, err := os.Stat(filepath.Join(runDir, "test")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of tables: %v", err)
	}
	left := filepath.Join(dir, "left", "test")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	_, stderr := want(t, cli.Failed, "train", data, "--run", filepath.Dir(left))
	if !strings.Contains(stderr, "no run: give another --run") || strings.Contains(stderr, "--resume") {
		t.Errorf("a folder that is no run: %s", stderr)
	}
}

// Neither the number of cores that compute nor that of goroutines that prepare
// and vary samples changes a bit.
func TestWorkersDoNotMatter(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"), "--mfcc", "dense20")
	for _, tt := range []struct {
		set  string
		args []string
	}{
		{"avdigits", []string{"--preset", "best", "--deep", "--epochs", "2", "--missing", "rate:image=40"}},
		{"brats", []string{"--steps", "3", "--augment", "brats", "--depth", "2", "--width", "4"}},
	} {
		t.Run(tt.set, func(t *testing.T) {
			data := filepath.Join(dir, "ph", tt.set)
			one := trained(t, data, filepath.Join(dir, tt.set+"1"), append(tt.args, "--workers", "1")...)
			five := trained(t, data, filepath.Join(dir, tt.set+"5"), append(tt.args, "--workers", "5")...)
			sameTensors(t, "five workers", one, five)
		})
	}
}

// A run cannot be judged before its end.
func TestUnfinishedRunIsNotJudged(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"))
	data, runDir := filepath.Join(dir, "ph", "avdigits"), filepath.Join(dir, "run")
	trained(t, data, runDir, "--epochs", "2")
	c := last(t, runDir)
	c.State.Step--
	if err := checkpoint.Save(runDir, c); err != nil {
		t.Fatal(err)
	}
	_, stderr := want(t, cli.Failed, "validate", runDir)
	if !strings.Contains(stderr, "--resume") {
		t.Errorf("got %q", stderr)
	}
}

// A reader of some splits has nothing of the others.
func TestSplitsThatAreNotAskedFor(t *testing.T) {
	dir := t.TempDir()
	smallPhantom(t, filepath.Join(dir, "ph"))
	r, err := shards.Open(filepath.Join(dir, "ph", "avdigits"), split.Train, split.Val)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Rows(split.Test) != 0 || r.Rows(split.Train) == 0 {
		t.Errorf("%d rows of test, %d of train", r.Rows(split.Test), r.Rows(split.Train))
	}
	if _, err := r.Sample(split.Test, 0); err == nil {
		t.Error("a sample of a split that was not asked for")
	}
}
