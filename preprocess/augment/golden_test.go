package augment_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess/augment"
)

// goldens is testdata/golden.json, which bench/golden_augment.py writes with
// scipy and numpy.
type goldens struct {
	Images []struct {
		golden
		Rotate, Scale, Shift, Shear float64
		Border                      float32
		Hold                        bool
	}
	Movements []struct {
		golden
		Size        [3]int
		Flip, Move  [3]float64
		Zoom        [2]float64
		Rotate      [2]float64
		Air         float32
		Labels, Seg []int
	}
	Intensities []struct {
		golden
		Brightness, Offset, Contrast, Gamma []float64
	}
}

type golden struct {
	Name    string
	Shape   []int
	Draws   []float64
	In, Out []float32
}

func readGoldens(t *testing.T) (g goldens) {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// scripted is a source whose Float64 are the given numbers, in order.
type scripted struct{ left []float64 }

func (s *scripted) Uint64() uint64 {
	u := s.left[0]
	s.left = s.left[1:]
	return uint64(u * (1 << 53))
}

func script(u []float64) *rand.Rand { return rand.New(&scripted{u}) }

// near fails unless got is want but for tol.
func near(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= tol) {
			t.Fatalf("%s: value %d: got %v, want %v", what, i, got[i], want[i])
		}
	}
}

func TestImagesMoveAsSciPyMovesThem(t *testing.T) {
	for _, g := range readGoldens(t).Images {
		t.Run(g.Name, func(t *testing.T) {
			st, err := augment.Image(0, augment.ImageOptions{
				RotateDeg: g.Rotate, Scale: g.Scale, Shift: g.Shift, ShearDeg: g.Shear, Border: g.Border, Hold: g.Hold,
			})
			s := &ingest.Sample{Present: 1, Inputs: []ingest.Array{{Shape: g.Shape, Data: g.In}}}
			out := apply(t, must(t, st, err), script(g.Draws), s)
			// Values up to 1, of which two differences are added: a few places of
			// float32; fractions have 24 bits.
			near(t, g.Name, out.Inputs[0].Data, g.Out, 1e-6)
		})
	}
}

func TestVolumesMoveAsSciPyMovesThem(t *testing.T) {
	for _, g := range readGoldens(t).Movements {
		t.Run(g.Name, func(t *testing.T) {
			st, err := augment.Volume(augment.VolumeOptions{
				Geometry: augment.Geometry{Size: g.Size, Flip: g.Flip, Shift: g.Move, Zoom: always(g.Zoom[0], g.Zoom[1]), Rotate: always(g.Rotate[0], g.Rotate[1])},
				Air:      []float32{g.Air},
			})
			s := &ingest.Sample{Present: 1, Inputs: []ingest.Array{{Shape: g.Shape, Data: g.In}}, Target: ingest.Labels{Shape: g.Shape}}
			for _, l := range g.Labels {
				s.Target.Data = append(s.Target.Data, uint8(l))
			}
			out := apply(t, must(t, st, err), script(g.Draws), s)
			near(t, g.Name, out.Inputs[0].Data, g.Out, 2e-6) // as for images, one axis more
			for i, l := range g.Seg {
				if got := int(out.Target.Data[i]); got != l {
					t.Fatalf("label %d: got %d, want %d", i, got, l)
				}
			}
		})
	}
}

func TestIntensitiesChangeByTheFormulas(t *testing.T) {
	for _, g := range readGoldens(t).Intensities {
		t.Run(g.Name, func(t *testing.T) {
			draw := func(v []float64) augment.Draw {
				if len(v) == 0 {
					return augment.Draw{}
				}
				return always(v[0], v[1])
			}
			st, err := augment.Volume(augment.VolumeOptions{Intensity: augment.Intensity{
				Brightness: draw(g.Brightness), Offset: draw(g.Offset), Contrast: draw(g.Contrast), Gamma: draw(g.Gamma),
			}})
			s := &ingest.Sample{Present: 1, Inputs: []ingest.Array{{Shape: g.Shape, Data: g.In}}}
			// Movement has 15 draws of its own, all off.
			u := append(make([]float64, 15), g.Draws...)
			out := apply(t, must(t, st, err), script(u), s)
			// float32 after every step, values up to 10.
			near(t, g.Name, out.Inputs[0].Data, g.Out, 5e-6)
		})
	}
}
