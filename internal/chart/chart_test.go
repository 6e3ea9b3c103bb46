package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/internal/chart"
)

func curve(name string, n int, f func(x float64) float64) chart.Series {
	s := chart.Series{Name: name}
	for i := range n {
		s.X = append(s.X, float64(10*i))
		s.Y = append(s.Y, f(float64(i)/float64(n)))
	}
	return s
}

// samples has each kind of chart, with what is hard to place.
func samples() map[string]chart.Chart {
	nan := math.NaN()
	fall := func(x float64) float64 { return 2*math.Exp(-5*x) + 0.1*math.Sin(700*x) }
	lines := chart.Lines{Title: "Loss", X: "step", Y: "loss", Smooth: 20, Series: []chart.Series{curve("total", 2000, fall), curve("val", 40, fall)}}
	var many []chart.Series
	for i := range 14 {
		many = append(many, curve(fmt.Sprintf("series of a rather long name %d", i), 30, func(x float64) float64 { return x * float64(i) }))
	}
	labels := strings.Fields("flair t1 t1ce t2 flair+t1 flair+t1ce flair+t2 t1+t1ce t1+t2 t1ce+t2 flair+t1+t1ce flair+t1+t2 flair+t1ce+t2 t1+t1ce+t2 flair+t1+t1ce+t2")
	values := slices.Repeat([]float64{70, 75, 65}, 5)
	shift := func(by float64) (out []float64) {
		for _, v := range values {
			out = append(out, v+by)
		}
		return out
	}
	matrix := chart.Matrix{Title: "Confusion", X: "predicted", Y: "true", Rows: []string{"a", "b"}, Columns: []string{"a", "b"}, Values: [][]float64{{40, 5}, {0, 45}}, ByRow: true}
	return map[string]chart.Chart{
		"lines":    lines,
		"log":      chart.Lines{Title: "Rate", LogX: true, LogY: true, Series: []chart.Series{{Y: []float64{0, 1e-3, 1e-5, nan, 1e-2, -1}}}},
		"many":     chart.Lines{Title: strings.Repeat("a very long title ", 9), Series: many, Height: 200},
		"no value": chart.Lines{Title: "Nothing", X: "step", Y: "loss", Series: []chart.Series{{Name: "a", Y: []float64{nan}}}},
		"one":      chart.Lines{Series: []chart.Series{{Name: "a", Y: []float64{3}}}},
		"wide":     chart.Lines{Series: []chart.Series{{Y: []float64{-1.5e12, 123456789, 1e12}, X: []float64{0, 1e15, 3e15}}}},
		"band":     chart.Lines{Series: []chart.Series{{Name: "a", Y: []float64{1, 2, 3}, Low: []float64{0, nan, 2}, High: []float64{2, 3, 4}}}},
		"bars":     chart.Bars{Title: "Accuracy", Y: "%", Labels: []string{"image", "audio"}, Series: []chart.Series{{Name: "a", Y: []float64{90, -80}, Low: []float64{85, -85}, High: []float64{95, -70}}, {Name: "b", Y: []float64{nan, 0}}}},
		"points":   chart.Bars{Title: "Dice", Points: true, Labels: labels, Series: []chart.Series{{Name: "a", Y: values, Low: shift(-3), High: shift(3)}, {Name: "b", Y: shift(5)}}},
		"crowd":    chart.Bars{Labels: slices.Repeat([]string{"label"}, 300), Series: []chart.Series{{Y: make([]float64, 300)}}},
		"matrix":   matrix,
		"signed":   chart.Matrix{Title: "A title that is wider than its few cells are", Rows: labels[:2], Columns: labels[10:], Values: [][]float64{{1, -2, nan, 0, 4.25}, {math.Inf(1), 0.5, 0, 0, -4}}, Decimals: 2, Width: 300},
		"large":    chart.Matrix{Rows: slices.Repeat([]string{"row"}, 60), Columns: slices.Repeat([]string{"column"}, 60), Values: slices.Repeat([][]float64{slices.Repeat([]float64{1, 2, 3, 4}, 15)}, 60)},
		"grid":     chart.Grid{Charts: []chart.Chart{lines, matrix, lines}},
	}
}

func draw(t testing.TB, c chart.Chart) (svg, file []byte) {
	t.Helper()
	var s, p bytes.Buffer
	if err := errors.Join(chart.SVG(&s, c), chart.PNG(&p, c, 1)); err != nil {
		t.Fatal(err)
	}
	return s.Bytes(), p.Bytes()
}

