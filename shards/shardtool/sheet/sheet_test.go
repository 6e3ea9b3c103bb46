package sheet_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards/shardtool/sheet"
)

var mri = modality.MustSet("flair", "t1", "t1ce", "t2")

var tumour = []string{"background", "necrotic core", "oedema", "enhancing"}

// lps is the affine of an array whose x, y, z run to left, posterior, superior,
// with the given spacing.
func lps(x, y, z float64) [4][4]float64 {
	return [4][4]float64{{-x, 0, 0, 90}, {0, -y, 0, 110}, {0, 0, z, -70}, {0, 0, 0, 1}}
}

// brain makes a head-like sample of d x h x w: an ellipsoid of grey and white
// matter in four contrasts, dark ventricles, and a tumour of three shells in
// the front (anterior) of the patient's left half.
func brain(d, h, w int, affine [4][4]float64) *ingest.Sample {
	s := &ingest.Sample{
		Key:     ingest.Key{Dataset: "brats", Subject: "Fake_001"},
		Present: mri.Full(), Affine: affine,
		Target: ingest.Labels{Shape: []int{d, h, w}, Data: make([]uint8, d*h*w)},
	}
	for range 4 {
		s.Inputs = append(s.Inputs, ingest.Array{Shape: []int{d, h, w}, Data: make([]float32, d*h*w)})
	}
	part := func(i, n int) float64 { return 2*(float64(i)+0.5)/float64(n) - 1 }
	ball := func(z, y, x, cz, cy, cx, r float64) float64 {
		return math.Sqrt((z-cz)*(z-cz)+(y-cy)*(y-cy)+(x-cx)*(x-cx)) / r
	}
	tissue := [][4]float64{ // flair, t1, t1ce, t2
		{420, 380, 390, 480}, // grey
		{360, 520, 530, 330}, // white
		{90, 150, 150, 900},  // fluid
		{520, 240, 250, 700}, // core
		{800, 330, 330, 820}, // oedema
		{600, 360, 980, 560}, // enhancing
	}
	for i := range s.Target.Data {
		z, y, x := part(i/(h*w), d), part(i/w%h, h), part(i%w, w)
		r := math.Sqrt(z*z/0.72 + y*y/0.8 + x*x/0.56)
		if r >= 1 {
			continue
		}
		kind := 0
		if r+0.06*math.Sin(9*x+7*z)*math.Cos(8*y) < 0.78 {
			kind = 1
		}
		if ball(z, y*0.7, math.Abs(x)*1.3, 0.1, 0.05, 0.2, 1) < 0.16 {
			kind = 2
		}
		switch t := ball(z, y, x, 0.2, -0.35, 0.33, 0.13) + 0.12*math.Sin(11*x)*math.Cos(13*z); {
		case t < 1:
			kind, s.Target.Data[i] = 3, 1
		case t < 1.5:
			kind, s.Target.Data[i] = 5, 3
		case t < 2.4:
			kind, s.Target.Data[i] = 4, 2
		}
		noise := 18 * math.Sin(float64(i)*12.9898) * math.Cos(float64(i)*78.233)
		for m := range s.Inputs {
			s.Inputs[m].Data[i] = float32(tissue[kind][m]*(1+0.08*y) + noise)
		}
	}
	return s
}

// drop takes modality i from s.
func drop(s *ingest.Sample, i int) {
	s.Inputs[i] = ingest.Array{}
	s.Present = s.Present.Without(i)
}

func draw(t testing.TB, s *ingest.Sample, o sheet.Options) *image.RGBA {
	t.Helper()
	img, err := sheet.Draw(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// count returns how many pixels of img within r have the colour, and their mean
// place.
func count(img *image.RGBA, r image.Rectangle, c color.RGBA) (n int, x, y float64) {
	for py := r.Min.Y; py < r.Max.Y; py++ {
		for px := r.Min.X; px < r.Max.X; px++ {
			if img.RGBAAt(px, py) == c {
				n, x, y = n+1, x+float64(px), y+float64(py)
			}
		}
	}
	return n, x / float64(max(n, 1)), y / float64(max(n, 1))
}

// The colours and the layout that the tests rely on: columns of 256 pixels
// begin at 12 and every 268; the first plane begins below four lines.
var (
	coreRed   = color.RGBA{0xd5, 0x5e, 0x00, 0xff}
	oedema    = color.RGBA{0x00, 0xb0, 0x80, 0xff}
	enhancing = color.RGBA{0xf0, 0xe4, 0x42, 0xff}
	hatched   = color.RGBA{0x4c, 0x54, 0x62, 0xff}
	yellow    = color.RGBA{253, 231, 37, 0xff} // the top of the scale
)

// dark returns how many grey pixels of img within r are below a quarter.
func dark(img *image.RGBA, r image.Rectangle) (n int) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if c := img.RGBAAt(x, y); c.R < 64 && c.R == c.G && c.G == c.B {
				n++
			}
		}
	}
	return n
}

