package volume_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess/volume"
)

// golden is an entry of testdata/golden.json, which bench/golden_volume.py
// writes with numpy.
type golden struct {
	Name, Normalisation           string
	Seed                          uint32
	Background, Lo, Span, Divisor int
	Top                           *float64
	Mean, Std                     float64
	Raw                           []float32 // the volume itself, where it is not made by volume; then Values has all
	Values                        []float64
}

func goldens(t *testing.T) (shape [3]int, step int, cases []golden) {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Shape [3]int
		Step  int
		Cases []golden
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Shape, file.Step, file.Cases
}

// volume makes the same volume as volume() of bench/golden_volume.py.
func (g golden) volume(shape [3]int) []float32 {
	if g.Raw != nil {
		return append([]float32(nil), g.Raw...)
	}
	var v []float32
	x := g.Seed
	for z := range shape[0] {
		for y := range shape[1] {
			for c := range shape[2] {
				x = x*1664525 + 1013904223
				r := int(x >> 16)
				far := 0
				for d, p := range [3]int{z, y, c} {
					k := 2*p - shape[d] + 1
					far += k * k * 1000 / (shape[d] * shape[d])
				}
				switch {
				case far >= 700:
					v = append(v, float32(g.Background))
				case r%1000 == 0:
					v = append(v, float32(3*g.Span+r%7)/float32(g.Divisor))
				default:
					v = append(v, float32(g.Lo+r%g.Span)/float32(g.Divisor))
				}
			}
		}
	}
	return v
}

func TestNormalisationsAgreeWithNumpy(t *testing.T) {
	shape, step, cases := goldens(t)
	joint := map[string][]float32{}
	for _, g := range cases {
		if g.Normalisation == "zscore-joint" {
			joint[g.Name] = g.volume(shape)
		}
	}
	for _, g := range cases {
		t.Run(g.Normalisation+" of "+g.Name, func(t *testing.T) {
			shape, step := shape, step
			if g.Raw != nil {
				shape, step = [3]int{1, 1, len(g.Raw)}, 1
			}
			names := []string{g.Name}
			volumes := map[string][]float32{g.Name: g.volume(shape)}
			if g.Normalisation == "zscore-joint" {
				names, volumes = []string{"plain", "negative"}, map[string][]float32{}
				for n, v := range joint {
					volumes[n] = append([]float32(nil), v...)
				}
			}
			s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: "s"}}
			for i, n := range names {
				s.Inputs = append(s.Inputs, ingest.Array{Shape: shape[:], Data: volumes[n]})
				s.Background = append(s.Background, volumes[n][0])
				s.Present = s.Present.With(i)
			}
			st, err := volume.Normalise(g.Normalisation)
			if err != nil {
				t.Fatal(err)
			}
			out := apply(t, s, st)
			if len(out.Warnings) > 0 {
				t.Errorf("warnings: %v", out.Warnings)
			}
			at := 0
			for i, n := range names {
				if n == g.Name {
					at = i
				}
			}
			for i, want := range g.Values {
				// Both round float64 to float32, at most one place apart; values are
				// below 16, where a place is 1e-6.
				if got := float64(out.Inputs[at].Data[i*step]); math.Abs(got-want) > 1e-6 {
					t.Fatalf("voxel %d: got %g, want %g (numpy: top %v, mean %g, std %g)", i*step, got, want, g.Top, g.Mean, g.Std)
				}
			}
		})
	}
}