func decode(t testing.TB, file []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestSamples: SVG that a reader of XML takes, the same twice, and nothing
// painted at the very edge, where it would be cut.
func TestSamples(t *testing.T) {
	for name, c := range samples() {
		t.Run(name, func(t *testing.T) {
			svg, file := draw(t, c)
			svg2, file2 := draw(t, c)
			if !bytes.Equal(svg, svg2) || !bytes.Equal(file, file2) {
				t.Error("another picture the second time")
			}
			d := xml.NewDecoder(bytes.NewReader(svg))
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%v in\n%s", err, svg)
				}
			}
			if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
				t.Errorf("a place that is no number:\n%s", svg)
			}
			if len(svg) > 400_000 {
				t.Errorf("%d bytes", len(svg))
			}
			img := decode(t, file)
			b := img.Bounds()
			for x := range b.Dx() {
				for y := range b.Dy() {
					edge := x == 0 || y == 0 || x == b.Dx()-1 || y == b.Dy()-1
					if edge && img.At(x, y) != color.Color(color.RGBA{255, 255, 255, 255}) {
						t.Fatalf("painted at the edge: %d, %d of %v is %v", x, y, b, img.At(x, y))
					}
				}
			}
		})
	}
}

func TestText(t *testing.T) {
	c := chart.Bars{Title: `a < b & "c"` + "\x01", Labels: []string{"<x>"}, Series: []chart.Series{{Y: []float64{12345}}}}
	svg, _ := draw(t, c)
	for _, want := range []string{"a &lt; b &amp; &quot;c&quot;\ufffd</text>", ">&lt;x&gt;</text>", ">10,000</text>", ">15,000</text>", `role="img" aria-label="a &lt; b`} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
	inline, err := chart.Inline(c)
	if err != nil || strings.Contains(inline, "<style") || !strings.HasPrefix(inline, "<svg ") {
		t.Errorf("inline: %v, %.100s", err, inline)
	}
}

// TestPixels draws a line at a known height and looks for its colour there.
func TestPixels(t *testing.T) {
	c := chart.Lines{Series: []chart.Series{{Y: []float64{0, 10, 10, 10, 0}}}}
	_, file := draw(t, c)
	img := decode(t, file)
	blue := color.RGBA{0x00, 0x72, 0xb2, 255}
	rows := map[int]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if img.At(x, y) == color.Color(blue) {
				rows[y]++
			}
		}
	}
	most := 0
	for y := range rows {
		if rows[y] > rows[most] {
			most = y
		}
	}
	// Two of the four segments are level, in the middle half of some 580 pixels.
	if rows[most] < 270 || rows[most] > 310 || most > 30 {
		t.Errorf("row %d has most blue, %d pixels", most, rows[most])
	}
}

func TestGaps(t *testing.T) {
	nan := math.NaN()
	svg, _ := draw(t, chart.Lines{Series: []chart.Series{{Y: []float64{1, 2, nan, 3, 4, math.Inf(1), 5}}}})
	var line string
	for l := range strings.Lines(string(svg)) {
		if strings.Contains(l, `stroke="#0072b2"`) {
			line = l
		}
	}
	if strings.Count(line, "M") != 2 || strings.Count(line, "L") != 2 {
		t.Errorf("want two lines of two points: %s", line)
	}
	if !strings.Contains(string(svg), `<path fill="#0072b2"`) {
		t.Error("no dot for the point that stands alone")
	}
}

