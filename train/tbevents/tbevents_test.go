package tbevents_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lacuna-ml/lacuna/train/tbevents"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestReference writes the events of bench/golden_tbevents.py and compares with
// what TensorBoard's own writer made of them.
func TestReference(t *testing.T) {
	want, err := os.ReadFile("testdata/reference.tfevents")
	must(t, err)
	var b bytes.Buffer
	w, err := tbevents.NewWriter(&b, noon)
	must(t, err)
	must(t, w.Restart(noon, 300))
	must(t, w.Scalar(noon, 300, "loss/total", 0.125))
	must(t, w.Scalar(noon, 1<<40, "lr ✓", math.Float32frombits(0x7fc00000)))
	must(t, w.Scalar(noon, 1<<40+1, "lr ✓", -math.SmallestNonzeroFloat32))
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("got\n% x\nwant\n% x", b.Bytes(), want)
	}
}

// TestPython has TensorBoard read a run that was stopped and went on. It is
// skipped where LACUNA_PYTHON names no interpreter, or fails where
// LACUNA_FORBID_SKIP is 1.
func TestPython(t *testing.T) {
	python := os.Getenv("LACUNA_PYTHON")
	if python == "" {
		if os.Getenv("LACUNA_FORBID_SKIP") == "1" {
			t.Fatal("LACUNA_PYTHON is unset, and LACUNA_FORBID_SKIP=1")
		}
		t.Skip("LACUNA_PYTHON is unset: it names a Python with tensorboard")
	}
	dir := t.TempDir()
	write := func(start int, f func(*tbevents.Writer)) {
		var b bytes.Buffer
		w, err := tbevents.NewWriter(&b, noon)
		must(t, err)
		f(w)
		// Killed in the middle of a record.
		half := bytes.Clone(b.Bytes())
		must(t, w.Scalar(noon, 99, "loss", 99))
		half = append(half, b.Bytes()[len(half):len(half)+9]...)
		must(t, os.WriteFile(filepath.Join(dir, tbevents.FileName(start)), half, 0o666))
	}
	write(0, func(w *tbevents.Writer) {
		for step := range int64(6) {
			must(t, w.Scalar(noon, step, "loss", float32(step)))
		}
		must(t, w.Scalar(noon, 5, "lr", 0))
	})
	write(1, func(w *tbevents.Writer) {
		must(t, w.Restart(noon.Add(time.Hour), 3))
		must(t, w.Scalar(noon.Add(time.Hour), 3, "loss", -0.5))
	})
	cmd := exec.Command(python, "../../bench/read_tbevents.py", dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	must(t, err)
	var got map[string][][3]float64
	must(t, json.Unmarshal(out, &got))
	const at = 1772366400.25
	want := map[string][][3]float64{
		"loss": {{at, 0, 0}, {at, 1, 1}, {at, 2, 2}, {at + 3600, 3, -0.5}},
		"lr":   {},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got %s", d)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("full")

func TestWriteErrors(t *testing.T) {
	if _, err := tbevents.NewWriter(full{}, noon); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

func Example() {
	var file bytes.Buffer // of the name tbevents.FileName(0), in the run's directory
	w, err := tbevents.NewWriter(&file, noon)
	if err != nil {
		panic(err)
	}
	if err := w.Scalar(noon, 1, "loss/total", 0.5); err != nil {
		panic(err)
	}
	fmt.Println(file.Len(), "bytes")
	// Output: 88 bytes
}
