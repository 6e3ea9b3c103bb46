package metrics

// SurfaceSquares returns the squared distances of HD95 in both directions, in
// the order of the columns D of the grid.
func SurfaceSquares(pred, truth []bool, g Grid) (toTruth, toPred []float64) {
	f := newFaces(pred, truth, g)
	square := make([]float64, len(f.marks))
	return f.squares(onPred, onTruth, square), f.squares(onTruth, onPred, square)
}
