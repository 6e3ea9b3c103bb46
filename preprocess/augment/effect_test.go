package augment_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess/augment"
)

func wave(data ...float32) *ingest.Sample {
	return &ingest.Sample{Present: 1, RateHz: 8000, Inputs: []ingest.Array{{Shape: []int{len(data)}, Data: data}}}
}

// half, low and high are draws of 0, minus and plus what an option allows.
const (
	low  = 0.0
	half = 0.5
	high = 1 - 1.0/(1<<53)
)

func TestWaveShiftsByWholeSamples(t *testing.T) {
	for _, tc := range []struct {
		name  string
		shift time.Duration
		draw  float64
		want  []float32
	}{
		{"later", 250 * time.Microsecond, high, []float32{0, 0, 1, 2, 3}},
		{"earlier", 250 * time.Microsecond, low, []float32{3, 4, 5, 0, 0}},
		{"out of it", time.Second, high, make([]float32, 5)},
		{"out at the front", time.Second, low, make([]float32, 5)},
	} {
		st, err := augment.Wave(0, augment.WaveOptions{Shift: tc.shift})
		got := apply(t, must(t, st, err), script([]float64{half, tc.draw, half, 0, 0, half}), wave(1, 2, 3, 4, 5))
		if !slices.Equal(got.Inputs[0].Data, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, got.Inputs[0].Data, tc.want)
		}
	}
}

// TestWaveSpeed: a tone that runs faster is a higher tone.
func TestWaveSpeed(t *testing.T) {
	const n, hz = 800, 300.0
	tone := func(hz float64, n int) (v []float32) {
		for i := range n {
			v = append(v, float32(math.Sin(2*math.Pi*hz*float64(i)/8000)))
		}
		return v
	}
	for _, stretch := range []bool{false, true} {
		st, err := augment.Wave(0, augment.WaveOptions{Speed: 0.25, Stretch: stretch})
		got := apply(t, must(t, st, err), script([]float64{high, half, half, 0, 0, half}), wave(tone(hz, n)...)).Inputs[0]
		want := tone(1.25*hz, n*4/5)
		if !stretch {
			want = append(want, make([]float32, n/5)...)
		}
		if len(got.Data) != len(want) || got.Shape[0] != len(want) {
			t.Fatalf("stretch %v: %d samples, want %d", stretch, len(got.Data), len(want))
		}
		// At the ends the cubic reaches over the edge. Inside, at 27 samples a
		// period, it is within 1e-3.
		near(t, "tone", got.Data[2:n*4/5-3], want[2:n*4/5-3], 1e-3)
		if !stretch {
			near(t, "silence", got.Data[n*4/5+1:], want[n*4/5+1:], 0)
		}
	}
}

func power(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum / float64(len(v))
}

func TestWaveLoudness(t *testing.T) {
	in := &ingest.Sample{Present: 1, RateHz: 8000, Inputs: []ingest.Array{noise(1, 20_000)}}
	db := func(o augment.WaveOptions, u ...float64) (out []float32, louder float64) {
		st, err := augment.Wave(0, o)
		must(t, st, err)
		rng := script(append(u, 0.1, 0.2, 0.3))
		if o.Noise.P > 0 {
			rng = seeded(1)
		}
		out = apply(t, st, rng, in).Inputs[0].Data
		return out, 10 * math.Log10(power(out)/power(in.Inputs[0].Data))
	}
	if _, got := db(augment.WaveOptions{GainDB: 6}, half, half, half, 0, 0, high); math.Abs(got-6) > 1e-4 {
		t.Errorf("gain: %.4f dB louder, want 6", got)
	}
	for _, u := range []float64{low, high} { // white noise: 1/sqrt(20,000) is 0.03 dB
		if _, got := db(augment.WaveOptions{Tilt: 0.8}, half, half, u, 0, 0, half); math.Abs(got) > 0.15 {
			t.Errorf("tilt: %.3f dB louder, want 0", got)
		}
	}
	out, _ := db(augment.WaveOptions{Noise: always(10, 10)})
	for i, x := range in.Inputs[0].Data {
		out[i] -= x
	}
	if got := 10 * math.Log10(power(in.Inputs[0].Data)/power(out)); math.Abs(got-10) > 0.2 {
		t.Errorf("noise: %.2f dB below the clip, want 10", got)
	}
	dull, _ := db(augment.WaveOptions{Tilt: 0.8}, half, half, high, 0, 0, half)
	corr := 0.0
	for i := range dull[1:] {
		corr += float64(dull[i]) * float64(dull[i+1])
	}
	if got, want := corr/float64(len(dull))/power(dull), 0.8/(1+0.64); math.Abs(got-want) > 0.03 {
		t.Errorf("tilt 0.8: neighbours correlate by %.3f, want %.3f", got, want)
	}
}

