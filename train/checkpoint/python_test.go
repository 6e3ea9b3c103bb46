package checkpoint_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/train/checkpoint"
)

// TestPython has the real safetensors read a checkpoint. It is skipped where
// LACUNA_PYTHON names no interpreter, or fails where LACUNA_FORBID_SKIP is 1.
func TestPython(t *testing.T) {
	python := os.Getenv("LACUNA_PYTHON")
	if python == "" {
		if os.Getenv("LACUNA_FORBID_SKIP") == "1" {
			t.Fatal("LACUNA_PYTHON is unset, and LACUNA_FORBID_SKIP=1")
		}
		t.Skip("LACUNA_PYTHON is unset: it names a Python with safetensors and numpy")
	}
	path := filepath.Join(t.TempDir(), "c.safetensors")
	want := at(7)
	if err := checkpoint.WriteFile(path, want); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "../../bench/read_checkpoint.py", path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Sum     bool
		State   checkpoint.State
		Tensors map[string]struct {
			DType, Bytes string
			Shape        []int
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if !got.Sum {
		t.Error("hashlib finds another sum")
	}
	mustBe(t, &checkpoint.Checkpoint{State: got.State}, &checkpoint.Checkpoint{State: want.State})
	if len(got.Tensors) != len(want.Tensors) {
		t.Errorf("got %d tensors, want %d", len(got.Tensors), len(want.Tensors))
	}
	for _, w := range want.Tensors {
		var b []byte
		for _, v := range w.Data {
			b, _ = binary.Append(b, binary.LittleEndian, v)
		}
		g := got.Tensors[w.Name]
		if g.DType != "float32" || !slices.Equal(g.Shape, w.Shape) || g.Bytes != hex.EncodeToString(b) {
			t.Errorf("%s: got %+v, want %v %x", w.Name, g, w.Shape, b)
		}
	}
}