func TestErrors(t *testing.T) {
	two := []float64{1, 2}
	for _, tc := range []struct {
		name, want string
		chart      chart.Chart
	}{
		{"no series", "no series", chart.Lines{Title: "t"}},
		{"places", `"t": series "s": 2 values, 1 places`, chart.Lines{Title: "t", Series: []chart.Series{{Name: "s", X: two[:1], Y: two}}}},
		{"one end", "one end", chart.Lines{Series: []chart.Series{{Y: two, Low: two}}}},
		{"lower ends", "1 lower ends", chart.Lines{Series: []chart.Series{{Y: two, Low: two[:1], High: two}}}},
		{"small", "100 x 360 pixels", chart.Lines{Width: 100, Series: []chart.Series{{Y: two}}}},
		{"no bars", "no bars", chart.Bars{}},
		{"values", "2 values, want 1", chart.Bars{Labels: []string{"a"}, Series: []chart.Series{{Y: two}}}},
		{"X of bars", "have no X", chart.Bars{Labels: []string{"a", "b"}, Series: []chart.Series{{Y: two, X: two}}}},
		{"rows", "1 rows of values for 2 x 2 labels", chart.Matrix{Rows: []string{"a", "b"}, Columns: []string{"a", "b"}, Values: [][]float64{two}}},
		{"ragged", "row 1 has 1 values", chart.Matrix{Rows: []string{"a", "b"}, Columns: []string{"a", "b"}, Values: [][]float64{two, two[:1]}}},
		{"too many columns", "too many", chart.Matrix{Rows: []string{"a"}, Columns: make([]string, 500), Values: [][]float64{make([]float64, 500)}}},
		{"empty grid", "no charts", chart.Grid{}},
		{"in a grid", "no bars", chart.Grid{Charts: []chart.Chart{chart.Bars{}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := chart.SVG(io.Discard, tc.chart); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
			if err := chart.PNG(io.Discard, tc.chart, 1); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("PNG: got %v, want %q in it", err, tc.want)
			}
		})
	}
	if err := chart.PNG(io.Discard, samples()["one"], 0); err == nil {
		t.Error("density 0")
	}
}

func TestTicks(t *testing.T) {
	for _, tc := range []struct {
		name   string
		lo, hi float64
		log    bool
		want   string
	}{
		{"unit", 0, 1, false, "0 0.2 0.4 0.6 0.8 1.0"},
		{"across 0", -0.3, 0.42, false, "−0.4 −0.2 0 0.2 0.4 0.6"},
		{"thousands", 0, 19000, false, "0 5,000 10,000 15,000 20,000"},
		{"millions", 0, 4e7, false, "0 1e7 2e7 3e7 4e7"},
		{"small", 0, 4e-5, false, "0 1e-5 2e-5 3e-5 4e-5"},
		{"far from 0", 1e9, 1e9 + 4, false, "1.000000000e9 1.000000001e9 1.000000002e9 1.000000003e9 1.000000004e9"},
		{"one value", 7, 7, false, "6.0 6.5 7.0 7.5 8.0"},
		{"none", math.NaN(), math.NaN(), false, "0 0.2 0.4 0.6 0.8 1.0"},
		{"decades", 2e-4, 300, true, "0.01 1 100"},
		{"two decades", 0.02, 1.5, true, "0.02 0.05 0.1 0.2 0.5 1"},
		{"less than a decade", 3, 4, true, "2 5"},
		{"not above 0", -1, 0, true, "0.1 0.2 0.5 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			texts, _, _, _ := chart.Ticks(tc.lo, tc.hi, tc.log, 5)
			if got := strings.Join(texts, " "); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestStepsAreWhole: between them nothing is marked.
func TestStepsAreWhole(t *testing.T) {
	for _, xs := range [][]float64{{1}, {1, 2}, {1, 2, 3, 4}, {0, 7}, {1, 1680}, {99_999, 100_001}} {
		y := make([]float64, len(xs))
		for _, w := range []int{300, 640, 1200} {
			var b bytes.Buffer
			if err := chart.SVG(&b, chart.Lines{Series: []chart.Series{{X: xs, Y: y}}, Width: w}); err != nil {
				t.Fatal(err)
			}
			marks := regexp.MustCompile(`text-anchor="middle"[^>]*>([^<]*)<`).FindAllStringSubmatch(b.String(), -1)
			if len(marks) == 0 {
				t.Errorf("%v at %d pixels: marks %q", xs, w, marks)
			}
			for _, m := range marks {
				if strings.Contains(m[1], ".") {
					t.Errorf("%v at %d pixels: %s is marked", xs, w, m[1])
				}
			}
		}
	}
}

// TestTicksOfAnything: they rise, have texts that differ, are few, and lie in a
// span that holds the values.
func TestTicksOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := rapid.Bool().Draw(t, "log")
		n := rapid.IntRange(1, 12).Draw(t, "n")
		value := rapid.OneOf(rapid.Float64(), rapid.Float64Range(-10, 10), rapid.Float64Range(1, 1.0000001))
		a, b := value.Draw(t, "a"), value.Draw(t, "b")
		texts, at, lo, hi := chart.Ticks(a, b, log, n)
		if len(at) == 0 || len(at) > 3*n+4 || !slices.IsSorted(at) || !(lo < hi) {
			t.Fatalf("ticks %v of %v to %v", at, lo, hi)
		}
		if len(slices.Compact(slices.Clone(texts))) != len(texts) {
			t.Fatalf("two of %q are one", texts)
		}
		for _, v := range []float64{a, b} {
			shown := math.Abs(v) < 1e300 && (v > 1e-300 || !log)
			if slack := 1e-6 * (hi - lo); shown && (v < lo-slack || v > hi+slack) {
				t.Fatalf("%v is not in %v to %v", v, lo, hi)
			}
		}
	})
}