func TestFeatures(t *testing.T) {
	in := []float32{0, 1, 2, 3, 10, 11, 12, 13}
	// Draws: speed, shift, gain, then two runs as IntN takes them.
	for _, tc := range []struct {
		name string
		o    augment.FeatureOptions
		u    []float64
		want []float32
	}{
		{"later, the first held", augment.FeatureOptions{Shift: 1}, []float64{half, high, half, half, half, half, half}, []float32{0, 0, 1, 2, 10, 10, 11, 12}},
		{"earlier by a part", augment.FeatureOptions{Shift: 0.5}, []float64{half, low, half, half, half, half, half}, []float32{0.5, 1.5, 2.5, 3, 10.5, 11.5, 12.5, 13}},
		{"slower", augment.FeatureOptions{Stretch: 0.5}, []float64{low, half, half, half, half, half, half}, []float32{0.75, 1.25, 1.75, 2.25, 10.75, 11.25, 11.75, 12.25}},
		{"later and faster", augment.FeatureOptions{Stretch: 0.5, Shift: 1}, []float64{high, high, half, half, half, half, half}, []float32{0, 0, 0.75, 2.25, 10, 10, 10.75, 12.25}},
		{"louder", augment.FeatureOptions{Gain: 2}, []float64{half, half, high, half, half, half, half}, []float32{2, 3, 4, 5, 10, 11, 12, 13}},
	} {
		st, err := augment.Features(0, tc.o)
		s := &ingest.Sample{Present: 1, Inputs: []ingest.Array{{Shape: []int{2, 4}, Data: in}}}
		near(t, tc.name, apply(t, must(t, st, err), script(tc.u), s).Inputs[0].Data, tc.want, 1e-6)
	}
}

// TestMasksAreRuns: what is masked is a run of whole frames and one of whole
// coefficients, none longer than allowed; every length and place happens.
func TestMasksAreRuns(t *testing.T) {
	const coefs, frames = 5, 7
	st, err := augment.Features(0, augment.FeatureOptions{Frames: 3, Coefs: 2, Fill: -9})
	must(t, st, err)
	ones := ingest.Array{Shape: []int{coefs, frames}, Data: make([]float32, coefs*frames)}
	for i := range ones.Data {
		ones.Data[i] = 1
	}
	rng := seeded(2)
	lengths, first := map[[2]int]int{}, map[int]int{}
	for range 600 {
		out := apply(t, st, rng, &ingest.Sample{Present: 1, Inputs: []ingest.Array{ones}}).Inputs[0].Data
		var rows, cols []int // the wholly masked ones
		for c := range coefs {
			if !slices.Contains(out[c*frames:][:frames], 1) {
				rows = append(rows, c)
			}
		}
		for f := range frames {
			masked := true
			for c := range coefs {
				masked = masked && out[c*frames+f] == -9
			}
			if masked {
				cols = append(cols, f)
			}
		}
		for i, v := range out {
			if want := slices.Contains(rows, i/frames) || slices.Contains(cols, i%frames); want != (v == -9) {
				t.Fatalf("value %d is %v in %v", i, v, out)
			}
		}
		for _, run := range [][]int{rows, cols} {
			if len(run) > 0 && run[len(run)-1]-run[0] != len(run)-1 {
				t.Fatalf("%v is no run", run)
			}
		}
		lengths[[2]int{len(rows), len(cols)}]++
		if len(cols) > 0 {
			first[cols[0]]++
		}
	}
	if len(lengths) != 3*4 || len(first) != frames {
		t.Errorf("lengths %v, first masked frames %v: want each of 12 and of 7", lengths, first)
	}
}