func columnOf(i int) image.Rectangle { return image.Rect(12+268*i, 98, 12+268*i+256, 98+256) }

func TestVolumeSheet(t *testing.T) {
	s := brain(60, 64, 64, lps(1, 1, 1))
	drop(s, 2)
	o := sheet.Options{Modalities: mri, Classes: tumour, Note: "train"}
	img := draw(t, s, o)
	if w := img.Rect.Dx(); w != 12+4*268 {
		t.Errorf("sheet is %d wide, want four columns of 256 and gaps of 12", w)
	}
	for i := range 4 {
		for name, c := range map[string]color.RGBA{"core": coreRed, "oedema": oedema, "enhancing": enhancing} {
			n, x, y := count(img, columnOf(i), c)
			if i == 2 {
				if n > 0 {
					t.Errorf("absent column has %d pixels of %s", n, name)
				}
				continue
			}
			if n < 50 {
				t.Errorf("column %d has %d pixels of outline of %s", i, n, name)
			}
			// The tumour is in the patient's left and in front: right and up here.
			at := columnOf(i)
			if cx, cy := float64(at.Min.X+128), float64(at.Min.Y+128); x < cx+20 || y > cy-20 {
				t.Errorf("column %d: %s around %.0f, %.0f; want right and above of %.0f, %.0f", i, name, x, y, cx, cy)
			}
		}
		if i != 2 {
			// The planes below: superior is up, and in the sagittal one anterior is left.
			coronal := image.Rect(12+268*i, 380, 12+268*i+256, 380+240)
			sagittal := coronal.Add(image.Pt(0, 240+26))
			if _, x, y := count(img, coronal, coreRed); x < float64(coronal.Min.X+148) || y > float64(coronal.Min.Y+110) {
				t.Errorf("column %d: core around %.0f, %.0f in the coronal plane %v", i, x, y, coronal)
			}
			if _, x, y := count(img, sagittal, coreRed); x > float64(sagittal.Min.X+108) || y > float64(sagittal.Min.Y+110) {
				t.Errorf("column %d: core around %.0f, %.0f in the sagittal plane %v", i, x, y, sagittal)
			}
		}
		if n, _, _ := count(img, columnOf(i), hatched); (n > 1000) != (i == 2) {
			t.Errorf("column %d has %d pixels of hatching", i, n)
		}
	}
	o.NoOverlay = true
	bare := draw(t, s, o)
	for i := range 4 {
		if n, _, _ := count(bare, columnOf(i), oedema); n > 0 {
			t.Errorf("column %d: %d pixels of overlay that was to be left out", i, n)
		}
	}
	if n, _, _ := count(bare, bare.Rect, oedema); n == 0 {
		t.Error("the legend went with the overlay")
	}
}

// The same head stored in any of the 48 orientations gives the same picture:
// only the three captions, which count along the stored axes, may differ.
func TestOrientationsLookTheSame(t *testing.T) {
	want := brain(22, 26, 24, lps(1, 1.5, 2))
	want.Inputs, want.Present = want.Inputs[:1], 1
	o := sheet.Options{Modalities: modality.MustSet("flair"), Classes: tumour}
	first := draw(t, want, o)
	for _, p := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for flips := range 8 {
			img := draw(t, reorient(want, p, flips), o)
			if img.Rect != first.Rect {
				t.Fatalf("axes %v flips %03b: sheet is %v, want %v", p, flips, img.Rect, first.Rect)
			}
			rows := 0
			for y := range img.Rect.Dy() {
				line := img.Pix[y*img.Stride : (y+1)*img.Stride]
				if string(line) != string(first.Pix[y*first.Stride:(y+1)*first.Stride]) {
					rows++
				}
			}
			if rows > 3*16 {
				t.Errorf("axes %v flips %03b: %d lines of pixels differ, 48 may", p, flips, rows)
			}
		}
	}
}

