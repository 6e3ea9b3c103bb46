package checkpoint_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lacuna-ml/lacuna/train/checkpoint"
)

// at returns a small checkpoint of a step, every value of which tells the step.
func at(step int64) *checkpoint.Checkpoint {
	v := float32(step)
	return &checkpoint.Checkpoint{
		State: checkpoint.State{
			Step: step, Epoch: int(step / 10),
			Feeds:      map[string]checkpoint.Position{"train": {Epoch: int(step / 10), Skip: step % 10 * 32}, "val": {Skip: step * 32}},
			Seeds:      map[string]uint64{"weights": math.MaxUint64, "order": 2},
			RNG:        map[string][]byte{"dropout": {0, 255, byte(step)}},
			Modalities: []string{"image", "audio"},
			Config:     "c0ffee", Manifest: "f00d", Tool: "0.1.0",
			More: json.RawMessage(`{"lr":0.001,"note":"<&>"}`),
		},
		Tensors: []checkpoint.Tensor{
			{Name: "model/conv.weight", Shape: []int{2, 1, 3}, Data: []float32{v, 1, 2, 3, 4, 5}},
			{Name: "model/conv.bias", Shape: []int{2}, Data: []float32{-v, 1e-45}},
			{Name: "optim/m/conv.bias", Shape: []int{2}, Data: []float32{v, float32(math.Inf(-1))}},
			{Name: "importance", Shape: []int{}, Data: []float32{v}},
		},
	}
}

// more is compared as JSON: <, > and & come back escaped.
var more = cmp.Transformer("more", func(m json.RawMessage) (v any) {
	if json.Unmarshal(m, &v) != nil {
		return string(m)
	}
	return v
})

func mustBe(t testing.TB, got, want *checkpoint.Checkpoint) {
	t.Helper()
	if d := cmp.Diff(want, got, more); d != "" {
		t.Fatalf("-want +got %s", d)
	}
}

func save(t testing.TB, dir string, step int64) {
	t.Helper()
	if err := checkpoint.Save(dir, at(step)); err != nil {
		t.Fatal(err)
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := checkpoint.Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: got %v, want that it does not exist", err)
	}
	for step := int64(1); step <= 3; step++ {
		save(t, dir, step)
		c, from, err := checkpoint.Load(dir)
		if err != nil || from.Skipped != nil || from.Path != filepath.Join(dir, checkpoint.Last) {
			t.Fatalf("step %d: %+v, %v", step, from, err)
		}
		mustBe(t, c, at(step))
		names, err := os.ReadDir(dir)
		if err != nil || len(names) != min(int(step), 2) {
			t.Errorf("step %d: the directory has %v, %v", step, names, err)
		}
	}
	c, err := checkpoint.ReadFile(filepath.Join(dir, checkpoint.Previous))
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, c, at(2))
}

func TestSpecialValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	nan := math.Float32frombits(0x7fc12345)
	want := &checkpoint.Checkpoint{Tensors: []checkpoint.Tensor{
		{Name: "a", Shape: []int{3}, Data: []float32{nan, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32}},
		{Name: "none", Shape: []int{0}, Data: []float32{}},
	}}
	if err := checkpoint.WriteFile(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := checkpoint.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range want.Tensors[0].Data {
		if g := got.Tensors[0].Data[i]; math.Float32bits(g) != math.Float32bits(v) {
			t.Errorf("value %d: got %x, want %x", i, math.Float32bits(g), math.Float32bits(v))
		}
	}
	if d := cmp.Diff(checkpoint.State{}, got.State); d != "" {
		t.Errorf("the zero state: -want +got %s", d)
	}
}

func TestSameBytes(t *testing.T) {
	dir := t.TempDir()
	var files [2][]byte
	for i := range files {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := checkpoint.WriteFile(path, at(7)); err != nil {
			t.Fatal(err)
		}
		files[i], _ = os.ReadFile(path)
	}
	if len(files[0]) == 0 || !bytes.Equal(files[0], files[1]) {
		t.Errorf("two files of one checkpoint differ:\n%q\n%q", files[0], files[1])
	}
}

// TestEveryDamage cuts the last checkpoint at every byte and flips a bit of every
// byte: each time the previous one is loaded, and the reason said.
func TestEveryDamage(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1)
	save(t, dir, 2)
	last := filepath.Join(dir, checkpoint.Last)
	whole, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, data []byte) {
		if err := os.WriteFile(last, data, 0o666); err != nil {
			t.Fatal(err)
		}
		c, from, err := checkpoint.Load(dir)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, ok := errors.AsType[*checkpoint.CorruptError](from.Skipped); !ok || from.Path != filepath.Join(dir, checkpoint.Previous) {
			t.Fatalf("%s: from %s, because %v", what, from.Path, from.Skipped)
		}
		mustBe(t, c, at(1))
	}
	for i := range whole {
		check(fmt.Sprintf("cut to %d of %d bytes", i, len(whole)), whole[:i])
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		check(fmt.Sprintf("bit %d of byte %d", i%8, i), flipped)
	}
	check("a byte too many", append(bytes.Clone(whole), 0))
	if err := os.Remove(last); err != nil {
		t.Fatal(err)
	}
	c, from, err := checkpoint.Load(dir)
	if err != nil || !errors.Is(from.Skipped, fs.ErrNotExist) {
		t.Fatalf("last removed: %v, %v", from.Skipped, err)
	}
	mustBe(t, c, at(1))
}