// TestFlipTwiceIsNothing, and so are shifts there and back but for what left.
func TestPlainMovementsMoveValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(name string) int { return rapid.IntRange(1, 6).Draw(t, name) }
		shape := [3]int{n("d"), n("h"), n("w")}
		s := brain(1, 2, shape[0], shape[1], shape[2])
		for i := range s.Target.Data {
			s.Target.Data[i] = uint8(i) + 1
			for m := range s.Inputs {
				s.Inputs[m].Data[i] = float32(1000*m + i + 1)
			}
		}
		flip := [3]float64{}
		var shift, u [3]float64
		for d := range 3 {
			flip[d] = float64(rapid.IntRange(0, 1).Draw(t, "flip"))
			shift[d] = float64(rapid.IntRange(0, 3).Draw(t, "shift"))
			u[d] = rapid.SampledFrom([]float64{low, half, high}).Draw(t, "which way")
		}
		st, err := augment.Volume(augment.VolumeOptions{Geometry: augment.Geometry{Flip: flip, Shift: shift}})
		if err != nil {
			t.Fatal(err)
		}
		script := script([]float64{0, 0, 0, 0, 0, 0, 0.5, u[0], 0, 0.5, u[1], 0, 0.5, u[2], 0})
		out := apply(t, st, script, s)
		for i, l := range out.Target.Data {
			p := [3]int{i / (shape[1] * shape[2]), i / shape[2] % shape[1], i % shape[2]}
			inside := true
			for d := range 3 {
				p[d] -= int(math.Round(shift[d] * (2*u[d] - 1)))
				if flip[d] == 1 {
					p[d] = shape[d] - 1 - p[d]
				}
				inside = inside && p[d] >= 0 && p[d] < shape[d]
			}
			want := uint8(0)
			if inside {
				want = uint8((p[0]*shape[1]+p[1])*shape[2]+p[2]) + 1
			}
			if l != want {
				t.Fatalf("flip %v, shift %v: label at %d is %d, want %d", flip, shift, i, l, want)
			}
			for m := range out.Inputs {
				v := float32(0)
				if want > 0 {
					v = float32(1000*m) + float32(want)
				}
				if out.Inputs[m].Data[i] != v {
					t.Fatalf("modality %d at %d is %v, want %v", m, i, out.Inputs[m].Data[i], v)
				}
			}
		}
	})
}

// TestLabelsStayWithTheirImage: after any movement a voxel whose label's image
// says nothing but that label has it.
func TestLabelsStayWithTheirImage(t *testing.T) {
	st, err := augment.Volume(augment.VolumeOptions{Geometry: augment.Geometry{
		Size: [3]int{12, 11, 10}, Flip: [3]float64{0.5, 0.5, 0.5}, Zoom: always(0.7, 1.6), Rotate: always(-30, 30), Shift: [3]float64{2, 2, 2},
	}})
	must(t, st, err)
	s := brain(1, 1, 14, 13, 12)
	s.Affine[0][0], s.Location.Volume = 1, [3]int{14, 13, 12}
	for i := range s.Target.Data {
		s.Target.Data[i] = uint8(i / 4 % 3)
		s.Inputs[0].Data[i] = float32(s.Target.Data[i])
	}
	rng, sure, unsure := seeded(3), 0, 0
	for range 30 {
		out := apply(t, st, rng, s)
		if out.Affine != [4][4]float64{} || out.Location != (ingest.Location{}) {
			t.Fatalf("it says to be at %v of %v", out.Affine, out.Location)
		}
		for i, v := range out.Inputs[0].Data {
			// The nearest voxel has at least (1/2)^3 of the weight.
			if d := math.Abs(float64(v) - float64(out.Target.Data[i])); d > 2*(1-1.0/8)+1e-6 {
				t.Fatalf("voxel %d is %v with label %d", i, v, out.Target.Data[i])
			} else if d < 1e-5 {
				sure++
			} else {
				unsure++
			}
		}
	}
	if sure < unsure/4 {
		t.Errorf("%d voxels have their label's value, %d a mixture", sure, unsure)
	}
}