// reorient stores the volume with new axis k along old axis p[k] (D, H, W),
// reversed where bit k of flips is set, and changes the affine to say so.
func reorient(s *ingest.Sample, p [3]int, flips int) *ingest.Sample {
	old := s.Target.Shape
	shape := []int{old[p[0]], old[p[1]], old[p[2]]}
	out := *s
	out.Affine = [4][4]float64{3: {0, 0, 0, 1}}
	for k := range 3 {
		sign := 1.0
		if flips>>k&1 == 1 {
			sign = -1
		}
		for r := range 3 {
			out.Affine[r][2-k] = sign * s.Affine[r][2-p[k]]
		}
	}
	from := func(i int) int { // index into the old array of element i of the new one
		at := [3]int{i / (shape[1] * shape[2]), i / shape[2] % shape[1], i % shape[2]}
		var was [3]int
		for k := range 3 {
			was[p[k]] = at[k]
			if flips>>k&1 == 1 {
				was[p[k]] = shape[k] - 1 - at[k]
			}
		}
		return (was[0]*old[1]+was[1])*old[2] + was[2]
	}
	out.Inputs = make([]ingest.Array, len(s.Inputs))
	for m, a := range s.Inputs {
		data := make([]float32, len(a.Data))
		for i := range data {
			data[i] = a.Data[from(i)]
		}
		out.Inputs[m] = ingest.Array{Shape: shape, Data: data}
	}
	labels := make([]uint8, len(s.Target.Data))
	for i := range labels {
		labels[i] = s.Target.Data[from(i)]
	}
	out.Target = ingest.Labels{Shape: shape, Data: labels}
	return &out
}

// Voxels twice as thick and half as many make a sheet of the same size.
func TestSpacing(t *testing.T) {
	o := sheet.Options{Modalities: mri, Classes: tumour}
	thin := draw(t, brain(40, 40, 40, lps(1, 1, 1)), o).Rect
	thick := draw(t, brain(20, 40, 40, lps(1, 1, 2)), o).Rect
	flat := draw(t, brain(20, 40, 40, lps(1, 1, 1)), o).Rect
	if thin != thick || flat == thin {
		t.Errorf("thin slices %v, thick %v, fewer thin ones %v; want the first two alike, not the third", thin, thick, flat)
	}
}

// The background is black even where a normalisation made it the mean.
func TestBackgroundIsBlack(t *testing.T) {
	s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: "s"}, Present: 1,
		Inputs: []ingest.Array{{Shape: []int{16, 16, 16}, Data: make([]float32, 4096)}}}
	for i := range s.Inputs[0].Data {
		if z, y, x := i/256-8, i/16%16-8, i%16-8; z*z+y*y+x*x < 30 {
			s.Inputs[0].Data[i] = float32(i%7) - 3
		}
	}
	img := draw(t, s, sheet.Options{Modalities: modality.MustSet("t1")})
	if got, want := img.RGBAAt(columnOf(0).Min.X+2, columnOf(0).Min.Y+2), (color.RGBA{0, 0, 0, 255}); got != want {
		t.Errorf("corner is %v, want %v", got, want)
	}
	var brightest uint8
	for y := columnOf(0).Min.Y + 40; y < columnOf(0).Max.Y-60; y++ { // off the letters and the scale
		for x := columnOf(0).Min.X + 40; x < columnOf(0).Max.X-40; x++ {
			if c := img.RGBAAt(x, y); c.R == c.B {
				brightest = max(brightest, c.R)
			}
		}
	}
	if brightest < 220 { // a pixel lies between voxels, so it need not be white
		t.Errorf("the brightest pixel is %d: the window is wider than the values", brightest)
	}
}