// TestDamageIsNotKept damages the last one and saves: the previous one, whole,
// must not be replaced by it.
func TestDamageIsNotKept(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1)
	save(t, dir, 2)
	if err := os.Truncate(filepath.Join(dir, checkpoint.Last), 50); err != nil {
		t.Fatal(err)
	}
	save(t, dir, 3)
	for name, step := range map[string]int64{checkpoint.Last: 3, checkpoint.Previous: 1} {
		c, err := checkpoint.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		mustBe(t, c, at(step))
	}
}

func TestBothDamaged(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{checkpoint.Last, checkpoint.Previous} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := checkpoint.Load(dir)
	if err == nil || !strings.Contains(err.Error(), checkpoint.Last) || !strings.Contains(err.Error(), checkpoint.Previous) {
		t.Errorf("got %v, want both names in it", err)
	}
}

// TestIntactButNotOurs: what is whole but can't be read must not be taken for
// damage, since the older checkpoint would then win.
func TestIntactButNotOurs(t *testing.T) {
	for _, tc := range []struct {
		name, old, new, want string
	}{
		{"schema", `"lacuna.schema":"1"`, `"lacuna.schema":"2"`, `schema version "2", this program reads 1`},
		{"state", `\"tool\"`, `\"fool\"`, `unknown field "fool"`},
		{"type", `"dtype":"F32","shape":[]`, `"dtype":"I32","shape":[]`, "values of type I32"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			save(t, dir, 1)
			save(t, dir, 2)
			path := filepath.Join(dir, checkpoint.Last)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			forged := bytes.Replace(b, []byte(tc.old), []byte(tc.new), 1)
			if bytes.Equal(forged, b) {
				t.Fatalf("no %s in %q", tc.old, b)
			}
			if err := os.WriteFile(path, checkpoint.Sign(forged), 0o666); err != nil {
				t.Fatal(err)
			}
			c, _, err := checkpoint.Load(dir)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, %v, want %q in the error", c, err, tc.want)
			}
		})
	}
}

func TestSaveErrors(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1)
	bad := at(2)
	bad.Tensors[1].Name = bad.Tensors[0].Name
	if err := checkpoint.Save(dir, bad); err == nil || !strings.Contains(err.Error(), "a second") {
		t.Errorf("two tensors of a name: got %v", err)
	}
	bad = at(2)
	bad.State.More = json.RawMessage("{")
	if err := checkpoint.Save(dir, bad); err == nil || !strings.Contains(err.Error(), "state") {
		t.Errorf("no JSON: got %v", err)
	}
	if err := checkpoint.Save(filepath.Join(dir, "none"), at(2)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: got %v", err)
	}
	c, from, err := checkpoint.Load(dir)
	if err != nil || from.Skipped != nil {
		t.Fatal(from, err)
	}
	mustBe(t, c, at(1))
}

func TestCopy(t *testing.T) {
	tensor := func(name string, v float32, shape ...int) checkpoint.Tensor {
		n := 1
		for _, s := range shape {
			n *= s
		}
		return checkpoint.Tensor{Name: name, Shape: shape, Data: slices.Repeat([]float32{v}, n)}
	}
	for _, tc := range []struct {
		name     string
		dst, src []checkpoint.Tensor
		want     []string // nil: copied
	}{
		{"another order", []checkpoint.Tensor{tensor("a", 0, 2), tensor("b", 0)}, []checkpoint.Tensor{tensor("b", 9), tensor("a", 9, 2)}, nil},
		{"shape", []checkpoint.Tensor{tensor("a", 0, 2, 3), tensor("b", 0)}, []checkpoint.Tensor{tensor("a", 9, 3, 2), tensor("b", 9)},
			[]string{"a is [3 2], want [2 3]"}},
		{"names", []checkpoint.Tensor{tensor("a", 0, 2), tensor("b", 0)}, []checkpoint.Tensor{tensor("b", 9), tensor("c", 9, 4)},
			[]string{"a [2] is missing", "c [4] is not wanted"}},
		{"none", []checkpoint.Tensor{tensor("a", 0, 2)}, nil, []string{"of 0 tensors, 1 wanted"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := checkpoint.Copy(tc.dst, tc.src)
			if (err != nil) != (tc.want != nil) {
				t.Fatalf("got %v", err)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
			value := float32(9)
			if tc.want != nil {
				value = 0
			}
			for _, d := range tc.dst {
				if slices.ContainsFunc(d.Data, func(v float32) bool { return v != value }) {
					t.Errorf("%s: got %v, want %v everywhere", d.Name, d.Data, value)
				}
			}
		})
	}
}

func TestCopyNamesAtMostTen(t *testing.T) {
	var dst []checkpoint.Tensor
	for i := range 25 {
		dst = append(dst, checkpoint.Tensor{Name: fmt.Sprintf("t%02d", i)})
	}
	err := checkpoint.Copy(dst, nil)
	if err == nil || !strings.Contains(err.Error(), "t09") || strings.Contains(err.Error(), "t10") || !strings.Contains(err.Error(), "and 15 more") {
		t.Errorf("got %v", err)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	weights := []checkpoint.Tensor{{Name: "model/bias", Shape: []int{2}, Data: []float32{0.25, 4}}}
	err = checkpoint.Save(dir, &checkpoint.Checkpoint{
		State:   checkpoint.State{Step: 120, Feeds: map[string]checkpoint.Position{"train": {Epoch: 3, Skip: 64}}},
		Tensors: weights,
	})
	if err != nil {
		panic(err)
	}

	clear(weights[0].Data)
	c, from, err := checkpoint.Load(dir)
	if err != nil {
		panic(err)
	}
	if err := checkpoint.Copy(weights, c.Under("model/")); err != nil {
		panic(err)
	}
	fmt.Println(filepath.Base(from.Path), c.State.Step, c.State.Feeds["train"], weights[0].Data)
	// Output: last.safetensors 120 {3 64} [0.25 4]
}
