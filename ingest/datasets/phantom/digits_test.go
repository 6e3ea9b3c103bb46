package phantom_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/datasets/phantom"
	"github.com/lacuna-ml/lacuna/ingest/idx"
	"github.com/lacuna-ml/lacuna/ingest/wav"
)

func readClip(t *testing.T, dir, name string) *wav.Clip {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "recordings", name))
	if err != nil {
		t.Fatal(err)
	}
	c, err := wav.Decode(bytes.NewReader(b), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func readMNIST(t *testing.T, dir, set string) (*idx.Images, []uint8) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "mnist", set+"-images-idx3-ubyte.gz"))
	if err != nil {
		t.Fatal(err)
	}
	images, err := idx.DecodeImages(bytes.NewReader(raw), 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = os.ReadFile(filepath.Join(dir, "mnist", set+"-labels-idx1-ubyte.gz")); err != nil {
		t.Fatal(err)
	}
	labels, err := idx.DecodeLabels(bytes.NewReader(raw), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return images, labels
}

func TestFilesAreThoseOfFSDDAndMNIST(t *testing.T) {
	dir := writeDigits(t, t.TempDir(), phantom.DigitOptions{Speakers: 7, PerDigit: 2})
	files := sums(t, dir)
	if len(files) != 7*10*2+4 {
		t.Errorf("got %d files, want 140 clips and 4 of MNIST", len(files))
	}
	for name := range files {
		base, ok := strings.CutPrefix(name, "recordings/")
		if !ok {
			continue
		}
		h := readClip(t, dir, base).Header
		if h.RateHz != 8000 || h.Channels != 1 || h.Bits != 16 || h.Frames < 2400 || h.Frames > 4800 {
			t.Errorf("%s: %+v, want 8 kHz, mono, 16 bit, 0.3 to 0.6 s", name, *h)
		}
	}
	for _, name := range []string{"0_jackson_0.wav", "9_theo_1.wav", "5_yweweler_0.wav", "5_phantom07_1.wav"} {
		if _, ok := files["recordings/"+name]; !ok {
			t.Errorf("there is no %s", name)
		}
	}
	for set, perDigit := range map[string]int{"train": 105, "t10k": 45} {
		images, labels := readMNIST(t, dir, set)
		var count [10]int
		for _, l := range labels {
			count[l]++
		}
		for d, n := range count {
			if n != perDigit {
				t.Errorf("%s: %d images of %d, want %d", set, n, d, perDigit)
			}
		}
		if err := images.CheckLabels(labels); err != nil || images.Rows != 28 || images.Cols != 28 {
			t.Errorf("%s: %d x %d, labels: %v", set, images.Rows, images.Cols, err)
		}
	}
}

// TestThereIsAnImageForEachClip, and as the files grow their beginnings stay.
func TestThereIsAnImageForEachClip(t *testing.T) {
	few, fewLabels := readMNIST(t, writeDigits(t, t.TempDir(), phantom.DigitOptions{Speakers: 1, PerDigit: 1}), "train")
	many, manyLabels := readMNIST(t, writeDigits(t, t.TempDir(), phantom.DigitOptions{Speakers: 11, PerDigit: 10}), "train")
	if many.N != 10*11*10 {
		t.Errorf("got %d train images for 1100 clips", many.N)
	}
	if !bytes.Equal(few.Pixels, many.Pixels[:len(few.Pixels)]) || !bytes.Equal(fewLabels, manyLabels[:few.N]) {
		t.Errorf("the first %d of %d images or labels differ", few.N, many.N)
	}
}

// example is something to classify, from what a nearest centroid can see of it.
type example struct {
	class    int
	features []float64
}

// accuracy is how many of test are nearest to their own class's mean in train.
func accuracy(train, test []example) float64 {
	var centre [10][]float64
	var n [10]float64
	for _, e := range train {
		if centre[e.class] == nil {
			centre[e.class] = make([]float64, len(e.features))
		}
		n[e.class]++
		for i, v := range e.features {
			centre[e.class][i] += v
		}
	}
	right := 0
	for _, e := range test {
		best, at := math.Inf(1), -1
		for c := range centre {
			var d float64
			for i, v := range e.features {
				x := v - centre[c][i]/n[c]
				d += x * x
			}
			if d < best {
				best, at = d, c
			}
		}
		if at == e.class {
			right++
		}
	}
	return float64(right) / float64(len(test))
}

// TestSpokenDigitsDiffer: they can be told apart by crude features, so there is
// something to learn, and not all of them, so there is something left to learn.
func TestSpokenDigitsDiffer(t *testing.T) {
	dir := writeDigits(t, t.TempDir(), phantom.DigitOptions{PerDigit: 10, Seed: 1})
	var train, test, stranger []example
	for d := range 10 {
		for s, who := range []string{"jackson", "nicolas", "theo"} {
			for k := range 10 {
				e := example{d, logMel(readClip(t, dir, fmt.Sprintf("%d_%s_%d.wav", d, who, k)).Data)}
				switch {
				case s == 2:
					stranger = append(stranger, e)
				case k < 5:
					train = append(train, e)
				default:
					test = append(test, e)
				}
			}
		}
	}
	known, unknown := accuracy(train, test), accuracy(train, stranger)
	t.Logf("nearest centroid: %.2f of known speakers, %.2f of a new one", known, unknown)
	if known < 0.6 || known > 0.97 {
		t.Errorf("%.2f of clips are told, want 0.6 to 0.97; of the real clips it is 0.75", known)
	}
	if unknown < 0.5 {
		t.Errorf("%.2f of a new speaker's clips are told, want at least 0.5; of the real ones it is 0.83", unknown)
	}
}

// logMel returns 10 frames, spread evenly over the clip, of 16 log energies:
// a plain discrete Fourier transform, summed by mel.
func logMel(clip []float32) []float64 {
	const frames, bands, win = 10, 16, 256
	var sin, cos, hann [win]float64
	for i := range win {
		sin[i], cos[i] = math.Sincos(2 * math.Pi * float64(i) / win)
		hann[i] = 0.5 - 0.5*cos[i]
	}
	var out []float64
	var mean float64
	for f := range frames {
		start := f * (len(clip) - win) / (frames - 1)
		var energy [bands]float64
		for k := 1; k < win/2; k++ {
			var re, im float64
			for i, v := range clip[start : start+win] {
				w := hann[i] * float64(v)
				re, im = re+w*cos[k*i%win], im+w*sin[k*i%win]
			}
			mel := math.Log10(1+float64(k)*8000/win/700) / math.Log10(1+4000.0/700)
			energy[min(int(mel*bands), bands-1)] += re*re + im*im
		}
		for _, e := range energy {
			out = append(out, math.Log(e+1e-6))
			mean += out[len(out)-1] / (frames * bands)
		}
	}
	for i := range out {
		out[i] -= mean // loudness is no digit
	}
	return out
}

func TestDrawnDigitsDiffer(t *testing.T) {
	dir := writeDigits(t, t.TempDir(), phantom.DigitOptions{Speakers: 1, PerDigit: 1, Seed: 2})
	examples := func(set string) (list []example) {
		images, labels := readMNIST(t, dir, set)
		seen := map[string]bool{}
		for i, l := range labels {
			p := images.Image(i)
			if seen[string(p)] {
				t.Errorf("%s: image %d is drawn twice", set, i)
			}
			seen[string(p)] = true
			e := example{int(l), make([]float64, len(p))}
			ink := 0
			for k, v := range p {
				e.features[k] = float64(v)
				if v > 127 {
					ink++
				}
				if x, y := k%28, k/28; v > 0 && (x == 0 || y == 0 || x == 27 || y == 27) {
					t.Fatalf("%s: image %d has ink at the border (%d, %d)", set, i, x, y)
				}
			}
			if ink < 20 || ink > 250 {
				t.Errorf("%s: image %d of %d has %d pixels of ink, want 20 to 250", set, i, l, ink)
			}
			list = append(list, e)
		}
		return list
	}
	got := accuracy(examples("train"), examples("t10k"))
	t.Logf("nearest centroid: %.2f", got)
	if got < 0.7 || got == 1 { // MNIST itself: 0.82
		t.Errorf("%.2f of images are told, want 0.7 to less than 1", got)
	}
}