// TestBoxesAreCutEverywhere: a box smaller than the volume takes every place it
// can, and a larger one has the volume in its middle.
func TestBoxesAreCutEverywhere(t *testing.T) {
	in := ingest.Array{Shape: []int{1, 1, 5}, Data: []float32{1, 2, 3, 4, 5}}
	cut := func(w int, zoom augment.Draw) map[float32]int {
		st, err := augment.Volume(augment.VolumeOptions{Geometry: augment.Geometry{Size: [3]int{1, 1, w}, Zoom: zoom}, Air: []float32{-1}})
		must(t, st, err)
		first, rng := map[float32]int{}, seeded(1)
		for range 300 {
			first[apply(t, st, rng, &ingest.Sample{Present: 1, Inputs: []ingest.Array{in}}).Inputs[0].Data[0]]++
		}
		return first
	}
	if got := cut(3, augment.Draw{}); len(got) != 3 || got[1] < 60 || got[2] < 60 || got[3] < 60 {
		t.Errorf("first voxels of boxes of 3 of 5: %v, want 1, 2, 3 about equally", got)
	}
	if got := cut(7, augment.Draw{}); got[-1] != 300 {
		t.Errorf("first voxels of boxes of 7 of 5: %v, want air", got)
	}
	low, high := float32(9), float32(0)
	for v := range cut(4, always(2, 2)) { // 1.5 voxels from middle to middle, of 4
		low, high = min(low, v), max(high, v)
	}
	if low < 1 || low > 1.05 || high < 3.45 || high > 3.5 {
		t.Errorf("boxes of 4 at zoom 2 begin with %v to %v, want 1 to 3.5", low, high)
	}
}

// TestAirIsLeftAlone by intensities, and is what lies around.
func TestAirIsLeftAlone(t *testing.T) {
	all := augment.Intensity{Noise: always(0.1, 0.2), Brightness: always(2, 3), Offset: always(1, 2), Contrast: always(0.5, 0.6), Gamma: always(2, 3)}
	for _, tc := range []struct {
		name  string
		o     augment.VolumeOptions
		given []float32 // Background
		air   float32
	}{
		{"0 by itself", augment.VolumeOptions{}, nil, 0},
		{"the sample's", augment.VolumeOptions{}, []float32{-2}, -2},
		{"the option's", augment.VolumeOptions{Air: []float32{-3}}, []float32{-2}, -3},
	} {
		s := brain(1, 1, 6, 8, 10)
		s.Background = tc.given
		for i, v := range s.Inputs[0].Data {
			if v == 0 {
				s.Inputs[0].Data[i] = tc.air
			}
		}
		tc.o.Intensity = all
		st, err := augment.Volume(tc.o)
		out := apply(t, must(t, st, err), seeded(1), s)
		for i, v := range out.Inputs[0].Data {
			if was := s.Inputs[0].Data[i]; (was == tc.air) != (v == was) {
				t.Fatalf("%s: %v became %v", tc.name, was, v)
			}
		}
		tc.o.Intensity.All = true
		st, err = augment.Volume(tc.o)
		out = apply(t, must(t, st, err), seeded(1), s)
		for i, v := range out.Inputs[0].Data {
			if v == s.Inputs[0].Data[i] {
				t.Fatalf("%s: %v is left alone, of all", tc.name, v)
			}
		}
		tc.o.Intensity = augment.Intensity{}
		for _, g := range []augment.Geometry{{Shift: [3]float64{90, 0, 0}}, {Zoom: always(0.1, 0.1), Shift: [3]float64{90, 0, 0}}} {
			tc.o.Geometry = g
			st, err = augment.Volume(tc.o)
			out = apply(t, must(t, st, err), seeded(1), s)
			for _, v := range out.Inputs[0].Data {
				if v != tc.air {
					t.Fatalf("%s: around it is %v, want %v", tc.name, v, tc.air)
				}
			}
		}
	}
}

func TestNoiseIsAsLoudAsDrawn(t *testing.T) {
	st, err := augment.Volume(augment.VolumeOptions{Intensity: augment.Intensity{Noise: always(0.3, 0.3), All: true}})
	must(t, st, err)
	s := brain(1, 2, 30, 30, 30)
	out := apply(t, st, seeded(1), s)
	var added [2][]float32
	for m := range added {
		for i, v := range out.Inputs[m].Data {
			added[m] = append(added[m], v-s.Inputs[m].Data[i])
		}
		if sd := math.Sqrt(power(added[m])); math.Abs(sd-0.3) > 0.01 { // 0.3/sqrt(2*27,000)
			t.Errorf("modality %d: noise of deviation %.4f, want 0.3", m, sd)
		}
	}
	var both float64
	for i := range added[0] {
		both += float64(added[0][i]) * float64(added[1][i])
	}
	if both /= 0.09 * 27_000; math.Abs(both) > 0.03 {
		t.Errorf("the noise of two modalities correlates by %.3f", both)
	}
}