// A coarse scale has values that many voxels share, and so does a clipped
// maximum: neither is background.
func TestCommonValuesAreNotBackground(t *testing.T) {
	for name, value := range map[string]func(i int) float32{
		"coarse": func(i int) float32 {
			return [16]float32{105, 107, 105, 108, 105, 109, 105, 107, 105, 108, 105, 109, 100, 107, 108, 109}[i%16]
		},
		"clipped": func(i int) float32 { return min(float32(i%16)*20, 100) },
	} {
		s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: "s"}, Present: 1,
			Inputs: []ingest.Array{{Shape: []int{16, 16, 16}, Data: make([]float32, 4096)}}}
		for i := range s.Inputs[0].Data {
			s.Inputs[0].Data[i] = value(i)
		}
		img := draw(t, s, sheet.Options{Modalities: modality.MustSet("t1")})
		// Of the coarse columns that of 100 is dark, of the clipped ones the first two.
		if n := dark(img, columnOf(0)); n > 256*256*3/16 {
			t.Errorf("%s: %d of %d pixels are dark", name, n, 256*256)
		}
		if white, _, _ := count(img, columnOf(0), color.RGBA{255, 255, 255, 255}); name == "clipped" && white < 256*256/2 {
			t.Errorf("clipped: %d of %d pixels are white, want 10 of 16 columns", white, 256*256)
		}
	}
}

func digit() *ingest.Sample {
	s := &ingest.Sample{Key: ingest.Key{Dataset: "avdigits", Subject: "3_theo_1"}, Present: 3, Target: ingest.Class(3)}
	ring := ingest.Array{Shape: []int{28, 28}, Data: make([]float32, 784)}
	mfcc := ingest.Array{Shape: []int{20, 20}, Data: make([]float32, 400)}
	for i := range ring.Data {
		if r := math.Hypot(float64(i/28)-13.5, float64(i%28)-13.5); r > 6 && r < 9 {
			ring.Data[i] = 1
		}
	}
	for i := range mfcc.Data {
		if c, f := i/20, i%20; c == 0 && f < 9 {
			mfcc.Data[i] = 500
		} else if f < 9 {
			mfcc.Data[i] = float32(c*f%13) - 6
		}
	}
	s.Inputs = []ingest.Array{ring, mfcc}
	return s
}

func TestImageAndHeatMap(t *testing.T) {
	av := modality.MustSet("image", "audio")
	img := draw(t, digit(), sheet.Options{Modalities: av, Classes: strings.Fields("zero one two three")})
	// The image: 28 pixels of 9.
	left := image.Rect(12, 78, 12+252, 78+252)
	white, x, y := count(img, left, color.RGBA{255, 255, 255, 255})
	if want := 81 * 140; white < want-81*8 || white > want+81*8 || math.Abs(x-137.5) > 1 || math.Abs(y-203.5) > 1 {
		t.Errorf("ring has %d pixels around %.1f, %.1f; want about %d around 137.5, 203.5", white, x, y, want)
	}
	// The heat map: 20 cells of 12 from (326, 86). Row 0, the energy, is at the bottom.
	for f := range 9 {
		if got := img.RGBAAt(326+12*f+6, 86+19*12+6); got != yellow {
			t.Errorf("frame %d of coefficient 0 is %v, want %v at the bottom", f, got, yellow)
		}
	}
	if n, _, _ := count(img, image.Rect(326, 86, 326+240, 86+12), yellow); n > 240*12/2 {
		t.Errorf("%d yellow pixels on top: the map stands on its head", n)
	}
	s := digit()
	drop(s, 1)
	if n, _, _ := count(draw(t, s, sheet.Options{Modalities: av}), image.Rect(264, 0, 700, 400), hatched); n < 1000 {
		t.Errorf("absent sound has %d pixels of hatching", n)
	}
}