// TestAnyValues draws whatever values: no panic, and no place that is no number.
func TestAnyValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64(), 1, 20).Draw(t, "values")
		labels := make([]string, len(values))
		for _, c := range []chart.Chart{
			chart.Lines{Series: []chart.Series{{Y: values, Low: values, High: values}}, Smooth: 3},
			chart.Lines{Series: []chart.Series{{X: values, Y: values}}, LogX: true, LogY: true},
			chart.Bars{Labels: labels, Series: []chart.Series{{Y: values}}, Points: rapid.Bool().Draw(t, "points")},
			chart.Matrix{Rows: labels[:1], Columns: labels, Values: [][]float64{values}},
		} {
			svg, err := chart.Inline(c)
			if err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{"NaN ", "Inf", "M-", "L-", " -"} {
				if strings.Contains(svg, bad) {
					t.Fatalf("%q in\n%s", bad, svg)
				}
			}
		}
	})
}

func TestThin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ys := rapid.SliceOfN(rapid.Float64Range(0, 100), 1, 300).Draw(t, "y")
		step := rapid.Float64Range(0.01, 3).Draw(t, "step")
		var line []chart.Point
		columns := map[float64][]float64{}
		for i, y := range ys {
			x := float64(i) * step
			line = append(line, chart.At(x, y))
			columns[math.Floor(x)] = append(columns[math.Floor(x)], y)
		}
		kept := map[float64][]float64{}
		for _, p := range chart.Thin(line) {
			x, y := chart.XY(p)
			kept[math.Floor(x)] = append(kept[math.Floor(x)], y)
		}
		for x, want := range columns {
			got := kept[x]
			if len(got) == 0 || len(got) > 4 || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] ||
				slices.Min(got) != slices.Min(want) || slices.Max(got) != slices.Max(want) {
				t.Fatalf("column %v: kept %v of %v", x, got, want)
			}
		}
	})
}

func TestMeans(t *testing.T) {
	nan := math.NaN()
	got := chart.Means(chart.Series{Y: []float64{2, 4, nan, 9, math.Inf(1), 3}}, 3)
	want := []float64{2, 3, nan, 6.5, math.Inf(1), 6}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("-want +got %s", d)
	}
	got = chart.Means(chart.Series{Y: []float64{1, 1e30, 2, 4}}, 2)
	if d := cmp.Diff([]float64{1, 5e29, 5e29, 3}, got); d != "" {
		t.Errorf("behind a spike: -want +got %s", d)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := chart.Series{X: rapid.SliceOfN(rapid.Float64Range(0, 50), 1, 60).Draw(t, "x")}
		slices.Sort(s.X)
		for range s.X {
			s.Y = append(s.Y, rapid.OneOf(rapid.Float64Range(-1, 1), rapid.Just(nan)).Draw(t, "y"))
		}
		width := rapid.Float64Range(0.1, 60).Draw(t, "width")
		for i, got := range chart.Means(s, width) {
			sum, n := 0.0, 0.0
			for j := range s.X[:i+1] {
				if s.X[j] > s.X[i]-width && !math.IsNaN(s.Y[j]) {
					sum, n = sum+s.Y[j], n+1
				}
			}
			// 1e-12: sums of 60 values below 1, in another order.
			if math.IsNaN(s.Y[i]) != math.IsNaN(got) || math.Abs(got-sum/n) > 1e-12 {
				t.Fatalf("value %d: got %v, want %v", i, got, sum/n)
			}
		}
	})
}

func Example() {
	losses := chart.Lines{
		Title: "Training loss", X: "step", Y: "loss", Smooth: 20,
		Series: []chart.Series{{Name: "total", X: []float64{0, 10, 20}, Y: []float64{2.3, 1.1, 0.7}}},
	}
	svg, err := chart.Inline(losses) // for a page
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Contains(svg, ">Training loss</text>"))

	f, err := os.CreateTemp("", "progress*.png")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := chart.PNG(f, chart.Grid{Charts: []chart.Chart{losses, losses}}, 2); err != nil {
		panic(err)
	}
	if err := f.Close(); err != nil {
		panic(err)
	}
	// Output: true
}