// TestJointMeansTheSameNumbers.
func TestJointMeansTheSameNumbers(t *testing.T) {
	for _, joint := range []bool{false, true} {
		st, err := augment.Volume(augment.VolumeOptions{Intensity: augment.Intensity{Brightness: always(0.5, 2), Joint: joint}})
		must(t, st, err)
		s := brain(1, 1, 4, 4, 4)
		s.Inputs, s.Present = append(s.Inputs, s.Inputs[0]), 3
		out := apply(t, st, seeded(1), s)
		if same := slices.Equal(out.Inputs[0].Data, out.Inputs[1].Data); same != joint {
			t.Errorf("joint %v: the same values: %v", joint, same)
		}
	}
}

// TestGammaIsThePower: on whole volumes, against math.Pow.
func TestGammaIsThePower(t *testing.T) {
	for _, g := range []float64{0.2, 0.7, 1.5, 5} {
		st, err := augment.Volume(augment.VolumeOptions{Intensity: augment.Intensity{Gamma: always(g, g), All: true}})
		must(t, st, err)
		n := 20_000
		s := &ingest.Sample{Present: 1, Inputs: []ingest.Array{{Shape: []int{20, 20, n / 400}}}}
		var want []float64
		for i := range n { // from 0 to 1, half of it below 1e-6
			x := math.Pow(float64(i)/float64(n-1), 20)
			s.Inputs[0].Data = append(s.Inputs[0].Data, float32(x))
			want = append(want, math.Pow(float64(float32(x)), g))
		}
		out := apply(t, st, seeded(1), s).Inputs[0].Data
		// Mean and deviation are restored: find the line that did it.
		lo, hi := float64(out[0]), float64(out[n-1])
		for i, v := range out {
			if got := (float64(v) - lo) / (hi - lo); math.Abs(got-want[i]) > 2e-6 { // power's 1e-6 and float32's line
				t.Fatalf("gamma %g: %g became %g, want %g", g, s.Inputs[0].Data[i], got, want[i])
			}
		}
		mean := func(v []float32) (m float64) {
			for _, x := range v {
				m += float64(x) / float64(n)
			}
			return m
		}
		a, b := mean(s.Inputs[0].Data), mean(out)
		if va, vb := power(s.Inputs[0].Data)-a*a, power(out)-b*b; math.Abs(a-b) > 1e-6 || math.Abs(va-vb) > 1e-6 {
			t.Errorf("gamma %g: mean %g and variance %g became %g and %g", g, a, va, b, vb)
		}
	}
}

// TestElasticBends: places move by what was asked for, smoothly, each axis by
// itself.
func TestElasticBends(t *testing.T) {
	const n, sd = 64, 2.0
	st, err := augment.Image(0, augment.ImageOptions{Elastic: sd, Knots: 8, Hold: true})
	must(t, st, err)
	// A picture whose value is where it is tells how far it moved.
	var ramps [2]ingest.Array
	for axis := range ramps {
		ramps[axis] = ingest.Array{Shape: []int{n, n}, Data: make([]float32, n*n)}
		for i := range n * n {
			ramps[axis].Data[i] = float32([2]int{i / n, i % n}[axis])
		}
	}
	var sum, steps [2]float64
	var both, count float64
	for seed := range uint64(40) {
		var out [2][]float32
		for axis, ramp := range ramps {
			out[axis] = apply(t, st, seeded(seed), &ingest.Sample{Present: 1, Inputs: []ingest.Array{ramp}}).Inputs[0].Data
		}
		moved := func(axis, i int) float64 { return float64(out[axis][i] - ramps[axis].Data[i]) }
		for y := 10; y < n-10; y++ {
			for i := y*n + 10; i < (y+1)*n-10; i++ {
				for axis := range 2 {
					d, e := moved(axis, i), moved(axis, i+1)
					sum[axis], steps[axis] = sum[axis]+d*d, steps[axis]+(d-e)*(d-e)
				}
				both, count = both+moved(0, i)*moved(1, i), count+1
			}
		}
	}
	for axis := range 2 {
		if got := math.Sqrt(sum[axis] / count); math.Abs(got-sd) > 0.15*sd {
			t.Errorf("axis %d: moved by %.2f pixels, want %g", axis, got, sd)
		}
		if got := math.Sqrt(steps[axis] / count); got > 0.3*sd {
			t.Errorf("axis %d: neighbours move apart by %.2f pixels: not smooth", axis, got)
		}
	}
	if got := both / count / (sd * sd); math.Abs(got) > 0.2 { // some 40 x 25 knots
		t.Errorf("the axes' movements correlate by %.2f", got)
	}
}