// TestTile: a tile is what the sheet has, without what is around it.
func TestTile(t *testing.T) {
	tile := func(s *ingest.Sample, i int, o sheet.Options) *image.RGBA {
		t.Helper()
		img, err := sheet.Tile(s, i, o)
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	o := sheet.Options{Modalities: modality.MustSet("image", "audio")}
	whole := draw(t, digit(), o)
	for i, at := range []image.Point{{12, 78}, {326, 86}} {
		got := tile(digit(), i, o)
		for y := range got.Rect.Dy() {
			for x := range got.Rect.Dx() {
				if got.RGBAAt(x, y) != whole.RGBAAt(at.X+x, at.Y+y) {
					t.Fatalf("input %d: pixel %d, %d differs from the sheet's", i, x, y)
				}
			}
		}
	}
	s := digit()
	drop(s, 1)
	if img := tile(s, 1, o); img.Rect.Dx() == 0 {
		t.Error("no picture of what is absent")
	}
	s = brain(12, 30, 24, lps(1, 1, 1))
	o = sheet.Options{Modalities: mri}
	with := tile(s, 0, o)
	o.NoOverlay = true
	without := tile(s, 0, o)
	if with.Rect != without.Rect || bytes.Equal(with.Pix, without.Pix) {
		t.Errorf("with and without the label map: %v, %v, the same is %v", with.Rect, without.Rect, bytes.Equal(with.Pix, without.Pix))
	}
	if c := sheet.ColourName(3); c != "yellow" {
		t.Errorf("class 3 is %s", c)
	}
}

func TestDrawRefuses(t *testing.T) {
	s := digit()
	if _, err := sheet.Draw(s, sheet.Options{Modalities: mri}); err == nil {
		t.Error("two inputs for four modalities gave no error")
	}
	s.Inputs[0].Data = s.Inputs[0].Data[1:]
	if _, err := sheet.Draw(s, sheet.Options{Modalities: modality.MustSet("image", "audio")}); err == nil {
		t.Error("an array that doesn't fit its shape gave no error")
	}
}

// Whatever a shard holds can be drawn, on a sheet of bounded size.
func TestDrawAnything(t *testing.T) {
	odd := []float32{0, 1, -1, 1e38, -1e38, float32(math.NaN()), float32(math.Inf(1)), 0.5, 1e-40}
	rapid.Check(t, func(t *rapid.T) {
		set := modality.MustSet("a", "b", "c")
		s := &ingest.Sample{Key: ingest.Key{Dataset: "d", Subject: rapid.String().Draw(t, "subject") + "s"}}
		for i := range 3 {
			shape := rapid.SliceOfN(rapid.SampledFrom([]int{1, 2, 3, 7, 19, 40}), 0, 4).Draw(t, "shape")
			if len(shape) == 0 {
				s.Inputs = append(s.Inputs, ingest.Array{})
				continue
			}
			a := ingest.Array{Shape: shape}
			kind := rapid.IntRange(0, 2).Draw(t, "kind")
			a.Data = make([]float32, a.Len())
			for k := range a.Data {
				switch kind {
				case 0:
					a.Data[k] = odd[(k*7+k/11)%len(odd)]
				case 1:
					a.Data[k] = float32(k % 13)
				}
			}
			s.Inputs, s.Present = append(s.Inputs, a), s.Present.With(i)
			if (len(shape) == 3 || kind == 0) && rapid.Bool().Draw(t, "labelled") {
				s.Target = ingest.Labels{Shape: shape, Data: make([]uint8, a.Len())}
				for k := range s.Target.Data {
					s.Target.Data[k] = uint8(k % 37 * 7)
				}
			}
		}
		if rapid.Bool().Draw(t, "other label map") {
			s.Target = ingest.Labels{Shape: []int{2, 3, 4}, Data: make([]uint8, 24)}
		}
		if rapid.Bool().Draw(t, "affine") {
			for r := range 3 {
				for c := range 4 {
					s.Affine[r][c] = rapid.OneOf(rapid.Float64(), rapid.Float64Range(-3, 3),
						rapid.SampledFrom([]float64{0, math.NaN(), math.Inf(-1)})).Draw(t, "affine value")
				}
			}
		}
		img, err := sheet.Draw(s, sheet.Options{Modalities: set, Classes: []string{"x"}})
		if err != nil {
			t.Fatal(err)
		}
		if b := img.Rect; b.Dx() > 2400 || b.Dy() > 2400 {
			t.Fatalf("sheet of %v", b)
		}
	})
}

func ExampleDraw() {
	s := &ingest.Sample{
		Key:     ingest.Key{Dataset: "digits", Subject: "seven"},
		Inputs:  []ingest.Array{{Shape: []int{2, 2}, Data: []float32{0, 1, 1, 0}}, {}},
		Present: 1, // the image, not the sound
		Target:  ingest.Class(0),
	}
	img, err := sheet.Draw(s, sheet.Options{Modalities: modality.MustSet("image", "audio"), Classes: []string{"seven"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(img.Bounds().Size()) // for png.Encode
	// Output: (548,366)
}
