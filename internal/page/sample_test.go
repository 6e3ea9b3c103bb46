package page_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"testing"

	"github.com/lacuna-ml/lacuna/internal/chart"
	"github.com/lacuna-ml/lacuna/internal/page"
)

// square returns a PNG with a pattern.
func square(t testing.TB, side int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			img.SetGray(x, y, color.Gray{uint8(255 * x * y / side / side)})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// report has every block, as a run's report would.
func report(t testing.TB) page.Page {
	var train, val chart.Series
	train.Name, val.Name = "train", "meta-validation (is trained on)"
	for i := range 600 {
		x := float64(i * 5)
		train.X = append(train.X, x)
		train.Y = append(train.Y, 2*math.Exp(-x/700)+0.15+0.08*math.Sin(float64(i*i)))
		if i%20 == 0 {
			val.X = append(val.X, x)
			val.Y = append(val.Y, 1.9*math.Exp(-x/600)+0.3)
		}
	}
	digits := []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
	counts := make([][]float64, len(digits))
	for i := range counts {
		counts[i] = make([]float64, len(digits))
		counts[i][i] = float64(40 + i%4)
		counts[i][(i*7+3)%10] += float64(5 - i%4)
	}
	return page.Page{
		Title:    "avdigits, MCKD, audio at 5 %",
		Subtitle: "Run of 1 March 2026, seed 7, 60 epochs",
		Facts: []page.Fact{
			{"Test accuracy", "93.8 % (91.2 to 95.7)"}, {"Parameters", "412,330"}, {"Steps", "1,740"}, {"Time", "2 min 14 s"},
			{"Device", "cpu, AVX-512, 2 workers"}, {"Data set", "avdigits, paper pairing"}, {"Manifest", "3f9a2c41d0be"}, {"Tool", "lacuna 0.1.0"},
		},
		Sections: []page.Section{
			{"Result", []page.Block{
				page.Text("The last checkpoint is the model. No test item was used for any choice.\n\nIntervals are Wilson's, at 95 %."),
				page.Table{
					Caption: "Accuracy by modalities present, %",
					Head:    []string{"present", "items", "no distillation", "MCKD", "published", "difference", "p"},
					Rows: [][]string{
						{"image", "450", "92.3 ± 0.4", "93.1 ± 0.5", "92.35", "+0.8", "0.021"},
						{"audio", "450", "80.9 ± 1.1", "84.4 ± 0.9", "–", "+3.5", "< 0.001"},
						{"image + audio", "450", "93.6 ± 0.6", "93.8 ± 0.4", "93.81", "+0.2", "0.43"},
					},
					Bold: [][2]int{{0, 3}, {1, 3}, {2, 3}},
				},
				page.Note{Text: "The published lower bound stands on another test set; see the protocol."},
				page.Note{Warning: true, Text: "2 of 900 training pairs were quarantined: george_3_12.wav is silent."},
			}},
			{"Training", []page.Block{
				page.Figure{Chart: chart.Lines{Title: "Loss", X: "step", Y: "cross-entropy", Smooth: 20, Series: []chart.Series{train, val}, Width: 860},
					Caption: "Mean over 20 steps; the faint line is each step."},
				page.Heading("Importance weights"),
				page.Figure{Chart: chart.Bars{Title: "Weights at the end", Labels: []string{"image", "audio"}, Series: []chart.Series{{Y: []float64{0.63, 0.37}}}, Height: 260}},
			}},
			{"Errors", []page.Block{
				page.Figure{Chart: chart.Matrix{Title: "Confusion matrix", X: "predicted", Y: "true", Rows: digits, Columns: digits, Values: counts, ByRow: true}},
				page.Pictures{
					{PNG: square(t, 28), Caption: "3 taken for 8", Width: 112},
					{PNG: square(t, 28), Caption: "9 taken for 4, with a caption that goes on", Width: 112},
					{PNG: square(t, 28), Caption: "<7> & 1", Width: 112},
				},
			}},
			{"How it was made", []page.Block{
				page.Code("lacuna train avdigits --data data/avdigits --rate audio=5 --epochs 60 --seed 7 --alpha 0.1 --out runs/avdigits-mckd-audio05-seed7\nlacuna validate runs/avdigits-mckd-audio05-seed7"),
			}},
		},
		Footer: "Made by lacuna 0.1.0.",
	}
}
