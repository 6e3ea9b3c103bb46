package metrics_test

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/validate/metrics"
)

func Example() {
	// Two masks of 1 x 2 x 4 voxels, 1 mm apart in a slice.
	grid := metrics.Grid{Shape: [3]int{1, 2, 4}, Spacing: [3]float64{5, 1, 1}}
	truth := []bool{
		true, true, false, false,
		true, true, false, false,
	}
	pred := []bool{
		true, true, true, false,
		true, true, true, false,
	}
	fmt.Printf("Dice %.2f, HD95 %.2f mm\n",
		metrics.Dice(pred, truth, metrics.BraTS), metrics.HD95(pred, truth, grid, metrics.BraTS))

	lo, hi := metrics.Wilson(421, 450, metrics.Z95)
	fmt.Printf("421 of 450: %.2f %% (%.2f to %.2f)\n", 421*100./450, 100*lo, 100*hi)

	// Accuracies of five seeds with and without something.
	with, without := []float64{93.1, 92.9, 93.6, 94.0, 92.7}, []float64{92.4, 92.2, 93.3, 93.1, 92.2}
	fmt.Printf("t-test P = %.4f, Wilcoxon P = %.4f\n", metrics.TTest(with, without).P, metrics.Wilcoxon(with, without).P)
	// Output:
	// Dice 0.80, HD95 1.00 mm
	// 421 of 450: 93.56 % (90.90 to 95.48)
	// t-test P = 0.0037, Wilcoxon P = 0.0625
}
